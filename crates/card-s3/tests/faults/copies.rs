//! Copies that break, and those that no test can afford on a real server.

use flowrun_card::ErrorKind;
use serde_json::json;

use crate::{
    MIB, multipart,
    support::scripted::{Answer, Scripted},
    whole,
};

fn within(key: &str) -> serde_json::Value {
    json!({
        "source": { "connection": "it", "bucket": "bucket", "key": "a b" },
        "destination": { "connection": "it", "bucket": "bucket", "key": key },
    })
}

#[tokio::test]
async fn metadata_that_would_be_lost_is_an_error() {
    let server = Scripted::start(|_, _| whole(b"abc").header("x-amz-missing-meta", "1")).await;
    let input = json!({
        "source": { "connection": "it", "bucket": "bucket", "key": "a" },
        "destination": { "connection": "other", "bucket": "bucket", "key": "b" },
    });
    let error = server.world.run("s3.copy", input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Integrity);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_copy_of_more_than_5_gib_goes_in_parts_with_its_metadata() {
    const GIB: usize = 1_024 * MIB;
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "HEAD" => whole(b"")
            .of_length(6 * GIB + 1)
            .header("content-type", "text/csv")
            .header("expires", "0")
            .header("x-amz-version-id", "V1")
            .header("x-amz-meta-origin", "test"),
        "PUT" => Answer::new(
            200,
            "<CopyPartResult><ETag>\"part\"</ETag></CopyPartResult>",
        ),
        _ => multipart(request),
    })
    .await;
    let output = server.world.run("s3.copy", within("b")).await.unwrap();
    assert_eq!(
        output,
        json!({
            "bucket": "bucket", "key": "b", "etag": "done-2", "version_id": null,
            "size": 6 * GIB + 1, "source_version_id": "V1",
        })
    );
    let requests = server.requests();
    let create = &requests[1];
    assert_eq!(create.line(), "POST /bucket/b?uploads");
    assert_eq!(create.header("content-type"), Some("text/csv"));
    assert_eq!(create.header("expires"), Some("0"));
    assert_eq!(create.header("x-amz-meta-origin"), Some("test"));
    let mut next = 0;
    let parts = &requests[2..requests.len() - 1];
    assert_eq!(parts.len(), 49);
    let mut ranges: Vec<(usize, usize)> = parts
        .iter()
        .map(|part| {
            assert_eq!(part.header("x-amz-copy-source"), Some("bucket/a%20b"));
            assert_eq!(part.header("x-amz-copy-source-if-match"), Some("\"tag\""));
            let range = part.header("x-amz-copy-source-range").unwrap();
            let (from, to) = range
                .strip_prefix("bytes=")
                .unwrap()
                .split_once('-')
                .unwrap();
            (from.parse().unwrap(), to.parse().unwrap())
        })
        .collect();
    ranges.sort_unstable();
    for (from, to) in ranges {
        assert_eq!(from, next);
        next = to + 1;
    }
    assert_eq!(next, 6 * GIB + 1);
    assert_eq!(server.lines().last().unwrap(), "POST /bucket/b?uploadId=U1");
}

#[tokio::test]
async fn a_source_that_changes_is_not_copied() {
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "HEAD" => whole(b"abc"),
        _ => Answer::error(412, "PreconditionFailed"),
    })
    .await;
    let error = server.world.run("s3.copy", within("b")).await.unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (
            ErrorKind::PreconditionFailed,
            "the object changed while it was read, so nothing was stored"
        )
    );
    let copy = &server.requests()[1];
    assert_eq!(copy.header("x-amz-copy-source-if-match"), Some("\"tag\""));
}

#[tokio::test]
async fn a_streamed_copy_is_checked_before_it_is_stored() {
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "GET" => whole(b"abc").header("x-amz-checksum-crc64nvme", "AAAAAAAAAAA="),
        _ => Answer::new(200, ""),
    })
    .await;
    let mut input = within("b");
    input["destination"]["connection"] = json!("other");
    let error = server.world.run("s3.copy", input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Integrity);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_copy_with_a_200_with_an_error_in_it_is_an_error() {
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "HEAD" => whole(b"abc"),
        _ => Answer::error(200, "SlowDown"),
    })
    .await;
    let input = json!({
        "source": { "connection": "it", "bucket": "bucket", "key": "a" },
        "destination": { "connection": "it", "bucket": "bucket", "key": "b" },
    });
    let error = server.world.run("s3.copy", input).await.unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::RateLimited, Some("SlowDown"))
    );
}
