//! Multipart uploads: their start, completion and abort.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use md5::Digest as _;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result};

use super::attributes::{self, attributes, refuse_unsupported};
use super::checksum::{self, sums};
use super::conditions::write_condition;
use super::customer::{self, customer_key};
use super::errors::{invalid_request, refuse};
use super::objects::{DEFAULT_ALGORITHM, encryption};
use super::parts::algorithm_of;
use super::{S3Service, caller, convert};
use crate::store::{
    self, Algorithm, Checksum, ChecksumKind, Completion, NewUpload, Part, StoreError, Upload,
    Version,
};

/// The least bytes of a part that is not the last: 5 MiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const PART_MINIMUM: u64 = 5 * 1024 * 1024;

/// What the checksum of the object will cover.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
fn checksum_kind(algorithm: Option<Algorithm>, asked: Option<&str>) -> S3Result<ChecksumKind> {
    let Some(algorithm) = algorithm else {
        return match asked {
            None => Ok(ChecksumKind::FullObject),
            Some(_) => Err(invalid_request(
                "The x-amz-checksum-type header can only be used with the \
                 x-amz-checksum-algorithm header.",
            )),
        };
    };
    let kind = match asked {
        Some(ChecksumType::COMPOSITE) => ChecksumKind::Composite,
        Some(ChecksumType::FULL_OBJECT) => ChecksumKind::FullObject,
        Some(_) => {
            return Err(invalid_request(
                "Value for x-amz-checksum-type header is invalid.",
            ));
        }
        None if algorithm == Algorithm::Crc64Nvme => ChecksumKind::FullObject,
        None => ChecksumKind::Composite,
    };
    let impossible = match kind {
        ChecksumKind::Composite => algorithm == Algorithm::Crc64Nvme,
        ChecksumKind::FullObject => matches!(algorithm, Algorithm::Sha1 | Algorithm::Sha256),
    };
    if impossible {
        return Err(invalid_request(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            checksum::kind_name(kind),
            algorithm.name().to_ascii_lowercase()
        )));
    }
    Ok(kind)
}

pub(super) async fn create_multipart_upload(
    service: &S3Service,
    mut request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<CreateMultipartUploadOutput> {
    let initiator = caller(&request.extensions)?.arn.clone();
    let input = &mut request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    convert::check_key(&input.key)?;
    refuse_unsupported!(input)?;
    let algorithm = checksum::algorithm(input.checksum_algorithm.as_ref())?;
    let kind = checksum_kind(
        algorithm,
        input.checksum_type.as_ref().map(ChecksumType::as_str),
    )?;
    let key = customer_key!(input)?;
    let new = NewUpload {
        key: input.key.clone(),
        initiator,
        attributes: customer::sealed(attributes!(input)?, key.as_ref())?,
        algorithm,
        kind,
        legal_hold: attributes::legal_hold(input.object_lock_legal_hold_status.as_ref())?,
        tags: convert::parse_tags(input.tagging.as_deref())?,
    };
    let upload = service.store.create_upload(&input.bucket, new).await?;
    let shown = customer::shown(key.as_ref());
    Ok(CreateMultipartUploadOutput {
        bucket: Some(std::mem::take(&mut input.bucket)),
        checksum_algorithm: algorithm.map(|it| ChecksumAlgorithm::from_static(it.name())),
        checksum_type: algorithm.map(|_| ChecksumType::from_static(checksum::kind_name(kind))),
        key: Some(upload.new.key),
        server_side_encryption: shown.server_side_encryption,
        sse_customer_algorithm: shown.algorithm,
        sse_customer_key_md5: shown.key_md5,
        upload_id: Some(upload.id),
        ..Default::default()
    })
}

fn invalid_part() -> S3Error {
    refuse(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found. The part may not have been \
         uploaded, or the specified entity tag may not match the part's entity tag.",
    )
}

/// Picks the parts a completion names, in its order, out of those uploaded.
fn choose(upload: &Upload, uploaded: &[Part], named: &[CompletedPart]) -> S3Result<Vec<Part>> {
    let mut chosen: Vec<Part> = Vec::with_capacity(named.len());
    for part in named {
        let number = part.part_number.ok_or(S3ErrorCode::MalformedXML)?;
        if chosen.last().is_some_and(|last| last.number >= number) {
            return Err(refuse(
                S3ErrorCode::InvalidPartOrder,
                "The list of parts was not in ascending order. The parts list must be specified \
                 in order by part number.",
            ));
        }
        let found = uploaded
            .binary_search_by_key(&number, |uploaded| uploaded.number)
            .ok()
            .and_then(|at| uploaded.get(at))
            .ok_or_else(invalid_part)?;
        let etag = part.e_tag.as_ref().ok_or(S3ErrorCode::MalformedXML)?;
        if etag.value() != found.etag {
            return Err(invalid_part());
        }
        let sum = checksum::single(sums!(part))?;
        if let Some((algorithm, value)) = sum
            && found.checksum(algorithm).map(|it| it.value.as_str()) != Some(value)
        {
            return Err(invalid_part());
        }
        // An upload without an algorithm takes parts with a checksum, but then wants it back:
        // measured on S3 in <https://github.com/aws/aws-sdk-go-v2/issues/3005>.
        if upload.new.algorithm.is_none()
            && let Some(sent) = found.sent
            && sent != DEFAULT_ALGORITHM
            && sum.is_none_or(|(named, _)| named != sent)
        {
            return Err(invalid_part());
        }
        if let Some(algorithm) = upload.new.algorithm
            && upload.new.kind == ChecksumKind::Composite
            && sum.is_none_or(|(named, _)| named != algorithm)
        {
            return Err(invalid_request(format!(
                "The upload was created using a {} checksum. The complete request must include \
                 the checksum for each part. It was missing for part {number} in the request.",
                algorithm.name().to_ascii_lowercase()
            )));
        }
        chosen.push(found.clone());
    }
    let small = chosen
        .iter()
        .rev()
        .skip(1)
        .any(|part| part.size < PART_MINIMUM);
    if small {
        return Err(refuse(
            S3ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    Ok(chosen)
}

/// The ETag of an object made of parts: the MD5 of their MD5s, and their number.
fn etag(parts: &[Part]) -> String {
    let mut md5 = md5::Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

/// Checks what the request says of the whole object.
fn check_object(
    input: &CompleteMultipartUploadInput,
    upload: &Upload,
    parts: &[Part],
    checksum: Option<&Checksum>,
) -> S3Result<()> {
    let size = parts
        .iter()
        .fold(0_u64, |sum, part| sum.saturating_add(part.size));
    if let Some(expected) = input.mpu_object_size
        && u64::try_from(expected) != Ok(size)
    {
        return Err(invalid_request(format!(
            "The provided 'x-amz-mp-object-size' header value {expected} does not match what was \
             computed: {size}"
        )));
    }
    if let Some(kind) = &input.checksum_type
        && kind.as_str() != checksum::kind_name(upload.new.kind)
    {
        return Err(invalid_request(format!(
            "The upload was created using the {} checksum mode. The complete request must use \
             the same checksum mode.",
            checksum::kind_name(upload.new.kind)
        )));
    }
    if let Some((algorithm, value)) = checksum::single(sums!(input))?
        && checksum.is_none_or(|it| it.algorithm != algorithm || it.value != value)
    {
        return Err(checksum::mismatch(algorithm));
    }
    Ok(())
}

pub(super) async fn complete_multipart_upload(
    service: &S3Service,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<CompleteMultipartUploadOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let condition = write_condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let found = service
        .store
        .parts(&input.bucket, &input.key, &input.upload_id, 0, usize::MAX)
        .await;
    let (upload, uploaded) = match found {
        Ok((_, upload, uploaded)) => (upload, uploaded),
        // The answer to a completion can be lost: asked again, it is given again.
        Err(StoreError::NoSuchUpload(_)) => {
            let (bucket, version) = service
                .store
                .completed_upload(&input.bucket, &input.key, &input.upload_id)
                .await?;
            return Ok(completed(&bucket, version));
        }
        Err(error) => return Err(error.into()),
    };
    let named = input
        .multipart_upload
        .as_ref()
        .and_then(|upload| upload.parts.as_deref())
        .unwrap_or_default();
    if named.is_empty() {
        return Err(refuse(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published \
             schema",
        ));
    }
    let parts = choose(&upload, &uploaded, named)?;
    let algorithm = algorithm_of(&upload);
    let checksum = checksum::of_parts(
        algorithm,
        upload.new.kind,
        parts
            .iter()
            .map(|part| (part.checksum(algorithm), part.size)),
    );
    check_object(&input, &upload, &parts, checksum.as_ref())?;
    let completion = Completion {
        key: input.key,
        upload: input.upload_id,
        etag: etag(&parts),
        checksum,
        condition,
        parts: parts
            .into_iter()
            .map(|part| {
                let checksum = part.checksum(algorithm).cloned();
                (part, checksum)
            })
            .collect(),
    };
    let (bucket, version) = service
        .store
        .complete_upload(&input.bucket, completion)
        .await?;
    Ok(completed(&bucket, version))
}

fn completed(bucket: &store::Bucket, version: Version) -> CompleteMultipartUploadOutput {
    let sums = checksum::fields(version.checksum.as_ref());
    CompleteMultipartUploadOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: convert::etag(&version.etag),
        location: Some(format!("/{}/{}", bucket.name, version.key)),
        bucket: Some(bucket.name.clone()),
        server_side_encryption: version.attributes.customer_key.is_none().then(encryption),
        version_id: bucket.shown_version(&version.version_id),
        key: Some(version.key),
        ..Default::default()
    }
}

pub(super) async fn abort_multipart_upload(
    service: &S3Service,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<AbortMultipartUploadOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    if input.if_match_initiated_time.is_some() {
        return Err(refuse(
            S3ErrorCode::NotImplemented,
            "A header you provided implies functionality that is not implemented",
        ));
    }
    service
        .store
        .abort_upload(&input.bucket, &input.key, &input.upload_id)
        .await?;
    Ok(AbortMultipartUploadOutput::default())
}
