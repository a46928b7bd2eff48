//! The parts of multipart uploads: uploading, copying and listing them.

use std::ops::Range;
use std::sync::Arc;

use futures_util::StreamExt as _;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Result};

use super::checksum::{self, Promised, sums};
use super::copy::{self, source_asked, source_too_large};
use super::customer::{self, customer_key};
use super::errors::{invalid_argument, invalid_request, refuse};
use super::objects::{DEFAULT_ALGORITHM, UPLOAD_LIMIT, receive};
use super::{S3Service, caller, convert};
use crate::store::{Algorithm, Checksum, ChecksumKind, Digests, Upload};

fn check_number(number: i32) -> S3Result<()> {
    if !(1..=10_000).contains(&number) {
        return Err(invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
        ));
    }
    Ok(())
}

/// The algorithm that the parts of an upload are summed with.
pub(super) fn algorithm_of(upload: &Upload) -> Algorithm {
    upload.new.algorithm.unwrap_or(DEFAULT_ALGORITHM)
}

fn checksums(digests: &Digests, algorithms: &[Algorithm]) -> Vec<Checksum> {
    let mut found: Vec<Checksum> = Vec::new();
    for algorithm in algorithms {
        if found.iter().all(|known| known.algorithm != *algorithm) {
            found.extend(checksum::full_object(digests, *algorithm));
        }
    }
    found
}

pub(super) async fn upload_part(
    service: &S3Service,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<UploadPartOutput> {
    let input = &mut request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    check_number(input.part_number)?;
    let key = customer_key!(input)?;
    let promised = Promised::read(
        input.content_md5.as_deref(),
        sums!(input),
        input.checksum_algorithm.as_ref(),
        &request.headers,
        request.trailing_headers.take(),
    )?;
    let upload = service
        .store
        .upload(&input.bucket, &input.key, &input.upload_id)
        .await?;
    customer::check_part(&upload.new.attributes, key.as_ref())?;
    // An upload with an algorithm takes no other. One whose checksum is made of those of its
    // parts takes none without.
    if let Some(expected) = upload.new.algorithm
        && (promised.algorithm().is_some() || upload.new.kind == ChecksumKind::Composite)
        && promised.algorithm() != Some(expected)
    {
        let actual = promised
            .algorithm()
            .map_or("null", Algorithm::name)
            .to_ascii_lowercase();
        return Err(invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: \
             {actual}",
            expected.name().to_ascii_lowercase()
        )));
    }
    let algorithms = [
        algorithm_of(&upload),
        promised
            .algorithm()
            .unwrap_or_else(|| algorithm_of(&upload)),
    ];
    let blob = receive(
        service,
        input.body.take(),
        input.content_length,
        &promised,
        algorithms,
    )
    .await?;
    let etag = hex::encode(&blob.digests.md5);
    let checksums = checksums(&blob.digests, &algorithms);
    // The checksum answered is the one that was sent.
    let shown = promised
        .algorithm()
        .and_then(|algorithm| checksum::full_object(&blob.digests, algorithm));
    service
        .store
        .put_part(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
            blob,
            (checksums, promised.algorithm()),
        )
        .await?;
    let sums = checksum::fields(shown.as_ref());
    let shown = customer::shown(key.as_ref());
    Ok(UploadPartOutput {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: convert::etag(&etag),
        server_side_encryption: shown.server_side_encryption,
        sse_customer_algorithm: shown.algorithm,
        sse_customer_key_md5: shown.key_md5,
        ..Default::default()
    })
}

/// The bytes that `bytes=first-last` names, of a source of this size: both ends must be given
/// and lie in it.
fn source_range(header: Option<&str>, size: u64) -> S3Result<Range<u64>> {
    let Some(header) = header else {
        return Ok(0..size);
    };
    let number = |digits: &str| -> Option<u64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| all_digits)
    };
    let range = header
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((number(first)?, number(last)?)))
        .filter(|(first, last)| first <= last);
    match range {
        None => Err(invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first \
             and last are the zero-based offsets of the first and last bytes to copy",
        )),
        Some((first, last)) if last < size => Ok(first..last + 1),
        Some(_) => Err(invalid_argument(format!(
            "Range specified is not valid for source object of size: {size}"
        ))),
    }
}

pub(super) async fn upload_part_copy(
    service: &S3Service,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<UploadPartCopyOutput> {
    let input = &request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    check_number(input.part_number)?;
    let key = customer_key!(input)?;
    let upload = service
        .store
        .upload(&input.bucket, &input.key, &input.upload_id)
        .await?;
    customer::check_part(&upload.new.attributes, key.as_ref())?;
    let source = copy::find(service, caller(&request.extensions)?, source_asked!(input)).await?;
    let range = source_range(input.copy_source_range.as_deref(), source.version.size)?;
    if range.end - range.start > UPLOAD_LIMIT {
        return Err(source_too_large());
    }
    let algorithm = algorithm_of(&upload);
    let mut writer = service.store.new_blob([algorithm]).await?;
    let mut bytes = std::pin::pin!(Arc::clone(&source.content).stream(range));
    while let Some(chunk) = bytes.next().await {
        writer.write(&chunk?).await?;
    }
    let blob = writer.finish().await?;
    let etag = hex::encode(&blob.digests.md5);
    let checksums = checksums(&blob.digests, &[algorithm]);
    let shown = upload
        .new
        .algorithm
        .and_then(|algorithm| checksum::full_object(&blob.digests, algorithm));
    let modified = service
        .store
        .put_part(
            &input.bucket,
            &input.key,
            &input.upload_id,
            input.part_number,
            blob,
            (checksums, None),
        )
        .await?;
    let sums = checksum::fields(shown.as_ref());
    let shown = customer::shown(key.as_ref());
    Ok(UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult {
            checksum_crc32: sums.checksum_crc32,
            checksum_crc32c: sums.checksum_crc32c,
            checksum_crc64nvme: sums.checksum_crc64nvme,
            checksum_sha1: sums.checksum_sha1,
            checksum_sha256: sums.checksum_sha256,
            e_tag: convert::etag(&etag),
            last_modified: Some(convert::timestamp(modified)),
        }),
        copy_source_version_id: source.bucket.shown_version(&source.version.version_id),
        server_side_encryption: shown.server_side_encryption,
        sse_customer_algorithm: shown.algorithm,
        sse_customer_key_md5: shown.key_md5,
        ..Default::default()
    })
}

pub(super) async fn list_parts(
    service: &S3Service,
    request: S3Request<ListPartsInput>,
) -> S3Result<ListPartsOutput> {
    let input = request.input;
    service
        .bucket(&input.bucket, input.expected_bucket_owner.as_deref())
        .await?;
    let max = convert::page_size(input.max_parts, "max-parts")?;
    let after = input.part_number_marker.unwrap_or_default();
    if after < 0 {
        return Err(refuse(
            S3ErrorCode::InvalidArgument,
            "Argument part-number-marker must be an integer between 0 and 2147483647",
        ));
    }
    let (bucket, upload, mut parts) = service
        .store
        .parts(
            &input.bucket,
            &input.key,
            &input.upload_id,
            after,
            max.saturating_add(1),
        )
        .await?;
    let more = max > 0 && parts.len() > max;
    parts.truncate(max);
    let next = parts.last().map(|part| part.number);
    let algorithm = upload.new.algorithm;
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        checksum_algorithm: algorithm.map(|it| ChecksumAlgorithm::from_static(it.name())),
        checksum_type: algorithm
            .map(|_| ChecksumType::from_static(checksum::kind_name(upload.new.kind))),
        initiator: Some(Initiator {
            display_name: None,
            id: Some(upload.new.initiator),
        }),
        is_truncated: Some(more),
        key: Some(input.key),
        max_parts: i32::try_from(max).ok(),
        next_part_number_marker: Some(next.unwrap_or(after)),
        owner: Some(convert::owner(&bucket.owner)),
        part_number_marker: Some(after),
        parts: Some(
            parts
                .into_iter()
                .map(|part| {
                    let shown = algorithm.and_then(|algorithm| part.checksum(algorithm));
                    let sums = checksum::fields(shown);
                    Part {
                        checksum_crc32: sums.checksum_crc32,
                        checksum_crc32c: sums.checksum_crc32c,
                        checksum_crc64nvme: sums.checksum_crc64nvme,
                        checksum_sha1: sums.checksum_sha1,
                        checksum_sha256: sums.checksum_sha256,
                        e_tag: convert::etag(&part.etag),
                        last_modified: Some(convert::timestamp(part.modified)),
                        part_number: Some(part.number),
                        size: i64::try_from(part.size).ok(),
                    }
                })
                .collect(),
        ),
        storage_class: Some(StorageClass::from(upload.new.attributes.storage_class)),
        upload_id: Some(input.upload_id),
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_ranges() {
        let check = |header: Option<&str>, expect: Option<Range<u64>>| {
            assert_eq!(source_range(header, 10).ok(), expect, "{header:?}");
        };
        check(None, Some(0..10));
        check(Some("bytes=0-9"), Some(0..10));
        check(Some("bytes=3-3"), Some(3..4));
        check(Some("bytes=0-10"), None);
        check(Some("bytes=4-3"), None);
        check(Some("bytes=4-"), None);
        check(Some("bytes=-4"), None);
        check(Some("bytes=+1-2"), None);
        check(Some("0-1"), None);
    }
}
