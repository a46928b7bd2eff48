//! Who waits for whom: the cards that each card reads or names in `after`.

use super::{
    draft::{ActionDraft, CardDraft},
    layout::Layout,
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    expression::Reference,
    flow::Named,
    machine::{BodyId, CardId},
    suggest,
};

/// The edges of a card.
#[derive(Clone, Debug, Default)]
pub(super) struct Edges {
    /// Cards of the same body that must be over before this one starts.
    pub(super) waits: Vec<CardId>,
    /// Cards, here or around, that must have succeeded.
    pub(super) requires: Vec<CardId>,
}

/// The edges of every card, by its number.
pub(super) fn edges(
    layout: &Layout<'_>,
    drafts: &[CardDraft<'_>],
    diagnostics: &mut Diagnostics,
) -> Vec<Edges> {
    let mut found = Found {
        layout,
        edges: vec![Edges::default(); layout.cards.len()],
    };
    for ((placed, draft), card) in layout.cards.iter().zip(drafts).zip((0..).map(CardId)) {
        for own in draft.own() {
            own.references(&mut |reference| found.read(card, placed.body, reference, true));
        }
        if let (
            ActionDraft::Group {
                outputs: Some(outputs),
            },
            Some(inner),
        ) = (&draft.action, placed.group)
        {
            for (_, output) in outputs {
                output.references(&mut |reference| found.read(card, inner, reference, false));
            }
        }
        for after in &placed.card.after {
            let name = &after.card;
            match layout.find(placed.body, &name.value) {
                Some(before) => found.add(card, before, !after.or_skipped),
                None if diagnostics.is_full() => {}
                None => diagnostics.push(no_such_card(layout, placed.body, name)),
            }
        }
    }
    for edges in &mut found.edges {
        for list in [&mut edges.waits, &mut edges.requires] {
            list.sort_unstable();
            list.dedup();
        }
    }
    found.edges
}

/// What to say of an `after` that names no card that its own card sees.
fn no_such_card(layout: &Layout<'_>, body: BodyId, name: &Named) -> Diagnostic {
    let id = &name.value;
    let hidden = layout.anywhere(id);
    match hidden.and_then(|placed| Some((placed, layout.owner(placed.body)?))) {
        Some((placed, owner)) => {
            let owner = &owner.card.id.value;
            Diagnostic::error(
                Code::OUT_OF_REACH,
                name.span,
                format!("the card `{id}` cannot be seen from here: it stands inside `{owner}`"),
            )
            .also(
                placed.card.id.span,
                format!("`{id}` stands inside `{owner}`"),
            )
            .help(format!(
                "wait for `{owner}`, which is over when its cards are"
            ))
        }
        None => {
            Diagnostic::error(
                Code::UNKNOWN_NAME,
                name.span,
                format!("there is no card `{id}` here"),
            )
            .help(suggest::among(id, layout.visible(body)).unwrap_or_else(|| {
                "name a card that stands beside this one or around it".to_owned()
            }))
        }
    }
}

struct Found<'l, 'a> {
    layout: &'l Layout<'a>,
    edges: Vec<Edges>,
}

impl Found<'_, '_> {
    /// A path that `card` reads from a place that sees `body`. Names that do not exist are
    /// reported where the expression is checked.
    fn read(&mut self, card: CardId, body: BodyId, reference: Reference<'_>, requires: bool) {
        if reference.root != "cards" {
            return;
        }
        let Some(member) = reference.member else {
            return;
        };
        let Some(before) = self.layout.find(body, member) else {
            return;
        };
        let own = self.layout.card(card).and_then(|placed| placed.group);
        let is_inner = self.layout.card(before).map(|placed| placed.body) == own;
        // The outputs of a group read its own cards when all of them are over.
        if own.is_some() && is_inner {
            return;
        }
        self.add(card, before, requires && !reference.lifted);
    }

    /// `card`, or the group around it that stands beside `before`, waits for `before`.
    fn add(&mut self, card: CardId, before: CardId, requires: bool) {
        let Some(body) = self.layout.card(before).map(|placed| placed.body) else {
            return;
        };
        let Some(waiting) = self.layout.ancestor_in(card, body) else {
            return;
        };
        if let Some(edges) = self.edges.get_mut(waiting.0 as usize) {
            edges.waits.push(before);
        }
        if requires && let Some(edges) = self.edges.get_mut(card.0 as usize) {
            edges.requires.push(before);
        }
    }
}
