//! The errors of S3: what the store refuses, in the codes and words of
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.

use std::borrow::Cow;

use http::header::{ALLOW, CONTENT_TYPE, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::dto::TimestampFormat;
use s3s::{S3Error, S3ErrorCode};

use super::convert;
use crate::store::StoreError;

pub(super) const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
pub(super) const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");

/// An error with the message that S3 sends with the code.
pub(super) fn refuse(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}

/// The headers of an error answer: setting any replaces those of the XML body.
pub(super) fn xml_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers
}

pub(super) fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // A value that no header can carry is left out: the status and the code still tell.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

pub(super) fn invalid_argument(message: impl Into<Cow<'static, str>>) -> S3Error {
    refuse(S3ErrorCode::InvalidArgument, message)
}

pub(super) fn invalid_request(message: impl Into<Cow<'static, str>>) -> S3Error {
    refuse(S3ErrorCode::InvalidRequest, message)
}

pub(super) fn precondition_failed() -> S3Error {
    refuse(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
}

/// A code that `s3s` does not know, with its status.
pub(super) fn custom(code: &'static str, status: StatusCode, message: &'static str) -> S3Error {
    let mut error = refuse(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

fn delete_marker(version_id: &str, modified: i64, named: bool) -> S3Error {
    let mut headers = xml_headers();
    headers.insert(DELETE_MARKER, HeaderValue::from_static("true"));
    insert(&mut headers, VERSION_ID, version_id);
    let mut error = if named {
        headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
        let modified = convert::format(&convert::timestamp(modified), TimestampFormat::HttpDate);
        insert(&mut headers, LAST_MODIFIED, &modified);
        refuse(
            S3ErrorCode::MethodNotAllowed,
            "The specified method is not allowed against this resource.",
        )
    } else {
        refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
    };
    error.set_headers(headers);
    error
}

impl From<StoreError> for S3Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchBucket(_) => refuse(
                S3ErrorCode::NoSuchBucket,
                "The specified bucket does not exist",
            ),
            StoreError::BucketExists { .. } => refuse(
                S3ErrorCode::BucketAlreadyExists,
                "The requested bucket name is not available. The bucket namespace is shared by \
                 all users of the system. Please select a different name and try again.",
            ),
            StoreError::BucketNotEmpty(_) => refuse(
                S3ErrorCode::BucketNotEmpty,
                "The bucket you tried to delete is not empty",
            ),
            StoreError::LockNeedsVersioning(_) => refuse(
                S3ErrorCode::InvalidBucketState,
                "An Object Lock configuration is present on this bucket, so the versioning \
                 state cannot be changed.",
            ),
            StoreError::NoObjectLock(_) => {
                invalid_request("Bucket is missing Object Lock Configuration")
            }
            StoreError::NoSuchKey(_) => {
                refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
            }
            StoreError::NoSuchVersion { .. } => refuse(
                S3ErrorCode::NoSuchVersion,
                "The specified version does not exist.",
            ),
            StoreError::DeleteMarker {
                version_id,
                modified,
                named,
                ..
            } => delete_marker(&version_id, modified, named),
            StoreError::LegalHold { .. } => refuse(
                S3ErrorCode::AccessDenied,
                "Access Denied because object protected by object lock.",
            ),
            StoreError::PreconditionFailed(_) => precondition_failed(),
            StoreError::SourceRemoved => refuse(
                S3ErrorCode::OperationAborted,
                "A conflicting conditional operation is currently in progress against this \
                 resource. Please try again.",
            ),
            StoreError::NoSuchUpload(_) => refuse(
                S3ErrorCode::NoSuchUpload,
                "The specified upload does not exist. The upload ID may be invalid, or the \
                 upload may have been aborted or completed.",
            ),
            StoreError::Io { .. }
            | StoreError::Open { .. }
            | StoreError::Index(_)
            | StoreError::Row(_)
            | StoreError::Newer { .. }
            | StoreError::Corrupt(_)
            | StoreError::Abandoned
            | StoreError::Stopped(_)
            | StoreError::Random(_) => {
                tracing::error!(%error, "the object store failed");
                refuse(S3ErrorCode::InternalError, error.to_string())
            }
        }
    }
}
