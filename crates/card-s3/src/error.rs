//! From a failed request to a [`CardError`]: its kind, whether a retry can help, where it
//! happened, and what to do next.

mod denial;
mod meaning;

use std::{error::Error, io, path::Path, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, RequestIdExt},
};
use flowrun_card::{CardError, ErrorKind, Resource, Text, shorten};
use flowrun_connections::ClockDrift;

use crate::client::S3;
use meaning::{Meaning, meaning};

/// The longest text of a server that an error repeats, in characters.
const MAX_SERVER_TEXT: usize = 300;

/// The longest Retry-After that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// What to do about a service that may work later.
const RETRY: &str = "give the card a `retry`, and lower `max_parallel` if it goes on";

/// What a request is about, for the error of one that fails.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    operation: &'static str,
    bucket: String,
    key: Option<String>,
    version_id: Option<String>,
    needs: Vec<(&'static str, Resource)>,
    has_key: bool,
}

impl Call {
    /// A request on a bucket that needs this action on it.
    pub(crate) fn bucket(operation: &'static str, action: &'static str, bucket: &str) -> Self {
        Self {
            operation,
            bucket: bucket.to_owned(),
            key: None,
            version_id: None,
            needs: vec![(action, Resource::bucket(&Text::Known(bucket.to_owned())))],
            has_key: false,
        }
    }

    /// A request on an object that needs this action on it.
    pub(crate) fn object(
        operation: &'static str,
        action: &'static str,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Self {
        Self {
            operation,
            bucket: bucket.to_owned(),
            key: Some(key.to_owned()),
            version_id: version_id.map(str::to_owned),
            needs: vec![(action, object(bucket, key))],
            has_key: false,
        }
    }

    /// Needs this action on the same bucket or object too.
    #[must_use]
    pub(crate) fn and(mut self, action: &'static str) -> Self {
        if let Some((_, resource)) = self.needs.first() {
            let resource = resource.clone();
            self.needs.push((action, resource));
        }
        self
    }

    /// Needs this action on another object too.
    #[must_use]
    pub(crate) fn and_on(mut self, action: &'static str, bucket: &str, key: &str) -> Self {
        self.needs.push((action, object(bucket, key)));
        self
    }

    /// Comes with a key of the customer, which S3 may refuse as it does a missing permission.
    #[must_use]
    pub(crate) fn with_key(mut self, has_key: bool) -> Self {
        self.has_key |= has_key;
        self
    }

    /// Adds where the request went.
    pub(crate) fn place(&self, mut error: CardError) -> CardError {
        error = error.context("bucket", &self.bucket);
        if let Some(key) = &self.key {
            error = error.context("key", key);
        }
        if let Some(version_id) = &self.version_id {
            error = error.context("version_id", version_id);
        }
        error
    }
}

fn object(bucket: &str, key: &str) -> Resource {
    Resource::object(
        &Text::Known(bucket.to_owned()),
        &Text::Known(key.to_owned()),
    )
}

impl S3 {
    /// The error of a request that failed.
    pub(crate) fn error<E>(&self, call: &Call, error: SdkError<E, HttpResponse>) -> CardError
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let mapped = match &error {
            SdkError::ServiceError(service) => self.answered(call, service.err(), service.raw()),
            SdkError::ResponseError(response) if response.raw().status().as_u16() >= 400 => {
                let status = response.raw().status().as_u16();
                let meaning = meaning(None, status);
                retried(
                    CardError::new(
                        meaning.kind,
                        format!("S3 answered {} with status {status}", call.operation),
                    ),
                    meaning,
                    response.raw(),
                )
            }
            SdkError::ResponseError(_) => CardError::new(
                ErrorKind::Unavailable,
                format!(
                    "the answer to {} cannot be read: {}",
                    call.operation,
                    causes(&error)
                ),
            )
            .transient(None)
            .help(RETRY),
            SdkError::ConstructionFailure(_) | SdkError::DispatchFailure(_)
                if is_of_the_connection(&error) =>
            {
                self.no_credentials(&error)
            }
            SdkError::ConstructionFailure(_) => CardError::new(
                ErrorKind::InvalidInput,
                format!(
                    "the request {} cannot be made: {}",
                    call.operation,
                    causes(&error)
                ),
            ),
            SdkError::TimeoutError(_) => CardError::new(
                ErrorKind::Unavailable,
                format!("S3 did not answer {} in time", call.operation),
            )
            .transient(None)
            .help(RETRY),
            _ => CardError::new(
                ErrorKind::Unavailable,
                format!(
                    "S3 cannot be reached for {}: {}",
                    call.operation,
                    causes(&error)
                ),
            )
            .transient(None)
            .help(format!(
                "check the network, and the region and endpoint of connection `{}`",
                self.nickname()
            )),
        };
        let mut mapped = call.place(mapped);
        // The connection's own error may name it already.
        if mapped.context.iter().all(|(name, _)| *name != "connection") {
            mapped = mapped.context("connection", self.nickname());
        }
        if let Some(request_id) = error.request_id() {
            mapped = mapped.context("request_id", request_id);
        }
        if let Some(id2) = error.extended_request_id() {
            mapped = mapped.context("id2", id2);
        }
        mapped
    }

    /// The connection's own error where its provider gave one: it knows best what to do.
    fn no_credentials(&self, error: &(dyn Error + 'static)) -> CardError {
        if let Some(own) = sources(error).find_map(|error| error.downcast_ref::<CardError>()) {
            return own.clone();
        }
        let nickname = self.nickname();
        CardError::new(
            ErrorKind::Connection,
            format!(
                "connection `{nickname}` gives no credentials: {}",
                causes(error)
            ),
        )
        .transient(None)
        .help(format!("run `flowrun connections test {nickname}`"))
    }

    fn answered<E: ProvideErrorMetadata>(
        &self,
        call: &Call,
        service: &E,
        response: &HttpResponse,
    ) -> CardError {
        let status = response.status().as_u16();
        let code = service.code();
        let text = service.message().map(clean).unwrap_or_default();
        let meaning = match code {
            // HEAD has no body that would say so.
            None if status == 400 && self.elsewhere(response).is_some() => Meaning::ELSEWHERE,
            _ => meaning(code, status),
        };
        let operation = call.operation;
        let said = match (code, text.as_str()) {
            (Some(code), "") => code.to_owned(),
            (Some(code), text) => format!("{code}: {text}"),
            (None, "") => format!("status {status}"),
            (None, text) => format!("status {status}: {text}"),
        };
        let message = match meaning.kind {
            ErrorKind::NotFound => match (code, status, &call.key) {
                (Some("NoSuchBucket"), ..) | (_, _, None) => "the bucket does not exist".to_owned(),
                (Some("NoSuchVersion"), ..) => "the version does not exist".to_owned(),
                (Some("NoSuchUpload"), ..) => "the multipart upload does not exist".to_owned(),
                (_, 405, _) => "the version is a delete marker and has no content".to_owned(),
                _ => "the object does not exist".to_owned(),
            },
            ErrorKind::PermissionDenied => format!(
                "connection `{}` is not allowed {}",
                self.nickname(),
                call.missing(service.message().unwrap_or_default())
            ),
            ErrorKind::PreconditionFailed if status == 412 => {
                format!("S3 refused {operation} because its condition does not hold")
            }
            _ => format!("S3 refused {operation}: {said}"),
        };
        let mut mapped = retried(CardError::new(meaning.kind, message), meaning, response);
        if let Some(code) = code {
            mapped = mapped.code(code);
        }
        let help = match meaning.kind {
            ErrorKind::PermissionDenied => {
                let help = self.denial_help(call, service.message().unwrap_or_default());
                Some(match call.has_key {
                    true => format!(
                        "{help}; or `sse_customer_key` is not the key that the object is encrypted with"
                    ),
                    false => help,
                })
            }
            kind => self.help(call, kind, code, response),
        };
        match help {
            Some(help) => mapped.help(help),
            None => mapped,
        }
    }

    fn help(
        &self,
        call: &Call,
        kind: ErrorKind,
        code: Option<&str>,
        response: &HttpResponse,
    ) -> Option<String> {
        let nickname = self.nickname();
        Some(match (kind, code.unwrap_or_default()) {
            (ErrorKind::NotFound, "NoSuchBucket") => {
                "check the name of the bucket; `s3.create_bucket` makes one".to_owned()
            }
            (ErrorKind::RateLimited | ErrorKind::Unavailable, _) => RETRY.to_owned(),
            (ErrorKind::Connection, "RequestTimeTooSkewed") => self.clock_help(response),
            (ErrorKind::Connection, "IllegalLocationConstraintException")
                if call.operation == "CreateBucket" =>
            {
                "use a connection whose `region` is the one that the bucket shall be in".to_owned()
            }
            (ErrorKind::Connection, "") if response.status().as_u16() == 401 => {
                format!("run `flowrun connections test {nickname}`")
            }
            (
                ErrorKind::Connection,
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "Redirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException"
                | "",
            ) => match self.elsewhere(response) {
                Some(region) => format!(
                    "the bucket is in region `{region}`: use a connection whose `region` is that"
                ),
                None => format!(
                    "the bucket is in another region: check `region` of connection `{nickname}`"
                ),
            },
            (ErrorKind::Connection, _) => format!("run `flowrun connections test {nickname}`"),
            (ErrorKind::PreconditionFailed, "InvalidObjectState") => {
                "the object is archived: restore it first".to_owned()
            }
            (ErrorKind::PreconditionFailed, "InvalidBucketState") => {
                "check versioning and Object Lock of the bucket".to_owned()
            }
            (ErrorKind::Integrity, _) => {
                "the bytes were damaged on the way; give the card a `retry`".to_owned()
            }
            (ErrorKind::InvalidInput, "InvalidRequest" | "")
                if matches!(call.operation, "HeadObject" | "GetObject") =>
            {
                match call.has_key {
                    true => "if the object is not encrypted with a key of its owner, leave out `sse_customer_key`",
                    false => "if the object is encrypted with a key of its owner, give it as `sse_customer_key`",
                }
                .to_owned()
            }
            (ErrorKind::Unexpected, "NotImplemented") => {
                format!("the server behind connection `{nickname}` does not support this")
            }
            _ => return None,
        })
    }

    /// How far the clock is off, and what to do about it.
    fn clock_help(&self, response: &HttpResponse) -> String {
        let date = response.headers().get("date");
        match date.and_then(|date| ClockDrift::of(date, self.now())) {
            Some(drift) => format!(
                "the clock of this machine is {drift} that of S3; {}",
                ClockDrift::HELP
            ),
            None => ClockDrift::HELP.to_owned(),
        }
    }

    /// The bucket's region as the answer tells it, where it is not that of the connection.
    pub(crate) fn elsewhere<'a>(&self, response: &'a HttpResponse) -> Option<&'a str> {
        let region = response.headers().get("x-amz-bucket-region");
        region.filter(|region| Some(*region) != self.region())
    }
}

fn retried(error: CardError, meaning: Meaning, response: &HttpResponse) -> CardError {
    if !meaning.transient {
        return error;
    }
    let after = response
        .headers()
        .get("retry-after")
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    error.transient(after)
}

/// An error and its causes, outermost first.
fn sources<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Whether the connection stopped the request before S3 saw it: it has no credentials, or it guards
/// where requests go.
fn is_of_the_connection(error: &(dyn Error + 'static)) -> bool {
    sources(error).any(|error| error.is::<CredentialsError>() || error.is::<CardError>())
}

/// The last cause of an error, which tells most.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    sources(error)
        .last()
        .map(|cause| reason(&cause.to_string()))
        .unwrap_or_default()
}

/// The text of an error as the end of a sentence: without the operating system's number, which
/// tells a person nothing.
fn reason(text: &str) -> String {
    let text = clean(text.split(" (os error ").next().unwrap_or(text));
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // Not the start of an acronym.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text,
    }
}

/// A text from outside, fit for one line of a message.
fn clean(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    shorten(text.trim().trim_end_matches('.'), MAX_SERVER_TEXT)
}

/// The error of an answer that lacks what S3 always gives.
pub(crate) fn unexpected(message: &str) -> CardError {
    CardError::new(ErrorKind::Unexpected, message)
        .help("the server behind the connection does not speak S3 as AWS does")
}

/// The error of something that a file could not do.
pub(crate) fn file_error(what: &str, path: &Path, error: &io::Error) -> CardError {
    use io::ErrorKind as Io;
    let kind = match error.kind() {
        Io::NotFound => ErrorKind::NotFound,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
        Io::AlreadyExists => ErrorKind::AlreadyExists,
        Io::InvalidInput | Io::InvalidFilename | Io::IsADirectory | Io::NotADirectory => {
            ErrorKind::InvalidInput
        }
        Io::StorageFull | Io::QuotaExceeded => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    };
    let mut failure = CardError::new(
        kind,
        format!("cannot {what}: {}", reason(&error.to_string())),
    );
    // A file that could not even be named has none.
    if !path.as_os_str().is_empty() {
        failure = failure.context("path", path.display().to_string());
    }
    match error.kind() {
        Io::PermissionDenied => {
            failure.help("check who may do this, and that no symbolic link leads elsewhere")
        }
        Io::InvalidFilename => failure.help("choose a shorter name"),
        Io::StorageFull | Io::QuotaExceeded => failure.help("make room on the disk"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_ends_a_sentence() {
        let check = |text: &str, expect: &str| assert_eq!(reason(text), expect);
        check("Connection refused (os error 111)", "connection refused");
        check("TLS is off.", "TLS is off");
        check("", "");
    }

    #[test]
    fn what_the_connection_stopped_is_its_own_to_tell() {
        let check = |cause: Box<dyn Error + Send + Sync>, expect: bool| {
            let error = SdkError::<CardError, HttpResponse>::construction_failure(cause);
            assert_eq!(is_of_the_connection(&error), expect, "{error:?}");
        };
        let guarded = CardError::new(ErrorKind::Connection, "the name leads to a private address");
        check(guarded.into(), true);
        check(CredentialsError::not_loaded("none").into(), true);
        check(std::io::Error::other("reset").into(), false);
    }

    #[test]
    fn text_of_a_server_fits_one_line() {
        assert_eq!(clean("Access\r\nDenied."), "Access  Denied");
        assert_eq!(
            clean(&"x".repeat(1_000)),
            format!("{}…", "x".repeat(MAX_SERVER_TEXT))
        );
    }
}
