//! Size: wide, long and deep programs pass on a small stack, and a run holds what
//! is in flight, not what is done.

use std::num::NonZeroU32;
use std::sync::Arc;

use flowrun_engine::machine::{
    Action, BodyId, Card, CardId, Command, End, ErrorKind, Evaluation, Event, EventKind, Failure,
    Handle, Leaf, Limits, Loop, Machine, Outcome, Program, Retry, Skip, Slot, Timestamp, Usage,
};

const MANY: u32 = 10_000;
/// Too small for a call per card.
const STACK: usize = 256 * 1024;

fn card(body: u32, number: u32, waits: &[u32], action: Action) -> Card {
    let waits: Vec<CardId> = waits.iter().copied().map(CardId).collect();
    Card {
        body: BodyId(body),
        id: format!("c{number}").into(),
        requires: waits.clone(),
        waits,
        when: false,
        for_each: None,
        timeout: None,
        action,
    }
}

fn leaf() -> Action {
    Action::Leaf(Leaf::default())
}

fn each(card: Card, max_parallel: u32) -> Card {
    Card {
        for_each: Some(Loop {
            max_parallel: NonZeroU32::new(max_parallel).unwrap(),
            ..Loop::default()
        }),
        ..card
    }
}

/// What a run came to.
#[derive(Debug)]
struct Total {
    outcome: Outcome,
    starts: u64,
    skipped: u64,
    /// The most that was held at once.
    peak: Usage,
}

/// Runs to the end, the oldest first; `length` is that of every list, and `fails`
/// tells which start fails.
fn drive(cards: Vec<Card>, bodies: u32, length: u64, when: bool, fails: Option<u64>) -> Total {
    let small = std::thread::Builder::new().stack_size(STACK);
    let run = move || {
        let program = Arc::new(Program::new(cards, bodies).unwrap());
        run_all(program, length, when, fails)
    };
    small.spawn(run).unwrap().join().unwrap()
}

fn run_all(program: Arc<Program>, length: u64, when: bool, fails: Option<u64>) -> Total {
    let mut machine = Machine::new(program, Limits::default());
    let mut owed = std::collections::VecDeque::from([EventKind::Start]);
    let (mut starts, mut skipped, mut peak, mut outcome) = (0, 0, Usage::default(), None);
    let mut commands = vec![];
    let mut number = 0u64;
    while let Some(kind) = owed.pop_front() {
        let event = Event {
            at: Timestamp(number),
            random: 0,
            kind,
        };
        machine.handle(&event, &mut commands).unwrap();
        number += 1;
        // Asking walks all that is alive: for wide runs not every time.
        if number.is_multiple_of(101) || number < 200 {
            let now = machine.usage();
            peak = Usage {
                actions: peak.actions.max(now.actions),
                frames: peak.frames.max(now.frames),
                instances: peak.instances.max(now.instances),
                timers: peak.timers.max(now.timers),
            };
        }
        for command in commands.drain(..) {
            match command {
                Command::Evaluate { instance, slot, .. } => owed.push_back(EventKind::Evaluated {
                    instance,
                    slot,
                    result: match slot {
                        Slot::When | Slot::Where => Evaluation::Boolean(when),
                        Slot::ForEach => Evaluation::Length(length),
                        Slot::Input | Slot::Outputs | Slot::Results => Evaluation::Value(Handle(0)),
                    },
                }),
                Command::EvaluateOutputs { instance, .. } => owed.push_back(EventKind::Evaluated {
                    instance,
                    slot: Slot::Outputs,
                    result: Evaluation::Value(Handle(0)),
                }),
                Command::Start {
                    instance, attempt, ..
                } => {
                    starts += 1;
                    owed.push_back(match fails == Some(starts) {
                        false => EventKind::Finished {
                            instance,
                            attempt,
                            output: Handle(0),
                        },
                        true => EventKind::Failed {
                            instance,
                            attempt,
                            failure: Failure {
                                kind: ErrorKind::Failed,
                                retry: Retry::Permanent,
                                error: None,
                            },
                        },
                    });
                }
                Command::Ended {
                    end: End::Skipped(skip),
                    ..
                } => {
                    assert_ne!(skip, Skip::Where);
                    skipped += 1;
                }
                Command::Finish { outcome: end } => outcome = Some(end),
                _ => {}
            }
        }
    }
    assert_eq!(machine.usage(), Usage::default());
    Total {
        outcome: outcome.unwrap(),
        starts,
        skipped,
        peak,
    }
}

#[track_caller]
fn check(total: &Total, succeeds: bool, starts: u64, skipped: u64, peak: [usize; 2]) {
    let succeeded = matches!(total.outcome, Outcome::Succeeded { .. });
    let Usage {
        actions,
        frames,
        instances,
        timers,
    } = total.peak;
    assert!(actions <= Limits::default().max_parallel.get().into());
    assert_eq!(
        (
            succeeded,
            total.starts,
            total.skipped,
            [frames, instances],
            timers
        ),
        (succeeds, starts, skipped, peak, 0)
    );
}

fn chain() -> Vec<Card> {
    let link = |n: u32| {
        let before = n.checked_sub(1);
        card(0, n, before.as_slice(), leaf())
    };
    (0..MANY).map(link).collect()
}

fn fan() -> Vec<Card> {
    let spoke = |n| card(0, n, if n == 0 { &[] } else { &[0] }, leaf());
    (0..MANY).map(spoke).collect()
}

#[test]
fn a_long_chain_holds_one_card_at_a_time() {
    let many = u64::from(MANY);
    check(&drive(chain(), 1, 0, true, None), true, many, 0, [1, 2]);
    // It fails, or is skipped, from its first card to its last in one event.
    check(
        &drive(chain(), 1, 0, true, Some(1)),
        false,
        1,
        many - 1,
        [1, 2],
    );
    let mut skipped = chain();
    skipped[0].when = true;
    check(&drive(skipped, 1, 0, false, None), true, 0, many, [1, 2]);
}

#[test]
fn a_wide_fan_holds_its_cards() {
    let many = u64::from(MANY);
    let wide = MANY as usize;
    check(&drive(fan(), 1, 0, true, None), true, many, 0, [1, wide]);
    let failed = drive(fan(), 1, 0, true, Some(2));
    // The 64 places were asked for their input before the first start failed.
    check(&failed, false, 65, many - 65, [1, wide]);
}

#[test]
fn a_long_loop_holds_what_is_in_flight() {
    let leaves = vec![each(card(0, 0, &[], leaf()), 8)];
    check(
        &drive(leaves, 1, 100_000, true, None),
        true,
        100_000,
        0,
        [1, 2 + 8],
    );
    let groups = vec![
        each(card(0, 0, &[], Action::Group(BodyId(1))), 5),
        card(1, 1, &[], leaf()),
        card(1, 2, &[1], leaf()),
    ];
    let total = drive(groups, 2, 50_000, true, None);
    check(&total, true, 100_000, 0, [1 + 5, 2 + 5 + 5]);
}

#[test]
fn loops_in_loops_hold_no_more_than_can_run() {
    let wide = 1000;
    let cards = vec![
        each(card(0, 0, &[], Action::Group(BodyId(1))), wide),
        each(card(1, 1, &[], Action::Group(BodyId(2))), wide),
        each(card(2, 2, &[], leaf()), wide),
    ];
    let total = drive(cards, 3, 40, true, None);
    assert_eq!(total.starts, 40 * 40 * 40);
    // Not the product of what each allows: a few for each of the 64 places.
    assert!(total.peak.instances <= 64 * 6, "{:?}", total.peak);
}

#[test]
fn bodies_are_as_deep_as_a_program_allows() {
    let depth = u32::try_from(Program::MAX_DEPTH).unwrap();
    let level = |n: u32| {
        let action = match n + 1 == depth {
            true => leaf(),
            false => Action::Group(BodyId(n + 1)),
        };
        each(card(n, 0, &[], action), 1)
    };
    let cards: Vec<Card> = (0..depth).map(level).collect();
    let deep = Program::MAX_DEPTH;
    check(
        &drive(cards.clone(), depth, 1, true, None),
        true,
        1,
        0,
        [deep, 2 * deep + 1],
    );
    check(
        &drive(cards, depth, 1, true, Some(1)),
        false,
        1,
        0,
        [deep, 2 * deep + 1],
    );
}
