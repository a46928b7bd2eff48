//! A simulated driver: it answers, ends attempts, fires timers and cancels in an
//! order that a seed decides, and computes values from addresses and from what
//! may be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowrun_engine::machine::{
    Command, End, ErrorKind, Evaluation, Event, EventKind, Failure, FrameId, Handle, InstanceId,
    Machine, MachineError, Outcome, Place, Program, Retry, Slot, TimerId, Timestamp, Usage,
};

use crate::plan::{Path, Plan, mix};
use crate::watch::{Stage, Unit, Watch, around};

/// A failure that nobody may take for true.
const NOISE: Failure = Failure {
    kind: ErrorKind::Unexpected,
    retry: Retry::Permanent,
    error: None,
};

/// What goes wrong apart from what the plan says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble {
    /// The run is cancelled at these steps.
    pub(crate) cancels: Vec<usize>,
    /// Of events that are followed by one that must change nothing.
    pub(crate) noise: u8,
}

/// All that came to pass.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) program: Arc<Program>,
    pub(crate) events: Vec<Event>,
    /// What followed from each event.
    pub(crate) commands: Vec<Vec<Command>>,
    pub(crate) ends: BTreeMap<Path, End>,
    pub(crate) outcome: Outcome,
    pub(crate) last: Machine,
}

/// What the driver owes the machine.
#[derive(Clone, Debug)]
enum Debt {
    Answer(InstanceId, Slot, Evaluation),
    Attempt(InstanceId, u32, Path),
    Timer(InstanceId, TimerId, Timestamp),
}

struct Driver<'a> {
    plan: &'a Plan,
    program: Arc<Program>,
    machine: Machine,
    watch: Watch<'a>,
    debts: Vec<Debt>,
    /// Whose execution each open frame is.
    frames: BTreeMap<FrameId, Path>,
    /// Outputs of what succeeded.
    values: BTreeMap<Path, u64>,
    events: Vec<Event>,
    commands: Vec<Vec<Command>>,
    cancelled: bool,
    now: u64,
    dice: u64,
}

/// Runs a plan to its end, and checks every rule along the way.
pub(crate) fn run(plan: &Plan, schedule: u64, trouble: &Trouble) -> Record {
    let program = plan.program();
    let mut driver = Driver {
        plan,
        machine: Machine::new(program.clone(), plan.limits),
        program,
        watch: Watch::new(plan),
        debts: vec![],
        frames: BTreeMap::new(),
        cancelled: false,
        values: BTreeMap::new(),
        events: vec![],
        commands: vec![],
        now: 0,
        dice: mix(schedule),
    };
    driver.send(EventKind::Start);
    for step in 1.. {
        if driver.watch.outcome.is_some() {
            break;
        }
        if trouble.cancels.contains(&step) {
            driver.cancel();
        } else {
            driver.pay();
        }
        if driver.roll(100) < u64::from(trouble.noise) {
            driver.make_noise();
        }
    }
    driver.end()
}

impl Driver<'_> {
    fn roll(&mut self, below: u64) -> u64 {
        self.dice = mix(self.dice);
        self.dice % below
    }

    fn event(&mut self, kind: EventKind) -> Event {
        let random = match self.roll(8) {
            0 => 0,
            1 => u64::MAX,
            _ => mix(self.dice),
        };
        Event {
            at: Timestamp(self.now),
            random,
            kind,
        }
    }

    /// Tells the machine something that it must not ignore.
    fn send(&mut self, kind: EventKind) {
        let event = self.event(kind);
        let mut commands = vec![];
        self.machine.handle(&event, &mut commands).unwrap();
        self.watch.follow(&event, &commands, &self.machine);
        for command in &commands {
            self.act(command);
        }
        self.events.push(event);
        self.commands.push(commands);
    }

    /// Tells the machine something that must change nothing.
    fn waste(&mut self, kind: EventKind) -> Result<(), MachineError> {
        let event = self.event(kind);
        let before = format!("{:?}", self.machine);
        let mut commands = vec![];
        let result = self.machine.handle(&event, &mut commands);
        assert_eq!(commands, [], "{event:?}");
        let after = format!("{:?}", self.machine);
        assert_eq!(before, after, "{event:?} {result:?}");
        result
    }

    /// Takes a command, in order: values are read as they are at this point.
    fn act(&mut self, command: &Command) {
        match *command {
            Command::OpenFrame { frame, place, .. } => {
                let path = place.map_or(vec![], |place| self.path(place));
                self.frames.insert(frame, path);
            }
            Command::CloseFrame { frame } => {
                self.frames.remove(&frame);
            }
            Command::Evaluate {
                instance,
                place,
                slot,
            } => {
                let path = self.path(place);
                self.debts
                    .push(Debt::Answer(instance, slot, self.answer(&path, slot)));
            }
            Command::EvaluateOutputs {
                instance, frame, ..
            } => {
                let answer = self.answer(&self.frames[&frame], Slot::Outputs);
                self.debts
                    .push(Debt::Answer(instance, Slot::Outputs, answer));
            }
            Command::Start {
                instance,
                place,
                attempt,
                ..
            } => self
                .debts
                .push(Debt::Attempt(instance, attempt, self.path(place))),
            Command::SetTimer {
                timer,
                instance,
                at,
            } => self.debts.push(Debt::Timer(instance, timer, at)),
            Command::Ended {
                place,
                end: End::Succeeded { output },
                ..
            } => {
                self.values.insert(self.path(place), output.0);
            }
            // A timer that is cleared may fire all the same, and a cancelled
            // attempt still ends.
            Command::ClearTimer { .. }
            | Command::Cancel { .. }
            | Command::OpenLoop { .. }
            | Command::Waiting { .. }
            | Command::Ended { .. }
            | Command::Finish { .. } => {}
        }
    }

    fn path(&self, place: Place) -> Path {
        let mut path = self.frames[&place.frame].clone();
        path.push((self.plan.local(place.card.0), place.index));
        path
    }

    fn answer(&self, path: &Path, slot: Slot) -> Evaluation {
        if let Some(failure) = self.plan.error(path, slot) {
            return Evaluation::Error(failure);
        }
        match slot {
            Slot::When => Evaluation::Boolean(self.plan.when(path)),
            Slot::Where => Evaluation::Boolean(self.plan.keeps(path)),
            Slot::ForEach => Evaluation::Length(self.plan.length(path)),
            Slot::Input => Evaluation::Value(Handle(self.input(path))),
            Slot::Outputs | Slot::Results => Evaluation::Value(Handle(self.gather(path))),
        }
    }

    /// Mixes all that a leaf may read: what it and the groups around it wait for.
    fn input(&self, path: &Path) -> u64 {
        let mut input = mix(path.len() as u64);
        for end in 1..=path.len() {
            let around = &path[..end];
            input = mix(input ^ around[end - 1].1.map_or(0, |index| index + 1));
            for other in &self.plan.card(self.plan.card_at(around).unwrap()).waits {
                let value = self.values.get(&self.plan.sibling(around, *other));
                input = mix(input ^ value.copied().unwrap_or_default());
            }
        }
        input
    }

    /// Mixes the outputs of all cards of a body, or the results of a loop, with
    /// nothing in the place of what did not succeed.
    fn gather(&self, path: &Path) -> u64 {
        let within = self.values.iter();
        let within = within.filter(|(inner, _)| around(inner).as_ref() == Some(path));
        within.fold(1, |sum, (inner, value)| {
            let (local, index) = inner[inner.len() - 1];
            mix(mix(mix(sum ^ u64::from(local)) ^ index.unwrap_or_default()) ^ value)
        })
    }

    fn cancel(&mut self) {
        let flow = self.watch.live[&vec![]].stop;
        match self.cancelled || flow.is_some() {
            true => self.waste(EventKind::CancelRequested).unwrap(),
            false => self.send(EventKind::CancelRequested),
        }
        // Again: it may have been ignored because the run fails anyway.
        self.cancelled = true;
        if self.watch.outcome.is_none() {
            self.waste(EventKind::CancelRequested).unwrap();
        }
    }

    /// Does one thing that the driver owes, whichever.
    fn pay(&mut self) {
        assert!(!self.debts.is_empty(), "the run stands still");
        let which = self.roll(self.debts.len() as u64) as usize;
        self.now = self.now.saturating_add(self.roll(50));
        match self.debts.swap_remove(which) {
            Debt::Answer(instance, slot, result) => {
                let is_asked = |unit: &Unit| unit.stage == Stage::Asked(slot);
                let kind = EventKind::Evaluated {
                    instance,
                    slot,
                    result,
                };
                match self.watch.unit(instance).is_some_and(is_asked) {
                    true => self.send(kind),
                    false => self.waste(kind).unwrap(),
                }
            }
            Debt::Timer(instance, timer, at) => {
                self.now = self.now.max(at.0);
                let kind = EventKind::TimerFired { instance, timer };
                match self.watch.timers.contains_key(&timer) {
                    true => self.send(kind),
                    false => self.waste(kind).unwrap(),
                }
            }
            Debt::Attempt(instance, attempt, path) => {
                // Whoever is told to stop may be too late for that.
                let told = self.watch.unit(instance).unwrap().told;
                if told && self.roll(3) > 0 {
                    return self.send(EventKind::Cancelled { instance, attempt });
                }
                let input = self.input(&path);
                self.send(match self.plan.failure(&path, attempt) {
                    Some(failure) => EventKind::Failed {
                        instance,
                        attempt,
                        failure,
                    },
                    None => EventKind::Finished {
                        instance,
                        attempt,
                        output: Handle(mix(input)),
                    },
                });
            }
        }
    }

    fn end(mut self) -> Record {
        assert_eq!(self.machine.usage(), Usage::default());
        assert_eq!(self.watch.timers.len(), 0);
        // What is still owed comes too late.
        for debt in std::mem::take(&mut self.debts) {
            match debt {
                Debt::Answer(instance, slot, result) => self.waste(EventKind::Evaluated {
                    instance,
                    slot,
                    result,
                }),
                Debt::Timer(instance, timer, _) => {
                    self.waste(EventKind::TimerFired { instance, timer })
                }
                Debt::Attempt(..) => panic!("{debt:?} is not awaited"),
            }
            .unwrap();
        }
        self.make_noise();
        Record {
            program: self.program,
            events: self.events,
            commands: self.commands,
            ends: self.watch.ends,
            outcome: self.watch.outcome.unwrap(),
            last: self.machine,
        }
    }

    /// Says again what was said, contradicts it, and speaks of what never was.
    fn make_noise(&mut self) {
        let which = self.roll(self.events.len() as u64) as usize;
        let past = self.events[which].kind.clone();
        if past == EventKind::CancelRequested || past == EventKind::Start {
            return self.waste(past).unwrap();
        }
        self.waste(past.clone()).unwrap();
        let (instance, known) = match past {
            EventKind::Evaluated { instance, slot, .. } => {
                let result = Evaluation::Error(NOISE);
                let kind = EventKind::Evaluated {
                    instance,
                    slot,
                    result,
                };
                self.waste(kind).unwrap();
                (instance, 0)
            }
            EventKind::Finished {
                instance, attempt, ..
            }
            | EventKind::Failed {
                instance, attempt, ..
            }
            | EventKind::Cancelled { instance, attempt } => {
                let failure = NOISE;
                let kind = EventKind::Failed {
                    instance,
                    attempt,
                    failure,
                };
                self.waste(kind).unwrap();
                self.waste(EventKind::Cancelled { instance, attempt })
                    .unwrap();
                (instance, attempt)
            }
            EventKind::TimerFired { instance, .. } => (instance, 0),
            EventKind::Start | EventKind::CancelRequested => return,
        };
        self.nonsense(instance, known);
        if let Some(live) = self.watch.paths.keys().next_back().copied() {
            self.nonsense(live, 0);
        }
    }

    /// Events that cannot be. Those that name what has ended are ignored, and all
    /// others refused.
    fn nonsense(&mut self, instance: InstanceId, known: u32) {
        let unit = self.watch.unit(instance).cloned();
        let is_live = unit.is_some();
        let attempt = unit.as_ref().map_or(0, |unit| unit.attempt).max(known) + 1;
        let output = Handle(0);
        let timer: TimerId = serde_json::from_value(u64::MAX.into()).unwrap();
        for (kind, expect) in [
            (
                EventKind::Finished {
                    instance,
                    attempt,
                    output,
                },
                MachineError::UnknownAttempt { instance, attempt },
            ),
            (
                EventKind::TimerFired { instance, timer },
                MachineError::UnknownTimer { instance, timer },
            ),
        ] {
            let expect = if is_live { Err(expect) } else { Ok(()) };
            assert_eq!(self.waste(kind), expect);
        }
        if let Some(Unit {
            stage: Stage::Asked(slot),
            ..
        }) = unit
        {
            let result = match slot {
                Slot::When | Slot::Where => Evaluation::Length(1),
                Slot::ForEach => Evaluation::Value(Handle(1)),
                Slot::Input | Slot::Outputs | Slot::Results => Evaluation::Boolean(true),
            };
            let kind = EventKind::Evaluated {
                instance,
                slot,
                result,
            };
            let expect = Err(MachineError::WrongAnswer { instance, slot });
            assert_eq!(self.waste(kind), expect);
        }
        let instance: InstanceId = serde_json::from_value(u64::from(u32::MAX).into()).unwrap();
        let kind = EventKind::Cancelled {
            instance,
            attempt: 1,
        };
        let expect = Err(MachineError::UnknownInstance { instance });
        assert_eq!(self.waste(kind), expect);
    }
}
