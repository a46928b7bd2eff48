//! What S3 lets a caller do beyond the plain policy: other accounts, missing objects, copies,
//! deletes of many, presigned URLs, and the roles of the example flows.

mod support;

use std::path::Path;

use aws_sdk_s3::{presigning::PresigningConfig, primitives::ByteStream};
use flowrun_sandbox::{Sandbox, Seed, State};
use support::*;

#[tokio::test]
async fn a_bucket_of_another_account_is_closed() {
    let sandbox = start().await;
    let client = session(&sandbox, "all").await;
    let refused = client.list_objects_v2().bucket("foreign").send().await;
    assert_eq!(
        message(refused),
        "User: arn:aws:sts::222222222222:assumed-role/all/run-1 is not authorized to perform: \
         s3:ListBucket on resource: \"arn:aws:s3:::foreign\" because no resource-based policy \
         allows the s3:ListBucket action"
    );
    let reports = |owner: &str| {
        client
            .list_objects_v2()
            .bucket("reports")
            .expected_bucket_owner(owner)
            .send()
    };
    reports(CUSTOMER).await.unwrap();
    assert_eq!(refusal(reports(OTHER).await), is(403, "AccessDenied"));
    let operator = s3(&sandbox, of_user(sandbox.operator()));
    assert_eq!(
        refusal(operator.list_buckets().send().await),
        is(403, "AccessDenied")
    );
}

#[tokio::test]
async fn a_missing_object_is_told_to_who_may_list_only() {
    let sandbox = start().await;
    for (role, status) in [("reader", 403), ("lister", 404)] {
        let client = session(&sandbox, role).await;
        let head = client
            .head_object()
            .bucket("reports")
            .key("in/none")
            .send()
            .await;
        assert_eq!(refusal(head).0, status, "{role}");
        let get = client
            .get_object()
            .bucket("reports")
            .key("in/none")
            .send()
            .await;
        assert_eq!(refusal(get).0, status, "{role}");
    }
}

#[tokio::test]
async fn tags_are_copied_by_who_may_read_and_write_them() {
    let sandbox = start().await;
    let all = session(&sandbox, "all").await;
    for (key, tags) in [("in/tagged", Some("a=b")), ("in/plain", None)] {
        all.put_object()
            .bucket("reports")
            .key(key)
            .set_tagging(tags.map(str::to_owned))
            .body(ByteStream::from_static(b"data"))
            .send()
            .await
            .unwrap();
    }
    let reader = session(&sandbox, "reader").await;
    let copy = |client: &aws_sdk_s3::Client, key: &str| {
        client
            .copy_object()
            .bucket("reports")
            .key("in/copy")
            .copy_source(format!("reports/{key}"))
            .send()
    };
    copy(&reader, "in/plain").await.unwrap();
    copy(&all, "in/tagged").await.unwrap();
    let refused = copy(&reader, "in/tagged").await;
    assert_eq!(refusal(refused), is(403, "AccessDenied"));
    // A source that the policy does not cover is denied before anybody looks for it.
    let refused = copy(&reader, "out/none").await;
    assert!(
        message(refused).contains("s3:GetObject on resource: \"arn:aws:s3:::reports/out/none\"")
    );
}

#[tokio::test]
async fn deletes_in_a_body_are_checked_one_by_one() {
    let sandbox = start().await;
    let delete = |client: &aws_sdk_s3::Client, keys: &[&str]| {
        let objects = keys.iter().map(|key| {
            aws_sdk_s3::types::ObjectIdentifier::builder()
                .key(*key)
                .build()
                .unwrap()
        });
        let objects = aws_sdk_s3::types::Delete::builder()
            .set_objects(Some(objects.collect()))
            .build()
            .unwrap();
        client
            .delete_objects()
            .bucket("reports")
            .delete(objects)
            .send()
    };
    let all = session(&sandbox, "all").await;
    for key in ["in/a", "out/a"] {
        let put = all.put_object().bucket("reports").key(key);
        put.body(ByteStream::from_static(b"data"))
            .send()
            .await
            .unwrap();
    }
    let cleaner = session(&sandbox, "cleaner").await;
    let done = delete(&cleaner, &["out/a", "in/a"]).await.unwrap();
    let deleted: Vec<_> = done.deleted().iter().map(|one| one.key()).collect();
    assert_eq!(deleted, [Some("in/a")]);
    let [error] = done.errors() else {
        panic!("{:?}", done.errors());
    };
    assert_eq!(
        (error.key(), error.code()),
        (Some("out/a"), Some("AccessDenied"))
    );
    assert_eq!(
        error.message(),
        Some(
            "User: arn:aws:sts::222222222222:assumed-role/cleaner/run-1 is not authorized to \
             perform: s3:DeleteObject on resource: \"arn:aws:s3:::reports/out/a\" because no \
             identity-based policy allows the s3:DeleteObject action"
        )
    );
    let left = all
        .list_objects_v2()
        .bucket("reports")
        .send()
        .await
        .unwrap();
    let left: Vec<_> = left.contents().iter().map(|one| one.key()).collect();
    assert_eq!(left, [Some("out/a")]);
}

#[tokio::test]
async fn a_presigned_url_stands_for_its_signer() {
    let sandbox = start().await;
    let client = session(&sandbox, "reader").await;
    let presign = |key: &str| {
        let hour = PresigningConfig::expires_in(std::time::Duration::from_secs(3600)).unwrap();
        client
            .get_object()
            .bucket("reports")
            .key(key)
            .presigned(hour)
    };
    client
        .put_object()
        .bucket("reports")
        .key("in/a")
        .body(ByteStream::from_static(b"data"))
        .send()
        .await
        .unwrap();
    let allowed = presign("in/a").await.unwrap();
    assert!(get(allowed.uri()).await.starts_with("HTTP/1.1 200"));
    let denied = presign("out/a").await.unwrap();
    assert!(get(denied.uri()).await.starts_with("HTTP/1.1 403"));
    let moved = allowed.uri().replace("/in/a", "/in/b");
    assert!(get(&moved).await.contains("SignatureDoesNotMatch"));
    let (path, query) = allowed.uri().split_once('?').unwrap();
    let is_token = |pair: &&str| !pair.starts_with("X-Amz-Security-Token=");
    let query: Vec<_> = query.split('&').filter(is_token).collect();
    let dropped = get(&format!("{path}?{}", query.join("&"))).await;
    assert!(dropped.starts_with("HTTP/1.1 403"), "{dropped}");
}

#[tokio::test]
async fn the_example_seed_does_what_the_example_needs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../flows/sandbox.yaml");
    let seed = Seed::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let sandbox = Sandbox::start(seed, State::Memory).await.unwrap();
    let reports = assume(
        &sandbox,
        &role_arn(CUSTOMER, "demo-reports"),
        "5f0c6a2e-8d1b-4c57-9a3e-2f7b1d9c4e60",
    )
    .await;
    let vault = assume(
        &sandbox,
        &role_arn(OTHER, "demo-vault"),
        "c3b8f1d4-6e29-4f0a-b7d5-90a1e4c8327f",
    )
    .await;
    let (reports, vault) = (
        s3(&sandbox, of_session(&reports)),
        s3(&sandbox, of_session(&vault)),
    );
    let put = |client: &aws_sdk_s3::Client, bucket: &str| {
        client
            .put_object()
            .bucket(bucket)
            .key("daily/a.csv")
            .body(ByteStream::from_static(b"data"))
            .send()
    };
    put(&reports, "reports").await.unwrap();
    let version = put(&vault, "reports-vault")
        .await
        .unwrap()
        .version_id
        .unwrap();
    vault
        .put_object_legal_hold()
        .bucket("reports-vault")
        .key("daily/a.csv")
        .version_id(version)
        .legal_hold(
            aws_sdk_s3::types::ObjectLockLegalHold::builder()
                .status(aws_sdk_s3::types::ObjectLockLegalHoldStatus::On)
                .build(),
        )
        .send()
        .await
        .unwrap();
    for (client, bucket) in [(&reports, "reports-vault"), (&vault, "reports")] {
        assert_eq!(refusal(put(client, bucket).await), is(403, "AccessDenied"));
        let get = client
            .get_object()
            .bucket("reports-vault")
            .key("daily/a.csv")
            .send()
            .await;
        assert_eq!(refusal(get), is(403, "AccessDenied"));
    }
}
