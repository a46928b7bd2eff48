//! What the store keeps: buckets, versions, uploads and parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blobs::NewBlob;
use super::content::Segment;
use super::digest::{Algorithm, Checksum, ChecksumKind};
use super::error::StoreError;

/// The version id of an object put without versioning.
pub(crate) const NULL_VERSION: &str = "null";

/// Whether a bucket keeps the versions of its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Versioning {
    /// Never enabled.
    Unversioned,
    Enabled,
    Suspended,
}

impl Versioning {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unversioned => "Unversioned",
            Self::Enabled => "Enabled",
            Self::Suspended => "Suspended",
        }
    }

    pub(crate) fn from_name(name: &str) -> Result<Self, StoreError> {
        [Self::Unversioned, Self::Enabled, Self::Suspended]
            .into_iter()
            .find(|it| it.name() == name)
            .ok_or_else(|| StoreError::Corrupt(format!("versioning {name}")))
    }
}

/// A bucket to create.
#[derive(Clone, Debug)]
pub(crate) struct BucketSeed {
    pub name: String,
    /// The 12-digit account id.
    pub owner_account: String,
    pub region: String,
    /// Versioning is enabled from the start.
    pub versioning: bool,
    /// Object lock is on, and with it versioning.
    pub object_lock: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub id: i64,
    pub name: String,
    pub owner: String,
    pub region: String,
    /// Seconds since 1970, as all times here.
    pub created: i64,
    pub versioning: Versioning,
    pub object_lock: bool,
}

impl Bucket {
    /// The version id to answer with: none where versioning was never enabled.
    pub(crate) fn shown_version(&self, version_id: &str) -> Option<String> {
        (self.versioning != Versioning::Unversioned).then(|| version_id.to_owned())
    }
}

/// What an object carries besides its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
    pub content_disposition: Option<String>,
    pub content_encoding: Option<String>,
    pub content_language: Option<String>,
    /// Seconds since 1970.
    pub expires: Option<i64>,
    pub website_redirect: Option<String>,
    /// The `x-amz-meta-` headers, without the prefix.
    pub metadata: BTreeMap<String, String>,
    pub storage_class: String,
    /// What tells the customer's key that it is encrypted with, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_key: Option<String>,
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub seq: i64,
    pub key: String,
    pub version_id: String,
    pub latest: bool,
    pub delete_marker: bool,
    pub modified: i64,
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub attributes: Attributes,
    pub checksum: Option<Checksum>,
    /// Never set, off or on.
    pub legal_hold: Option<bool>,
    pub tags: Vec<(String, String)>,
    /// The number of parts, when it was uploaded in parts.
    pub parts: Option<u32>,
}

/// What must hold of the current version for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WriteCondition {
    Always,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`: this ETag, or any.
    Matches(Option<String>),
}

/// The bytes of a new version.
pub(crate) enum NewContent {
    Blob(NewBlob),
    /// The blobs of another version.
    Shared(Vec<Segment>),
}

/// A version to put.
pub(crate) struct NewVersion {
    pub key: String,
    pub etag: String,
    pub attributes: Attributes,
    pub checksum: Option<Checksum>,
    pub legal_hold: Option<bool>,
    pub tags: Vec<(String, String)>,
    pub content: NewContent,
    pub condition: WriteCondition,
}

/// One key, or one version of it, to delete.
#[derive(Clone, Debug)]
pub(crate) struct Deletion {
    pub key: String,
    pub version_id: Option<String>,
    /// What must hold of the current version, also where another one is named.
    pub condition: WriteCondition,
}

/// What a deletion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The version removed, or the delete marker put.
    pub version_id: Option<String>,
    /// A delete marker was put, or was what got removed.
    pub delete_marker: bool,
}

/// A multipart upload to start.
#[derive(Clone, Debug)]
pub(crate) struct NewUpload {
    pub key: String,
    /// The ARN of who starts it.
    pub initiator: String,
    pub attributes: Attributes,
    /// None when the client named none.
    pub algorithm: Option<Algorithm>,
    pub kind: ChecksumKind,
    pub legal_hold: Option<bool>,
    pub tags: Vec<(String, String)>,
}

/// A multipart upload in progress.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub id: String,
    pub seq: i64,
    pub initiated: i64,
    pub new: NewUpload,
}

/// A part of an upload.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub number: i32,
    pub blob: String,
    pub size: u64,
    /// The MD5 in hex.
    pub etag: String,
    pub modified: i64,
    /// Every checksum computed when it was uploaded.
    pub checksums: Vec<Checksum>,
    /// The algorithm of the checksum that came with it, if one did.
    pub sent: Option<Algorithm>,
}

impl Part {
    pub(crate) fn checksum(&self, algorithm: Algorithm) -> Option<&Checksum> {
        self.checksums.iter().find(|it| it.algorithm == algorithm)
    }
}
