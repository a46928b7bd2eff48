//! The in-process driver: it feeds what happened to the machine, and performs the commands that
//! follow.
//!
//! One task owns the machine and the value store. Cards run in tasks of their own; functions and
//! expressions are evaluated in place, because they only compute.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use flowrun_card::{CardError, ErrorKind, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    error::RunError,
    evaluate::Globals,
    event::{Counts, RunEvent},
    journal::{JournalError, Ticket},
    narrowed::Narrowed,
    store::Store,
    tasks::{Ended, Tasks, World},
    timers::Timers,
};
use crate::{
    machine::{
        Command, End, Evaluation, Event, EventKind, Failure, Handle, InstanceId, Limits, Machine,
        MachineError, Outcome, Place, Timestamp,
    },
    plan::Plan,
};

/// Events taken in one go before the driver looks at what else happened.
const TURN: u32 = 256;

/// Sees every event of a run, on the run's own task: it must be quick.
pub(super) type Watch = Box<dyn FnMut(&RunEvent) + Send>;

/// The ways to end a run early.
#[derive(Clone, Debug, Default)]
pub(super) struct Controls {
    /// Ask the run to end.
    pub(super) cancel: CancellationToken,
    /// End it where it stands.
    pub(super) kill: CancellationToken,
}

/// How a driven run ended.
pub(super) struct Driven {
    pub(super) outcome: Result<Value, RunError>,
    pub(super) cancelled: bool,
    pub(super) counts: Counts,
}

/// What keeps a run from going on at all.
pub(super) enum Halt {
    Machine(MachineError),
    Journal(JournalError),
    Killed,
}

impl From<MachineError> for Halt {
    fn from(error: MachineError) -> Self {
        Halt::Machine(error)
    }
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Halt::Journal(error)
    }
}

pub(super) struct Driver {
    pub(super) plan: Arc<Plan>,
    pub(super) world: World,
    pub(super) connections: Arc<Narrowed>,
    pub(super) globals: Globals,
    pub(super) controls: Controls,
    pub(super) watch: Option<Watch>,
    machine: Machine,
    pub(super) store: Store,
    pub(super) tasks: Tasks,
    pub(super) events: VecDeque<EventKind>,
    pub(super) timers: Timers,
    /// When what is in flight began; kept for those who watch.
    pub(super) begun: HashMap<Place, Instant>,
    /// The inputs of leaves in flight, dropped when they end.
    pub(super) inputs: HashMap<InstanceId, Handle>,
    pub(super) counts: Counts,
    pub(super) ticket: Option<Ticket>,
}

impl Driver {
    pub(super) fn new(
        plan: Arc<Plan>,
        limits: Limits,
        world: World,
        globals: Globals,
        controls: Controls,
        watch: Option<Watch>,
    ) -> Self {
        let store = Arc::clone(&world.connections);
        Self {
            connections: Arc::new(Narrowed::new(store, &plan, &globals)),
            machine: Machine::new(Arc::clone(&plan.program), limits),
            store: Store::new(Arc::clone(&plan)),
            plan,
            world,
            globals,
            controls,
            watch,
            tasks: Tasks::new(),
            events: VecDeque::new(),
            timers: Timers::default(),
            begun: HashMap::new(),
            inputs: HashMap::new(),
            counts: Counts::default(),
            ticket: None,
        }
    }

    /// Runs to the end, and gives the watcher back for the last event.
    pub(super) async fn drive(mut self) -> (Driven, Option<Watch>) {
        let halt = match self.run().await {
            Ok(outcome) => {
                let mut kept = None;
                let (outcome, cancelled) = match outcome {
                    Outcome::Succeeded { output } => (Ok(self.store.take(output)), false),
                    Outcome::Failed(cause) => {
                        kept = cause.failure.error;
                        (Err(self.describe(&cause)), false)
                    }
                    Outcome::Cancelled => (Err(cancelled()), true),
                };
                debug_assert!(
                    !self.events.is_empty() || self.store.holds_only(kept),
                    "the run kept what nobody can ask for: {:?}",
                    self.store
                );
                let driven = Driven {
                    outcome,
                    cancelled,
                    counts: self.counts,
                };
                return (driven, self.watch);
            }
            Err(halt) => halt,
        };
        self.tasks.abort_all().await;
        let (error, cancelled) = match halt {
            Halt::Killed => (cancelled(), true),
            Halt::Journal(error) => (
                RunError {
                    help: Some(
                        "cards that were running ended where they stood: see what they did before \
                         you run the flow again"
                            .to_owned(),
                    ),
                    ..RunError::new(ErrorKind::Unexpected, error.to_string(), None)
                },
                false,
            ),
            Halt::Machine(error) => (
                RunError {
                    help: Some("this is a fault of flowrun: please report it".to_owned()),
                    ..RunError::new(
                        ErrorKind::Unexpected,
                        format!("the run came into a state that cannot be: {error}"),
                        None,
                    )
                },
                false,
            ),
        };
        let driven = Driven {
            outcome: Err(error),
            cancelled,
            counts: self.counts,
        };
        (driven, self.watch)
    }

    async fn run(&mut self) -> Result<Outcome, Halt> {
        let mut commands = Vec::new();
        let mut cancel_seen = false;
        let mut turn = 0_u32;
        self.record_start();
        self.events.push_back(EventKind::Start);
        loop {
            turn = turn.wrapping_add(1);
            if turn.is_multiple_of(TURN) {
                // Lets cards and other tasks of the same thread go on. A run that always has
                // something to do never waits, and its timers fire all the same.
                tokio::task::yield_now().await;
                self.tasks.end_grace();
                let now = self.now();
                while let Some(fired) = self.timers.fire(now) {
                    self.events.push_back(fired);
                }
            }
            if self.controls.kill.is_cancelled() {
                return Err(Halt::Killed);
            }
            // A run that was cancelled before it began begins first, so that all of it is skipped.
            let begins = matches!(self.events.front(), Some(EventKind::Start));
            if !cancel_seen && !begins && self.controls.cancel.is_cancelled() {
                cancel_seen = true;
                self.events.push_front(EventKind::CancelRequested);
            }
            let kind = match self.events.pop_front() {
                Some(kind) => kind,
                None => match self.wait(cancel_seen).await? {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            let event = Event {
                at: self.now(),
                random: self.world.clock.random(),
                kind,
            };
            self.record(&event);
            self.machine.handle(&event, &mut commands)?;
            let unused = brought(&event.kind)
                .filter(|handle| !commands.iter().any(|command| keeps(command, *handle)));
            for command in commands.drain(..) {
                if let Command::Finish { outcome } = command {
                    self.durable().await?;
                    return Ok(outcome);
                }
                self.perform(command).await?;
            }
            if let Some(handle) = unused {
                self.store.discard(handle);
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let milliseconds = self.world.clock.now().as_millisecond();
        Timestamp(u64::try_from(milliseconds).unwrap_or(0))
    }

    /// Waits for something to happen outside.
    async fn wait(&mut self, cancel_seen: bool) -> Result<Option<EventKind>, Halt> {
        let timer = self.timers.next().and_then(|at| {
            let left = Duration::from_millis(at.0.saturating_sub(self.now().0));
            Instant::now().checked_add(left)
        });
        let grace = self.tasks.next_grace();
        tokio::select! {
            biased;
            () = self.controls.kill.cancelled() => Err(Halt::Killed),
            () = self.controls.cancel.cancelled(), if !cancel_seen => Ok(None),
            ended = self.tasks.next() => Ok(Some(self.attempt_ended(ended))),
            () = until(timer) => Ok(self.timers.fire(self.now())),
            () = until(grace) => {
                self.tasks.end_grace();
                Ok(None)
            }
        }
    }

    fn attempt_ended(&mut self, ended: Ended) -> EventKind {
        let (instance, attempt) = (ended.instance, ended.attempt);
        let error = match ended.result {
            Ok(value) => {
                return EventKind::Finished {
                    instance,
                    attempt,
                    output: self.store.put(value),
                };
            }
            Err(error) if error.kind == ErrorKind::Cancelled && ended.was_asked => {
                return EventKind::Cancelled { instance, attempt };
            }
            Err(error) if error.kind == ErrorKind::Cancelled => unasked(error),
            Err(error) => error,
        };
        let (kind, retry) = (error.kind, error.retry);
        let error = RunError::of_card(error, None);
        EventKind::Failed {
            instance,
            attempt,
            failure: Failure {
                kind,
                retry,
                error: Some(self.store.put_error(error)),
            },
        }
    }
}

/// The value or error that an event brings.
fn brought(event: &EventKind) -> Option<Handle> {
    match event {
        EventKind::Finished { output, .. } => Some(*output),
        EventKind::Evaluated { result, .. } => match result {
            Evaluation::Value(value) => Some(*value),
            Evaluation::Error(failure) => failure.error,
            Evaluation::Boolean(_) | Evaluation::Length(_) => None,
        },
        EventKind::Failed { failure, .. } => failure.error,
        EventKind::Start
        | EventKind::Cancelled { .. }
        | EventKind::TimerFired { .. }
        | EventKind::CancelRequested => None,
    }
}

/// Whether a command takes over what an event brought. What no command of the same event takes
/// came too late, and no later one will ask for it.
fn keeps(command: &Command, handle: Handle) -> bool {
    match command {
        Command::Start { input, .. } => *input == handle,
        Command::Waiting { failure, .. } => failure.error == Some(handle),
        Command::Ended { end, .. } => match end {
            End::Succeeded { output } => *output == handle,
            End::Failed(cause) => cause.failure.error == Some(handle),
            End::Skipped(_) | End::Cancelled => false,
        },
        Command::Finish { outcome } => match outcome {
            Outcome::Succeeded { output } => *output == handle,
            Outcome::Failed(cause) => cause.failure.error == Some(handle),
            Outcome::Cancelled => false,
        },
        _ => false,
    }
}

/// Ends at that moment; never where there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The error of a card that ended as cancelled though nobody asked it to.
fn unasked(error: CardError) -> CardError {
    match error.help {
        Some(_) => error,
        None => error
            .help("nobody asked the card to end: this is a fault of the card: please report it"),
    }
}

fn cancelled() -> RunError {
    RunError::new(ErrorKind::Cancelled, "the run was cancelled", None)
}
