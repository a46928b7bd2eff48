//! The flow language and the run: load, check, plan and run a flow.
//!
//! ```text
//! text ──► syntax tree ──► Flow ──► Plan ──► Run ──► events
//! ```
//!
//! Everything left of the run is pure, returns a value *and* all its diagnostics, and never stops
//! at the first error. The run is a pure state machine ([`machine`]) under an in-process driver.
//! The engine names no card, knows no AWS, and installs neither a subscriber nor a signal handler.
//!
//! ```
//! use flowrun_card::{Arguments, Function, FunctionError, Parameter, Registry, Type, Value};
//! use flowrun_engine::{CheckOptions, Engine, RunStatus};
//!
//! // A function of the application's own: a card, and a helper in expressions.
//! static GREET: Function = Function {
//!     name: "people.greet",
//!     title: "Greet",
//!     description: "Greets somebody.",
//!     parameters: &[Parameter::required("name", Type::string, "Whom to greet.")],
//!     returns: |_| Type::string(),
//!     examples: &[],
//!     since: "0.1.0",
//!     search_terms: &[],
//!     body: |arguments: &Arguments<'_>| -> Result<Value, FunctionError> {
//!         Ok(Value::from(format!("Hello, {}!", arguments.text(0))))
//!     },
//! };
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let mut registry = Registry::new();
//! registry.function(&GREET)?;
//! let engine = Engine::builder().registry(registry).build();
//!
//! let flow = r#"
//! flow: hello
//! inputs:
//!   name: { type: string }
//! cards:
//!   greeting: { card: people.greet, with: { name: "{{ inputs.name }}" } }
//! outputs:
//!   text: "{{ cards.greeting }}"
//! "#;
//! let plan = engine.check("hello.yaml", flow.as_bytes(), &CheckOptions::default()).into_plan()?;
//! let run = engine.run(&plan, ".").input("name", "Ada").start()?;
//! let report = run.wait().await;
//! assert_eq!(report.status, RunStatus::Succeeded);
//! assert_eq!(report.outputs.to_string(), r#"{"text":"Hello, Ada!"}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
pub use plan::{CardPermission, ConnectionPermissions, FlowConnection, Plan};
pub use run::{
    CancelHandle, CardState, Counts, InputProblem, InvalidInputs, Journal, JournalError,
    NullJournal, Record, Run, RunBuilder, RunError, RunEvent, RunReport, RunStatus, SecretSource,
    Subject, Ticket, session_scopes,
};
pub use source::{Position, Source};
