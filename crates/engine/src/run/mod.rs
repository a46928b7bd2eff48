//! Running a plan in this process.

mod clock;
mod driver;
mod ends;
mod error;
mod evaluate;
mod event;
mod inputs;
mod journal;
mod narrowed;
mod outlook;
mod perform;
mod recording;
mod secrets;
mod store;
mod tasks;
mod timers;

use std::{borrow::Cow, collections::BTreeMap, fmt, num::NonZeroU32, path::PathBuf, sync::Arc};

use flowrun_card::{Clock, Connections, Redactor, RunIdentity, Secret, Value};
use jiff::Timestamp;

pub use error::RunError;
pub use event::{CardState, Counts, RunEvent, RunReport, RunStatus};
pub use inputs::{InputProblem, InvalidInputs, Subject};
pub use journal::{Journal, JournalError, NullJournal, Record, Ticket};
pub use narrowed::session_scopes;
pub use secrets::SecretSource;

use self::{
    clock::SystemClock,
    driver::{Controls, Driver, Watch},
    evaluate::{Globals, View, guarded},
    tasks::World,
};
use crate::{
    machine::Limits,
    plan::{Plan, PlannedConnection, kind_of, mistaken, named},
};

/// Ends a run early. Clones end the same run.
#[derive(Clone, Debug)]
pub struct CancelHandle(Controls);

impl CancelHandle {
    /// Asks the run to end: running cards clean up and end as cancelled, within 30 seconds, after
    /// which they are dropped; the rest is skipped. A card that blocks its thread cannot be dropped,
    /// and is waited for.
    pub fn cancel(&self) {
        self.0.cancel.cancel();
    }

    /// Ends the run where it stands, within a second. Cards do not clean up. What was in flight
    /// reaches no end: no event tells of it, and nothing counts it.
    pub fn kill(&self) {
        self.0.kill.cancel();
    }
}

/// What a run is given; [`RunBuilder::start`] checks it.
pub struct RunBuilder {
    plan: Arc<Plan>,
    connections: Arc<dyn Connections>,
    journal: Arc<dyn Journal>,
    clock: Option<Arc<dyn Clock>>,
    redactor: Redactor,
    inputs: BTreeMap<String, Value>,
    secrets: BTreeMap<String, Secret>,
    overrides: BTreeMap<String, String>,
    environment: Option<String>,
    folder: PathBuf,
    max_parallel: Option<NonZeroU32>,
    watch: Option<Watch>,
}

impl fmt::Debug for RunBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunBuilder")
            .field("flow", &self.plan.id())
            .finish_non_exhaustive()
    }
}

impl RunBuilder {
    pub(crate) fn new(
        plan: Arc<Plan>,
        connections: Arc<dyn Connections>,
        journal: Arc<dyn Journal>,
        clock: Option<Arc<dyn Clock>>,
        redactor: Redactor,
        folder: PathBuf,
    ) -> Self {
        Self {
            plan,
            connections,
            journal,
            clock,
            redactor,
            inputs: BTreeMap::new(),
            secrets: BTreeMap::new(),
            overrides: BTreeMap::new(),
            environment: None,
            folder,
            max_parallel: None,
            watch: None,
        }
    }

    /// Gives an input. It is fitted to its declaration when the run starts.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Gives a secret: of the flow's `secrets:`, which is then not read from where the flow says, or
    /// for an input of type `secret`.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, secret: Secret) -> Self {
        self.secrets.insert(name.into(), secret);
        self
    }

    /// Uses the connection of that nickname, or the set of that name, for an alias of the flow.
    #[must_use]
    pub fn connection(mut self, alias: impl Into<String>, nickname: impl Into<String>) -> Self {
        self.overrides.insert(alias.into(), nickname.into());
        self
    }

    /// Tells in the events which environment the connections are of. Which ones the run uses is a
    /// matter of the engine's store.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// The folder that relative paths of cards start from; by default the flow file's own.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Bounds the leaf actions at once below what the flow says.
    #[must_use]
    pub fn max_parallel(mut self, limit: NonZeroU32) -> Self {
        self.max_parallel = Some(limit);
        self
    }

    /// Calls `watch` with every event, in order, on the run's own task: there is no queue that could
    /// grow, so it must be quick, and a panic in it is one of [`Run::wait`].
    #[must_use]
    pub fn watch(mut self, watch: impl FnMut(&RunEvent) + Send + 'static) -> Self {
        self.watch = Some(Box::new(watch));
        self
    }

    /// Checks what was given, and reads the secrets that were not. Nothing runs before [`Run::wait`].
    ///
    /// # Errors
    /// Every input, connection and secret that is unknown, missing, or does not fit its declaration.
    pub fn start(mut self) -> Result<Run, InvalidInputs> {
        let clock = match self.clock {
            Some(clock) => clock,
            None => Arc::new(SystemClock::new()),
        };
        let started_at = clock.now();
        let run_id = clock::run_id(&*clock);
        let (connections, mut problems) =
            connections(&self.plan.connections, &self.overrides, &*self.connections);
        let secrets = secrets::resolve(&self.plan, self.secrets, &mut self.inputs, &self.folder);
        problems.extend(secrets.problems);
        let mut globals = Globals {
            inputs: Vec::new(),
            vars: Vec::new(),
            connections,
            secrets: secrets.values,
            run_id: run_id.as_str().into(),
            flow: Arc::clone(&self.plan.id),
            started_at: started_at.to_string().into(),
        };
        match inputs::resolve(
            &self.plan.inputs,
            self.inputs,
            &globals,
            &self.folder,
            &*self.connections,
        ) {
            Ok(inputs) => globals.inputs = inputs,
            Err(invalid) => problems.extend(invalid.problems),
        }
        // Also before a refusal is shown, so that it shows no secret.
        let values = globals.secrets.iter().chain(&globals.inputs);
        let short_secrets = secrets::register(&self.redactor, values);
        if !problems.is_empty() {
            return Err(InvalidInputs { problems });
        }
        let identity = RunIdentity {
            run_id,
            flow: self.plan.id().to_owned(),
        };
        let limit = NonZeroU32::new(self.plan.max_parallel).unwrap_or(NonZeroU32::MIN);
        Ok(Run {
            limits: Limits {
                max_parallel: self.max_parallel.map_or(limit, |bound| bound.min(limit)),
            },
            plan: self.plan,
            world: World {
                identity,
                connections: self.connections,
                clock,
                journal: self.journal,
                redactor: self.redactor,
                folder: self.folder,
                scratch: Arc::default(),
            },
            globals,
            environment: self.environment,
            controls: Controls::default(),
            watch: self.watch,
            started_at,
            short_secrets,
        })
    }
}

/// The connections of a run by their number in the plan, overrides applied.
fn connections(
    planned: &[PlannedConnection],
    overrides: &BTreeMap<String, String>,
    store: &dyn Connections,
) -> (Vec<Value>, Vec<InputProblem>) {
    let mut problems = Vec::new();
    let mut problem = |name: &str, message: String, help: Option<String>| {
        problems.push(InputProblem {
            subject: Subject::Connection,
            name: name.to_owned(),
            message,
            help,
        });
    };
    let mut values = Vec::new();
    for connection in planned {
        let alias = &*connection.alias;
        let nickname = overrides
            .get(alias)
            .map(String::as_str)
            .or(connection.nickname.as_deref());
        let Some(nickname) = nickname else {
            let kind = connection.kind.as_deref().unwrap_or_default();
            problem(
                alias,
                format!(
                    "missing: the flow leaves it to its caller, and needs one of kind `{kind}`"
                ),
                Some(format!("add `--connection {alias}=NICKNAME`")),
            );
            values.push(Value::Null);
            continue;
        };
        let is_set = connection.is_set;
        let Some(value) = named(nickname, is_set, store) else {
            let (message, help) = match mistaken(nickname, alias, is_set, store) {
                Some((message, help)) => (message, Some(help)),
                None => {
                    let (what, names) = match is_set {
                        true => ("set of connections", store.sets()),
                        false => ("connection", store.nicknames()),
                    };
                    (
                        format!("there is no {what} `{nickname}`"),
                        crate::suggest::among(nickname, names.iter().map(String::as_str)),
                    )
                }
            };
            problem(alias, message, help);
            values.push(Value::Null);
            continue;
        };
        match (&connection.kind, kind_of(&value)) {
            (Some(kind), Some(found)) if **kind != *found => {
                problem(
                    alias,
                    format!(
                        "connection `{nickname}` is of kind `{found}`, and `{alias}` needs `{kind}`"
                    ),
                    None,
                );
                values.push(Value::Null);
            }
            _ => values.push(value),
        }
    }
    for alias in overrides.keys() {
        if !planned
            .iter()
            .any(|connection| *connection.alias == **alias)
        {
            let help =
                crate::suggest::among(alias, planned.iter().map(|connection| &*connection.alias));
            problem(alias, "the flow has no such connection".to_owned(), help);
        }
    }
    (values, problems)
}

/// A run that was given all it needs.
pub struct Run {
    plan: Arc<Plan>,
    limits: Limits,
    world: World,
    globals: Globals,
    environment: Option<String>,
    controls: Controls,
    watch: Option<Watch>,
    started_at: Timestamp,
    short_secrets: Vec<String>,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("identity", &self.world.identity)
            .finish_non_exhaustive()
    }
}

impl Run {
    /// The run's id.
    pub fn id(&self) -> &str {
        &self.world.identity.run_id
    }

    /// The secrets that are shorter than [`flowrun_card::MIN_SECRET`] bytes: where a card or a
    /// service repeats one, it is not taken out. A caller should say so to a person.
    pub fn short_secrets(&self) -> &[String] {
        &self.short_secrets
    }

    /// A handle to end the run early, from anywhere.
    pub fn cancel_handle(&self) -> CancelHandle {
        CancelHandle(self.controls.clone())
    }

    /// Runs to the end. Must be awaited on a tokio runtime with time enabled. Dropping the future
    /// drops every card where it stands, as [`CancelHandle::kill`] does.
    pub async fn wait(mut self) -> RunReport {
        let identity = self.world.identity.clone();
        let clock = Arc::clone(&self.world.clock);
        let sessions = Sessions {
            connections: Arc::clone(&self.world.connections),
            run_id: identity.run_id.clone(),
        };
        if let Some(watch) = &mut self.watch {
            watch(&RunEvent::RunStarted {
                run_id: identity.run_id.clone(),
                flow: identity.flow.clone(),
                environment: self.environment.take(),
                at: self.started_at,
            });
        }
        let redactor = self.world.redactor.clone();
        let report = |driven: driver::Driven| {
            let (status, outputs, error) = match driven.outcome {
                Ok(outputs) => (RunStatus::Succeeded, redacted(&redactor, outputs), None),
                Err(_) if driven.cancelled => (RunStatus::Cancelled, Value::Null, None),
                Err(error) => (RunStatus::Failed, Value::Null, Some(error)),
            };
            let mut sessions = sessions.connections.sessions(&identity.run_id);
            sessions.sort_by(|left, right| left.connection.cmp(&right.connection));
            RunReport {
                run_id: identity.run_id.clone(),
                flow: identity.flow.clone(),
                status,
                outputs,
                error,
                started_at: self.started_at,
                duration: clock
                    .now()
                    .duration_since(self.started_at)
                    .try_into()
                    .unwrap_or_default(),
                sessions,
                counts: driven.counts,
            }
        };
        match vars(&self.plan, &mut self.globals) {
            Err(error) => {
                let report = report(driver::Driven {
                    outcome: Err(error),
                    cancelled: false,
                    counts: Counts::default(),
                });
                if let Some(watch) = &mut self.watch {
                    watch(&RunEvent::RunEnded(report.clone()));
                }
                report
            }
            Ok(()) => {
                let driver = Driver::new(
                    self.plan,
                    self.limits,
                    self.world,
                    self.globals,
                    self.controls,
                    self.watch,
                );
                let (driven, watch) = Box::pin(driver.drive()).await;
                let report = report(driven);
                if let Some(mut watch) = watch {
                    watch(&RunEvent::RunEnded(report.clone()));
                }
                report
            }
        }
    }
}

/// A value without the secrets that its texts hold. As deep as a value can be nested.
fn redacted(redactor: &Redactor, value: Value) -> Value {
    match value {
        Value::String(text) => match redactor.data(&text) {
            Cow::Borrowed(_) => Value::String(text),
            Cow::Owned(masked) => Value::from(masked),
        },
        Value::List(items) => items.iter().map(|item| redacted(redactor, item)).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let name = redactor.data(name).into_owned();
                    (name, redacted(redactor, value.clone()))
                })
                .collect(),
        ),
        value => value,
    }
}

/// The sessions of a run, forgotten when it ends: also where its future is dropped.
struct Sessions {
    connections: Arc<dyn Connections>,
    run_id: String,
}

impl Drop for Sessions {
    fn drop(&mut self) {
        self.connections.release(&self.run_id);
    }
}

/// Evaluates the flow's vars, each over those before it.
fn vars(plan: &Plan, globals: &mut Globals) -> Result<(), RunError> {
    for var in &plan.vars {
        let value = guarded(|| View::of_globals(globals).slot(&var.slot))?;
        globals.vars.push(value);
    }
    Ok(())
}
