//! Forwards: frames open, cards become ready and get their turn in source order,
//! bodies come to their end.

use super::command::{Command, End, FrameId, InstanceId, Place, Skip};
use super::event::Slot;
use super::failure::{Cause, Failure};
use super::frame::{CardState, First, Frame, Leaf, LeafState, Phase, Role, Stage, Task};
use super::program::{Action, BodyId, CardId};
use super::turn::Turn;

impl Turn<'_> {
    /// Does all work that is due, then gives free places to what is first in
    /// source order.
    ///
    /// A loop starts an item only while a place is free beyond what evaluations
    /// under way may need: so nested loops hold no more items than can run, and
    /// not the product of their `max_parallel`.
    pub(super) fn dispatch(&mut self) {
        let places = u64::from(self.limits.max_parallel.get());
        loop {
            while let Some(task) = self.run.tasks.pop_front() {
                self.perform(task);
            }
            if self.run.actions >= places {
                return;
            }
            let leaf = self.run.queue.first_entry();
            let item = match self.run.actions.saturating_add(self.run.asking) < places {
                true => self.run.loops.first_entry(),
                false => None,
            };
            match (leaf, item) {
                (None, None) => return,
                (Some(leaf), item) if item.as_ref().is_none_or(|i| leaf.key() < i.key()) => {
                    let id = leaf.remove();
                    self.take_turn(id);
                }
                (_, Some(item)) => {
                    let (order, id) = item.remove_entry();
                    self.start_item(id, order);
                }
                (Some(_), None) => return,
            }
        }
    }

    fn perform(&mut self, task: Task) {
        match task {
            Task::Ready(frame, local) => self.consider(frame, local),
            Task::BodyEnded(owner) => self.body_ended(owner),
            Task::Loop(id) => self.settle_loop(id),
            Task::Cancel(id) => self.stop(id, Phase::Cancelling),
        }
    }

    pub(super) fn open_frame(&mut self, owner: InstanceId, body: BodyId) {
        let place = self.run.outwards(owner).next();
        let waits = self.program.wait_counts(body);
        let cards: Vec<_> = waits.map(CardState::Pending).collect();
        let ready = (0..)
            .zip(&cards)
            .filter(|(_, c)| **c == CardState::Pending(0));
        let ready: Vec<u32> = ready.map(|(local, _)| local).collect();
        let open = cards.len();
        let frame = self.run.state.frames.insert(Frame {
            body,
            owner,
            phase: Phase::Running,
            cards,
            open,
            first: First::default(),
        });
        self.run.set_stage(owner, Stage::Body(frame));
        self.commands.push(Command::OpenFrame {
            frame,
            body,
            owner,
            place,
        });
        let ready = ready.into_iter().map(|local| Task::Ready(frame, local));
        self.run.tasks.extend(ready);
        if open == 0 {
            self.run.tasks.push_back(Task::BodyEnded(owner));
        }
    }

    /// Looks at a card whose predecessors are all terminal.
    fn consider(&mut self, frame: FrameId, local: u32) {
        let Some(found) = self.run.state.frames.get(frame) else {
            return;
        };
        // It may have been skipped since, when its body stopped.
        if found.cards.get(local as usize) != Some(&CardState::Pending(0)) {
            return;
        }
        let Some(&id) = self.program.cards(found.body).get(local as usize) else {
            return;
        };
        let place = Place {
            frame,
            card: id,
            index: None,
        };
        if let Some(missing) = self.missing(frame, id) {
            self.commands.push(Command::Ended {
                instance: None,
                place,
                end: End::Skipped(Skip::Requires(missing)),
            });
            self.card_ended(frame, local, CardState::Skipped, None);
            return;
        }
        let instance = self.run.create(Role::Card(place), Stage::When);
        self.set_card(frame, local, CardState::Active(instance));
        match self.program.card(id) {
            Some(card) if card.when => self.ask(instance, Slot::When, Stage::When),
            _ => self.enter(instance),
        }
    }

    /// The first required card that did not succeed.
    fn missing(&self, frame: FrameId, card: CardId) -> Option<CardId> {
        let mut requirements = self.program.requirements(card).iter();
        let missing = requirements.find(|requirement| {
            let mut around = self.run.state.frames.get(frame);
            for _ in 0..requirement.outwards {
                around = around
                    .and_then(|f| self.run.outwards(f.owner).next())
                    .and_then(|place| self.run.state.frames.get(place.frame));
            }
            let state = around.and_then(|f| f.cards.get(requirement.local as usize));
            state != Some(&CardState::Succeeded)
        });
        missing.map(|requirement| requirement.card)
    }

    /// Goes on with a card that is not skipped.
    pub(super) fn enter(&mut self, id: InstanceId) {
        let Some(card) = self.card(id) else { return };
        let (timeout, is_loop) = (card.timeout, card.for_each.is_some());
        if let Some(timeout) = timeout {
            self.set_timer(id, self.at.after(timeout));
        }
        if is_loop {
            self.ask(id, Slot::ForEach, Stage::ForEach);
        } else {
            self.act(id);
        }
    }

    /// Goes on with the action of a card or an item.
    pub(super) fn act(&mut self, id: InstanceId) {
        match self.card(id).map(|card| &card.action) {
            Some(&Action::Group(body)) => self.open_frame(id, body),
            Some(Action::Leaf(_)) => self.queue_leaf(
                id,
                Leaf {
                    state: LeafState::Queued,
                    attempt: 0,
                    input: None,
                },
            ),
            None => {}
        }
    }

    fn set_card(&mut self, frame: FrameId, local: u32, state: CardState) {
        let frame = self.run.state.frames.get_mut(frame);
        if let Some(card) = frame.and_then(|f| f.cards.get_mut(local as usize)) {
            *card = state;
        }
    }

    /// A card of a frame has become terminal.
    pub(super) fn card_ended(
        &mut self,
        id: FrameId,
        local: u32,
        state: CardState,
        cause: Option<Box<Cause>>,
    ) {
        self.set_card(id, local, state);
        let Some(frame) = self.run.state.frames.get_mut(id) else {
            return;
        };
        frame.open = frame.open.saturating_sub(1);
        if frame.open == 0 {
            self.run.tasks.push_back(Task::BodyEnded(frame.owner));
        }
        match (frame.phase, cause) {
            (Phase::Running, Some(cause)) => {
                frame.first.note(local.into(), cause);
                self.stop_body(id, Phase::Failing);
            }
            (Phase::Running, None) => {
                let Some(&card) = self.program.cards(frame.body).get(local as usize) else {
                    return;
                };
                for &successor in self.program.successors(card) {
                    if let Some(CardState::Pending(waits)) = frame.cards.get_mut(successor as usize)
                    {
                        *waits = waits.saturating_sub(1);
                        if *waits == 0 {
                            self.run.tasks.push_back(Task::Ready(id, successor));
                        }
                    }
                }
            }
            (Phase::Failing | Phase::Cancelling, Some(cause)) => {
                frame.first.note(local.into(), cause);
            }
            (Phase::Failing | Phase::TimedOut | Phase::Cancelling, _) => {}
        }
    }

    fn body_ended(&mut self, owner: InstanceId) {
        let Some(&Stage::Body(id)) = self.run.stage(owner) else {
            return;
        };
        let Some(frame) = self.run.state.frames.get_mut(id) else {
            return;
        };
        match frame.phase {
            Phase::Running => {
                let body = frame.body;
                self.run.set_stage(owner, Stage::Outputs(id));
                self.commands.push(Command::EvaluateOutputs {
                    instance: owner,
                    frame: id,
                    body,
                });
            }
            Phase::Failing => {
                if let Some(cause) = frame.first.take() {
                    self.end(owner, End::Failed(cause));
                }
            }
            Phase::TimedOut => self.fail(owner, Failure::timeout()),
            Phase::Cancelling => {
                let first = frame.first.take();
                self.end_cancelled(owner, first);
            }
        }
    }
}
