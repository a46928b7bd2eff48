//! Fields that several cards share: their types, and the rules that types cannot say.

use std::collections::HashMap;

use aws_sdk_s3::primitives::DateTime as SdkDateTime;
use flowrun_card::{FileRef, InputError, Value};
use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest key in bytes of UTF-8.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub(crate) const MAX_KEY_BYTES: usize = 1_024;

/// The most bytes of user metadata, names and values together.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const MAX_METADATA_BYTES: usize = 2_048;

/// A point in time, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(Timestamp);

impl DateTime {
    /// The SDK's time; `None` where it is out of range.
    pub(crate) fn from_sdk(time: &SdkDateTime) -> Option<Self> {
        let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
        Timestamp::new(time.secs(), nanoseconds).ok().map(Self)
    }
}

impl Serialize for DateTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "datetime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A file as authors give one: its path, or a file value.
#[derive(Clone, Debug)]
pub(crate) enum FileInput {
    /// A path; a relative one starts at the flow file's folder.
    Path(String),
    /// What another card gave.
    File(FileRef),
}

impl<'de> Deserialize<'de> for FileInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(path) => Ok(FileInput::Path(path.to_string())),
            Value::File(file) => Ok(FileInput::File(file)),
            other => Err(serde::de::Error::custom(format_args!(
                "expected a path or a file, found {}",
                other.type_name()
            ))),
        }
    }
}

impl JsonSchema for FileInput {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "path_or_file".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "x-flowrun-type": "file" }] })
    }
}

/// An ETag without the quotes that HTTP puts around it.
pub(crate) fn unquote(etag: &str) -> String {
    etag.strip_prefix('"')
        .and_then(|etag| etag.strip_suffix('"'))
        .unwrap_or(etag)
        .to_owned()
}

/// Metadata in a fixed order: by name.
pub(crate) fn sorted(metadata: Option<&HashMap<String, String>>) -> IndexMap<String, String> {
    let mut sorted: IndexMap<String, String> = metadata
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    sorted.sort_keys();
    sorted
}

/// A size of the SDK, which has no unsigned integers.
pub(crate) fn size_of(size: Option<i64>) -> Option<u64> {
    size.and_then(|size| u64::try_from(size).ok())
}

/// The errors of a check, gathered.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<InputError>);

impl Problems {
    /// Adds one.
    pub(crate) fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(InputError::new(field, message));
    }

    /// A bucket's name. Old buckets may have names that new ones may not.
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
    pub(crate) fn bucket(&mut self, field: &str, bucket: &str) {
        let valid = (3..=255).contains(&bucket.len())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if !valid {
            self.add(
                field,
                format!(
                    "`{}` is no bucket name: it has 3 to 63 lower-case letters, digits, `.` or `-`",
                    bucket.escape_debug()
                ),
            );
        }
    }

    /// An object's key.
    pub(crate) fn key(&mut self, field: &str, key: &str) {
        if key.is_empty() {
            self.add(field, "a key is not empty");
        } else if key.trim().is_empty() {
            // The AWS SDK takes such a key for a missing one.
            self.add(field, "a key of white space alone is not supported");
        } else if key.len() > MAX_KEY_BYTES {
            self.add(
                field,
                format!(
                    "a key has at most {MAX_KEY_BYTES} bytes, and this one has {}",
                    key.len()
                ),
            );
        }
    }

    /// An object, or one of its versions, in the fields `bucket`, `key` and `version_id`.
    pub(crate) fn object(&mut self, bucket: &str, key: &str, version_id: Option<&str>) {
        self.bucket("bucket", bucket);
        self.key("key", key);
        self.version_id("version_id", version_id);
    }

    /// A version's id, where one is given.
    pub(crate) fn version_id(&mut self, field: &str, version_id: Option<&str>) {
        if version_id == Some("") {
            self.add(
                field,
                "a version id is not empty; leave it out for the current version",
            );
        }
    }

    /// User metadata: it travels in HTTP headers.
    pub(crate) fn metadata(&mut self, field: &str, metadata: &IndexMap<String, String>) {
        let mut bytes = 0_usize;
        for (name, value) in metadata {
            bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
            let token = !name.is_empty()
                && name.bytes().all(|byte| {
                    byte.is_ascii_lowercase()
                        || byte.is_ascii_digit()
                        || matches!(byte, b'-' | b'_' | b'.')
                });
            if !token {
                self.add(
                    &format!("{field}.{name}"),
                    "a metadata name has lower-case letters, digits, `-`, `_` or `.`, because S3 keeps no others as they are",
                );
            }
            if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.trim() != value {
                self.add(
                    &format!("{field}.{name}"),
                    "a metadata value has printable ASCII characters only and no space at its ends, because it travels in an HTTP header",
                );
            }
        }
        if bytes > MAX_METADATA_BYTES {
            self.add(
                field,
                format!("metadata has at most {MAX_METADATA_BYTES} bytes, and this has {bytes}"),
            );
        }
    }

    /// The plan, if nothing is wrong.
    pub(crate) fn none_or<T>(self, plan: T) -> Result<T, Vec<InputError>> {
        if self.0.is_empty() {
            Ok(plan)
        } else {
            Err(self.0)
        }
    }
}
