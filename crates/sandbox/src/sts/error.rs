//! Errors of STS: its codes and wording, and the query protocol's form of an error.

use bytes::Bytes;
use http::{StatusCode, header};
use s3s::{Body, HttpResponse};

use super::xml::element;
use crate::{enforce::TokenFault, keys::request_id};

/// An error of STS.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StsError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl StsError {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    /// The caller may not assume the role, or not in this way, or there is none: nobody learns which.
    pub(crate) fn denied(caller: &str, action: &str, role: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            format!("User: {caller} is not authorized to perform: {action} on resource: {role}"),
        )
    }

    /// A parameter breaks a rule.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", message)
    }

    /// A parameter breaks a constraint of its shape.
    pub(crate) fn constraint(parameter: &str, value: Option<&str>, constraint: &str) -> Self {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        Self::validation(format!(
            "1 validation error detected: Value {value} at '{parameter}' failed to satisfy \
             constraint: {constraint}"
        ))
    }

    pub(crate) fn malformed_policy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MalformedPolicyDocument", message)
    }

    /// Session policy and tags take more room than they have.
    pub(crate) fn packed_policy_too_large(percent: usize) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "PackedPolicyTooLarge",
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        )
    }

    pub(crate) fn malformed_input(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MalformedInput", message)
    }

    pub(crate) fn missing_token() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    }

    pub(crate) fn bad_signature() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. Consult the service \
             documentation for details.",
        )
    }

    pub(crate) fn invalid_action(action: &str, version: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidAction",
            format!("Could not find operation {action} for version {version}"),
        )
    }

    /// Something that AWS has and the sandbox has not.
    pub(crate) fn not_implemented(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotImplemented",
            format!("the sandbox does not implement {what}"),
        )
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalFailure",
            message,
        )
    }

    /// An error that `s3s` found before STS saw the request, told as STS would.
    pub(crate) fn from_s3(status: StatusCode, code: &str, message: &str) -> Self {
        match code {
            "AccessDenied" => Self::missing_token(),
            "InvalidAccessKeyId" => TokenFault::UnknownKey.into(),
            "SignatureDoesNotMatch" => Self::bad_signature(),
            "RequestTimeTooSkewed" => Self::new(
                StatusCode::FORBIDDEN,
                "SignatureDoesNotMatch",
                "Signature expired: the time of the request is too far from that of the sandbox",
            ),
            _ => Self::new(status, code, message),
        }
    }

    /// The answer in the form of the query protocol.
    pub(crate) fn into_response(self) -> HttpResponse {
        let request_id = request_id();
        let kind = if self.status.is_server_error() {
            "Receiver"
        } else {
            "Sender"
        };
        let xml = format!(
            "<ErrorResponse xmlns=\"{}\"><Error>{}{}{}</Error>{}</ErrorResponse>",
            super::NAMESPACE,
            element("Type", kind),
            element("Code", &self.code),
            element("Message", &self.message),
            element("RequestId", &request_id),
        );
        let mut response = HttpResponse::new(Body::from(Bytes::from(xml)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, super::XML);
        if let Ok(value) = request_id.parse() {
            headers.insert("x-amzn-requestid", value);
        }
        response
    }
}

impl From<TokenFault> for StsError {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::UnknownKey | TokenFault::WrongToken => Self::new(
                StatusCode::FORBIDDEN,
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            TokenFault::Expired => Self::new(
                StatusCode::FORBIDDEN,
                "ExpiredToken",
                "The security token included in the request is expired",
            ),
        }
    }
}
