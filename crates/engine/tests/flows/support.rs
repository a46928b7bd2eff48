//! An engine over the test cards and fake connections, on the runtime's own clock, and texts of
//! what it says.

use std::{
    any::Any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use flowrun_card::{
    BoxFuture, CardError, Clock, ConnectionInfo, Connections, ErrorKind, Registry, SessionRequest,
};
use flowrun_engine::{
    CancelHandle, CheckOptions, Checked, Engine, Journal, NullJournal, Plan, RunBuilder, RunError,
    RunEvent, RunReport, Source,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::cards::{self, Log};

/// Two connections of the kind that the cards use, a set of two more, and one of another kind.
pub(crate) struct Shelves;

const NICKNAMES: [(&str, &str); 3] = [
    ("demo-reports", "shelf"),
    ("demo-vault", "shelf"),
    ("mail", "smtp"),
];

const SET: &str = "branches";
const MEMBERS: [&str; 2] = ["branches/north", "branches/south"];

impl Connections for Shelves {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        let members = MEMBERS.into_iter().map(|member| (member, "shelf"));
        let mut all = NICKNAMES.into_iter().chain(members);
        let (_, kind) = all.find(|(name, _)| *name == nickname)?;
        Some(ConnectionInfo {
            kind: kind.to_owned(),
        })
    }

    fn nicknames(&self) -> Vec<String> {
        NICKNAMES.map(|(name, _)| name.to_owned()).to_vec()
    }

    fn members(&self, set: &str) -> Option<Vec<String>> {
        match set {
            SET => Some(MEMBERS.map(str::to_owned).to_vec()),
            "posts" => Some(vec!["mail".to_owned()]),
            _ => None,
        }
    }

    fn sets(&self) -> Vec<String> {
        vec![SET.to_owned()]
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        let nickname = request.connection.nickname().to_owned();
        Box::pin(async move {
            if self.info(&nickname).is_none() {
                return Err(CardError::new(ErrorKind::Connection, "no such shelf"));
            }
            Ok(Arc::new(nickname) as Arc<dyn Any + Send + Sync>)
        })
    }
}

/// Follows the runtime's time, which tests pause; its dice are seeded.
pub(crate) struct RuntimeClock {
    started: Instant,
    dice: AtomicU64,
}

impl RuntimeClock {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            started: Instant::now(),
            dice: AtomicU64::new(seed),
        }
    }
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap();
        Timestamp::UNIX_EPOCH
            .checked_add(SignedDuration::from_hours(20_000 * 24))
            .unwrap()
            .checked_add(elapsed)
            .unwrap()
    }

    /// SplitMix64.
    fn random(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut bits = self.dice.fetch_add(step, Relaxed).wrapping_add(step);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

fn registry(log: &Log) -> Registry {
    let mut registry = Registry::new();
    cards::register(&mut registry, log);
    registry
}

/// Every diagnostic in its line, with the other places and the help below it; `ok` for none.
pub(crate) fn check(flow: &str) -> String {
    check_with(flow, &CheckOptions::default())
}

pub(crate) fn check_with(flow: &str, options: &CheckOptions) -> String {
    let engine = Engine::builder()
        .registry(registry(&Log::default()))
        .connections(Shelves)
        .build();
    let checked = engine.check("f", flow.as_bytes(), options);
    assert_eq!(checked.plan.is_none(), checked.has_errors());
    describe(&checked)
}

fn describe(checked: &Checked) -> String {
    if checked.diagnostics.is_empty() {
        return "ok".to_owned();
    }
    let mut lines = Vec::new();
    for diagnostic in &checked.diagnostics {
        lines.push(diagnostic.to_line(&checked.source));
        for label in &diagnostic.secondary {
            let at = checked.source.position(label.span.start);
            lines.push(format!("  {}:{}: {}", at.line, at.column, label.text));
        }
        lines.extend(diagnostic.help.iter().map(|help| format!("  help: {help}")));
    }
    lines.join("\n")
}

/// What a run did.
pub(crate) struct Ran {
    pub(crate) report: RunReport,
    pub(crate) source: Source,
    /// Every event in a line, without durations of what the clock does not decide.
    pub(crate) events: Vec<String>,
    /// What the cards noted.
    pub(crate) log: Vec<String>,
}

impl Ran {
    /// How it ended, with its outputs or its error.
    pub(crate) fn end(&self) -> String {
        let report = &self.report;
        match &report.error {
            None => format!("{} {}", report.status.name(), report.outputs),
            Some(error) => format!(
                "{} {}",
                report.status.name(),
                describe_error(error, &self.source)
            ),
        }
    }

    pub(crate) fn events(&self) -> String {
        self.events.join("\n")
    }

    pub(crate) fn counts(&self) -> String {
        let counts = self.report.counts;
        format!(
            "{} succeeded, {} failed, {} skipped, {} cancelled",
            counts.succeeded, counts.failed, counts.skipped, counts.cancelled
        )
    }
}

fn describe_error(error: &RunError, source: &Source) -> String {
    let at = error.span.map_or_else(String::new, |span| {
        let at = source.position(span.start);
        format!(" at {}:{}", at.line, at.column)
    });
    format!("{}: {error} (attempts: {}){at}", error.kind, error.attempts)
}

fn describe_event(event: &RunEvent, source: &Source) -> String {
    match event {
        RunEvent::RunStarted { flow, .. } => format!("run of {flow} started"),
        RunEvent::LoopStarted { address, items } => format!("{address} loop of {items}"),
        RunEvent::CardStarted {
            address,
            card,
            attempt,
            ..
        } => format!("{address} started {card} attempt {attempt}"),
        RunEvent::CardWaiting {
            address,
            attempt,
            error,
            ..
        } => format!("{address} waiting after attempt {attempt}: {error}"),
        RunEvent::CardEnded {
            address,
            state,
            error,
            ..
        } => match error {
            None => format!("{address} {state}"),
            Some(error) => format!("{address} {state}: {}", describe_error(error, source)),
        },
        RunEvent::RunEnded(report) => format!("run {}", report.status.name()),
        other => format!("{other:?}"),
    }
}

/// A run to be set up.
pub(crate) struct Case<'a> {
    flow: &'a str,
    seed: u64,
    set_up: Option<SetUp<'a>>,
    acts: Vec<(Duration, Act)>,
}

type Act = fn(&CancelHandle);

type SetUp<'a> = Box<dyn FnOnce(RunBuilder) -> RunBuilder + 'a>;

pub(crate) fn flow(flow: &str) -> Case<'_> {
    Case {
        flow,
        seed: 7,
        set_up: None,
        acts: Vec::new(),
    }
}

impl<'a> Case<'a> {
    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn with(mut self, set_up: impl FnOnce(RunBuilder) -> RunBuilder + 'a) -> Self {
        self.set_up = Some(Box::new(set_up));
        self
    }

    /// Does something with the run's handle after that time; before the run begins if it is zero.
    pub(crate) fn after(mut self, delay: Duration, act: Act) -> Self {
        self.acts.push((delay, act));
        self
    }

    pub(crate) async fn run(self) -> Ran {
        self.run_under(NullJournal, Log::default()).await
    }

    /// Runs under a journal, which notes into the same log as the cards.
    pub(crate) async fn run_under(self, journal: impl Journal, log: Log) -> Ran {
        match self.try_run(journal, log).await {
            Ok(ran) => ran,
            Err(problems) => panic!("{problems}"),
        }
    }

    /// Runs, or gives the problems of the inputs, each in its line with its help.
    pub(crate) async fn try_run(self, journal: impl Journal, log: Log) -> Result<Ran, String> {
        let engine = Engine::builder()
            .registry(registry(&log))
            .connections(Shelves)
            .journal(journal)
            .clock(RuntimeClock::new(self.seed))
            .build();
        let checked = engine.check("f", self.flow.as_bytes(), &CheckOptions::default());
        assert_eq!(describe(&checked), "ok");
        let source = checked.source.clone();
        let plan: Arc<Plan> = checked.into_plan().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let (seen, text) = (Arc::clone(&events), source.clone());
        let mut builder = engine.run(&plan, "/flows").watch(move |event| {
            seen.lock().unwrap().push(describe_event(event, &text));
        });
        if let Some(set_up) = self.set_up {
            builder = set_up(builder);
        }
        let run = builder.start().map_err(|invalid| {
            let lines: Vec<String> = invalid
                .problems
                .iter()
                .map(|problem| match &problem.help {
                    None => problem.to_string(),
                    Some(help) => format!("{problem} (help: {help})"),
                })
                .collect();
            lines.join("\n")
        })?;
        let handle = run.cancel_handle();
        for (delay, act) in self.acts {
            if delay.is_zero() {
                act(&handle);
                continue;
            }
            let handle = handle.clone();
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                act(&handle);
            });
        }
        let report = run.wait().await;
        let events = events.lock().unwrap().clone();
        Ok(Ran {
            report,
            source,
            events,
            log: log.lines(),
        })
    }
}
