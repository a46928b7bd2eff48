//! Versions and delete markers in the index.
//!
//! The rules are those of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>:
//! without versioning, or with it suspended, a write replaces the `null` version; with it
//! enabled, every write adds one.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::buckets;
use super::content::{Content, Segment};
use super::model::{
    Attributes, Bucket, NULL_VERSION, NewContent, NewVersion, Version, Versioning, WriteCondition,
};
use super::{Change, Store, StoreError, now, sequenced_id};

pub(super) const COLUMNS: &str = "seq, key, version_id, latest, delete_marker, modified, size, \
                                  etag, attributes, checksum, legal_hold, tags, parts";

/// A row of `COLUMNS`, its JSON still to be read.
pub(super) struct VersionRow {
    version: Version,
    key: Vec<u8>,
    attributes: String,
    checksum: Option<String>,
    tags: String,
}

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<VersionRow> {
    Ok(VersionRow {
        version: Version {
            seq: row.get(0)?,
            key: String::new(),
            version_id: row.get(2)?,
            latest: row.get(3)?,
            delete_marker: row.get(4)?,
            modified: row.get(5)?,
            size: row.get(6)?,
            etag: row.get(7)?,
            attributes: Attributes::default(),
            checksum: None,
            legal_hold: row.get(10)?,
            tags: Vec::new(),
            parts: row.get(12)?,
        },
        key: row.get(1)?,
        attributes: row.get(8)?,
        checksum: row.get(9)?,
        tags: row.get(11)?,
    })
}

impl VersionRow {
    pub(super) fn read(self) -> Result<Version, StoreError> {
        Ok(Version {
            key: text_key(self.key)?,
            attributes: serde_json::from_str(&self.attributes)?,
            checksum: self
                .checksum
                .map(|json| serde_json::from_str(&json))
                .transpose()?,
            tags: serde_json::from_str(&self.tags)?,
            ..self.version
        })
    }
}

pub(super) fn text_key(key: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(key).map_err(|_| StoreError::Corrupt("a key that is not UTF-8".into()))
}

/// The newest version of a key, which may be a delete marker.
pub(super) fn current(
    connection: &Connection,
    bucket: &Bucket,
    key: &str,
) -> Result<Option<Version>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM version WHERE bucket = ?1 AND key = ?2
             ORDER BY seq DESC LIMIT 1"
        ))?
        .query_row(params![bucket.id, key.as_bytes()], from_row)
        .optional()?
        .map(VersionRow::read)
        .transpose()
}

pub(super) fn by_id(
    connection: &Connection,
    bucket: &Bucket,
    key: &str,
    version_id: &str,
) -> Result<Option<Version>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM version
             WHERE bucket = ?1 AND key = ?2 AND version_id = ?3"
        ))?
        .query_row(params![bucket.id, key.as_bytes(), version_id], from_row)
        .optional()?
        .map(VersionRow::read)
        .transpose()
}

/// The version to read: the current one, or the one named. A delete marker is an error.
pub(super) fn find(
    connection: &Connection,
    bucket: &Bucket,
    key: &str,
    version_id: Option<&str>,
) -> Result<Version, StoreError> {
    let version = match version_id {
        None => current(connection, bucket, key)?
            .ok_or_else(|| StoreError::NoSuchKey(key.to_owned()))?,
        Some(version_id) => by_id(connection, bucket, key, version_id)?.ok_or_else(|| {
            StoreError::NoSuchVersion {
                key: key.to_owned(),
                version_id: version_id.to_owned(),
            }
        })?,
    };
    if version.delete_marker {
        return Err(StoreError::DeleteMarker {
            key: version.key,
            version_id: version.version_id,
            modified: version.modified,
            named: version_id.is_some(),
        });
    }
    Ok(version)
}

fn segments(connection: &Connection, version: i64) -> Result<Vec<Segment>, StoreError> {
    connection
        .prepare_cached(
            "SELECT blob, size, checksum FROM segment WHERE version = ?1 ORDER BY ordinal",
        )?
        .query_map(params![version], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))
        })?
        .map(|row| {
            let (blob, size, checksum) = row?;
            Ok(Segment {
                blob,
                size,
                checksum: checksum
                    .map(|json| serde_json::from_str(&json))
                    .transpose()?,
            })
        })
        .collect()
}

pub(super) fn check_condition(
    connection: &Connection,
    bucket: &Bucket,
    key: &str,
    condition: &WriteCondition,
) -> Result<(), StoreError> {
    if *condition == WriteCondition::Always {
        return Ok(());
    }
    let current = current(connection, bucket, key)?.filter(|version| !version.delete_marker);
    match (condition, current) {
        (WriteCondition::Absent, Some(_)) => Err(StoreError::PreconditionFailed("If-None-Match")),
        (WriteCondition::Matches(_), None) => Err(StoreError::NoSuchKey(key.to_owned())),
        (WriteCondition::Matches(Some(etag)), Some(version)) if version.etag != *etag => {
            Err(StoreError::PreconditionFailed("If-Match"))
        }
        _ => Ok(()),
    }
}

/// Removes a row with its references, and makes the newest remaining version the current one.
pub(super) fn remove(
    change: &Change<'_>,
    bucket: &Bucket,
    version: &Version,
) -> Result<(), StoreError> {
    let transaction = &change.transaction;
    let segments = segments(transaction, version.seq)?;
    transaction
        .prepare_cached("DELETE FROM segment WHERE version = ?1")?
        .execute(params![version.seq])?;
    for segment in segments {
        change.release(&segment.blob)?;
    }
    transaction
        .prepare_cached("DELETE FROM version WHERE seq = ?1")?
        .execute(params![version.seq])?;
    if version.latest {
        transaction
            .prepare_cached(
                "UPDATE version SET latest = 1 WHERE seq = (
                     SELECT seq FROM version WHERE bucket = ?1 AND key = ?2
                     ORDER BY seq DESC LIMIT 1)",
            )?
            .execute(params![bucket.id, version.key.as_bytes()])?;
    }
    Ok(())
}

/// Adds a row as the current version of its key, replacing the `null` version where the
/// bucket is not versioned.
pub(super) fn add(
    change: &Change<'_>,
    bucket: &Bucket,
    mut version: Version,
    upload: Option<&str>,
) -> Result<Version, StoreError> {
    let transaction = &change.transaction;
    version.seq = change.next_seq()?;
    version.modified = now();
    version.latest = true;
    version.version_id = if bucket.versioning == Versioning::Enabled {
        sequenced_id(version.seq)?
    } else {
        if let Some(replaced) = by_id(transaction, bucket, &version.key, NULL_VERSION)? {
            remove(change, bucket, &replaced)?;
        }
        NULL_VERSION.to_owned()
    };
    transaction
        .prepare_cached(
            "UPDATE version SET latest = 0 WHERE seq = (
                 SELECT seq FROM version WHERE bucket = ?1 AND key = ?2
                 ORDER BY seq DESC LIMIT 1)",
        )?
        .execute(params![bucket.id, version.key.as_bytes()])?;
    let checksum = version
        .checksum
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    transaction
        .prepare_cached(&format!(
            "INSERT INTO version ({COLUMNS}, bucket, upload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
        ))?
        .execute(params![
            version.seq,
            version.key.as_bytes(),
            version.version_id,
            version.latest,
            version.delete_marker,
            version.modified,
            version.size,
            version.etag,
            serde_json::to_string(&version.attributes)?,
            checksum,
            version.legal_hold,
            serde_json::to_string(&version.tags)?,
            version.parts,
            bucket.id,
            upload,
        ])?;
    Ok(version)
}

/// Gives a version its next segment; the reference to the blob is the caller's to have taken.
fn add_segment(
    change: &Change<'_>,
    version: &Version,
    ordinal: usize,
    segment: &Segment,
) -> Result<(), StoreError> {
    let checksum = segment
        .checksum
        .as_ref()
        .map(serde_json::to_string)
        .transpose()?;
    change
        .transaction
        .prepare_cached(
            "INSERT INTO segment (version, ordinal, blob, size, checksum)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            version.seq,
            i64::try_from(ordinal).unwrap_or(i64::MAX),
            segment.blob,
            segment.size,
            checksum
        ])?;
    Ok(())
}

/// Puts a version in this transaction; `upload` is the upload it completes, with its parts.
pub(super) fn put(
    change: &Change<'_>,
    bucket: &Bucket,
    new: NewVersion,
    upload: Option<&str>,
) -> Result<Version, StoreError> {
    check_condition(&change.transaction, bucket, &new.key, &new.condition)?;
    if new.legal_hold.is_some() && !bucket.object_lock {
        return Err(StoreError::NoObjectLock(bucket.name.clone()));
    }
    let segments = match new.content {
        NewContent::Blob(blob) => {
            let size = blob.size;
            vec![Segment {
                blob: change.adopt(blob)?,
                size,
                checksum: None,
            }]
        }
        NewContent::Shared(segments) => {
            for segment in &segments {
                if !change.share(&segment.blob)? {
                    return Err(StoreError::SourceRemoved);
                }
            }
            segments
        }
    };
    let version = Version {
        seq: 0,
        key: new.key,
        version_id: String::new(),
        latest: true,
        delete_marker: false,
        modified: 0,
        size: segments
            .iter()
            .fold(0, |sum, segment| segment.size.saturating_add(sum)),
        etag: new.etag,
        attributes: new.attributes,
        checksum: new.checksum,
        legal_hold: new.legal_hold,
        tags: new.tags,
        parts: upload
            .is_some()
            .then(|| u32::try_from(segments.len()).unwrap_or(u32::MAX)),
    };
    let version = add(change, bucket, version, upload)?;
    for (ordinal, segment) in segments.iter().enumerate() {
        add_segment(change, &version, ordinal, segment)?;
    }
    Ok(version)
}

impl Store {
    /// Whether a write under this condition would be let through now; the write itself asks
    /// again.
    pub(crate) async fn check_condition(
        &self,
        bucket: &str,
        key: &str,
        condition: WriteCondition,
    ) -> Result<(), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        self.read(move |connection, _| {
            let bucket = buckets::find(connection, &bucket)?;
            check_condition(connection, &bucket, &key, &condition)
        })
        .await
    }

    pub(crate) async fn put(
        &self,
        bucket: &str,
        new: NewVersion,
    ) -> Result<(Bucket, Version), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            let version = put(change, &bucket, new, None)?;
            Ok((bucket, version))
        })
        .await
    }

    /// The version to read, current or named, with its bytes.
    pub(crate) async fn get(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> Result<(Bucket, Version, Content), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let version_id = version_id.map(str::to_owned);
        self.read(move |connection, blobs| {
            let bucket = buckets::find(connection, &bucket)?;
            let version = find(connection, &bucket, &key, version_id.as_deref())?;
            let segments = segments(connection, version.seq)?;
            let ids = segments
                .iter()
                .map(|segment| segment.blob.clone())
                .collect();
            let content = Content::new(segments, blobs.lease(ids));
            Ok((bucket, version, content))
        })
        .await
    }

    pub(crate) async fn set_legal_hold(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        on: bool,
    ) -> Result<(), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let version_id = version_id.map(str::to_owned);
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            if !bucket.object_lock {
                return Err(StoreError::NoObjectLock(bucket.name));
            }
            let version = find(&change.transaction, &bucket, &key, version_id.as_deref())?;
            change.transaction.execute(
                "UPDATE version SET legal_hold = ?2 WHERE seq = ?1",
                params![version.seq, on],
            )?;
            Ok(())
        })
        .await
    }

    /// Replaces the tags of a version.
    pub(crate) async fn set_tags(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
        tags: Vec<(String, String)>,
    ) -> Result<(Bucket, Version), StoreError> {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        let version_id = version_id.map(str::to_owned);
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            let version = find(&change.transaction, &bucket, &key, version_id.as_deref())?;
            change.transaction.execute(
                "UPDATE version SET tags = ?2 WHERE seq = ?1",
                params![version.seq, serde_json::to_string(&tags)?],
            )?;
            Ok((bucket, version))
        })
        .await
    }
}
