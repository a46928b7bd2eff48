//! The rules that each command keeps, and what must hold between two events.

use std::collections::BTreeSet;
use std::time::Duration;

use flowrun_engine::machine::{
    Action, CardId, Command, End, InstanceId, Machine, Outcome, Place, Skip, Slot,
};

use crate::plan::Path;
use crate::watch::{Due, Stage, Stop, Unit, Watch, around, is_within, later, timeout};

impl Watch<'_> {
    pub(super) fn command(&mut self, command: &Command) {
        match command {
            Command::OpenFrame {
                frame,
                body,
                owner,
                place,
            } => {
                let path = place.map_or(vec![], |place| self.path(place));
                assert_eq!(self.plan.body_at(&path), body.0);
                let stage = self.open(&path, *owner);
                assert_eq!(stage, Stage::Entered, "{path:?}");
                self.enter(&path, Stage::Body);
                assert_eq!(self.frames.insert(*frame, path), None);
            }
            Command::CloseFrame { frame } => {
                let path = self.frames.remove(frame).unwrap();
                let inner = self.live.keys().find(|inner| is_within(inner, &path));
                assert_eq!(inner, None, "the frame of {path:?} is still in use");
            }
            Command::OpenLoop {
                instance,
                place,
                length,
            } => {
                let path = self.path(*place);
                assert_eq!(self.open(&path, *instance), Stage::Asked(Slot::ForEach));
                self.settle_due(&path, &Due::OpenLoop(*length));
                self.enter(&path, Stage::Loop);
                self.live.get_mut(&path).unwrap().list.length = *length;
            }
            Command::Evaluate {
                instance,
                place,
                slot,
            } => self.evaluate(*instance, *place, *slot),
            Command::EvaluateOutputs {
                instance, frame, ..
            } => {
                let path = self.frames[frame].clone();
                assert_eq!(self.open(&path, *instance), Stage::Body);
                self.assert_over(&path);
                self.enter(&path, Stage::Asked(Slot::Outputs));
            }
            Command::Start {
                instance,
                place,
                attempt,
                input,
            } => {
                let path = self.path(*place);
                let stage = self.open(&path, *instance);
                let unit = self.live.get_mut(&path).unwrap();
                assert_eq!(*attempt, unit.attempt + 1);
                unit.attempt = *attempt;
                unit.told = false;
                match stage {
                    Stage::Asked(Slot::Input) => {
                        assert_eq!((*attempt, unit.input.replace(*input)), (1, None));
                        self.settle_due(&path, &Due::Start(*input));
                    }
                    Stage::Queued => {
                        assert_eq!(unit.input, Some(*input));
                        self.turns.push(path.clone());
                    }
                    _ => panic!("{path:?} starts from {stage:?}"),
                }
                self.enter(&path, Stage::Running { timed_out: false });
            }
            Command::Cancel { instance, attempt } => {
                let path = self.paths[instance].clone();
                let unit = self.live.get_mut(&path).unwrap();
                assert!(matches!(unit.stage, Stage::Running { .. }), "{unit:?}");
                assert_eq!((unit.attempt, unit.told), (*attempt, false));
                unit.told = true;
                if self.due == Some((path.clone(), Due::Cancel)) {
                    self.due = None;
                } else {
                    assert!(self.is_stopped(&path), "nobody cancelled {path:?}");
                }
            }
            Command::Waiting {
                instance,
                place,
                attempt,
                until,
                ..
            } => {
                let path = self.path(*place);
                assert!(matches!(self.open(&path, *instance), Stage::Running { .. }));
                assert_eq!(self.live[&path].attempt, *attempt);
                let Some((due, Due::Waiting(least, most))) = self.due.take() else {
                    panic!("{path:?} is not to be tried again");
                };
                assert_eq!(due, path);
                assert!(
                    (least..=most).contains(until),
                    "{least:?} {until:?} {most:?}"
                );
                self.enter(&path, Stage::Waiting(*until));
            }
            Command::SetTimer {
                timer,
                instance,
                at,
            } => {
                let set = (*instance, *at, self.now);
                assert_eq!(self.timers.insert(*timer, set), None);
            }
            Command::ClearTimer { timer } => {
                assert!(self.timers.remove(timer).is_some(), "{timer:?} is not set");
            }
            Command::Ended {
                instance,
                place,
                end,
            } => {
                let path = self.path(*place);
                let known = self.live.get(&path).map(|unit| unit.instance);
                match (instance, known) {
                    (None, None) | (Some(_), Some(None)) => {}
                    (Some(instance), Some(Some(known))) => assert_eq!(*instance, known),
                    _ => panic!("{path:?}: {instance:?} {known:?}"),
                }
                self.ended(path, end.clone());
            }
            Command::Finish { outcome } => {
                self.ended(
                    vec![],
                    match outcome.clone() {
                        Outcome::Succeeded { output } => End::Succeeded { output },
                        Outcome::Failed(cause) => End::Failed(cause),
                        Outcome::Cancelled => End::Cancelled,
                    },
                );
                self.outcome = Some(outcome.clone());
            }
        }
    }

    fn evaluate(&mut self, instance: InstanceId, place: Place, slot: Slot) {
        let path = self.path(place);
        let stage = self.open(&path, instance);
        let is_item = place.index.is_some();
        let card = self.plan.card(place.card.0);
        match slot {
            Slot::When => assert!(stage == Stage::Fresh && !is_item),
            Slot::Where => assert!(stage == Stage::Fresh && is_item),
            Slot::ForEach => {
                assert!(stage == Stage::Entered && card.for_each.is_some() && !is_item);
            }
            Slot::Input => {
                assert!(stage == Stage::Queued && self.live[&path].attempt == 0);
                self.turns.push(path.clone());
            }
            Slot::Results => {
                assert_eq!(stage, Stage::Loop);
                self.assert_over(&path);
            }
            Slot::Outputs => panic!("outputs are no expression of a card"),
        }
        self.enter(&path, Stage::Asked(slot));
    }

    /// Sees that a unit may go on, and tells its stage; it may be the first time
    /// that it is named.
    fn open(&mut self, path: &Path, instance: InstanceId) -> Stage {
        assert!(!self.ends.contains_key(path), "{path:?} has ended");
        if !path.is_empty() {
            assert!(!self.is_stopped(path), "{path:?} goes on in what stopped");
        }
        if !self.live.contains_key(path) {
            self.begin(path);
        }
        let unit = self.live.get_mut(path).unwrap();
        assert_eq!(unit.stop, None, "{path:?} goes on though it stopped");
        assert_eq!(*unit.instance.get_or_insert(instance), instance);
        self.paths.insert(instance, path.clone());
        unit.stage.clone()
    }

    fn enter(&mut self, path: &Path, stage: Stage) {
        self.live.get_mut(path).unwrap().stage = stage;
    }

    /// A card or an item starts: its turn must have come.
    fn begin(&mut self, path: &Path) {
        let asks_first = match self.plan.card_at(path) {
            None => {
                assert!(self.live.is_empty() && self.ends.is_empty());
                false
            }
            Some(card) => {
                let card = self.plan.card(card);
                match path[path.len() - 1].1 {
                    None => {
                        assert_eq!(self.waits(path), None, "{path:?} starts too early");
                        assert_eq!(self.missing(path), None, "{path:?} lacks what it needs");
                        card.when
                    }
                    Some(index) => {
                        let around = around(path).unwrap();
                        let in_flight = self.items(&around);
                        let settings = card.for_each.unwrap();
                        assert!(in_flight < u64::from(settings.max_parallel.get()));
                        assert!(self.asked() < self.places(), "{path:?} has no place");
                        let list = &mut self.live.get_mut(&around).unwrap().list;
                        assert_eq!(list.next, index);
                        assert!(index < list.length);
                        list.next += 1;
                        settings.filter
                    }
                }
            }
        };
        let stage = match asks_first {
            true => Stage::Fresh,
            false if self.is_leaf(path) => Stage::Queued,
            false => Stage::Entered,
        };
        self.live.insert(path.clone(), Unit::new(stage));
    }

    /// A card that this one waits for and that has not ended.
    fn waits(&self, path: &Path) -> Option<CardId> {
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        let mut waits = card.waits.iter().copied();
        waits.find(|other| !self.ends.contains_key(&self.plan.sibling(path, *other)))
    }

    /// The first card that this one requires and that did not succeed.
    fn missing(&self, path: &Path) -> Option<CardId> {
        let card = self.plan.card(self.plan.card_at(path).unwrap());
        let failed = |other: &CardId| {
            let end = self.ends.get(&self.plan.sibling(path, *other));
            !matches!(end, Some(End::Succeeded { .. }))
        };
        card.requires.iter().copied().filter(failed).min()
    }

    fn settle_due(&mut self, path: &Path, due: &Due) {
        assert_eq!(self.due.take(), Some((path.clone(), due.clone())));
    }

    /// All cards of a body, or items of a loop, have ended.
    fn assert_over(&self, path: &Path) {
        assert_eq!(self.open_within(path), vec![] as Vec<Path>, "{path:?}");
        let list = &self.live[path].list;
        assert_eq!(list.next, list.length, "{path:?}");
    }

    /// The cards of a body, or items of a loop that started, that have not ended.
    fn open_within(&self, path: &Path) -> Vec<Path> {
        match self.live[path].stage {
            Stage::Body => self.cards(path),
            _ => {
                let is_item = |p: &&Path| around(p).as_ref() == Some(path);
                self.live.keys().filter(is_item).cloned().collect()
            }
        }
    }

    fn cards(&self, path: &Path) -> Vec<Path> {
        let body = &self.plan.bodies[self.plan.body_at(path) as usize];
        let card = |local| [&path[..], &[(local, None)]].concat();
        let cards = (0..u32::try_from(body.len()).unwrap()).map(card);
        cards.filter(|card| !self.ends.contains_key(card)).collect()
    }

    fn ended(&mut self, path: Path, end: End) {
        let unit = self.live.get(&path);
        if self.due.as_ref().is_some_and(|(due, _)| *due == path) {
            self.settle_due(&path, &Due::Ended(end.clone()));
        } else {
            self.check_end(&path, unit, &end);
        }
        if let Some(instance) = self.live.remove(&path).and_then(|unit| unit.instance) {
            self.paths.remove(&instance);
        }
        let position = path.last().copied();
        if let Some(around) = around(&path) {
            match (&end, position.and_then(|(_, index)| index)) {
                (End::Failed(_), None) => self.stop(&around, Stop::Failing),
                (_, None) => {}
                (end, Some(index)) => {
                    let list = &mut self.live.get_mut(&around).unwrap().list;
                    match end {
                        End::Failed(cause) => {
                            list.failed.insert(index, cause.clone());
                        }
                        End::Skipped(Skip::Where) => list.left_out += 1,
                        _ => {}
                    }
                    if self.is_exceeded(&around) {
                        self.stop(&around, Stop::Failing);
                    }
                }
            }
        }
        let before = self.ends.insert(path, end);
        assert_eq!(before, None, "a terminal state never changes");
    }

    /// An end that does not follow from the event alone.
    fn check_end(&self, path: &Path, unit: Option<&Unit>, end: &End) {
        let own = |stop| {
            let unit = unit.unwrap();
            assert_eq!(unit.stop, Some(stop), "{path:?} {end:?}");
            assert_eq!(self.open_within(path), vec![] as Vec<Path>, "{path:?}");
        };
        match (end, unit.map(|unit| &unit.stage)) {
            (End::Skipped(Skip::Requires(missing)), None) => {
                assert!(!self.is_stopped(path));
                assert_eq!(self.waits(path), None);
                assert_eq!(self.missing(path), Some(*missing));
            }
            (End::Skipped(Skip::Stopped), stage) => {
                assert!(self.is_stopped(path), "nothing stopped {path:?}");
                assert_eq!(unit.map_or(0, |unit| unit.attempt), 0);
                match stage {
                    None | Some(Stage::Queued) => {}
                    Some(Stage::Asked(slot)) => assert!(*slot <= Slot::Input, "{slot:?}"),
                    Some(stage) => panic!("{path:?} is at {stage:?}"),
                }
            }
            (End::Cancelled, Some(stage @ (Stage::Body | Stage::Loop))) => {
                own(Stop::Cancelling);
                let failed = match stage {
                    Stage::Loop => self.is_exceeded(path),
                    // Only a run is cancelled whatever failed in it.
                    _ => !path.is_empty() && self.first_failed(path).is_some(),
                };
                assert!(!failed, "{path:?} is cancelled and a failure in it lost");
            }
            (End::Cancelled, Some(stage)) => {
                assert!(self.is_stopped(path), "nothing stopped {path:?}");
                match stage {
                    Stage::Waiting(_) | Stage::Asked(Slot::Outputs | Slot::Results) => {}
                    Stage::Queued => assert!(unit.unwrap().attempt > 0),
                    _ => panic!("{path:?} is at {stage:?}"),
                }
            }
            (End::Failed(cause), Some(Stage::Body | Stage::Loop)) => {
                if unit.unwrap().stop == Some(Stop::TimedOut) {
                    own(Stop::TimedOut);
                    assert_eq!(*cause, self.plan.cause(path, 0, timeout()));
                } else {
                    // What failed before it could be cancelled counts all the same.
                    let cancelled = unit.unwrap().stop == Some(Stop::Cancelling);
                    let is_loop = unit.unwrap().stage == Stage::Loop;
                    match cancelled && !path.is_empty() {
                        true => own(Stop::Cancelling),
                        false => own(Stop::Failing),
                    }
                    assert!(!is_loop || self.is_exceeded(path), "{path:?}");
                    let first = self.first_failed(path);
                    assert_eq!(Some(end), first, "not the first of those that failed");
                }
            }
            (end, stage) => panic!("{path:?} is at {stage:?} and ends as {end:?}"),
        }
    }

    /// The end of the first card, or item, within that failed.
    fn first_failed(&self, path: &Path) -> Option<&End> {
        let within = |(inner, end): &(&Path, &End)| {
            matches!(end, End::Failed(_)) && around(inner).as_ref() == Some(path)
        };
        self.ends.iter().find(within).map(|(_, end)| end)
    }

    /// Nothing is forgotten, nothing exceeds its limits.
    pub(super) fn settled(&mut self, machine: &Machine) {
        self.queue_ready();
        for (path, unit) in &self.live {
            self.check_rest(path, unit);
        }
        self.check_limits(machine);
        self.check_timers(machine);
        for (instance, path) in &self.paths {
            assert_eq!(machine.address(*instance), Some(self.plan.address(path)));
        }
        assert_eq!(machine.outcome(), self.outcome.as_ref());
    }

    /// Leaves that are ready wait for their turn without a command.
    fn queue_ready(&mut self) {
        let bodies = self.live.iter().filter(|(_, u)| u.stage == Stage::Body);
        let bodies: Vec<_> = bodies.map(|(p, u)| (p.clone(), u.stop)).collect();
        for (path, stop) in bodies {
            for card in self.cards(&path) {
                if self.live.contains_key(&card) {
                    continue;
                }
                assert_eq!(stop, None, "{card:?} is left over");
                if self.waits(&card).is_none() {
                    let when = self.plan.card(self.plan.card_at(&card).unwrap()).when;
                    assert!(self.is_leaf(&card) && !when, "{card:?} is ready");
                    self.begin(&card);
                }
            }
        }
    }

    fn check_rest(&self, path: &Path, unit: &Unit) {
        let stopped = self.is_stopped(path);
        match unit.stage {
            Stage::Fresh | Stage::Entered => panic!("{path:?} has not begun: {unit:?}"),
            Stage::Running { timed_out } => assert_eq!(unit.told, stopped || timed_out, "{path:?}"),
            Stage::Asked(_) | Stage::Queued | Stage::Waiting(_) => {
                assert!(!stopped, "{path:?} goes on in what stopped");
            }
            Stage::Body | Stage::Loop => {
                assert!(!stopped || unit.stop.is_some());
                let more = unit.stop.is_none() && unit.list.next < unit.list.length;
                assert!(
                    more || !self.open_within(path).is_empty(),
                    "{path:?} is over"
                );
            }
        }
    }

    fn check_limits(&self, machine: &Machine) {
        let is_action = |unit: &&Unit| {
            matches!(
                unit.stage,
                Stage::Asked(Slot::Input) | Stage::Running { .. }
            )
        };
        let actions = self.live.values().filter(is_action).count() as u64;
        let (asked, places) = (self.asked(), self.places());
        assert!(actions <= places, "{actions} actions at once");

        let queued = self.live.iter().filter(|(_, u)| u.stage == Stage::Queued);
        let first = queued.map(|(path, _)| path).next();
        assert!(self.turns.is_sorted(), "{:?}", self.turns);
        if let Some(first) = first {
            assert_eq!(actions, places, "{first:?} could start");
            assert!(
                self.turns.iter().all(|turn| turn < first),
                "{first:?} is first"
            );
        }
        for (path, unit) in self.live.iter().filter(|(_, u)| u.stage == Stage::Loop) {
            let card = self.plan.card(self.plan.card_at(path).unwrap());
            let limit = u64::from(card.for_each.unwrap().max_parallel.get());
            let in_flight = self.items(path);
            assert!(in_flight <= limit, "{in_flight} items at once");
            let more = unit.stop.is_none() && unit.list.next < unit.list.length;
            assert!(
                !more || in_flight == limit || asked >= places,
                "{path:?} could go on"
            );
        }

        let usage = machine.usage();
        assert_eq!(usage.actions, actions);
        assert_eq!(usage.frames, self.frames.len());
        assert_eq!(usage.instances, self.live.len());
        assert_eq!(usage.timers, self.timers.len());
    }

    /// Exactly the timers that are needed are set, to the right time.
    fn check_timers(&self, machine: &Machine) {
        let mut set: BTreeSet<&Path> = BTreeSet::new();
        for (instance, at, begun) in self.timers.values() {
            let path = &self.paths[instance];
            assert!(set.insert(path), "{path:?} has two timers");
            let wanted = self.timer(path);
            let wanted = wanted.unwrap_or_else(|| panic!("{path:?} needs no timer: {machine:?}"));
            if let Stage::Waiting(until) = self.live[path].stage {
                assert_eq!(*at, until);
            } else {
                assert_eq!(*at, later(*begun, wanted), "{path:?}");
            }
        }
        for path in self.live.keys().filter(|path| self.timer(path).is_some()) {
            assert!(set.contains(path), "{path:?} has no timer");
        }
    }

    /// How long the timer of a unit takes that needs one now.
    fn timer(&self, path: &Path) -> Option<Duration> {
        let unit = &self.live[path];
        let card = self.plan.card(self.plan.card_at(path)?);
        let is_card = path[path.len() - 1].1.is_none();
        match (&unit.stage, &card.action) {
            (Stage::Waiting(_), _) => Some(Duration::ZERO),
            (Stage::Running { timed_out }, Action::Leaf(leaf)) => leaf
                .timeout
                .filter(|_| !timed_out && !self.is_stopped(path)),
            (Stage::Asked(Slot::ForEach | Slot::Outputs | Slot::Results), _)
            | (Stage::Body | Stage::Loop, _) => {
                card.timeout.filter(|_| is_card && unit.stop.is_none())
            }
            _ => None,
        }
    }
}
