//! The digests a request promises for its body, and the checks against the bytes received.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::dto::ChecksumType;
use s3s::{S3Error, S3ErrorCode, S3Result, TrailingHeaders};

use super::errors::{custom, invalid_request, refuse};
use crate::store::{Algorithm, Checksum, ChecksumKind, Digests};

/// The values of the five checksum fields of a request.
pub(super) type Sums<'a> = [(Algorithm, Option<&'a str>); 5];

/// Takes the checksum fields of an `s3s` value.
macro_rules! sums {
    ($input:expr) => {
        [
            (
                $crate::store::Algorithm::Crc32,
                $input.checksum_crc32.as_deref(),
            ),
            (
                $crate::store::Algorithm::Crc32c,
                $input.checksum_crc32c.as_deref(),
            ),
            (
                $crate::store::Algorithm::Crc64Nvme,
                $input.checksum_crc64nvme.as_deref(),
            ),
            (
                $crate::store::Algorithm::Sha1,
                $input.checksum_sha1.as_deref(),
            ),
            (
                $crate::store::Algorithm::Sha256,
                $input.checksum_sha256.as_deref(),
            ),
        ]
    };
}
pub(super) use sums;

/// What the client says the body is.
pub(super) struct Promised {
    md5: Option<Vec<u8>>,
    sum: Option<(Algorithm, Sum)>,
}

enum Sum {
    Header(Vec<u8>),
    /// Sent after the body.
    Trailer(TrailingHeaders),
}

fn header_name(algorithm: Algorithm) -> String {
    format!("x-amz-checksum-{}", algorithm.name().to_ascii_lowercase())
}

fn decode(algorithm: Algorithm, value: &str) -> S3Result<Vec<u8>> {
    STANDARD
        .decode(value)
        .ok()
        .filter(|bytes| bytes.len() == algorithm.length())
        .ok_or_else(|| {
            invalid_request(format!(
                "Value for {} header is invalid.",
                header_name(algorithm)
            ))
        })
}

/// The algorithm a request names, which S3 must know.
pub(super) fn algorithm(
    named: Option<&s3s::dto::ChecksumAlgorithm>,
) -> S3Result<Option<Algorithm>> {
    named
        .map(|named| {
            Algorithm::from_name(named.as_str()).ok_or_else(|| {
                invalid_request(
                    "Checksum algorithm provided is unsupported. Please try again with any of \
                     the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
                )
            })
        })
        .transpose()
}

fn unknown_trailer() -> S3Error {
    invalid_request("The value specified in the x-amz-trailer header is not supported")
}

/// The algorithm of the checksum that comes after the body.
fn trailing(value: &HeaderValue) -> S3Result<Algorithm> {
    let value = value.to_str().unwrap_or_default().trim();
    Algorithm::ALL
        .into_iter()
        .find(|algorithm| header_name(*algorithm).eq_ignore_ascii_case(value))
        .ok_or_else(unknown_trailer)
}

/// The one checksum among the fields.
pub(super) fn single(sums: Sums<'_>) -> S3Result<Option<(Algorithm, &str)>> {
    let mut given = sums
        .into_iter()
        .filter_map(|(algorithm, value)| Some((algorithm, value?)));
    let first = given.next();
    match given.next() {
        None => Ok(first),
        Some(_) => Err(invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        )),
    }
}

impl Promised {
    /// Reads the promises of an upload's headers.
    pub(super) fn read(
        content_md5: Option<&str>,
        sums: Sums<'_>,
        named: Option<&s3s::dto::ChecksumAlgorithm>,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> S3Result<Self> {
        let md5 = content_md5
            .map(|value| {
                STANDARD
                    .decode(value)
                    .ok()
                    .filter(|bytes| bytes.len() == 16)
                    .ok_or_else(|| {
                        refuse(
                            S3ErrorCode::InvalidDigest,
                            "The Content-MD5 you specified was invalid.",
                        )
                    })
            })
            .transpose()?;
        let named = algorithm(named)?;
        let trailing = headers.get("x-amz-trailer").map(trailing).transpose()?;
        let sum = match (single(sums)?, trailing, trailers) {
            (Some(_), Some(_), _) => {
                return Err(invalid_request(
                    "Expecting a single x-amz-checksum- header. Multiple checksum Types are not \
                     allowed.",
                ));
            }
            (Some((algorithm, value)), None, _) => {
                Some((algorithm, Sum::Header(decode(algorithm, value)?)))
            }
            (None, Some(algorithm), Some(trailers)) => Some((algorithm, Sum::Trailer(trailers))),
            // It would never come: nothing of a promise is passed over.
            (None, Some(_), None) => return Err(unknown_trailer()),
            (None, None, _) => None,
        };
        if let Some(named) = named
            && sum.as_ref().is_none_or(|(sum, _)| *sum != named)
        {
            return Err(invalid_request(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* \
                 or x-amz-trailer headers were found.",
            ));
        }
        Ok(Self { md5, sum })
    }

    /// The checksum algorithm promised.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        self.sum.as_ref().map(|(algorithm, _)| *algorithm)
    }

    /// Whether the body comes with any digest at all.
    pub(super) fn any(&self) -> bool {
        self.md5.is_some() || self.sum.is_some()
    }

    /// Compares with the digests of what was received; the trailer has arrived by now.
    pub(super) fn verify(&self, digests: &Digests) -> S3Result<()> {
        if self.md5.as_ref().is_some_and(|md5| *md5 != digests.md5) {
            return Err(refuse(
                S3ErrorCode::BadDigest,
                "The Content-MD5 you specified did not match what we received.",
            ));
        }
        let Some((algorithm, sum)) = &self.sum else {
            return Ok(());
        };
        let promised = match sum {
            Sum::Header(bytes) => bytes.clone(),
            Sum::Trailer(trailers) => {
                let name = header_name(*algorithm);
                let value = trailers
                    .read(|trailers| {
                        let value = trailers.get(HeaderName::try_from(name.as_str()).ok()?)?;
                        value.to_str().ok().map(|value| value.trim().to_owned())
                    })
                    .flatten()
                    .ok_or_else(|| {
                        custom(
                            "MalformedTrailerError",
                            StatusCode::BAD_REQUEST,
                            "The request contained trailing data that was not well-formed or \
                             did not conform to our published schema.",
                        )
                    })?;
                decode(*algorithm, &value)?
            }
        };
        if digests.get(*algorithm) != Some(promised.as_slice()) {
            return Err(mismatch(*algorithm));
        }
        Ok(())
    }
}

pub(super) fn mismatch(algorithm: Algorithm) -> S3Error {
    refuse(
        S3ErrorCode::BadDigest,
        format!(
            "The {} you specified did not match the calculated checksum.",
            algorithm.name()
        ),
    )
}

/// The checksum over all the bytes, as it is stored.
pub(super) fn full_object(digests: &Digests, algorithm: Algorithm) -> Option<Checksum> {
    Some(Checksum {
        algorithm,
        kind: ChecksumKind::FullObject,
        value: STANDARD.encode(digests.get(algorithm)?),
    })
}

/// The checksum of an object made of parts, from those of the parts and their sizes.
///
/// None when a part lacks the checksum.
pub(super) fn of_parts<'a>(
    algorithm: Algorithm,
    kind: ChecksumKind,
    parts: impl Iterator<Item = (Option<&'a Checksum>, u64)>,
) -> Option<Checksum> {
    let mut count = 0_usize;
    let mut joined = Vec::new();
    for (checksum, size) in parts {
        let bytes = STANDARD.decode(&checksum?.value).ok()?;
        joined = match kind {
            ChecksumKind::Composite => [joined, bytes].concat(),
            ChecksumKind::FullObject if count == 0 => bytes,
            ChecksumKind::FullObject => algorithm.join(&joined, &bytes, size)?,
        };
        count += 1;
    }
    Some(Checksum {
        algorithm,
        kind,
        value: match kind {
            ChecksumKind::Composite => {
                format!("{}-{count}", STANDARD.encode(algorithm.digest(&joined)))
            }
            ChecksumKind::FullObject => STANDARD.encode(joined),
        },
    })
}

pub(super) fn kind_name(kind: ChecksumKind) -> &'static str {
    match kind {
        ChecksumKind::FullObject => ChecksumType::FULL_OBJECT,
        ChecksumKind::Composite => ChecksumType::COMPOSITE,
    }
}

/// A checksum as the fields of `s3s`.
pub(super) fn fields(checksum: Option<&Checksum>) -> s3s::dto::Checksum {
    let mut fields = s3s::dto::Checksum::default();
    let Some(checksum) = checksum else {
        return fields;
    };
    let field = match checksum.algorithm {
        Algorithm::Crc32 => &mut fields.checksum_crc32,
        Algorithm::Crc32c => &mut fields.checksum_crc32c,
        Algorithm::Crc64Nvme => &mut fields.checksum_crc64nvme,
        Algorithm::Sha1 => &mut fields.checksum_sha1,
        Algorithm::Sha256 => &mut fields.checksum_sha256,
    };
    *field = Some(checksum.value.clone());
    fields.checksum_type = Some(ChecksumType::from_static(kind_name(checksum.kind)));
    fields
}
