//! What a signed request says beside its signature: which service it was signed for, and the
//! session token. `s3s` has verified the signature before.

use http::{HeaderMap, HeaderName};
use s3s::{S3Result, s3_error};

use crate::form::Form;

/// Refuses a signature of version 2, which newer regions of AWS do not take, and one that was made
/// for another service.
pub(crate) fn check_scope(headers: &HeaderMap, query: &Form, service: &str) -> S3Result<()> {
    let scope = match query.get("X-Amz-Credential") {
        Some(credential) => Some(credential),
        None => header(headers, "authorization")?
            .and_then(|value| value.strip_prefix("AWS4-HMAC-SHA256"))
            .and_then(|value| value.split_once("Credential="))
            .and_then(|(_, rest)| rest.split([',', ' ']).next()),
    };
    let Some(scope) = scope else {
        return Err(s3_error!(
            InvalidRequest,
            "The authorization mechanism you have provided is not supported. Please use \
             AWS4-HMAC-SHA256."
        ));
    };
    // ID/DATE/REGION/SERVICE/aws4_request
    match scope.rsplit('/').nth(1) {
        Some(signed) if signed == service => Ok(()),
        signed => Err(s3_error!(
            AuthorizationHeaderMalformed,
            "The authorization header is malformed; incorrect service \"{}\". This endpoint \
             belongs to \"{service}\".",
            signed.unwrap_or_default()
        )),
    }
}

/// The headers that need no signature: they change nothing but the form of the answer, or `s3s`
/// verifies the body against them.
const UNSIGNED: [&str; 3] = [
    "x-amz-user-agent",
    "x-amz-checksum-mode",
    "x-amz-content-sha256",
];

/// Refuses a request with a header that means something and that the signature does not cover: who
/// was given a presigned URL could make a copy out of it, with any source.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
pub(crate) fn check_signed(headers: &HeaderMap, query: &Form) -> S3Result<()> {
    let signed = match query.get("X-Amz-SignedHeaders") {
        Some(signed) => Some(signed),
        None => header(headers, "authorization")?
            .and_then(|value| value.split_once("SignedHeaders="))
            .and_then(|(_, rest)| rest.split([',', ' ']).next()),
    };
    let signed: Vec<&str> = signed.unwrap_or_default().split(';').collect();
    let needed = headers
        .keys()
        .map(HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && !UNSIGNED.contains(name));
    for name in needed.chain(["host"]) {
        if !signed
            .iter()
            .any(|signed| signed.eq_ignore_ascii_case(name))
        {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed: {name}"
            ));
        }
    }
    Ok(())
}

/// The session token of a request, from its header or its presigned URL.
pub(crate) fn presented_token<'a>(
    headers: &'a HeaderMap,
    query: &'a Form,
) -> S3Result<Option<&'a str>> {
    match query.get("X-Amz-Security-Token") {
        Some(token) => Ok(Some(token)),
        None => header(headers, "x-amz-security-token"),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> S3Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| s3_error!(InvalidRequest, "the header {name} is not plain text")),
        (Some(_), Some(_)) => Err(s3_error!(
            InvalidRequest,
            "the header {name} is given twice"
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_signature_is_good_for_its_service_alone() {
        const V4: &str = "AWS4-HMAC-SHA256 Credential=AKIA1/20261123/eu-central-1/s3/aws4_request, \
                          SignedHeaders=host, Signature=0";
        let presigned = "X-Amz-Credential=AKIA1%2F20261123%2Feu-central-1%2Fs3%2Faws4_request";
        for (pairs, query, service, expect) in [
            (vec![("authorization", V4)], "", "s3", None),
            (vec![], presigned, "s3", None),
            (
                vec![("authorization", V4)],
                "",
                "sts",
                Some("AuthorizationHeaderMalformed"),
            ),
            (
                vec![],
                presigned,
                "sts",
                Some("AuthorizationHeaderMalformed"),
            ),
            (
                vec![("authorization", "AWS AKIA1:signature")],
                "",
                "s3",
                Some("InvalidRequest"),
            ),
            (
                vec![],
                "AWSAccessKeyId=AKIA1&Signature=0",
                "s3",
                Some("InvalidRequest"),
            ),
            (
                vec![("authorization", V4), ("authorization", V4)],
                "",
                "s3",
                Some("InvalidRequest"),
            ),
        ] {
            let query = Form::parse(query).unwrap();
            let got = check_scope(&headers(&pairs), &query, service);
            let code = got.err().map(|error| error.code().as_str().to_owned());
            assert_eq!(code.as_deref(), expect, "{pairs:?} {query:?} {service}");
        }
    }

    #[test]
    fn a_header_that_means_something_has_to_be_signed() {
        const V4: &str = "AWS4-HMAC-SHA256 Credential=AKIA1/20261123/eu-central-1/s3/aws4_request, \
                          SignedHeaders=host;x-amz-date, Signature=0";
        let date = ("x-amz-date", "20261123T000000Z");
        let source = ("x-amz-copy-source", "b/k");
        let url = "X-Amz-SignedHeaders=host&X-Amz-Signature=0";
        for (pairs, query, expect) in [
            (vec![("authorization", V4), date], "", true),
            (
                vec![("authorization", V4), date, ("range", "bytes=0-1")],
                "",
                true,
            ),
            (vec![("authorization", V4), date, source], "", false),
            (vec![], url, true),
            (vec![("x-amz-checksum-mode", "ENABLED")], url, true),
            (vec![source], url, false),
            (vec![("x-amz-security-token", "a")], url, false),
            (vec![], "X-Amz-SignedHeaders=range&X-Amz-Signature=0", false),
        ] {
            let query = Form::parse(query).unwrap();
            let got = check_signed(&headers(&pairs), &query);
            assert_eq!(got.is_ok(), expect, "{pairs:?} {query:?}");
        }
    }

    #[test]
    fn the_token_comes_from_the_query_or_the_header() {
        for (pairs, query, expect) in [
            (vec![], "", Some(None)),
            (vec![("x-amz-security-token", "a")], "", Some(Some("a"))),
            (vec![], "X-Amz-Security-Token=b%2B", Some(Some("b+"))),
            (
                vec![("x-amz-security-token", "a"), ("x-amz-security-token", "b")],
                "",
                None,
            ),
        ] {
            let query = Form::parse(query).unwrap();
            let headers = headers(&pairs);
            assert_eq!(presented_token(&headers, &query).ok(), expect, "{pairs:?}");
        }
    }
}
