//! Multipart uploads.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::store::Algorithm;

const MINIMUM: usize = 5 * 1024 * 1024;

async fn create(
    harness: &Harness,
    algorithm: Option<&str>,
    kind: Option<&str>,
) -> S3Result<String> {
    let input = CreateMultipartUploadInput {
        bucket: "plain".into(),
        key: "key".into(),
        checksum_algorithm: algorithm.map(|it| it.to_owned().into()),
        checksum_type: kind.map(|it| it.to_owned().into()),
        metadata: Some([("k".to_owned(), "v".to_owned())].into()),
        ..Default::default()
    };
    let answer = harness
        .service
        .create_multipart_upload(request(input))
        .await?;
    Ok(answer.output.upload_id.unwrap())
}

async fn upload(harness: &Harness, id: &str, number: i32, bytes: &[u8]) -> S3Result<CompletedPart> {
    upload_with(harness, id, number, bytes, UploadPartInput::default()).await
}

async fn upload_with(
    harness: &Harness,
    id: &str,
    number: i32,
    bytes: &[u8],
    input: UploadPartInput,
) -> S3Result<CompletedPart> {
    let input = UploadPartInput {
        bucket: "plain".into(),
        key: "key".into(),
        upload_id: id.to_owned(),
        part_number: number,
        body: body(bytes),
        ..input
    };
    let output = harness.service.upload_part(request(input)).await?.output;
    Ok(CompletedPart {
        e_tag: output.e_tag,
        part_number: Some(number),
        checksum_crc32: output.checksum_crc32,
        checksum_crc64nvme: output.checksum_crc64nvme,
        checksum_sha256: output.checksum_sha256,
        ..Default::default()
    })
}

async fn complete(
    harness: &Harness,
    id: &str,
    parts: Vec<CompletedPart>,
) -> S3Result<CompleteMultipartUploadOutput> {
    complete_with(harness, id, parts, Default::default()).await
}

async fn complete_with(
    harness: &Harness,
    id: &str,
    parts: Vec<CompletedPart>,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let input = CompleteMultipartUploadInput {
        bucket: "plain".into(),
        key: "key".into(),
        upload_id: id.to_owned(),
        multipart_upload: Some(CompletedMultipartUpload { parts: Some(parts) }),
        ..input
    };
    let answer = harness
        .service
        .complete_multipart_upload(request(input))
        .await?;
    Ok(answer.output)
}

fn md5(bytes: &[u8]) -> Vec<u8> {
    <md5::Md5 as md5::Digest>::digest(bytes).to_vec()
}

#[tokio::test]
async fn parts_become_an_object() {
    let harness = Harness::new().await;
    let id = create(&harness, None, None).await.unwrap();
    let (first, second) = (vec![1_u8; MINIMUM], b"tail".to_vec());
    // A part uploaded again replaces the first; one that is not named is dropped.
    upload(&harness, &id, 1, b"wrong").await.unwrap();
    let one = upload(&harness, &id, 1, &first).await.unwrap();
    let three = upload(&harness, &id, 3, &second).await.unwrap();
    upload(&harness, &id, 9, b"unused").await.unwrap();
    assert_eq!(outcome(&harness.get("plain", "key").await), "404 NoSuchKey");

    let list = ListPartsInput {
        bucket: "plain".into(),
        key: "key".into(),
        upload_id: id.clone(),
        max_parts: Some(2),
        ..Default::default()
    };
    let page = harness
        .service
        .list_parts(request(list))
        .await
        .unwrap()
        .output;
    let numbers: Vec<_> = page.parts.unwrap();
    let numbers: Vec<_> = numbers
        .iter()
        .map(|part| part.part_number.unwrap())
        .collect();
    assert_eq!(numbers, [1, 3]);
    assert_eq!(page.is_truncated, Some(true));
    assert_eq!(page.next_part_number_marker, Some(3));

    let parts = vec![one, three];
    let done = complete(&harness, &id, parts.clone()).await.unwrap();
    let expect = hex::encode(md5(&[md5(&first), md5(&second)].concat()));
    assert_eq!(done.e_tag, Some(ETag::Strong(format!("{expect}-2"))));
    let whole = [first.clone(), second.clone()].concat();
    let crc = STANDARD.encode(Algorithm::Crc64Nvme.digest(&whole));
    assert_eq!(done.checksum_crc64nvme, Some(crc));
    assert_eq!(harness.get("plain", "key").await.unwrap(), whole);

    // The completion asked again is answered again, and the upload is gone.
    let again = complete(&harness, &id, parts).await.unwrap();
    assert_eq!(again.e_tag, done.e_tag);
    let late = upload(&harness, &id, 1, b"late").await;
    assert_eq!(outcome(&late), "404 NoSuchUpload");

    let check = async |number: i32, expect: Result<(&[u8], &str), &str>| {
        let input = GetObjectInput {
            part_number: Some(number),
            ..Default::default()
        };
        match (harness.get_with("plain", "key", input).await, expect) {
            (Ok(get), Ok((bytes, range))) => {
                assert_eq!(get.content_range.as_deref(), Some(range));
                assert_eq!(get.parts_count, Some(2));
                assert_eq!(
                    get.metadata,
                    Some([("k".to_owned(), "v".to_owned())].into())
                );
                assert_eq!(read(get.body).await, bytes);
            }
            (got, expect) => assert_eq!(outcome(&got), expect.unwrap_err()),
        }
    };
    check(1, Ok((&first, "bytes 0-5242879/5242884"))).await;
    check(2, Ok((&second, "bytes 5242880-5242883/5242884"))).await;
    check(3, Err("416 InvalidPartNumber")).await;
    check(0, Err("400 InvalidArgument")).await;
    // A range across the border of the parts.
    let input = GetObjectInput {
        range: Some(s3s::dto::Range::parse("bytes=5242878-5242881").unwrap()),
        ..Default::default()
    };
    let get = harness.get_with("plain", "key", input).await.unwrap();
    assert_eq!(read(get.body).await, b"\x01\x01ta");

    // A copy is one piece again: its ETag is the MD5 of the bytes.
    let copy = CopyObjectInput::builder()
        .bucket("plain".to_owned())
        .key("copy".to_owned())
        .copy_source(CopySource::Bucket {
            bucket: "plain".into(),
            key: "key".into(),
            version_id: None,
        })
        .build()
        .unwrap();
    let copied = harness
        .service
        .copy_object(request(copy))
        .await
        .unwrap()
        .output;
    let result = copied.copy_object_result.unwrap();
    assert_eq!(result.e_tag, Some(ETag::Strong(hex::encode(md5(&whole)))));
    assert_eq!(harness.get("plain", "copy").await.unwrap(), whole);
}

#[tokio::test]
async fn completions_that_are_refused() {
    let harness = Harness::new().await;
    let id = create(&harness, None, None).await.unwrap();
    let small = upload(&harness, &id, 1, b"small").await.unwrap();
    let last = upload(&harness, &id, 2, b"last").await.unwrap();
    let check = async |parts: Vec<CompletedPart>, expect: &str| {
        assert_eq!(outcome(&complete(&harness, &id, parts).await), expect);
    };
    check(vec![], "400 MalformedXML").await;
    check(vec![small.clone(), last.clone()], "400 EntityTooSmall").await;
    check(vec![last.clone(), small.clone()], "400 InvalidPartOrder").await;
    check(vec![small.clone(), small.clone()], "400 InvalidPartOrder").await;
    let missing = CompletedPart {
        part_number: Some(3),
        ..last.clone()
    };
    check(vec![missing], "400 InvalidPart").await;
    let other = CompletedPart {
        e_tag: Some(ETag::Strong("0".repeat(32))),
        ..last.clone()
    };
    check(vec![other], "400 InvalidPart").await;
    let sum = CompletedPart {
        checksum_crc64nvme: Some(STANDARD.encode([0; 8])),
        ..last.clone()
    };
    check(vec![sum], "400 InvalidPart").await;
    let with = async |input: CompleteMultipartUploadInput, expect: &str| {
        let result = complete_with(&harness, &id, vec![last.clone()], input).await;
        assert_eq!(outcome(&result), expect);
    };
    let size = CompleteMultipartUploadInput {
        mpu_object_size: Some(5),
        ..Default::default()
    };
    with(size, "400 InvalidRequest").await;
    let sum = CompleteMultipartUploadInput {
        checksum_crc64nvme: Some(STANDARD.encode([0; 8])),
        ..Default::default()
    };
    with(sum, "400 BadDigest").await;
    let unknown = complete(&harness, "unknown", vec![last.clone()]).await;
    assert_eq!(outcome(&unknown), "404 NoSuchUpload");
    harness.put("plain", "key", b"there").await.unwrap();
    let absent = CompleteMultipartUploadInput {
        if_none_match: Some(ETagCondition::Any),
        ..Default::default()
    };
    with(absent, "412 PreconditionFailed").await;
    assert_eq!(harness.get("plain", "key").await.unwrap(), b"there");

    for number in [0, 10_001] {
        let result = upload(&harness, &id, number, b"").await;
        assert_eq!(outcome(&result), "400 InvalidArgument");
    }
    let abort = async || {
        let input = AbortMultipartUploadInput {
            bucket: "plain".into(),
            key: "key".into(),
            upload_id: id.clone(),
            ..Default::default()
        };
        outcome(&harness.service.abort_multipart_upload(request(input)).await)
    };
    assert_eq!(abort().await, "ok");
    assert_eq!(abort().await, "404 NoSuchUpload");
    assert_eq!(
        outcome(&upload(&harness, &id, 1, b"").await),
        "404 NoSuchUpload"
    );
}

#[tokio::test]
async fn checksums_of_parts() {
    let harness = Harness::new().await;
    let check = async |algorithm: Option<&str>, kind: Option<&str>, expect: &str| {
        let result = create(&harness, algorithm, kind).await;
        assert_eq!(outcome(&result), expect, "{algorithm:?} {kind:?}");
    };
    check(Some("CRC32"), Some("FULL_OBJECT"), "ok").await;
    check(Some("SHA1"), Some("FULL_OBJECT"), "400 InvalidRequest").await;
    check(Some("CRC64NVME"), Some("COMPOSITE"), "400 InvalidRequest").await;
    check(None, Some("COMPOSITE"), "400 InvalidRequest").await;

    let id = create(&harness, Some("SHA256"), None).await.unwrap();
    let (first, second) = (vec![1_u8; MINIMUM], b"tail".to_vec());
    let with_sum = |bytes: &[u8]| UploadPartInput {
        checksum_sha256: Some(STANDARD.encode(Algorithm::Sha256.digest(bytes))),
        ..Default::default()
    };
    let bare = upload(&harness, &id, 1, &first).await;
    assert_eq!(outcome(&bare), "400 InvalidRequest");
    let wrong = upload_with(&harness, &id, 1, &first, with_sum(b"other")).await;
    assert_eq!(outcome(&wrong), "400 BadDigest");
    let one = upload_with(&harness, &id, 1, &first, with_sum(&first))
        .await
        .unwrap();
    let two = upload_with(&harness, &id, 2, &second, with_sum(&second))
        .await
        .unwrap();
    let without = CompletedPart {
        checksum_sha256: None,
        ..two.clone()
    };
    let result = complete(&harness, &id, vec![one.clone(), without]).await;
    assert_eq!(outcome(&result), "400 InvalidRequest");
    let done = complete(&harness, &id, vec![one, two]).await.unwrap();
    let digests = [&first, &second].map(|bytes| Algorithm::Sha256.digest(bytes));
    let expect = STANDARD.encode(Algorithm::Sha256.digest(&digests.concat()));
    assert_eq!(done.checksum_sha256, Some(format!("{expect}-2")));
    assert_eq!(done.checksum_type.unwrap().as_str(), "COMPOSITE");

    // Without an algorithm, a checksum that came with a part is to come with the completion.
    let id = create(&harness, None, None).await.unwrap();
    let sha256 = upload_with(&harness, &id, 1, &second, with_sum(&second))
        .await
        .unwrap();
    let without = CompletedPart {
        checksum_sha256: None,
        ..sha256.clone()
    };
    let result = complete(&harness, &id, vec![without]).await;
    assert_eq!(outcome(&result), "400 InvalidPart");
    let done = complete(&harness, &id, vec![sha256]).await.unwrap();
    let expect = STANDARD.encode(Algorithm::Crc64Nvme.digest(&second));
    assert_eq!(done.checksum_crc64nvme, Some(expect));

    let id = create(&harness, Some("CRC32"), Some("FULL_OBJECT"))
        .await
        .unwrap();
    let one = upload(&harness, &id, 1, &first).await.unwrap();
    let two = upload(&harness, &id, 2, &second).await.unwrap();
    let done = complete(&harness, &id, vec![one, two]).await.unwrap();
    let whole = [first, second].concat();
    let expect = STANDARD.encode(Algorithm::Crc32.digest(&whole));
    assert_eq!(done.checksum_crc32, Some(expect));
    assert_eq!(done.checksum_type.unwrap().as_str(), "FULL_OBJECT");
}

#[tokio::test]
async fn parts_are_copied_by_range() {
    let harness = Harness::new().await;
    let source: Vec<u8> = (0..MINIMUM + 10).map(|at| (at % 253) as u8).collect();
    harness.put("versioned", "source", &source).await.unwrap();
    let id = create(&harness, None, None).await.unwrap();
    let copy = async |number: i32, range: Option<&str>| {
        let mut input = UploadPartCopyInput::builder()
            .bucket("plain".to_owned())
            .key("key".to_owned())
            .upload_id(id.clone())
            .part_number(number)
            .copy_source(CopySource::Bucket {
                bucket: "versioned".into(),
                key: "source".into(),
                version_id: None,
            })
            .build()
            .unwrap();
        input.copy_source_range = range.map(str::to_owned);
        let answer = harness.service.upload_part_copy(request(input)).await?;
        S3Result::Ok(CompletedPart {
            part_number: Some(number),
            e_tag: answer.output.copy_part_result.unwrap().e_tag,
            ..Default::default()
        })
    };
    let outside = copy(1, Some("bytes=0-5242890")).await;
    assert_eq!(outcome(&outside), "400 InvalidArgument");
    let parts = vec![
        copy(1, None).await.unwrap(),
        copy(2, Some("bytes=3-6")).await.unwrap(),
    ];
    complete(&harness, &id, parts).await.unwrap();
    let expect = [&source[..], &source[3..7]].concat();
    assert_eq!(harness.get("plain", "key").await.unwrap(), expect);
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_age() {
    let harness = Harness::new().await;
    let mut ids = Vec::new();
    for key in ["b", "a/1", "b", "a/2", "c"] {
        let input = CreateMultipartUploadInput {
            bucket: "plain".into(),
            key: key.into(),
            ..Default::default()
        };
        let answer = harness
            .service
            .create_multipart_upload(request(input))
            .await;
        ids.push(answer.unwrap().output.upload_id.unwrap());
    }
    let mut input = ListMultipartUploadsInput {
        bucket: "plain".into(),
        delimiter: Some("/".into()),
        max_uploads: Some(2),
        ..Default::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = harness
            .service
            .list_multipart_uploads(request(input.clone()))
            .await
            .unwrap()
            .output;
        seen.extend(
            page.common_prefixes
                .unwrap()
                .into_iter()
                .map(|it| it.prefix.unwrap()),
        );
        seen.extend(
            page.uploads
                .unwrap()
                .into_iter()
                .map(|it| it.upload_id.unwrap()),
        );
        if page.is_truncated != Some(true) {
            break;
        }
        input.key_marker = page.next_key_marker;
        input.upload_id_marker = page.next_upload_id_marker;
    }
    let expect = ["a/", &ids[0], &ids[2], &ids[4]];
    assert_eq!(seen, expect);
}
