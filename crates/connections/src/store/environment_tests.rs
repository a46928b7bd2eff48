//! What bases take from the environment, and what they do not. Each test runs itself again in a
//! process of its own, because the environment belongs to the whole process.

use std::{path::PathBuf, process::Command};

use flowrun_card::{ConnectionRef, RunIdentity, Scope};

use super::*;
use crate::testing::{FakeSandbox, FakeSts, assumed, proven};

/// Set in the process of its own: the folder of the test's files.
const FOLDER: &str = "FLOWRUN_TEST_FOLDER";

const CREDENTIALS_FILE: &str = "\
[default]
aws_access_key_id = AKIADEFAULTPROFILE
aws_secret_access_key = canary
[work]
aws_access_key_id = AKIAWORK
aws_secret_access_key = canary
";
const CONFIG_FILE: &str = "\
[default]
region = eu-west-1
[profile work]
region = eu-west-3
[profile process]
region = eu-west-3
credential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROCESS\", \"SecretAccessKey\": \"canary\"}'
[profile sign-on]
region = eu-west-3
sso_start_url = https://example.awsapps.com/start
sso_region = eu-north-1
sso_account_id = 111122223333
sso_role_name = backup
[profile code]
region = eu-west-3
mfa_serial = arn:aws:iam::111122223333:mfa/me
credential_process = false
";

/// Runs the test in a process with only these variables, and AWS's files of that folder. In
/// there, gives the folder; out here, `None` once the test has passed in there. A decoy stands
/// where variables point requests to; it must get none.
fn in_own_process(test: &str, variables: &[(&str, &str)]) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(PathBuf::from(folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let decoy = FakeSts::start(|_| assumed("ASIADECOY", "2100-01-01T00:00:00Z"));
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("store::environment_tests::{test}"), "--exact"])
        .env_clear()
        .env(FOLDER, folder.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", path("config", CONFIG_FILE))
        .env(
            "AWS_SHARED_CREDENTIALS_FILE",
            path("credentials", CREDENTIALS_FILE),
        )
        .envs(
            variables
                .iter()
                .map(|(name, value)| (name, value.replace("DECOY", &decoy.url))),
        )
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
    assert_eq!(decoy.count(), 0);
    None
}

/// Opens a connection with a role under the rest of its definition, and gives the access key that
/// assumed the role and the region, or the failure.
fn assume(folder: &Path, rest: &str) -> Result<String, String> {
    let sts = FakeSts::start(|_| assumed("ASIA1", "2100-01-01T00:00:00Z"));
    let rest = rest.replace("HERE", &sts.url);
    open(folder, "arn:aws:iam::111122223333:role/x", &rest, &sts.url)?;
    let authorization = &sts.asked("AssumeRole")[0]["authorization"];
    // AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/sts/aws4_request, ...
    let mut parts = authorization.split(['=', '/']).skip(1);
    let (key, region) = (parts.next().unwrap(), parts.nth(1).unwrap());
    Ok(format!("{key} in {region}"))
}

/// Opens a session of a connection with a role, which is known to be proven.
fn open(folder: &Path, role: &str, rest: &str, sandbox: &str) -> Result<(), String> {
    let file = format!("a: {{ type: aws_s3, role_arn: '{role}', {rest} }}");
    std::fs::write(folder.join(FILE_NAME), file).unwrap();
    let store = ConnectionStore::open(folder, None, Some(FakeSandbox::at(sandbox))).unwrap();
    for connection in store.list() {
        proven(connection, SystemTime::now());
    }
    let request = SessionRequest {
        connection: ConnectionRef::new("aws_s3", "a"),
        scope: Scope::whole(),
        run: RunIdentity {
            run_id: "1".to_owned(),
            flow: "f".to_owned(),
        },
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let opened = runtime.block_on(store.session(request));
    opened.map(drop).map_err(|failure| failure.to_string())
}

const KEYS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"),
    ("AWS_SECRET_ACCESS_KEY", "canary"),
];
const ENDPOINTS: [(&str, &str); 3] = [
    ("AWS_ENDPOINT_URL", "DECOY"),
    ("AWS_ENDPOINT_URL_STS", "DECOY"),
    ("AWS_ENDPOINT_URL_S3", "DECOY"),
];

#[test]
fn each_base_takes_its_own_credentials_and_region() {
    let variables = [&KEYS[..], &ENDPOINTS].concat();
    let test = "each_base_takes_its_own_credentials_and_region";
    let Some(folder) = in_own_process(test, &variables) else {
        return;
    };
    for (rest, expect) in [
        (
            "endpoint: 'HERE', base: { profile: work }",
            "AKIAWORK in eu-west-3",
        ),
        (
            "endpoint: 'HERE', base: { profile: work }, region: us-east-2",
            "AKIAWORK in us-east-2",
        ),
        (
            "endpoint: 'HERE', base: { profile: process }",
            "AKIAPROCESS in eu-west-3",
        ),
        (
            "endpoint: 'HERE', base: environment, region: us-east-2",
            "AKIAENVIRONMENT in us-east-2",
        ),
        (
            "endpoint: 'HERE', base: default",
            "AKIAENVIRONMENT in eu-west-1",
        ),
        ("endpoint: 'HERE'", "AKIAENVIRONMENT in eu-west-1"),
        (
            "endpoint: sandbox, base: sandbox",
            "AKIASANDBOX in us-east-1",
        ),
    ] {
        assert_eq!(assume(&folder, rest).as_deref(), Ok(expect), "{rest}");
    }
}

#[test]
fn the_default_chain_ends_at_the_profile_and_the_others_do_not_go_there() {
    let test = "the_default_chain_ends_at_the_profile_and_the_others_do_not_go_there";
    let Some(folder) = in_own_process(test, &ENDPOINTS) else {
        return;
    };
    for (rest, expect) in [
        ("endpoint: 'HERE'", Ok("AKIADEFAULTPROFILE in eu-west-1")),
        (
            "endpoint: 'HERE', base: environment",
            Err("the base `environment` has no region (connection: a)"),
        ),
        (
            "endpoint: 'HERE', base: environment, region: us-east-2",
            Err(
                "the base `environment` gives no AWS credentials: environment variable not set (connection: a, role_arn: \
                 arn:aws:iam::111122223333:role/x)",
            ),
        ),
        (
            "endpoint: 'HERE', base: { profile: none }, region: us-east-2",
            Err(
                "the base `{ profile: none }` gives no AWS credentials: profile `none` was not \
                 defined: could not find source profile none referenced from the root profile \
                 (connection: a, role_arn: arn:aws:iam::111122223333:role/x)",
            ),
        ),
    ] {
        let found = assume(&folder, rest);
        assert_eq!(found.as_deref().map_err(String::as_str), expect, "{rest}");
    }
}

#[test]
fn a_profile_that_asks_for_a_code_is_explained() {
    let Some(folder) = in_own_process("a_profile_that_asks_for_a_code_is_explained", &[]) else {
        return;
    };
    assert_eq!(
        assume(&folder, "endpoint: 'HERE', base: { profile: code }").unwrap_err(),
        "the base `{ profile: code }` gives no AWS credentials: the profile `code` has \
         `mfa_serial`, and flowrun does not ask for codes (connection: a, role_arn: \
         arn:aws:iam::111122223333:role/x)"
    );
}

#[test]
fn the_access_key_of_a_connection_is_used_and_no_other() {
    let variables = [
        &KEYS[..],
        &ENDPOINTS,
        &[("SECRET", "canary"), ("EMPTY", "")],
    ]
    .concat();
    let test = "the_access_key_of_a_connection_is_used_and_no_other";
    let Some(folder) = in_own_process(test, &variables) else {
        return;
    };
    let file = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).unwrap();
    file("secret", b"canary\r\n");
    file("binary", b"\xff");
    file("most", "a".repeat(64 * 1024).as_bytes());
    file("more", "a".repeat(64 * 1024 + 1).as_bytes());
    std::fs::create_dir(folder.join("folder")).unwrap();
    let more = folder.join("more").display().to_string();
    let place = |name: &str| more.replace("more", name);
    for (secret, expect) in [
        ("env: SECRET", Ok("AKIAOWN in eu-west-2".to_owned())),
        ("file: secret", Ok("AKIAOWN in eu-west-2".to_owned())),
        ("file: most", Ok("AKIAOWN in eu-west-2".to_owned())),
        (
            "env: MISSING",
            Err("the environment variable `MISSING` of `secret_access_key` is not set".to_owned()),
        ),
        (
            "env: EMPTY",
            Err("the secret of `secret_access_key` is empty".to_owned()),
        ),
        (
            "file: none",
            Err(format!(
                "the file `{}` of `secret_access_key` cannot be read: no such file or directory",
                place("none")
            )),
        ),
        (
            "file: folder",
            Err(format!(
                "the file `{}` of `secret_access_key` is not a regular file",
                place("folder")
            )),
        ),
        (
            "file: binary",
            Err(format!(
                "the file `{}` of `secret_access_key` is not UTF-8 text",
                place("binary")
            )),
        ),
        (
            "file: more",
            Err(format!(
                "the file `{more}` of `secret_access_key` has more than 65536 bytes"
            )),
        ),
        (
            "sealed: abc",
            Err(
                "the sealed secret of `secret_access_key` cannot be opened by this program"
                    .to_owned(),
            ),
        ),
    ] {
        let found = assume(
            &folder,
            &format!(
                "endpoint: 'HERE', region: eu-west-2, access_key_id: AKIAOWN, \
                 secret_access_key: {{ {secret} }}"
            ),
        );
        let expect = expect.map_err(|message| format!("{message} (connection: a)"));
        assert_eq!(found, expect, "{secret}");
    }
}

/// A proxy that refuses, and tells what it was asked for.
fn proxy() -> (String, std::sync::mpsc::Receiver<String>) {
    use std::io::{BufRead as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = std::io::BufReader::new(stream.unwrap());
            let mut first = String::new();
            reader.read_line(&mut first).unwrap();
            tell.send(first.trim().to_owned()).unwrap();
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            reader
                .into_inner()
                .write_all(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
                .unwrap();
        }
    });
    (url, told)
}

#[test]
fn proxies_of_the_environment_are_used_and_left_out() {
    let (url, told) = proxy();
    // The name of a proxy is none of the connection's.
    let named = url.replace("127.0.0.1", "localhost");
    let variables = [
        &KEYS[..],
        &[
            ("HTTPS_PROXY", &named),
            ("HTTP_PROXY", &url),
            ("NO_PROXY", "127.0.0.1"),
        ],
    ]
    .concat();
    let test = "proxies_of_the_environment_are_used_and_left_out";
    let Some(folder) = in_own_process(test, &variables) else {
        for host in ["s3.example.invalid", "api.example.invalid"] {
            assert_eq!(
                told.iter().next().unwrap(),
                format!("CONNECT {host}:443 HTTP/1.1")
            );
        }
        assert!(told.try_recv().is_err());
        return;
    };
    let check = |rest: &str| assume(&folder, &format!("{rest}, region: us-east-2"));
    assert_eq!(
        check("endpoint: 'HERE'").unwrap(),
        "AKIAENVIRONMENT in us-east-2"
    );
    let failure = check("endpoint: 'https://s3.example.invalid'").unwrap_err();
    assert!(
        failure.starts_with("STS at https://s3.example.invalid cannot be reached: "),
        "{failure}"
    );
    let file = "b: { type: http, url: 'https://api.example.invalid' }";
    std::fs::write(folder.join(FILE_NAME), file).unwrap();
    let store = ConnectionStore::open(&folder, None, None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let proof = runtime.block_on(store.prove(store.list().next().unwrap()));
    assert!(!proof.unwrap().verdict.is_good());
}

/// The partition of a role, what follows in its definition, and the host that is asked to assume it.
/// <https://docs.aws.amazon.com/general/latest/gr/sts.html>
const HOSTS: [(&str, &str, &str); 6] = [
    ("aws", "region: eu-west-1", "sts.eu-west-1.amazonaws.com"),
    (
        "aws",
        "region: us-east-1, fips: true",
        "sts-fips.us-east-1.amazonaws.com",
    ),
    (
        "aws",
        "region: eu-west-1, dual_stack: true",
        "sts.eu-west-1.api.aws",
    ),
    (
        "aws",
        "region: us-east-2, dual_stack: true, fips: true",
        "sts-fips.us-east-2.api.aws",
    ),
    (
        "aws-cn",
        "region: cn-north-1",
        "sts.cn-north-1.amazonaws.com.cn",
    ),
    (
        "aws-us-gov",
        "region: us-gov-west-1",
        "sts.us-gov-west-1.amazonaws.com",
    ),
];

#[test]
fn each_partition_and_sort_of_endpoint_has_its_host() {
    let (url, told) = proxy();
    let variables = [&KEYS[..], &[("HTTPS_PROXY", &url)]].concat();
    let test = "each_partition_and_sort_of_endpoint_has_its_host";
    let Some(folder) = in_own_process(test, &variables) else {
        let asked: Vec<String> = told.try_iter().collect();
        let expect = HOSTS.map(|(_, _, host)| format!("CONNECT {host}:443 HTTP/1.1"));
        assert_eq!(asked, expect);
        return;
    };
    for (partition, rest, _) in HOSTS {
        let role = format!("arn:{partition}:iam::111122223333:role/x");
        open(&folder, &role, rest, "").unwrap_err();
    }
}

#[test]
fn the_token_of_a_single_sign_on_is_brought_to_its_portal() {
    let (url, told) = proxy();
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    // As `aws sso login` leaves it: named by the SHA-1 of the start URL.
    std::fs::write(
        cache.join("e8be5486177c5b5392bd9aa76563515b29358e6e.json"),
        r#"{"accessToken": "canary", "expiresAt": "2100-01-01T00:00:00Z"}"#,
    )
    .unwrap();
    let variables = [
        ("HOME", home.path().to_str().unwrap()),
        ("HTTPS_PROXY", &url),
    ];
    let test = "the_token_of_a_single_sign_on_is_brought_to_its_portal";
    let Some(folder) = in_own_process(test, &variables) else {
        // The SDK asks more than once.
        let mut asked: Vec<String> = told.try_iter().collect();
        asked.dedup();
        assert_eq!(
            asked,
            ["CONNECT portal.sso.eu-north-1.amazonaws.com:443 HTTP/1.1"]
        );
        return;
    };
    let role = "arn:aws:iam::111122223333:role/x";
    let failure = open(&folder, role, "base: { profile: sign-on }", "").unwrap_err();
    assert!(
        failure.starts_with("the base `{ profile: sign-on }` gives no AWS credentials: "),
        "{failure}"
    );
}

/// As pods of Kubernetes and jobs of CI have it.
#[test]
fn a_web_identity_is_brought_to_sts() {
    let (url, told) = proxy();
    let tokens = tempfile::tempdir().unwrap();
    let token = tokens.path().join("token");
    std::fs::write(&token, "canary-token").unwrap();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::999988887777:role/ci"),
        ("HTTPS_PROXY", &url),
    ];
    let Some(folder) = in_own_process("a_web_identity_is_brought_to_sts", &variables) else {
        let asked: Vec<String> = told.try_iter().collect();
        // Nothing but a token would have been a reason to ask.
        assert_eq!(asked, ["CONNECT sts.eu-west-1.amazonaws.com:443 HTTP/1.1"]);
        return;
    };
    let role = "arn:aws:iam::111122223333:role/x";
    let failure = open(&folder, role, "region: eu-west-1", "").unwrap_err();
    assert!(failure.contains("cannot be reached"), "{failure}");
}

#[test]
fn the_sandbox_asks_neither_the_machine_nor_a_container_for_credentials() {
    let variables = [
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "DECOY"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "DECOY"),
    ];
    let test = "the_sandbox_asks_neither_the_machine_nor_a_container_for_credentials";
    let Some(folder) = in_own_process(test, &variables) else {
        return;
    };
    assert_eq!(
        assume(&folder, "endpoint: sandbox, base: sandbox").as_deref(),
        Ok("AKIASANDBOX in us-east-1")
    );
}

#[test]
fn the_sandbox_goes_through_no_proxy() {
    let variables = [
        &KEYS[..],
        &ENDPOINTS,
        &[
            ("HTTP_PROXY", "DECOY"),
            ("http_proxy", "DECOY"),
            ("ALL_PROXY", "DECOY"),
        ],
    ]
    .concat();
    let Some(folder) = in_own_process("the_sandbox_goes_through_no_proxy", &variables) else {
        return;
    };
    assert_eq!(
        assume(&folder, "endpoint: sandbox, base: sandbox").as_deref(),
        Ok("AKIASANDBOX in us-east-1")
    );
}
