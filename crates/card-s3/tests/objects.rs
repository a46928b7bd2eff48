//! Cards against the sandbox: what they store, find, hold and delete.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use flowrun_card::{CardError, ErrorKind, Retry};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use support::{World, bytes, sandbox::Server};

fn at(bucket: &str, key: &str, more: Json) -> Json {
    let mut input = json!({ "connection": "admin", "bucket": bucket, "key": key });
    let fields = more.as_object().unwrap().clone();
    input.as_object_mut().unwrap().extend(fields);
    input
}

async fn put(world: &World, bucket: &str, key: &str, text: &str) -> Json {
    let input = at(bucket, key, json!({ "text": text }));
    world.run("s3.upload", input).await.unwrap()
}

async fn keys(world: &World, bucket: &str, prefix: &str) -> Vec<String> {
    let input = json!({ "connection": "admin", "bucket": bucket, "prefix": prefix });
    let output = world.run("s3.list_objects", input).await.unwrap();
    let objects = output["objects"].as_array().unwrap();
    objects
        .iter()
        .map(|object| object["key"].as_str().unwrap().to_owned())
        .collect()
}

/// Keys of all sorts: characters that URLs, XML and paths make something of.
fn key() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just("//".to_owned()),
        Just("..".to_owned()),
        Just("+".to_owned()),
        Just("%2F".to_owned()),
        Just("%".to_owned()),
        Just(" ".to_owned()),
        Just("&<>\"'?#".to_owned()),
        Just("\u{1}\u{7f}".to_owned()),
        Just("e\u{301}é".to_owned()),
        Just("日本🦀".to_owned()),
        "[a-zA-Z0-9=~*!()_.-]{1,8}",
        "\\PC{1,4}",
    ];
    let short = prop::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat());
    prop_oneof![
        9 => short,
        1 => Just("é".repeat(512)),
        1 => Just("k".repeat(1_024)),
    ]
    .prop_filter("refused", |key| !key.trim().is_empty())
}

#[test]
fn keys_and_content_survive_the_round_trip() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::standard());
    let strategy = (key(), prop::collection::vec(any::<u8>(), 0..200));
    let cases = std::env::var("PROPTEST_CASES").ok();
    let cases = cases.map_or(64, |cases| cases.parse().unwrap());
    proptest!(
        ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() },
        |((key, content) in strategy)| {
            runtime.block_on(round_trip(&server, &key, &content));
        }
    );
}

async fn round_trip(server: &Server, key: &str, content: &[u8]) {
    let world = server.world();
    world.write("in", content);
    let input = at("plain", key, json!({ "file": "in" }));
    let stored = world.run("s3.upload", input).await.unwrap();
    assert_eq!(stored["key"], key);
    assert!(
        keys(&world, "plain", key).await.contains(&key.to_owned()),
        "{key:?}"
    );
    let input = json!({
        "source": { "connection": "admin", "bucket": "plain", "key": key },
        "destination": { "connection": "admin", "bucket": "versioned", "key": key },
    });
    world.run("s3.copy", input).await.unwrap();
    let input = at("versioned", key, json!({ "to": "out" }));
    let got = world.run("s3.download", input).await.unwrap();
    assert_eq!(got["size"], content.len());
    assert_eq!(std::fs::read(world.folder().join("out")).unwrap(), content);
    world
        .run("s3.delete_object", at("plain", key, json!({})))
        .await
        .unwrap();
    assert!(
        !keys(&world, "plain", key).await.contains(&key.to_owned()),
        "{key:?}"
    );
}

#[tokio::test]
async fn head_tells_what_upload_was_given() {
    let server = Server::standard().await;
    let world = server.world();
    let input = at(
        "versioned",
        "a",
        json!({ "text": "123456789", "metadata": { "origin": "test" } }),
    );
    let stored = world.run("s3.upload", input).await.unwrap();
    let head = world
        .run("s3.head_object", at("versioned", "a", json!({})))
        .await
        .unwrap();
    for field in [
        "bucket",
        "key",
        "etag",
        "version_id",
        "size",
        "checksum_crc64nvme",
    ] {
        assert_eq!(head[field], stored[field], "{field}");
    }
    assert_eq!(head["etag"], "25f9e794323b453885f5181f1b624d0b");
    assert_eq!(head["checksum_crc64nvme"], "rosUhgp5mIg=");
    assert_eq!(head["checksum_type"], "FULL_OBJECT");
    assert_eq!(head["content_type"], "text/plain; charset=utf-8");
    assert_eq!(head["metadata"], json!({ "origin": "test" }));
    assert_eq!(head["storage_class"], "STANDARD");
    assert_eq!(head["object_lock_legal_hold"], json!(null));
}

#[tokio::test]
async fn a_value_is_stored_as_json() {
    let server = Server::standard().await;
    let world = server.world();
    let check = async |content: Json| {
        let input = at("plain", "a.json", json!({ "content": content }));
        world.run("s3.upload", input).await.unwrap();
        let input = at("plain", "a.json", json!({ "to": "a.json" }));
        let got = world.run("s3.download", input).await.unwrap();
        assert_eq!(got["file"]["media_type"], "application/json");
        let stored = std::fs::read_to_string(world.folder().join("a.json")).unwrap();
        assert_eq!(stored, content.to_string());
        // No scratch file is left.
        assert_eq!(world.files(), ["a.json"]);
    };
    check(json!([])).await;
    check(json!({ "b": [1, 2.5, "é"], "a": null })).await;
    check(json!("text")).await;
    check(json!(vec!["long enough for the scratch file"; 40_000])).await;
}

#[tokio::test]
async fn if_none_match_stores_once() {
    let server = Server::standard().await;
    let world = server.world();
    world.write("big", &bytes(16 * 1_024 * 1_024));
    for content in [json!({ "text": "one" }), json!({ "file": "big" })] {
        let mut input = at("plain", "once", content);
        input["if_none_match"] = json!(true);
        world.run("s3.upload", input.clone()).await.unwrap();
        let error = world.run("s3.upload", input).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PreconditionFailed);
        world
            .run("s3.delete_object", at("plain", "once", json!({})))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::standard().await;
    let world = server.world();
    let check = async |card: &str, input: Json, message: &str| {
        let error = world.run(card, input).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.message),
            (ErrorKind::NotFound, message),
            "{card}"
        );
    };
    check(
        "s3.head_object",
        at("plain", "no", json!({})),
        "the object does not exist",
    )
    .await;
    check(
        "s3.download",
        at("plain", "no", json!({ "to": "a" })),
        "the object does not exist",
    )
    .await;
    check(
        "s3.download",
        at("nowhere", "no", json!({ "to": "a" })),
        "the bucket does not exist",
    )
    .await;
    check(
        "s3.list_objects",
        json!({ "connection": "admin", "bucket": "nowhere" }),
        "the bucket does not exist",
    )
    .await;
    assert_eq!(world.files(), Vec::<String>::new());
}

#[tokio::test]
async fn what_breaks_a_rule_is_named_with_its_field() {
    let world = World::new();
    let check = async |card: &str, input: Json, expect: &str| {
        let error = world.run(card, input).await.unwrap_err();
        assert_eq!(
            (error.kind, &*error.message),
            (ErrorKind::InvalidInput, expect)
        );
    };
    check(
        "s3.upload",
        at("no", "", json!({ "text": "a", "metadata": { "A": "é" } })),
        "`bucket`: `no` is no bucket name: it has 3 to 63 lower-case letters, digits, `.` or `-`; \
         `key`: a key is not empty; \
         `metadata.A`: a metadata name has lower-case letters, digits, `-`, `_` or `.`, because S3 \
         keeps no others as they are; \
         `metadata.A`: a metadata value has printable ASCII characters only and no space at its \
         ends, because it travels in an HTTP header",
    )
    .await;
    check(
        "s3.upload",
        at("plain", "a", json!({})),
        "exactly one of `file`, `text` and `content` must be given",
    )
    .await;
    check(
        "s3.head_object",
        at("plain", &"k".repeat(1_025), json!({ "version_id": "" })),
        "`key`: a key has at most 1024 bytes, and this one has 1025; \
         `version_id`: a version id is not empty; leave it out for the current version",
    )
    .await;
    check(
        "s3.list_objects",
        json!({ "connection": "it", "bucket": "plain", "limit": 0, "delimiter": "" }),
        "`delimiter`: a delimiter is not empty; leave it out for none; \
         `limit`: a limit is 1 to 1000000",
    )
    .await;
    check(
        "s3.create_bucket",
        json!({ "connection": "it", "bucket": "Upper" }),
        "`bucket`: the name of a new bucket has lower-case letters, digits, `.` and `-` only",
    )
    .await;
}

#[tokio::test]
async fn a_listing_goes_to_the_end_and_a_limit_says_so() {
    let server = Server::standard().await;
    let world = server.world();
    for number in 0..1_205 {
        world.write(&format!("many/{number:04}"), b"");
    }
    let input = json!({
        "connection": "admin", "folder": "many", "bucket": "plain", "prefix": "many/",
    });
    let stored = world.run("s3.upload_folder", input).await.unwrap();
    assert_eq!(stored["count"], 1_205);
    let expected: Vec<String> = (0..1_205)
        .map(|number| format!("many/{number:04}"))
        .collect();
    assert_eq!(keys(&world, "plain", "many/").await, expected);
    let check = async |more: Json, count: usize, prefixes: Json, truncated: bool| {
        let mut input = json!({ "connection": "admin", "bucket": "plain", "prefix": "many/" });
        input
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let output = world.run("s3.list_objects", input).await.unwrap();
        assert_eq!(output["objects"].as_array().unwrap().len(), count, "{more}");
        assert_eq!(output["common_prefixes"], prefixes, "{more}");
        assert_eq!(output["truncated"], truncated, "{more}");
    };
    check(json!({ "limit": 1 }), 1, json!([]), true).await;
    check(json!({ "limit": 1_000 }), 1_000, json!([]), true).await;
    check(json!({ "limit": 1_204 }), 1_204, json!([]), true).await;
    check(json!({ "limit": 1_205 }), 1_205, json!([]), false).await;
    check(json!({ "limit": 1_206 }), 1_205, json!([]), false).await;
    check(json!({ "start_after": "many/1199" }), 5, json!([]), false).await;
    check(
        json!({ "prefix": "", "delimiter": "/" }),
        0,
        json!(["many/"]),
        false,
    )
    .await;
    check(json!({ "prefix": "nothing/" }), 0, json!([]), false).await;
}

#[tokio::test]
async fn versions_are_deleted_one_by_one_and_held_ones_are_not() {
    let server = Server::standard().await;
    let world = server.world();
    let first = put(&world, "locked", "a", "one").await;
    let second = put(&world, "locked", "a", "two").await;
    let hold = |legal_hold: bool| {
        at(
            "locked",
            "a",
            json!({ "version_id": first["version_id"], "legal_hold": legal_hold }),
        )
    };
    let version = at("locked", "a", json!({ "version_id": first["version_id"] }));
    let held = world
        .run("s3.put_object_legal_hold", hold(true))
        .await
        .unwrap();
    assert_eq!(held["legal_hold"], true);
    let head = world.run("s3.head_object", version.clone()).await.unwrap();
    assert_eq!(head["object_lock_legal_hold"], true);
    let error = world
        .run("s3.delete_object", version.clone())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::PermissionDenied);
    world
        .run("s3.put_object_legal_hold", hold(false))
        .await
        .unwrap();
    let deleted = world
        .run("s3.delete_object", version.clone())
        .await
        .unwrap();
    assert_eq!(
        deleted,
        json!({ "delete_marker": false, "version_id": first["version_id"] })
    );
    let error = world.run("s3.head_object", version).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    let marked = world
        .run("s3.delete_object", at("locked", "a", json!({})))
        .await
        .unwrap();
    assert_eq!(marked["delete_marker"], true);
    assert_eq!(keys(&world, "locked", "").await, Vec::<String>::new());
    let version = at("locked", "a", json!({ "version_id": second["version_id"] }));
    world.run("s3.head_object", version).await.unwrap();
}

#[tokio::test]
async fn a_bucket_of_ones_own_is_made_once_and_found_again() {
    let server = Server::standard().await;
    let world = server.world();
    let create = |bucket: &str, lock: bool| json!({ "connection": "admin", "bucket": bucket, "object_lock_enabled": lock });
    for (bucket, lock) in [
        ("made", false),
        ("made", false),
        ("made-lock", true),
        ("made-lock", true),
    ] {
        let made = world
            .run("s3.create_bucket", create(bucket, lock))
            .await
            .unwrap();
        assert_eq!(
            made,
            json!({ "bucket": bucket, "object_lock_enabled": lock })
        );
    }
    let error = world
        .run("s3.create_bucket", create("made", true))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::AlreadyExists);
    let versioning = |bucket: &str, versioning: &str| json!({ "connection": "admin", "bucket": bucket, "versioning": versioning });
    assert_eq!(
        put(&world, "made", "a", "one").await["version_id"],
        json!(null)
    );
    let enabled = world
        .run("s3.put_bucket_versioning", versioning("made", "Enabled"))
        .await
        .unwrap();
    assert_eq!(
        enabled,
        json!({ "bucket": "made", "versioning": "Enabled" })
    );
    assert_ne!(
        put(&world, "made", "a", "two").await["version_id"],
        json!(null)
    );
    let error = world
        .run(
            "s3.put_bucket_versioning",
            versioning("made-lock", "Suspended"),
        )
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn a_session_that_is_over_is_worth_a_retry() {
    let server = Server::standard().await;
    let world = server.world();
    server.expire_sessions();
    let input = json!({ "connection": "admin", "bucket": "plain" });
    let error = world.run("s3.list_objects", input).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry, error.code.as_deref()),
        (
            ErrorKind::Connection,
            Retry::Transient { after: None },
            Some("ExpiredToken")
        )
    );
}

#[tokio::test]
async fn a_cancelled_card_ends_as_cancelled() {
    let server = Server::standard().await;
    let world = server.world();
    world.cancellation.cancel();
    world.write("file", b"abc");
    for (card, input) in [
        (
            "s3.list_objects",
            json!({ "connection": "admin", "bucket": "plain" }),
        ),
        ("s3.head_object", at("plain", "a", json!({}))),
        ("s3.upload", at("plain", "a", json!({ "text": "a" }))),
        ("s3.download", at("plain", "a", json!({ "to": "a" }))),
        ("s3.delete_object", at("plain", "a", json!({}))),
        (
            "s3.upload_folder",
            json!({ "connection": "admin", "folder": ".", "bucket": "plain" }),
        ),
    ] {
        let error = world.run(card, input).await.unwrap_err();
        assert_eq!(error, CardError::cancelled(), "{card}");
    }
}

/// Three keys of the customer.
fn customer_key(byte: u8) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode([byte; 32])
}

#[tokio::test]
async fn objects_under_a_key_of_the_customer() {
    let server = Server::standard().await;
    let world = server.world();
    let [one, two] = [1, 2].map(customer_key);
    let with = |key: &str, more: Json| {
        let mut input = at("plain", key, more);
        input["sse_customer_key"] = json!(one);
        input
    };
    let text = b"for one pair of eyes".as_slice();
    let small = json!({ "text": "for one pair of eyes" });
    world.run("s3.upload", with("a", small)).await.unwrap();
    // In parts.
    let large = bytes(16 * 1024 * 1024);
    world.write("large", &large);
    let file = json!({ "file": "large" });
    world.run("s3.upload", with("large", file)).await.unwrap();

    let head = world
        .run("s3.head_object", with("a", json!({})))
        .await
        .unwrap();
    assert_eq!(head["sse_customer_algorithm"], "AES256");
    assert_eq!(head["server_side_encryption"], Json::Null);
    for (key, to, content) in [("a", "out/a", text), ("large", "out/large", &large)] {
        let input = with(key, json!({ "to": to }));
        world.run("s3.download", input).await.unwrap();
        assert!(std::fs::read(world.folder().join(to)).unwrap() == content);
    }

    // Within one connection, to another key and to none; between two.
    for (source, destination) in [("admin", "admin"), ("admin", "other")] {
        let other = server.world();
        for (at, to_key) in [("rekeyed", Some(&two)), ("opened", None)] {
            let mut to = json!({ "connection": destination, "bucket": "plain", "key": at });
            if let Some(key) = to_key {
                to["sse_customer_key"] = json!(key);
            }
            let mut from = with("a", json!({}));
            from["connection"] = json!(source);
            let input = json!({ "source": from, "destination": to });
            other.run("s3.copy", input).await.unwrap();
            let mut input = json!({ "connection": destination, "bucket": "plain", "key": at, "to": "out/copy" });
            if let Some(key) = to_key {
                input["sse_customer_key"] = json!(key);
            }
            other.run("s3.download", input).await.unwrap();
            assert!(std::fs::read(other.folder().join("out/copy")).unwrap() == text);
        }
    }

    let refused = async |card: &str, input: Json| {
        let error = world.run(card, input).await.unwrap_err();
        format!(
            "{}: {} (help: {})",
            error.kind,
            error.message,
            error.help.unwrap_or_default()
        )
    };
    let to = json!({ "to": "out/no" });
    let mut wrong = with("a", to.clone());
    wrong["sse_customer_key"] = json!(two);
    let message = refused("s3.download", wrong).await;
    assert!(
        message
            .ends_with("; or `sse_customer_key` is not the key that the object is encrypted with)"),
        "{message}"
    );
    assert_eq!(
        refused("s3.download", at("plain", "a", to.clone())).await,
        "invalid_input: S3 refused GetObject: InvalidRequest: The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object (help: if the object is encrypted with a key of its owner, give it as `sse_customer_key`)"
    );
    assert_eq!(
        refused("s3.head_object", at("plain", "a", json!({}))).await,
        "invalid_input: S3 refused HeadObject: status 400 (help: if the object is encrypted with a key of its owner, give it as `sse_customer_key`)"
    );
    put(&world, "plain", "open", "text").await;
    assert_eq!(
        refused("s3.download", with("open", to)).await,
        "invalid_input: S3 refused GetObject: InvalidRequest: The encryption parameters are not applicable to this object (help: if the object is not encrypted with a key of its owner, leave out `sse_customer_key`)"
    );
    let mut short = with("b", json!({ "text": "a" }));
    short["sse_customer_key"] = json!("not-a-key");
    let error = world.run("s3.upload", short).await.unwrap_err();
    assert_eq!(
        error.message,
        "`sse_customer_key`: a key is 32 bytes in base64, as `openssl rand -base64 32` makes one"
    );
}
