//! What the tests of the sandbox's IAM share: a seed, clients of the AWS SDKs, and what a refusal
//! says.

#![allow(dead_code, reason = "each test file uses a part of this")]
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use aws_credential_types::Credentials;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::Credentials as StsCredentials;
use flowrun_sandbox::{BucketOptions, Keys, Sandbox, Seed, State};

pub(crate) const CUSTOMER: &str = "222222222222";
pub(crate) const OTHER: &str = "333333333333";
pub(crate) const EXTERNAL_ID: &str = "right-id";

pub(crate) fn trust(external_id: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{
            "Effect": "Allow",
            "Principal": {{"AWS": "arn:aws:iam::111111111111:root"}},
            "Action": "sts:AssumeRole",
            "Condition": {{"StringEquals": {{"sts:ExternalId": "{external_id}"}}}}}}]}}"#
    )
}

pub(crate) fn policy(statements: &str) -> String {
    format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#)
}

pub(crate) fn allow(actions: &str, resources: &str) -> String {
    format!(r#"{{"Effect": "Allow", "Action": {actions}, "Resource": {resources}}}"#)
}

pub(crate) fn role_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

/// A customer with a bucket and some roles, and another customer with a bucket.
pub(crate) fn seed() -> Seed {
    let everything = policy(&allow(r#""*""#, r#""*""#));
    let reader = policy(&allow(
        r#"["s3:Get*", "s3:PutObject"]"#,
        r#""arn:aws:s3:::reports/in/*""#,
    ));
    let cleaner = policy(&allow(
        r#""s3:DeleteObject""#,
        r#""arn:aws:s3:::reports/in/*""#,
    ));
    let lister = policy(
        &[
            allow(r#"["s3:ListBucket"]"#, r#""arn:aws:s3:::reports""#),
            allow(r#""s3:GetObject""#, r#""arn:aws:s3:::reports/*""#),
        ]
        .join(","),
    );
    let denied = policy(
        &[
            allow(r#""s3:*""#, r#""*""#),
            r#"{"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}"#.to_owned(),
        ]
        .join(","),
    );
    let chained = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
            "Principal": {{"AWS": "{}"}}, "Action": "sts:AssumeRole"}}]}}"#,
        role_arn(CUSTOMER, "all")
    );
    Seed::new()
        .bucket(CUSTOMER, "reports", BucketOptions::default())
        .and_then(|seed| seed.bucket(OTHER, "foreign", BucketOptions::default()))
        .and_then(|seed| seed.role(CUSTOMER, "all", &trust(EXTERNAL_ID), &everything, 7200))
        .and_then(|seed| seed.role(CUSTOMER, "reader", &trust(EXTERNAL_ID), &reader, 3600))
        .and_then(|seed| seed.role(CUSTOMER, "cleaner", &trust(EXTERNAL_ID), &cleaner, 3600))
        .and_then(|seed| seed.role(CUSTOMER, "lister", &trust(EXTERNAL_ID), &lister, 3600))
        .and_then(|seed| seed.role(CUSTOMER, "denied", &trust(EXTERNAL_ID), &denied, 3600))
        .and_then(|seed| seed.role(OTHER, "other", &trust("other-id"), &everything, 3600))
        .and_then(|seed| seed.role(OTHER, "chained", &chained, &everything, 7200))
        .unwrap()
}

pub(crate) async fn start() -> Sandbox {
    Sandbox::start(seed(), State::Memory).await.unwrap()
}

pub(crate) fn credentials(id: &str, secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new(id, secret, token.map(str::to_owned), None, "test")
}

pub(crate) fn of_user(keys: &Keys) -> Credentials {
    credentials(
        keys.access_key_id(),
        keys.secret_access_key().expose(),
        None,
    )
}

pub(crate) fn of_session(keys: &StsCredentials) -> Credentials {
    credentials(
        keys.access_key_id(),
        keys.secret_access_key(),
        Some(keys.session_token()),
    )
}

pub(crate) fn config(sandbox: &Sandbox, credentials: Credentials) -> aws_config::SdkConfig {
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new(sandbox.region().to_owned()))
        .endpoint_url(sandbox.url())
        .credentials_provider(
            aws_credential_types::provider::SharedCredentialsProvider::new(credentials),
        )
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .build()
}

pub(crate) fn sts(sandbox: &Sandbox, credentials: Credentials) -> aws_sdk_sts::Client {
    aws_sdk_sts::Client::new(&config(sandbox, credentials))
}

pub(crate) fn s3(sandbox: &Sandbox, credentials: Credentials) -> aws_sdk_s3::Client {
    let config = config(sandbox, credentials);
    let config = aws_sdk_s3::config::Builder::from(&config)
        .force_path_style(true)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

pub(crate) async fn assume(sandbox: &Sandbox, role: &str, external_id: &str) -> StsCredentials {
    sts(sandbox, of_user(sandbox.operator()))
        .assume_role()
        .role_arn(role)
        .role_session_name("run-1")
        .external_id(external_id)
        .send()
        .await
        .unwrap()
        .credentials
        .unwrap()
}

pub(crate) async fn session(sandbox: &Sandbox, role: &str) -> aws_sdk_s3::Client {
    let keys = assume(sandbox, &role_arn(CUSTOMER, role), EXTERNAL_ID).await;
    s3(sandbox, of_session(&keys))
}

/// Status and code of what has to fail.
pub(crate) fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> (u16, String) {
    let error = result.unwrap_err();
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    (status, error.code().unwrap_or_default().to_owned())
}

pub(crate) fn message<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    result: Result<T, SdkError<E>>,
) -> String {
    result.unwrap_err().message().unwrap_or_default().to_owned()
}

pub(crate) fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// The answer to a plain GET.
pub(crate) async fn get(url: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (address, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
