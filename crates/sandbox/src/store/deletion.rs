//! Deleting versions, and hiding objects under delete markers.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeletingObjectVersions.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>

use super::buckets;
use super::model::{Attributes, Bucket, Deleted, Deletion, Version, Versioning};
use super::objects::{add, by_id, check_condition, current, remove};
use super::{Change, Store, StoreError};

fn delete(change: &Change<'_>, bucket: &Bucket, deletion: Deletion) -> Result<Deleted, StoreError> {
    let transaction = &change.transaction;
    let Deletion {
        key,
        version_id,
        condition,
    } = deletion;
    check_condition(transaction, bucket, &key, &condition)?;
    let target = match &version_id {
        Some(version_id) => by_id(transaction, bucket, &key, version_id)?,
        None => current(transaction, bucket, &key)?,
    };
    if let Some(version_id) = version_id {
        let Some(target) = target else {
            return Ok(Deleted {
                version_id: Some(version_id),
                delete_marker: false,
            });
        };
        if target.legal_hold == Some(true) {
            return Err(StoreError::LegalHold { key, version_id });
        }
        remove(change, bucket, &target)?;
        return Ok(Deleted {
            version_id: Some(version_id),
            delete_marker: target.delete_marker,
        });
    }
    if bucket.versioning == Versioning::Unversioned {
        if let Some(target) = target {
            remove(change, bucket, &target)?;
        }
        return Ok(Deleted {
            version_id: None,
            delete_marker: false,
        });
    }
    let marker = Version {
        seq: 0,
        key,
        version_id: String::new(),
        latest: true,
        delete_marker: true,
        modified: 0,
        size: 0,
        etag: String::new(),
        attributes: Attributes::default(),
        checksum: None,
        legal_hold: None,
        tags: Vec::new(),
        parts: None,
    };
    let marker = add(change, bucket, marker, None)?;
    Ok(Deleted {
        version_id: Some(marker.version_id),
        delete_marker: true,
    })
}

impl Store {
    /// Deletes many keys or versions in one transaction, each with its own outcome.
    pub(crate) async fn delete(
        &self,
        bucket: &str,
        deletions: Vec<Deletion>,
    ) -> Result<Vec<Result<Deleted, StoreError>>, StoreError> {
        let bucket = bucket.to_owned();
        self.write(move |change| {
            let bucket = buckets::find(&change.transaction, &bucket)?;
            deletions
                .into_iter()
                .map(|deletion| match delete(change, &bucket, deletion) {
                    // What the model refuses concerns one key; it is found before any change.
                    Err(
                        error @ (StoreError::LegalHold { .. }
                        | StoreError::PreconditionFailed(_)
                        | StoreError::NoSuchKey(_)),
                    ) => Ok(Err(error)),
                    Err(error) => Err(error),
                    Ok(deleted) => Ok(Ok(deleted)),
                })
                .collect()
        })
        .await
    }
}
