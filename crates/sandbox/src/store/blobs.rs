//! Blobs: immutable files of object bytes, each under a random id.
//!
//! A blob is written to a temporary file and renamed when complete. It belongs to a version or
//! a part only once a row says so; until then dropping its handle removes the file.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::spawn_blocking;

use super::digest::{Digester, Digests};
use super::error::StoreError;
use crate::state::Held;

/// Bytes gathered before they are hashed and written on a blocking thread.
const WRITE_CHUNK: usize = 256 * 1024;

/// The directory of blobs.
pub(crate) struct Blobs {
    complete: PathBuf,
    temporary: PathBuf,
    leases: Mutex<HashMap<String, Use>>,
    root: Root,
}

/// What is given back once the last handle of the store is dropped.
#[expect(dead_code, reason = "what the variants hold is only dropped")]
pub(crate) enum Root {
    /// The directory itself.
    Temporary(tempfile::TempDir),
    /// The lock on it. Its blobs survive a power cut.
    Kept(Option<Arc<Held>>),
}

#[derive(Default)]
struct Use {
    readers: usize,
    /// No row names the blob any more: the last reader removes it.
    unnamed: bool,
}

impl Blobs {
    /// Opens the blobs under `path`, and removes what unfinished writes left: temporary files,
    /// and every blob that is not `named` by a row.
    pub(crate) fn open(
        path: &Path,
        root: Root,
        named: impl Fn(&str) -> Result<bool, StoreError>,
    ) -> Result<Self, StoreError> {
        let blobs = Self {
            complete: path.join("blobs"),
            temporary: path.join("temporary"),
            leases: Mutex::default(),
            root,
        };
        for dir in [&blobs.complete, &blobs.temporary] {
            fs::create_dir_all(dir).map_err(StoreError::io("create", dir))?;
            for entry in fs::read_dir(dir).map_err(StoreError::io("list", dir))? {
                let entry = entry.map_err(StoreError::io("list", dir))?;
                let wanted = dir == &blobs.complete
                    && match entry.file_name().to_str() {
                        Some(id) => named(id)?,
                        None => false,
                    };
                if !wanted {
                    let path = entry.path();
                    fs::remove_file(&path).map_err(StoreError::io("remove", &path))?;
                }
            }
        }
        if blobs.durable() {
            // Of a directory that is new, and that a power cut must not take with its blobs.
            sync(path)?;
        }
        Ok(blobs)
    }

    fn durable(&self) -> bool {
        matches!(self.root, Root::Kept(_))
    }

    /// Starts a new blob.
    pub(crate) async fn create(
        self: &Arc<Self>,
        digester: Digester,
    ) -> Result<BlobWriter, StoreError> {
        let blobs = Arc::clone(self);
        let sink = spawn_blocking(move || {
            let id = random_id::<16>()?;
            let path = blobs.temporary.join(&id);
            let file = File::create_new(&path).map_err(StoreError::io("create", &path))?;
            Ok::<_, StoreError>(Sink {
                blobs,
                file,
                file_guard: Unclaimed(Some(path)),
                id,
                digester,
                size: 0,
            })
        })
        .await??;
        Ok(BlobWriter {
            sink: Some(sink),
            buffer: Vec::with_capacity(WRITE_CHUNK),
        })
    }

    /// The file of a blob, to read.
    pub(crate) fn open_file(&self, id: &str) -> Result<File, StoreError> {
        let path = self.complete.join(id);
        File::open(&path).map_err(StoreError::io("open", &path))
    }

    /// Removes blobs that no row names any more; one that is being read goes with its reader.
    ///
    /// A file that cannot be removed is left: the next open removes it.
    pub(crate) fn remove(&self, ids: Vec<String>) {
        for id in ids {
            let in_use = match self.leases().get_mut(&id) {
                Some(lease) => {
                    lease.unnamed = true;
                    true
                }
                None => false,
            };
            if !in_use {
                self.remove_file(&id);
            }
        }
    }

    /// Keeps blobs readable until the lease is dropped.
    ///
    /// To be taken while the index is locked, so that no removal comes between the row and it.
    pub(crate) fn lease(self: &Arc<Self>, ids: Vec<String>) -> Lease {
        let mut leases = self.leases();
        for id in &ids {
            let lease = leases.entry(id.clone()).or_default();
            lease.readers = lease.readers.saturating_add(1);
        }
        drop(leases);
        Lease {
            blobs: Arc::clone(self),
            ids,
        }
    }

    /// One of the two directories.
    #[cfg(test)]
    pub(super) fn directory(&self, name: &str) -> PathBuf {
        self.complete.with_file_name(name)
    }

    fn leases(&self) -> std::sync::MutexGuard<'_, HashMap<String, Use>> {
        // The map is consistent after every statement, so a panic elsewhere leaves it usable.
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_file(&self, id: &str) {
        let path = self.complete.join(id);
        if let Err(error) = fs::remove_file(&path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove an unused blob");
        }
    }
}

/// Puts the names in a directory on the disk.
fn sync(dir: &Path) -> Result<(), StoreError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(StoreError::io("sync", dir))
}

/// Blobs that stay readable while this lives.
pub(crate) struct Lease {
    blobs: Arc<Blobs>,
    ids: Vec<String>,
}

impl Lease {
    /// The file of a leased blob.
    pub(crate) fn open_file(&self, id: &str) -> Result<File, StoreError> {
        self.blobs.open_file(id)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        for id in &self.ids {
            let mut leases = self.blobs.leases();
            let Some(lease) = leases.get_mut(id) else {
                continue;
            };
            lease.readers = lease.readers.saturating_sub(1);
            if lease.readers > 0 {
                continue;
            }
            let unnamed = lease.unnamed;
            leases.remove(id);
            drop(leases);
            if unnamed {
                self.blobs.remove_file(id);
            }
        }
    }
}

/// A file that goes away unless a row claims it.
struct Unclaimed(Option<PathBuf>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished blob");
        }
    }
}

struct Sink {
    blobs: Arc<Blobs>,
    file: File,
    file_guard: Unclaimed,
    id: String,
    digester: Digester,
    size: u64,
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.digester.update(bytes);
        self.size = self
            .size
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let path = self.blobs.temporary.join(&self.id);
        self.file
            .write_all(bytes)
            .map_err(StoreError::io("write", &path))
    }

    fn finish(mut self) -> Result<NewBlob, StoreError> {
        let from = self.blobs.temporary.join(&self.id);
        let to = self.blobs.complete.join(&self.id);
        if self.blobs.durable() {
            self.file
                .sync_all()
                .map_err(StoreError::io("sync", &from))?;
        }
        fs::rename(&from, &to).map_err(StoreError::io("rename", &from))?;
        self.file_guard.0 = Some(to);
        if self.blobs.durable() {
            sync(&self.blobs.complete)?;
        }
        Ok(NewBlob {
            id: self.id,
            size: self.size,
            digests: self.digester.finish(),
            file: self.file_guard,
        })
    }
}

/// Writes one blob, hashing as it goes, without blocking the runtime.
pub(crate) struct BlobWriter {
    sink: Option<Sink>,
    buffer: Vec<u8>,
}

impl BlobWriter {
    /// Appends bytes; at most one chunk of 256 KiB and the bytes given are held.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        // A write that failed or was cancelled took the sink, and with it the file.
        let Some(mut sink) = self.sink.take() else {
            return Err(StoreError::Abandoned);
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let (sink, buffer) = spawn_blocking(move || {
            sink.write(&buffer)?;
            buffer.clear();
            Ok::<_, StoreError>((sink, buffer))
        })
        .await??;
        self.sink = Some(sink);
        self.buffer = buffer;
        Ok(())
    }

    /// Ends the blob: on the disk (when the store is a directory) and under its final name.
    pub(crate) async fn finish(mut self) -> Result<NewBlob, StoreError> {
        self.flush().await?;
        match self.sink.take() {
            Some(sink) => spawn_blocking(move || sink.finish()).await?,
            None => Err(StoreError::Abandoned),
        }
    }
}

/// A complete blob that no row names yet: dropped, it is removed.
pub(crate) struct NewBlob {
    pub id: String,
    pub size: u64,
    pub digests: Digests,
    file: Unclaimed,
}

impl NewBlob {
    /// A row names the blob now.
    pub(crate) fn claim(mut self) {
        self.file.0 = None;
    }
}

/// `N` random bytes in hex.
pub(crate) fn random_id<const N: usize>() -> Result<String, StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
    Ok(hex::encode(bytes))
}
