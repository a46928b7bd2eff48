//! Copying objects.

use super::*;

fn source(bucket: &str, key: &str, version_id: Option<&str>) -> CopySource {
    CopySource::Bucket {
        bucket: bucket.into(),
        key: key.into(),
        version_id: version_id.map(Into::into),
    }
}

fn to(bucket: &str, key: &str, source: CopySource) -> CopyObjectInput {
    CopyObjectInput::builder()
        .bucket(bucket.to_owned())
        .key(key.to_owned())
        .copy_source(source)
        .build()
        .unwrap()
}

async fn copy(harness: &Harness, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
    Ok(harness.service.copy_object(request(input)).await?.output)
}

#[tokio::test]
async fn a_copy_has_the_bytes_and_outlives_its_source() {
    let harness = Harness::new().await;
    let input = PutObjectInput {
        content_type: Some("text/plain".into()),
        metadata: Some([("k".to_owned(), "v".to_owned())].into()),
        tagging: Some("t=1".into()),
        storage_class: Some("STANDARD_IA".to_owned().into()),
        ..Default::default()
    };
    let put = harness
        .put_with("plain", "from", b"bytes", input)
        .await
        .unwrap();
    let output = copy(
        &harness,
        to("versioned", "to", source("plain", "from", None)),
    )
    .await
    .unwrap();
    let result = output.copy_object_result.unwrap();
    assert_eq!(result.e_tag, put.e_tag);
    assert_eq!(result.checksum_crc64nvme, put.checksum_crc64nvme);
    assert!(output.version_id.is_some());
    harness.delete("plain", "from", None).await.unwrap();
    let get = harness
        .get_with("versioned", "to", GetObjectInput::default())
        .await
        .unwrap();
    assert_eq!(get.content_type.as_deref(), Some("text/plain"));
    assert_eq!(
        get.metadata,
        Some([("k".to_owned(), "v".to_owned())].into())
    );
    assert_eq!(get.tag_count, Some(1));
    // The class is not the source's, but the request's.
    assert_eq!(get.storage_class, None);
    assert_eq!(read(get.body).await, b"bytes");

    let mut input = to("plain", "replaced", source("versioned", "to", None));
    input.metadata_directive = Some("REPLACE".to_owned().into());
    input.tagging_directive = Some("REPLACE".to_owned().into());
    input.content_type = Some("text/csv".into());
    input.checksum_algorithm = Some("SHA256".to_owned().into());
    let output = copy(&harness, input).await.unwrap();
    assert!(output.copy_object_result.unwrap().checksum_sha256.is_some());
    let get = harness
        .get_with("plain", "replaced", GetObjectInput::default())
        .await
        .unwrap();
    assert_eq!(get.content_type.as_deref(), Some("text/csv"));
    assert_eq!((get.metadata, get.tag_count), (None, None));
}

#[tokio::test]
async fn copies_that_are_refused() {
    let harness = Harness::new().await;
    let put = harness.put("versioned", "key", b"bytes").await.unwrap();
    let marker = harness.delete("versioned", "key", None).await.unwrap();
    let (version, marker) = (put.version_id.unwrap(), marker.version_id.unwrap());
    harness.put("plain", "key", b"bytes").await.unwrap();
    let check = async |input: CopyObjectInput, expect: &str| {
        assert_eq!(outcome(&copy(&harness, input).await), expect);
    };
    let itself = || to("plain", "key", source("plain", "key", None));
    check(itself(), "400 InvalidRequest").await;
    let mut replaced = itself();
    replaced.metadata_directive = Some("REPLACE".to_owned().into());
    check(replaced, "ok").await;
    let mut reclassed = itself();
    reclassed.storage_class = Some("STANDARD_IA".to_owned().into());
    check(reclassed, "ok").await;
    assert_eq!(harness.get("plain", "key").await.unwrap(), b"bytes");

    let from = |source| to("plain", "copy", source);
    check(from(source("versioned", "key", None)), "404 NoSuchKey").await;
    check(
        from(source("versioned", "key", Some(&marker))),
        "400 InvalidRequest",
    )
    .await;
    check(
        from(source("versioned", "key", Some(&"0".repeat(32)))),
        "404 NoSuchVersion",
    )
    .await;
    check(from(source("nowhere", "key", None)), "404 NoSuchBucket").await;
    // A version brought back on top of its own marker.
    check(
        to(
            "versioned",
            "key",
            source("versioned", "key", Some(&version)),
        ),
        "ok",
    )
    .await;
    assert_eq!(harness.get("versioned", "key").await.unwrap(), b"bytes");

    let mut other = from(source("plain", "key", None));
    other.copy_source_if_match = Some("\"0\"".parse().unwrap());
    check(other, "412 PreconditionFailed").await;
    let mut same = from(source("plain", "key", None));
    same.copy_source_if_none_match = Some("*".parse().unwrap());
    check(same, "412 PreconditionFailed").await;
    let mut unsaid = from(source("plain", "key", None));
    unsaid.metadata_directive = Some("MERGE".to_owned().into());
    check(unsaid, "400 InvalidArgument").await;
    let mut owner = from(source("plain", "key", None));
    owner.expected_source_bucket_owner = Some("999999999999".into());
    check(owner, "403 AccessDenied").await;

    let mut create = request(from(source("plain", "key", None)));
    let star = HeaderValue::from_static("*");
    create.headers.insert("if-none-match", star);
    let first = harness.service.copy_object(create.clone()).await;
    assert_eq!(outcome(&first), "ok");
    let second = harness.service.copy_object(create).await;
    assert_eq!(outcome(&second), "412 PreconditionFailed");
}
