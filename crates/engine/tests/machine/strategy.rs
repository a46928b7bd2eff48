//! Random plans: chains, fans and other graphs, groups and loops in each other.

use std::num::NonZeroU32;
use std::time::Duration;

use flowrun_engine::machine::{
    Action, Backoff, BodyId, Card, CardId, ErrorKind, Leaf, Limits, Loop, RetryPolicy, Tolerate,
};
use proptest::prelude::*;

use crate::plan::{Odds, Plan};

/// Bodies in each other, the flow's included.
const DEPTH: usize = 4;
/// The most leaves that a run with loops can have, so that a case stays quick.
const LEAVES: u64 = 300;

/// What a plan may contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Anything,
    /// No timeouts: what comes of it is no question of time.
    Timeless,
}

/// How the cards of a body wait for each other.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Chain,
    Fan,
    Join,
    Graph,
}

#[derive(Clone, Debug)]
struct Body {
    shape: Shape,
    cards: Vec<Sprout>,
}

/// A card whose references are not wired yet.
#[derive(Clone, Debug)]
struct Sprout {
    /// Of two cards, only the one of the higher rank waits for the other: edges
    /// go backwards in the source as well as forwards.
    rank: u8,
    /// Which of those before it a card waits for.
    waits: u8,
    /// Which of those that it, or a group around it, waits for may be skipped.
    lifted: u8,
    when: bool,
    for_each: Option<Loop>,
    timeout: Option<Duration>,
    leaf: Leaf,
    group: Option<Body>,
    odds: Odds,
}

pub(crate) fn plan(kind: Kind) -> impl Strategy<Value = Plan> {
    let limit = prop_oneof![1 => 1..4u32, 2 => 4..65u32];
    (body(kind, DEPTH - 1), limit, any::<u64>()).prop_map(|(body, limit, seed)| {
        let mut plan = Plan {
            cards: vec![],
            odds: vec![],
            bodies: vec![vec![]],
            depths: vec![0],
            limits: Limits {
                max_parallel: NonZeroU32::new(limit).unwrap(),
            },
            seed,
        };
        grow(&mut plan, &body, 0, &[]);
        while leaves(&plan, 0) > LEAVES && plan.odds.iter().any(|odds| odds.length > 0) {
            for odds in &mut plan.odds {
                odds.length /= 2;
            }
        }
        plan
    })
}

fn body(kind: Kind, deeper: usize) -> BoxedStrategy<Body> {
    let shape = prop_oneof![
        1 => Just(Shape::Chain),
        1 => Just(Shape::Fan),
        1 => Just(Shape::Join),
        4 => Just(Shape::Graph),
    ];
    let cards = prop_oneof![
        1 => prop::collection::vec(sprout(kind, deeper), 0..2),
        9 => prop::collection::vec(sprout(kind, deeper), 1..6),
    ];
    (shape, cards)
        .prop_map(|(shape, cards)| Body { shape, cards })
        .boxed()
}

fn sprout(kind: Kind, deeper: usize) -> BoxedStrategy<Sprout> {
    let group = match deeper {
        0 => Just(None).boxed(),
        _ => prop::option::weighted(0.4, body(kind, deeper - 1)).boxed(),
    };
    let timeout = |weight| match kind {
        Kind::Anything => prop::option::weighted(weight, duration()).boxed(),
        Kind::Timeless => Just(None).boxed(),
    };
    let leaf = (prop::option::weighted(0.7, retry()), timeout(0.3))
        .prop_map(|(retry, timeout)| Leaf { retry, timeout });
    (
        (
            any::<u8>(),
            any::<u8>(),
            prop_oneof![Just(0), any::<u8>()],
            prop::bool::weighted(0.25),
        ),
        prop::option::weighted(0.5, for_each()),
        timeout(0.2),
        leaf,
        group,
        odds(),
    )
        .prop_map(
            |((rank, waits, lifted, when), for_each, timeout, leaf, group, odds)| Sprout {
                rank,
                waits,
                lifted,
                when,
                timeout: timeout.filter(|_| for_each.is_some() || group.is_some()),
                for_each,
                leaf,
                group,
                odds,
            },
        )
        .boxed()
}

fn for_each() -> impl Strategy<Value = Loop> {
    let tolerate = prop_oneof![
        Just(Tolerate::Count(0)),
        (0..4u64).prop_map(Tolerate::Count),
        (0..50u8).prop_map(Tolerate::Percent),
        Just(Tolerate::Percent(50)),
        Just(Tolerate::All),
    ];
    (any::<bool>(), 1..9u32, tolerate).prop_map(|(filter, limit, tolerate)| Loop {
        filter,
        max_parallel: NonZeroU32::new(limit).unwrap(),
        tolerate,
    })
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0..5_000_000u64).prop_map(Duration::from_micros),
        Just(Duration::MAX),
    ]
}

fn retry() -> impl Strategy<Value = RetryPolicy> {
    let kinds = prop::sample::subsequence(vec![ErrorKind::NotFound, ErrorKind::Expression], 0..=2);
    (1..5u32, duration(), any::<bool>(), duration(), kinds).prop_map(
        |(attempts, delay, doubles, max_delay, kinds)| RetryPolicy {
            attempts: NonZeroU32::new(attempts).unwrap(),
            delay,
            backoff: match doubles {
                true => Backoff::Exponential,
                false => Backoff::Constant,
            },
            max_delay,
            kinds,
        },
    )
}

fn odds() -> impl Strategy<Value = Odds> {
    let percent = || prop_oneof![Just(0u8), Just(100u8), 0..=100u8];
    let length = prop_oneof![1 => 0..3u64, 3 => 3..13u64];
    let keep = prop_oneof![Just(100u8), 0..=100u8];
    let fail = prop_oneof![3 => Just(0u8), 4 => 0..60u8, 1 => Just(100u8)];
    let error = prop_oneof![12 => Just(0u8), 1 => 0..40u8];
    (percent(), keep, length, fail, percent(), error).prop_map(
        |(when, keep, length, fail, transient, error)| Odds {
            when,
            keep,
            length,
            fail,
            transient,
            error,
        },
    )
}

/// Adds a body to the plan; `around` is what the groups around it wait for.
fn grow(plan: &mut Plan, body: &Body, at: u32, around: &[CardId]) {
    let ids = numbered(plan, body, at);
    for (local, sprout) in body.cards.iter().enumerate() {
        let before = before(body, local);
        let waits: Vec<CardId> = before.iter().map(|other| ids[*other]).collect();
        let known: Vec<CardId> = around.iter().chain(&waits).copied().collect();
        let requires = known.iter().enumerate();
        let requires = requires.filter(|(n, _)| sprout.lifted >> (n % 8) & 1 == 0);
        let requires = requires.map(|(_, card)| *card).collect();
        let card = &mut plan.cards[ids[local].0 as usize];
        card.waits = waits;
        card.requires = requires;
        if let (Some(group), Action::Group(inner)) = (&sprout.group, card.action.clone()) {
            grow(plan, group, inner.0, &known);
        }
    }
}

/// Numbers the cards of a body, and the bodies of its groups.
fn numbered(plan: &mut Plan, body: &Body, at: u32) -> Vec<CardId> {
    let mut ids = vec![];
    for (local, sprout) in body.cards.iter().enumerate() {
        let id = u32::try_from(plan.cards.len()).unwrap();
        let action = match &sprout.group {
            None => Action::Leaf(sprout.leaf.clone()),
            Some(_) => {
                plan.bodies.push(vec![]);
                plan.depths.push(plan.depths[at as usize] + 1);
                Action::Group(BodyId(u32::try_from(plan.bodies.len() - 1).unwrap()))
            }
        };
        plan.cards.push(Card {
            body: BodyId(at),
            id: format!("c{local}").into(),
            waits: vec![],
            requires: vec![],
            when: sprout.when,
            for_each: sprout.for_each,
            timeout: sprout.timeout,
            action,
        });
        plan.odds.push(sprout.odds);
        plan.bodies[at as usize].push(id);
        ids.push(CardId(id));
    }
    ids
}

/// Which cards of its body a card waits for.
fn before(body: &Body, local: usize) -> Vec<usize> {
    let sprout = &body.cards[local];
    let last = body.cards.len() - 1;
    match body.shape {
        Shape::Chain => local.checked_sub(1).into_iter().collect(),
        Shape::Fan => (local > 0).then_some(0).into_iter().collect(),
        Shape::Join if local == last => (0..last).collect(),
        Shape::Join => vec![],
        Shape::Graph => (0..body.cards.len())
            .filter(|other| {
                (body.cards[*other].rank, *other) < (sprout.rank, local)
                    && sprout.waits >> (other % 8) & 1 == 1
            })
            .collect(),
    }
}

/// The most leaves that a body's execution can have; an empty group counts too.
fn leaves(plan: &Plan, body: u32) -> u64 {
    let of = |id: &u32| {
        let card = plan.card(*id);
        let inner = match card.action {
            Action::Leaf(_) => 1,
            Action::Group(body) => leaves(plan, body.0).max(1),
        };
        let times = match card.for_each {
            Some(_) => plan.odds[*id as usize].length,
            None => 1,
        };
        inner * times
    };
    plan.bodies[body as usize].iter().map(of).sum()
}
