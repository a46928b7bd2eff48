//! The properties of every run.

use std::collections::{BTreeMap, BTreeSet};

use flowrun_engine::machine::{Command, End, Event, Machine, Outcome, Skip, Snapshot};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::driver::{Record, Trouble, run};
use crate::model::Model;
use crate::plan::Plan;
use crate::strategy::{Kind, plan};

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        // Half of the plans fail; properties of success pass over them.
        max_global_rejects: u32::MAX,
        ..ProptestConfig::default()
    }
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let cancels = prop_oneof![
        2 => Just(vec![]),
        1 => prop::collection::vec(1..15usize, 1..=2),
        1 => prop::collection::vec(1..60usize, 1..=2),
    ];
    cancels.prop_map(|cancels| Trouble { cancels, noise: 0 })
}

/// Feeds the events of a run to a machine again; `at_rest` may put another one in
/// its place between two events.
fn replay(
    plan: &Plan,
    events: &[Event],
    mut at_rest: impl FnMut(usize, Machine) -> Machine,
) -> (Vec<Vec<Command>>, Machine) {
    let mut machine = Machine::new(plan.program(), plan.limits);
    let mut all = vec![];
    for (number, event) in events.iter().enumerate() {
        machine = at_rest(number, machine);
        let mut commands = vec![];
        machine.handle(event, &mut commands).unwrap();
        all.push(commands);
    }
    (all, machine)
}

fn bytes(commands: &[Vec<Command>]) -> String {
    serde_json::to_string(commands).unwrap()
}

/// Writes a machine down and takes it up again; nothing may be lost on the way.
fn restored(record: &Record, machine: &Machine) -> Machine {
    let json = serde_json::to_string(&machine.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&json).unwrap();
    let restored = Machine::restore(record.program.clone(), snapshot).unwrap();
    assert_eq!(format!("{restored:?}"), format!("{machine:?}"));
    restored
}

/// Properties of what never happens say nothing: the plans must reach every end
/// often enough.
#[test]
fn plans_reach_every_end() {
    let mut runner = TestRunner::deterministic();
    let inputs = (plan(Kind::Anything), any::<u64>(), trouble());
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..300 {
        let (plan, schedule, trouble) = inputs.new_tree(&mut runner).unwrap().current();
        let record = run(&plan, schedule, &trouble);
        let ends = record.ends.values().map(name);
        let commands = record.commands.iter().flatten().filter_map(step);
        let all: BTreeSet<_> = ends.chain(commands).collect();
        for what in all {
            *seen.entry(what).or_default() += 1;
        }
        *seen.entry(outcome(&record.outcome)).or_default() += 1;
    }
    for what in [
        "run succeeded",
        "run failed",
        "run cancelled",
        "succeeded",
        "failed",
        "timed out",
        "cancelled",
        "when",
        "where",
        "requires",
        "stopped",
        "cancel",
        "waiting",
        "second attempt",
    ] {
        let runs = seen.get(what).copied().unwrap_or_default();
        assert!(runs >= 20, "{what} in {runs} runs of 300: {seen:?}");
    }
}

fn name(end: &End) -> &'static str {
    match end {
        End::Succeeded { .. } => "succeeded",
        End::Failed(cause) if cause.failure.error.is_none() => "timed out",
        End::Failed(_) => "failed",
        End::Skipped(Skip::When) => "when",
        End::Skipped(Skip::Where) => "where",
        End::Skipped(Skip::Requires(_)) => "requires",
        End::Skipped(Skip::Stopped) => "stopped",
        End::Cancelled => "cancelled",
    }
}

fn step(command: &Command) -> Option<&'static str> {
    match command {
        Command::Cancel { .. } => Some("cancel"),
        Command::Waiting { .. } => Some("waiting"),
        Command::Start { attempt: 2.., .. } => Some("second attempt"),
        _ => None,
    }
}

fn outcome(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded { .. } => "run succeeded",
        Outcome::Failed(_) => "run failed",
        Outcome::Cancelled => "run cancelled",
    }
}

proptest! {
    #![proptest_config(config())]

    /// Order, limits, retries, timers, tolerance, failure and cancel: see the rules.
    #[test]
    fn every_rule_holds_after_every_event(
        plan in plan(Kind::Anything),
        schedule in any::<u64>(),
        trouble in trouble(),
    ) {
        run(&plan, schedule, &trouble);
    }

    #[test]
    fn late_and_false_events_change_nothing(
        plan in plan(Kind::Anything),
        schedule in any::<u64>(),
        trouble in trouble(),
    ) {
        run(&plan, schedule, &Trouble { noise: 50, ..trouble });
    }

    #[test]
    fn the_same_events_give_the_same_commands(
        plan in plan(Kind::Anything),
        schedule in any::<u64>(),
        trouble in trouble(),
    ) {
        let record = run(&plan, schedule, &trouble);
        let (commands, last) = replay(&plan, &record.events, |_, machine| machine);
        prop_assert_eq!(bytes(&commands), bytes(&record.commands));
        prop_assert_eq!(format!("{last:?}"), format!("{:?}", record.last));
    }

    #[test]
    fn a_snapshot_and_the_rest_are_the_whole(
        plan in plan(Kind::Anything),
        schedule in any::<u64>(),
        trouble in trouble(),
        every in prop_oneof![Just(1), 1..20usize],
    ) {
        let record = run(&plan, schedule, &trouble);
        let (commands, last) = replay(&plan, &record.events, |number, machine| {
            match number % every {
                0 => restored(&record, &machine),
                _ => machine,
            }
        });
        prop_assert_eq!(bytes(&commands), bytes(&record.commands));
        restored(&record, &last);
    }

    #[test]
    fn an_undisturbed_run_comes_to_what_the_model_says(
        plan in plan(Kind::Timeless),
        schedule in any::<u64>(),
    ) {
        let record = run(&plan, schedule, &Trouble::default());
        Model::new(&plan).compare(&record.ends, &record.outcome);
    }

    #[test]
    fn outputs_do_not_depend_on_the_order_of_ends(
        plan in plan(Kind::Timeless),
        schedules in any::<(u64, u64)>(),
    ) {
        prop_assume!(Model::new(&plan).succeeds());
        let first = run(&plan, schedules.0, &Trouble::default());
        let second = run(&plan, schedules.1, &Trouble::default());
        prop_assert_eq!(first.outcome, second.outcome);
        // What stands beside a tolerated failure is cancelled or not.
        for (path, end) in &first.ends {
            if let (End::Succeeded { .. }, Some(other @ End::Succeeded { .. })) =
                (end, second.ends.get(path))
            {
                prop_assert_eq!(end, other, "{:?}", path);
            }
        }
    }
}
