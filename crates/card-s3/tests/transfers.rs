//! Transfers against the sandbox: sizes at the edges, copies, cancels.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use aws_sdk_s3::{Client, config::Builder};
use flowrun_card::{CardError, ErrorKind};
use serde_json::{Value as Json, json};
use support::{World, bytes, sandbox::Server};

const MIB: usize = 1_024 * 1_024;

fn at(bucket: &str, key: &str, more: Json) -> Json {
    let mut input = json!({ "connection": "admin", "bucket": bucket, "key": key });
    let fields = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(fields);
    input
}

fn copy(from: (&str, &str, &str), to: (&str, &str, &str)) -> Json {
    json!({
        "source": { "connection": from.0, "bucket": from.1, "key": from.2 },
        "destination": { "connection": to.0, "bucket": to.1, "key": to.2 },
    })
}

/// The SDK's own client, to look at what cards leave behind.
async fn client(world: &World) -> Client {
    use flowrun_card::{
        ConnectionKind, ConnectionRef, Connections, RunIdentity, Scope, SessionRequest,
    };
    use flowrun_connections::{AwsS3, AwsSession};
    let session = world
        .sessions
        .session(SessionRequest {
            connection: ConnectionRef::new(AwsS3::NAME, "admin"),
            scope: Scope::whole(),
            run: RunIdentity {
                run_id: "run".to_owned(),
                flow: "test".to_owned(),
            },
        })
        .await
        .unwrap();
    let session = session.downcast::<AwsSession>().unwrap();
    Client::from_conf(
        Builder::from(session.config())
            .force_path_style(true)
            .build(),
    )
}

async fn uploads_left(world: &World, bucket: &str) -> usize {
    let answer = client(world)
        .await
        .list_multipart_uploads()
        .bucket(bucket)
        .send()
        .await
        .unwrap();
    answer.uploads().len()
}

#[tokio::test]
async fn every_size_comes_back_as_it_went() {
    let server = Server::standard().await;
    let world = server.world();
    for (length, parts) in [
        (0, None),
        (1, None),
        (16 * MIB - 1, None),
        (16 * MIB, Some(2)),
        (16 * MIB + 1, Some(3)),
        (41 * MIB + 7, Some(6)),
    ] {
        let content = bytes(length);
        world.write("in", &content);
        let input = at("plain", "a", json!({ "file": "in" }));
        let stored = world.run("s3.upload", input).await.unwrap();
        assert_eq!(stored["size"], length);
        let etag = stored["etag"].as_str().unwrap();
        let end = etag
            .split_once('-')
            .map(|(_, parts)| parts.parse().unwrap());
        assert_eq!(end, parts, "{length}");
        assert!(stored["checksum_crc64nvme"].is_string(), "{length}");
        // Within the connection, then to another one, then back to disk.
        for input in [
            copy(("admin", "plain", "a"), ("admin", "plain", "b")),
            copy(("admin", "plain", "b"), ("other", "versioned", "c")),
        ] {
            let copied = world.run("s3.copy", input).await.unwrap();
            assert_eq!(copied["size"], length);
        }
        let input = at("versioned", "c", json!({ "to": "out" }));
        let got = world.run("s3.download", input).await.unwrap();
        assert_eq!(got["size"], length);
        assert!(
            std::fs::read(world.folder().join("out")).unwrap() == content,
            "{length}"
        );
    }
    assert_eq!(uploads_left(&world, "plain").await, 0);
    assert_eq!(uploads_left(&world, "versioned").await, 0);
}

#[tokio::test]
async fn a_copy_keeps_content_headers_and_metadata() {
    let server = Server::standard().await;
    let world = server.world();
    for length in [3, 16 * MIB] {
        client(&world)
            .await
            .put_object()
            .bucket("versioned")
            .key("a")
            .body(bytes(length).into())
            .content_type("text/csv")
            .cache_control("no-cache")
            .content_disposition("attachment")
            .content_language("de")
            .content_encoding("br")
            .metadata("origin", "test")
            .tagging("team=blue")
            .customize()
            .mutate_request(|request| {
                let expires = "Thu, 01 Jan 2037 00:00:00 GMT";
                request.headers_mut().insert("expires", expires);
            })
            .send()
            .await
            .unwrap();
        for connection in ["admin", "other"] {
            let input = copy(("admin", "versioned", "a"), (connection, "plain", "b"));
            let copied = world.run("s3.copy", input).await.unwrap();
            let source = world
                .run("s3.head_object", at("versioned", "a", json!({})))
                .await
                .unwrap();
            let head = world
                .run("s3.head_object", at("plain", "b", json!({})))
                .await
                .unwrap();
            assert_eq!(copied["source_version_id"], source["version_id"]);
            for field in [
                "size",
                "content_type",
                "cache_control",
                "content_disposition",
                "content_language",
                "content_encoding",
                "expires",
                "metadata",
            ] {
                assert_eq!(head[field], source[field], "{connection} {field}");
            }
            assert_eq!(head["metadata"], json!({ "origin": "test" }));
            let client = client(&world).await;
            for (bucket, key, tags) in [("versioned", "a", 1), ("plain", "b", 0)] {
                let tagging = client.get_object_tagging().bucket(bucket).key(key);
                let found = tagging.send().await.unwrap();
                assert_eq!(found.tag_set().len(), tags, "{connection} {bucket}");
            }
        }
    }
}

#[tokio::test]
async fn a_version_that_is_named_is_the_one_that_is_copied() {
    let server = Server::standard().await;
    let world = server.world();
    let input = |text: &str| at("versioned", "a", json!({ "text": text }));
    let first = world.run("s3.upload", input("one")).await.unwrap();
    world.run("s3.upload", input("twice")).await.unwrap();
    for connection in ["admin", "other"] {
        let mut input = copy(("admin", "versioned", "a"), (connection, "plain", "b"));
        input["source"]["version_id"] = first["version_id"].clone();
        let copied = world.run("s3.copy", input).await.unwrap();
        assert_eq!(copied["size"], 3);
        assert_eq!(copied["source_version_id"], first["version_id"]);
    }
}

#[tokio::test]
async fn a_cancelled_upload_leaves_no_parts() {
    let server = Server::standard().await;
    let world = server.world();
    world.write("big", &bytes(64 * MIB));
    let input = at("plain", "a", json!({ "file": "big" }));
    let cancel = async {
        while world.progress.snapshot().bytes == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(uploads_left(&server.world(), "plain").await, 1);
        world.cancellation.cancel();
    };
    let (result, ()) = tokio::join!(world.run("s3.upload", input), cancel);
    assert_eq!(result.unwrap_err(), CardError::cancelled());
    let world = server.world();
    assert_eq!(uploads_left(&world, "plain").await, 0);
    let error = world
        .run("s3.head_object", at("plain", "a", json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_folder_goes_up_as_it_is() {
    let server = Server::standard().await;
    let world = server.world();
    world.write("folder/b/c d+e", b"abc");
    world.write("folder/a", b"");
    world.write("folder/z", &bytes(17 * MIB));
    std::os::unix::fs::symlink("a", world.folder().join("folder/link")).unwrap();
    let input =
        json!({ "connection": "admin", "folder": "folder", "bucket": "versioned", "prefix": "p" });
    let output = world.run("s3.upload_folder", input).await.unwrap();
    let uploaded: Vec<_> = output["uploaded"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            (
                file["key"].as_str().unwrap(),
                file["path"].as_str().unwrap(),
                file["size"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        uploaded,
        [
            ("pa", "a", 0),
            ("pb/c d+e", "b/c d+e", 3),
            ("pz", "z", 17 * MIB as u64)
        ]
    );
    assert_eq!(output["count"], 3);
    assert_eq!(output["bytes"], 3 + 17 * MIB);
    assert_eq!(output["skipped"], json!(["link"]));
    let progress = world.progress.snapshot();
    assert_eq!((progress.items, progress.total_items), (3, 3));
    assert_eq!(
        (progress.bytes, progress.total_bytes),
        (3 + 17 * MIB as u64, 3 + 17 * MIB as u64)
    );
}
