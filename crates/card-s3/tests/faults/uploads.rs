//! Uploads that break.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use flowrun_card::{CardError, ErrorKind, Retry};
use serde_json::json;

use crate::{
    MIB, crc64nvme, multipart,
    support::{
        self, bytes,
        scripted::{Answer, Scripted},
    },
};

const UPLOAD: &str = "s3.upload";

fn put_file() -> serde_json::Value {
    json!({ "connection": "it", "bucket": "bucket", "key": "a", "file": "big" })
}

#[tokio::test]
async fn parts_carry_checksums_and_the_id_is_marked_before_the_first() {
    let server = Scripted::start(|request, _| multipart(request)).await;
    let content = bytes(17 * MIB);
    server.world.write("big", &content);
    let output = server.world.run(UPLOAD, put_file()).await.unwrap();
    assert_eq!(
        output,
        json!({
            "bucket": "bucket", "key": "a", "etag": "done-2", "version_id": null,
            "size": 17 * MIB, "checksum_crc64nvme": null,
        })
    );
    let requests = server.requests();
    let mut lines = server.lines();
    lines[1..4].sort();
    assert_eq!(
        lines,
        [
            "POST /bucket/a?uploads",
            "PUT /bucket/a?partNumber=1&uploadId=U1",
            "PUT /bucket/a?partNumber=2&uploadId=U1",
            "PUT /bucket/a?partNumber=3&uploadId=U1",
            "POST /bucket/a?uploadId=U1",
        ]
    );
    assert_eq!(
        requests[0].header("x-amz-checksum-algorithm"),
        Some("CRC64NVME")
    );
    assert_eq!(
        requests[0].header("x-amz-checksum-type"),
        Some("FULL_OBJECT")
    );
    for request in &requests[1..4] {
        let length = request.body.len().to_string();
        assert_eq!(request.header("content-length"), Some(length.as_str()));
        assert_eq!(request.header("x-amz-trailer"), None);
        assert_eq!(
            request.header("x-amz-checksum-crc64nvme"),
            Some(&*crc64nvme(&request.body))
        );
    }
    let complete = requests.last().unwrap();
    assert_eq!(
        complete.header("x-amz-checksum-crc64nvme"),
        Some(&*crc64nvme(&content))
    );
    assert_eq!(
        complete.header("x-amz-mp-object-size"),
        Some(&*content.len().to_string())
    );
    let marks = server.world.marks.0.lock().unwrap().clone();
    let marks: Vec<_> = marks
        .into_iter()
        .map(|(name, value)| (name, serde_json::to_value(value).unwrap()))
        .collect();
    assert_eq!(
        marks,
        [
            (
                "upload_id".to_owned(),
                json!({ "bucket": "bucket", "key": "a", "upload_id": "U1" })
            ),
            ("upload_id".to_owned(), json!(null)),
        ]
    );
}

#[tokio::test]
async fn a_part_is_sent_again_and_an_upload_that_fails_is_aborted() {
    // One fault costs one part.
    let server = Scripted::start(|request, before| match before {
        1 => Answer::error(503, "SlowDown"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    server.world.run(UPLOAD, put_file()).await.unwrap();
    assert_eq!(server.requests().len(), 1 + 3 + 1);

    // Three are one too many.
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "PUT" => Answer::error(503, "SlowDown"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let error = server.world.run(UPLOAD, put_file()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited);
    let aborted = "DELETE /bucket/a?uploadId=U1".to_owned();
    assert!(server.lines().contains(&aborted), "{:?}", server.lines());
}

#[tokio::test]
async fn a_200_with_an_error_in_it_is_an_error() {
    let server = Scripted::start(|request, _| match (&*request.method, &*request.target) {
        ("POST", target) if !target.contains("uploads") => Answer::error(200, "InternalError"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let error = server.world.run(UPLOAD, put_file()).await.unwrap_err();
    assert_eq!(
        (error.kind, error.code.as_deref()),
        (ErrorKind::Unavailable, Some("InternalError"))
    );
    assert_eq!(
        server.lines().last().unwrap(),
        "DELETE /bucket/a?uploadId=U1"
    );
}

#[tokio::test]
async fn a_lost_answer_to_complete_says_that_the_end_is_not_known() {
    let server = Scripted::start(|request, before| match (&*request.method, before) {
        ("POST", 3) => Answer::new(200, "<Com").of_length(100),
        ("POST", 4) => Answer::error(404, "NoSuchUpload"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let error = server.world.run(UPLOAD, put_file()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.retry, Retry::Transient { after: None });
    assert!(
        error.message.contains("may have been completed"),
        "{}",
        error.message
    );
}

/// Uploads in parts to a server that answers the requests to complete them as told, and has no
/// upload left when it is asked to abort it.
async fn lost_end(
    input: serde_json::Value,
    complete: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> CardError {
    let completes = AtomicUsize::new(0);
    let server = Scripted::start(move |request, _| match request.line().as_str() {
        "POST /bucket/a?uploadId=U1" => complete(completes.fetch_add(1, SeqCst)),
        "DELETE /bucket/a?uploadId=U1" => Answer::error(404, "NoSuchUpload"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let cancellation = server.world.cancellation.clone();
    let cancel = async {
        while server.lines().len() < 4 {
            tokio::task::yield_now().await;
        }
        if input["cancel"] == true {
            cancellation.cancel();
        }
    };
    let mut input = input.clone();
    input.as_object_mut().unwrap().remove("cancel");
    let (result, ()) = tokio::join!(server.world.run(UPLOAD, input), cancel);
    result.unwrap_err()
}

#[tokio::test]
async fn an_upload_that_is_gone_without_an_answer_may_have_been_stored() {
    const LOST: &str = "the answer to CompleteMultipartUpload was lost, and the upload is gone: \
                        it may have been completed";
    let lost = || Answer::new(200, "<Com").of_length(100);
    let check = |error: CardError, kind: ErrorKind, message: &str| {
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    };
    let error = lost_end(put_file(), move |_| lost()).await;
    assert_eq!(error.retry, Retry::Transient { after: None });
    check(error, ErrorKind::Unavailable, LOST);

    let mut once = put_file();
    once["if_none_match"] = json!(true);
    let error = lost_end(once, move |before| match before {
        0 => lost(),
        _ => Answer::error(412, "PreconditionFailed"),
    })
    .await;
    assert_eq!(
        error.help.as_deref(),
        Some(
            "look at the object: if this upload stored it, `if_none_match` refuses it a second time"
        )
    );
    check(error, ErrorKind::Unavailable, LOST);

    let mut cancelled = put_file();
    cancelled["cancel"] = json!(true);
    check(
        lost_end(cancelled, |_| Answer::hang()).await,
        ErrorKind::Cancelled,
        "cancelled while S3 made the object of its parts, so it may have been stored",
    );

    // What S3 refuses at once is known.
    let error = lost_end(put_file(), |_| Answer::error(400, "InvalidPart")).await;
    check(
        error,
        ErrorKind::Integrity,
        "S3 refused CompleteMultipartUpload: InvalidPart: Said so",
    );
}

#[tokio::test]
async fn an_abort_that_is_denied_names_what_is_missing() {
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "PUT" => Answer::error(400, "EntityTooSmall"),
        "DELETE" => Answer::error(403, "AccessDenied"),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let error = server.world.run(UPLOAD, put_file()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(error.context.contains(&("upload_id", "U1".to_owned())));
    let help = error.help.unwrap();
    assert!(
        help.contains("s3:AbortMultipartUpload on arn:aws:s3:::bucket/a"),
        "{help}"
    );
}

#[tokio::test]
async fn an_upload_that_an_earlier_process_left_is_aborted_first() {
    let server = Scripted::start(|request, _| multipart(request)).await;
    let left = json!({ "bucket": "bucket", "key": "a", "upload_id": "U0" });
    let elsewhere = json!({ "bucket": "bucket", "key": "b", "upload_id": "U0" });
    server.world.write("big", &bytes(16 * MIB));
    for (mark, first) in [
        (left, "DELETE /bucket/a?uploadId=U0"),
        (elsewhere, "POST /bucket/a?uploads"),
    ] {
        let before = server.requests().len();
        let mark = ("upload_id".to_owned(), support::value(mark));
        server.world.marks.0.lock().unwrap().push(mark);
        server.world.run(UPLOAD, put_file()).await.unwrap();
        assert_eq!(server.lines()[before], first);
    }
}

#[tokio::test]
async fn a_cancelled_upload_is_aborted() {
    let server = Scripted::start(|request, _| match request.method.as_str() {
        "PUT" => Answer::hang(),
        _ => multipart(request),
    })
    .await;
    server.world.write("big", &bytes(16 * MIB));
    let cancellation = server.world.cancellation.clone();
    let cancel = async {
        while server.requests().len() < 3 {
            tokio::task::yield_now().await;
        }
        cancellation.cancel();
    };
    let (result, ()) = tokio::join!(server.world.run(UPLOAD, put_file()), cancel);
    assert_eq!(result.unwrap_err(), CardError::cancelled());
    assert_eq!(
        server.lines().last().unwrap(),
        "DELETE /bucket/a?uploadId=U1"
    );
}

#[tokio::test]
async fn a_folder_that_fails_aborts_its_other_uploads() {
    let server = Scripted::start(|request, _| match (&*request.method, &*request.target) {
        // The small file fails once the big one is under way.
        ("PUT", target) if target.contains("/small") => Answer::error(400, "InvalidRequest"),
        ("PUT", _) => Answer::hang(),
        _ => multipart(request),
    })
    .await;
    server.world.write("folder/big", &bytes(16 * MIB));
    server.world.write("folder/small", b"abc");
    let input = json!({ "connection": "it", "folder": "folder", "bucket": "bucket" });
    let error = server
        .world
        .run("s3.upload_folder", input)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    assert!(
        error.context.contains(&("path", "small".to_owned())),
        "{error}"
    );
    let lines = server.lines();
    let started = lines.contains(&"POST /bucket/big?uploads".to_owned());
    let aborted = lines.contains(&"DELETE /bucket/big?uploadId=U1".to_owned());
    assert_eq!(started, aborted, "{lines:?}");
}

#[tokio::test]
async fn a_file_that_changes_is_not_stored() {
    let server = Scripted::start(|request, _| multipart(request)).await;
    // Longer than the parts in flight, so that the end is not read before the first part is sent.
    let path = server.world.write("big", &bytes(64 * MIB));
    let change = async {
        while server.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
        let file = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap();
        std::io::Write::write_all(&mut &file, b"more").unwrap();
    };
    let (result, ()) = tokio::join!(server.world.run(UPLOAD, put_file()), change);
    assert_eq!(result.unwrap_err().kind, ErrorKind::Integrity);
    assert_eq!(
        server.lines().last().unwrap(),
        "DELETE /bucket/a?uploadId=U1"
    );
}

#[tokio::test]
async fn a_stored_object_with_another_checksum_is_an_error() {
    let server = Scripted::start(|_, _| {
        Answer::new(200, "").header("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
    })
    .await;
    let input = json!({ "connection": "it", "bucket": "bucket", "key": "a", "text": "abc" });
    let error = server.world.run(UPLOAD, input).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Integrity);
    let place = [("bucket", "bucket"), ("key", "a"), ("connection", "it")];
    assert_eq!(
        error.context,
        place.map(|(name, value)| (name, value.to_owned()))
    );
}
