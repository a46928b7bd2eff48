//! Loops: items start in index order, as many at once as allowed, until the list
//! is done or more of them failed than tolerated.

use std::collections::BTreeMap;

use super::command::{Command, End, InstanceId, Place, Skip};
use super::event::Slot;
use super::failure::Failure;
use super::frame::{First, Loop, Order, Phase, Role, Stage, Task};
use super::program::{self, Tolerate};
use super::turn::Turn;

impl Loop {
    fn is_done(&self) -> bool {
        self.in_flight.is_empty() && self.next >= self.length
    }

    /// Whether another item may start.
    pub(super) fn has_room(&self, settings: program::Loop) -> bool {
        self.phase == Phase::Running
            && self.next < self.length
            && self.in_flight.len() < settings.max_parallel.get() as usize
    }

    /// Whether more items failed than tolerated. A percentage is of the items that
    /// `where` keeps: those not yet asked count as kept, so that a loop that stops
    /// early would have stopped in the end as well.
    fn is_exceeded(&self, tolerate: Tolerate) -> bool {
        match tolerate {
            Tolerate::Count(count) => self.failed > count,
            Tolerate::Percent(percent) => {
                let kept = self.length.saturating_sub(self.left_out);
                u128::from(self.failed) * 100 > u128::from(kept) * u128::from(percent)
            }
            Tolerate::All => false,
        }
    }
}

impl Turn<'_> {
    pub(super) fn begin_loop(&mut self, id: InstanceId, length: u64) {
        let state = Loop {
            phase: Phase::Running,
            length,
            next: 0,
            in_flight: BTreeMap::new(),
            failed: 0,
            left_out: 0,
            first: First::default(),
        };
        self.run.set_stage(id, Stage::Loop(Box::new(state)));
        if let Some(place) = self.run.outwards(id).next() {
            self.commands.push(Command::OpenLoop {
                instance: id,
                place,
                length,
            });
        }
        self.run.tasks.push_back(Task::Loop(id));
    }

    /// Sees what a loop is to do next: start an item when a place is free, gather
    /// its results, or end.
    pub(super) fn settle_loop(&mut self, id: InstanceId) {
        let settings = self.loop_settings(id);
        let Some(state) = self.loop_mut(id) else {
            return;
        };
        let idle = state.in_flight.is_empty();
        match state.phase {
            Phase::Running if state.is_done() => self.ask(id, Slot::Results, Stage::Results),
            Phase::Running if state.has_room(settings) => {
                let next = state.next;
                self.run.loops.insert(self.item_order(id, next), id);
            }
            Phase::Failing if idle => {
                if let Some(cause) = state.first.take() {
                    self.end(id, End::Failed(cause));
                }
            }
            Phase::TimedOut if idle => self.fail(id, Failure::timeout()),
            Phase::Cancelling if idle => {
                let exceeded = state.is_exceeded(settings.tolerate);
                let first = state.first.take().filter(|_| exceeded);
                self.end_cancelled(id, first);
            }
            _ => {}
        }
    }

    /// Starts the next item; `order` is the item's.
    pub(super) fn start_item(&mut self, id: InstanceId, mut order: Order) {
        let settings = self.loop_settings(id);
        let Some(place) = self.run.outwards(id).next() else {
            return;
        };
        let Some(index) = self.loop_mut(id).map(|state| state.next) else {
            return;
        };
        let place = Place {
            index: Some(index),
            ..place
        };
        let item = self
            .run
            .create(Role::Item { place, list: id }, Stage::Where);
        if let Some(state) = self.loop_mut(id) {
            state.next = index.saturating_add(1);
            state.in_flight.insert(index, item);
            if state.has_room(settings) {
                order.pop();
                order.push(state.next);
                self.run.loops.insert(order, id);
            }
        }
        if settings.filter {
            self.ask(item, Slot::Where, Stage::Where);
        } else {
            self.act(item);
        }
    }

    pub(super) fn item_ended(&mut self, id: InstanceId, index: u64, end: End) {
        let settings = self.loop_settings(id);
        let Some(state) = self.loop_mut(id) else {
            return;
        };
        state.in_flight.remove(&index);
        match end {
            End::Failed(cause) => {
                state.failed = state.failed.saturating_add(1);
                state.first.note(index, cause);
            }
            End::Skipped(Skip::Where) => state.left_out = state.left_out.saturating_add(1),
            End::Succeeded { .. } | End::Skipped(_) | End::Cancelled => {}
        }
        if state.phase == Phase::Running && state.is_exceeded(settings.tolerate) {
            self.stop_loop(id, Phase::Failing);
        } else {
            self.run.tasks.push_back(Task::Loop(id));
        }
    }

    /// No new item starts, and those in flight are cancelled.
    pub(super) fn stop_loop(&mut self, id: InstanceId, phase: Phase) {
        let Some(state) = self.loop_mut(id) else {
            return;
        };
        if state.phase != Phase::Running {
            return;
        }
        state.phase = phase;
        let next = state.next;
        let items: Vec<_> = state.in_flight.values().copied().collect();
        self.clear_timer(id);
        let order = self.item_order(id, next);
        self.run.loops.remove(&order);
        self.run.tasks.extend(items.into_iter().map(Task::Cancel));
        self.run.tasks.push_back(Task::Loop(id));
    }

    fn item_order(&self, id: InstanceId, index: u64) -> Order {
        let mut order = self.order(id);
        order.push(index);
        order
    }

    fn loop_mut(&mut self, id: InstanceId) -> Option<&mut Loop> {
        match &mut self.run.state.instances.get_mut(id)?.stage {
            Stage::Loop(state) => Some(state),
            _ => None,
        }
    }

    fn loop_settings(&self, id: InstanceId) -> program::Loop {
        self.card(id).and_then(|c| c.for_each).unwrap_or_default()
    }
}
