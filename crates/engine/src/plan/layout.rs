//! Which cards and bodies a flow has: their numbers, what stands around each, and which ids are
//! seen from where.

use std::{collections::HashMap, sync::Arc};

use flowrun_card::Span;

use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    flow::{Action, Card, Flow},
    machine::{BodyId, CardId},
};

/// Every card and body of a flow by number.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// By [`CardId`]: in source order, a group before its own cards.
    pub(super) cards: Vec<Placed<'a>>,
    /// By [`BodyId`].
    pub(super) bodies: Vec<Body<'a>>,
}

/// A card and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    pub(super) card: &'a Card,
    pub(super) body: BodyId,
    /// The body of a group.
    pub(super) group: Option<BodyId>,
}

/// A body: the flow's own, or that of a group.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    /// The group that it belongs to; none for the flow.
    pub(super) owner: Option<CardId>,
    /// In source order.
    pub(super) cards: Vec<CardId>,
    pub(super) ids: HashMap<&'a str, CardId>,
}

impl<'a> Layout<'a> {
    /// Numbers what the flow has. Ids that are used around are diagnostics.
    pub(super) fn new(flow: &'a Flow, diagnostics: &mut Diagnostics) -> Self {
        let mut layout = Self {
            cards: Vec::new(),
            bodies: vec![Body::default()],
        };
        layout.add(BodyId::FLOW, &flow.cards);
        for placed in &layout.cards {
            let id = &placed.card.id;
            let shadowed = layout
                .around(placed.body)
                .skip(1)
                .find_map(|body| layout.body(body)?.ids.get(&*id.value).copied());
            if let Some(outer) = shadowed {
                diagnostics.push(
                    Diagnostic::error(
                        Code::SHADOWED_ID,
                        id.span,
                        format!("the id `{}` is used by a card around", id.value),
                    )
                    .also(layout.span(outer), "used here")
                    .help("give one of the two another id: an inner card sees the cards around it"),
                );
            }
        }
        layout
    }

    /// As deep as a flow file can be nested.
    fn add(&mut self, body: BodyId, cards: &'a [Card]) {
        for card in cards {
            let id = CardId(number(self.cards.len()));
            let inner = match &card.action {
                Action::Group(_) => Some(BodyId(number(self.bodies.len()))),
                Action::Card { .. } | Action::Broken => None,
            };
            self.cards.push(Placed {
                card,
                body,
                group: inner,
            });
            if let Some(body) = self.bodies.get_mut(body.0 as usize) {
                body.cards.push(id);
                body.ids.entry(&card.id.value).or_insert(id);
            }
            if let (Some(inner), Action::Group(group)) = (inner, &card.action) {
                self.bodies.push(Body {
                    owner: Some(id),
                    ..Body::default()
                });
                self.add(inner, &group.cards);
            }
        }
    }

    pub(super) fn card(&self, id: CardId) -> Option<&Placed<'a>> {
        self.cards.get(id.0 as usize)
    }

    pub(super) fn body(&self, id: BodyId) -> Option<&Body<'a>> {
        self.bodies.get(id.0 as usize)
    }

    /// The group that a body belongs to.
    pub(super) fn owner(&self, body: BodyId) -> Option<&Placed<'a>> {
        self.card(self.body(body)?.owner?)
    }

    /// The numbers of a body and those around it, innermost first.
    pub(super) fn around(&self, body: BodyId) -> impl Iterator<Item = BodyId> + '_ {
        std::iter::successors(Some(body), |body| self.owner(*body).map(|owner| owner.body))
    }

    fn bodies_around(&self, body: BodyId) -> impl Iterator<Item = &Body<'a>> {
        self.around(body).filter_map(|body| self.body(body))
    }

    /// The card of that id as seen from a body: its own cards and those around.
    pub(super) fn find(&self, body: BodyId, id: &str) -> Option<CardId> {
        self.bodies_around(body)
            .find_map(|body| body.ids.get(id).copied())
    }

    /// Every id that is seen from a body.
    pub(super) fn visible(&self, body: BodyId) -> impl Iterator<Item = &'a str> + '_ {
        self.bodies_around(body)
            .flat_map(|body| body.cards.iter())
            .filter_map(|card| self.card(*card).map(|placed| &*placed.card.id.value))
    }

    /// A card of that id that stands anywhere, for the hint that it is out of reach.
    pub(super) fn anywhere(&self, id: &str) -> Option<&Placed<'a>> {
        self.cards
            .iter()
            .find(|placed| *placed.card.id.value == *id)
    }

    /// The card itself, or the group around it, that stands in a body.
    pub(super) fn ancestor_in(&self, mut card: CardId, body: BodyId) -> Option<CardId> {
        loop {
            let placed = self.card(card)?;
            if placed.body == body {
                return Some(card);
            }
            card = self.body(placed.body)?.owner?;
        }
    }

    /// Where a card's id stands.
    pub(super) fn span(&self, card: CardId) -> Span {
        self.card(card)
            .map_or_else(Span::default, |placed| placed.card.id.span)
    }

    /// A card's id.
    pub(super) fn id(&self, card: CardId) -> Arc<str> {
        self.card(card)
            .map_or_else(|| Arc::from(""), |placed| Arc::clone(&placed.card.id.value))
    }
}

/// A number of something that a file of 4 MiB holds.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
