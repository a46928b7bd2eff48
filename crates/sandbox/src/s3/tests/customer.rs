//! Encryption with keys of the customer: who gets in, and who is told what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;

use super::*;

/// The three fields that a key comes in.
fn fields(byte: u8) -> (Option<String>, Option<String>, Option<String>) {
    let key = [byte; 32];
    let md5 = STANDARD.encode(md5::Md5::digest(key));
    (
        Some("AES256".to_owned()),
        Some(STANDARD.encode(key)),
        Some(md5),
    )
}

fn put_input(key: Option<u8>) -> PutObjectInput {
    let (sse_customer_algorithm, sse_customer_key, sse_customer_key_md5) =
        key.map_or((None, None, None), fields);
    PutObjectInput {
        sse_customer_algorithm,
        sse_customer_key,
        sse_customer_key_md5,
        ..Default::default()
    }
}

fn get_input(key: Option<u8>) -> GetObjectInput {
    let (sse_customer_algorithm, sse_customer_key, sse_customer_key_md5) =
        key.map_or((None, None, None), fields);
    GetObjectInput {
        sse_customer_algorithm,
        sse_customer_key,
        sse_customer_key_md5,
        ..Default::default()
    }
}

#[tokio::test]
async fn only_the_same_key_reads_what_a_key_wrote() {
    let harness = Harness::new().await;
    let put = harness
        .put_with("plain", "with", b"text", put_input(Some(1)))
        .await
        .unwrap();
    assert_eq!(put.server_side_encryption, None);
    assert_eq!(put.sse_customer_algorithm.as_deref(), Some("AES256"));
    assert_eq!(put.sse_customer_key_md5, fields(1).2);
    // The ETag tells nothing of the content.
    let md5 = hex::encode(md5::Md5::digest(b"text"));
    assert_ne!(put.e_tag, Some(ETag::Strong(md5)));
    harness.put("plain", "without", b"text").await.unwrap();

    for (object, key, expect) in [
        ("with", Some(1), "ok"),
        ("with", Some(2), "403 AccessDenied"),
        ("with", None, "400 InvalidRequest"),
        ("without", None, "ok"),
        ("without", Some(1), "400 InvalidRequest"),
    ] {
        let got = harness.get_with("plain", object, get_input(key)).await;
        assert_eq!(outcome(&got), expect, "{object} {key:?}");
        if let Ok(got) = got {
            assert_eq!(got.sse_customer_key_md5, key.and_then(|key| fields(key).2));
            assert_eq!(read(got.body).await, b"text");
        }
    }
}

#[tokio::test]
async fn a_key_is_whole_or_refused() {
    let harness = Harness::new().await;
    let check = async |change: fn(&mut PutObjectInput), expect: &str| {
        let mut input = put_input(Some(1));
        change(&mut input);
        let put = harness.put_with("plain", "key", b"", input).await;
        let error = put.unwrap_err();
        let told = format!("{} {}", error.code().as_str(), error.message().unwrap());
        assert_eq!(told, expect);
    };
    let with_keys = "InvalidArgument Requests specifying Server Side Encryption with Customer provided keys must provide";
    check(
        |input| input.sse_customer_algorithm = None,
        &format!("{with_keys} a valid encryption algorithm."),
    )
    .await;
    check(
        |input| input.sse_customer_key = None,
        &format!("{with_keys} an appropriate secret key."),
    )
    .await;
    check(
        |input| input.sse_customer_key_md5 = None,
        &format!("{with_keys} the client calculated MD5 of the secret key."),
    )
    .await;
    check(
        |input| input.sse_customer_algorithm = Some("DES".into()),
        "InvalidEncryptionAlgorithmError The Encryption request you specified is not valid. Supported value: AES256.",
    )
    .await;
    check(
        |input| input.sse_customer_key = Some(STANDARD.encode([1; 16])),
        "InvalidArgument The secret key was invalid for the specified algorithm.",
    )
    .await;
    check(
        |input| input.sse_customer_key_md5 = fields(2).2,
        "InvalidArgument The calculated MD5 hash of the key did not match the hash that was provided.",
    )
    .await;
}

#[tokio::test]
async fn the_key_itself_is_not_kept() {
    let harness = Harness::new().await;
    harness
        .put_with("plain", "a", b"text", put_input(Some(1)))
        .await
        .unwrap();
    let get = |key: &'static str| harness.service.store.get("plain", key, None);
    let (_, version, _) = get("a").await.unwrap();
    let first = version.attributes.customer_key.unwrap();
    let (_, key, _) = fields(1);
    assert!(!first.contains(&key.unwrap()) && !first.contains(&hex::encode([1; 32])));
    harness
        .put_with("plain", "b", b"text", put_input(Some(1)))
        .await
        .unwrap();
    let (_, version, _) = get("b").await.unwrap();
    // Salted: two objects under one key do not tell so.
    assert_ne!(version.attributes.customer_key, Some(first));
}
