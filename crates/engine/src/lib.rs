//! The flow language and the run: load, check, plan and run a flow.
//!
//! ```text
//! text ──► syntax tree ──► Flow ──► Plan ──► Run ──► events
//! ```
//!
//! Everything left of the run is pure, returns a value *and* all its diagnostics, and never stops
//! at the first error. The run is a pure state machine ([`machine`]) under an in-process driver.
//! The engine names no card, knows no AWS, and installs neither a subscriber nor a signal handler.

mod diagnostic;
mod engine;
mod expression;
mod flow;
pub mod machine;
mod plan;
mod run;
mod schema;
mod source;
mod suggest;
mod syntax;

pub use diagnostic::{Code, Diagnostic, Label, Severity};
pub use engine::{CheckOptions, Checked, Engine, EngineBuilder, InvalidFlow};
pub use plan::Plan;
pub use run::{
    CancelHandle, CardState, Counts, InputProblem, InvalidInputs, Journal, JournalError,
    NullJournal, Record, Run, RunBuilder, RunError, RunEvent, RunReport, RunStatus, Ticket,
};
pub use source::{Position, Source};
