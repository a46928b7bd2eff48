//! Reading objects: `GetObject` and `HeadObject`.

use std::ops::Range;
use std::sync::Arc;

use http::StatusCode;
use http::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use super::conditions::{ReadConditions, Verdict};
use super::customer::{self, CustomerKey, customer_key};
use super::errors::{
    custom, insert, invalid_argument, invalid_request, precondition_failed, refuse, xml_headers,
};
use super::{S3Service, attributes, caller, checksum, convert};
use crate::caller::Caller;
use crate::store::{self, Checksum, Content, Version};

/// What both operations ask.
struct Asked {
    bucket: String,
    key: String,
    version_id: Option<String>,
    expected_owner: Option<String>,
    conditions: ReadConditions,
    range: Option<s3s::dto::Range>,
    part_number: Option<i32>,
    checksum_mode: Option<ChecksumMode>,
    customer_key: Option<CustomerKey>,
}

/// Takes the fields that both inputs have.
macro_rules! asked {
    ($input:expr) => {
        Asked {
            bucket: $input.bucket,
            key: $input.key,
            version_id: $input.version_id,
            expected_owner: $input.expected_bucket_owner,
            conditions: ReadConditions {
                if_match: $input.if_match,
                if_none_match: $input.if_none_match,
                if_modified_since: $input.if_modified_since,
                if_unmodified_since: $input.if_unmodified_since,
            },
            range: $input.range,
            part_number: $input.part_number,
            checksum_mode: $input.checksum_mode,
            customer_key: customer_key!($input)?,
        }
    };
}

/// What both operations answer.
struct Found {
    bucket: store::Bucket,
    version: Version,
    content: Arc<Content>,
    /// The bytes asked for.
    range: Range<u64>,
    /// They are a part of the object, and are answered with 206.
    partial: bool,
    parts_count: Option<i32>,
    checksum: Option<Checksum>,
    customer_key: Option<CustomerKey>,
}

fn not_modified(version: &Version) -> S3Error {
    let mut headers = xml_headers();
    insert(&mut headers, ETAG, &format!("\"{}\"", version.etag));
    let modified = convert::format(
        &convert::timestamp(version.modified),
        TimestampFormat::HttpDate,
    );
    insert(&mut headers, LAST_MODIFIED, &modified);
    let mut error = refuse(S3ErrorCode::NotModified, "Not Modified");
    error.set_headers(headers);
    error
}

fn invalid_range(size: u64) -> S3Error {
    let mut headers = xml_headers();
    insert(&mut headers, CONTENT_RANGE, &format!("bytes */{size}"));
    let mut error = refuse(
        S3ErrorCode::InvalidRange,
        "The requested range is not satisfiable",
    );
    error.set_headers(headers);
    error
}

/// The bytes of a part. An object that was not uploaded in parts is its own part 1.
fn part(
    version: &Version,
    content: &Content,
    number: i32,
) -> S3Result<(Range<u64>, Option<Checksum>)> {
    if !(1..=10_000).contains(&number) {
        return Err(invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
        ));
    }
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    let found = match version.parts {
        None if number == 1 => Some((0..version.size, version.checksum.clone())),
        None => None,
        Some(_) => content
            .part(number)
            .map(|(range, checksum)| (range, checksum.cloned())),
    };
    found.ok_or_else(|| {
        custom(
            "InvalidPartNumber",
            StatusCode::RANGE_NOT_SATISFIABLE,
            "The requested partnumber is not satisfiable",
        )
    })
}

async fn find(service: &S3Service, caller: &Caller, asked: Asked) -> S3Result<Found> {
    service
        .bucket(&asked.bucket, asked.expected_owner.as_deref())
        .await?;
    convert::check_key(&asked.key)?;
    convert::check_version(asked.version_id.as_deref())?;
    if asked.range.is_some() && asked.part_number.is_some() {
        return Err(invalid_request(
            "Cannot specify both Range header and partNumber query parameter",
        ));
    }
    let (bucket, version, content) = service
        .object(
            caller,
            &asked.bucket,
            &asked.key,
            asked.version_id.as_deref(),
        )
        .await?;
    customer::check(&version.attributes, asked.customer_key.as_ref())?;
    match asked.conditions.check(&version.etag, version.modified) {
        Verdict::Proceed => {}
        Verdict::NotModified => return Err(not_modified(&version)),
        Verdict::Failed => return Err(precondition_failed()),
    }
    let with_checksum = asked
        .checksum_mode
        .is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    let mut parts_count = None;
    let (range, partial, checksum) = match (asked.range, asked.part_number) {
        (Some(range), _) => {
            let range = range
                .check(version.size)
                .ok()
                .filter(|range| !range.is_empty())
                .ok_or_else(|| invalid_range(version.size))?;
            (range, true, None)
        }
        (None, Some(number)) => {
            let (range, checksum) = part(&version, &content, number)?;
            parts_count = version
                .parts
                .map(|count| i32::try_from(count).unwrap_or(i32::MAX));
            // An empty object has no range to name.
            let partial = version.size > 0;
            (range, partial, checksum)
        }
        (None, None) => (0..version.size, false, version.checksum.clone()),
    };
    Ok(Found {
        bucket,
        version,
        content: Arc::new(content),
        range,
        partial,
        parts_count,
        checksum: checksum.filter(|_| with_checksum),
        customer_key: asked.customer_key,
    })
}

impl Found {
    fn content_range(&self) -> Option<String> {
        let last = self.range.end.saturating_sub(1);
        self.partial
            .then(|| format!("bytes {}-{last}/{}", self.range.start, self.version.size))
    }
}

/// Fills the fields that both outputs have.
macro_rules! output {
    ($output:ident, $found:expr) => {{
        let found: &Found = $found;
        let version = &found.version;
        let attributes = version.attributes.clone();
        let sums = checksum::fields(found.checksum.as_ref());
        let shown = customer::shown(found.customer_key.as_ref());
        let length = found.range.end.saturating_sub(found.range.start);
        $output {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: attributes.cache_control,
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            checksum_type: sums.checksum_type,
            content_disposition: attributes.content_disposition,
            content_encoding: attributes.content_encoding,
            content_language: attributes.content_language,
            content_length: i64::try_from(length).ok(),
            content_range: found.content_range(),
            content_type: attributes.content_type,
            e_tag: convert::etag(&version.etag),
            expires: attributes.expires.map(convert::timestamp),
            last_modified: Some(convert::timestamp(version.modified)),
            metadata: (!attributes.metadata.is_empty())
                .then(|| attributes.metadata.into_iter().collect()),
            object_lock_legal_hold_status: version.legal_hold.map(attributes::shown_hold),
            parts_count: found.parts_count,
            server_side_encryption: shown.server_side_encryption,
            sse_customer_algorithm: shown.algorithm,
            sse_customer_key_md5: shown.key_md5,
            storage_class: attributes::shown_class(version).map(StorageClass::from),
            version_id: found.bucket.shown_version(&version.version_id),
            website_redirect_location: attributes.website_redirect,
            ..Default::default()
        }
    }};
}

/// The `response-` parameters of the query replace headers of the answer; `s3s` does that.
pub(super) async fn get_object(
    service: &S3Service,
    request: S3Request<GetObjectInput>,
) -> S3Result<GetObjectOutput> {
    let found = find(service, caller(&request.extensions)?, asked!(request.input)).await?;
    attributes::check_readable(&found.version)?;
    let mut output = output!(GetObjectOutput, &found);
    output.tag_count = i32::try_from(found.version.tags.len())
        .ok()
        .filter(|count| *count > 0);
    output.body = Some(StreamingBlob::wrap(found.content.stream(found.range)));
    Ok(output)
}

pub(super) async fn head_object(
    service: &S3Service,
    request: S3Request<HeadObjectInput>,
) -> S3Result<HeadObjectOutput> {
    let found = find(service, caller(&request.extensions)?, asked!(request.input)).await?;
    Ok(output!(HeadObjectOutput, &found))
}
