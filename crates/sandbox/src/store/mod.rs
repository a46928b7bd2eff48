//! The object store: an index in SQLite, and the bytes as immutable blob files beside it.
//!
//! One connection serves everything. Its work runs on blocking threads, one at a time, so that
//! the runtime is never held and no more than one thread waits on the disk for the index.

mod blobs;
mod buckets;
mod content;
mod deletion;
mod digest;
mod error;
mod listing;
mod model;
mod multipart;
mod objects;
mod schema;

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

pub(crate) use blobs::{BlobWriter, NewBlob};
pub(crate) use content::Content;
pub(crate) use digest::{Algorithm, Checksum, ChecksumKind, Digester, Digests};
pub(crate) use error::StoreError;
pub(crate) use listing::{Entry, Page, Position, Query};
pub(crate) use model::{
    Attributes, Bucket, BucketSeed, Deletion, NewContent, NewUpload, NewVersion, Part, Upload,
    Version, Versioning, WriteCondition,
};
pub(crate) use multipart::Completion;

use crate::state::Held;
use blobs::{Blobs, Root};

/// Where the store keeps its state.
#[derive(Clone, Debug)]
pub(crate) enum Location {
    /// The index in memory, the blobs in a temporary directory that is removed at the end.
    Memory,
    /// Everything in this directory, created when missing; one process at a time. The lock, where
    /// there is one, is kept until the last work that was begun is done: a write that ends after
    /// another process has opened the store would lose its blob, which no row named yet.
    Dir(PathBuf, Option<Arc<Held>>),
}

/// The state of the sandbox's S3. Clones share it.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
    blobs: Arc<Blobs>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store, removing what an interrupted write left behind.
    ///
    /// # Errors
    /// A directory or index that cannot be used, or that a newer flowrun wrote.
    pub(crate) async fn open(location: Location) -> Result<Self, StoreError> {
        spawn_blocking(move || {
            let (connection, path, root) = match location {
                Location::Memory => {
                    let dir = tempfile::Builder::new()
                        .prefix("flowrun-sandbox-")
                        .tempdir()
                        .map_err(StoreError::io("create", &std::env::temp_dir()))?;
                    let root = dir.path().to_owned();
                    (schema::open(None)?, root, Root::Temporary(dir))
                }
                Location::Dir(dir, lock) => {
                    std::fs::create_dir_all(&dir).map_err(StoreError::io("create", &dir))?;
                    (schema::open(Some(&dir))?, dir, Root::Kept(lock))
                }
            };
            let named = |id: &str| {
                let mut named = connection.prepare_cached("SELECT 1 FROM blob WHERE id = ?1")?;
                Ok(named.exists(params![id])?)
            };
            let blobs = Blobs::open(&path, root, named)?;
            Ok(Self {
                connection: Arc::new(Mutex::new(connection)),
                blobs: Arc::new(blobs),
            })
        })
        .await?
    }

    /// Starts a blob that computes the MD5 and the checksums of `algorithms`.
    pub(crate) async fn new_blob(
        &self,
        algorithms: impl IntoIterator<Item = Algorithm>,
    ) -> Result<BlobWriter, StoreError> {
        self.blobs.create(Digester::new(algorithms)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Arc<Blobs>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let connection = Arc::clone(&self.connection).lock_owned().await;
        let blobs = Arc::clone(&self.blobs);
        spawn_blocking(move || work(&connection, &blobs)).await?
    }

    /// Runs `work` in one transaction. It is finished even when the caller goes away.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let blobs = Arc::clone(&self.blobs);
        spawn_blocking(move || {
            let (answer, released) = {
                let change = Change {
                    transaction: connection
                        .transaction_with_behavior(TransactionBehavior::Immediate)?,
                    adopted: RefCell::default(),
                    released: RefCell::default(),
                };
                let answer = work(&change)?;
                let committed = change.transaction.commit();
                // A commit that failed may be on the disk all the same, with rows that name the
                // new blobs. The next open removes those that no row names.
                let adopted = change.adopted.into_inner();
                adopted.into_iter().for_each(NewBlob::claim);
                committed?;
                (answer, change.released)
            };
            drop(connection);
            blobs.remove(released.into_inner());
            Ok(answer)
        })
        .await?
    }
}

/// A transaction, with the blob files that follow its outcome.
struct Change<'a> {
    transaction: Transaction<'a>,
    /// Removed again when the work fails.
    adopted: RefCell<Vec<NewBlob>>,
    /// Removed once the transaction is committed.
    released: RefCell<Vec<String>>,
}

impl Change<'_> {
    /// Gives a new blob its row, with one reference.
    fn adopt(&self, blob: NewBlob) -> Result<String, StoreError> {
        let id = blob.id.clone();
        self.transaction
            .prepare_cached("INSERT INTO blob (id, refs) VALUES (?1, 1)")?
            .execute(params![id])?;
        self.adopted.borrow_mut().push(blob);
        Ok(id)
    }

    /// Adds a reference to a blob; `false` when it has no row any more.
    fn share(&self, blob: &str) -> Result<bool, StoreError> {
        let changed = self
            .transaction
            .prepare_cached("UPDATE blob SET refs = refs + 1 WHERE id = ?1")?
            .execute(params![blob])?;
        Ok(changed > 0)
    }

    /// Takes a reference away, and the blob with the last one.
    fn release(&self, blob: &str) -> Result<(), StoreError> {
        let refs: i64 = self
            .transaction
            .prepare_cached("UPDATE blob SET refs = refs - 1 WHERE id = ?1 RETURNING refs")?
            .query_row(params![blob], |row| row.get(0))?;
        if refs == 0 {
            self.transaction
                .prepare_cached("DELETE FROM blob WHERE id = ?1")?
                .execute(params![blob])?;
            self.released.borrow_mut().push(blob.to_owned());
        }
        Ok(())
    }

    /// A number greater than all before it.
    fn next_seq(&self) -> Result<i64, StoreError> {
        Ok(self
            .transaction
            .prepare_cached("UPDATE counter SET value = value + 1 RETURNING value")?
            .query_row([], |row| row.get(0))?)
    }
}

/// An id that sorts by age and cannot be guessed: the number in hex, then random hex.
fn sequenced_id(seq: i64) -> Result<String, StoreError> {
    Ok(format!("{seq:016x}{}", blobs::random_id::<8>()?))
}

/// The number of an id of [`sequenced_id`].
fn seq_of(id: &str) -> Option<i64> {
    let digits = id.get(..16)?;
    (id.len() == 32).then(|| i64::from_str_radix(digits, 16).ok())?
}

/// Whole seconds since 1970: S3 keeps no finer times.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
}

#[cfg(test)]
mod tests;
