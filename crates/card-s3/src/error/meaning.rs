//! What S3's error codes and statuses mean.

use flowrun_card::ErrorKind;

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) kind: ErrorKind,
    pub(super) transient: bool,
}

impl Meaning {
    /// The bucket is in another region.
    pub(super) const ELSEWHERE: Self = permanent(ErrorKind::Connection);
}

const fn permanent(kind: ErrorKind) -> Meaning {
    Meaning {
        kind,
        transient: false,
    }
}

const fn transient(kind: ErrorKind) -> Meaning {
    Meaning {
        kind,
        transient: true,
    }
}

/// The meaning of S3's error codes, and of the bare status where there is no code (HEAD has no
/// body).
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
pub(super) fn meaning(code: Option<&str>, status: u16) -> Meaning {
    use ErrorKind as K;
    match code.unwrap_or_default() {
        "NoSuchKey"
        | "NoSuchBucket"
        | "NoSuchVersion"
        | "NoSuchUpload"
        | "NotFound"
        | "ObjectLockConfigurationNotFoundError"
        | "NoSuchObjectLockConfiguration" => return permanent(K::NotFound),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "Forbidden" => {
            return permanent(K::PermissionDenied);
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            return transient(K::Connection);
        }
        "InvalidAccessKeyId"
        | "InvalidToken"
        | "SignatureDoesNotMatch"
        | "RequestTimeTooSkewed"
        | "NotSignedUp"
        | "InvalidSecurity"
        | "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => return permanent(K::Connection),
        "BucketAlreadyExists" | "BucketAlreadyOwnedByYou" => return permanent(K::AlreadyExists),
        "PreconditionFailed"
        | "InvalidObjectState"
        | "InvalidBucketState"
        | "ObjectAlreadyInActiveTierError"
        | "ObjectNotInActiveTierError" => return permanent(K::PreconditionFailed),
        "ConditionalRequestConflict" => return transient(K::PreconditionFailed),
        "SlowDown"
        | "ServiceUnavailable"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "TooManyRequests"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => return transient(K::RateLimited),
        "InternalError" | "RequestTimeout" | "RequestTimeoutException" | "OperationAborted" => {
            return transient(K::Unavailable);
        }
        "BadDigest"
        | "IncompleteBody"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "ContentSHA256Mismatch" => return transient(K::Integrity),
        "InvalidPart" | "InvalidPartOrder" => return permanent(K::Integrity),
        "NotImplemented" => return permanent(K::Unexpected),
        _ => {}
    }
    match status {
        301 | 307 => permanent(K::Connection),
        401 => permanent(K::Connection),
        403 => permanent(K::PermissionDenied),
        // A delete marker has no content: HEAD and GET of its version give 405.
        404 | 405 | 410 => permanent(K::NotFound),
        408 => transient(K::Unavailable),
        409 => permanent(K::PreconditionFailed),
        412 => permanent(K::PreconditionFailed),
        429 | 503 => transient(K::RateLimited),
        501 => permanent(K::Unexpected),
        400..=499 => permanent(K::InvalidInput),
        500..=599 => transient(K::Unavailable),
        _ => permanent(K::Unexpected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_bare_statuses_have_a_meaning() {
        use ErrorKind as K;
        let check = |code: &str, status: u16, kind: K, is_transient: bool| {
            let code = Some(code).filter(|code| !code.is_empty());
            let expected = if is_transient {
                transient(kind)
            } else {
                permanent(kind)
            };
            assert_eq!(meaning(code, status), expected, "{code:?} {status}");
        };
        check("NoSuchKey", 404, K::NotFound, false);
        check("NoSuchBucket", 404, K::NotFound, false);
        check("", 404, K::NotFound, false);
        check("MethodNotAllowed", 405, K::NotFound, false);
        check("AccessDenied", 403, K::PermissionDenied, false);
        check("", 403, K::PermissionDenied, false);
        check("ExpiredToken", 400, K::Connection, true);
        check("InvalidAccessKeyId", 403, K::Connection, false);
        check("SignatureDoesNotMatch", 403, K::Connection, false);
        check("RequestTimeTooSkewed", 403, K::Connection, false);
        check("PermanentRedirect", 301, K::Connection, false);
        check("", 301, K::Connection, false);
        check("AuthorizationHeaderMalformed", 400, K::Connection, false);
        check("BucketAlreadyOwnedByYou", 409, K::AlreadyExists, false);
        check("BucketAlreadyExists", 409, K::AlreadyExists, false);
        check("PreconditionFailed", 412, K::PreconditionFailed, false);
        check("", 412, K::PreconditionFailed, false);
        check(
            "ConditionalRequestConflict",
            409,
            K::PreconditionFailed,
            true,
        );
        check("InvalidBucketState", 409, K::PreconditionFailed, false);
        check("InvalidObjectState", 403, K::PreconditionFailed, false);
        check("SlowDown", 503, K::RateLimited, true);
        check("SlowDown", 200, K::RateLimited, true);
        check("Throttling", 400, K::RateLimited, true);
        check("", 503, K::RateLimited, true);
        check("", 429, K::RateLimited, true);
        check("InternalError", 200, K::Unavailable, true);
        check("InternalError", 500, K::Unavailable, true);
        check("", 500, K::Unavailable, true);
        check("", 502, K::Unavailable, true);
        check("RequestTimeout", 400, K::Unavailable, true);
        check("OperationAborted", 409, K::Unavailable, true);
        check("BadDigest", 400, K::Integrity, true);
        check("XAmzContentSHA256Mismatch", 400, K::Integrity, true);
        check("IncompleteBody", 400, K::Integrity, true);
        check("InvalidPart", 400, K::Integrity, false);
        check("InvalidBucketName", 400, K::InvalidInput, false);
        check("KeyTooLongError", 400, K::InvalidInput, false);
        check("EntityTooLarge", 400, K::InvalidInput, false);
        check("NotImplemented", 501, K::Unexpected, false);
        check("SomethingNew", 418, K::InvalidInput, false);
        check("SomethingNew", 599, K::Unavailable, true);
    }
}
