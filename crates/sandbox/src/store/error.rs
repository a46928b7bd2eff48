//! Errors of the store: what the disk or the index refused, and what the S3 model refuses.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::error::Told;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StoreError {
    #[error("cannot {action} {path} {}", Told(source), path = path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot open the object index {path} {}", Unusable(source), path = path.display())]
    Open {
        path: PathBuf,
        source: rusqlite::Error,
    },
    #[error("the object index failed {}", Unusable(.0))]
    Index(#[from] rusqlite::Error),
    #[error(
        "cannot read a row of the object index ({0}): use another folder for the sandbox state"
    )]
    Row(#[from] serde_json::Error),
    #[error(
        "the object store at {path} has layout {found}, written by a newer flowrun; \
         this one knows layout {known}: use that flowrun, or another folder",
        path = path.display()
    )]
    Newer {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("the object index holds {0}: use another folder for the sandbox state")]
    Corrupt(String),
    #[error("the write of the object was given up before: send it again")]
    Abandoned,
    #[error("the object store stopped ({0}): start the sandbox again")]
    Stopped(#[from] tokio::task::JoinError),
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),

    #[error("bucket {0} does not exist")]
    NoSuchBucket(String),
    #[error("bucket {name} exists and belongs to account {owner}")]
    BucketExists { name: String, owner: String },
    #[error("bucket {0} holds object versions or uploads")]
    BucketNotEmpty(String),
    #[error("versioning of bucket {0} cannot be suspended: it has object lock")]
    LockNeedsVersioning(String),
    #[error("bucket {0} has no object lock")]
    NoObjectLock(String),
    #[error("key {0} does not exist")]
    NoSuchKey(String),
    #[error("version {version_id} of key {key} does not exist")]
    NoSuchVersion { key: String, version_id: String },
    /// The version asked for is a delete marker; `named` when the request gave its version id.
    #[error("version {version_id} of key {key} is a delete marker")]
    DeleteMarker {
        key: String,
        version_id: String,
        modified: i64,
        named: bool,
    },
    #[error("version {version_id} of key {key} is under a legal hold")]
    LegalHold { key: String, version_id: String },
    #[error("a condition of the write does not hold: {0}")]
    PreconditionFailed(&'static str),
    #[error("the source of the copy was removed while it was copied")]
    SourceRemoved,
    #[error("upload {0} does not exist")]
    NoSuchUpload(String),
}

impl StoreError {
    /// Adds the action and the path to an input or output error.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// A fault of SQLite as the end of a sentence: what it is, and what to do next.
struct Unusable<'a>(&'a rusqlite::Error);

impl fmt::Display for Unusable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = "use another folder, one that can be read and written";
        let (what, next) = match self.0.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                ("the disk is full", "make room there, or use another folder")
            }
            Some(ErrorCode::ReadOnly) => ("it cannot be written", folder),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                ("it cannot be read or written", folder)
            }
            Some(ErrorCode::SystemIoFailure) => ("the disk failed", "check the disk"),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
                "it is damaged",
                "use another folder, or move this one away to begin with an empty store",
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                ("another program holds it", "end that program")
            }
            _ => return write!(f, "({}): use another folder", self.0),
        };
        write!(f, "({what}): {next}")
    }
}
