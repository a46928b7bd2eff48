//! Every card of the catalogue, once well and once into errors, against a server that tells all.

use std::{
    process::{Command, Output},
    sync::Mutex,
};

use flowrun_card::{Entry, Redactor, Registry, Secret};
use flowrun_connections::ConnectionStore;
use flowrun_engine::{CheckOptions, Engine, RunEvent};

use super::{
    canaries::{BASE_KEY, BASE_TOKEN, FLOW_SECRET, INPUT, OF_RUNS, Search},
    common::Folder,
    server::{Mood, Server},
};

/// A call of each card, with secrets where it takes some.
const CARDS: [(&str, &str); 10] = [
    (
        "s3.copy",
        r#"{ source: { bucket: leaks, key: a, sse_customer_key: "{{ secrets.key }}" }, destination: { bucket: leaks, key: b, sse_customer_key: "{{ inputs.pin }}" } }"#,
    ),
    ("s3.create_bucket", "{ bucket: leaks }"),
    ("s3.delete_object", "{ bucket: leaks, key: a }"),
    (
        "s3.download",
        r#"{ bucket: leaks, key: a, to: out/a, sse_customer_key: "{{ secrets.key }}" }"#,
    ),
    (
        "s3.head_object",
        r#"{ bucket: leaks, key: a, sse_customer_key: "{{ inputs.pin }}" }"#,
    ),
    ("s3.list_objects", "{ bucket: leaks }"),
    (
        "s3.put_bucket_versioning",
        "{ bucket: leaks, versioning: Enabled }",
    ),
    (
        "s3.put_object_legal_hold",
        "{ bucket: leaks, key: a, legal_hold: true }",
    ),
    (
        "s3.upload",
        r#"{ bucket: leaks, key: a, text: one, sse_customer_key: "{{ secrets.key }}" }"#,
    ),
    ("s3.upload_folder", "{ folder: files, bucket: leaks }"),
];

pub(super) fn registry() -> Registry {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry).unwrap();
    flowrun_card_s3::register(&mut registry).unwrap();
    registry
}

/// A folder with the flow of a card, and a connection to the server.
fn folder(card: &str, with: &str, server: &Server) -> Folder {
    let folder = Folder::empty();
    let attempts = Server::failures() + 1;
    folder.write(
        "leaks.yaml",
        format!(
            r#"flow: leaks
inputs: {{ pin: {{ type: secret }} }}
secrets: {{ key: {{ env: SSE_KEY }} }}
connections: {{ role: role }}
cards:
  one: {{ card: {card}, connection: role, retry: {{ attempts: {attempts}, delay: 1ms, max_delay: 1ms }}, with: {with} }}
outputs: {{ all: "{{{{ cards.one }}}}" }}
"#
        ),
    );
    folder.write("connections.yaml", connection(server));
    folder.write("token.secret", BASE_TOKEN.1);
    folder.write("pin.secret", INPUT.1);
    folder.write("files/a", "one");
    folder
}

/// One with a role, from an access key.
pub(super) fn connection(server: &Server) -> String {
    format!(
        "role:\n  type: aws_s3\n  role_arn: arn:aws:iam::222222222222:role/echo\n  external_id: {}\n  \
         region: eu-central-1\n  endpoint: {}\n  access_key_id: AKIAIOSFODNN7EXAMPLE\n  \
         secret_access_key: {{ env: BASE_KEY }}\n  session_token: {{ file: token.secret }}\n",
        Server::EXTERNAL_ID,
        server.url
    )
}

fn flowrun(folder: &Folder, arguments: &str, log: &str) -> Output {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    secrets(&mut folder.command(&arguments))
        .env("RUST_LOG", log)
        .env("RUST_BACKTRACE", "1")
        .output()
        .unwrap()
}

fn secrets(command: &mut Command) -> &mut Command {
    command
        .env("SSE_KEY", FLOW_SECRET.1)
        .env("BASE_KEY", BASE_KEY.1)
}

/// How a card ends, and the exit code of that.
const ENDS: [(Mood, i32); 2] = [(Mood::Well, 0), (Mood::NoS3, 1)];

/// How it is run, and the log that is asked for.
const WAYS: [(&str, &str); 2] = [("--json", "trace"), ("-vv", "")];

#[test]
fn every_card_is_here() {
    let registry = registry();
    let cards: Vec<&str> = registry
        .iter()
        .filter(|entry| matches!(entry, Entry::Card { .. }))
        .map(Entry::name)
        .collect();
    assert_eq!(CARDS.map(|(card, _)| card).to_vec(), cards);
}

/// Does it for each card, two at a time.
fn each_card(check: impl Fn(&str, &str) + Sync) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            let check = &check;
            scope.spawn(move || {
                for (card, with) in CARDS.iter().skip(half).step_by(2) {
                    check(card, with);
                }
            });
        }
    });
}

#[test]
fn no_card_tells_a_secret() {
    each_card(|card, with| {
        for (mood, code) in ENDS {
            check(card, with, mood, code);
        }
    });
}

#[test]
fn no_card_tells_a_secret_where_its_connection_does_not_open() {
    let (card, with) = CARDS[0];
    check(card, with, Mood::NoSts, 4);
}

#[track_caller]
fn check(card: &str, with: &str, mood: Mood, code: i32) {
    let search = Search::new(&OF_RUNS);
    for (way, log) in WAYS {
        let folder = folder(card, with, &Server::start(mood));
        let arguments = format!("leaks.yaml --secret pin=file:pin.secret {way}");
        let output = flowrun(&folder, &arguments, log);
        let what = format!("{card} {mood:?} {way} {log}");
        search.none_in(&what, &output.stdout);
        search.none_in(&what, &output.stderr);
        search.none_below(folder.path());
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{what}\n{told}");
        // There was something to take out.
        let is_told = log == "trace" || mood != Mood::Well;
        assert!(!is_told || told.contains("***"), "{what}\n{told}");
    }
}

/// Runs the flow of a folder as the binary does, and shows all of it, but takes no secret out: what
/// shows it has been made to forget them.
#[test]
#[ignore = "another test runs it"]
fn without_a_redactor() {
    tracing_subscriber::fmt()
        .with_env_filter("trace,s3s=off")
        .with_writer(std::io::stderr)
        .init();
    let folder = std::env::current_dir().unwrap();
    let redactor = Redactor::default();
    let engine = Engine::builder()
        .registry(registry())
        .connections(ConnectionStore::open(&folder, None, None).unwrap())
        .redactor(redactor.clone())
        .build();
    let checked = engine.check_file(&folder.join("leaks.yaml"), &CheckOptions::default());
    let run = engine
        .run(&checked.unwrap().plan.unwrap(), &folder)
        .secret("pin", Secret::new(INPUT.1))
        .watch(show)
        .start()
        .unwrap();
    for other in 0..1_024 {
        redactor.add(&Secret::new(format!("forget the others {other:04}")));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(run.wait());
}

/// The texts of an event as they are.
fn show(event: &RunEvent) {
    let error = match event {
        RunEvent::CardWaiting { error, .. } => Some(error),
        RunEvent::RunEnded(report) => {
            println!("{}", report.outputs);
            report.error.as_ref()
        }
        _ => None,
    };
    if let Some(error) = error {
        println!("{}", error.message);
        for (name, value) in &error.context {
            println!("{name}: {value}");
        }
    }
}

/// The same runs and the same search, without redaction: the events and the log of each card have
/// what the tests above look for.
#[test]
fn without_redaction_each_card_tells_all() {
    let search = Search::new(&OF_RUNS);
    let every = Mutex::new(search.all());
    each_card(|card, with| {
        let server = Server::start(Mood::NoS3);
        let folder = folder(card, with, &server);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "cards::without_a_redactor",
                "--ignored",
                "--nocapture",
            ])
            .current_dir(folder.path());
        let output = secrets(&mut command).output().unwrap();
        for (sink, bytes) in [("tell", &output.stdout), ("log", &output.stderr)] {
            let found = search.find(bytes);
            for (canary, _) in OF_RUNS {
                let is_found = found.iter().any(|(name, _)| *name == canary);
                assert!(is_found, "{card} does not {sink} the {canary}");
            }
            every.lock().unwrap().retain(|form| !found.contains(form));
        }
    });
    let never = every.into_inner().unwrap();
    assert!(never.is_empty(), "{never:?}");
}
