//! Tests of the operations, called as `s3s` calls them.

mod copies;
mod customer;
mod objects;
mod uploads;
mod versions;

use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Uri};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Result};

use super::S3Service;
use crate::caller::Caller;
use crate::store::{Location, Store};

const OWNER: &str = "111122223333";

struct Harness {
    service: S3Service,
}

fn request<T>(input: T) -> S3Request<T> {
    request_of(input, OWNER)
}

fn request_of<T>(input: T, account: &str) -> S3Request<T> {
    let mut extensions = http::Extensions::new();
    extensions.insert(Caller {
        arn: format!("arn:aws:iam::{account}:user/tester"),
        account: account.to_owned(),
        may_list: Ok(()),
        may_copy_tags: true,
        denied_entries: std::collections::BTreeMap::new(),
    });
    S3Request {
        input,
        method: Method::GET,
        uri: Uri::from_static("/"),
        headers: HeaderMap::new(),
        extensions,
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
    }
}

fn body(bytes: &[u8]) -> Option<StreamingBlob> {
    Some(StreamingBlob::from(s3s::Body::from(bytes.to_vec())))
}

async fn read(body: Option<StreamingBlob>) -> Vec<u8> {
    let chunks: Vec<bytes::Bytes> = body.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

/// An outcome as status and code: `412 PreconditionFailed`, or `ok`.
fn outcome<T>(result: &S3Result<T>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let status = error.status_code().map_or(500, |status| status.as_u16());
            format!("{status} {}", error.code().as_str())
        }
    }
}

impl Harness {
    /// A service with the buckets `plain`, `versioned` and `locked`.
    async fn new() -> Self {
        let store = Store::open(Location::Memory).await.unwrap();
        let service = S3Service::new(store, "us-east-1".to_owned());
        let harness = Self { service };
        for (name, lock) in [("plain", false), ("versioned", false), ("locked", true)] {
            harness
                .service
                .create_bucket(request(CreateBucketInput {
                    bucket: name.to_owned(),
                    object_lock_enabled_for_bucket: Some(lock),
                    ..Default::default()
                }))
                .await
                .unwrap();
        }
        harness.versioning("versioned", "Enabled").await.unwrap();
        harness
    }

    async fn versioning(&self, bucket: &str, status: &str) -> S3Result<()> {
        let input = PutBucketVersioningInput {
            bucket: bucket.to_owned(),
            versioning_configuration: VersioningConfiguration {
                status: Some(status.to_owned().into()),
                ..Default::default()
            },
            checksum_algorithm: None,
            content_md5: None,
            expected_bucket_owner: None,
            mfa: None,
        };
        self.service
            .put_bucket_versioning(request(input))
            .await
            .map(drop)
    }

    async fn put(&self, bucket: &str, key: &str, bytes: &[u8]) -> S3Result<PutObjectOutput> {
        self.put_with(bucket, key, bytes, PutObjectInput::default())
            .await
    }

    async fn put_with(
        &self,
        bucket: &str,
        key: &str,
        bytes: &[u8],
        input: PutObjectInput,
    ) -> S3Result<PutObjectOutput> {
        let input = PutObjectInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            body: body(bytes),
            ..input
        };
        let answer = self.service.put_object(request(input)).await?;
        Ok(answer.output)
    }

    async fn get_with(
        &self,
        bucket: &str,
        key: &str,
        input: GetObjectInput,
    ) -> S3Result<GetObjectOutput> {
        let input = GetObjectInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            ..input
        };
        Ok(self.service.get_object(request(input)).await?.output)
    }

    async fn get(&self, bucket: &str, key: &str) -> S3Result<Vec<u8>> {
        let output = self
            .get_with(bucket, key, GetObjectInput::default())
            .await?;
        Ok(read(output.body).await)
    }

    async fn delete(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> S3Result<DeleteObjectOutput> {
        let input = DeleteObjectInput {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version_id: version_id.map(str::to_owned),
            ..Default::default()
        };
        Ok(self.service.delete_object(request(input)).await?.output)
    }
}

#[tokio::test]
async fn buckets_live_and_die() {
    let harness = Harness::new().await;
    let service = &harness.service;
    let create = async |name: &str, account: &str| {
        let input = CreateBucketInput {
            bucket: name.to_owned(),
            ..Default::default()
        };
        let result = service.create_bucket(request_of(input, account)).await;
        outcome(&result)
    };
    assert_eq!(create("new", OWNER).await, "ok");
    // In this region, creating one's own bucket again is no error.
    assert_eq!(create("new", OWNER).await, "ok");
    assert_eq!(
        create("new", "999999999999").await,
        "409 BucketAlreadyExists"
    );
    assert_eq!(create("NEW", OWNER).await, "400 InvalidBucketName");
    assert_eq!(create("others", "999999999999").await, "ok");

    let list = async |account: &str, max: Option<i32>, token: Option<String>| {
        let input = ListBucketsInput {
            max_buckets: max,
            continuation_token: token,
            ..Default::default()
        };
        let output = service
            .list_buckets(request_of(input, account))
            .await
            .unwrap()
            .output;
        let names: Vec<_> = output
            .buckets
            .unwrap()
            .into_iter()
            .map(|bucket| bucket.name.unwrap())
            .collect();
        (names.join(" "), output.continuation_token)
    };
    assert_eq!(list("999999999999", None, None).await.0, "others");
    let (first, token) = list(OWNER, Some(3), None).await;
    assert_eq!(first, "locked new plain");
    let (second, end) = list(OWNER, Some(3), token).await;
    assert_eq!((second.as_str(), end), ("versioned", None));

    let head = async |name: &str, expected: Option<&str>| {
        let input = HeadBucketInput {
            bucket: name.to_owned(),
            expected_bucket_owner: expected.map(str::to_owned),
        };
        outcome(&service.head_bucket(request(input)).await)
    };
    assert_eq!(head("new", None).await, "ok");
    assert_eq!(head("new", Some(OWNER)).await, "ok");
    assert_eq!(head("new", Some("999999999999")).await, "403 AccessDenied");
    assert_eq!(head("none", None).await, "404 NoSuchBucket");

    let delete = async |name: &str| {
        let input = DeleteBucketInput {
            bucket: name.to_owned(),
            expected_bucket_owner: None,
        };
        outcome(&service.delete_bucket(request(input)).await)
    };
    harness.put("new", "key", b"x").await.unwrap();
    assert_eq!(delete("new").await, "409 BucketNotEmpty");
    harness.delete("new", "key", None).await.unwrap();
    assert_eq!(delete("new").await, "ok");
    assert_eq!(delete("new").await, "404 NoSuchBucket");
    assert_eq!(
        outcome(&harness.put("new", "key", b"x").await),
        "404 NoSuchBucket"
    );
}

#[tokio::test]
async fn what_is_not_here_is_refused() {
    let harness = Harness::new().await;
    let check = async |input: PutObjectInput, expect: &str| {
        let result = harness.put_with("plain", "key", b"x", input).await;
        assert_eq!(outcome(&result), expect);
    };
    let of = PutObjectInput::default;
    check(
        PutObjectInput {
            server_side_encryption: Some("aws:kms".to_owned().into()),
            ..of()
        },
        "501 NotImplemented",
    )
    .await;
    check(
        PutObjectInput {
            object_lock_mode: Some("GOVERNANCE".to_owned().into()),
            ..of()
        },
        "501 NotImplemented",
    )
    .await;
    check(
        PutObjectInput {
            acl: Some("public-read".to_owned().into()),
            ..of()
        },
        "400 AccessControlListNotSupported",
    )
    .await;
    check(
        PutObjectInput {
            storage_class: Some("WARM".to_owned().into()),
            ..of()
        },
        "400 InvalidStorageClass",
    )
    .await;
    assert_eq!(outcome(&harness.get("plain", "key").await), "404 NoSuchKey");
    let mut headers = HeaderMap::new();
    headers.insert("if-none-match", HeaderValue::from_static("*"));
    let copy = CopyObjectInput::builder()
        .bucket("plain".to_owned())
        .key("key".to_owned())
        .copy_source(CopySource::AccessPoint {
            partition: "aws".into(),
            region: "us-east-1".into(),
            account_id: OWNER.into(),
            access_point_name: "point".into(),
            key: "key".into(),
            version_id: None,
        })
        .build()
        .unwrap();
    let mut copy = request(copy);
    copy.headers = headers;
    let result = harness.service.copy_object(copy).await;
    assert_eq!(outcome(&result), "501 NotImplemented");
}
