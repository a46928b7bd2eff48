//! The state of a run: frames, the instances alive in them, and what is counted
//! along the way. Cards and items in flight take memory; what has ended does not.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::command::{FrameId, InstanceId, Outcome, Place, TimerId};
use super::event::{Handle, Slot};
use super::failure::Cause;
use super::program::BodyId;
use super::slab::Slab;

/// The state of a card in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CardState {
    /// So many of the cards that it waits for are not terminal yet.
    Pending(u32),
    /// Ready, and whatever comes until it ends.
    Active(InstanceId),
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
}

/// Whether a body or a loop goes on, or what it ends as once all in it has ended.
/// The first reason to stop stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Running,
    Failing,
    TimedOut,
    Cancelling,
}

/// The first, by source order or index, of those that failed on their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct First(Option<(u64, Box<Cause>)>);

impl First {
    pub(super) fn note(&mut self, position: u64, cause: Box<Cause>) {
        if self.0.as_ref().is_none_or(|(first, _)| position < *first) {
            self.0 = Some((position, cause));
        }
    }

    pub(super) fn take(&mut self) -> Option<Box<Cause>> {
        self.0.take().map(|(_, cause)| cause)
    }
}

/// One execution of a body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Frame {
    pub(super) body: BodyId,
    pub(super) owner: InstanceId,
    pub(super) phase: Phase,
    /// In source order.
    pub(super) cards: Vec<CardState>,
    /// How many cards are not terminal.
    pub(super) open: usize,
    pub(super) first: First,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) role: Role,
    pub(super) stage: Stage,
    /// The one timer that is set: of an attempt, of the time between attempts, or
    /// of a whole loop or group.
    pub(super) timer: Option<TimerId>,
}

/// What an instance is an execution of.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    Flow,
    Card(Place),
    Item { place: Place, list: InstanceId },
}

impl Role {
    pub(super) fn place(self) -> Option<Place> {
        match self {
            Self::Flow => None,
            Self::Card(place) | Self::Item { place, .. } => Some(place),
        }
    }
}

/// How far an instance has come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Asked for `when`.
    When,
    /// Asked for the list.
    ForEach,
    /// Working through the list.
    Loop(Box<Loop>),
    /// Asked for the list of results.
    Results,
    /// Asked for `where` of the item.
    Where,
    /// A leaf action.
    Leaf(Leaf),
    /// A group: the cards of its frame are at work.
    Body(FrameId),
    /// A group: asked for the outputs of its frame.
    Outputs(FrameId),
}

impl Stage {
    /// The expression that this stage is at, and whether it was asked for; those
    /// before it, in the order of [`Slot`], were answered or are not there.
    pub(super) fn reached(&self) -> (Slot, bool) {
        match self {
            Self::When => (Slot::When, true),
            Self::ForEach => (Slot::ForEach, true),
            Self::Where => (Slot::Where, true),
            Self::Leaf(leaf) => match leaf.state {
                LeafState::Input => (Slot::Input, true),
                _ if leaf.input.is_none() => (Slot::Input, false),
                _ => (Slot::Outputs, false),
            },
            Self::Body(_) => (Slot::Outputs, false),
            Self::Outputs(_) => (Slot::Outputs, true),
            Self::Loop(_) => (Slot::Results, false),
            Self::Results => (Slot::Results, true),
        }
    }

    /// Whether this holds one of the run's places for actions.
    fn is_action(&self) -> bool {
        use LeafState::{Input, Running};
        matches!(self, Self::Leaf(leaf) if matches!(leaf.state, Input | Running { .. }))
    }

    /// Whether this waits for an evaluation without such a place.
    fn is_asking(&self) -> bool {
        !self.is_action() && self.reached().1
    }

    pub(super) fn attempts(&self) -> u32 {
        match self {
            Self::Leaf(leaf) => leaf.attempt,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Leaf {
    pub(super) state: LeafState,
    /// The attempt started last; 0 before the first.
    pub(super) attempt: u32,
    /// Evaluated before the first attempt.
    pub(super) input: Option<Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeafState {
    /// Its turn has not come.
    Queued,
    /// Its turn has come: asked for its input.
    Input,
    /// An attempt runs; why it was told to stop, if it was.
    Running { timed_out: bool, cancelled: bool },
    /// The time between two attempts.
    Waiting,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Loop {
    pub(super) phase: Phase,
    pub(super) length: u64,
    /// The item to start next.
    pub(super) next: u64,
    pub(super) in_flight: BTreeMap<u64, InstanceId>,
    pub(super) failed: u64,
    /// How many items `where` left out.
    pub(super) left_out: u64,
    pub(super) first: First,
}

/// The place of an instance in the order of the source: positions of cards and
/// numbers of items from the flow inwards. Smaller goes first.
pub(super) type Order = Vec<u64>;

/// What is written to a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// The instance of the flow, once started.
    pub(super) flow: Option<InstanceId>,
    pub(super) outcome: Option<Outcome>,
    pub(super) next_timer: u64,
    pub(super) frames: Slab<FrameId, Frame>,
    pub(super) instances: Slab<InstanceId, Instance>,
}

/// Work that follows from work within one event, done in this order instead of by
/// recursion: depth and width of a flow cost no stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Task {
    /// All that a card waits for is terminal.
    Ready(FrameId, u32),
    /// All cards of the body that this instance executes are terminal.
    BodyEnded(InstanceId),
    /// A loop started, or one of its items ended.
    Loop(InstanceId),
    Cancel(InstanceId),
}

/// The state, and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) state: State,
    /// Leaf actions that hold a place of the run.
    pub(super) actions: u64,
    /// Instances that wait for an evaluation and hold no such place.
    pub(super) asking: u64,
    /// Leaves whose turn has not come.
    pub(super) queue: BTreeMap<Order, InstanceId>,
    /// Loops that may start an item, under the order of that item.
    pub(super) loops: BTreeMap<Order, InstanceId>,
    /// Empty between events.
    pub(super) tasks: VecDeque<Task>,
}

impl Run {
    pub(super) fn new() -> Self {
        Self {
            state: State {
                flow: None,
                outcome: None,
                next_timer: 0,
                frames: Slab::new(),
                instances: Slab::new(),
            },
            actions: 0,
            asking: 0,
            queue: BTreeMap::new(),
            loops: BTreeMap::new(),
            tasks: VecDeque::new(),
        }
    }

    pub(super) fn stage(&self, id: InstanceId) -> Option<&Stage> {
        self.state.instances.get(id).map(|i| &i.stage)
    }

    pub(super) fn create(&mut self, role: Role, stage: Stage) -> InstanceId {
        self.enter_stage(&stage);
        self.state.instances.insert(Instance {
            role,
            stage,
            timer: None,
        })
    }

    pub(super) fn set_stage(&mut self, id: InstanceId, stage: Stage) {
        self.enter_stage(&stage);
        if let Some(instance) = self.state.instances.get_mut(id) {
            let old = std::mem::replace(&mut instance.stage, stage);
            self.leave_stage(&old);
        }
    }

    pub(super) fn remove(&mut self, id: InstanceId) -> Option<Instance> {
        let instance = self.state.instances.remove(id)?;
        self.leave_stage(&instance.stage);
        Some(instance)
    }

    pub(super) fn enter_stage(&mut self, stage: &Stage) {
        self.actions += u64::from(stage.is_action());
        self.asking += u64::from(stage.is_asking());
    }

    fn leave_stage(&mut self, stage: &Stage) {
        self.actions = self.actions.saturating_sub(stage.is_action().into());
        self.asking = self.asking.saturating_sub(stage.is_asking().into());
    }

    /// The places from an instance outwards to the flow.
    pub(super) fn outwards(&self, id: InstanceId) -> impl Iterator<Item = Place> {
        let place = |id| self.state.instances.get(id)?.role.place();
        std::iter::successors(place(id), move |inner| {
            place(self.state.frames.get(inner.frame)?.owner)
        })
    }
}
