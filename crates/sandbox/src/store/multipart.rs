//! Multipart uploads and their parts in the index.
//!
//! Completing one moves the references of its parts' blobs to the new version: no byte is read
//! or copied, whatever the size.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::buckets;
use super::content::Segment;
use super::digest::{Algorithm, Checksum, ChecksumKind};
use super::model::{
    Attributes, Bucket, NewContent, NewUpload, NewVersion, Part, Upload, Version, WriteCondition,
};
use super::objects::{self, text_key};
use super::{Change, NewBlob, Store, StoreError, now, sequenced_id};

pub(super) const COLUMNS: &str =
    "id, seq, initiated, key, initiator, attributes, algorithm, kind, legal_hold, tags";

const PART_COLUMNS: &str = "number, blob, size, etag, modified, checksums, sent";

/// A row of `COLUMNS`, its JSON still to be read.
pub(super) struct UploadRow {
    upload: Upload,
    key: Vec<u8>,
    attributes: String,
    algorithm: Option<String>,
    kind: String,
    tags: String,
}

pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<UploadRow> {
    Ok(UploadRow {
        upload: Upload {
            id: row.get(0)?,
            seq: row.get(1)?,
            initiated: row.get(2)?,
            new: NewUpload {
                key: String::new(),
                initiator: row.get(4)?,
                attributes: Attributes::default(),
                algorithm: None,
                kind: ChecksumKind::FullObject,
                legal_hold: row.get(8)?,
                tags: Vec::new(),
            },
        },
        key: row.get(3)?,
        attributes: row.get(5)?,
        algorithm: row.get(6)?,
        kind: row.get(7)?,
        tags: row.get(9)?,
    })
}

fn algorithm(name: String) -> Result<Algorithm, StoreError> {
    Algorithm::from_name(&name)
        .ok_or_else(|| StoreError::Corrupt(format!("checksum algorithm {name}")))
}

impl UploadRow {
    pub(super) fn read(self) -> Result<Upload, StoreError> {
        let algorithm = self.algorithm.map(algorithm).transpose()?;
        Ok(Upload {
            new: NewUpload {
                key: text_key(self.key)?,
                attributes: serde_json::from_str(&self.attributes)?,
                algorithm,
                kind: serde_json::from_str(&self.kind)?,
                tags: serde_json::from_str(&self.tags)?,
                ..self.upload.new
            },
            ..self.upload
        })
    }
}

fn find(
    connection: &Connection,
    bucket: &Bucket,
    key: &str,
    id: &str,
) -> Result<Upload, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM upload WHERE id = ?1 AND bucket = ?2 AND key = ?3"
        ))?
        .query_row(params![id, bucket.id, key.as_bytes()], from_row)
        .optional()?
        .ok_or_else(|| StoreError::NoSuchUpload(id.to_owned()))?
        .read()
}

fn parts(
    connection: &Connection,
    upload: &str,
    after: i32,
    max: usize,
) -> Result<Vec<Part>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT {PART_COLUMNS} FROM part WHERE upload = ?1 AND number > ?2
             ORDER BY number LIMIT ?3"
        ))?
        .query_map(
            params![upload, after, i64::try_from(max).unwrap_or(i64::MAX)],
            |row| {
                Ok((
                    Part {
                        number: row.get(0)?,
                        blob: row.get(1)?,
                        size: row.get(2)?,
                        etag: row.get(3)?,
                        modified: row.get(4)?,
                        checksums: Vec::new(),
                        sent: None,
                    },
                    row.get::<_, String>(5)?,
                    row.get::<_, Option<String>>(6)?,
                ))
            },
        )?
        .map(|row| {
            let (part, checksums, sent) = row?;
            Ok(Part {
                checksums: serde_json::from_str(&checksums)?,
                sent: sent.map(algorithm).transpose()?,
                ..part
            })
        })
        .collect()
}

/// Removes an upload with the references of all its parts.
pub(super) fn remove(change: &Change<'_>, upload: &str) -> Result<(), StoreError> {
    let parts = parts(&change.transaction, upload, 0, usize::MAX)?;
    change
        .transaction
        .execute("DELETE FROM part WHERE upload = ?1", params![upload])?;
    for part in parts {
        change.release(&part.blob)?;
    }
    change
        .transaction
        .execute("DELETE FROM upload WHERE id = ?1", params![upload])?;
    Ok(())
}

/// An upload to complete with these parts, in this order.
pub(crate) struct Completion {
    pub key: String,
    pub upload: String,
    pub parts: Vec<(Part, Option<Checksum>)>,
    pub etag: String,
    pub checksum: Option<Checksum>,
    pub condition: WriteCondition,
}

impl Store {
    pub(crate) async fn create_upload(
        &self,
        bucket: &str,
        new: NewUpload,
    ) -> Result<Upload, StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            if new.legal_hold.is_some() && !bucket.object_lock {
                return Err(StoreError::NoObjectLock(bucket.name));
            }
            let seq = change.next_seq()?;
            let upload = Upload {
                id: sequenced_id(seq)?,
                seq,
                initiated: now(),
                new,
            };
            change.transaction.execute(
                &format!(
                    "INSERT INTO upload ({COLUMNS}, bucket)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                ),
                params![
                    upload.id,
                    upload.seq,
                    upload.initiated,
                    upload.new.key.as_bytes(),
                    upload.new.initiator,
                    serde_json::to_string(&upload.new.attributes)?,
                    upload.new.algorithm.map(Algorithm::name),
                    serde_json::to_string(&upload.new.kind)?,
                    upload.new.legal_hold,
                    serde_json::to_string(&upload.new.tags)?,
                    bucket.id,
                ],
            )?;
            Ok(upload)
        })
        .await
    }

    pub(crate) async fn upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Upload, StoreError> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.read(move |connection, _| {
            let bucket = buckets::find(connection, &bucket)?;
            find(connection, &bucket, &key, &id)
        })
        .await
    }

    /// The upload and up to `max` of its parts with a number over `after`, in order.
    pub(crate) async fn parts(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        after: i32,
        max: usize,
    ) -> Result<(Bucket, Upload, Vec<Part>), StoreError> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.read(move |connection, _| {
            let bucket = buckets::find(connection, &bucket)?;
            let upload = find(connection, &bucket, &key, &id)?;
            let parts = parts(connection, &id, after, max)?;
            Ok((bucket, upload, parts))
        })
        .await
    }

    /// Puts a part, replacing one of the same number. Answers when it was modified.
    ///
    /// `checksums` are all that were computed, `sent` the algorithm of the one it came with.
    pub(crate) async fn put_part(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        number: i32,
        blob: NewBlob,
        (checksums, sent): (Vec<Checksum>, Option<Algorithm>),
    ) -> Result<i64, StoreError> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.write(move |change| {
            let transaction = &change.transaction;
            let bucket = buckets::find(transaction, &bucket)?;
            find(transaction, &bucket, &key, &id)?;
            let replaced: Option<String> = transaction
                .prepare_cached(
                    "DELETE FROM part WHERE upload = ?1 AND number = ?2 RETURNING blob",
                )?
                .query_row(params![id, number], |row| row.get(0))
                .optional()?;
            if let Some(replaced) = replaced {
                change.release(&replaced)?;
            }
            let modified = now();
            let (size, etag) = (blob.size, hex::encode(&blob.digests.md5));
            let blob = change.adopt(blob)?;
            transaction
                .prepare_cached(&format!(
                    "INSERT INTO part (upload, {PART_COLUMNS})
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                ))?
                .execute(params![
                    id,
                    number,
                    blob,
                    size,
                    etag,
                    modified,
                    serde_json::to_string(&checksums)?,
                    sent.map(Algorithm::name)
                ])?;
            Ok(modified)
        })
        .await
    }

    /// Turns the upload into a version made of the chosen parts; the others are removed.
    pub(crate) async fn complete_upload(
        &self,
        bucket: &str,
        completion: Completion,
    ) -> Result<(Bucket, Version), StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |change| {
            let transaction = &change.transaction;
            let bucket = buckets::find(transaction, &bucket)?;
            let id = completion.upload;
            let upload = find(transaction, &bucket, &completion.key, &id)?.new;
            // A part replaced since it was chosen has lost its blob, and `put` says so; the
            // rows of the upload go only after the version has taken its own references.
            let segments = completion
                .parts
                .into_iter()
                .map(|(part, checksum)| Segment {
                    blob: part.blob,
                    size: part.size,
                    checksum,
                })
                .collect();
            let new = NewVersion {
                key: completion.key,
                etag: completion.etag,
                attributes: upload.attributes,
                checksum: completion.checksum,
                legal_hold: upload.legal_hold,
                tags: upload.tags,
                content: NewContent::Shared(segments),
                condition: completion.condition,
            };
            let version = objects::put(change, &bucket, new, Some(&id))?;
            remove(change, &id)?;
            Ok((bucket, version))
        })
        .await
    }

    /// The version that an upload became, while it exists: a completion asked again gets the
    /// same answer.
    pub(crate) async fn completed_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<(Bucket, Version), StoreError> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.read(move |connection, _| {
            let bucket = buckets::find(connection, &bucket)?;
            let version = connection
                .prepare_cached(&format!(
                    "SELECT {} FROM version WHERE upload = ?1 AND bucket = ?2 AND key = ?3",
                    objects::COLUMNS
                ))?
                .query_row(params![id, bucket.id, key.as_bytes()], objects::from_row)
                .optional()?
                .ok_or(StoreError::NoSuchUpload(id))?
                .read()?;
            Ok((bucket, version))
        })
        .await
    }

    pub(crate) async fn abort_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<(), StoreError> {
        let (bucket, key, id) = (bucket.to_owned(), key.to_owned(), id.to_owned());
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            find(&change.transaction, &bucket, &key, &id)?;
            remove(change, &id)
        })
        .await
    }
}
