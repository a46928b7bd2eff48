//! STS on the sandbox's port: `AssumeRole` and `GetCallerIdentity`.

mod assume_role;
mod error;
mod tags;
mod xml;

use std::sync::Arc;

use bytes::Bytes;
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri};
use http_body_util::{BodyExt, Full, Limited};
use jiff::Timestamp;
use s3s::{Body, HttpResponse, S3Request, S3Response, S3Result, route::S3Route};

use crate::{
    access::{check_scope, check_signed, presented_token},
    form::Form,
    identity::{Directory, Identity},
    keys::request_id,
};
use error::StsError;
use xml::element;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const VERSION: &str = "2011-06-15";
const XML: HeaderValue = HeaderValue::from_static("text/xml");
/// The longest body of a request in bytes; `s3s` reads no more to verify a signature either.
const MAX_BODY: usize = 8192;
/// The longest error of `s3s` that is read to be told as STS would, in bytes.
const MAX_ERROR: usize = 64 * 1024;

/// Whether a request is for STS: S3 has no `POST` at the root, and no parameter `Action`.
pub(crate) fn is_request(method: &Method, uri: &Uri) -> bool {
    let has_action = || {
        Form::parse(uri.query().unwrap_or_default())
            .is_ok_and(|query| query.get("Action").is_some())
    };
    uri.path() == "/" && (method == Method::POST || (method == Method::GET && has_action()))
}

/// Tells an error of `s3s` in the form of STS; leaves other answers as they are.
pub(crate) async fn reword(response: HttpResponse) -> HttpResponse {
    if response.status().is_success() || response.extensions().get::<Answered>().is_some() {
        return response;
    }
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ERROR)
        .collect()
        .await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    let code = xml::text_of(&body, "Code").unwrap_or_else(|| "InternalFailure".to_owned());
    let message = xml::text_of(&body, "Message").unwrap_or_else(|| code.clone());
    StsError::from_s3(status, &code, &message).into_response()
}

/// Marks an answer that STS gave itself.
#[derive(Clone, Copy)]
struct Answered;

/// The part of the endpoint that answers for STS.
pub(crate) struct Sts {
    pub(crate) directory: Arc<Directory>,
    pub(crate) region: String,
}

#[async_trait::async_trait]
impl S3Route for Sts {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        is_request(method, uri)
    }

    /// The route checks for itself, so that its errors are those of STS.
    async fn check_access(&self, _: &mut S3Request<Body>) -> S3Result<()> {
        Ok(())
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        let response = match self.answer(request).await {
            Ok(result) => result,
            Err(error) => error.into_response(),
        };
        let (parts, body) = response.into_parts();
        let mut answer = S3Response::with_headers(body, parts.headers);
        answer.status = Some(parts.status);
        answer.extensions.insert(Answered);
        Ok(answer)
    }
}

impl Sts {
    async fn answer(&self, request: S3Request<Body>) -> Result<HttpResponse, StsError> {
        let Some(credentials) = &request.credentials else {
            return Err(StsError::missing_token());
        };
        let query = Form::parse(request.uri.query().unwrap_or_default())
            .map_err(|error| StsError::malformed_input(error.to_string()))?;
        check_scope(&request.headers, &query, "sts")
            .and_then(|()| check_signed(&request.headers, &query))
            .map_err(|_| StsError::bad_signature())?;
        let token = presented_token(&request.headers, &query)
            .map_err(|_| StsError::malformed_input("the session token cannot be read"))?;
        let now = Timestamp::now();
        let caller = self
            .directory
            .identify(&credentials.access_key, token, now)?;

        let parameters = if request.method == Method::POST {
            // A body that no signature covers could be anybody's.
            let hash = request.headers.get("x-amz-content-sha256");
            if hash.is_some_and(|hash| hash.len() != 64) || query.get("X-Amz-Signature").is_some() {
                return Err(StsError::bad_signature());
            }
            let body = Limited::new(request.input, MAX_BODY).collect().await;
            let body = body
                .map_err(|error| StsError::malformed_input(format!("the body: {error}")))?
                .to_bytes();
            let body = std::str::from_utf8(&body)
                .map_err(|_| StsError::malformed_input("the body is not UTF-8"))?;
            Form::parse(body).map_err(|error| StsError::malformed_input(error.to_string()))?
        } else {
            query
        };

        let action = parameters.get("Action").unwrap_or_default();
        let version = parameters.get("Version").unwrap_or_default();
        match action {
            _ if version != VERSION => Err(StsError::invalid_action(action, version)),
            "GetCallerIdentity" => Ok(answer(action, &caller_identity(&caller))),
            "AssumeRole" => self
                .assume_role(&caller, &parameters, now)
                .map(|result| answer(action, &result)),
            "AssumeRoleWithSAML"
            | "AssumeRoleWithWebIdentity"
            | "AssumeRoot"
            | "DecodeAuthorizationMessage"
            | "GetAccessKeyInfo"
            | "GetFederationToken"
            | "GetSessionToken" => Err(StsError::not_implemented(action)),
            _ => Err(StsError::invalid_action(action, version)),
        }
    }
}

/// Everybody may ask who they are.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
fn caller_identity(caller: &Identity) -> String {
    [
        element("Arn", &caller.arn),
        element("UserId", &caller.unique_id),
        element("Account", &caller.account),
    ]
    .concat()
}

fn answer(action: &str, result: &str) -> HttpResponse {
    let request_id = request_id();
    let xml = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata>{}</ResponseMetadata></{action}Response>",
        element("RequestId", &request_id)
    );
    // `s3s` logs the answers that it can show; this body, which may hold a secret, it cannot.
    let mut response = HttpResponse::new(Body::http_body(Full::new(Bytes::from(xml))));
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, XML);
    if let Ok(value) = request_id.parse() {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}
