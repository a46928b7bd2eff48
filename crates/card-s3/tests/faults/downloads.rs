//! Downloads that break.

use std::os::unix::fs::symlink;

use flowrun_card::{CardError, ErrorKind};
use serde_json::json;

use crate::{
    crc64nvme,
    support::{
        bytes,
        scripted::{Answer, Request, Scripted},
    },
    whole,
};

fn get(key: &str) -> serde_json::Value {
    json!({ "connection": "it", "bucket": "bucket", "key": key, "to": "out/file" })
}

fn rest(body: &[u8], request: &Request) -> Answer {
    let range = request.header("range").unwrap();
    let from: usize = range
        .strip_prefix("bytes=")
        .unwrap()
        .trim_end_matches('-')
        .parse()
        .unwrap();
    let of = body.len();
    Answer::new(206, &body[from..])
        .header("etag", "\"tag\"")
        .header("content-range", &format!("bytes {from}-{}/{of}", of - 1))
}

#[tokio::test]
async fn a_broken_download_goes_on_behind_the_last_byte() {
    let content = bytes(300_000);
    let checksum = crc64nvme(&content);
    let served = content.clone();
    let server = Scripted::start(move |request, before| match before {
        0 => whole(&served[..100_000])
            .of_length(300_000)
            .header("x-amz-checksum-crc64nvme", &checksum)
            .header("x-amz-checksum-type", "FULL_OBJECT"),
        1 => Answer::error(500, "InternalError"),
        2 => rest(&served[..200_000], request).of_length(served.len() - 100_000),
        _ => rest(&served, request),
    })
    .await;
    server.world.run("s3.download", get("a")).await.unwrap();
    let requests = server.requests();
    let asked: Vec<_> = requests
        .iter()
        .map(|request| (request.header("range"), request.header("if-match")))
        .collect();
    assert_eq!(asked[0], (None, None));
    assert_eq!(asked[1], (Some("bytes=100000-"), Some("\"tag\"")));
    assert_eq!(asked[2], asked[1]);
    assert_eq!(asked[3], (Some("bytes=200000-"), Some("\"tag\"")));
    assert_eq!(asked.len(), 4);
    assert_eq!(
        std::fs::read(server.world.folder().join("out/file")).unwrap(),
        content
    );
    assert_eq!(server.world.files(), ["out/file"]);
    assert_eq!(server.world.progress.snapshot().bytes, 300_000);
}

/// Downloads under a script that never gives the right bytes.
async fn no_download(
    script: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
) -> (ErrorKind, String) {
    let server = Scripted::start(script).await;
    server.world.write("out/file", b"as it was");
    let error = server.world.run("s3.download", get("a")).await.unwrap_err();
    assert_eq!(server.world.files(), ["out/file"]);
    assert_eq!(
        std::fs::read(server.world.folder().join("out/file")).unwrap(),
        b"as it was"
    );
    (error.kind, error.message)
}

#[tokio::test]
async fn a_download_that_is_not_whole_leaves_nothing() {
    let (kind, _) = no_download(|_, before| match before {
        0 => whole(b"abc").of_length(10),
        _ => Answer::error(412, "PreconditionFailed"),
    })
    .await;
    assert_eq!(kind, ErrorKind::PreconditionFailed);

    let (kind, message) = no_download(|_, _| {
        whole(b"abc")
            .header("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")
            .header("x-amz-checksum-type", "FULL_OBJECT")
    })
    .await;
    assert_eq!(kind, ErrorKind::Integrity);
    assert!(
        message.starts_with("the bytes received have CRC64NVME "),
        "{message}"
    );

    let (kind, _) = no_download(|_, _| {
        Answer::new(200, "abc").header("etag", "\"00000000000000000000000000000000\"")
    })
    .await;
    assert_eq!(kind, ErrorKind::Integrity);

    // One that ignores If-Match would go on in another object.
    let (kind, message) = no_download(|request, before| match before {
        0 => Answer::new(200, "abc")
            .of_length(10)
            .header("etag", "\"before\""),
        _ => rest(b"0123456789", request),
    })
    .await;
    assert_eq!(
        (kind, message.as_str()),
        (
            ErrorKind::PreconditionFailed,
            "the object changed while it was read, so nothing was stored"
        )
    );

    // A server that ignores Range would give the start again.
    let (kind, message) = no_download(|_, before| match before {
        0 => whole(b"abc").of_length(10),
        _ => whole(b"0123456789"),
    })
    .await;
    assert_eq!(
        (kind, message.as_str()),
        (
            ErrorKind::Integrity,
            "the server ignores Range, so a broken download cannot go on"
        )
    );

    let (kind, _) = no_download(|request, before| match before {
        0 => whole(b"abc").of_length(10),
        _ => rest(b"abcdefghij", request).of_length(100),
    })
    .await;
    assert_eq!(kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_cancelled_download_leaves_nothing() {
    let server = Scripted::start(|_, before| match before {
        0 => whole(b"abc").of_length(10),
        _ => Answer::hang(),
    })
    .await;
    let cancellation = server.world.cancellation.clone();
    let download = server.world.run("s3.download", get("a"));
    let cancel = async {
        while server.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
        // The temporary file is there while the download is under way.
        assert_eq!(server.world.files().len(), 1);
        cancellation.cancel();
    };
    let (result, ()) = tokio::join!(download, cancel);
    assert_eq!(result.unwrap_err(), CardError::cancelled());
    assert_eq!(server.world.files(), Vec::<String>::new());
}

#[tokio::test]
async fn a_download_never_leaves_its_folder() {
    let server = Scripted::start(|_, _| whole(b"abc")).await;
    let world = &server.world;
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), world.folder().join("away")).unwrap();
    let check = async |folder: Option<&str>, to: &str, expect: Result<&str, ErrorKind>| {
        let mut input = get("a");
        input["to"] = json!(to);
        input["folder"] = json!(folder);
        let result = world.run("s3.download", input).await;
        match (result, expect) {
            (Ok(output), Ok(name)) => {
                assert_eq!(output["file"]["name"], name, "{to}");
                assert_eq!(output["file"]["size"], 3, "{to}");
            }
            (Err(error), Err(kind)) => assert_eq!(error.kind, kind, "{to}: {error}"),
            (result, _) => panic!("{to}: {result:?}"),
        }
    };
    check(None, "b", Ok("b")).await;
    check(None, "x/y/../b", Err(ErrorKind::InvalidInput)).await;
    check(None, "../b", Err(ErrorKind::InvalidInput)).await;
    check(None, "/tmp/b", Err(ErrorKind::InvalidInput)).await;
    check(None, "x/", Err(ErrorKind::InvalidInput)).await;
    check(None, "x//b", Err(ErrorKind::InvalidInput)).await;
    check(None, "./b", Err(ErrorKind::InvalidInput)).await;
    check(None, &"x".repeat(256), Err(ErrorKind::InvalidInput)).await;
    check(None, "away/b", Err(ErrorKind::PermissionDenied)).await;
    check(Some(outside.path().to_str().unwrap()), "c", Ok("c")).await;
    check(Some("in/side"), "d/e", Ok("e")).await;
    assert_eq!(
        std::fs::read(world.folder().join("in/side/d/e")).unwrap(),
        b"abc"
    );
    // A folder in the way is an error, and a link in the way is replaced, not followed.
    check(None, "in", Err(ErrorKind::InvalidInput)).await;
    symlink(outside.path().join("c"), world.folder().join("link")).unwrap();
    check(None, "link", Ok("link")).await;
    assert!(
        world
            .folder()
            .join("link")
            .symlink_metadata()
            .unwrap()
            .is_file()
    );
    let names: Vec<_> = std::fs::read_dir(outside.path()).unwrap().collect();
    assert_eq!(names.len(), 1);
}
