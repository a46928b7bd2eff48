//! The embedding API: an engine that loads, checks and runs flows.

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use flowrun_card::{Clock, Connections, NoConnections, Redactor, Registry};

use crate::{
    diagnostic::{Diagnostic, Severity},
    plan::{Plan, build},
    run::{Journal, NullJournal, RunBuilder},
    source::{MAX_BYTES, Source},
};

/// Loads, checks and runs flows over a catalogue of cards and a store of connections. Cheap to
/// clone; clones share both.
#[derive(Clone)]
pub struct Engine {
    registry: Arc<Registry>,
    connections: Arc<dyn Connections>,
    journal: Arc<dyn Journal>,
    clock: Option<Arc<dyn Clock>>,
    redactor: Redactor,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

/// What an [`Engine`] is made of.
pub struct EngineBuilder {
    registry: Registry,
    connections: Arc<dyn Connections>,
    journal: Arc<dyn Journal>,
    clock: Option<Arc<dyn Clock>>,
    redactor: Redactor,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// The cards and functions that flows can use; none by default.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Where connections come from; none by default.
    #[must_use]
    pub fn connections(mut self, connections: impl Connections) -> Self {
        self.connections = Arc::new(connections);
        self
    }

    /// Where runs are recorded; nowhere by default.
    #[must_use]
    pub fn journal(mut self, journal: impl Journal) -> Self {
        self.journal = Arc::new(journal);
        self
    }

    /// Time and randomness; the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// What takes secrets out of errors and outputs: share it with the connection store and with
    /// every place that logs. Runs tell it of their secrets. One of its own by default.
    #[must_use]
    pub fn redactor(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    /// The engine.
    pub fn build(self) -> Engine {
        Engine {
            registry: Arc::new(self.registry),
            connections: self.connections,
            journal: self.journal,
            clock: self.clock,
            redactor: self.redactor,
        }
    }
}

/// A flow file that was looked at: its plan if it has no errors, and all that is to say of it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The text that the diagnostics' spans point into.
    pub source: Source,
    /// The flow, ready to run; `None` where a diagnostic is an error.
    pub plan: Option<Arc<Plan>>,
    /// Errors and warnings in source order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Checked {
    /// Whether a diagnostic is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// The plan, or the diagnostics as one error.
    ///
    /// # Errors
    /// [`InvalidFlow`] where a diagnostic is an error.
    pub fn into_plan(self) -> Result<Arc<Plan>, InvalidFlow> {
        match self.plan {
            Some(plan) => Ok(plan),
            None => Err(InvalidFlow {
                source: self.source,
                diagnostics: self.diagnostics,
            }),
        }
    }
}

/// A flow that cannot run, and why.
#[derive(Clone, Debug)]
pub struct InvalidFlow {
    /// The text that the diagnostics' spans point into.
    pub source: Source,
    /// In source order; at least one is an error.
    pub diagnostics: Vec<Diagnostic>,
}

/// One line a diagnostic: `file:line:column: error[code]: message`.
impl fmt::Display for InvalidFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&diagnostic.to_line(&self.source))?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFlow {}

/// What a caller says of a flow before it is checked.
#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Nicknames that replace those of the flow's aliases.
    pub connections: BTreeMap<String, String>,
    /// Whether a nickname that the store does not know is no error: for a look at what the flow
    /// needs of connections that are yet to be made. A run of such a plan fails where it uses one.
    pub allow_missing_connections: bool,
}

impl Engine {
    /// An engine to be made.
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            registry: Registry::new(),
            connections: Arc::new(NoConnections),
            journal: Arc::new(NullJournal),
            clock: None,
            redactor: Redactor::default(),
        }
    }

    /// The cards and functions that flows can use.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The JSON Schema (draft 2020-12) of a flow file over this catalogue, as text, for editors.
    pub fn flow_schema(&self) -> String {
        format!("{:#}\n", crate::schema::flow_schema(&self.registry))
    }

    /// Checks a flow's text. `name` is the file's name in diagnostics. Pure: reads nothing else.
    pub fn check(&self, name: impl Into<String>, text: &[u8], options: &CheckOptions) -> Checked {
        let (source, mut diagnostics) = Source::read(name, text);
        let plan = if diagnostics.is_empty() {
            let (plan, found) = build(&source, &self.registry, &*self.connections, options);
            diagnostics = found;
            plan
        } else {
            None
        };
        let mut checked = Checked {
            source,
            plan: plan.map(Arc::new),
            diagnostics,
        };
        if checked.has_errors() {
            checked.plan = None;
        }
        checked
    }

    /// Checks a flow file.
    ///
    /// # Errors
    /// Only where the file cannot be read; what is wrong in it are diagnostics.
    pub fn check_file(&self, path: &Path, options: &CheckOptions) -> io::Result<Checked> {
        use io::Read as _;
        let mut bytes = Vec::new();
        // One byte past the limit is enough to say that the file is too large.
        let limit = u64::try_from(MAX_BYTES)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok(self.check(path.display().to_string(), &bytes, options))
    }

    /// A run of a checked flow; relative paths of its cards start from `folder`.
    pub fn run(&self, plan: &Arc<Plan>, folder: impl Into<PathBuf>) -> RunBuilder {
        RunBuilder::new(
            Arc::clone(plan),
            Arc::clone(&self.connections),
            Arc::clone(&self.journal),
            self.clock.clone(),
            self.redactor.clone(),
            folder.into(),
        )
    }
}
