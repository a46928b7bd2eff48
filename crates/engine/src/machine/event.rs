//! What a driver tells the machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::command::{InstanceId, TimerId};
use super::failure::Failure;

/// A point in time: milliseconds since the Unix epoch, or since any other moment
/// that stays the same for the whole run. The machine only adds to it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This point plus `duration`, rounded up to whole milliseconds; the end of
    /// time when it would lie past it.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(milliseconds(duration)))
    }
}

/// Whole milliseconds, rounded up.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A value or an error that the driver keeps. The machine only hands it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub u64);

/// Something that happened, with the time and the dice that go with it: a replay
/// of the same events takes the same decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// 64 evenly distributed random bits.
    pub random: u64,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The run starts. The first event; a second one is ignored.
    Start,
    /// An expression was evaluated, as [`Evaluate`](super::Command::Evaluate) or
    /// [`EvaluateOutputs`](super::Command::EvaluateOutputs) asked.
    Evaluated {
        /// Who asked.
        instance: InstanceId,
        /// What was asked.
        slot: Slot,
        /// The answer.
        result: Evaluation,
    },
    /// An attempt succeeded.
    Finished {
        /// Whose attempt.
        instance: InstanceId,
        /// Its number, as started.
        attempt: u32,
        /// What the card returned.
        output: Handle,
    },
    /// An attempt failed.
    Failed {
        /// Whose attempt.
        instance: InstanceId,
        /// Its number, as started.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// An attempt ended because it was cancelled.
    Cancelled {
        /// Whose attempt.
        instance: InstanceId,
        /// Its number, as started.
        attempt: u32,
    },
    /// The time of a timer has come.
    TimerFired {
        /// Whose timer.
        instance: InstanceId,
        /// Which timer.
        timer: TimerId,
    },
    /// Somebody wants the run to end. A second request is ignored.
    CancelRequested,
}

/// An expression, or set of them, that stands at a card or body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Slot {
    /// `when` of a card; a boolean.
    When,
    /// `for_each` of a card; the length of the list.
    ForEach,
    /// `where` for one item; a boolean.
    Where,
    /// The input of a leaf; a handle.
    Input,
    /// The outputs of a body; a handle.
    Outputs,
    /// The list that a loop's items make; a handle.
    Results,
}

/// What an evaluation gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evaluation {
    /// For [`Slot::When`] and [`Slot::Where`].
    Boolean(bool),
    /// For [`Slot::ForEach`].
    Length(u64),
    /// For [`Slot::Input`], [`Slot::Outputs`] and [`Slot::Results`].
    Value(Handle),
    /// It could not be evaluated. Never tried again.
    Error(Failure),
}
