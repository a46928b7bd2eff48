//! Between the store's values and those of `s3s`: times, tags, owners, names in URL encoding.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use s3s::dto::{ETag, EncodingType, Owner, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result};
use sha2::Digest as _;

use super::errors::{custom, invalid_argument, refuse};
use crate::form::{self, FormError};

/// Bytes a key can have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
const KEY_LIMIT: usize = 1024;

/// A time of the store: whole seconds since 1970.
pub(super) fn timestamp(seconds: i64) -> Timestamp {
    let length = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(length)
    } else {
        UNIX_EPOCH.checked_add(length)
    };
    Timestamp::from(time.unwrap_or(UNIX_EPOCH))
}

pub(super) fn format(time: &Timestamp, format: TimestampFormat) -> String {
    let mut text = Vec::new();
    match time.format(format, &mut text) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(_) => String::new(),
    }
}

/// Whole seconds since 1970.
pub(super) fn seconds(time: &Timestamp) -> Option<i64> {
    let text = format(time, TimestampFormat::EpochSeconds);
    let whole = text.split('.').next()?;
    whole.parse().ok()
}

pub(super) fn etag(value: &str) -> Option<ETag> {
    Some(ETag::Strong(value.to_owned()))
}

/// The canonical user id of an account: 64 hex digits, the same every time.
pub(super) fn owner(account: &str) -> Owner {
    Owner {
        display_name: None,
        id: Some(hex::encode(sha2::Sha256::digest(account.as_bytes()))),
    }
}

pub(super) fn check_key(key: &str) -> S3Result<()> {
    if key.len() > KEY_LIMIT {
        return Err(refuse(S3ErrorCode::KeyTooLongError, "Your key is too long"));
    }
    Ok(())
}

/// A version id as requests name it: `null`, or one of ours.
pub(super) fn check_version(version_id: Option<&str>) -> S3Result<()> {
    let known = version_id.is_none_or(|id| {
        id == "null" || (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    match known {
        true => Ok(()),
        false => Err(invalid_argument("Invalid version id specified")),
    }
}

/// A sequence of tags as in `x-amz-tagging`: `name=value&name=value`, URL-encoded.
pub(super) fn parse_tags(header: Option<&str>) -> S3Result<Vec<(String, String)>> {
    let tags = header
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((form::decode(name)?, form::decode(value)?))
        })
        .collect::<Result<Vec<_>, FormError>>()
        .map_err(|_| {
            invalid_argument("The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
        })?;
    check_tags(&tags)?;
    Ok(tags)
}

/// The limits of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>.
pub(super) fn check_tags(tags: &[(String, String)]) -> S3Result<()> {
    if tags.len() > 10 {
        return Err(custom(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Object tags cannot be greater than 10",
        ));
    }
    for (at, (name, value)) in tags.iter().enumerate() {
        if name.is_empty() || name.chars().count() > 128 {
            return Err(refuse(
                S3ErrorCode::InvalidTag,
                "The TagKey you have provided is invalid",
            ));
        }
        if value.chars().count() > 256 {
            return Err(refuse(
                S3ErrorCode::InvalidTag,
                "The TagValue you have provided is invalid",
            ));
        }
        if tags.iter().take(at).any(|(known, _)| known == name) {
            return Err(refuse(
                S3ErrorCode::InvalidTag,
                "Cannot provide multiple Tags with the same key",
            ));
        }
    }
    Ok(())
}

/// How a listing writes names: as they are, or URL-encoded as `encoding-type=url` asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names {
    encode: bool,
}

impl Names {
    pub(super) fn new(encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { encode: false }),
            Some("url") => Ok(Self { encode: true }),
            Some(_) => Err(invalid_argument(
                "Invalid Encoding Method specified in Request",
            )),
        }
    }

    /// S3 leaves letters, digits and `-_./*` as they are, and writes a space as `+`.
    pub(super) fn write(self, name: &str) -> String {
        if !self.encode {
            return name.to_owned();
        }
        let mut text = String::with_capacity(name.len());
        for byte in name.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' | b'*' => {
                    text.push(char::from(byte));
                }
                b' ' => text.push('+'),
                _ => {
                    text.push('%');
                    text.push_str(&hex::encode_upper([byte]));
                }
            }
        }
        text
    }

    pub(super) fn write_some(self, name: Option<&str>) -> Option<String> {
        name.filter(|name| !name.is_empty())
            .map(|name| self.write(name))
    }
}

/// The number of entries a listing may have: 1,000 unless asked for less.
pub(super) fn page_size(asked: Option<i32>, name: &str) -> S3Result<usize> {
    let asked = asked.unwrap_or(1000).min(1000);
    usize::try_from(asked).map_err(|_| {
        invalid_argument(format!(
            "Argument {name} must be an integer between 0 and 2147483647"
        ))
    })
}

/// A continuation token: opaque to clients, so that none takes it for a key.
pub(super) fn token(marker: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1{marker}"))
}

pub(super) fn read_token(token: &str) -> S3Result<String> {
    URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix('1').map(str::to_owned))
        .ok_or_else(|| -> S3Error {
            invalid_argument("The continuation token provided is incorrect")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_url_encoded_as_s3_does() {
        let check = |name: &str, expect: &str| {
            assert_eq!(Names { encode: true }.write(name), expect);
            assert_eq!(Names { encode: false }.write(name), name);
            assert_eq!(form::decode(expect).as_deref(), Ok(name));
        };
        check("test_file(3).png", "test_file%283%29.png");
        check("a b/c+d", "a+b/c%2Bd");
        check("%2F//é~\u{1}", "%252F//%C3%A9%7E%01");
    }

    #[test]
    fn tags_are_read_or_refused() {
        let check = |header: &str, expect: Result<&[(&str, &str)], S3ErrorCode>| {
            let got = parse_tags(Some(header)).map_err(|error| error.code().clone());
            let expect = expect.map(|tags| {
                tags.iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect::<Vec<_>>()
            });
            assert_eq!(got, expect, "{header}");
        };
        check("", Ok(&[]));
        check("a=b&c+d=%26", Ok(&[("a", "b"), ("c d", "&")]));
        check("flag", Ok(&[("flag", "")]));
        check("a=%zz", Err(S3ErrorCode::InvalidArgument));
        check("a=1&a=2", Err(S3ErrorCode::InvalidTag));
        check("=x", Err(S3ErrorCode::InvalidTag));
    }

    #[test]
    fn times_keep_whole_seconds() {
        for seconds_since in [-1, 0, 1, 1_700_000_000] {
            assert_eq!(seconds(&timestamp(seconds_since)), Some(seconds_since));
        }
    }

    #[test]
    fn tokens_are_opaque_and_come_back() {
        for marker in ["", "a/b", "é\n"] {
            assert_eq!(read_token(&token(marker)).unwrap(), marker);
        }
        assert!(read_token("a/b").is_err());
        assert!(read_token("").is_err());
    }
}
