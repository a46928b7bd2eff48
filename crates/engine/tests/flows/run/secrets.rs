//! Secrets that a run is given or reads, and what is left of them in what it tells.

use std::fs;

use flowrun_card::{Secret, Value};
use flowrun_engine::{NullJournal, SecretSource};
use insta::assert_snapshot;

use crate::{
    cards::Log,
    support::{Ran, flow},
};

const TEXT: &str = "c4nary-c4nary";

const FLOW: &str = r#"
flow: f
vars: { once: [1] }
inputs: { pin: { type: secret, description: Of the safe }, does: { type: string, required: false } }
secrets: { key: { file: keys/key.txt }, unset: { env: FLOWRUN_TEST_UNSET } }
cards:
  one:
    card: test.unlock
    with: { key: "{{ secrets.key }}", spare: "{{ inputs.pin }}", does: "{{ inputs.does }}" }
  two:
    for_each: vars.once
    tolerate: all
    card: test.unlock
    with: { key: "{{ inputs.pin }}", does: "{{ inputs.does }}" }
outputs: { one: "{{ cards.one }}", two: "{{ cards.two }}" }
"#;

/// Runs it with the text as its input, as the file and as the other secret.
async fn run(does: &str, log: &Log) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("keys")).unwrap();
    fs::write(folder.path().join("keys/key.txt"), format!("{TEXT}\n")).unwrap();
    let path = folder.path().to_owned();
    let ran = flow(FLOW)
        .with(|run| {
            run.folder(path)
                .input("pin", TEXT)
                .input("does", does)
                .secret("unset", Secret::new(TEXT))
        })
        .try_run(NullJournal, log.clone())
        .await;
    ran.unwrap_or_else(|problems| panic!("{problems}"))
}

#[tokio::test(start_paused = true)]
async fn cards_get_secrets_as_they_are() {
    let log = Log::default();
    let ran = run("open", &log).await;
    assert_snapshot!(ran.end(), @r#"succeeded {"one":true,"two":[false]}"#);
    // Without the line break at the end of the file.
    assert_eq!(log.lines(), ["unlocked with 13 bytes"; 2]);
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_run_tells_has_a_secret() {
    let log = Log::default();
    for does in ["say", "fail", "panic"] {
        let ran = run(does, &log).await;
        let told = format!("{:?} {} {}", ran.report, ran.end(), ran.events());
        assert!(!told.contains(TEXT), "{told}");
    }
    assert_snapshot!(run("say", &log).await.end(), @r#"succeeded {"one":"the key is ***","two":["the key is ***"]}"#);
    let failed = run("fail", &log).await;
    assert_snapshot!(failed.events(), @"
    run of f started
    two loop of 1
    one started test.unlock attempt 1
    two[0] started test.unlock attempt 1
    one failed: failed: one: `***` is wrong (attempts: 1) at 7:3
    two[0] failed: failed: two[0]: `***` is wrong (attempts: 1) at 10:3
    two cancelled
    run failed
    ");
    let error = failed.report.error.unwrap();
    assert_snapshot!(serde_json::to_string(&error).unwrap(), @r#"{"kind":"failed","message":"`***` is wrong","code":"***","card":"one","attempts":1,"context":{"key":"***"},"help":"do not use ***, nor ***"}"#);
    assert_snapshot!(run("panic", &log).await.end(), @"failed unexpected: one: the card panicked (attempts: 1) at 7:3");
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_missing_is_told_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let given = async |secrets: &[(&str, &str)]| {
        let path = folder.path().to_owned();
        let ran = flow(FLOW)
            .with(|run| {
                secrets.iter().fold(run.folder(path), |run, (name, text)| {
                    run.secret(*name, Secret::new(*text))
                })
            })
            .try_run(NullJournal, Log::default())
            .await;
        let told = ran.map_or_else(|problems| problems, |ran| ran.end());
        told.replace(&folder.path().display().to_string(), "FOLDER")
    };
    assert_snapshot!(given(&[("pim", TEXT)]).await, @"
    secret `key`: cannot read `FOLDER/keys/key.txt`: no such file or directory (help: give it with `--secret key=env:VARIABLE` or `--secret key=file:PATH`)
    secret `unset`: the environment variable `FLOWRUN_TEST_UNSET` is not set (help: set it, or give it with `--secret unset=env:VARIABLE` or `--secret unset=file:PATH`)
    secret `pim`: the flow has no such secret, and no such input of type `secret` (help: did you mean `pin`?)
    input `pin`: missing (help: give it with `--secret pin=env:VARIABLE` or `--secret pin=file:PATH`)
    ");
    assert_snapshot!(given(&[("pin", TEXT), ("key", TEXT), ("unset", TEXT)]).await, @r#"succeeded {"one":true,"two":[false]}"#);
}

#[tokio::test]
async fn sources_have_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let read = |content: &[u8]| {
        fs::write(folder.path().join("f"), content).unwrap();
        let read = SecretSource::File("f".into()).read(folder.path());
        let read = read.map(|secret| secret.expose().len());
        read.map_err(|problem| problem.replace(&folder.path().display().to_string(), "FOLDER"))
    };
    let full = "a".repeat(16 << 10);
    assert_eq!(read(full.as_bytes()), Ok(16 << 10));
    assert_eq!(read(format!("{full}\r\n").as_bytes()), Ok(16 << 10));
    assert_eq!(read(b"a\n\n"), Ok(2));
    let refused = |message: &str| Err(format!("the file `FOLDER/f` {message}"));
    assert_eq!(
        read(format!("{full}a\n").as_bytes()),
        refused("is larger than 16 KiB")
    );
    assert_eq!(
        read(format!("{full}aaaaa").as_bytes()),
        refused("is larger than 16 KiB")
    );
    assert_eq!(read(b"\n"), refused("is empty"));
    let message = "cannot read `FOLDER/f`: stream did not contain valid UTF-8";
    assert_eq!(read(b"\xff\xff"), Err(message.to_owned()));

    let source: SecretSource = "env:PATH".parse().unwrap();
    assert_eq!(source, SecretSource::Env("PATH".to_owned()));
    assert!(source.read(folder.path()).is_ok());
    let message = "write where it is read from: `env:VARIABLE` or `file:PATH`";
    for text in ["the-secret", "env:", "file:", "", "cmd:x"] {
        assert_eq!(
            text.parse::<SecretSource>(),
            Err(message.to_owned()),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn short_secrets_and_texts_of_the_command_line_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let engine = flowrun_engine::Engine::builder().build();
    let flow = "flow: f\ninputs: { pin: { type: secret } }\ncards: {}\n";
    let checked = engine.check("f", flow.as_bytes(), &Default::default());
    let plan = checked.into_plan().unwrap();
    let run = |pin: &str| engine.run(&plan, folder.path()).input("pin", pin).start();
    assert_eq!(run("1234").unwrap().short_secrets(), ["pin"]);
    assert!(run(TEXT).unwrap().short_secrets().is_empty());
    assert_snapshot!(run("").unwrap_err(), @"input `pin`: the secret is empty");
    assert_snapshot!(run(&"a".repeat((16 << 10) + 1)).unwrap_err(), @"input `pin`: the secret is larger than 16 KiB");
    let wrong = engine.run(&plan, folder.path()).input("pin", 123_456_i64);
    assert_snapshot!(wrong.start().unwrap_err(), @"input `pin`: expected a secret, found an integer");
    let problem = plan.read_input("pin", TEXT, folder.path()).unwrap_err();
    assert_snapshot!(format!("{problem} (help: {})", problem.help.as_deref().unwrap()), @"input `pin`: a secret is never written on a command line, where other programs can read it (help: give it with `--secret pin=env:VARIABLE` or `--secret pin=file:PATH`)");
    let given = plan.permissions(
        &[("pin".to_owned(), Value::from(TEXT))].into(),
        &flowrun_card::NoConnections,
    );
    assert!(given.unwrap().is_empty());
}
