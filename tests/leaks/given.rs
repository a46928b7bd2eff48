//! Secrets that are given to a flow, in the right and in wrong ways, in a run against the embedded
//! sandbox: its log is that of the same process.

use super::{
    canaries::{FLOW_SECRET, INPUT, OF_RUNS, Search},
    common::Folder,
};

const FLOW: &str = r#"flow: leaks
inputs:
  pin: { type: secret }
connections: { admin: demo-admin }
secrets:
  key: { env: SSE_KEY }
cards:
  bucket: { card: s3.create_bucket, connection: admin, with: { bucket: flowrun-leaks } }
  stored:
    card: s3.upload
    connection: admin
    after: [bucket]
    with: { bucket: flowrun-leaks, key: a, text: one, sse_customer_key: "{{ secrets.key }}" }
  head:
    card: s3.head_object
    connection: admin
    with: { bucket: flowrun-leaks, key: "{{ cards.stored.key }}", sse_customer_key: "{{ secrets.key }}" }
  copied:
    card: s3.copy
    connection: admin
    with:
      source:      { bucket: flowrun-leaks, key: "{{ cards.stored.key }}", sse_customer_key: "{{ secrets.key }}" }
      destination: { bucket: flowrun-leaks, key: b, sse_customer_key: "{{ inputs.pin }}" }
  file:
    card: s3.download
    connection: admin
    with: { bucket: flowrun-leaks, key: "{{ cards.copied.key }}", to: out/b, sse_customer_key: "{{ inputs.pin }}" }
outputs:
  head: "{{ cards.head }}"
  copied: "{{ cards.copied }}"
"#;

/// How the SDK's log shows a key without the SDK's own redaction: the canary was there.
const KEY_HEADER: &str = r#"server-side-encryption-customer-key", "***""#;

/// Runs the binary over all log levels, and looks everywhere; the most verbose log has `traced`.
/// Gives what it printed.
fn run(folder: &Folder, arguments: &str, code: i32, traced: &str) -> String {
    let search = Search::new(&OF_RUNS);
    let mut printed = String::new();
    for log in ["", "error", "warn", "info", "debug", "trace"] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut command = folder.command(&arguments);
        command.env("SSE_KEY", FLOW_SECRET.1).env("RUST_LOG", log);
        let output = command.output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        search.none_in(&format!("{arguments:?} {log}"), told.as_bytes());
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {told}");
        // Where requests are logged there is something to take out: the canaries were there.
        assert!(log != "trace" || told.contains(traced), "{told}");
        printed.push_str(&told);
    }
    search.none_below(folder.path());
    printed
}

#[test]
fn cards_that_take_secrets_do_not_tell_them() {
    let folder = Folder::of_flows();
    folder.write("leaks.yaml", FLOW);
    folder.write("pin.secret", format!("{}\n", INPUT.1));
    let arguments = "leaks.yaml --secret pin=file:pin.secret";
    let plain = run(&folder, &format!("-vv {arguments}"), 0, KEY_HEADER);
    assert!(plain.contains("succeeded"), "{plain}");
    assert!(plain.contains("sse_customer_algorithm: AES256"), "{plain}");
    let json = run(&folder, &format!("{arguments} --json"), 0, KEY_HEADER);
    assert!(json.contains(r#""status":"succeeded""#), "{json}");
    assert_eq!(folder.read("out/b"), "one");
}

#[test]
fn errors_do_not_tell_them() {
    let folder = Folder::of_flows();
    folder.write("pin.secret", INPUT.1);
    // The key is another one than that of the copy.
    let wrong = FLOW.replace(
        "to: out/b, sse_customer_key: \"{{ inputs.pin }}\"",
        "to: out/b, sse_customer_key: \"{{ secrets.key }}\"",
    );
    folder.write("leaks.yaml", wrong);
    let told = run(
        &folder,
        "leaks.yaml --secret pin=file:pin.secret --json",
        1,
        KEY_HEADER,
    );
    assert!(told.contains("sse_customer_key"), "{told}");
}

#[test]
fn what_is_given_the_wrong_way_is_not_repeated() {
    let folder = Folder::of_flows();
    folder.write("leaks.yaml", FLOW);
    let pin = INPUT.1;
    for (wrong, message) in [
        (
            format!("--secret pin={pin}"),
            "error: secret `pin`: it is not said where it is read from\nhelp: write `--secret NAME=env:VARIABLE` or `--secret NAME=file:PATH`\n",
        ),
        (
            format!("--secret {}", pin.trim_end_matches('=')),
            "error: `--secret` number 1 has no name and no place\nhelp: write `--secret NAME=env:VARIABLE` or `--secret NAME=file:PATH`\n",
        ),
        (
            format!("--secret {pin}"),
            "error: `--secret` number 1: it is not said where it is read from\nhelp: write `--secret NAME=env:VARIABLE` or `--secret NAME=file:PATH`\n",
        ),
        (
            format!("--input pin={pin}"),
            "error: input `pin`: a secret is never written on a command line, where other programs can read it\nhelp: give it with `--secret pin=env:VARIABLE` or `--secret pin=file:PATH`\n",
        ),
        (
            "--secret pin=env:FLOWRUN_UNSET".to_owned(),
            "error: secret `pin`: the environment variable `FLOWRUN_UNSET` is not set\n",
        ),
        (
            "-q".to_owned(),
            "error: input `pin`: missing\nhelp: give it with `--secret pin=env:VARIABLE` or `--secret pin=file:PATH`\n",
        ),
    ] {
        let told = run(&folder, &format!("leaks.yaml {wrong}"), 2, "");
        assert_eq!(told, message.repeat(6), "{wrong}");
    }
    // Inputs of a file may be secret; a short one is told of.
    folder.write("inputs.secret", "pin: '12345'\n");
    let told = run(&folder, "leaks.yaml --inputs inputs.secret", 1, "");
    let warning = "warning: the secret `pin` is shorter than 6 bytes: where a card or a service repeats it, it is not hidden\n";
    assert!(told.starts_with(warning), "{told}");
}
