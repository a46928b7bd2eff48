//! The in-process driver: it performs the machine's commands and feeds back what happened.
//!
//! One task owns the machine and the value store. Cards run in tasks of their own; functions and
//! expressions are evaluated in place, because they only compute.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use flowrun_card::{Effect, ErrorKind, Object, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    error::RunError,
    evaluate::{Globals, View},
    event::{CardState, Counts, RunEvent},
    journal::{JournalError, Record, Ticket},
    store::{Output, Store},
    tasks::{Tasks, World},
};
use crate::{
    machine::{
        Cause, Command, End, Evaluation, Event, EventKind, Failure, Handle, InstanceId, Limits,
        Machine, MachineError, Outcome, Place, Retry, Skip, Slot, TimerId, Timestamp,
    },
    plan::{Plan, PlannedAction},
};

/// Evaluations answered in one go before the driver looks at what else happened.
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
enum Halt {
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
    plan: Arc<Plan>,
    world: World,
    globals: Globals,
    controls: Controls,
    watch: Option<Watch>,
    machine: Machine,
    store: Store,
    tasks: Tasks,
    events: VecDeque<EventKind>,
    timers: BinaryHeap<Reverse<(Timestamp, TimerId, InstanceId)>>,
    /// Timers that were cleared and still lie in the heap.
    cleared: HashSet<TimerId>,
    /// When the first attempt of what is in flight began; kept for those who watch.
    begun: HashMap<Place, Instant>,
    /// The inputs of leaves in flight, dropped when they end.
    inputs: HashMap<InstanceId, Handle>,
    counts: Counts,
    ticket: Option<Ticket>,
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
        Self {
            machine: Machine::new(Arc::clone(&plan.program), limits),
            store: Store::new(Arc::clone(&plan)),
            plan,
            world,
            globals,
            controls,
            watch,
            tasks: Tasks::new(),
            events: VecDeque::new(),
            timers: BinaryHeap::new(),
            cleared: HashSet::new(),
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
                let (outcome, cancelled) = match outcome {
                    Outcome::Succeeded { output } => (Ok(self.store.take(output)), false),
                    Outcome::Failed(cause) => (Err(self.describe(&cause)), false),
                    Outcome::Cancelled => (Err(cancelled()), true),
                };
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
                RunError::new(ErrorKind::Unexpected, error.to_string(), None),
                false,
            ),
            Halt::Machine(error) => (
                RunError::new(
                    ErrorKind::Unexpected,
                    format!("the run came into a state that cannot be: {error}"),
                    None,
                ),
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
                // Lets cards and other tasks of the same thread go on.
                tokio::task::yield_now().await;
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
            for command in commands.drain(..) {
                if let Command::Finish { outcome } = command {
                    self.durable().await?;
                    return Ok(outcome);
                }
                self.perform(command).await?;
            }
        }
    }

    fn now(&self) -> Timestamp {
        let milliseconds = self.world.clock.now().as_millisecond();
        Timestamp(u64::try_from(milliseconds).unwrap_or(0))
    }

    /// Waits for something to happen outside.
    async fn wait(&mut self, cancel_seen: bool) -> Result<Option<EventKind>, Halt> {
        let timer = self.next_timer();
        let grace = self.tasks.next_grace();
        tokio::select! {
            biased;
            () = self.controls.kill.cancelled() => Err(Halt::Killed),
            () = self.controls.cancel.cancelled(), if !cancel_seen => Ok(None),
            ended = self.tasks.next() => {
                let (instance, attempt) = (ended.instance, ended.attempt);
                Ok(Some(match ended.result {
                    Ok(value) => EventKind::Finished {
                        instance,
                        attempt,
                        output: self.store.put(value),
                    },
                    Err(error) if error.kind == ErrorKind::Cancelled => {
                        EventKind::Cancelled { instance, attempt }
                    }
                    Err(error) => {
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
                }))
            }
            () = tokio::time::sleep_until(timer.unwrap_or_else(far)), if timer.is_some() => {
                Ok(self.fire_timer())
            }
            () = tokio::time::sleep_until(grace.unwrap_or_else(far)), if grace.is_some() => {
                self.tasks.end_grace();
                Ok(None)
            }
        }
    }

    /// When the soonest timer fires, as the runtime's clock counts.
    fn next_timer(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, timer, _))) = self.timers.peek() {
            if !self.cleared.contains(timer) {
                let left = at.0.saturating_sub(self.now().0);
                return Instant::now().checked_add(Duration::from_millis(left));
            }
            self.cleared.remove(timer);
            self.timers.pop();
        }
        None
    }

    fn fire_timer(&mut self) -> Option<EventKind> {
        let Reverse((at, timer, instance)) = *self.timers.peek()?;
        if at > self.now() {
            return None;
        }
        self.timers.pop();
        Some(EventKind::TimerFired { instance, timer })
    }

    fn record_start(&mut self) {
        let names = self.plan.inputs.iter().map(|input| Arc::clone(&input.name));
        let inputs: Object = names.zip(self.globals.inputs.iter().cloned()).collect();
        let ticket = self.world.journal.append(&[Record::Started {
            run_id: &self.world.identity.run_id,
            flow: &self.world.identity.flow,
            program: self.plan.program.fingerprint(),
            inputs: &Value::Object(inputs),
        }]);
        self.ticket = ticket;
    }

    /// Appends an event, and the value that it brings, to the journal.
    fn record(&mut self, event: &Event) {
        let handle = match &event.kind {
            EventKind::Finished { output, .. } => Some(*output),
            EventKind::Evaluated {
                result: Evaluation::Value(handle),
                ..
            } => Some(*handle),
            _ => None,
        };
        let value = handle.and_then(|handle| Some((handle, self.store.get(handle)?)));
        let ticket = match value {
            Some((handle, value)) => self
                .world
                .journal
                .append(&[Record::Value { handle, value }, Record::Event(event)]),
            None => self.world.journal.append(&[Record::Event(event)]),
        };
        if ticket.is_some() {
            // Records become durable in order: the last ticket speaks for all before it.
            self.ticket = ticket;
        }
    }

    /// Waits until all that was recorded is durable. A killed run does not wait.
    async fn durable(&mut self) -> Result<(), Halt> {
        let Some(ticket) = self.ticket.take() else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = self.controls.kill.cancelled() => Err(Halt::Killed),
            durable = ticket => Ok(durable?),
        }
    }

    async fn perform(&mut self, command: Command) -> Result<(), Halt> {
        match command {
            Command::OpenFrame {
                frame, body, place, ..
            } => self.store.open_frame(frame, body, place),
            Command::CloseFrame { frame } => self.store.close_frame(frame),
            Command::OpenLoop { place, length, .. } => {
                self.store.open_loop(place, length);
                if self.watch.is_some() {
                    self.begun.insert(place, Instant::now());
                    let address = self.store.address(place).to_string();
                    self.tell(RunEvent::LoopStarted {
                        address,
                        items: length,
                    });
                }
            }
            Command::Evaluate {
                instance,
                place,
                slot,
            } => {
                let result = match self.evaluate(instance, place, slot) {
                    Ok(result) => result,
                    Err(error) => self.refuse(error),
                };
                self.events.push_back(EventKind::Evaluated {
                    instance,
                    slot,
                    result,
                });
            }
            Command::EvaluateOutputs {
                instance,
                frame,
                body,
            } => {
                let view = View {
                    globals: &self.globals,
                    store: Some(&self.store),
                    frame: Some(frame),
                    place: self.store.owner(frame),
                    skipped_is_null: true,
                };
                let outputs = match self.plan.body(body) {
                    Some(body) => view.outputs(body, |card| {
                        self.plan.card(card).map(|card| Arc::clone(&card.id))
                    }),
                    None => Ok(Value::Null),
                };
                let result = match outputs {
                    Ok(value) => Evaluation::Value(self.store.put(value)),
                    Err(error) => self.refuse(error),
                };
                self.events.push_back(EventKind::Evaluated {
                    instance,
                    slot: Slot::Outputs,
                    result,
                });
            }
            Command::Start {
                instance,
                place,
                attempt,
                input,
            } => self.start(instance, place, attempt, input).await?,
            Command::Cancel { instance, .. } => self.tasks.cancel(instance),
            Command::Waiting {
                place,
                attempt,
                failure,
                until,
                ..
            } => {
                let error = match failure.error {
                    Some(handle) => self.store.take_error(handle),
                    None => untold(failure.kind),
                };
                if self.watch.is_some() {
                    let address = self.store.address(place).to_string();
                    let delay = Duration::from_millis(until.0.saturating_sub(self.now().0));
                    self.tell(RunEvent::CardWaiting {
                        address,
                        attempt,
                        error,
                        delay,
                    });
                }
            }
            Command::SetTimer {
                timer,
                instance,
                at,
            } => self.timers.push(Reverse((at, timer, instance))),
            Command::ClearTimer { timer } => {
                self.cleared.insert(timer);
            }
            Command::Ended {
                instance,
                place,
                end,
            } => {
                if let Some(handle) = instance.and_then(|instance| self.inputs.remove(&instance)) {
                    self.store.take(handle);
                }
                self.ended(place, end);
            }
            Command::Finish { .. } => {}
        }
        Ok(())
    }

    fn refuse(&mut self, error: RunError) -> Evaluation {
        Evaluation::Error(Failure {
            kind: error.kind,
            retry: Retry::Permanent,
            error: Some(self.store.put_error(error)),
        })
    }

    fn evaluate(
        &mut self,
        instance: InstanceId,
        place: Place,
        slot: Slot,
    ) -> Result<Evaluation, RunError> {
        let plan = Arc::clone(&self.plan);
        let card = plan.card(place.card).ok_or_else(unplanned)?;
        let view = View {
            globals: &self.globals,
            store: Some(&self.store),
            frame: Some(place.frame),
            place: Some(place),
            skipped_is_null: false,
        };
        match slot {
            Slot::When => {
                let condition = card.when.as_ref().ok_or_else(unplanned)?;
                Ok(Evaluation::Boolean(view.condition(condition, card.span)?))
            }
            Slot::ForEach => {
                let planned = card.for_each.as_ref().ok_or_else(unplanned)?;
                let list = view.items(&planned.list, card.span)?;
                let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
                self.store.keep_list(place, list);
                Ok(Evaluation::Length(length))
            }
            Slot::Where => {
                let filter = card
                    .for_each
                    .as_ref()
                    .and_then(|planned| planned.filter.as_ref())
                    .ok_or_else(unplanned)?;
                Ok(Evaluation::Boolean(view.condition(filter, card.span)?))
            }
            Slot::Input => {
                let value = match &card.action {
                    PlannedAction::Card { types, input, .. } => {
                        view.input(input, &types.input, card.span)?
                    }
                    // A function's arguments are evaluated when it is called.
                    PlannedAction::Function { .. } | PlannedAction::Group(_) => Value::Null,
                };
                let handle = self.store.put(value);
                self.inputs.insert(instance, handle);
                Ok(Evaluation::Value(handle))
            }
            Slot::Results => {
                let results = self.store.results(place);
                Ok(Evaluation::Value(self.store.put(results)))
            }
            Slot::Outputs => Err(unplanned()),
        }
    }

    async fn start(
        &mut self,
        instance: InstanceId,
        place: Place,
        attempt: u32,
        input: Handle,
    ) -> Result<(), Halt> {
        let plan = Arc::clone(&self.plan);
        if self.watch.is_some() {
            self.begun.entry(place).or_insert_with(Instant::now);
        }
        match plan.card(place.card).map(|card| (&card.action, card.span)) {
            Some((PlannedAction::Card { card, .. }, _)) => {
                if card.spec().effect != Effect::Pure {
                    self.durable().await?;
                }
                let address = self.store.address(place).to_string();
                let input = self.store.get(input).cloned().unwrap_or_default();
                let progress = self.tasks.start(
                    &self.world,
                    Arc::clone(card),
                    input,
                    address.clone(),
                    (instance, attempt),
                );
                self.tell_started(address, card.spec().name, attempt, progress);
            }
            Some((
                PlannedAction::Function {
                    function,
                    arguments,
                },
                span,
            )) => {
                if self.watch.is_some() {
                    let address = self.store.address(place).to_string();
                    self.tell_started(address, function.name, attempt, Arc::default());
                }
                let view = View {
                    globals: &self.globals,
                    store: Some(&self.store),
                    frame: Some(place.frame),
                    place: Some(place),
                    skipped_is_null: false,
                };
                let event = match view.call(function, arguments, span) {
                    Ok(value) => EventKind::Finished {
                        instance,
                        attempt,
                        output: self.store.put(value),
                    },
                    Err(error) => EventKind::Failed {
                        instance,
                        attempt,
                        failure: Failure {
                            kind: error.kind,
                            retry: Retry::Permanent,
                            error: Some(self.store.put_error(error)),
                        },
                    },
                };
                self.events.push_back(event);
            }
            Some((PlannedAction::Group(_), _)) | None => {
                return Err(Halt::Machine(MachineError::UnknownInstance { instance }));
            }
        }
        Ok(())
    }

    fn tell_started(
        &mut self,
        address: String,
        card: &'static str,
        attempt: u32,
        progress: Arc<flowrun_card::Progress>,
    ) {
        self.tell(RunEvent::CardStarted {
            address,
            card,
            attempt,
            progress,
        });
    }

    /// Keeps what a card or item gave, and tells how it ended.
    fn ended(&mut self, place: Place, end: End) {
        let planned = self.plan.card(place.card);
        let is_leaf = planned.is_some_and(|card| !matches!(card.action, PlannedAction::Group(_)));
        let is_loop = planned.is_some_and(|card| card.for_each.is_some());
        let counted = is_leaf && (place.index.is_some() || !is_loop);
        let mut error = None;
        let state = match end {
            End::Succeeded { output } => {
                self.store.drop_closed_errors(None);
                let value = self.store.take(output);
                self.store.set_output(place, Output::Value(value));
                CardState::Succeeded
            }
            End::Failed(cause) => {
                let told = self.describe(&cause);
                self.store.drop_closed_errors(cause.failure.error);
                match place.index {
                    Some(index) => {
                        self.store
                            .set_failed(place, index, &told, cause.failure.error);
                    }
                    None => {
                        if let Some(handle) = cause.failure.error {
                            self.store.note_error(place.frame, handle);
                        }
                        self.store.set_output(place, Output::Skipped);
                    }
                }
                error = Some(told);
                CardState::Failed
            }
            End::Skipped(Skip::Where) => return,
            End::Skipped(_) => {
                self.store.set_output(place, Output::Skipped);
                CardState::Skipped
            }
            End::Cancelled => {
                self.store.drop_closed_errors(None);
                self.store.set_output(place, Output::Skipped);
                CardState::Cancelled
            }
        };
        if counted {
            let count = match state {
                CardState::Succeeded => &mut self.counts.succeeded,
                CardState::Failed => &mut self.counts.failed,
                CardState::Skipped => &mut self.counts.skipped,
                CardState::Cancelled => &mut self.counts.cancelled,
            };
            *count = count.saturating_add(1);
        }
        if self.watch.is_some() {
            let begun = self.begun.remove(&place);
            let address = self.store.address(place).to_string();
            self.tell(RunEvent::CardEnded {
                address,
                state,
                error,
                duration: begun.map(|begun| begun.elapsed()).unwrap_or_default(),
            });
        }
    }

    fn tell(&mut self, event: RunEvent) {
        if let Some(watch) = &mut self.watch {
            watch(&event);
        }
    }

    /// The error of the card that failed on its own.
    fn describe(&self, cause: &Cause) -> RunError {
        let mut error = match cause
            .failure
            .error
            .and_then(|handle| self.store.error(handle))
        {
            Some(error) => error.clone(),
            None => untold(cause.failure.kind),
        };
        if error.span.is_none() {
            error.span = self.span_of(cause);
        }
        // The flow's own outputs are no card's.
        error.card = (!cause.address.steps().is_empty()).then(|| cause.address.to_string());
        error.attempts = cause.attempts;
        error
    }

    /// Where in the flow file the card stands that failed on its own.
    fn span_of(&self, cause: &Cause) -> Option<flowrun_card::Span> {
        let mut body = crate::machine::BodyId::FLOW;
        let mut span = None;
        for step in cause.address.steps() {
            let planned = self.plan.body(body)?;
            let id = planned
                .cards
                .iter()
                .copied()
                .find(|id| self.plan.card(*id).is_some_and(|card| card.id == step.card))?;
            let card = self.plan.card(id)?;
            span = Some(card.span);
            if let PlannedAction::Group(inner) = card.action {
                body = inner;
            }
        }
        span
    }
}

/// A moment that does not come; only made where the branch that would wait for it is off.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

fn cancelled() -> RunError {
    RunError::new(ErrorKind::Cancelled, "the run was cancelled", None)
}

/// The error of a failure that comes from the machine, not from a card.
fn untold(kind: ErrorKind) -> RunError {
    match kind {
        ErrorKind::Timeout => RunError::new(kind, "took longer than its `timeout`", None),
        _ => RunError::new(kind, format!("ended with an error of kind `{kind}`"), None),
    }
}

fn unplanned() -> RunError {
    RunError::new(
        ErrorKind::Unexpected,
        "the run asked for something that its plan does not have",
        None,
    )
}
