//! Snapshots: a run at rest between two events, to be written down and taken up
//! again with the events that came after.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use super::command::{InstanceId, Place};
use super::error::MachineError;
use super::frame::{CardState, Frame, Instance, LeafState, Role, Run, Stage, State};
use super::program::{Action, BodyId, Fingerprint, Program};
use super::{Limits, Machine, turn};

/// The version of the run semantics that this build follows. A run keeps the
/// version that it was started with.
pub const SEMANTICS: u32 = 1;

/// A run at rest. Reading one of other semantics fails with a message that names
/// both versions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    // Comes first, so that it is read before anything that it decides.
    semantics: Semantics,
    program: Fingerprint,
    limits: Limits,
    state: State,
}

impl Snapshot {
    /// The program that the run executes.
    pub fn program(&self) -> Fingerprint {
        self.program
    }
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
struct Semantics(u32);

impl<'de> Deserialize<'de> for Semantics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let version = u32::deserialize(deserializer)?;
        if version == SEMANTICS {
            return Ok(Self(version));
        }
        Err(de::Error::custom(fmt::from_fn(|f| {
            write!(
                f,
                "the snapshot follows version {version} of the run semantics, and this build only \
                 version {SEMANTICS}; resume it with the build that wrote it"
            )
        })))
    }
}

impl Machine {
    /// Takes down the run as it is. Its size follows what the run holds, as
    /// [`usage`](Self::usage) tells, and the cards of open frames.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            semantics: Semantics(SEMANTICS),
            program: self.program.fingerprint(),
            limits: self.limits,
            state: self.run.state.clone(),
        }
    }

    /// Takes up a run where [`snapshot`](Self::snapshot) left it.
    ///
    /// # Errors
    ///
    /// [`MachineError::OtherProgram`] when the snapshot is of another program, and
    /// [`MachineError::DamagedSnapshot`] when it contradicts itself.
    pub fn restore(program: Arc<Program>, snapshot: Snapshot) -> Result<Self, MachineError> {
        let expected = program.fingerprint();
        if snapshot.program != expected {
            return Err(MachineError::OtherProgram {
                expected,
                found: snapshot.program,
            });
        }
        let mut run = Run {
            state: snapshot.state,
            ..Run::new()
        };
        check(&program, &run.state).map_err(|what| MachineError::DamagedSnapshot { what })?;
        derive(&program, &mut run);
        Ok(Self {
            program,
            limits: snapshot.limits,
            run,
        })
    }
}

/// Counts and queues what follows from the state.
fn derive(program: &Program, run: &mut Run) {
    let instances: Vec<_> = run.state.instances.iter().map(|(id, _)| id).collect();
    for id in instances {
        let Some(instance) = run.state.instances.get(id) else {
            continue;
        };
        let card = instance.role.place().and_then(|p| program.card(p.card));
        let stage = instance.stage.clone();
        run.enter_stage(&stage);
        match &stage {
            Stage::Leaf(leaf) if leaf.state == LeafState::Queued => {
                run.queue.insert(turn::order(program, run, id), id);
            }
            Stage::Loop(state) => {
                let settings = card.and_then(|c| c.for_each).unwrap_or_default();
                if state.has_room(settings) {
                    let mut order = turn::order(program, run, id);
                    order.push(state.next);
                    run.loops.insert(order, id);
                }
            }
            _ => {}
        }
    }
}

/// Sees that what refers to each other does so both ways, so that no walk leads
/// astray or in a circle.
fn check(program: &Program, state: &State) -> Result<(), &'static str> {
    if !state.frames.is_sound() || !state.instances.is_sound() {
        return Err("a list of what is alive contradicts itself");
    }
    if let Some(flow) = state.flow
        && state.outcome.is_none()
        && !state
            .instances
            .get(flow)
            .is_some_and(|i| matches!(i.role, Role::Flow))
    {
        return Err("the flow is not alive, and has no outcome");
    }
    for (id, instance) in state.instances.iter() {
        check_instance(program, state, id, instance)?;
    }
    for (id, frame) in state.frames.iter() {
        let owner = state.instances.get(frame.owner);
        let owned = owner.is_some_and(|owner| match owner.stage {
            Stage::Body(owned) | Stage::Outputs(owned) => owned == id,
            _ => false,
        });
        if !owned || program.cards(frame.body).len() != frame.cards.len() {
            return Err("a frame is not what its owner executes");
        }
        check_cards(state, frame)?;
    }
    Ok(())
}

fn check_cards(state: &State, frame: &Frame) -> Result<(), &'static str> {
    let mut open = 0;
    for card in &frame.cards {
        match card {
            CardState::Pending(_) => open += 1,
            CardState::Active(id) if state.instances.get(*id).is_some() => open += 1,
            CardState::Active(_) => return Err("a running card is not alive"),
            CardState::Succeeded
            | CardState::Failed
            | CardState::Skipped
            | CardState::Cancelled => {}
        }
    }
    match open == frame.open {
        true => Ok(()),
        false => Err("a frame has another number of open cards than it says"),
    }
}

fn check_instance(
    program: &Program,
    state: &State,
    id: InstanceId,
    instance: &Instance,
) -> Result<(), &'static str> {
    let Some(place) = instance.role.place() else {
        return match state.flow == Some(id) && executes(state, instance, BodyId::FLOW) {
            true => Ok(()),
            false => Err("an instance is the flow, and is not"),
        };
    };
    let card = program.card(place.card).ok_or("a card is unknown")?;
    let frame = state.frames.get(place.frame).ok_or("a card has no frame")?;
    if frame.body != card.body {
        return Err("a card stands in a frame of another body");
    }
    let known = match instance.role {
        Role::Item { list, .. } => item_of(state, list, place) == Some(id),
        _ => {
            let local = program.local(place.card) as usize;
            place.index.is_none() && frame.cards.get(local) == Some(&CardState::Active(id))
        }
    };
    if !known {
        return Err("an instance is not known to what it stands in");
    }
    let of_loop = card.for_each.is_some() && place.index.is_none();
    let fits = match &instance.stage {
        Stage::When => card.when && place.index.is_none(),
        Stage::ForEach | Stage::Loop(_) | Stage::Results => of_loop,
        Stage::Where => place.index.is_some(),
        Stage::Leaf(_) => !of_loop && matches!(card.action, Action::Leaf(_)),
        Stage::Body(_) | Stage::Outputs(_) => match card.action {
            Action::Group(body) => !of_loop && executes(state, instance, body),
            Action::Leaf(_) => false,
        },
    };
    if !fits {
        return Err("an instance does what its card does not");
    }
    let Stage::Loop(list) = &instance.stage else {
        return Ok(());
    };
    let alive = |item: &InstanceId| state.instances.get(*item).is_some();
    match list.in_flight.values().all(alive) {
        true => Ok(()),
        false => Err("an item in flight is not alive"),
    }
}

fn item_of(state: &State, list: InstanceId, place: Place) -> Option<InstanceId> {
    let list = state.instances.get(list)?;
    let of = list.role.place()?;
    match &list.stage {
        Stage::Loop(l) if (of.frame, of.card) == (place.frame, place.card) => {
            l.in_flight.get(&place.index?).copied()
        }
        _ => None,
    }
}

fn executes(state: &State, instance: &Instance, body: BodyId) -> bool {
    match instance.stage {
        Stage::Body(frame) | Stage::Outputs(frame) => {
            state.frames.get(frame).is_some_and(|f| f.body == body)
        }
        _ => false,
    }
}
