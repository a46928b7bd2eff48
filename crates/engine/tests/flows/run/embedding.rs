//! What an application that embeds a run relies on: nothing is left behind when it drops or kills
//! the run, a busy run hears of its timers, and a panic stays in its card.

use std::{
    any::Any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc,
    },
    time::Duration,
};

use flowrun_card::{
    BoxFuture, Card, CardError, CardSpec, Clock, ConnectionInfo, Connections, Ctx, Effect, Example,
    Idempotency, InputError, Partial, Permissions, Registry, SessionRequest,
};
use flowrun_engine::{CheckOptions, Engine, EngineBuilder, Run, RunStatus};
use insta::assert_snapshot;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use super::end;
use crate::{
    cards::{self, Log},
    support::{RuntimeClock, flow},
};

/// A run of a flow over the test cards and an engine made so.
fn run(
    text: &str,
    log: &Log,
    make: impl FnOnce(EngineBuilder, &mut Registry) -> EngineBuilder,
) -> Run {
    let mut registry = Registry::new();
    cards::register(&mut registry, log);
    let builder = make(Engine::builder(), &mut registry);
    let engine = builder.registry(registry).build();
    let checked = engine.check("f", text.as_bytes(), &CheckOptions::default());
    let plan = checked.into_plan().unwrap();
    engine.run(&plan, "/flows").start().unwrap()
}

/// Notes which sessions it forgets.
struct Forgets(Log);

impl Connections for Forgets {
    fn info(&self, _: &str) -> Option<ConnectionInfo> {
        None
    }

    fn nicknames(&self) -> Vec<String> {
        Vec::new()
    }

    fn session(
        &self,
        _: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(std::future::ready(Err(CardError::cancelled())))
    }

    fn release(&self, _: &str) {
        self.0.note("forgotten");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_run_drops_its_cards_and_its_sessions() {
    let log = Log::default();
    let text = "flow: f\ncards:\n  a: { card: test.deaf }\n  b: { card: test.deaf }\n";
    let run = run(text, &log, |engine, _| {
        engine
            .clock(RuntimeClock::new(7))
            .connections(Forgets(log.clone()))
    });
    let waited = tokio::time::timeout(Duration::from_secs(1), run.wait()).await;
    assert!(waited.is_err(), "it cannot end");
    // An aborted task is dropped when its turn comes.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(
        lines,
        ["a began", "a dropped", "b began", "b dropped", "forgotten"]
    );
}

/// Blocks its thread until it is let go.
struct Stuck(Mutex<mpsc::Receiver<()>>, mpsc::Sender<()>);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Card for Stuck {
    type Input = Nothing;
    type Output = ();
    type Plan = Nothing;

    const SPEC: CardSpec = CardSpec {
        name: "test.stuck",
        title: "Stuck",
        description: "Blocks its thread.",
        effect: Effect::Pure,
        idempotency: Idempotency::Idempotent,
        since: "0.1.0",
        search_terms: &[],
        rules: &[],
    };

    fn check(input: Nothing) -> Result<Nothing, Vec<InputError>> {
        Ok(input)
    }

    fn permissions(_: &Partial, _: &mut Permissions) {}

    fn examples() -> &'static [Example] {
        &[]
    }

    async fn run(&self, _: &Nothing, _: &Ctx) -> Result<(), CardError> {
        self.1.send(()).unwrap();
        self.0.lock().unwrap().recv().ok();
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_run_ends_though_a_card_blocks_its_thread() {
    let (let_go, held) = mpsc::channel();
    let (began, begun) = mpsc::channel();
    let text = "flow: f\ncards:\n  a: { card: test.stuck }\n";
    let run = run(text, &Log::default(), |engine, registry| {
        registry.card(Stuck(Mutex::new(held), began)).unwrap();
        engine
    });
    let handle = run.cancel_handle();
    let waiting = tokio::spawn(run.wait());
    tokio::task::spawn_blocking(move || begun.recv().unwrap())
        .await
        .unwrap();
    handle.kill();
    let report = waiting.await.unwrap();
    assert_eq!(report.status, RunStatus::Cancelled);
    // Only now, so that it was still blocked.
    let_go.send(()).unwrap();
}

/// A millisecond passes with every look at it.
struct Ticks(AtomicI64);

impl Clock for Ticks {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.fetch_add(1, Relaxed)).unwrap()
    }

    fn random(&self) -> u64 {
        4
    }
}

#[tokio::test]
async fn a_run_that_never_waits_hears_of_its_timers() {
    let items: Vec<u32> = (0..10_000).collect();
    let text = format!(
        "flow: f\ninputs: {{ list: {{ type: list, default: {items:?} }} }}\ncards:\n  l:\n    for_each: inputs.list\n    timeout: 1s\n    cards:\n      in: {{ card: text.upper, with: {{ text: a }} }}\n"
    );
    let run = run(&text, &Log::default(), |engine, _| {
        engine.clock(Ticks(AtomicI64::new(0)))
    });
    let report = run.wait().await;
    assert_snapshot!(report.error.unwrap(), @"l: took longer than its `timeout`");
    assert!(report.counts.succeeded < 1_000, "{:?}", report.counts);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_fails_its_card() {
    assert_snapshot!(end("flow: f\ncards:\n  a: { card: test.explode }\n").await, @"failed unexpected: a: a function panicked (attempts: 1) at 3:3");
    assert_snapshot!(end("flow: f\ncards:\n  a: { when: eq (test.explode) 1, card: text.upper, with: { text: a } }\n").await, @"failed unexpected: a: a function panicked (attempts: 0) at 3:3");
    assert_snapshot!(end("flow: f\ncards: {}\noutputs: { a: \"{{ test.explode }}\" }\n").await, @"failed unexpected: a function panicked (attempts: 0)");
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_group_that_is_cancelled_is_told() {
    let ran = flow(
        r#"flow: f
cards:
  group:
    cards:
      in: { card: test.block, with: { clean_up: 50, fails: true } }
  late: { card: test.sleep, with: { ms: 1 } }
  bad: { card: test.flaky, with: { fails: 1 }, after: [late] }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed integrity: group.in: the clean-up went wrong (attempts: 1) at 5:7");
}
