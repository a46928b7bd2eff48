//! How errors of requests are told.

use std::time::Duration;

use aws_credential_types::provider::{
    ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future,
};
use flowrun_card::{CardError, ErrorKind, Retry};
use serde_json::json;

use crate::{
    MIB,
    support::{
        self, bytes,
        scripted::{Answer, Scripted},
    },
};

#[tokio::test]
async fn an_error_tells_what_where_and_what_next() {
    let check = async |answer: Answer, expect: CardError| {
        let server = Scripted::start(move |_, _| answer.clone()).await;
        let input = json!({ "connection": "it", "bucket": "bucket", "key": "a/b" });
        let error = server.world.run("s3.head_object", input).await.unwrap_err();
        assert_eq!(error, expect);
    };
    let place = |error: CardError| {
        error
            .context("bucket", "bucket")
            .context("key", "a/b")
            .context("connection", "it")
    };
    check(
        Answer::new(404, "")
            .header("x-amz-request-id", "R1")
            .header("x-amz-id-2", "I2"),
        place(CardError::new(ErrorKind::NotFound, "the object does not exist").code("NotFound"))
            .context("request_id", "R1")
            .context("id2", "I2"),
    )
    .await;
    check(
        Answer::new(403, ""),
        place(CardError::new(
            ErrorKind::PermissionDenied,
            "connection `it` is not allowed s3:GetObject on arn:aws:s3:::bucket/a/b",
        ))
        .help(
            "grant it in the policy of role arn:aws:iam::222222222222:role/test, and check that \
             no bucket policy denies it; S3 says the same of an object that does not exist where \
             s3:ListBucket is not granted; `flowrun connections test it --flow FLOW` asks S3 for all \
             that a flow needs, and `flowrun policy FLOW --check FILE` compares the policy with that",
        ),
    )
    .await;
    check(
        Answer::new(503, "").header("retry-after", "7"),
        place(
            CardError::new(ErrorKind::RateLimited, "S3 refused HeadObject: status 503")
                .transient(Some(Duration::from_secs(7))),
        )
        .help("give the card a `retry`, and lower `max_parallel` if it goes on"),
    )
    .await;
    check(
        Answer::new(301, "").header("x-amz-bucket-region", "us-west-2"),
        place(CardError::new(
            ErrorKind::Connection,
            "S3 refused HeadObject: status 301",
        ))
        .help("the bucket is in region `us-west-2`: use a connection whose `region` is that"),
    )
    .await;
    // A HEAD that is signed for another region has no code.
    check(
        Answer::new(400, "").header("x-amz-bucket-region", "us-west-2"),
        place(CardError::new(
            ErrorKind::Connection,
            "S3 refused HeadObject: status 400",
        ))
        .help("the bucket is in region `us-west-2`: use a connection whose `region` is that"),
    )
    .await;
    check(
        Answer::new(400, "").header("x-amz-bucket-region", "eu-central-1"),
        place(CardError::new(
            ErrorKind::InvalidInput,
            "S3 refused HeadObject: status 400",
        ))
        .help("if the object is encrypted with a key of its owner, give it as `sse_customer_key`"),
    )
    .await;
    check(
        Answer::new(401, ""),
        place(CardError::new(
            ErrorKind::Connection,
            "S3 refused HeadObject: status 401",
        ))
        .help("run `flowrun connections test it`"),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let world = support::World::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let credentials = aws_credential_types::Credentials::for_tests();
    world
        .sessions
        .add("it", support::config(&url, credentials), None);
    let input = json!({ "connection": "it", "bucket": "bucket", "key": "a" });
    let error = world.run("s3.head_object", input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.retry, Retry::Transient { after: None });
    assert_eq!(
        error.message,
        "S3 cannot be reached for HeadObject: connection refused"
    );
}

/// The clock stands still and leaps to the next timer while nothing happens.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    for (card, more, operation) in [
        ("s3.head_object", json!({}), "HeadObject"),
        ("s3.download", json!({ "to": "out" }), "GetObject"),
        ("s3.upload", json!({ "text": "abc" }), "PutObject"),
        (
            "s3.upload",
            json!({ "file": "big" }),
            "CreateMultipartUpload",
        ),
    ] {
        let server = Scripted::start(|_, _| Answer::hang()).await;
        server.world.write("big", &bytes(16 * MIB));
        let mut input = json!({ "connection": "it", "bucket": "bucket", "key": "a" });
        let fields = more.as_object().unwrap().clone();
        input.as_object_mut().unwrap().extend(fields);
        let error = server.world.run(card, input).await.unwrap_err();
        assert_eq!(
            (error.kind, error.message),
            (
                ErrorKind::Unavailable,
                format!("S3 did not answer {operation} in time")
            )
        );
        assert_eq!(error.retry, Retry::Transient { after: None });
    }
}

/// A provider of credentials that has none.
#[derive(Debug)]
struct NoCredentials(Option<CardError>);

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let error = match self.0.clone() {
            Some(own) => CredentialsError::provider_error(own),
            None => CredentialsError::provider_error("the file is gone"),
        };
        future::ProvideCredentials::ready(Err(error))
    }
}

#[tokio::test]
async fn a_connection_without_credentials_tells_its_own_error() {
    let own = CardError::new(ErrorKind::PermissionDenied, "the role cannot be assumed")
        .context("role", "r")
        .help("check the External ID");
    let place = |error: CardError| {
        error
            .context("bucket", "bucket")
            .context("key", "a")
            .context("connection", "it")
    };
    let gone = CardError::new(
        ErrorKind::Connection,
        "connection `it` gives no credentials: the file is gone",
    )
    .transient(None)
    .help("run `flowrun connections test it`");
    let names_it = own.clone().context("connection", "it");
    let placed = names_it
        .clone()
        .context("bucket", "bucket")
        .context("key", "a");
    for (provider, expect) in [
        (NoCredentials(Some(own.clone())), place(own)),
        (NoCredentials(Some(names_it)), placed),
        (NoCredentials(None), place(gone)),
    ] {
        let world = support::World::new();
        let credentials = aws_credential_types::Credentials::for_tests();
        let config = support::config("http://127.0.0.1:9", credentials)
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(provider))
            .build();
        world.sessions.add("it", config, None);
        let input = json!({ "connection": "it", "bucket": "bucket", "key": "a" });
        let error = world.run("s3.head_object", input).await.unwrap_err();
        assert_eq!(error, expect);
    }
}
