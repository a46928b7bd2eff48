//! Putting and getting: digests, conditions, ranges, attributes.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::store::Algorithm;

#[tokio::test]
async fn an_object_comes_back_as_it_was_put() {
    let harness = Harness::new().await;
    let metadata: HashMap<_, _> = [("mtime", "17.5"), ("name", "caf\u{e9}")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let expires = Timestamp::parse(TimestampFormat::HttpDate, "Wed, 21 Oct 2015 07:28:00 GMT");
    let expires = expires.unwrap();
    let input = PutObjectInput {
        content_type: Some("text/plain".into()),
        cache_control: Some("no-cache".into()),
        content_disposition: Some("inline".into()),
        content_encoding: Some("aws-chunked,gzip".into()),
        content_language: Some("en".into()),
        expires: Some(expires.clone()),
        website_redirect_location: Some("/other".into()),
        storage_class: Some("STANDARD_IA".to_owned().into()),
        metadata: Some(metadata.clone()),
        tagging: Some("a=1&b=2".into()),
        ..Default::default()
    };
    let bytes: Vec<u8> = (0..700_000_u32).map(|at| (at % 251) as u8).collect();
    let put = harness
        .put_with("plain", "key", &bytes, input)
        .await
        .unwrap();
    let expect = hex::encode(<md5::Md5 as md5::Digest>::digest(&bytes));
    assert_eq!(put.e_tag, Some(ETag::Strong(expect.clone())));
    assert_eq!(put.version_id, None);
    assert_eq!(
        put.checksum_crc64nvme,
        Some(STANDARD.encode(Algorithm::Crc64Nvme.digest(&bytes)))
    );

    let get = harness
        .get_with("plain", "key", GetObjectInput::default())
        .await
        .unwrap();
    assert_eq!(get.content_type.as_deref(), Some("text/plain"));
    assert_eq!(get.cache_control.as_deref(), Some("no-cache"));
    assert_eq!(get.content_disposition.as_deref(), Some("inline"));
    assert_eq!(get.content_encoding.as_deref(), Some("gzip"));
    assert_eq!(get.content_language.as_deref(), Some("en"));
    assert_eq!(get.expires, Some(expires));
    assert_eq!(get.website_redirect_location.as_deref(), Some("/other"));
    assert_eq!(get.storage_class, Some("STANDARD_IA".to_owned().into()));
    assert_eq!(get.metadata, Some(metadata));
    assert_eq!(get.tag_count, Some(2));
    assert_eq!(get.content_length, Some(700_000));
    assert_eq!(get.content_range, None);
    assert_eq!(get.e_tag, Some(ETag::Strong(expect)));
    assert_eq!(get.checksum_crc64nvme, None);
    assert_eq!(read(get.body).await, bytes);

    harness.put("plain", "bare", b"").await.unwrap();
    let bare = harness
        .get_with("plain", "bare", GetObjectInput::default())
        .await
        .unwrap();
    assert_eq!(bare.content_type.as_deref(), Some("binary/octet-stream"));
    assert_eq!(bare.storage_class, None);
    assert_eq!(read(bare.body).await, b"");
}

/// Sets one checksum field of a put.
fn with_sum(algorithm: Algorithm, value: &str) -> PutObjectInput {
    let mut input = PutObjectInput::default();
    let field = match algorithm {
        Algorithm::Crc32 => &mut input.checksum_crc32,
        Algorithm::Crc32c => &mut input.checksum_crc32c,
        Algorithm::Crc64Nvme => &mut input.checksum_crc64nvme,
        Algorithm::Sha1 => &mut input.checksum_sha1,
        Algorithm::Sha256 => &mut input.checksum_sha256,
    };
    *field = Some(value.to_owned());
    input
}

#[tokio::test]
async fn digests_are_checked() {
    let harness = Harness::new().await;
    for algorithm in Algorithm::ALL {
        let key = algorithm.name();
        let right = STANDARD.encode(algorithm.digest(b"bytes"));
        let wrong = STANDARD.encode(algorithm.digest(b"other"));
        for (value, expect) in [
            (wrong.as_str(), "400 BadDigest"),
            ("AAAA", "400 InvalidRequest"),
            ("not base64", "400 InvalidRequest"),
        ] {
            let input = with_sum(algorithm, value);
            let result = harness.put_with("plain", key, b"bytes", input).await;
            assert_eq!(outcome(&result), expect, "{key} {value}");
        }
        assert_eq!(outcome(&harness.get("plain", key).await), "404 NoSuchKey");
        harness
            .put_with("plain", key, b"bytes", with_sum(algorithm, &right))
            .await
            .unwrap();
        let input = GetObjectInput {
            checksum_mode: Some("ENABLED".to_owned().into()),
            ..Default::default()
        };
        let get = harness.get_with("plain", key, input.clone()).await.unwrap();
        let shown = [
            get.checksum_crc32,
            get.checksum_crc32c,
            get.checksum_crc64nvme,
            get.checksum_sha1,
            get.checksum_sha256,
        ];
        let shown: Vec<_> = shown.into_iter().flatten().collect();
        assert_eq!(shown, [right]);
        assert_eq!(get.checksum_type.unwrap().as_str(), "FULL_OBJECT");
        // A range has no checksum of its own.
        let range = GetObjectInput {
            range: Some(s3s::dto::Range::Suffix { length: 2 }),
            ..input
        };
        let get = harness.get_with("plain", key, range).await.unwrap();
        assert_eq!(get.checksum_type, None);
        assert_eq!(read(get.body).await, b"es");
    }
}

#[tokio::test]
async fn promises_that_contradict_are_refused() {
    let harness = Harness::new().await;
    let md5 = |bytes: &[u8]| STANDARD.encode(<md5::Md5 as md5::Digest>::digest(bytes));
    let check = async |input: PutObjectInput, expect: &str| {
        let result = harness.put_with("plain", "key", b"bytes", input).await;
        assert_eq!(outcome(&result), expect);
    };
    let of = PutObjectInput::default;
    let content_md5 = |value: String| PutObjectInput {
        content_md5: Some(value),
        ..of()
    };
    check(content_md5(md5(b"bytes")), "ok").await;
    check(content_md5(md5(b"other")), "400 BadDigest").await;
    check(content_md5("short".into()), "400 InvalidDigest").await;
    let both = PutObjectInput {
        checksum_sha1: Some(STANDARD.encode([0; 20])),
        ..with_sum(Algorithm::Crc32, "AAAAAA==")
    };
    check(both, "400 InvalidRequest").await;
    let named = |name: &str| PutObjectInput {
        checksum_algorithm: Some(name.to_owned().into()),
        ..of()
    };
    check(named("CRC32"), "400 InvalidRequest").await;
    check(named("CRC16"), "400 InvalidRequest").await;
    let length = |length| PutObjectInput {
        content_length: Some(length),
        ..of()
    };
    check(length(5), "ok").await;
    check(length(6), "400 IncompleteBody").await;
    check(length(5 * 1024 * 1024 * 1024 + 1), "400 EntityTooLarge").await;
    let metadata = |size: usize| PutObjectInput {
        metadata: Some([("k".to_owned(), "v".repeat(size))].into()),
        ..of()
    };
    check(metadata(2047), "ok").await;
    check(metadata(2048), "400 MetadataTooLarge").await;
    let long = harness.put("plain", &"é".repeat(512), b"").await;
    assert_eq!(outcome(&long), "ok");
    let long = harness.put("plain", &"é".repeat(513), b"").await;
    assert_eq!(outcome(&long), "400 KeyTooLongError");
}

#[tokio::test]
async fn ranges() {
    let harness = Harness::new().await;
    harness.put("plain", "key", b"0123456789").await.unwrap();
    harness.put("plain", "empty", b"").await.unwrap();
    let check = async |key: &str, range: &str, expect: Result<(&str, &str), &str>| {
        let input = GetObjectInput {
            range: Some(s3s::dto::Range::parse(range).unwrap()),
            ..Default::default()
        };
        match (harness.get_with("plain", key, input).await, expect) {
            (Ok(get), Ok((bytes, shown))) => {
                assert_eq!(get.content_range.as_deref(), Some(shown), "{range}");
                assert_eq!(get.content_length, i64::try_from(bytes.len()).ok());
                assert_eq!(read(get.body).await, bytes.as_bytes(), "{range}");
            }
            (got, expect) => assert_eq!(outcome(&got), expect.unwrap_err(), "{range}"),
        }
    };
    check("key", "bytes=0-0", Ok(("0", "bytes 0-0/10"))).await;
    check("key", "bytes=2-4", Ok(("234", "bytes 2-4/10"))).await;
    check("key", "bytes=7-", Ok(("789", "bytes 7-9/10"))).await;
    check("key", "bytes=8-99", Ok(("89", "bytes 8-9/10"))).await;
    check("key", "bytes=-3", Ok(("789", "bytes 7-9/10"))).await;
    check("key", "bytes=-99", Ok(("0123456789", "bytes 0-9/10"))).await;
    check("key", "bytes=10-", Err("416 InvalidRange")).await;
    check("key", "bytes=-0", Err("416 InvalidRange")).await;
    check("empty", "bytes=0-", Err("416 InvalidRange")).await;
    check("empty", "bytes=-1", Err("416 InvalidRange")).await;

    let input = GetObjectInput {
        range: Some(s3s::dto::Range::Suffix { length: 1 }),
        part_number: Some(1),
        ..Default::default()
    };
    let both = harness.get_with("plain", "key", input).await;
    assert_eq!(outcome(&both), "400 InvalidRequest");
}

#[tokio::test]
async fn write_conditions() {
    let harness = Harness::new().await;
    let check = async |bucket: &str, conditions: [Option<&str>; 2], expect: &str| {
        let [if_match, if_none_match] = conditions.map(|it| it.map(|it| it.parse().unwrap()));
        let input = PutObjectInput {
            if_match,
            if_none_match,
            ..Default::default()
        };
        let result = harness.put_with(bucket, "key", b"bytes", input).await;
        assert_eq!(outcome(&result), expect, "{conditions:?}");
    };
    let etag = format!(
        "\"{}\"",
        hex::encode(<md5::Md5 as md5::Digest>::digest(b"bytes"))
    );
    for bucket in ["plain", "versioned"] {
        check(bucket, [Some(&etag), None], "404 NoSuchKey").await;
        check(bucket, [None, Some("*")], "ok").await;
        check(bucket, [None, Some("*")], "412 PreconditionFailed").await;
        check(bucket, [Some("\"0\""), None], "412 PreconditionFailed").await;
        check(bucket, [Some(&etag), None], "ok").await;
        check(bucket, [Some("*"), None], "ok").await;
        check(bucket, [None, Some(&etag)], "501 NotImplemented").await;
        // A deleted object is absent, delete marker or not.
        harness.delete(bucket, "key", None).await.unwrap();
        check(bucket, [Some("*"), None], "404 NoSuchKey").await;
        check(bucket, [None, Some("*")], "ok").await;
    }
}

#[tokio::test]
async fn one_of_many_creators_wins() {
    let harness = Harness::new().await;
    let puts = (0..16).map(|at| {
        let input = PutObjectInput {
            if_none_match: Some(ETagCondition::Any),
            ..Default::default()
        };
        let bytes = vec![at; 100];
        let harness = &harness;
        async move {
            harness
                .put_with("plain", "key", &bytes, input)
                .await
                .is_ok()
        }
    });
    let won: Vec<bool> = futures_util::future::join_all(puts).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let winner = won.iter().position(|won| *won).unwrap();
    let bytes = harness.get("plain", "key").await.unwrap();
    assert_eq!(bytes, vec![u8::try_from(winner).unwrap(); 100]);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let harness = Harness::new().await;
    harness.put("plain", "key", b"before").await.unwrap();
    let broken = futures_util::stream::iter([
        Ok(bytes::Bytes::from_static(b"half")),
        Err(std::io::Error::other("gone")),
    ]);
    let input = PutObjectInput {
        bucket: "plain".into(),
        key: "key".into(),
        body: Some(StreamingBlob::wrap(broken)),
        ..Default::default()
    };
    let result = harness.service.put_object(request(input)).await;
    assert_eq!(outcome(&result), "400 IncompleteBody");
    assert_eq!(harness.get("plain", "key").await.unwrap(), b"before");
}

#[tokio::test]
async fn archived_objects_are_seen_but_not_read() {
    let harness = Harness::new().await;
    let input = PutObjectInput {
        storage_class: Some("DEEP_ARCHIVE".to_owned().into()),
        ..Default::default()
    };
    harness
        .put_with("plain", "key", b"cold", input)
        .await
        .unwrap();
    let get = harness.get("plain", "key").await;
    assert_eq!(outcome(&get), "403 InvalidObjectState");
    let head = harness
        .service
        .head_object(request(HeadObjectInput {
            bucket: "plain".into(),
            key: "key".into(),
            ..Default::default()
        }))
        .await
        .unwrap();
    assert_eq!(head.output.storage_class.unwrap().as_str(), "DEEP_ARCHIVE");
}

#[tokio::test]
async fn many_deletions_at_once() {
    let harness = Harness::new().await;
    harness.put("plain", "a", b"").await.unwrap();
    let delete = async |keys: &[&str], quiet: bool| {
        let objects = keys.iter().map(|key| ObjectIdentifier {
            key: (*key).to_owned(),
            ..Default::default()
        });
        let input = DeleteObjectsInput::builder()
            .bucket("plain".to_owned())
            .delete(Delete {
                objects: objects.collect(),
                quiet: Some(quiet),
            })
            .build()
            .unwrap();
        harness.service.delete_objects(request(input)).await
    };
    let output = delete(&["a", "missing", &"k".repeat(1025)], false)
        .await
        .unwrap()
        .output;
    let deleted: Vec<_> = output.deleted.unwrap();
    let keys: Vec<_> = deleted
        .iter()
        .map(|it| it.key.as_deref().unwrap())
        .collect();
    assert_eq!(keys, ["a", "missing"]);
    let errors = output.errors.unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].code.as_deref(), Some("KeyTooLongError"));
    let quiet = delete(&["a"], true).await.unwrap().output;
    assert_eq!((quiet.deleted, quiet.errors), (None, None));
    assert_eq!(outcome(&delete(&[], false).await), "400 MalformedXML");
    assert_eq!(
        outcome(&delete(&vec!["k"; 1001], false).await),
        "400 MalformedXML"
    );
    assert_eq!(outcome(&delete(&vec!["k"; 1000], false).await), "ok");
}

#[tokio::test]
async fn who_may_not_list_does_not_learn_what_is_missing() {
    let harness = Harness::new().await;
    harness.put("versioned", "hidden", b"x").await.unwrap();
    harness.delete("versioned", "hidden", None).await.unwrap();
    harness.put("versioned", "there", b"x").await.unwrap();
    let may_not = Err("no policy allows s3:ListBucket".to_owned());
    let get = async |key: &str, may_list: &Result<(), String>| {
        let mut get = request(GetObjectInput {
            bucket: "versioned".into(),
            key: key.into(),
            ..Default::default()
        });
        get.extensions.get_mut::<Caller>().unwrap().may_list = may_list.clone();
        harness.service.get_object(get).await
    };
    for key in ["missing", "hidden"] {
        assert_eq!(outcome(&get(key, &Ok(())).await), "404 NoSuchKey");
        let refused = get(key, &may_not).await;
        assert_eq!(outcome(&refused), "403 AccessDenied");
        let refused = refused.unwrap_err();
        assert_eq!(refused.message(), Some("no policy allows s3:ListBucket"));
    }
    assert_eq!(outcome(&get("there", &may_not).await), "ok");
}
