//! Putting and deleting objects.

use futures_util::StreamExt as _;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, StdError};

use super::attributes::{self, attributes, refuse_unsupported};
use super::checksum::{self, Promised, sums};
use super::conditions::write_condition;
use super::customer::{self, customer_key};
use super::errors::{invalid_request, refuse};
use super::{S3Service, caller, convert};
use crate::store::{Algorithm, Deletion, NewBlob, NewContent, NewVersion, WriteCondition};

/// The most bytes of one upload, and of the source of one copy: 5 GiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
pub(super) const UPLOAD_LIMIT: u64 = 5 * 1024 * 1024 * 1024;

/// The checksum of objects uploaded without one.
pub(super) const DEFAULT_ALGORITHM: Algorithm = Algorithm::Crc64Nvme;

/// The most keys of one `DeleteObjects`.
const DELETE_LIMIT: usize = 1000;

/// Why the bytes of a request stopped. `s3s` keeps the types of these errors to itself.
fn broken_body(error: &StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        return custom_mismatch();
    }
    if text.contains("SignatureMismatch") {
        return refuse(
            S3ErrorCode::SignatureDoesNotMatch,
            "The request signature we calculated does not match the signature you provided. \
             Check your key and signing method.",
        );
    }
    refuse(
        S3ErrorCode::IncompleteBody,
        "The request body terminated unexpectedly",
    )
}

fn custom_mismatch() -> S3Error {
    super::errors::custom(
        "XAmzContentSHA256Mismatch",
        StatusCode::BAD_REQUEST,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
}

/// Receives a body into a blob, and checks its length and its digests.
///
/// Nothing of it stays behind on an error.
pub(super) async fn receive(
    service: &S3Service,
    body: Option<StreamingBlob>,
    length: Option<i64>,
    promised: &Promised,
    algorithms: impl IntoIterator<Item = Algorithm>,
) -> S3Result<NewBlob> {
    let too_large = || {
        refuse(
            S3ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size",
        )
    };
    let length = length
        .map(|length| u64::try_from(length).map_err(|_| invalid_request("Invalid Content-Length")))
        .transpose()?;
    if length.is_some_and(|length| length > UPLOAD_LIMIT) {
        return Err(too_large());
    }
    let mut writer = service.store.new_blob(algorithms).await?;
    let mut received = 0_u64;
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            let bytes = bytes.map_err(|error| broken_body(&error))?;
            received = received.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if received > UPLOAD_LIMIT {
                return Err(too_large());
            }
            writer.write(&bytes).await?;
        }
    }
    if length.is_some_and(|length| length != received) {
        return Err(refuse(
            S3ErrorCode::IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ));
    }
    let blob = writer.finish().await?;
    promised.verify(&blob.digests)?;
    Ok(blob)
}

pub(super) async fn put_object(
    service: &S3Service,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<PutObjectOutput> {
    let input = &mut request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_key(&input.key)?;
    refuse_unsupported!(input)?;
    if input.write_offset_bytes.is_some() {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "Appending to an object is not implemented.",
        ));
    }
    let key = customer_key!(input)?;
    let attributes = customer::sealed(attributes!(input)?, key.as_ref())?;
    let legal_hold = attributes::legal_hold(input.object_lock_legal_hold_status.as_ref())?;
    let tags = convert::parse_tags(input.tagging.as_deref())?;
    let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let promised = Promised::read(
        input.content_md5.as_deref(),
        sums!(input),
        input.checksum_algorithm.as_ref(),
        &request.headers,
        request.trailing_headers.take(),
    )?;
    if legal_hold.is_some() && !promised.any() {
        return Err(invalid_request(
            "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with \
             Object Lock parameters",
        ));
    }
    // A write that would be refused in the end is refused before its body.
    if condition != WriteCondition::Always {
        service
            .store
            .check_condition(&input.bucket, &input.key, condition.clone())
            .await?;
    }
    let algorithm = promised.algorithm().unwrap_or(DEFAULT_ALGORITHM);
    let blob = receive(
        service,
        input.body.take(),
        input.content_length,
        &promised,
        [algorithm],
    )
    .await?;
    let new = NewVersion {
        key: std::mem::take(&mut input.key),
        etag: customer::etag(&blob.digests.md5, &attributes),
        attributes,
        checksum: checksum::full_object(&blob.digests, algorithm),
        legal_hold,
        tags,
        content: NewContent::Blob(blob),
        condition,
    };
    let (bucket, version) = service.store.put(&input.bucket, new).await?;
    let sums = checksum::fields(version.checksum.as_ref());
    let shown = customer::shown(key.as_ref());
    Ok(PutObjectOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: convert::etag(&version.etag),
        server_side_encryption: shown.server_side_encryption,
        sse_customer_algorithm: shown.algorithm,
        sse_customer_key_md5: shown.key_md5,
        version_id: bucket.shown_version(&version.version_id),
        ..Default::default()
    })
}

/// What S3 answers of every object that did not ask for another encryption.
pub(super) fn encryption() -> ServerSideEncryption {
    ServerSideEncryption::from_static(ServerSideEncryption::AES256)
}

pub(super) async fn delete_object(
    service: &S3Service,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<DeleteObjectOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_key(&input.key)?;
    convert::check_version(input.version_id.as_deref())?;
    if input.mfa.is_some()
        || input.if_match_last_modified_time.is_some()
        || input.if_match_size.is_some()
    {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        ));
    }
    let deletion = Deletion {
        key: input.key,
        version_id: input.version_id,
        condition: write_condition(input.if_match.as_ref(), None)?,
    };
    let outcomes = service.store.delete(&input.bucket, vec![deletion]).await?;
    let deleted = outcomes
        .into_iter()
        .next()
        .transpose()?
        .ok_or(S3ErrorCode::InternalError)?;
    Ok(DeleteObjectOutput {
        delete_marker: deleted.delete_marker.then_some(true),
        version_id: deleted.version_id,
        request_charged: None,
    })
}

pub(super) async fn delete_objects(
    service: &S3Service,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<DeleteObjectsOutput> {
    let denied = caller(&request.extensions)?.denied_entries.clone();
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let objects = input.delete.objects;
    if objects.is_empty() || objects.len() > DELETE_LIMIT {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        ));
    }
    let mut deletions = Vec::new();
    let mut errors = Vec::new();
    let failed = |key: &str, version_id: Option<&str>, error: &S3Error| Error {
        code: Some(error.code().as_str().to_owned()),
        key: Some(key.to_owned()),
        message: error.message().map(str::to_owned),
        version_id: version_id.map(str::to_owned),
    };
    for (index, object) in objects.into_iter().enumerate() {
        let version_id = object.version_id.filter(|id| !id.is_empty());
        let allowed = match denied.get(&index) {
            Some(reason) => Err(refuse(S3ErrorCode::AccessDenied, reason.clone())),
            None => Ok(()),
        };
        let checked = allowed
            .and_then(|()| convert::check_key(&object.key))
            .and_then(|()| convert::check_version(version_id.as_deref()));
        match checked {
            Ok(()) => deletions.push(Deletion {
                key: object.key,
                version_id,
                condition: object.e_tag.map_or(WriteCondition::Always, |etag| {
                    WriteCondition::Matches(Some(etag.into_value()))
                }),
            }),
            Err(error) => errors.push(failed(&object.key, version_id.as_deref(), &error)),
        }
    }
    let outcomes = service
        .store
        .delete(&input.bucket, deletions.clone())
        .await?;
    let quiet = input.delete.quiet.unwrap_or_default();
    let mut deleted = Vec::new();
    for (deletion, outcome) in deletions.into_iter().zip(outcomes) {
        match outcome {
            Ok(_) if quiet => {}
            Ok(outcome) => deleted.push(DeletedObject {
                delete_marker: outcome.delete_marker.then_some(true),
                delete_marker_version_id: outcome.version_id.filter(|_| outcome.delete_marker),
                key: Some(deletion.key),
                version_id: deletion.version_id,
            }),
            Err(error) => errors.push(failed(
                &deletion.key,
                deletion.version_id.as_deref(),
                &error.into(),
            )),
        }
    }
    Ok(DeleteObjectsOutput {
        deleted: (!deleted.is_empty()).then_some(deleted),
        errors: (!errors.is_empty()).then_some(errors),
        request_charged: None,
    })
}
