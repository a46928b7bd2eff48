//! What happens in a run, for whoever watches it.

use std::{fmt, sync::Arc, time::Duration};

use flowrun_card::{Progress, Requests, SessionInfo, Value};
use jiff::Timestamp;

use super::error::RunError;

/// Something that happened in a run, in the order in which it happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RunEvent {
    /// The run began.
    RunStarted {
        /// The run's id.
        run_id: String,
        /// The flow's id.
        flow: String,
        /// The environment whose connections it uses, where the caller named one.
        environment: Option<String>,
        /// When.
        at: Timestamp,
    },
    /// A `for_each` began.
    LoopStarted {
        /// Its address.
        address: String,
        /// How many items its list has.
        items: u64,
    },
    /// An attempt of a card began.
    CardStarted {
        /// Its address, such as `copied[12].copy`.
        address: String,
        /// The card's name in the catalogue.
        card: &'static str,
        /// The attempt, counted from 1.
        attempt: u32,
        /// What the card has done so far; it goes on counting.
        progress: Arc<Progress>,
        /// What services have answered it so far; it goes on noting.
        requests: Arc<Requests>,
    },
    /// An attempt failed and another follows.
    CardWaiting {
        /// Its address.
        address: String,
        /// The attempt that failed.
        attempt: u32,
        /// Why.
        error: RunError,
        /// How long until the next.
        delay: Duration,
    },
    /// A card, a loop or an item of one reached its terminal state. What was in flight when a run was
    /// killed, or when its journal broke, reaches none.
    CardEnded {
        /// Its address.
        address: String,
        /// How it ended.
        state: CardState,
        /// Why, where it failed.
        error: Option<RunError>,
        /// Since it, or its first attempt, began; zero for what never started.
        duration: Duration,
    },
    /// The run is over.
    RunEnded(RunReport),
}

/// The terminal state of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CardState {
    /// It did what it should.
    Succeeded,
    /// It failed.
    Failed,
    /// It never started.
    Skipped,
    /// It was cancelled while it ran.
    Cancelled,
}

impl CardState {
    /// The name: `succeeded`, `failed`, `skipped`, `cancelled`.
    pub fn name(self) -> &'static str {
        match self {
            CardState::Succeeded => "succeeded",
            CardState::Failed => "failed",
            CardState::Skipped => "skipped",
            CardState::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for CardState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// All went well.
    Succeeded,
    /// A failure that nothing tolerated.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl RunStatus {
    /// The name: `succeeded`, `failed`, `cancelled`.
    pub fn name(self) -> &'static str {
        match self {
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

/// What is left of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The run's id.
    pub run_id: String,
    /// The flow's id.
    pub flow: String,
    /// How it ended.
    pub status: RunStatus,
    /// The flow's outputs; null unless it succeeded.
    pub outputs: Value,
    /// Why it failed.
    pub error: Option<RunError>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// The sessions of connections that it used, by nickname; without those that the store has
    /// forgotten since, where there were very many.
    pub sessions: Vec<SessionInfo>,
    /// How many cards and items ended in each state.
    pub counts: Counts,
}

/// How many leaf actions ended in each state, items of loops included; groups and loops are not
/// counted themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Did what they should.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Never started.
    pub skipped: u64,
    /// Were cancelled while they ran.
    pub cancelled: u64,
}
