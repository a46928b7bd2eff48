//! Canaries that go the way of secrets through the real binary, and are then looked for in all that
//! it printed and wrote, in every form that they could have there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::{fs, path::Path, process::Command};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use common::Folder;
use flowrun_card::{
    Card, CardError, CardSpec, Ctx, Effect, Example, Idempotency, InputError, Partial, Permissions,
    Secret,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Keys of the customer: 32 bytes in base64, with every sign that base64 has.
fn key(byte: u8) -> String {
    let bytes: Vec<u8> = (0..32_u8)
        .map(|at| (byte ^ at.wrapping_mul(37)) | 0xc0)
        .collect();
    BASE64.encode(bytes)
}

/// The secret key and the session token of an identity of one's own.
const SECRET_KEY: &str = "c4nary/SECRET+key/wJalrXUtnFEMIK7MDENG==";
const SESSION_TOKEN: &str = "c4nary-TOKEN//FwoGZXIvYXdzEBY&<token>%3D==";

/// The forms in which a secret is looked for.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.as_bytes().to_vec()];
    let mut parts = vec![secret.as_bytes().to_vec()];
    // A key in base64 may show as its bytes too.
    parts.extend(BASE64.decode(secret));
    for part in &parts {
        for shift in 0..3 {
            let mut shifted = vec![b'x'; shift];
            shifted.extend(part);
            // Without what depends on what stands around it.
            let whole = BASE64.encode(&shifted);
            let core = whole.get([0, 2, 3][shift]..whole.len() - 4).unwrap();
            forms.push(core.as_bytes().to_vec());
            forms.push(core.replace('+', "-").replace('/', "_").into_bytes());
        }
        for hex in [
            part.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>(),
            part.iter().map(|byte| format!("{byte:02X}")).collect(),
        ] {
            forms.push(hex.into_bytes());
        }
        // As `{:?}` of bytes shows them.
        let listed: Vec<String> = part.iter().map(u8::to_string).collect();
        forms.push(listed.join(", ").into_bytes());
    }
    let percent: String = secret
        .bytes()
        .map(
            |byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            },
        )
        .collect();
    let json = serde_json::to_string(secret).unwrap();
    let xml = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    forms.extend([percent, json.trim_matches('"').to_owned(), xml].map(String::into_bytes));
    forms
}

fn find(bytes: &[u8], secrets: &[String]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    secrets
        .iter()
        .flat_map(|secret| forms(secret))
        .find(|form| bytes.windows(form.len()).any(|window| window == form))
        .map(|form| format!("{} in {text}", String::from_utf8_lossy(&form)))
}

/// Every file of a folder, hidden ones too, but those that hold the secrets by purpose.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file()
            && path
                .extension()
                .is_none_or(|extension| extension != "secret")
        {
            found.push(path);
        }
    }
}

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
    let secrets = [
        key(1),
        key(2),
        SECRET_KEY.to_owned(),
        SESSION_TOKEN.to_owned(),
    ];
    let mut printed = String::new();
    for log in ["", "debug", "trace"] {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        let mut command = folder.command(&arguments);
        command
            .env("SSE_KEY", key(1))
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
            .env("RUST_LOG", log)
            .env("RUST_BACKTRACE", "1");
        let output = command.output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            assert_eq!(find(stream, &secrets), None, "{arguments:?}");
        }
        let stderr = String::from_utf8(output.stderr).unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?} {stdout} {stderr}"
        );
        // Where requests are logged there is something to take out: the canaries were there.
        assert!(log != "trace" || stderr.contains(traced), "{stderr}");
        printed.push_str(&stdout);
        printed.push_str(&stderr);
    }
    let mut found = Vec::new();
    files(folder.path(), &mut found);
    for path in found {
        assert_eq!(
            find(&fs::read(&path).unwrap(), &secrets),
            None,
            "{}",
            path.display()
        );
    }
    printed
}

#[test]
fn the_search_finds_every_form() {
    let secrets = [key(1)];
    for form in forms(&key(1)) {
        let text = [b"before ".as_slice(), &form, b" after"].concat();
        assert!(find(&text, &secrets).is_some());
    }
    assert_eq!(find(b"nothing of it", &secrets), None);
}

#[test]
fn cards_that_take_secrets_do_not_tell_them() {
    let folder = Folder::of_flows();
    folder.write("leaks.yaml", FLOW);
    folder.write("pin.secret", format!("{}\n", key(2)));
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
    folder.write("pin.secret", key(2));
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
    // An endpoint that nobody serves, under keys of one's own.
    folder.write(
        "connections.yaml",
        "demo-admin:\n  type: aws_s3\n  base: environment\n  region: eu-central-1\n  endpoint: http://127.0.0.1:1\n",
    );
    run(&folder, "leaks.yaml --secret pin=file:pin.secret", 1, "***");
}

#[test]
fn what_is_given_the_wrong_way_is_not_repeated() {
    let folder = Folder::of_flows();
    folder.write("leaks.yaml", FLOW);
    let pin = key(2);
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
        assert_eq!(told, message.repeat(3), "{wrong}");
    }
    // Inputs of a file may be secret; a short one is told of.
    folder.write("inputs.secret", "pin: '12345'\n");
    let told = run(&folder, "leaks.yaml --inputs inputs.secret", 1, "");
    let warning = "warning: the secret `pin` is shorter than 6 bytes: where a card or a service repeats it, it is not hidden\n";
    assert!(told.starts_with(warning), "{told}");
}

/// A card that panics with the secret that it got.
struct Panics;

#[derive(Deserialize, JsonSchema)]
struct PanicsInput {
    secret: Secret,
}

impl Card for Panics {
    type Input = PanicsInput;
    type Output = ();
    type Plan = PanicsInput;

    const SPEC: CardSpec = CardSpec {
        name: "test.panics",
        title: "Panic",
        description: "Panics.",
        effect: Effect::Pure,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[],
        rules: &[],
    };

    fn check(input: PanicsInput) -> Result<PanicsInput, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(_: &Partial, _: &mut Permissions) {}

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, plan: &PanicsInput, _: &Ctx) -> Result<(), CardError> {
        panic!("canary {}", plan.secret.expose());
    }
}

/// What the test below runs in a process of its own.
#[test]
#[ignore = "another test runs it"]
fn panicking() {
    let arguments = ["flowrun", "run", "panics.yaml"].map(Into::into);
    flowrun_cli::run(arguments, |registry| registry.card(Panics).map(drop));
}

#[test]
fn a_card_that_panics_does_not_tell_them() {
    let folder = Folder::empty();
    folder.write(
        "panics.yaml",
        "flow: panics\nsecrets: { key: { env: SSE_KEY } }\ncards: { one: { card: test.panics, with: { secret: \"{{ secrets.key }}\" } } }\n",
    );
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panicking", "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .env("SSE_KEY", key(1))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("canary ***"), "{stderr}");
    assert!(stderr.contains("the card panicked"), "{stderr}");
    for stream in [stderr.as_bytes(), &output.stdout] {
        assert_eq!(find(stream, &[key(1)]), None);
    }
}
