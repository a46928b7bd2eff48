//! What a running card has of the world: time, randomness, scratch space, cancellation, progress,
//! marks and sessions all come from here.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::{
    BoxFuture, CardError, ConnectionKind, ConnectionRef, Connections, ErrorKind, RunIdentity,
    Scope, SessionRequest, Value,
};

/// Time and randomness, so that a test can hold them still.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// 64 random bits.
    fn random(&self) -> u64;
}

/// Where a card's progress that must survive is recorded.
pub trait Marks: Send + Sync + 'static {
    /// Records a mark durably; a later one of the same name replaces it.
    fn mark<'a>(&'a self, name: &'a str, value: Value) -> BoxFuture<'a, Result<(), CardError>>;
    /// The mark that an earlier attempt or process recorded.
    fn find(&self, name: &str) -> Option<Value>;
}

/// Marks that nobody keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoMarks;

impl Marks for NoMarks {
    fn mark<'a>(&'a self, _: &'a str, _: Value) -> BoxFuture<'a, Result<(), CardError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn find(&self, _: &str) -> Option<Value> {
        None
    }
}

/// Counts of what a card has done so far, read by whoever shows the run.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    items: AtomicU64,
    total_bytes: AtomicU64,
    total_items: AtomicU64,
}

/// Progress at one moment; a total of 0 is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// Bytes moved.
    pub bytes: u64,
    /// Items done.
    pub items: u64,
    /// Bytes to move.
    pub total_bytes: u64,
    /// Items to do.
    pub total_items: u64,
}

impl Progress {
    /// Adds bytes moved.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Adds items done.
    pub fn add_items(&self, items: u64) {
        self.items.fetch_add(items, Relaxed);
    }

    /// Says how many bytes there are to move.
    pub fn set_total_bytes(&self, bytes: u64) {
        self.total_bytes.store(bytes, Relaxed);
    }

    /// Says how many items there are to do.
    pub fn set_total_items(&self, items: u64) {
        self.total_items.store(items, Relaxed);
    }

    /// The counts now.
    pub fn snapshot(&self) -> ProgressSnapshot {
        ProgressSnapshot {
            bytes: self.bytes.load(Relaxed),
            items: self.items.load(Relaxed),
            total_bytes: self.total_bytes.load(Relaxed),
            total_items: self.total_items.load(Relaxed),
        }
    }
}

/// What a [`Ctx`] is made of; the engine fills it, and tests of cards do.
#[derive(Clone)]
pub struct CtxParts {
    /// The run and its flow.
    pub run: RunIdentity,
    /// The card's address in the run, such as `copied[12].copy`.
    pub address: String,
    /// The attempt, counted from 1.
    pub attempt: u32,
    /// Where sessions come from.
    pub connections: Arc<dyn Connections>,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Where marks go.
    pub marks: Arc<dyn Marks>,
    /// The counts that the card adds to.
    pub progress: Arc<Progress>,
    /// Cancelled when the card shall end.
    pub cancellation: CancellationToken,
    /// The folder that relative paths start from: the flow file's own.
    pub folder: PathBuf,
    /// A folder for the run's own files. Made when first asked for.
    pub scratch: Arc<dyn Fn() -> std::io::Result<PathBuf> + Send + Sync>,
}

/// The world of one attempt of one card.
pub struct Ctx {
    parts: CtxParts,
    scratch_count: Mutex<u32>,
}

impl Ctx {
    /// A context of these parts.
    pub fn new(parts: CtxParts) -> Self {
        Self {
            parts,
            scratch_count: Mutex::new(0),
        }
    }

    /// The run and its flow.
    pub fn run(&self) -> &RunIdentity {
        &self.parts.run
    }

    /// The card's address; with the run id it identifies the action over all its attempts.
    pub fn address(&self) -> &str {
        &self.parts.address
    }

    /// The attempt, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.parts.attempt
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// 64 random bits.
    pub fn random(&self) -> u64 {
        self.parts.clock.random()
    }

    /// The counts that the card adds to.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.parts.progress
    }

    /// Whether the card shall end.
    pub fn is_cancelled(&self) -> bool {
        self.parts.cancellation.is_cancelled()
    }

    /// Ends when the card shall end. A cancelled card has 30 seconds to clean up.
    pub async fn cancelled(&self) {
        self.parts.cancellation.cancelled().await;
    }

    /// Gives up with [`CardError::cancelled`] as soon as the card shall end.
    ///
    /// # Errors
    /// That error, or the work's own. The work is dropped where it stands: use this only around
    /// what needs no clean-up.
    pub async fn until_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, CardError>>,
    ) -> Result<T, CardError> {
        match self.parts.cancellation.run_until_cancelled(work).await {
            Some(result) => result,
            None => Err(CardError::cancelled()),
        }
    }

    /// A session of a connection, cached by connection and scope.
    ///
    /// # Errors
    /// Whatever keeps the connection from opening, told so that a person can act on it.
    pub async fn session<K: ConnectionKind>(
        &self,
        connection: &ConnectionRef<K>,
        scope: Scope,
    ) -> Result<Arc<K::Session>, CardError> {
        let session = self
            .parts
            .connections
            .session(SessionRequest {
                connection: connection.untyped(),
                scope,
                run: self.parts.run.clone(),
            })
            .await?;
        session.downcast::<K::Session>().map_err(|_| {
            CardError::new(
                ErrorKind::Unexpected,
                format!(
                    "the connection store gave `{}` a session of another kind",
                    connection.nickname()
                ),
            )
        })
    }

    /// Records progress that must survive a crash, such as an upload id, before the card acts on
    /// it.
    ///
    /// # Errors
    /// Where the journal cannot take it; the card must not go on then.
    pub async fn mark(&self, name: &str, value: Value) -> Result<(), CardError> {
        self.parts.marks.mark(name, value).await
    }

    /// What an earlier attempt of the same action marked.
    pub fn marked(&self, name: &str) -> Option<Value> {
        self.parts.marks.find(name)
    }

    /// A path as authors write it, made absolute: relative ones start at the flow file's folder.
    pub fn resolve(&self, path: impl AsRef<Path>) -> PathBuf {
        self.parts.folder.join(path)
    }

    /// A new path in the run's scratch folder; the name is unique in the run.
    ///
    /// # Errors
    /// Where the scratch folder cannot be made.
    pub fn scratch_path(&self, suffix: &str) -> std::io::Result<PathBuf> {
        let folder = (self.parts.scratch)()?;
        let mut count = self
            .scratch_count
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *count = count.saturating_add(1);
        let random = self.random();
        Ok(folder.join(format!("{random:016x}-{count}{suffix}")))
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("run", &self.parts.run)
            .field("address", &self.parts.address)
            .field("attempt", &self.parts.attempt)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CtxParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CtxParts")
            .field("run", &self.run)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
