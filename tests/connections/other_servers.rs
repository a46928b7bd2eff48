//! Connections to other servers than AWS: ones that speak HTTP, and S3 under an access key.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Stdio,
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
    error: a secret is given by where it is, `env:NAME` or `file:PATH`, and never as it is, because other programs see arguments; or `sealed`, and it is asked for
    ");
    assert_snapshot!(run("", &format!("{new} env:SECRET --region eu-west-1")), @"
    exit 2
    -- stderr
    error: options of roles, regions, endpoints and access keys are for connections of kind `aws_s3`
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
    error: options of roles, regions, endpoints and access keys are for connections of kind `aws_s3`
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

/// The outcome of a command that reads a secret from standard input.
fn piped(folder: &Folder, url: &str, arguments: &str, secret: &str) -> String {
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let mut child = folder
        .command(&arguments)
        .env("HOME", folder.path().join("ann"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(secret.as_bytes()).unwrap();
    drop(stdin);
    let outcome = folder
        .outcome(&child.wait_with_output().unwrap())
        .to_string();
    assert!(!outcome.contains("canary"), "{outcome}");
    let recipient = regex::Regex::new("age1[a-z0-9]{58}").unwrap();
    recipient
        .replace_all(&outcome.replace(url, "http://SERVER"), "age1ANN")
        .into_owned()
}

#[test]
fn a_secret_is_sealed_where_a_server_is_made_and_edited() {
    let folder = Folder::empty();
    let (url, told) = server();
    let new = format!("connections new api --kind http --url {url}/v1 --auth bearer");
    // One that is not let in is not saved, and nor is who can read it.
    piped(
        &folder,
        &url,
        &format!("{new} --secret sealed"),
        "canary-wrong",
    );
    assert_eq!(told.recv().unwrap(), "Bearer canary-wrong");
    for file in ["connections.yaml", "connections.recipients"] {
        assert!(!folder.path().join(file).exists(), "{file}");
    }
    assert_snapshot!(piped(&folder, &url, &format!("{new} --secret sealed"), ""), @"
    exit 2
    -- stderr
    error: a secret has 1 to 65536 bytes, and this one has 0
    ");
    assert_snapshot!(piped(&folder, &url, &format!("{new} --secret sealed"), "canary-token\n"), @"
    exit 0
    -- stderr
    api
      ✓ answered
      endpoint  http://127.0.0.1:PORT/v1
    ✓ works: the server answers, and takes what it knows us by
    ✓ saved in FOLDER/connections.yaml
    age1ANN can read it
    others can after `flowrun connections share add RECIPIENT`
    ");
    assert_eq!(told.recv().unwrap(), "Bearer canary-token");
    let edit = |arguments: &str, secret: &str| {
        piped(
            &folder,
            &url,
            &format!("connections edit api {arguments}"),
            secret,
        )
    };
    assert_snapshot!(edit("--secret sealed --description ours", "canary-other"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    age1ANN can read it
    others can after `flowrun connections share add RECIPIENT`
    prove it anew: flowrun connections test api
    ");
    piped(&folder, &url, "connections test api", "");
    assert_eq!(told.recv().unwrap(), "Bearer canary-other");
    // What is sealed for one server does not open for another.
    assert_snapshot!(edit("--url https://a.example.com", ""), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove it anew: flowrun connections test api
    `auth.bearer.token` is sealed for the server that the connection led to: seal it anew: flowrun connections seal api auth.bearer.token
    ");
}

#[test]
fn every_key_of_a_server_is_made_and_edited() {
    let folder = Folder::empty();
    folder.write(
        "connections.yaml",
        "api: { type: http, url: 'https://a.example.com' }\n",
    );
    let mut told = String::new();
    for arguments in [
        "--url https://b.example.com/v1/ --test-path /health --ca ca.pem --allow 10.0.0.1",
        "--auth basic --username ada --secret env:SECRET",
        "--username bob",
        "--auth api_key --header X-Key --secret file:key.txt",
        "--query key",
        "--auth oauth2_client_credentials --token-url https://c.example.com/t --client-id me \
         --secret env:SECRET --scope read --audience all",
        "--client-id you --scope write",
        "--certificate ours.pem --private-key env:KEY",
        "--auth none",
        // What is wrong changes nothing.
        "--auth none",
        "--url b.example.com",
        "--auth basic --username ada",
        "--auth basic --secret env:SECRET",
        "--auth basic --username a:b --secret env:SECRET",
        "--auth api_key --secret env:SECRET",
        "--auth api_key --query a --header b --secret env:SECRET",
        "--auth bearer --secret canary",
        "--auth bearer --secret env:SECRET --scope read",
        "--secret env:SECRET",
        "--auth oauth2_client_credentials --token-url https://c.example.com --secret env:SECRET",
        "--auth bearer --secret env:SECRET --url http://b.example.com",
        "--url http://127.0.0.1:1",
        "--role-arn arn:aws:iam::111122223333:role/x",
    ] {
        let outcome = flowrun(
            &folder,
            "",
            "http://SERVER",
            &format!("connections edit api {arguments}"),
        );
        let lines = outcome
            .lines()
            .filter(|line| line.starts_with("error") || line.contains("changed"));
        let lines: Vec<&str> = lines.collect();
        told.push_str(&format!("{arguments}\n{}\n", lines.join("\n")));
        if lines.iter().any(|line| line.contains("changed")) {
            told.push_str(&folder.read("connections.yaml"));
        }
        told.push('\n');
    }
    assert_snapshot!(told);
    folder.write("connections.yaml", "s3: { type: aws_s3 }\n");
    for arguments in [
        "edit s3 --url https://a.example.com",
        "new other --auth bearer",
    ] {
        let arguments = format!("connections {arguments}");
        let outcome = flowrun(&folder, "", "http://SERVER", &arguments);
        let expect = "exit 2\n-- stderr\nerror: options of URLs, `--auth` and certificates are for \
                      connections of kind `http`";
        assert_eq!(outcome, expect);
    }
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
