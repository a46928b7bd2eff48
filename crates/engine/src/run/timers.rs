//! The timers of a run: those that are set, and no others, so that their memory follows what is in
//! flight.

use std::collections::{BTreeMap, HashMap};

use crate::machine::{EventKind, InstanceId, TimerId, Timestamp};

/// The timers that are set.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// In the order in which they fire.
    set: BTreeMap<(Timestamp, TimerId), InstanceId>,
    times: HashMap<TimerId, Timestamp>,
}

impl Timers {
    pub(super) fn set(&mut self, timer: TimerId, instance: InstanceId, at: Timestamp) {
        self.set.insert((at, timer), instance);
        self.times.insert(timer, at);
    }

    pub(super) fn clear(&mut self, timer: TimerId) {
        if let Some(at) = self.times.remove(&timer) {
            self.set.remove(&(at, timer));
        }
    }

    /// When the soonest timer fires.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.set.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the soonest timer whose time has come.
    pub(super) fn fire(&mut self, now: Timestamp) -> Option<EventKind> {
        let soonest = self.set.first_entry()?;
        let (at, timer) = *soonest.key();
        if at > now {
            return None;
        }
        let instance = soonest.remove();
        self.times.remove(&timer);
        Some(EventKind::TimerFired { instance, timer })
    }
}
