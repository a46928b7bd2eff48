//! Checking cards: their modifiers, their input against their declaration, and what they give.

use std::sync::Arc;

use flowrun_card::{CardTypes, DynCard, Entry, Span, Type, TypeKind, Value};

use super::{
    PlannedAction, PlannedCard, PlannedLoop, Slot,
    build::Planner,
    draft::{ActionDraft, CardDraft, Draft, connection_kind},
    hints::CONDITION,
    scope::Place,
    slots::{Checker, Filled, Owner},
};
use crate::{
    diagnostic::{Code, Diagnostic},
    expression::Checked,
    flow::Named,
    machine::{CardId, Tolerate},
    suggest,
};

impl Planner<'_> {
    /// Checks a card after those that it waits for. `None` where a diagnostic says why not.
    pub(super) fn card(&mut self, id: CardId, draft: &CardDraft<'_>) -> Option<PlannedCard> {
        let placed = *self.checker.known.layout.card(id)?;
        let when = draft
            .when
            .as_ref()
            .map(|when| self.checker.condition(when, Place::Card(id), "when"));
        let list = draft
            .list
            .as_ref()
            .map(|list| self.checker.list_of(id, list));
        let filter = draft
            .filter
            .as_ref()
            .map(|filter| self.checker.condition(filter, Place::Action(id), "where"));
        self.checker.refuse_same_item(id);
        let action = match &draft.action {
            ActionDraft::Card {
                name,
                with,
                connection,
            } => self
                .checker
                .action(id, name, with.as_ref(), connection.as_deref()),
            ActionDraft::Group { outputs } => self.group(id, outputs.as_deref()),
            ActionDraft::Broken => None,
        };
        let ty = action.as_ref().map_or(Type::ANY, |(_, ty)| ty.clone());
        let tolerate = placed.card.for_each.as_ref().map(|each| each.tolerate);
        self.checker.set_type(id, output_type(ty, tolerate));

        // What is wrong with one part does not keep the others from being checked.
        let when = flatten(when)?;
        let list = flatten(list)?;
        let filter = flatten(filter)?;
        let (action, _) = action?;
        Some(PlannedCard {
            id: Arc::clone(&placed.card.id.value),
            span: placed.card.id.span,
            when: when.map(|checked| checked.compiled),
            for_each: list.map(|list| PlannedLoop {
                list: list.compiled,
                filter: filter.map(|checked| checked.compiled),
            }),
            action,
        })
    }

    fn group(
        &mut self,
        id: CardId,
        outputs: Option<&[(&Named, Draft<'_>)]>,
    ) -> Option<(PlannedAction, Type)> {
        let body = self.checker.known.layout.card(id)?.group?;
        let ty = self.body(body, outputs)?;
        Some((PlannedAction::Group(body), ty))
    }
}

/// Turns "is there one, and is it right" inside out.
fn flatten<T>(checked: Option<Option<T>>) -> Option<Option<T>> {
    match checked {
        None => Some(None),
        Some(checked) => checked.map(Some),
    }
}

/// What a card gives, its loop included.
fn output_type(ty: Type, tolerate: Option<Tolerate>) -> Type {
    let Some(tolerate) = tolerate else { return ty };
    let fails = !matches!(tolerate, Tolerate::Count(0) | Tolerate::Percent(0));
    if !fails || ty.is_any() {
        return Type::list(ty);
    }
    let text = || Type::string();
    let error = Type::object([
        ("kind".to_owned(), text()),
        ("code".to_owned(), text().nullable()),
        ("message".to_owned(), text()),
        ("card".to_owned(), text().nullable()),
        ("attempts".to_owned(), Type::integer()),
        ("details".to_owned(), Type::map(text())),
    ]);
    let failed = Type::object([
        ("error".to_owned(), error),
        ("item".to_owned(), Type::ANY),
        ("index".to_owned(), Type::integer()),
    ]);
    Type::list(Type::new(TypeKind::OneOf(vec![ty, failed])))
}

impl Checker<'_> {
    fn set_type(&mut self, id: CardId, ty: Type) {
        if let Some(slot) = self.known.types.get_mut(id.0 as usize) {
            *slot = ty;
        }
    }

    fn condition(&mut self, draft: &Draft<'_>, place: Place, key: &str) -> Option<Checked> {
        let checked = self.expression(draft, place, None)?;
        if Type::boolean().accepts(&checked.ty) {
            return Some(checked);
        }
        self.report(
            Diagnostic::error(
                Code::EXPRESSION_TYPE,
                draft.span(),
                format!("`{key}` needs a boolean, and this yields {}", checked.ty),
            )
            .help(CONDITION),
        );
        None
    }

    /// The list of a loop; remembers the type of its items.
    fn list_of(&mut self, id: CardId, draft: &Draft<'_>) -> Option<Checked> {
        let checked = self.expression(draft, Place::Card(id), None)?;
        let item = match &checked.ty.kind {
            TypeKind::Any => Type::ANY,
            TypeKind::List { items, .. } => Type::clone(items),
            TypeKind::Object { fields, additional } => {
                let mut values: Vec<Type> = Vec::new();
                let all = fields
                    .values()
                    .map(|field| &field.ty)
                    .chain(additional.iter().map(|ty| &**ty));
                for ty in all {
                    if !values.contains(ty) {
                        values.push(ty.clone());
                    }
                }
                let value = match (values.pop(), values.is_empty()) {
                    (Some(only), true) => only,
                    _ => Type::ANY,
                };
                Type::object([
                    ("key".to_owned(), Type::string()),
                    ("value".to_owned(), value),
                ])
            }
            TypeKind::OneOf(_) => Type::ANY,
            _ => {
                let help = match &checked.ty.kind {
                    TypeKind::Connection { .. } => {
                        "declare a set of connections, `ALIAS: { set: NAME }`, and name that"
                    }
                    _ => {
                        "name a list, such as `cards.found.objects`; `text.split` makes one of a \
                         text"
                    }
                };
                self.report(
                    Diagnostic::error(
                        Code::EXPRESSION_TYPE,
                        draft.span(),
                        format!(
                            "`for_each` needs a list or an object, and this yields {}",
                            checked.ty
                        ),
                    )
                    .help(help),
                );
                return None;
            }
        };
        if let Some(slot) = self.known.items.get_mut(id.0 as usize) {
            *slot = item;
        }
        Some(checked)
    }

    /// A loop within a loop must tell its item from that of the outer one.
    fn refuse_same_item(&mut self, id: CardId) {
        let Some(placed) = self.known.layout.card(id) else {
            return;
        };
        let Some(for_each) = &placed.card.for_each else {
            return;
        };
        let name = for_each.name.as_ref().map(|name| &*name.value);
        let Some(outer) = self.known.same_item(id, name) else {
            return;
        };
        let at = for_each
            .name
            .as_ref()
            .map_or(for_each.list.span, |name| name.span);
        let diagnostic = Diagnostic::error(
            Code::SHADOWED_ID,
            at,
            format!(
                "the loop around already calls its item `{}`",
                name.unwrap_or("item")
            ),
        )
        .also(self.known.layout.span(outer), "the loop around")
        .help("name the item of one of the two with `as: NAME`");
        self.report(diagnostic);
    }

    fn action(
        &mut self,
        id: CardId,
        name: &Named,
        with: Option<&Draft<'_>>,
        connection: Option<&Draft<'_>>,
    ) -> Option<(PlannedAction, Type)> {
        let registry = self.registry;
        match registry.get(&name.value) {
            Some(Entry::Card { card, types }) => {
                let input = self.card_input(id, name, (card, types), with, connection)?;
                let action = PlannedAction::Card {
                    card: Arc::clone(card),
                    types: Arc::clone(types),
                    input,
                };
                Some((action, types.output.clone()))
            }
            Some(Entry::Function(function)) => {
                if let Some(connection) = connection {
                    self.takes_no_connection(name, connection.span());
                }
                self.refuse_retry(id, name);
                self.function(id, name, function, with)
            }
            Some(_) => None,
            None => {
                let near = suggest::among(&name.value, registry.iter().map(Entry::name));
                self.report(
                    Diagnostic::error(
                        Code::UNKNOWN_CARD,
                        name.span,
                        format!("there is no card `{}`", name.value),
                    )
                    .help(near.unwrap_or_else(|| "`flowrun cards` lists all cards".to_owned())),
                );
                // Mistakes in what it reads are mistakes all the same.
                let place = Place::Action(id);
                if let Some(with) = with {
                    self.slot(with, &Type::ANY, place, Owner::default());
                }
                if let Some(connection) = connection {
                    let ty = super::scope::connection(None);
                    self.slot(connection, &ty, place, Owner::default());
                }
                None
            }
        }
    }

    fn refuse_retry(&mut self, id: CardId, name: &Named) {
        let retry = self
            .known
            .layout
            .card(id)
            .and_then(|placed| placed.card.retry.as_ref());
        if let Some(retry) = retry {
            let message = format!("`{}` is a function, and is not tried again", name.value);
            self.report(
                Diagnostic::error(Code::MISPLACED_MODIFIER, retry.span, message)
                    .help("remove `retry:`: a function that failed fails again on the same input"),
            );
        }
    }

    fn takes_no_connection(&mut self, name: &Named, span: Span) {
        self.report(
            Diagnostic::error(
                Code::MISPLACED_MODIFIER,
                span,
                format!("`{}` takes no connection", name.value),
            )
            .help("remove `connection:`"),
        );
    }

    fn card_input(
        &mut self,
        id: CardId,
        name: &Named,
        (card, types): (&Arc<dyn DynCard>, &CardTypes),
        with: Option<&Draft<'_>>,
        connection: Option<&Draft<'_>>,
    ) -> Option<Slot> {
        let place = Place::Action(id);
        let default = match connection {
            None => None,
            Some(draft) => match connection_kind(&types.input) {
                Some(kind) => Some(self.slot(
                    draft,
                    &super::scope::connection(kind),
                    place,
                    Owner::default(),
                )),
                None => {
                    self.takes_no_connection(name, draft.span());
                    None
                }
            },
        };
        let broken = matches!(default, Some(None));
        let unknown: Filled = (Slot::Constant(Value::Null), Type::ANY);
        let default = match default {
            // Reported already: not to be reported as missing too.
            Some(None) => Some(unknown),
            Some(filled) => filled,
            None => None,
        };
        let owner = Owner::card(&name.value, name.span, default.as_ref());
        let empty = Draft::Object {
            fields: Vec::new(),
            span: name.span,
        };
        let draft = with.unwrap_or(&empty);
        let filled = self.slot(draft, &types.input, place, owner);
        let ruled = self.rules(card.spec().rules, name, draft);
        let (slot, _) = filled?;
        if broken || !ruled {
            return None;
        }
        self.whole_input(&**card, types, name, draft, &slot)?;
        Some(slot)
    }
}
