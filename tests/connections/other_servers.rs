//! Connections to other servers than AWS: ones that speak HTTP, and S3 under an access key.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::mpsc,
};

use insta::assert_snapshot;

use super::*;

/// A server that lets in who shows a token, and does not know what else it is asked. Its URL, and
/// the `Authorization` of each request.
fn server() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut authorization) = (String::new(), String::new());
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim_end().split_once(": ") {
                    Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                        authorization = value.to_owned();
                    }
                    None if line.trim_end().is_empty() => break,
                    _ => {}
                }
            }
            let status = match (first.starts_with("GET /v1 "), authorization.as_str()) {
                (true, "Bearer canary-token") => 200,
                (true, _) => 401,
                (false, _) => 404,
            };
            tell.send(authorization).ok();
            let answer =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            reader.into_inner().write_all(answer.as_bytes()).ok();
        }
    });
    (url, told)
}

/// The outcome of a command with a variable set, with the server's address made the same.
fn flowrun(folder: &Folder, secret: &str, url: &str, arguments: &str) -> String {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut command = folder.command(&arguments);
    let output = command.env("SECRET", secret).output().unwrap();
    let outcome = folder.outcome(&output).to_string();
    assert!(!outcome.contains("canary"), "{outcome}");
    outcome.replace(url, "http://SERVER")
}

#[test]
fn a_server_that_speaks_http_is_a_connection() {
    let folder = Folder::empty();
    let (url, told) = server();
    let run = |secret: &str, arguments: &str| flowrun(&folder, secret, &url, arguments);
    let new = format!("connections new api --kind http --url {url}/v1 --auth bearer --secret");
    assert_snapshot!(run("wrong", &format!("{new} env:SECRET")), @"
    exit 4
    -- stderr
    api
      ✗ denied
      endpoint  http://127.0.0.1:PORT/v1
    error[connection]: `http://127.0.0.1:PORT/v1` does not let us in (HTTP 401)
      connection: api
    help: check `auth` of the connection, and what the server lets it do
    ");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["Bearer wrong"]);
    assert_snapshot!(run("", &format!("{new} canary-token")), @"
    exit 2
    -- stderr
    error: a secret is given by where it is, `env:NAME` or `file:PATH`, and never as it is, because other programs see arguments
    ");
    assert_snapshot!(run("", &format!("{new} env:SECRET --region eu-west-1")), @"
    exit 2
    -- stderr
    error: options of roles, regions, endpoints and access keys are for `--kind aws_s3`
    ");
    assert_snapshot!(run("", "connections new api --kind http"), @"
    exit 2
    -- stderr
    error: the URL is missing
    help: give it: `--url URL`
    ");
    assert!(!folder.path().join("connections.yaml").exists());

    assert_snapshot!(run("canary-token", &format!("{new} env:SECRET")), @"
    exit 0
    -- stderr
    api
      ✓ answered
      endpoint  http://127.0.0.1:PORT/v1
    ✓ works: the server answers, and takes what it knows us by
    ✓ saved in FOLDER/connections.yaml
    ");
    let file = folder
        .read("connections.yaml")
        .replace(&url, "http://SERVER");
    assert_snapshot!(file, @"
    # The connections that flows name. A secret stands here sealed or not at all: the file is meant for git.

    api:
      type: http
      url: http://SERVER/v1
      auth: { bearer: { token: { env: SECRET } } }
    ");
    assert_snapshot!(run("", "connections list"), @"
    exit 0
    -- stdout
    api  http  -  -  works  WHEN
    ");
    assert_snapshot!(run("", "connections show api"), @"
    exit 0
    -- stdout
    api
      health            works
      last proven       WHEN
      type              http
      URL               http://127.0.0.1:PORT/v1
      known by          bearer
      token             in the environment variable SECRET
      defined in        FOLDER/connections.yaml
    ");
    assert_snapshot!(run("canary-token", "connections test api"), @"
    exit 0
    -- stdout
    api
      ✓ answered
      endpoint  http://127.0.0.1:PORT/v1
    ✓ works: the server answers, and takes what it knows us by
    ");
    assert_snapshot!(run("wrong", "connections test api --json"), @r#"
    exit 4
    -- stdout
    {
      "nickname": "api",
      "verdict": "not_verified",
      "accept_unsafe": null,
      "when": "WHEN",
      "probes": [
        {
          "probe": "answer",
          "outcome": "denied",
          "request_id": null
        }
      ],
      "identity": null,
      "account": null,
      "region": null,
      "endpoint": "http://127.0.0.1:PORT/v1",
      "error": {
        "kind": "connection",
        "message": "`http://127.0.0.1:PORT/v1` does not let us in (HTTP 401)",
        "code": null,
        "help": "check `auth` of the connection, and what the server lets it do"
      }
    }
    "#);
    assert_snapshot!(run("", "connections edit api --region eu-west-1"), @"
    exit 2
    -- stderr
    error: of a connection of type `http` only `--description`, `--ca` and `--allow` are edited from here
    help: change the rest in its file
    ");
    assert_snapshot!(run("", "connections edit api --allow 10.0.0.1"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove it anew: flowrun connections test api
    ");
    assert_snapshot!(run("", "connections rotate api"), @"
    exit 2
    -- stderr
    error: the connection `api` is of type `http`, which has no role
    ");

    folder.write("flow.yaml", FLOW.replace("careless", "api"));
    assert_snapshot!(run("", "flow.yaml"), @"
    exit 2
    -- stderr
    error[wrong-connection]: connection `source` is of kind `http`, and this needs `aws_s3`
      --> flow.yaml:10:17
       |
    10 |     connection: source
       |                 ^^^^^^
       |
       = help: declare one of kind `aws_s3` under `connections:`

    1 error in flow.yaml
    ");
}

#[test]
fn an_s3_server_is_known_by_an_access_key() {
    let folder = Folder::empty();
    let (url, told) = server();
    let run = |secret: &str, arguments: &str| flowrun(&folder, secret, &url, arguments);
    let new = format!(
        "connections new minio --no-role --endpoint {url} --region us-east-1 --access-key-id \
         AKIAMINIO --secret-access-key"
    );
    assert_snapshot!(run("", &format!("{new} canary")), @"
    exit 2
    -- stderr
    error: a secret is given by where it is, `env:NAME` or `file:PATH`, and never as it is, because other programs see arguments
    ");
    assert_snapshot!(run("canary", &format!("{new} env:SECRET")), @"
    exit 0
    -- stderr
    minio
      region    us-east-1
      endpoint  http://127.0.0.1:PORT
    ✓ opens: it has no role, so there is nothing to prove
    ✓ saved in FOLDER/connections.yaml
    ");
    let authorization = told.try_iter().next().unwrap();
    assert!(
        authorization.contains("Credential=AKIAMINIO/"),
        "{authorization}"
    );
    let file = folder
        .read("connections.yaml")
        .replace(&url, "http://SERVER");
    assert_snapshot!(file, @"
    # The connections that flows name. A secret stands here sealed or not at all: the file is meant for git.

    minio:
      type: aws_s3
      region: us-east-1
      endpoint: http://SERVER
      access_key_id: AKIAMINIO
      secret_access_key: { env: SECRET }
    ");
    assert_snapshot!(run("", "connections show minio"), @"
    exit 0
    -- stdout
    minio
      health            no role
      last proven       WHEN
      type              aws_s3
      region            us-east-1
      endpoint          http://127.0.0.1:PORT
      base credentials  the access key AKIAMINIO
      its secret        in the environment variable SECRET
      defined in        FOLDER/connections.yaml
    ");
    folder.replace("connections.yaml", "{ env: SECRET }", "canary");
    assert_snapshot!(run("", "connections show minio"), @"
    exit 4
    -- stderr
    error: FOLDER/connections.yaml:8:22: minio.secret_access_key: `secret_access_key` is a secret and does not stand here as it is; say where it is: `secret_access_key: { env: NAME }` or `secret_access_key: { file: PATH }`
    ");
}
