//! What the machine tells its driver: what to do, and what has become of a card.

use serde::{Deserialize, Serialize};

use super::event::{Handle, Slot, Timestamp};
use super::failure::{Cause, Failure};
use super::program::{BodyId, CardId};
use super::slab::key;

key! {
    /// One execution of a card, of one item of a loop, or of the flow itself.
    InstanceId
}

key! {
    /// One execution of a body: where the outputs of its cards are kept.
    FrameId
}

/// A timer of an instance; never given twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// Where a card, or an item of it, is executed: enough to find its expressions
/// and the values that they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The execution of the body that the card stands in.
    pub frame: FrameId,
    /// The card.
    pub card: CardId,
    /// Which item of the card's own loop; none for the card itself.
    pub index: Option<u64>,
}

/// What the driver is to do, or to know. The order of commands is the order to
/// act in; it depends on the program and the events alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A body starts: make room for the outputs of its cards.
    OpenFrame {
        /// The new frame.
        frame: FrameId,
        /// The body.
        body: BodyId,
        /// Who executes it.
        owner: InstanceId,
        /// Where the owner is executed; none for the flow.
        place: Option<Place>,
    },
    /// A body has ended: the outputs of its cards are read no more.
    CloseFrame {
        /// The frame, whose slot may be given again.
        frame: FrameId,
    },
    /// A loop starts: make room for the outputs of its items.
    OpenLoop {
        /// The loop.
        instance: InstanceId,
        /// Where it is executed.
        place: Place,
        /// How many items it has, those that `where` leaves out included.
        length: u64,
    },
    /// Evaluate an expression of a card and answer with
    /// [`Evaluated`](super::EventKind::Evaluated).
    Evaluate {
        /// Who asks.
        instance: InstanceId,
        /// Where the card is executed.
        place: Place,
        /// Which expression.
        slot: Slot,
    },
    /// Evaluate the outputs of a body and answer with
    /// [`Evaluated`](super::EventKind::Evaluated) for [`Slot::Outputs`].
    EvaluateOutputs {
        /// Who asks: the owner of the frame.
        instance: InstanceId,
        /// The frame that the outputs read.
        frame: FrameId,
        /// Its body.
        body: BodyId,
    },
    /// Start an attempt of a leaf; answer with its end.
    Start {
        /// The leaf.
        instance: InstanceId,
        /// Where it is executed.
        place: Place,
        /// 1 for the first attempt.
        attempt: u32,
        /// Its input, the same for every attempt.
        input: Handle,
    },
    /// Cancel a running attempt; its end is still awaited.
    Cancel {
        /// The leaf.
        instance: InstanceId,
        /// The running attempt.
        attempt: u32,
    },
    /// An attempt failed and another one follows. For information.
    Waiting {
        /// The leaf.
        instance: InstanceId,
        /// Where it is executed.
        place: Place,
        /// The attempt that failed.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
        /// When the next attempt asks for its turn.
        until: Timestamp,
    },
    /// Send [`TimerFired`](super::EventKind::TimerFired) at this time.
    SetTimer {
        /// The timer.
        timer: TimerId,
        /// Whose timer it is.
        instance: InstanceId,
        /// When to fire.
        at: Timestamp,
    },
    /// A timer is needed no more: drop it. Should it fire all the same, the
    /// machine ignores it.
    ClearTimer {
        /// The timer.
        timer: TimerId,
    },
    /// A card or an item has reached its terminal state.
    Ended {
        /// The instance, gone from now on; none for a card that was skipped
        /// before it was looked at.
        instance: Option<InstanceId>,
        /// Where it was executed.
        place: Place,
        /// Its terminal state.
        end: End,
    },
    /// The run is over. The last command.
    Finish {
        /// How it ended.
        outcome: Outcome,
    },
}

/// A terminal state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It did what it should.
    Succeeded {
        /// Its output.
        output: Handle,
    },
    /// It failed, on its own or through what it contains.
    Failed(Box<Cause>),
    /// It never started.
    Skipped(Skip),
    /// It had started and was cancelled.
    Cancelled,
}

/// Why something never started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// Its `when` is false.
    When,
    /// Its loop's `where` is false for this item: it has no place in the results.
    Where,
    /// It needs a card that did not succeed.
    Requires(CardId),
    /// What it stands in failed, timed out or was cancelled before its turn came.
    Stopped,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All went well.
    Succeeded {
        /// The outputs of the flow.
        output: Handle,
    },
    /// A failure that nothing tolerated.
    Failed(Box<Cause>),
    /// It was cancelled.
    Cancelled,
}
