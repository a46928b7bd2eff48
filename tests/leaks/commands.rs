//! Every command, where the connection file has secrets of every kind: none prints one, or writes one
//! anywhere.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use super::{
    canaries::{
        ACCESS_TOKEN, API_KEY, BASE_KEY, BASE_TOKEN, BEARER, CLIENT_SECRET, FLOW_SECRET,
        OF_CONNECTIONS, PASSWORD, PRIVATE_KEY, ROLE_KEY, ROLE_TOKEN, SEALED, Search,
    },
    common::Folder,
    server::{Mood, Server},
};

/// What is run, in this order, and the exit code. `RECIPIENT` is that of somebody else, `SERVER` the
/// server that works.
const COMMANDS: &[(&str, i32)] = &[
    ("connections share me", 0),
    ("connections seal minio secret_access_key", 0),
    ("connections seal basic auth.basic.password", 0),
    ("connections list", 0),
    ("connections list --json", 0),
    ("connections show role", 0),
    ("connections show minio", 0),
    ("connections show oauth", 0),
    ("connections show mutual", 0),
    ("connections test role", 0),
    ("connections test role --json", 0),
    ("connections test role-fails", 4),
    ("connections test role-fails --json", 4),
    ("connections test role --flow leaks.yaml", 0),
    ("connections test role --flow leaks.yaml --json", 0),
    ("connections test role-denied --flow denied.yaml", 4),
    ("connections test role-denied --flow denied.yaml --json", 4),
    ("connections test minio", 0),
    ("connections test minio --json", 0),
    ("connections test bearer", 0),
    ("connections test bearer --json", 0),
    ("connections test bearer-fails", 4),
    ("connections test bearer-fails --json", 4),
    ("connections test basic", 0),
    ("connections test basic --json", 0),
    ("connections test header", 0),
    ("connections test query", 0),
    ("connections test query-fails", 4),
    ("connections test query-fails --json", 4),
    ("connections test oauth", 0),
    ("connections test oauth --json", 0),
    ("connections test oauth-fails", 4),
    ("connections test oauth-fails --json", 4),
    ("connections test mutual", 4),
    ("connections test mutual --json", 4),
    (
        "connections new other --kind http --url SERVER/v1 --auth bearer --secret env:BEARER",
        0,
    ),
    (
        "connections new keys --no-role --endpoint SERVER --region eu-central-1 --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key env:BASE_KEY --session-token file:token.secret",
        0,
    ),
    (
        "connections new waits --endpoint SERVER --region eu-central-1 --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key env:BASE_KEY",
        0,
    ),
    (
        "connections finish waits --role-arn arn:aws:iam::222222222222:role/echo",
        4,
    ),
    (
        "connections add-member many --account 222222222222 --role-arn arn:aws:iam::{account}:role/echo --endpoint SERVER --region eu-central-1 --account-id 111111111111",
        0,
    ),
    ("connections test many", 4),
    ("connections edit role --description other", 0),
    ("connections rename minio store", 0),
    ("connections test store", 0),
    ("connections used-by role", 0),
    ("connections rotate role", 0),
    ("connections export role store basic oauth mutual", 0),
    ("connections import exported.yaml --folder elsewhere", 0),
    ("connections share add RECIPIENT --name Ann", 0),
    ("connections share list", 0),
    ("connections share remove Ann", 0),
    ("connections delete bearer", 0),
    ("validate leaks.yaml", 0),
    ("validate leaks.yaml --format short", 0),
    ("validate leaks.yaml --format json", 0),
    ("validate leaks.yaml --format github", 0),
    ("graph leaks.yaml", 0),
    ("graph leaks.yaml --format dot", 0),
    ("cards", 0),
    ("cards s3.upload", 0),
    ("cards s3.upload --json", 0),
    ("schema", 0),
    ("schema connections", 0),
    ("policy leaks.yaml", 0),
    ("policy leaks.yaml --format terraform", 0),
    ("run leaks.yaml", 0),
    ("run leaks.yaml --json", 0),
];

/// Commands of which there is nothing to run: one serves until it is ended, and one shows help.
const OTHERS: [&str; 2] = ["sandbox", "help"];

const FLOW: &str = r#"flow: leaks
secrets: { key: { env: SSE_KEY } }
connections: { role: role }
cards:
  one: { card: s3.upload, connection: role, with: { bucket: leaks, key: a, text: one, sse_customer_key: "{{ secrets.key }}" } }
outputs: { all: "{{ cards.one }}" }
"#;

fn connections([works, no_sts, no_s3, fails]: [&Server; 4]) -> String {
    let id = Server::EXTERNAL_ID;
    let [works, no_sts, no_s3, fails] = [works, no_sts, no_s3, fails].map(|server| &server.url);
    let key = "access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: { env: BASE_KEY }";
    let role =
        "type: aws_s3, region: eu-central-1, role_arn: 'arn:aws:iam::222222222222:role/echo'";
    format!(
        r#"# Of every kind.
role: {{ {role}, external_id: {id}, endpoint: '{works}', {key}, session_token: {{ file: token.secret }} }}
role-fails: {{ {role}, external_id: {id}x, endpoint: '{no_sts}', {key}, session_token: {{ file: token.secret }} }}
role-denied: {{ {role}, external_id: {id}, endpoint: '{no_s3}', {key}, session_token: {{ file: token.secret }} }}
minio:
  type: aws_s3
  region: eu-central-1
  endpoint: {works}
  access_key_id: AKIAIOSFODNN7EXAMPLE
  secret_access_key: {{ env: UNSET }}
bearer: {{ type: http, url: '{works}/v1', auth: {{ bearer: {{ token: {{ env: BEARER }} }} }} }}
bearer-fails: {{ type: http, url: '{fails}/v1', auth: {{ bearer: {{ token: {{ env: BEARER }} }} }} }}
basic:
  type: http
  url: {works}/v1
  auth:
    basic:
      username: me
      password: {{ env: UNSET }}
header: {{ type: http, url: '{works}/v1', auth: {{ api_key: {{ header: x-key, value: {{ env: API_KEY }} }} }} }}
query: {{ type: http, url: '{works}/v1', auth: {{ api_key: {{ query: key, value: {{ env: API_KEY }} }} }} }}
query-fails: {{ type: http, url: '{fails}/v1', auth: {{ api_key: {{ query: key, value: {{ env: API_KEY }} }} }} }}
oauth: {{ type: http, url: '{works}/v1', auth: {{ oauth2_client_credentials: {{ token_url: '{works}/token', client_id: me, client_secret: {{ file: client.secret }} }} }} }}
oauth-fails: {{ type: http, url: '{works}/v1', auth: {{ oauth2_client_credentials: {{ token_url: '{no_sts}/token', client_id: me, client_secret: {{ file: client.secret }} }} }} }}
mutual: {{ type: http, url: 'https://127.0.0.1:1/v1', certificate: me.pem, private_key: {{ file: key.secret }} }}
"#
    )
}

fn run(folder: &Folder, arguments: &str) -> Output {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut child = folder
        .command(&arguments)
        .env("BASE_KEY", BASE_KEY.1)
        .env("SSE_KEY", FLOW_SECRET.1)
        .env("BEARER", BEARER.1)
        .env("API_KEY", API_KEY.1)
        .env("RUST_LOG", "trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let typed = match arguments.as_slice() {
        ["connections", "seal", "minio", ..] => SEALED.1,
        ["connections", "seal", ..] => PASSWORD.1,
        _ => "",
    };
    let mut stdin = child.stdin.take().unwrap();
    // Who does not read it has ended.
    stdin.write_all(typed.as_bytes()).ok();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn no_command_tells_a_secret() {
    let works = Server::telling(Mood::Well, &[BASE_KEY, ROLE_KEY, ROLE_TOKEN, ACCESS_TOKEN]);
    let no_sts = Server::telling(Mood::NoSts, &[BASE_KEY, BASE_TOKEN]);
    let no_s3 = Server::telling(Mood::NoS3, &[BASE_KEY, ROLE_KEY, ROLE_TOKEN]);
    let fails = Server::telling(Mood::NoS3, &[BEARER]);
    let folder = Folder::empty();
    folder.write("leaks.yaml", FLOW);
    folder.write(
        "denied.yaml",
        FLOW.replace("role: role }", "role: role-denied }"),
    );
    folder.write(
        "connections.yaml",
        connections([&works, &no_sts, &no_s3, &fails]),
    );
    folder.write("token.secret", BASE_TOKEN.1);
    folder.write("client.secret", CLIENT_SECRET.1);
    folder.write(
        "me.pem",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    );
    let key = PRIVATE_KEY.1;
    folder.write(
        "key.secret",
        format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n"),
    );
    let search = Search::new(&OF_CONNECTIONS);
    for (arguments, code) in COMMANDS {
        let arguments = arguments.replace("SERVER", &works.url).replace(
            "RECIPIENT",
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        );
        let output = run(&folder, &arguments);
        if arguments.starts_with("connections export") {
            folder.write("exported.yaml", &output.stdout);
            folder.write("elsewhere/connections.yaml", "");
        }
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        search.none_in(&arguments, told.as_bytes());
        search.none_below(folder.path());
        assert_eq!(output.status.code(), Some(*code), "{arguments}\n{told}");
        // The log of what asks STS has something to take out.
        let is_test = arguments.starts_with("connections test role");
        assert!(!is_test || told.contains("***"), "{arguments}\n{told}");
    }
}

/// The commands that a help text lists.
fn listed(arguments: &str) -> Vec<String> {
    let help = Folder::empty().flowrun(arguments).stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    let lines = commands.lines().filter(|line| !line.starts_with("    "));
    let names = lines.map(|line| line.trim().split(' ').next().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn every_command_is_here() {
    for (group, words) in [("", 0), ("connections", 1), ("connections share", 2)] {
        for name in listed(&format!("{group} --help")) {
            let has = |command: &str| {
                command.split(' ').nth(words) == Some(&name) && command.starts_with(group)
            };
            let is_here = COMMANDS.iter().any(|(command, _)| has(command));
            assert!(is_here || OTHERS.contains(&&*name), "{group} {name}");
        }
    }
}
