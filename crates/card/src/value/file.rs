//! Files, by reference: content stays where it is and only its description travels.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Object, Value, read::deserialize_native};

/// A file on this machine. Its fields in expressions: `path`, `name`, `size`, `media_type`
/// (null where unknown).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRef(Arc<Description>);

#[derive(Debug, PartialEq, Eq)]
struct Description {
    path: PathBuf,
    size: u64,
    media_type: Option<String>,
}

impl FileRef {
    /// A reference to the file at an absolute path.
    pub fn new(path: impl Into<PathBuf>, size: u64, media_type: Option<String>) -> Self {
        Self(Arc::new(Description {
            path: path.into(),
            size,
            media_type,
        }))
    }

    /// Where the content is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The last part of the path.
    pub fn name(&self) -> String {
        self.0
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Bytes, when the reference was made.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// The media type, where known.
    pub fn media_type(&self) -> Option<&str> {
        self.0.media_type.as_deref()
    }

    /// A field as expressions see it.
    pub fn field(&self, name: &str) -> Option<Value> {
        match name {
            "path" => Some(Value::string(self.0.path.to_string_lossy())),
            "name" => Some(Value::string(self.name())),
            "size" => Some(self.0.size.into()),
            "media_type" => Some(
                self.0
                    .media_type
                    .as_deref()
                    .map_or(Value::Null, Value::from),
            ),
            _ => None,
        }
    }

    /// The description as an object, for people and other programs; it does not read back.
    pub fn to_object(&self) -> Object {
        ["path", "name", "size", "media_type"]
            .into_iter()
            .filter_map(|name| Some((name, self.field(name)?)))
            .collect()
    }
}

impl Serialize for FileRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::File(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FileRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserialize_native(deserializer)? {
            Value::File(file) => Ok(file),
            other => Err(serde::de::Error::custom(format_args!(
                "expected a file, found {}",
                other.type_name()
            ))),
        }
    }
}

impl JsonSchema for FileRef {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "file".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-flowrun-type": "file" })
    }
}
