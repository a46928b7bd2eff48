//! The static program of a run: bodies and cards with their order and modifiers,
//! checked once, so that the machine can rely on it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::is_id;
use super::error::MachineError;
use super::failure::ErrorKind;
use super::fingerprint;

/// A body of a [`Program`]; 0 is the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BodyId(pub u32);

/// A card of a [`Program`]: its number in the list given to [`Program::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardId(pub u32);

impl BodyId {
    /// The flow's own body.
    pub const FLOW: Self = Self(0);
}

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for CardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A card: one action with its order and its modifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The body that it stands in.
    pub body: BodyId,
    /// Its id, unique in its body.
    pub id: Arc<str>,
    /// Cards of the same body that must be terminal before this one is ready:
    /// those that it, or anything nested in it, reads, and those of `after`.
    pub waits: Vec<CardId>,
    /// Cards that must have succeeded, or else this one is skipped: those that it
    /// reads itself (not through `default`) and those of `after` (not with
    /// `or_skipped`). Each stands in this body or in one around it, and this card
    /// or the group around it there waits for it.
    pub requires: Vec<CardId>,
    /// Whether it has a `when`.
    pub when: bool,
    /// Its `for_each`.
    pub for_each: Option<Loop>,
    /// The longest that the whole of a loop or group may take once its `when` is
    /// decided. The `timeout` of a leaf is that of an attempt: [`Leaf::timeout`].
    pub timeout: Option<Duration>,
    /// What runs, once or for each item.
    pub action: Action,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A card of the catalogue.
    Leaf(Leaf),
    /// A body of cards.
    Group(BodyId),
}

/// The modifiers of a leaf action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaf {
    /// When to try again.
    pub retry: Option<RetryPolicy>,
    /// The longest that one attempt may take.
    pub timeout: Option<Duration>,
}

/// A `for_each`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Whether it has a `where`.
    pub filter: bool,
    /// How many items are in flight at once.
    pub max_parallel: NonZeroU32,
    /// How many items may fail.
    pub tolerate: Tolerate,
}

impl Loop {
    /// The `max_parallel` of a loop that names none.
    pub const MAX_PARALLEL: NonZeroU32 = NonZeroU32::MIN.saturating_add(7);
}

impl Default for Loop {
    fn default() -> Self {
        Self {
            filter: false,
            max_parallel: Self::MAX_PARALLEL,
            tolerate: Tolerate::Count(0),
        }
    }
}

/// How many items of a loop may fail before the loop does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerate {
    /// So many.
    Count(u64),
    /// So many of a hundred of those that `where` keeps; at most 100.
    Percent(u8),
    /// Any number.
    All,
}

/// When and how often to try again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How many attempts there are in all.
    pub attempts: NonZeroU32,
    /// The backoff before the second attempt.
    pub delay: Duration,
    /// How the backoff grows.
    pub backoff: Backoff,
    /// What the backoff never exceeds.
    pub max_delay: Duration,
    /// Kinds that are tried again even when they are not transient.
    pub kinds: Vec<ErrorKind>,
}

/// How the time between attempts grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// It stays.
    Constant,
    /// It doubles.
    Exponential,
}

/// A short name of a program's content: two programs that run differently have
/// different ones. It does not cover expressions, which the machine never sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub(super) [u64; 2]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [high, low] = self.0;
        write!(f, "{high:016x}{low:016x}")
    }
}

/// A checked, immutable program. Several runs may share one.
#[derive(Clone, Debug)]
pub struct Program {
    cards: Vec<Card>,
    bodies: Vec<Body>,
    wiring: Vec<Wiring>,
    fingerprint: Fingerprint,
}

#[derive(Clone, Debug, Default)]
struct Body {
    /// In source order.
    cards: Vec<CardId>,
    /// The card whose group this is; none for the flow.
    owner: Option<CardId>,
}

/// What the lists of a card mean, in the machine's terms.
#[derive(Clone, Debug, Default)]
struct Wiring {
    /// The card's place among the cards of its body.
    local: u32,
    /// The places of the cards of this body that wait for it, in source order.
    successors: Vec<u32>,
    /// How many cards it waits for.
    waits: u32,
    requirements: Vec<Requirement>,
}

/// A card that must have succeeded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requirement {
    /// How many frames outwards it is found.
    pub(super) outwards: u32,
    /// Its place among the cards of that frame.
    pub(super) local: u32,
    pub(super) card: CardId,
}

impl Program {
    /// How deep bodies can be nested, the flow's own included: as deep as a flow
    /// file can be.
    pub const MAX_DEPTH: usize = 64;

    /// Checks cards, given in the order of the source, and the number of bodies
    /// that they stand in.
    ///
    /// # Errors
    ///
    /// A [`MachineError`] that names the first card or body that is out of order;
    /// what a planner gives from a checked flow has none.
    pub fn new(mut cards: Vec<Card>, bodies: u32) -> Result<Self, MachineError> {
        if bodies == 0 || u32::try_from(cards.len()).is_err() {
            return Err(MachineError::ProgramSize);
        }
        for card in &mut cards {
            for list in [&mut card.waits, &mut card.requires] {
                list.sort_unstable();
                list.dedup();
            }
        }
        let bodies = tree(&cards, bodies)?;
        let mut wiring = vec![Wiring::default(); cards.len()];
        for body in &bodies {
            names(&cards, body)?;
            order(&cards, body, &mut wiring)?;
        }
        for (card, id) in cards.iter().zip((0..).map(CardId)) {
            settings(card, id)?;
            let requirements = requirements(&cards, &bodies, &wiring, card, id)?;
            if let Some(wiring) = wiring.get_mut(id.0 as usize) {
                wiring.requirements = requirements;
            }
        }
        Ok(Self {
            fingerprint: fingerprint::of(&cards, bodies.len()),
            cards,
            bodies,
            wiring,
        })
    }

    /// A short name of the content.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A card; none when the program has no such card.
    pub fn card(&self, id: CardId) -> Option<&Card> {
        self.cards.get(id.0 as usize)
    }

    /// The cards of a body in source order; none for an unknown body.
    pub fn cards(&self, body: BodyId) -> &[CardId] {
        self.bodies.get(body.0 as usize).map_or(&[], |b| &b.cards)
    }

    /// The place of a card among the cards of its body.
    pub fn position(&self, card: CardId) -> Option<u32> {
        self.wiring.get(card.0 as usize).map(|w| w.local)
    }

    pub(super) fn local(&self, card: CardId) -> u32 {
        self.position(card).unwrap_or(u32::MAX)
    }

    /// How many cards each card of a body waits for, in source order.
    pub(super) fn wait_counts(&self, body: BodyId) -> impl Iterator<Item = u32> {
        let wiring = |card: &CardId| self.wiring.get(card.0 as usize).map_or(0, |w| w.waits);
        self.cards(body).iter().map(wiring)
    }

    pub(super) fn successors(&self, card: CardId) -> &[u32] {
        self.wiring
            .get(card.0 as usize)
            .map_or(&[], |w| &w.successors)
    }

    pub(super) fn requirements(&self, card: CardId) -> &[Requirement] {
        self.wiring
            .get(card.0 as usize)
            .map_or(&[], |w| &w.requirements)
    }
}

/// Gathers the bodies and sees that they form a tree that is not too deep.
fn tree(cards: &[Card], count: u32) -> Result<Vec<Body>, MachineError> {
    let mut bodies = vec![Body::default(); count as usize];
    for (card, id) in cards.iter().zip((0..).map(CardId)) {
        let unknown = |body| MachineError::UnknownBody {
            card: id,
            body,
            bodies: count,
        };
        let body = bodies.get_mut(card.body.0 as usize);
        body.ok_or_else(|| unknown(card.body))?.cards.push(id);
        if let Action::Group(group) = card.action {
            let body = bodies.get_mut(group.0 as usize);
            let body = body.ok_or_else(|| unknown(group))?;
            if group == BodyId::FLOW || body.owner.replace(id).is_some() {
                return Err(MachineError::BodyTree { body: group });
            }
        }
    }
    // With at most one owner each, bodies that body 0 does not lead to are the
    // only way not to be a tree.
    let mut reached = vec![false; bodies.len()];
    let mut level = vec![BodyId::FLOW];
    for depth in 0.. {
        let Some(first) = level.first() else { break };
        if depth == Program::MAX_DEPTH {
            return Err(MachineError::TooDeep { body: *first });
        }
        let mut next = Vec::new();
        for body in level {
            if let Some(reached) = reached.get_mut(body.0 as usize) {
                *reached = true;
            }
            let inner = bodies.get(body.0 as usize).map_or(&[][..], |b| &b.cards);
            for card in inner.iter().filter_map(|card| cards.get(card.0 as usize)) {
                if let Action::Group(group) = card.action {
                    next.push(group);
                }
            }
        }
        level = next;
    }
    match reached.iter().zip((0..).map(BodyId)).find(|(r, _)| !**r) {
        Some((_, body)) => Err(MachineError::BodyTree { body }),
        None => Ok(bodies),
    }
}

fn names(cards: &[Card], body: &Body) -> Result<(), MachineError> {
    let mut seen = BTreeMap::new();
    for &id in &body.cards {
        let Some(card) = cards.get(id.0 as usize) else {
            continue;
        };
        if !is_id(&card.id) {
            return Err(MachineError::CardName { card: id });
        }
        if let Some(first) = seen.insert(&card.id, id) {
            return Err(MachineError::DuplicateName { first, second: id });
        }
    }
    Ok(())
}

/// Wires the cards of one body to those that wait for them, and sees that every
/// card gets its turn.
fn order(cards: &[Card], body: &Body, wiring: &mut [Wiring]) -> Result<(), MachineError> {
    for (&id, local) in body.cards.iter().zip(0..) {
        let Some(card) = cards.get(id.0 as usize) else {
            continue;
        };
        for &other in &card.waits {
            match cards.get(other.0 as usize) {
                None => return Err(MachineError::UnknownCard { card: id, other }),
                Some(o) if o.body != card.body => {
                    return Err(MachineError::ForeignWait { card: id, other });
                }
                Some(_) => {}
            }
            if let Some(other) = wiring.get_mut(other.0 as usize) {
                other.successors.push(local);
            }
        }
        if let Some(wiring) = wiring.get_mut(id.0 as usize) {
            wiring.local = local;
            // Fewer than cards, which 32 bits count.
            wiring.waits = u32::try_from(card.waits.len()).unwrap_or(u32::MAX);
        }
    }

    let of = |local: u32| {
        let id = body.cards.get(local as usize)?;
        wiring.get(id.0 as usize)
    };
    let locals = || (0..).zip(&body.cards).map(|(local, _)| local);
    let mut waits: Vec<u32> = locals().map(|l| of(l).map_or(0, |w| w.waits)).collect();
    let mut ready: Vec<u32> = locals()
        .filter(|local| waits.get(*local as usize) == Some(&0))
        .collect();
    while let Some(wiring) = ready.pop().and_then(of) {
        for &successor in &wiring.successors {
            if let Some(waits) = waits.get_mut(successor as usize) {
                *waits = waits.saturating_sub(1);
                if *waits == 0 {
                    ready.push(successor);
                }
            }
        }
    }
    match waits.iter().zip(&body.cards).find(|(waits, _)| **waits > 0) {
        Some((_, &card)) => Err(MachineError::Cycle { card }),
        None => Ok(()),
    }
}

fn settings(card: &Card, id: CardId) -> Result<(), MachineError> {
    let wrong = |what| Err(MachineError::Setting { card: id, what });
    let is_leaf = matches!(card.action, Action::Leaf(_));
    if card.timeout.is_some() && is_leaf && card.for_each.is_none() {
        return wrong("the timeout of a leaf is that of its attempts");
    }
    match card.for_each.map(|l| l.tolerate) {
        Some(Tolerate::Percent(101..)) => wrong("a loop tolerates at most 100%"),
        _ => Ok(()),
    }
}

/// Finds each required card in the frames around the card.
fn requirements(
    cards: &[Card],
    bodies: &[Body],
    wiring: &[Wiring],
    card: &Card,
    id: CardId,
) -> Result<Vec<Requirement>, MachineError> {
    let mut requirements = Vec::with_capacity(card.requires.len());
    for &other in &card.requires {
        let unordered = MachineError::UnorderedRequirement { card: id, other };
        let Some(required) = cards.get(other.0 as usize) else {
            return Err(MachineError::UnknownCard { card: id, other });
        };
        let mut outwards = 0;
        let mut around = card;
        while around.body != required.body {
            let owner = bodies.get(around.body.0 as usize).and_then(|b| b.owner);
            match owner.and_then(|owner| cards.get(owner.0 as usize)) {
                Some(owner) => around = owner,
                None => return Err(unordered),
            }
            outwards += 1;
        }
        if around.waits.binary_search(&other).is_err() {
            return Err(unordered);
        }
        requirements.push(Requirement {
            outwards,
            local: wiring.get(other.0 as usize).map_or(0, |w| w.local),
            card: other,
        });
    }
    Ok(requirements)
}
