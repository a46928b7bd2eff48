//! One event's worth of work: what each event means for the instance that it
//! names, and how an instance ends.

use super::address::{Address, Step};
use super::command::{Command, End, FrameId, InstanceId, Outcome, Skip, TimerId};
use super::error::MachineError;
use super::event::{Evaluation, EventKind, Slot, Timestamp};
use super::failure::{Cause, Failure};
use super::frame::{CardState, Instance, Order, Phase, Role, Run, Stage, Task};
use super::program::{BodyId, Card, Program};
use super::slab::Lookup;
use super::{Limits, retry::AttemptEnd};

pub(super) struct Turn<'a> {
    pub(super) program: &'a Program,
    pub(super) limits: Limits,
    pub(super) run: &'a mut Run,
    pub(super) at: Timestamp,
    pub(super) random: u64,
    pub(super) commands: &'a mut Vec<Command>,
}

impl Turn<'_> {
    /// An error comes before anything has changed.
    pub(super) fn take(&mut self, event: &EventKind) -> Result<(), MachineError> {
        match *event {
            EventKind::Start => self.start(),
            EventKind::CancelRequested => {
                let flow = self.run.state.flow.ok_or(MachineError::NotStarted)?;
                self.run.tasks.push_back(Task::Cancel(flow));
            }
            EventKind::Evaluated {
                instance,
                slot,
                result,
            } => self.evaluated(instance, slot, result)?,
            EventKind::Finished {
                instance,
                attempt,
                output,
            } => self.attempt_ended(instance, attempt, AttemptEnd::Succeeded(output))?,
            EventKind::Failed {
                instance,
                attempt,
                failure,
            } => self.attempt_ended(instance, attempt, AttemptEnd::Failed(failure))?,
            EventKind::Cancelled { instance, attempt } => {
                let failure = Failure::cancelled();
                self.attempt_ended(instance, attempt, AttemptEnd::Failed(failure))?;
            }
            EventKind::TimerFired { instance, timer } => self.timer_fired(instance, timer)?,
        }
        self.dispatch();
        Ok(())
    }

    fn start(&mut self) {
        if self.run.state.flow.is_none() {
            let flow = self.run.create(Role::Flow, Stage::When);
            self.run.state.flow = Some(flow);
            self.open_frame(flow, BodyId::FLOW);
        }
    }

    /// The instance that an event names; none when it has ended, since events may
    /// come late or twice.
    pub(super) fn addressee(&self, id: InstanceId) -> Result<Option<&Instance>, MachineError> {
        match self.run.state.instances.lookup(id) {
            Lookup::Live => Ok(self.run.state.instances.get(id)),
            Lookup::Gone => Ok(None),
            Lookup::Unknown if self.run.state.flow.is_none() => Err(MachineError::NotStarted),
            Lookup::Unknown => Err(MachineError::UnknownInstance { instance: id }),
        }
    }

    fn evaluated(
        &mut self,
        id: InstanceId,
        slot: Slot,
        result: Evaluation,
    ) -> Result<(), MachineError> {
        let Some(instance) = self.addressee(id)? else {
            return Ok(());
        };
        let (reached, asked) = instance.stage.reached();
        if slot < reached {
            return Ok(());
        }
        if slot > reached || !asked {
            return Err(MachineError::NotAsked { instance: id, slot });
        }
        match (slot, result) {
            (_, Evaluation::Error(failure)) => self.fail(id, failure),
            (Slot::When, Evaluation::Boolean(true)) => self.enter(id),
            (Slot::When, Evaluation::Boolean(false)) => self.end(id, End::Skipped(Skip::When)),
            (Slot::Where, Evaluation::Boolean(true)) => self.act(id),
            (Slot::Where, Evaluation::Boolean(false)) => self.end(id, End::Skipped(Skip::Where)),
            (Slot::ForEach, Evaluation::Length(length)) => self.begin_loop(id, length),
            (Slot::Input, Evaluation::Value(input)) => self.start_attempt(id, input),
            (Slot::Outputs | Slot::Results, Evaluation::Value(output)) => {
                self.end(id, End::Succeeded { output });
            }
            _ => return Err(MachineError::WrongAnswer { instance: id, slot }),
        }
        Ok(())
    }

    fn timer_fired(&mut self, id: InstanceId, timer: TimerId) -> Result<(), MachineError> {
        let unknown = timer.0 >= self.run.state.next_timer;
        let Some(instance) = self.addressee(id)? else {
            return Ok(());
        };
        if unknown {
            return Err(MachineError::UnknownTimer {
                instance: id,
                timer,
            });
        }
        if instance.timer != Some(timer) {
            return Ok(());
        }
        let is_leaf = matches!(instance.stage, Stage::Leaf(_));
        if let Some(instance) = self.run.state.instances.get_mut(id) {
            instance.timer = None;
        }
        if is_leaf {
            self.leaf_timer_fired(id);
        } else {
            self.stop(id, Phase::TimedOut);
        }
        Ok(())
    }

    /// Ends an instance that failed on its own.
    pub(super) fn fail(&mut self, id: InstanceId, failure: Failure) {
        let cause = Cause {
            address: self.address(id),
            attempts: self.run.stage(id).map_or(0, Stage::attempts),
            failure,
        };
        self.end(id, End::Failed(Box::new(cause)));
    }

    /// Ends an instance, and tells what it stands in.
    pub(super) fn end(&mut self, id: InstanceId, end: End) {
        let Some(instance) = self.run.remove(id) else {
            return;
        };
        if let Some(timer) = instance.timer {
            self.commands.push(Command::ClearTimer { timer });
        }
        if let Stage::Body(frame) | Stage::Outputs(frame) = instance.stage {
            self.run.state.frames.remove(frame);
            self.commands.push(Command::CloseFrame { frame });
        }
        let Some(place) = instance.role.place() else {
            self.finish(end);
            return;
        };
        let ended = |end| Command::Ended {
            instance: Some(id),
            place,
            end,
        };
        if let Role::Item { list, .. } = instance.role {
            self.commands.push(ended(end.clone()));
            self.item_ended(list, place.index.unwrap_or_default(), end);
        } else {
            let (state, cause) = match &end {
                End::Succeeded { .. } => (CardState::Succeeded, None),
                End::Failed(cause) => (CardState::Failed, Some(cause.clone())),
                End::Skipped(_) => (CardState::Skipped, None),
                End::Cancelled => (CardState::Cancelled, None),
            };
            self.commands.push(ended(end));
            let local = self.program.local(place.card);
            self.card_ended(place.frame, local, state, cause);
        }
    }

    fn finish(&mut self, end: End) {
        let outcome = match end {
            End::Succeeded { output } => Outcome::Succeeded { output },
            End::Failed(cause) => Outcome::Failed(cause),
            End::Skipped(_) | End::Cancelled => Outcome::Cancelled,
        };
        self.run.state.outcome = Some(outcome.clone());
        self.commands.push(Command::Finish { outcome });
    }

    pub(super) fn set_timer(&mut self, id: InstanceId, at: Timestamp) {
        let timer = TimerId(self.run.state.next_timer);
        if let Some(instance) = self.run.state.instances.get_mut(id) {
            self.run.state.next_timer = self.run.state.next_timer.saturating_add(1);
            instance.timer = Some(timer);
            self.commands.push(Command::SetTimer {
                timer,
                instance: id,
                at,
            });
        }
    }

    pub(super) fn clear_timer(&mut self, id: InstanceId) {
        let instance = self.run.state.instances.get_mut(id);
        if let Some(timer) = instance.and_then(|i| i.timer.take()) {
            self.commands.push(Command::ClearTimer { timer });
        }
    }

    pub(super) fn ask(&mut self, id: InstanceId, slot: Slot, stage: Stage) {
        self.run.set_stage(id, stage);
        if let Some(place) = self.run.outwards(id).next() {
            self.commands.push(Command::Evaluate {
                instance: id,
                place,
                slot,
            });
        }
    }

    /// The card that an instance executes; none for the flow.
    pub(super) fn card(&self, id: InstanceId) -> Option<&Card> {
        let place = self.run.state.instances.get(id)?.role.place()?;
        self.program.card(place.card)
    }

    pub(super) fn order(&self, id: InstanceId) -> Order {
        order(self.program, self.run, id)
    }

    fn address(&self, id: InstanceId) -> Address {
        address(self.program, self.run, id)
    }

    pub(super) fn owner(&self, frame: FrameId) -> Option<InstanceId> {
        self.run.state.frames.get(frame).map(|f| f.owner)
    }
}

pub(super) fn order(program: &Program, run: &Run, id: InstanceId) -> Order {
    let mut order = Vec::with_capacity(3);
    for place in run.outwards(id) {
        order.extend(place.index);
        order.push(program.local(place.card).into());
    }
    order.reverse();
    order
}

pub(super) fn address(program: &Program, run: &Run, id: InstanceId) -> Address {
    let step = |place: super::Place| {
        let card = program.card(place.card)?;
        Some(Step {
            card: card.id.clone(),
            index: place.index,
        })
    };
    Address::from_innermost(run.outwards(id).filter_map(step).collect())
}
