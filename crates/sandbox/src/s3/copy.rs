//! Copying objects, and the source that `CopyObject` and `UploadPartCopy` share.

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::attributes::{self, attributes, refuse_unsupported};
use super::conditions::{ReadConditions, Verdict, write_condition};
use super::customer::{self, CustomerKey, customer_key};
use super::errors::{invalid_argument, invalid_request, precondition_failed, refuse};
use super::objects::{DEFAULT_ALGORITHM, UPLOAD_LIMIT};
use super::{S3Service, caller, checksum, convert};
use crate::caller::Caller;
use crate::store::{self, Attributes, ChecksumKind, Content, NewContent, NewVersion, Version};

/// Where the bytes of a copy come from.
pub(super) struct Source {
    pub bucket: store::Bucket,
    pub version: Version,
    pub content: Arc<Content>,
}

/// What a copy asks of its source.
pub(super) struct SourceAsked<'a> {
    pub source: &'a CopySource,
    pub expected_owner: Option<&'a str>,
    pub conditions: ReadConditions,
    pub customer_key: Option<CustomerKey>,
}

/// Takes the fields that both copies have.
macro_rules! source_asked {
    ($input:expr) => {
        $crate::s3::copy::SourceAsked {
            source: &$input.copy_source,
            expected_owner: $input.expected_source_bucket_owner.as_deref(),
            conditions: $crate::s3::conditions::ReadConditions {
                if_match: $input.copy_source_if_match.clone(),
                if_none_match: $input.copy_source_if_none_match.clone(),
                if_modified_since: $input.copy_source_if_modified_since.clone(),
                if_unmodified_since: $input.copy_source_if_unmodified_since.clone(),
            },
            customer_key: $crate::s3::customer::CustomerKey::read(
                $input.copy_source_sse_customer_algorithm.as_deref(),
                $input.copy_source_sse_customer_key.as_deref(),
                $input.copy_source_sse_customer_key_md5.as_deref(),
            )?,
        }
    };
}
pub(super) use source_asked;

/// The bucket, key and version that a source names.
fn parse(source: &CopySource) -> S3Result<(&str, &str, Option<&str>)> {
    match source {
        CopySource::Bucket {
            bucket,
            key,
            version_id,
        } => Ok((bucket, key, version_id.as_deref())),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => Err(refuse(
            S3ErrorCode::NotImplemented,
            "Copying from an access point is not implemented.",
        )),
    }
}

/// Finds the source. A condition that does not hold fails the copy, whichever it is.
pub(super) async fn find(
    service: &S3Service,
    caller: &Caller,
    asked: SourceAsked<'_>,
) -> S3Result<Source> {
    let (bucket, key, version_id) = parse(asked.source)?;
    convert::check_version(version_id)?;
    service.bucket(bucket, asked.expected_owner).await?;
    let found = service.object(caller, bucket, key, version_id).await;
    let (bucket, version, content) = found.map_err(|error| match error.code() {
        S3ErrorCode::MethodNotAllowed => invalid_request(
            "The source of a copy request may not specifically refer to a delete marker by \
             version id.",
        ),
        _ => error,
    })?;
    customer::check(&version.attributes, asked.customer_key.as_ref())?;
    if asked.conditions.check(&version.etag, version.modified) != Verdict::Proceed {
        return Err(precondition_failed());
    }
    attributes::check_readable(&version)?;
    Ok(Source {
        bucket,
        version,
        content: Arc::new(content),
    })
}

pub(super) fn source_too_large() -> s3s::S3Error {
    invalid_request(format!(
        "The specified copy source is larger than the maximum allowable size for a copy source: \
         {UPLOAD_LIMIT}"
    ))
}

/// The conditions on the key written to, which `s3s` leaves in the headers.
fn destination_condition<T>(request: &S3Request<T>) -> S3Result<store::WriteCondition> {
    let read = |name: &str| -> S3Result<Option<ETagCondition>> {
        request
            .headers
            .get(name)
            .map(|value| {
                ETagCondition::parse_http_header(value.as_bytes())
                    .map_err(|_| invalid_argument(format!("invalid header: {name}")))
            })
            .transpose()
    };
    write_condition(read("if-match")?.as_ref(), read("if-none-match")?.as_ref())
}

/// Whether a directive says `REPLACE`.
fn replaces(directive: Option<&str>, name: &str) -> S3Result<bool> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(invalid_argument(format!("Unknown {name} directive."))),
    }
}

pub(super) async fn copy_object(
    service: &S3Service,
    mut request: S3Request<CopyObjectInput>,
) -> S3Result<CopyObjectOutput> {
    let condition = destination_condition(&request)?;
    let input = &mut request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_key(&input.key)?;
    refuse_unsupported!(input)?;
    let algorithm = checksum::algorithm(input.checksum_algorithm.as_ref())?;
    let replace = replaces(
        input.metadata_directive.as_ref().map(|it| it.as_str()),
        "metadata",
    )?;
    let replace_tags = replaces(
        input.tagging_directive.as_ref().map(|it| it.as_str()),
        "tagging",
    )?;
    let onto_itself = parse(&input.copy_source)? == (&input.bucket, &input.key, None);
    let changes_nothing = !replace
        && input.storage_class.is_none()
        && input.website_redirect_location.is_none()
        && input.server_side_encryption.is_none()
        && input.sse_customer_key.is_none();
    if onto_itself && changes_nothing {
        return Err(invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself \
             without changing the object's metadata, storage class, website redirect location \
             or encryption attributes.",
        ));
    }
    let legal_hold = attributes::legal_hold(input.object_lock_legal_hold_status.as_ref())?;
    let source = find(service, caller(&request.extensions)?, source_asked!(input)).await?;
    if source.version.size > UPLOAD_LIMIT {
        return Err(source_too_large());
    }
    let key = customer_key!(input)?;
    let given = customer::sealed(attributes!(input)?, key.as_ref())?;
    let attributes = if replace {
        given
    } else {
        Attributes {
            storage_class: given.storage_class,
            website_redirect: given.website_redirect,
            customer_key: given.customer_key,
            ..source.version.attributes.clone()
        }
    };
    let tags = if replace_tags {
        convert::parse_tags(input.tagging.as_deref())?
    } else {
        if !source.version.tags.is_empty() && !caller(&request.extensions)?.may_copy_tags {
            return Err(refuse(S3ErrorCode::AccessDenied, "Access Denied"));
        }
        source.version.tags.clone()
    };
    let algorithm = algorithm
        .or_else(|| source.version.checksum.as_ref().map(|it| it.algorithm))
        .unwrap_or(DEFAULT_ALGORITHM);
    let kept = source
        .version
        .checksum
        .clone()
        .filter(|it| it.algorithm == algorithm && it.kind == ChecksumKind::FullObject);
    let is_encrypted = key.is_some() || source.version.attributes.customer_key.is_some();
    // A copy is one piece, whatever its source was: the ETag is an MD5 again, and the checksum
    // covers all the bytes. The bytes are read only when these are not known.
    let (etag, checksum) = match kept {
        Some(kept) if source.version.parts.is_none() && !is_encrypted => {
            (source.version.etag.clone(), Some(kept))
        }
        _ => {
            let content = Arc::clone(&source.content);
            let digests = content.digest(algorithm).await?;
            let checksum = checksum::full_object(&digests, algorithm);
            (customer::etag(&digests.md5, &attributes), checksum)
        }
    };
    let new = NewVersion {
        key: std::mem::take(&mut input.key),
        etag,
        attributes,
        checksum,
        legal_hold,
        tags,
        content: NewContent::Shared(source.content.without_parts()),
        condition,
    };
    let (bucket, version) = service.store.put(&input.bucket, new).await?;
    let sums = checksum::fields(version.checksum.as_ref());
    let shown = customer::shown(key.as_ref());
    Ok(CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            checksum_type: sums.checksum_type,
            e_tag: convert::etag(&version.etag),
            last_modified: Some(convert::timestamp(version.modified)),
        }),
        copy_source_version_id: source.bucket.shown_version(&source.version.version_id),
        server_side_encryption: shown.server_side_encryption,
        sse_customer_algorithm: shown.algorithm,
        sse_customer_key_md5: shown.key_md5,
        version_id: bucket.shown_version(&version.version_id),
        ..Default::default()
    })
}
