//! A plan: a program together with what its expressions and attempts give, each
//! as a function of the address alone, so that no schedule can change it.

use std::sync::Arc;
use std::time::Duration;

use flowrun_engine::machine::{
    Action, Address, Card, CardId, Cause, ErrorKind, Failure, Handle, Limits, Program, Retry, Slot,
};

/// Positions of cards, and numbers of items, from the flow inwards. Its order is
/// the order of the source.
pub(crate) type Path = Vec<(u32, Option<u64>)>;

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) cards: Vec<Card>,
    /// What each card gives.
    pub(crate) odds: Vec<Odds>,
    /// The cards of each body in source order.
    pub(crate) bodies: Vec<Vec<u32>>,
    /// How deep each body lies; 0 for the flow.
    pub(crate) depths: Vec<usize>,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
}

/// Percentages, and the greatest length of a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Odds {
    pub(crate) when: u8,
    pub(crate) keep: u8,
    pub(crate) length: u64,
    /// Of attempts that fail.
    pub(crate) fail: u8,
    /// Of failures that are transient.
    pub(crate) transient: u8,
    /// Of evaluations that fail.
    pub(crate) error: u8,
}

/// One round of splitmix64.
pub(crate) fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Plan {
    pub(crate) fn program(&self) -> Arc<Program> {
        let bodies = u32::try_from(self.bodies.len()).unwrap();
        Arc::new(Program::new(self.cards.clone(), bodies).unwrap())
    }

    pub(crate) fn card(&self, id: u32) -> &Card {
        &self.cards[id as usize]
    }

    /// The place of a card in its body.
    pub(crate) fn local(&self, id: u32) -> u32 {
        let body = &self.bodies[self.card(id).body.0 as usize];
        u32::try_from(body.iter().position(|c| *c == id).unwrap()).unwrap()
    }

    /// The card at a path; none for the flow.
    pub(crate) fn card_at(&self, path: &[(u32, Option<u64>)]) -> Option<u32> {
        let mut body = Some(0);
        let mut card = None;
        for (local, _) in path {
            let id = self.bodies[body.unwrap() as usize][*local as usize];
            body = match self.card(id).action {
                Action::Group(group) => Some(group.0),
                Action::Leaf(_) => None,
            };
            card = Some(id);
        }
        card
    }

    /// The body that the instance at a path executes.
    pub(crate) fn body_at(&self, path: &[(u32, Option<u64>)]) -> u32 {
        match self.card_at(path).map(|card| &self.card(card).action) {
            None => 0,
            Some(Action::Group(body)) => body.0,
            Some(Action::Leaf(_)) => panic!("{path:?} is a leaf"),
        }
    }

    /// Where a card that something at `path` waits for or requires is executed.
    pub(crate) fn sibling(&self, path: &[(u32, Option<u64>)], card: CardId) -> Path {
        let depth = self.depths[self.card(card.0).body.0 as usize];
        let mut sibling = path[..depth].to_vec();
        sibling.push((self.local(card.0), None));
        sibling
    }

    pub(crate) fn address(&self, path: &[(u32, Option<u64>)]) -> Address {
        (1..=path.len()).fold(Address::flow(), |at, end| {
            let card = self.card_at(&path[..end]).unwrap();
            at.child(self.card(card).id.clone(), path[end - 1].1)
        })
    }

    fn roll(&self, path: &[(u32, Option<u64>)], what: u64) -> u64 {
        let step = |state, (local, index): &(u32, Option<u64>)| {
            let index = index.map_or(0, |index| index + 1);
            mix(mix(state ^ u64::from(*local)) ^ index)
        };
        mix(path.iter().fold(mix(self.seed), step) ^ mix(what))
    }

    fn chance(&self, path: &[(u32, Option<u64>)], what: u64, percent: u8) -> bool {
        self.roll(path, what) % 100 < u64::from(percent)
    }

    fn odds_at(&self, path: &[(u32, Option<u64>)]) -> Odds {
        self.card_at(path)
            .map_or_else(Odds::default, |card| self.odds[card as usize])
    }

    /// What `when` gives.
    pub(crate) fn when(&self, path: &[(u32, Option<u64>)]) -> bool {
        self.chance(path, 1, self.odds_at(path).when)
    }

    /// What `where` gives for an item.
    pub(crate) fn keeps(&self, path: &[(u32, Option<u64>)]) -> bool {
        self.chance(path, 2, self.odds_at(path).keep)
    }

    /// How long the list of a loop is.
    pub(crate) fn length(&self, path: &[(u32, Option<u64>)]) -> u64 {
        let most = self.odds_at(path).length;
        match self.chance(path, 4, 50) {
            true => most,
            false => self.roll(path, 3) % (most + 1),
        }
    }

    /// Why an expression cannot be evaluated, if so.
    pub(crate) fn error(&self, path: &[(u32, Option<u64>)], slot: Slot) -> Option<Failure> {
        let what = 16 + slot as u64;
        self.chance(path, what, self.odds_at(path).error)
            .then(|| Failure {
                kind: ErrorKind::Expression,
                retry: Retry::Permanent,
                error: Some(Handle(self.roll(path, what))),
            })
    }

    /// Why an attempt of a leaf fails, if so.
    pub(crate) fn failure(&self, path: &[(u32, Option<u64>)], attempt: u32) -> Option<Failure> {
        use ErrorKind::{Failed, NotFound, RateLimited, Timeout, Unavailable};
        let odds = self.odds_at(path);
        let roll = |what| self.roll(path, (u64::from(attempt) << 8) + what);
        if roll(32) % 100 >= u64::from(odds.fail) {
            return None;
        }
        let after = [
            None,
            Some(Duration::ZERO),
            Some(Duration::from_micros(1500)),
            Some(Duration::from_secs(20)),
            Some(Duration::MAX),
        ];
        let retry = match roll(33) % 100 < u64::from(odds.transient) {
            true => Retry::Transient {
                after: after[(roll(34) % 5) as usize],
            },
            false => Retry::Permanent,
        };
        let kinds = [Failed, NotFound, RateLimited, Timeout, Unavailable];
        Some(Failure {
            kind: kinds[(roll(35) % 5) as usize],
            retry,
            error: Some(Handle(roll(36))),
        })
    }

    /// Whether a failed attempt is followed by another one.
    pub(crate) fn tries_again(&self, card: u32, attempt: u32, failure: &Failure) -> bool {
        let Action::Leaf(leaf) = &self.card(card).action else {
            return false;
        };
        leaf.retry.as_ref().is_some_and(|policy| {
            let helps = failure.retry != Retry::Permanent || policy.kinds.contains(&failure.kind);
            attempt < policy.attempts.get() && helps
        })
    }

    pub(crate) fn cause(&self, path: &Path, attempts: u32, failure: Failure) -> Box<Cause> {
        Box::new(Cause {
            address: self.address(path),
            attempts,
            failure,
        })
    }
}
