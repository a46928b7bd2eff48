//! Buckets in the index.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::model::{Bucket, BucketSeed, Versioning};
use super::{Change, Store, StoreError, now};

const COLUMNS: &str = "id, name, owner, region, created, versioning, object_lock";

fn from_row(row: &Row<'_>) -> rusqlite::Result<(Bucket, String)> {
    Ok((
        Bucket {
            id: row.get(0)?,
            name: row.get(1)?,
            owner: row.get(2)?,
            region: row.get(3)?,
            created: row.get(4)?,
            versioning: Versioning::Unversioned,
            object_lock: row.get(6)?,
        },
        row.get(5)?,
    ))
}

fn with_versioning((bucket, versioning): (Bucket, String)) -> Result<Bucket, StoreError> {
    Ok(Bucket {
        versioning: Versioning::from_name(&versioning)?,
        ..bucket
    })
}

fn lookup(connection: &Connection, name: &str) -> Result<Option<Bucket>, StoreError> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM bucket WHERE name = ?1"))?
        .query_row(params![name], from_row)
        .optional()?
        .map(with_versioning)
        .transpose()
}

/// The bucket of that name, or `NoSuchBucket`.
pub(super) fn find(connection: &Connection, name: &str) -> Result<Bucket, StoreError> {
    lookup(connection, name)?.ok_or_else(|| StoreError::NoSuchBucket(name.to_owned()))
}

fn insert(change: &Change<'_>, seed: &BucketSeed) -> Result<(), StoreError> {
    let versioning = if seed.versioning || seed.object_lock {
        Versioning::Enabled
    } else {
        Versioning::Unversioned
    };
    change.transaction.execute(
        "INSERT INTO bucket (name, owner, region, created, versioning, object_lock)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            seed.name,
            seed.owner_account,
            seed.region,
            now(),
            versioning.name(),
            seed.object_lock
        ],
    )?;
    Ok(())
}

impl Store {
    /// Creates the bucket unless its account has it: then it is left as it is. Fails with
    /// `BucketExists` where another account has it.
    pub(crate) async fn ensure_bucket(&self, seed: BucketSeed) -> Result<(), StoreError> {
        let account = seed.owner_account.clone();
        match self.create_bucket(seed).await {
            Err(StoreError::BucketExists { owner, .. }) if owner == account => Ok(()),
            created => created,
        }
    }

    /// Creates the bucket, or fails with `BucketExists`.
    pub(crate) async fn create_bucket(&self, seed: BucketSeed) -> Result<(), StoreError> {
        self.write(
            move |change| match lookup(&change.transaction, &seed.name)? {
                Some(bucket) => Err(StoreError::BucketExists {
                    name: bucket.name,
                    owner: bucket.owner,
                }),
                None => insert(change, &seed),
            },
        )
        .await
    }

    /// The account that owns the bucket, if it exists.
    pub(crate) async fn bucket_owner(&self, name: &str) -> Result<Option<String>, StoreError> {
        let name = name.to_owned();
        self.read(move |connection, _| Ok(lookup(connection, &name)?.map(|bucket| bucket.owner)))
            .await
    }

    pub(crate) async fn bucket(&self, name: &str) -> Result<Bucket, StoreError> {
        let name = name.to_owned();
        self.read(move |connection, _| find(connection, &name))
            .await
    }

    /// Up to `max` buckets of an account in the order of their names, after the name `after`.
    pub(crate) async fn buckets(
        &self,
        owner: String,
        prefix: String,
        region: Option<String>,
        after: String,
        max: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.read(move |connection, _| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM bucket
                     WHERE owner = ?1 AND name > ?2 AND substr(name, 1, length(?3)) = ?3
                       AND (?4 IS NULL OR region = ?4)
                     ORDER BY name LIMIT ?5"
                ))?
                .query_map(
                    params![
                        owner,
                        after,
                        prefix,
                        region,
                        i64::try_from(max).unwrap_or(i64::MAX)
                    ],
                    from_row,
                )?
                .map(|row| with_versioning(row?))
                .collect()
        })
        .await
    }

    /// Removes an empty bucket; uploads in progress go with it, as on AWS.
    pub(crate) async fn delete_bucket(&self, name: &str) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |change| {
            let transaction = &change.transaction;
            let bucket = find(transaction, &name)?;
            let used: bool = transaction.query_row(
                "SELECT EXISTS (SELECT 1 FROM version WHERE bucket = ?1)",
                params![bucket.id],
                |row| row.get(0),
            )?;
            if used {
                return Err(StoreError::BucketNotEmpty(name));
            }
            let uploads = transaction
                .prepare("SELECT id FROM upload WHERE bucket = ?1")?
                .query_map(params![bucket.id], |row| row.get(0))?
                .collect::<Result<Vec<String>, _>>()?;
            for upload in uploads {
                super::multipart::remove(change, &upload)?;
            }
            transaction.execute("DELETE FROM bucket WHERE id = ?1", params![bucket.id])?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn set_versioning(
        &self,
        name: &str,
        versioning: Versioning,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |change| {
            let bucket = find(&change.transaction, &name)?;
            if bucket.object_lock && versioning != Versioning::Enabled {
                return Err(StoreError::LockNeedsVersioning(name));
            }
            change.transaction.execute(
                "UPDATE bucket SET versioning = ?2 WHERE id = ?1",
                params![bucket.id, versioning.name()],
            )?;
            Ok(())
        })
        .await
    }
}
