//! The pure state machine of a run: events in, commands out.
//!
//! It holds no values, no clock and no dice, and waits for nothing. A driver
//! evaluates expressions against its value store, runs cards, keeps timers, and
//! feeds back what happened. The same program and the same events give the same
//! commands, byte for byte, so that a run can be recorded, resumed and simulated.
//!
//! Answers may come in any order, late or twice. An evaluation should be answered
//! soon: a loop starts items only beside those under way.
//!
//! ```
//! use std::sync::Arc;
//! use flowrun_engine::machine::*;
//!
//! let hello = Card {
//!     body: BodyId::FLOW,
//!     id: "hello".into(),
//!     waits: vec![],
//!     requires: vec![],
//!     when: false,
//!     for_each: None,
//!     timeout: None,
//!     action: Action::Leaf(Leaf::default()),
//! };
//! let program = Arc::new(Program::new(vec![hello], 1)?);
//! let mut machine = Machine::new(program, Limits::default());
//! let mut commands = Vec::new();
//! let start = Event { at: Timestamp(0), random: 4, kind: EventKind::Start };
//! machine.handle(&start, &mut commands)?;
//! let Some(Command::Evaluate { instance, slot: Slot::Input, .. }) = commands.pop() else {
//!     unreachable!("a leaf's turn begins with its input");
//! };
//! assert_eq!(machine.address(instance).unwrap().to_string(), "hello");
//! # Ok::<(), MachineError>(())
//! ```

mod address;
mod cancel;
mod command;
mod error;
mod event;
mod failure;
mod fingerprint;
mod frame;
mod loops;
mod program;
mod ready;
mod retry;
mod slab;
mod snapshot;
mod turn;

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::address::{Address, Step};
pub use self::command::{Command, End, FrameId, InstanceId, Outcome, Place, Skip, TimerId};
pub use self::error::MachineError;
pub use self::event::{Evaluation, Event, EventKind, Handle, Slot, Timestamp};
pub use self::failure::{Cause, ErrorKind, Failure, Retry};
pub use self::program::{
    Action, Backoff, BodyId, Card, CardId, Fingerprint, Leaf, Loop, Program, RetryPolicy, Tolerate,
};
pub use self::retry::MAX_RETRY_AFTER;
pub use self::snapshot::{SEMANTICS, Snapshot};

use self::frame::Run;
use self::turn::Turn;

/// Limits of one run, pinned at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How many leaf actions run at once; 64 unless the flow says otherwise.
    pub max_parallel: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_parallel: NonZeroU32::MIN.saturating_add(63),
        }
    }
}

/// What a run holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Leaf actions that hold a place of the run's `max_parallel`.
    pub actions: u64,
    /// Executions of bodies.
    pub frames: usize,
    /// The flow, and cards and items that are ready or further.
    pub instances: usize,
    /// Timers that are set.
    pub timers: usize,
}

/// One run of a program. See the [module](self).
#[derive(Clone, Debug)]
pub struct Machine {
    program: Arc<Program>,
    limits: Limits,
    run: Run,
}

impl Machine {
    /// A run that is not started yet.
    pub fn new(program: Arc<Program>, limits: Limits) -> Self {
        Self {
            program,
            limits,
            run: Run::new(),
        }
    }

    /// Takes one event and appends the commands that follow from it.
    ///
    /// Events for what has ended are ignored, and so are those that came before.
    ///
    /// # Errors
    ///
    /// An event that cannot be, such as the end of an attempt that was never
    /// started. Nothing has changed then.
    pub fn handle(
        &mut self,
        event: &Event,
        commands: &mut Vec<Command>,
    ) -> Result<(), MachineError> {
        let mut turn = Turn {
            program: &self.program,
            limits: self.limits,
            run: &mut self.run,
            at: event.at,
            random: event.random,
            commands,
        };
        turn.take(&event.kind)
    }

    /// The program that is run.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// How the run ended; none while it goes on.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.run.state.outcome.as_ref()
    }

    /// The address of an instance that has not ended.
    ///
    /// A driver that needs addresses of what has ended keeps that of each frame's
    /// owner, and takes its [`child`](Address::child).
    pub fn address(&self, instance: InstanceId) -> Option<Address> {
        self.run.state.instances.get(instance)?;
        Some(turn::address(&self.program, &self.run, instance))
    }

    /// What the run holds at the moment. Walks all that is alive.
    pub fn usage(&self) -> Usage {
        let state = &self.run.state;
        Usage {
            actions: self.run.actions,
            frames: state.frames.len(),
            instances: state.instances.len(),
            timers: state
                .instances
                .iter()
                .filter(|(_, i)| i.timer.is_some())
                .count(),
        }
    }
}
