//! Encryption with a key of the customer (SSE-C): S3 encrypts with a key that comes with every
//! request, and does not keep it.
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>

use std::net::IpAddr;

use aws_sdk_s3::config::http::HttpRequest;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use flowrun_card::{CardError, ErrorKind, Secret};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::{client::S3, fields::Problems};

/// The bytes of a key: S3 takes AES-256 only.
const LENGTH: usize = 32;

/// A key of the customer.
#[derive(Clone, Debug)]
pub(crate) struct CustomerKey {
    base64: Secret,
    md5: String,
}

/// Whose object the key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The object that the request names.
    Object,
    /// The source of a copy.
    CopySource,
}

impl CustomerKey {
    /// The key of a field, where one is given: 32 bytes in base64.
    pub(crate) fn of(field: &str, key: Option<&Secret>, problems: &mut Problems) -> Option<Self> {
        let text = key?.expose().trim();
        let bytes = BASE64.decode(text).map(Zeroizing::new).ok();
        match bytes.filter(|bytes| bytes.len() == LENGTH) {
            Some(bytes) => Some(Self {
                base64: Secret::new(text),
                md5: BASE64.encode(Md5::digest(bytes.as_slice())),
            }),
            None => {
                problems.add(
                    field,
                    "a key is 32 bytes in base64, as `openssl rand -base64 32` makes one",
                );
                None
            }
        }
    }
}

/// Puts the key, if there is one, into the headers of a request.
pub(crate) fn with_key(
    key: Option<&CustomerKey>,
    of: Of,
) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static + use<> {
    let key = key.cloned();
    move |request| {
        let Some(key) = &key else { return };
        let prefix = match of {
            Of::Object => "x-amz-server-side-encryption-customer-",
            Of::CopySource => "x-amz-copy-source-server-side-encryption-customer-",
        };
        for (name, value) in [
            ("algorithm", "AES256"),
            ("key", key.base64.expose()),
            ("key-md5", &key.md5),
        ] {
            // Base64 fits into a header.
            drop(
                request
                    .headers_mut()
                    .try_insert(format!("{prefix}{name}"), value.to_owned()),
            );
        }
    }
}

/// Refuses to send a key where others could read it: over plain HTTP to another machine.
pub(crate) fn refuse_plain_http(s3: &S3, key: Option<&CustomerKey>) -> Result<(), CardError> {
    let (Some(_), Some(endpoint)) = (key, s3.endpoint()) else {
        return Ok(());
    };
    if stays_private(endpoint) {
        return Ok(());
    }
    Err(CardError::new(
        ErrorKind::InvalidInput,
        "an encryption key is never sent over plain HTTP to another machine",
    )
    .context("endpoint", endpoint)
    .context("connection", s3.nickname())
    .help("give the connection an `https://` endpoint"))
}

fn stays_private(endpoint: &str) -> bool {
    let Some((scheme, rest)) = endpoint.split_once("://") else {
        return false;
    };
    if scheme.eq_ignore_ascii_case("https") {
        return true;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // What stands before an `@` is no host.
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(host) => host.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_base64() {
        let check = |text: &str| {
            let mut problems = Problems::default();
            let key = CustomerKey::of("sse_customer_key", Some(&Secret::new(text)), &mut problems);
            let problems = problems.none_or(()).err().unwrap_or_default();
            assert_eq!(key.is_none(), problems.len() == 1);
            (
                key.map(|key| key.md5),
                problems
                    .first()
                    .map(|problem| format!("{}: {}", problem.field, problem.message)),
            )
        };
        let key = BASE64.encode([7; 32]);
        let md5 = BASE64.encode(Md5::digest([7; 32]));
        assert_eq!(check(&key).0.as_ref(), Some(&md5));
        assert_eq!(check(&format!(" {key}\n")).0, Some(md5));
        for wrong in [
            "",
            "a-text-of-thirty-two-characters!",
            &BASE64.encode([7; 16]),
        ] {
            let (_, problem) = check(wrong);
            assert_eq!(
                problem.as_deref(),
                Some(
                    "sse_customer_key: a key is 32 bytes in base64, as `openssl rand -base64 32` makes one"
                )
            );
        }
        let mut problems = Problems::default();
        assert!(CustomerKey::of("sse_customer_key", None, &mut problems).is_none());
        assert_eq!(problems.none_or(()), Ok(()));
    }

    #[test]
    fn a_key_leaves_this_machine_over_https_only() {
        for private in [
            "https://s3.example.com",
            "HTTPS://10.0.0.1:9000",
            "http://127.0.0.1:9000",
            "http://127.8.8.8",
            "http://[::1]:9000/path",
            "http://localhost:9000",
        ] {
            assert!(stays_private(private), "{private}");
        }
        for open in [
            "http://s3.example.com",
            "http://10.0.0.1:9000",
            "http://localhost@s3.example.com",
            "http://localhost.example.com",
            "http://[::2]:9000",
            "ftp://127.0.0.2.example.com",
            "127.0.0.1:9000",
        ] {
            assert!(!stays_private(open), "{open}");
        }
    }
}
