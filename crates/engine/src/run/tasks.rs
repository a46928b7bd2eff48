//! Attempts in flight: each card runs in a task of its own, with a context of its own, and is asked
//! to end before it is made to.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use flowrun_card::{
    BoxFuture, CardError, Clock, Connections, Ctx, CtxParts, DynCard, ErrorKind, Marks, Progress,
    Redactor, Requests, RunIdentity, Value,
};
use tokio::{
    task::{AbortHandle, Id, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, Record};
use crate::machine::InstanceId;

/// How long a cancelled card may take to clean up before it is dropped.
const GRACE: Duration = Duration::from_secs(30);

/// How long a killed run waits for its cards to be dropped. A card that does not block its thread
/// is dropped at once; one that does is left behind.
const ABORT: Duration = Duration::from_secs(1);

/// What every attempt of a run shares.
#[derive(Clone)]
pub(super) struct World {
    pub(super) identity: RunIdentity,
    pub(super) connections: Arc<dyn Connections>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) redactor: Redactor,
    pub(super) folder: PathBuf,
    pub(super) scratch: Arc<Scratch>,
}

/// The run's scratch folder: made when first asked for, removed with the run.
#[derive(Debug, Default)]
pub(super) struct Scratch(OnceLock<tempfile::TempDir>);

impl Scratch {
    fn folder(&self) -> std::io::Result<PathBuf> {
        if let Some(folder) = self.0.get() {
            return Ok(folder.path().to_owned());
        }
        let made = tempfile::Builder::new().prefix("flowrun-").tempdir()?;
        // Two cards may ask at once: the folder that comes second is removed again.
        Ok(self.0.get_or_init(|| made).path().to_owned())
    }
}

/// An attempt that ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) instance: InstanceId,
    pub(super) attempt: u32,
    pub(super) result: Result<Value, CardError>,
    /// Whether it was asked to end.
    pub(super) was_asked: bool,
}

struct Attempt {
    instance: InstanceId,
    attempt: u32,
    cancellation: CancellationToken,
    abort: AbortHandle,
    /// When its grace time ends, once it was asked to end.
    grace: Option<Instant>,
}

/// The attempts in flight.
pub(super) struct Tasks {
    set: JoinSet<Result<Value, CardError>>,
    attempts: HashMap<Id, Attempt>,
    ids: HashMap<InstanceId, Id>,
    /// Cancelled attempts by when their grace ends, soonest first.
    grace: BTreeMap<(Instant, InstanceId), Id>,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Self {
            set: JoinSet::new(),
            attempts: HashMap::new(),
            ids: HashMap::new(),
            grace: BTreeMap::new(),
        }
    }

    /// Starts an attempt; what it has done and asked can be read while it runs.
    pub(super) fn start(
        &mut self,
        world: &World,
        connections: Arc<dyn Connections>,
        card: Arc<dyn DynCard>,
        input: Value,
        address: String,
        (instance, attempt): (InstanceId, u32),
    ) -> (Arc<Progress>, Arc<Requests>) {
        let progress = Arc::new(Progress::default());
        let requests = Arc::new(Requests::default());
        let cancellation = CancellationToken::new();
        let scratch = Arc::clone(&world.scratch);
        let ctx = Ctx::new(CtxParts {
            run: world.identity.clone(),
            address: address.clone(),
            attempt,
            connections,
            clock: Arc::clone(&world.clock),
            marks: Arc::new(JournalMarks {
                address,
                journal: Arc::clone(&world.journal),
            }),
            progress: Arc::clone(&progress),
            cancellation: cancellation.clone(),
            folder: world.folder.clone(),
            scratch: Arc::new(move || scratch.folder()),
        });
        let span = tracing::info_span!(
            "card",
            run_id = %world.identity.run_id,
            card = card.spec().name,
            address = ctx.address(),
            attempt,
        );
        let redactor = world.redactor.clone();
        let work = Arc::clone(&requests).noting(async move {
            let result = card.run(input, &ctx).await;
            result.map_err(|error| redacted(&redactor, error))
        });
        let abort = self.set.spawn(tracing::Instrument::instrument(work, span));
        let id = abort.id();
        self.ids.insert(instance, id);
        self.attempts.insert(
            id,
            Attempt {
                instance,
                attempt,
                cancellation,
                abort,
                grace: None,
            },
        );
        (progress, requests)
    }

    /// Asks an attempt to end.
    pub(super) fn cancel(&mut self, instance: InstanceId) {
        let Some(id) = self.ids.get(&instance).copied() else {
            return;
        };
        if let Some(attempt) = self.attempts.get_mut(&id)
            && attempt.grace.is_none()
        {
            attempt.cancellation.cancel();
            let end = Instant::now() + GRACE;
            attempt.grace = Some(end);
            self.grace.insert((end, instance), id);
        }
    }

    /// When the next grace time ends, if an attempt is within one.
    pub(super) fn next_grace(&self) -> Option<Instant> {
        self.grace.first_key_value().map(|((end, _), _)| *end)
    }

    /// Drops the attempts whose grace time is over; each then ends as cancelled. One that blocks its
    /// thread is waited for: what it does to the world would go on without it.
    pub(super) fn end_grace(&mut self) {
        if self.grace.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(first) = self.grace.first_entry()
            && first.key().0 <= now
        {
            let id = first.remove();
            if let Some(attempt) = self.attempts.get(&id) {
                attempt.abort.abort();
            }
        }
    }

    /// Waits for the next attempt to end; never ends while there is none.
    pub(super) async fn next(&mut self) -> Ended {
        loop {
            let Some(joined) = self.set.join_next_with_id().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let (id, result) = match joined {
                Ok((id, result)) => (id, result),
                Err(error) if error.is_cancelled() => (error.id(), Err(CardError::cancelled())),
                // The panic's own text went to the panic hook; it may hold anything.
                Err(error) => (
                    error.id(),
                    Err(CardError::new(ErrorKind::Unexpected, "the card panicked")
                        .help("this is a fault of the card: please report it")),
                ),
            };
            if let Some(attempt) = self.attempts.remove(&id) {
                self.ids.remove(&attempt.instance);
                if let Some(end) = attempt.grace {
                    self.grace.remove(&(end, attempt.instance));
                }
                return Ended {
                    instance: attempt.instance,
                    attempt: attempt.attempt,
                    result,
                    was_asked: attempt.grace.is_some(),
                };
            }
        }
    }

    /// Drops every attempt where it stands and waits until all are gone, for a moment at most.
    pub(super) async fn abort_all(&mut self) {
        self.set.abort_all();
        let gone = async { while self.set.join_next().await.is_some() {} };
        tokio::time::timeout(ABORT, gone).await.ok();
    }
}

/// An error without the secrets that it holds, and without what looks like one.
fn redacted(redactor: &Redactor, mut error: CardError) -> CardError {
    let context = error.context.iter_mut().map(|(_, value)| value);
    let texts = context.chain(&mut error.code).chain(&mut error.help);
    for text in texts.chain([&mut error.message]) {
        if let Cow::Owned(masked) = redactor.text(text) {
            *text = masked;
        }
    }
    error
}

/// Marks that go to the run's journal.
struct JournalMarks {
    address: String,
    journal: Arc<dyn Journal>,
}

impl Marks for JournalMarks {
    fn mark<'a>(&'a self, name: &'a str, value: Value) -> BoxFuture<'a, Result<(), CardError>> {
        Box::pin(async move {
            let ticket = self.journal.append(&[Record::Mark {
                address: &self.address,
                name,
                value: &value,
            }]);
            match ticket {
                None => Ok(()),
                Some(ticket) => ticket
                    .await
                    .map_err(|error| CardError::new(ErrorKind::Unexpected, error.to_string())),
            }
        })
    }

    fn find(&self, name: &str) -> Option<Value> {
        self.journal.find_mark(&self.address, name)
    }
}
