//! The watch over a run: it follows events and commands with a state of its own,
//! and sees after every event that each rule of the run semantics holds.

use std::collections::BTreeMap;
use std::time::Duration;

use flowrun_engine::machine::{
    Action, Backoff, Cause, Command, End, ErrorKind, Evaluation, Event, EventKind, Failure,
    FrameId, Handle, InstanceId, MAX_RETRY_AFTER, Machine, Outcome, Place, Retry, Slot, TimerId,
    Timestamp, Tolerate,
};

use crate::plan::{Path, Plan};

pub(crate) struct Watch<'a> {
    pub(crate) plan: &'a Plan,
    /// What is ready or further, and has not ended.
    pub(crate) live: BTreeMap<Path, Unit>,
    pub(crate) ends: BTreeMap<Path, End>,
    pub(crate) paths: BTreeMap<InstanceId, Path>,
    /// Whose execution each open frame is.
    pub(crate) frames: BTreeMap<FrameId, Path>,
    /// Whose they are, when they fire, and when they were set.
    pub(crate) timers: BTreeMap<TimerId, (InstanceId, Timestamp, Timestamp)>,
    pub(crate) outcome: Option<Outcome>,
    /// What the event must lead to.
    pub(super) due: Option<(Path, Due)>,
    /// Leaves whose turn came with this event.
    pub(super) turns: Vec<Path>,
    pub(super) now: Timestamp,
}

/// The flow, a card or an item.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// Not known before a command names it.
    pub(crate) instance: Option<InstanceId>,
    pub(crate) stage: Stage,
    /// Why nothing new starts in it.
    pub(crate) stop: Option<Stop>,
    /// The attempt started last.
    pub(crate) attempt: u32,
    pub(crate) input: Option<Handle>,
    /// Whether the running attempt was told to stop.
    pub(crate) told: bool,
    pub(crate) list: List,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Its first command, which asks for `when` or `where`, is still to come.
    Fresh,
    /// The command that opens its frame or asks for its list is still to come.
    Entered,
    Asked(Slot),
    /// A leaf whose turn has not come.
    Queued,
    Running {
        timed_out: bool,
    },
    Waiting(Timestamp),
    Body,
    Loop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Failing,
    TimedOut,
    Cancelling,
}

/// What has become of the items of a loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) length: u64,
    pub(crate) next: u64,
    pub(crate) failed: BTreeMap<u64, Box<Cause>>,
    pub(crate) left_out: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Ended(End),
    /// Another attempt, no earlier and no later than this.
    Waiting(Timestamp, Timestamp),
    Start(Handle),
    OpenLoop(u64),
    Cancel,
}

impl Unit {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            instance: None,
            stage,
            stop: None,
            attempt: 0,
            input: None,
            told: false,
            list: List::default(),
        }
    }
}

/// What something stands in: an item in its loop, a card in its body.
pub(crate) fn around(path: &Path) -> Option<Path> {
    let mut around = path.clone();
    if let (local, Some(_)) = around.pop()? {
        around.push((local, None));
    }
    Some(around)
}

pub(super) fn is_within(inner: &Path, outer: &Path) -> bool {
    std::iter::successors(around(inner), around).any(|path| path == *outer)
}

/// Whole milliseconds, rounded up.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

pub(super) fn later(at: Timestamp, duration: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(milliseconds(duration)))
}

pub(super) fn timeout() -> Failure {
    Failure {
        kind: ErrorKind::Timeout,
        retry: Retry::Transient { after: None },
        error: None,
    }
}

impl<'a> Watch<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self {
            plan,
            live: BTreeMap::new(),
            ends: BTreeMap::new(),
            paths: BTreeMap::new(),
            frames: BTreeMap::new(),
            timers: BTreeMap::new(),
            outcome: None,
            due: None,
            turns: vec![],
            now: Timestamp(0),
        }
    }

    pub(crate) fn unit(&self, instance: InstanceId) -> Option<&Unit> {
        self.live.get(self.paths.get(&instance)?)
    }

    pub(crate) fn path(&self, place: Place) -> Path {
        let mut path = self.frames[&place.frame].clone();
        path.push((self.plan.local(place.card.0), place.index));
        path
    }

    /// Whether something that this stands in has stopped.
    pub(super) fn is_stopped(&self, path: &Path) -> bool {
        std::iter::successors(around(path), around).any(|path| self.live[&path].stop.is_some())
    }

    /// Follows one event that the machine must not ignore.
    pub(crate) fn follow(&mut self, event: &Event, commands: &[Command], machine: &Machine) {
        assert_eq!(self.outcome, None, "an event after the end");
        self.now = event.at;
        self.turns.clear();
        self.take(event);
        for command in commands {
            assert_eq!(
                self.outcome, None,
                "{command:?} comes after the last command"
            );
            self.command(command);
        }
        assert_eq!(self.due, None, "{event:?} had no such effect: {commands:?}");
        self.settled(machine);
    }

    fn take(&mut self, event: &Event) {
        match event.kind {
            EventKind::Start => assert!(self.live.is_empty()),
            EventKind::CancelRequested => {
                let flow = &self.live[&vec![]];
                match flow.stage {
                    Stage::Asked(_) => self.due = Some((vec![], Due::Ended(End::Cancelled))),
                    _ => self.stop(&vec![], Stop::Cancelling),
                }
            }
            EventKind::Evaluated {
                instance,
                slot,
                result,
            } => {
                let path = self.paths[&instance].clone();
                assert_eq!(self.live[&path].stage, Stage::Asked(slot));
                self.evaluated(path, slot, result);
            }
            EventKind::Finished {
                instance, output, ..
            } => {
                let path = self.paths[&instance].clone();
                self.due = Some((path, Due::Ended(End::Succeeded { output })));
            }
            EventKind::Failed {
                instance, failure, ..
            } => self.attempt_failed(instance, Some(failure), event.random),
            EventKind::Cancelled { instance, .. } => {
                self.attempt_failed(instance, None, event.random);
            }
            EventKind::TimerFired { instance, timer } => {
                assert_eq!(self.timers.remove(&timer).unwrap().0, instance);
                self.timer_fired(self.paths[&instance].clone());
            }
        }
    }

    fn evaluated(&mut self, path: Path, slot: Slot, result: Evaluation) {
        let plain = self.is_leaf(&path);
        let unit = self.live.get_mut(&path).unwrap();
        let due = match result {
            Evaluation::Error(failure) => {
                Due::Ended(End::Failed(self.plan.cause(&path, 0, failure)))
            }
            Evaluation::Boolean(true) => {
                unit.stage = if plain { Stage::Queued } else { Stage::Entered };
                return;
            }
            Evaluation::Boolean(false) => Due::Ended(End::Skipped(match slot {
                Slot::When => flowrun_engine::machine::Skip::When,
                _ => flowrun_engine::machine::Skip::Where,
            })),
            Evaluation::Length(length) => Due::OpenLoop(length),
            Evaluation::Value(input) if slot == Slot::Input => Due::Start(input),
            Evaluation::Value(output) => Due::Ended(End::Succeeded { output }),
        };
        self.due = Some((path, due));
    }

    /// The attempt ended with a failure, or because it was cancelled.
    fn attempt_failed(&mut self, instance: InstanceId, failure: Option<Failure>, random: u64) {
        let path = self.paths[&instance].clone();
        let unit = &self.live[&path];
        let stopped = self.is_stopped(&path);
        let card = self.plan.card_at(&path).unwrap();
        let failure = match (failure, &unit.stage) {
            (Some(failure), _) => failure,
            (None, Stage::Running { timed_out: true }) => timeout(),
            (None, _) => Failure {
                kind: ErrorKind::Cancelled,
                retry: Retry::Permanent,
                error: None,
            },
        };
        let due = if failure.kind == ErrorKind::Cancelled && stopped {
            Due::Ended(End::Cancelled)
        } else if !self.plan.tries_again(card, unit.attempt, &failure) {
            Due::Ended(End::Failed(self.plan.cause(&path, unit.attempt, failure)))
        } else if stopped {
            Due::Ended(End::Cancelled)
        } else {
            self.next_attempt(card, unit.attempt, &failure, random)
        };
        self.due = Some((path, due));
    }

    fn next_attempt(&self, card: u32, attempt: u32, failure: &Failure, random: u64) -> Due {
        let Action::Leaf(leaf) = &self.plan.card(card).action else {
            panic!("a group has no attempts");
        };
        let policy = leaf.retry.as_ref().unwrap();
        let least = match failure.retry {
            Retry::Transient { after: Some(after) } => after.min(MAX_RETRY_AFTER),
            _ => Duration::ZERO,
        };
        let doublings = match policy.backoff {
            Backoff::Constant => 0,
            Backoff::Exponential => attempt - 1,
        };
        // What doubles is the delay in whole milliseconds.
        let delay = Duration::from_millis(milliseconds(policy.delay));
        let backoff = (0..doublings).fold(delay, |d, _| d.saturating_mul(2));
        let most = backoff.min(policy.max_delay).max(least);
        let (least, most) = (later(self.now, least), later(self.now, most));
        match random {
            0 => Due::Waiting(least, least),
            u64::MAX => Due::Waiting(most, most),
            _ => Due::Waiting(least, most),
        }
    }

    fn timer_fired(&mut self, path: Path) {
        let unit = self.live.get_mut(&path).unwrap();
        match unit.stage {
            Stage::Waiting(_) => unit.stage = Stage::Queued,
            Stage::Running { .. } => {
                unit.stage = Stage::Running { timed_out: true };
                self.due = Some((path, Due::Cancel));
            }
            Stage::Body | Stage::Loop => self.stop(&path, Stop::TimedOut),
            Stage::Asked(_) => {
                let cause = self.plan.cause(&path, 0, timeout());
                self.due = Some((path, Due::Ended(End::Failed(cause))));
            }
            Stage::Fresh | Stage::Entered | Stage::Queued => panic!("no timer is set in {unit:?}"),
        }
    }

    /// Nothing new starts in it from now on; the first reason stands.
    pub(super) fn stop(&mut self, path: &Path, reason: Stop) {
        let unit = self.live.get_mut(path).unwrap();
        if unit.stop.is_some() {
            return;
        }
        unit.stop = Some(reason);
        for (inner, unit) in &mut self.live {
            let has_inner = matches!(unit.stage, Stage::Body | Stage::Loop);
            if has_inner && unit.stop.is_none() && is_within(inner, path) {
                unit.stop = Some(Stop::Cancelling);
            }
        }
    }

    /// Whether a leaf action runs here, and not a loop around it.
    pub(super) fn is_leaf(&self, path: &Path) -> bool {
        let Some(card) = self.plan.card_at(path) else {
            return false;
        };
        let card = self.plan.card(card);
        let is_loop = card.for_each.is_some() && path[path.len() - 1].1.is_none();
        matches!(card.action, Action::Leaf(_)) && !is_loop
    }

    /// Whether more items failed than the loop tolerates.
    pub(super) fn is_exceeded(&self, path: &Path) -> bool {
        let list = &self.live[path].list;
        let failed = list.failed.len() as u64;
        let card = self.plan.card_at(path).unwrap();
        match self.plan.card(card).for_each.unwrap().tolerate {
            Tolerate::Count(count) => failed > count,
            Tolerate::Percent(percent) => {
                failed * 100 > (list.length - list.left_out) * u64::from(percent)
            }
            Tolerate::All => false,
        }
    }

    /// What is asked for or runs.
    pub(super) fn asked(&self) -> u64 {
        let is_asked = |unit: &&Unit| matches!(unit.stage, Stage::Asked(_) | Stage::Running { .. });
        self.live.values().filter(is_asked).count() as u64
    }

    pub(super) fn places(&self) -> u64 {
        self.plan.limits.max_parallel.get().into()
    }

    pub(super) fn items(&self, path: &Path) -> u64 {
        let items = self
            .live
            .keys()
            .filter(|p| around(p).as_ref() == Some(path));
        items.count() as u64
    }
}
