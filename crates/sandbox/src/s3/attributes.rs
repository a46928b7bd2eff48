//! What a write says about an object besides its bytes, and the features it must not ask for.

use std::collections::BTreeMap;

use s3s::dto::{Metadata, ObjectLockLegalHoldStatus, Timestamp};
use s3s::{S3ErrorCode, S3Result};

use super::convert;
use super::errors::{invalid_argument, refuse};
use crate::store::{Attributes, Version};

/// Bytes of all user metadata, names and values.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const METADATA_LIMIT: usize = 2048;

const DEFAULT_CLASS: &str = "STANDARD";
const CLASSES: [&str; 8] = [
    DEFAULT_CLASS,
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "REDUCED_REDUNDANCY",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];
/// The classes whose bytes need a restore first, which nothing here can do.
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];

/// Takes the fields that writes share from an `s3s` input.
macro_rules! attributes {
    ($input:expr) => {
        $crate::s3::attributes::Given {
            content_type: $input.content_type.take(),
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            expires: $input.expires.take(),
            website_redirect: $input.website_redirect_location.take(),
            metadata: $input.metadata.take(),
            storage_class: $input.storage_class.take().map(|it| it.as_str().to_owned()),
        }
        .read()
    };
}
pub(super) use attributes;

/// Refuses what writes can ask and this does not do.
macro_rules! refuse_unsupported {
    ($input:expr) => {
        $crate::s3::attributes::refuse_features([
            (
                "Server-side encryption with KMS keys",
                $input.ssekms_key_id.is_some()
                    || $input.ssekms_encryption_context.is_some()
                    || $input
                        .server_side_encryption
                        .as_ref()
                        .is_some_and(|it| it.as_str() != "AES256"),
            ),
            (
                "Object retention",
                $input.object_lock_mode.is_some() || $input.object_lock_retain_until_date.is_some(),
            ),
        ])
        .and_then(|()| {
            $crate::s3::attributes::refuse_acl(
                $input.acl.as_ref().map(|acl| acl.as_str()),
                $input.grant_full_control.is_some()
                    || $input.grant_read.is_some()
                    || $input.grant_read_acp.is_some()
                    || $input.grant_write_acp.is_some(),
            )
        })
    };
}
pub(super) use refuse_unsupported;

pub(super) fn refuse_features(asked: [(&'static str, bool); 2]) -> S3Result<()> {
    for (feature, asked) in asked {
        if asked {
            return Err(refuse(
                S3ErrorCode::NotImplemented,
                format!("{feature} is not implemented."),
            ));
        }
    }
    Ok(())
}

/// Buckets have no ACLs, as new buckets on AWS: only the ACL that gives the owner control, which
/// changes nothing, is taken.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html>
pub(super) fn refuse_acl(acl: Option<&str>, grants: bool) -> S3Result<()> {
    if grants || acl.is_some_and(|acl| acl != "bucket-owner-full-control") {
        return Err(refuse(
            S3ErrorCode::AccessControlListNotSupported,
            "The bucket does not allow ACLs",
        ));
    }
    Ok(())
}

/// The fields of a write as they came.
pub(super) struct Given {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    pub expires: Option<Timestamp>,
    pub website_redirect: Option<String>,
    pub metadata: Option<Metadata>,
    pub storage_class: Option<String>,
}

impl Given {
    pub(super) fn read(self) -> S3Result<Attributes> {
        let metadata: BTreeMap<String, String> =
            self.metadata.unwrap_or_default().into_iter().collect();
        let size = metadata
            .iter()
            .fold(0, |sum, (name, value)| sum + name.len() + value.len());
        if size > METADATA_LIMIT {
            return Err(refuse(
                S3ErrorCode::MetadataTooLarge,
                "Your metadata headers exceed the maximum allowed metadata size",
            ));
        }
        Ok(Attributes {
            content_type: self
                .content_type
                .or_else(|| Some("binary/octet-stream".to_owned())),
            cache_control: self.cache_control,
            content_disposition: self.content_disposition,
            content_encoding: self.content_encoding.and_then(without_chunking),
            content_language: self.content_language,
            expires: self.expires.as_ref().and_then(convert::seconds),
            website_redirect: self.website_redirect,
            metadata,
            storage_class: storage_class(self.storage_class.as_deref())?,
            customer_key: None,
        })
    }
}

/// `aws-chunked` frames the request; the object does not have it.
fn without_chunking(encoding: String) -> Option<String> {
    let kept: Vec<&str> = encoding
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty() && !it.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

pub(super) fn storage_class(asked: Option<&str>) -> S3Result<String> {
    let class = asked.unwrap_or(DEFAULT_CLASS);
    if !CLASSES.contains(&class) {
        return Err(refuse(
            S3ErrorCode::InvalidStorageClass,
            "The storage class you specified is not valid",
        ));
    }
    Ok(class.to_owned())
}

/// The class as answers show it: the default one is left out.
pub(super) fn shown_class(version: &Version) -> Option<String> {
    let class = &version.attributes.storage_class;
    (class != DEFAULT_CLASS).then(|| class.clone())
}

pub(super) fn check_readable(version: &Version) -> S3Result<()> {
    if ARCHIVES.contains(&version.attributes.storage_class.as_str()) {
        return Err(refuse(
            S3ErrorCode::InvalidObjectState,
            "The operation is not valid for the object's storage class",
        ));
    }
    Ok(())
}

pub(super) fn legal_hold(status: Option<&ObjectLockLegalHoldStatus>) -> S3Result<Option<bool>> {
    match status.map(ObjectLockLegalHoldStatus::as_str) {
        None => Ok(None),
        Some(ObjectLockLegalHoldStatus::ON) => Ok(Some(true)),
        Some(ObjectLockLegalHoldStatus::OFF) => Ok(Some(false)),
        Some(_) => Err(invalid_argument(
            "Legal Hold must be either of 'ON' or 'OFF'",
        )),
    }
}

pub(super) fn shown_hold(on: bool) -> ObjectLockLegalHoldStatus {
    ObjectLockLegalHoldStatus::from_static(if on {
        ObjectLockLegalHoldStatus::ON
    } else {
        ObjectLockLegalHoldStatus::OFF
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_encoding_loses_the_framing() {
        let check = |given: &str, expect: Option<&str>| {
            assert_eq!(without_chunking(given.to_owned()).as_deref(), expect);
        };
        check("aws-chunked", None);
        check("gzip", Some("gzip"));
        check("gzip, aws-chunked", Some("gzip"));
        check("aws-chunked,gzip,br", Some("gzip,br"));
        check("", None);
    }
}
