//! What looks like a credential, whoever it belongs to.

use std::{borrow::Cow, sync::LazyLock};

use regex::Regex;

/// A pattern and what stands for it. The first two groups of a pattern stay.
const RULES: [&str; 5] = [
    // Access key ids: `AKIA…` for users, `ASIA…` for sessions.
    r"()\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    // Presigned URLs, also with the names of old signatures.
    r"(?i)((?:X-Amz-(?:Signature|Security-Token|Credential)|AWSAccessKeyId|[?&]Signature)(?:=|%3D))[^&\s\x22'<>]+",
    // Headers, as `Name: value`, `"name": "value"` and `name=value` show them.
    r"(?i)(\b(?:proxy-)?authorization\x22?\s*[:=]\s*\x22?(?:[a-z0-9-]+[ ]+)?)[^\x22\r\n]+",
    r"(?i)(\b(?:x-amz-security-token|x-amz-(?:copy-source-)?server-side-encryption-customer-key)\x22?\s*[:=]\s*\x22?)[^\x22\s,;&]+",
    // Private keys, also where a log escapes their line breaks.
    r"(?s)(-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----).*?(?:-----END|\z)",
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    RULES
        .iter()
        .filter_map(|rule| Regex::new(rule).ok())
        .collect()
});

/// The text without what looks like a credential.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    for pattern in PATTERNS.iter() {
        if let Cow::Owned(masked) = pattern.replace_all(&text, "$1***") {
            text = Cow::Owned(masked);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(mask(text), expect);
    }

    #[test]
    fn every_rule_is_a_pattern() {
        assert_eq!(PATTERNS.len(), RULES.len());
    }

    #[test]
    fn what_looks_like_a_credential_goes() {
        check("id AKIAIOSFODNN7EXAMPLE, ok", "id ***, ok");
        check("ASIAIOSFODNN7EXAMPLE", "***");
        check(
            "GET https://b.s3.amazonaws.com/k?X-Amz-Date=20261124&X-Amz-Credential=A%2Fx&X-Amz-Security-Token=F%2Fz&X-Amz-Signature=0a1b end",
            "GET https://b.s3.amazonaws.com/k?X-Amz-Date=20261124&X-Amz-Credential=***&X-Amz-Security-Token=***&X-Amz-Signature=*** end",
        );
        check(
            "https://b/k?AWSAccessKeyId=x&Signature=y&Expires=1",
            "https://b/k?AWSAccessKeyId=***&Signature=***&Expires=1",
        );
        check(
            "Authorization: AWS4-HMAC-SHA256 Credential=x/y, Signature=z\nHost: b",
            "Authorization: AWS4-HMAC-SHA256 ***\nHost: b",
        );
        check(
            r#"{"authorization": "Bearer abc", "a": 1}"#,
            r#"{"authorization": "Bearer ***", "a": 1}"#,
        );
        check(
            r#""x-amz-security-token": "FwoG", "x-amz-server-side-encryption-customer-key": "a2V5""#,
            r#""x-amz-security-token": "***", "x-amz-server-side-encryption-customer-key": "***""#,
        );
        check(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
            "-----BEGIN RSA PRIVATE KEY-----*** RSA PRIVATE KEY-----\nrest",
        );
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "the identity may not do `s3:PutObject` on `arn:aws:s3:::b/k`",
            "request id: 4442587FB7D0A2F9, extended: v9+AbCd/EfGh=",
            "AKIA is how an access key id starts",
            "authorization failed",
            "x-amz-server-side-encryption-customer-key-md5 does not match",
            "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
        ] {
            check(text, text);
        }
    }
}
