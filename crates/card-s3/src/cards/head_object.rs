//! `s3.head_object`: what S3 says of an object without its content.

use aws_sdk_s3::types::{ChecksumMode, ObjectLockLegalHoldStatus};
use flowrun_card::{
    Card, CardError, CardSpec, ConnectionRef, Ctx, Effect, Example, Idempotency, InputError,
    Partial, Permissions, Secret,
};
use flowrun_connections::AwsS3;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    client::S3,
    fields::{DateTime, Problems, size_of, sorted, unquote},
    permissions::READ,
    transfer::{
        customer_key::{CustomerKey, Of, refuse_plain_http, with_key},
        object::Place,
    },
};

/// Which object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// The connection.
    connection: ConnectionRef<AwsS3>,
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The version; the current one if left out.
    version_id: Option<String>,
    /// The key that the object is encrypted with (SSE-C): 32 bytes in base64.
    sse_customer_key: Option<Secret>,
}

/// What S3 says of it; null where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// The bucket.
    bucket: String,
    /// The key.
    key: String,
    /// The version, in a bucket that keeps versions.
    version_id: Option<String>,
    /// Bytes.
    size: Option<u64>,
    /// The ETag, without quotes.
    etag: Option<String>,
    /// When this version was stored.
    last_modified: Option<DateTime>,
    /// The media type.
    content_type: Option<String>,
    /// `Cache-Control`.
    cache_control: Option<String>,
    /// `Content-Disposition`.
    content_disposition: Option<String>,
    /// `Content-Encoding`.
    content_encoding: Option<String>,
    /// `Content-Language`.
    content_language: Option<String>,
    /// `Expires`, as it was written.
    expires: Option<String>,
    /// User metadata, by name.
    metadata: IndexMap<String, String>,
    /// The storage class; `STANDARD` where S3 says nothing.
    storage_class: String,
    /// CRC-32 in base64.
    checksum_crc32: Option<String>,
    /// CRC-32C in base64.
    checksum_crc32c: Option<String>,
    /// CRC-64/NVME in base64.
    checksum_crc64nvme: Option<String>,
    /// SHA-1 in base64.
    checksum_sha1: Option<String>,
    /// SHA-256 in base64.
    checksum_sha256: Option<String>,
    /// `FULL_OBJECT`, or `COMPOSITE` where the checksum is one of the parts' checksums.
    checksum_type: Option<String>,
    /// How S3 encrypts it, such as `AES256`; null where it does so with a key of its owner.
    server_side_encryption: Option<String>,
    /// How S3 encrypts it with the key of its owner: `AES256`.
    sse_customer_algorithm: Option<String>,
    /// The KMS key, where it is one.
    ssekms_key_id: Option<String>,
    /// How many parts it was uploaded in.
    parts_count: Option<u64>,
    /// How many tags it has, where the identity may read them (`s3:GetObjectTagging`).
    tag_count: Option<u64>,
    /// Whether it is under legal hold; null where it never was, or where the identity may not see
    /// it (`s3:GetObjectLegalHold`).
    object_lock_legal_hold: Option<bool>,
    /// `GOVERNANCE` or `COMPLIANCE`, where it is retained and the identity may see it
    /// (`s3:GetObjectRetention`).
    object_lock_mode: Option<String>,
    /// Until when it is retained.
    object_lock_retain_until_date: Option<DateTime>,
    /// The state of its replication.
    replication_status: Option<String>,
    /// The state of its restore from an archive.
    restore: Option<String>,
}

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    connection: ConnectionRef<AwsS3>,
    place: Place,
}

/// The card.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadObject;

impl Card for HeadObject {
    type Input = Input;
    type Output = Output;
    type Plan = Plan;

    const SPEC: CardSpec = CardSpec {
        name: "s3.head_object",
        title: "Read object metadata",
        description: "Reads what S3 says of an object without its content: size, ETag, checksums, \
            metadata, lock.\n\nA missing object is an error of kind `not_found`, and of kind \
            `permission_denied` where the identity may not list the bucket: S3 does not tell the \
            two apart then. The ETag is without quotes.",
        effect: Effect::Read,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &["stat", "exists", "size", "etag", "checksum", "HeadObject"],
        rules: &[],
    };

    fn check(input: Input) -> Result<Plan, Vec<InputError>> {
        let mut problems = Problems::default();
        problems.object(&input.bucket, &input.key, input.version_id.as_deref());
        let customer_key = CustomerKey::of(
            "sse_customer_key",
            input.sse_customer_key.as_ref(),
            &mut problems,
        );
        problems.none_or(Plan {
            connection: input.connection,
            place: Place {
                bucket: input.bucket,
                key: input.key,
                version_id: input.version_id,
                customer_key,
            },
        })
    }

    fn permissions(input: &Partial, permissions: &mut Permissions) {
        READ.need(input, permissions);
    }

    fn examples() -> &'static [Example] {
        &[Example {
            title: "Read the size and checksum of a report",
            flow: r#"flow: head_report
connections: { source: demo-reports }
cards:
  stored:
    card: s3.upload
    connection: source
    with: { bucket: reports, key: daily/head/a.txt, text: "one report" }
  head:
    card: s3.head_object
    connection: source
    with: { bucket: reports, key: "{{ cards.stored.key }}" }
outputs:
  size: "{{ cards.head.size }}"
  checksum: "{{ cards.head.checksum_crc64nvme }}"
"#,
        }]
    }

    async fn run(&self, plan: &Plan, ctx: &Ctx) -> Result<Output, CardError> {
        let s3 = S3::open(ctx, &plan.connection).await?;
        ctx.until_cancelled(head(&s3, &plan.place)).await
    }
}

async fn head(s3: &S3, place: &Place) -> Result<Output, CardError> {
    let key = place.customer_key.as_ref();
    refuse_plain_http(s3, key).map_err(|error| place.placed(s3, error))?;
    let call = place.call("HeadObject");
    let request = s3
        .client()
        .head_object()
        .bucket(&place.bucket)
        .key(&place.key)
        .set_version_id(place.version_id.clone())
        .checksum_mode(ChecksumMode::Enabled)
        .customize()
        .mutate_request(with_key(key, Of::Object));
    let answer = Box::pin(request.send())
        .await
        .map_err(|error| s3.error(&call, error))?;
    let text = |text: Option<&str>| text.map(str::to_owned);
    let count = |count: Option<i32>| size_of(count.map(i64::from));
    Ok(Output {
        bucket: place.bucket.clone(),
        key: place.key.clone(),
        version_id: text(answer.version_id()),
        size: size_of(answer.content_length()),
        etag: answer.e_tag().map(unquote),
        last_modified: answer.last_modified().and_then(DateTime::from_sdk),
        content_type: text(answer.content_type()),
        cache_control: text(answer.cache_control()),
        content_disposition: text(answer.content_disposition()),
        content_encoding: text(answer.content_encoding()),
        content_language: text(answer.content_language()),
        expires: text(answer.expires_string()),
        metadata: sorted(answer.metadata()),
        storage_class: answer
            .storage_class()
            .map_or("STANDARD", |class| class.as_str())
            .to_owned(),
        checksum_crc32: text(answer.checksum_crc32()),
        checksum_crc32c: text(answer.checksum_crc32_c()),
        checksum_crc64nvme: text(answer.checksum_crc64_nvme()),
        checksum_sha1: text(answer.checksum_sha1()),
        checksum_sha256: text(answer.checksum_sha256()),
        checksum_type: text(answer.checksum_type().map(|kind| kind.as_str())),
        server_side_encryption: text(answer.server_side_encryption().map(|kind| kind.as_str())),
        sse_customer_algorithm: text(answer.sse_customer_algorithm()),
        ssekms_key_id: text(answer.ssekms_key_id()),
        parts_count: count(answer.parts_count()),
        tag_count: count(answer.tag_count()),
        object_lock_legal_hold: answer
            .object_lock_legal_hold_status()
            .map(|status| *status == ObjectLockLegalHoldStatus::On),
        object_lock_mode: text(answer.object_lock_mode().map(|mode| mode.as_str())),
        object_lock_retain_until_date: answer
            .object_lock_retain_until_date()
            .and_then(DateTime::from_sdk),
        replication_status: text(answer.replication_status().map(|status| status.as_str())),
        restore: text(answer.restore()),
    })
}
