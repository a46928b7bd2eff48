//! S3 as a client meets it, through the AWS SDK: whole objects, parts, versions, holds, listings.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests, where a panic is the report"
)]

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Region},
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::{
        BucketVersioningStatus, ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload,
        CompletedPart, CreateBucketConfiguration, Delete, EncodingType, MetadataDirective,
        ObjectIdentifier, ObjectLockLegalHold, ObjectLockLegalHoldStatus, Tag, Tagging,
        VersioningConfiguration,
    },
};
use flowrun_sandbox::{BucketOptions, Sandbox, Seed, State};

const MINIMUM: usize = 5 * 1024 * 1024;

async fn start() -> (Sandbox, Client) {
    let options = BucketOptions::default;
    let locked = BucketOptions {
        object_lock: true,
        ..options()
    };
    let versioned = BucketOptions {
        versioning: true,
        ..options()
    };
    let seed = Seed::new()
        .bucket(Seed::ACCOUNT, "plain", options())
        .and_then(|seed| seed.bucket(Seed::ACCOUNT, "versioned", versioned))
        .and_then(|seed| seed.bucket(Seed::ACCOUNT, "locked", locked))
        .unwrap();
    let sandbox = Sandbox::start(seed, State::Memory).await.unwrap();
    let keys = sandbox.administrator();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(sandbox.url())
        .region(Region::new(sandbox.region().to_owned()))
        .force_path_style(true)
        .credentials_provider(Credentials::new(
            keys.access_key_id(),
            keys.secret_access_key().expose(),
            None,
            None,
            "test",
        ))
        .build();
    (sandbox, Client::from_conf(config))
}

/// The outcome of a call: `ok`, or status and code.
fn outcome<T, E: ProvideErrorMetadata>(
    result: &Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>,
) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let status = error.raw_response().map(|raw| raw.status().as_u16());
            let code = error.as_service_error().and_then(|error| error.code());
            format!("{} {}", status.unwrap_or(0), code.unwrap_or("-"))
        }
    }
}

async fn put(client: &Client, bucket: &str, key: &str, bytes: &[u8]) {
    client
        .put_object()
        .bucket(bucket)
        .key(key)
        .body(ByteStream::from(bytes.to_vec()))
        .send()
        .await
        .unwrap();
}

async fn get(client: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let output = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .unwrap();
    output.body.collect().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_goes_there_and_back() {
    let (_sandbox, client) = start().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        // The checksum goes in a trailer after the body.
        let key = format!("dir/{}", algorithm.as_str());
        client
            .put_object()
            .bucket("plain")
            .key(&key)
            .checksum_algorithm(algorithm)
            .content_type("text/plain")
            .metadata("mtime", "17.5")
            .body(ByteStream::from(bytes.clone()))
            .send()
            .await
            .unwrap();
        let output = client
            .get_object()
            .bucket("plain")
            .key(&key)
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(output.content_type(), Some("text/plain"));
        assert_eq!(output.content_encoding(), None);
        assert_eq!(output.content_length(), Some(3_000_000));
        assert_eq!(output.metadata().unwrap()["mtime"], "17.5");
        assert!(output.body.collect().await.unwrap().to_vec() == bytes);
    }
    let ranged = client
        .get_object()
        .bucket("plain")
        .key("dir/SHA1")
        .range("bytes=-4")
        .send()
        .await
        .unwrap();
    assert_eq!(
        ranged.content_range(),
        Some("bytes 2999996-2999999/3000000")
    );
    assert_eq!(
        ranged.body.collect().await.unwrap().to_vec(),
        bytes[2_999_996..]
    );

    let overridden = client
        .get_object()
        .bucket("plain")
        .key("dir/SHA1")
        .response_content_type("text/csv")
        .response_cache_control("no-store")
        .send()
        .await
        .unwrap();
    assert_eq!(overridden.content_type(), Some("text/csv"));
    assert_eq!(overridden.cache_control(), Some("no-store"));

    let head = client
        .head_object()
        .bucket("plain")
        .key("dir/SHA1")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(3_000_000));
    assert_eq!(head.e_tag(), overridden.e_tag());
    assert!(head.checksum_sha1().is_some());
    let head = client
        .head_object()
        .bucket("plain")
        .key("none")
        .send()
        .await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    let wrong = client
        .put_object()
        .bucket("plain")
        .key("wrong")
        .checksum_crc32("AAAAAA==")
        .body(ByteStream::from_static(b"bytes"))
        .send()
        .await;
    assert_eq!(outcome(&wrong), "400 BadDigest");
    let unmodified = client
        .get_object()
        .bucket("plain")
        .key("dir/SHA1")
        .if_none_match("*")
        .send()
        .await;
    assert!(outcome(&unmodified).starts_with("304"));
    let beyond = client
        .get_object()
        .bucket("plain")
        .key("dir/SHA1")
        .range("bytes=3000000-")
        .send()
        .await;
    assert_eq!(outcome(&beyond), "416 InvalidRange");
    let create = || {
        client
            .put_object()
            .bucket("plain")
            .key("once")
            .if_none_match("*")
            .body(ByteStream::from_static(b"bytes"))
    };
    assert_eq!(outcome(&create().send().await), "ok");
    assert_eq!(outcome(&create().send().await), "412 PreconditionFailed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_go_up_and_come_down_whole() {
    let (_sandbox, client) = start().await;
    let whole: Vec<u8> = (0..2 * MINIMUM + 7).map(|at| (at % 249) as u8).collect();
    // With an algorithm named, the checksum is made of those of the parts. Without, the SDK sends
    // one with each part all the same, and S3 keeps one over all the bytes.
    for algorithm in [Some(ChecksumAlgorithm::Crc32), None] {
        let created = client
            .create_multipart_upload()
            .bucket("plain")
            .key("big")
            .set_checksum_algorithm(algorithm.clone())
            .send()
            .await
            .unwrap();
        let id = created.upload_id().unwrap();
        let mut parts = Vec::new();
        for (number, bytes) in (1..).zip(whole.chunks(MINIMUM)) {
            let part = client
                .upload_part()
                .bucket("plain")
                .key("big")
                .upload_id(id)
                .part_number(number)
                .body(ByteStream::from(bytes.to_vec()))
                .send()
                .await
                .unwrap();
            assert!(part.checksum_crc32().is_some());
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(part.e_tag)
                    .set_checksum_crc32(part.checksum_crc32)
                    .build(),
            );
        }
        let uploads = client.list_multipart_uploads().bucket("plain").send().await;
        assert_eq!(uploads.unwrap().uploads()[0].upload_id(), Some(id));
        let listed = client.list_parts().bucket("plain").key("big").upload_id(id);
        let listed = listed.send().await.unwrap();
        let sizes: Vec<_> = listed.parts().iter().map(|part| part.size()).collect();
        assert_eq!(sizes, [5_242_880, 5_242_880, 7].map(Some));
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let done = client
            .complete_multipart_upload()
            .bucket("plain")
            .key("big")
            .upload_id(id)
            .multipart_upload(parts)
            .send()
            .await
            .unwrap();
        assert!(done.e_tag().unwrap().ends_with("-3\""));
        match algorithm {
            Some(_) => assert!(done.checksum_crc32().unwrap().ends_with("-3")),
            None => assert!(done.checksum_crc64_nvme().is_some()),
        }
        assert!(get(&client, "plain", "big").await == whole);
    }

    client
        .copy_object()
        .bucket("versioned")
        .key("copy of big")
        .copy_source("plain/big")
        .metadata_directive(MetadataDirective::Replace)
        .metadata("k", "v")
        .send()
        .await
        .unwrap();
    assert!(get(&client, "versioned", "copy of big").await == whole);
}

/// Keys that are awkward in URLs, in XML or as paths.
const KEYS: [&str; 14] = [
    "a",
    "a/",
    "a/b",
    "a//b",
    "a/../b",
    "./c",
    "/lead",
    "plus+and space",
    "percent%2Fencoded",
    "é/日本",
    "amp&lt<gt>quote\"'",
    "control\u{1}\n\t",
    "question?and#hash",
    "emoji\u{1f980}",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_bytes_and_lists_are_in_their_order() {
    let (_sandbox, client) = start().await;
    for key in KEYS {
        put(&client, "plain", key, key.as_bytes()).await;
        assert_eq!(get(&client, "plain", key).await, key.as_bytes());
    }
    let decode = |name: &str| -> String {
        let mut bytes = Vec::new();
        let mut rest = name.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [rest.next().unwrap(), rest.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other,
            });
        }
        String::from_utf8(bytes).unwrap()
    };
    let mut listed = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .list_objects_v2()
            .bucket("plain")
            .max_keys(3)
            .encoding_type(EncodingType::Url)
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        assert!(page.contents().len() <= 3);
        listed.extend(page.contents().iter().map(|it| decode(it.key().unwrap())));
        token = page.next_continuation_token().map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    let expect: BTreeSet<_> = KEYS.map(str::to_owned).into();
    assert_eq!(listed, expect.into_iter().collect::<Vec<_>>());

    let folders = client
        .list_objects_v2()
        .bucket("plain")
        .prefix("a/")
        .delimiter("/")
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = folders
        .contents()
        .iter()
        .map(|it| it.key().unwrap())
        .collect();
    let prefixes: Vec<_> = folders
        .common_prefixes()
        .iter()
        .map(|it| it.prefix().unwrap())
        .collect();
    assert_eq!(keys, ["a/", "a/b"]);
    assert_eq!(prefixes, ["a/../", "a//"]);
    assert_eq!(folders.key_count(), Some(4));

    let objects = KEYS.map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let deleted = client
        .delete_objects()
        .bucket("plain")
        .delete(
            Delete::builder()
                .set_objects(Some(objects.into()))
                .quiet(true)
                .build()
                .unwrap(),
        )
        .send()
        .await
        .unwrap();
    assert!(deleted.errors().is_empty());
    let left = client
        .list_objects_v2()
        .bucket("plain")
        .send()
        .await
        .unwrap();
    assert_eq!(left.key_count(), Some(0), "{:?}", left.contents());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_and_holds() {
    let (_sandbox, client) = start().await;
    for bytes in [b"1", b"2"] {
        put(&client, "locked", "key", bytes).await;
    }
    let versions = async || {
        client
            .list_object_versions()
            .bucket("locked")
            .send()
            .await
            .unwrap()
    };
    let list = versions().await;
    let ids: Vec<_> = list
        .versions()
        .iter()
        .map(|it| it.version_id().unwrap())
        .collect();
    assert_eq!(list.versions()[0].is_latest(), Some(true));
    let old = client
        .get_object()
        .bucket("locked")
        .key("key")
        .version_id(ids[1])
        .send()
        .await
        .unwrap();
    assert_eq!(old.body.collect().await.unwrap().to_vec(), b"1");

    let hold = |status: ObjectLockLegalHoldStatus| {
        client
            .put_object_legal_hold()
            .bucket("locked")
            .key("key")
            .version_id(ids[1])
            .legal_hold(ObjectLockLegalHold::builder().status(status).build())
    };
    hold(ObjectLockLegalHoldStatus::On).send().await.unwrap();
    let shown = client
        .get_object_legal_hold()
        .bucket("locked")
        .key("key")
        .version_id(ids[1])
        .send()
        .await
        .unwrap();
    let status = shown.legal_hold().and_then(|hold| hold.status());
    assert_eq!(status, Some(&ObjectLockLegalHoldStatus::On));
    let delete = |version: &str| {
        client
            .delete_object()
            .bucket("locked")
            .key("key")
            .version_id(version)
    };
    assert_eq!(outcome(&delete(ids[1]).send().await), "403 AccessDenied");
    // Hidden under a delete marker, it can be neither read nor lost.
    let marker = client
        .delete_object()
        .bucket("locked")
        .key("key")
        .send()
        .await
        .unwrap();
    assert_eq!(marker.delete_marker(), Some(true));
    let hidden = client
        .head_object()
        .bucket("locked")
        .key("key")
        .send()
        .await;
    let error = hidden.unwrap_err();
    let headers = error.raw_response().unwrap().headers();
    assert_eq!(headers.get("x-amz-delete-marker"), Some("true"));
    assert_eq!(versions().await.delete_markers().len(), 1);
    hold(ObjectLockLegalHoldStatus::Off).send().await.unwrap();
    for version in [ids[0], ids[1], marker.version_id().unwrap()] {
        delete(version).send().await.unwrap();
    }
    client
        .delete_bucket()
        .bucket("locked")
        .send()
        .await
        .unwrap();

    let status = client
        .get_bucket_versioning()
        .bucket("versioned")
        .send()
        .await
        .unwrap();
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Enabled));
    let suspended = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Suspended)
        .build();
    client
        .put_bucket_versioning()
        .bucket("versioned")
        .versioning_configuration(suspended)
        .send()
        .await
        .unwrap();
    let put = client
        .put_object()
        .bucket("versioned")
        .key("key")
        .body(ByteStream::from_static(b""))
        .send()
        .await
        .unwrap();
    assert_eq!(put.version_id(), Some("null"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_and_what_is_not_here() {
    let (_sandbox, client) = start().await;
    let website = client.get_bucket_website().bucket("plain").send().await;
    assert_eq!(outcome(&website), "501 NotImplemented");
    let location = client
        .get_bucket_location()
        .bucket("plain")
        .send()
        .await
        .unwrap();
    assert_eq!(
        location.location_constraint().map(|it| it.as_str()),
        Some("eu-central-1")
    );
    let buckets = client.list_buckets().send().await.unwrap();
    let names: Vec<_> = buckets
        .buckets()
        .iter()
        .map(|it| it.name().unwrap())
        .collect();
    assert_eq!(names, ["locked", "plain", "versioned"]);
    let create = |constraint: Option<&str>| {
        let configuration = constraint.map(|name| {
            CreateBucketConfiguration::builder()
                .location_constraint(name.into())
                .build()
        });
        client
            .create_bucket()
            .bucket("created")
            .set_create_bucket_configuration(configuration)
    };
    let unnamed = create(None).send().await;
    assert_eq!(outcome(&unnamed), "400 IllegalLocationConstraintException");
    assert_eq!(outcome(&create(Some("eu-central-1")).send().await), "ok");
    let again = create(Some("eu-central-1")).send().await;
    assert_eq!(outcome(&again), "409 BucketAlreadyOwnedByYou");
    let nowhere = client.list_objects_v2().bucket("nowhere").send().await;
    assert_eq!(outcome(&nowhere), "404 NoSuchBucket");
}

/// Characters that XML forbids or changes come back in answers without `encoding-type`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_characters_go_through_xml() {
    let (_sandbox, client) = start().await;
    for key in ["a\rb", "c\u{1}d", "e\u{ffff}", "g\n\th"] {
        put(&client, "plain", key, b"").await;
        let page = client
            .list_objects_v2()
            .bucket("plain")
            .send()
            .await
            .unwrap();
        assert_eq!(page.contents()[0].key(), Some(key));
        let object = ObjectIdentifier::builder().key(key).build().unwrap();
        let deleted = client
            .delete_objects()
            .bucket("plain")
            .delete(Delete::builder().objects(object).build().unwrap())
            .send()
            .await
            .unwrap();
        assert_eq!(deleted.deleted()[0].key(), Some(key));
    }
    let left = client
        .list_objects_v2()
        .bucket("plain")
        .send()
        .await
        .unwrap();
    assert_eq!(left.key_count(), Some(0));
}

/// The operations that no other test here calls are let through to their end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_the_operations() {
    let (_sandbox, client) = start().await;
    for key in ["a/1", "b/2", "c"] {
        put(&client, "plain", key, b"bytes").await;
    }
    let tag = Tag::builder().key("k").value("v").build().unwrap();
    client
        .put_object_tagging()
        .bucket("plain")
        .key("c")
        .tagging(Tagging::builder().tag_set(tag.clone()).build().unwrap())
        .send()
        .await
        .unwrap();
    let tags = || client.get_object_tagging().bucket("plain").key("c");
    assert_eq!(tags().send().await.unwrap().tag_set(), [tag]);
    client
        .delete_object_tagging()
        .bucket("plain")
        .key("c")
        .send()
        .await
        .unwrap();
    assert!(tags().send().await.unwrap().tag_set().is_empty());

    let lock = |bucket: &str| client.get_object_lock_configuration().bucket(bucket);
    assert_eq!(outcome(&lock("locked").send().await), "ok");
    assert_eq!(
        outcome(&lock("plain").send().await),
        "404 ObjectLockConfigurationNotFoundError"
    );

    let page = |marker: Option<&str>| {
        client
            .list_objects()
            .bucket("plain")
            .delimiter("/")
            .max_keys(2)
            .set_marker(marker.map(str::to_owned))
    };
    let first = page(None).send().await.unwrap();
    assert_eq!(first.common_prefixes().len(), 2);
    assert_eq!(first.next_marker(), Some("b/"));
    let second = page(first.next_marker()).send().await.unwrap();
    assert_eq!(second.contents()[0].key(), Some("c"));
    assert_eq!(second.is_truncated(), Some(false));

    let created = client
        .create_multipart_upload()
        .bucket("plain")
        .key("joined");
    let id = created.send().await.unwrap().upload_id.unwrap();
    let part = client
        .upload_part_copy()
        .bucket("plain")
        .key("joined")
        .upload_id(&id)
        .part_number(1)
        .copy_source("plain/c")
        .copy_source_range("bytes=1-3")
        .send()
        .await
        .unwrap();
    assert!(part.copy_part_result().unwrap().e_tag().is_some());
    let abort = || {
        client
            .abort_multipart_upload()
            .bucket("plain")
            .key("joined")
            .upload_id(&id)
    };
    assert_eq!(outcome(&abort().send().await), "ok");
    assert_eq!(outcome(&abort().send().await), "404 NoSuchUpload");
    let head = client.head_bucket().bucket("plain").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("eu-central-1"));
    let foreign = client
        .head_bucket()
        .bucket("plain")
        .expected_bucket_owner("999999999999");
    assert!(outcome(&foreign.send().await).starts_with("403"));
}
