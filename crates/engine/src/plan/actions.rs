//! Checking cards: their modifiers, their input against their declaration, and what they give.

use std::sync::Arc;

use flowrun_card::{
    CardTypes, ConnectionRef, DynCard, Entry, Function, ParameterKind, Rule, Span, Type, TypeKind,
    Value,
};

use super::{
    Argument, PlannedAction, PlannedCard, PlannedLoop, Slot,
    build::Planner,
    draft::{ActionDraft, CardDraft, Draft, connection_kind},
    scope::Place,
    slots::{CONDITION, Checker, Filled, Owner, add, help_for, names, type_of},
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
                self.report(
                    Diagnostic::error(
                        Code::EXPRESSION_TYPE,
                        draft.span(),
                        format!(
                            "`for_each` needs a list or an object, and this yields {}",
                            checked.ty
                        ),
                    )
                    .help("name a list, such as `cards.found.objects`; `text.split` makes one of a text"),
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

    /// Rules over several fields, by what is written.
    fn rules(&mut self, rules: &[Rule], name: &Named, draft: &Draft<'_>) -> bool {
        let Draft::Object { fields, .. } = draft else {
            return true;
        };
        let given = |field: &str| {
            fields
                .iter()
                .find(|(key, _)| *key.name == *field)
                .map(|(key, draft)| {
                    (
                        key.span,
                        matches!(draft, Draft::Literal { scalar, .. } if scalar.is_null()),
                        matches!(draft, Draft::Expression { .. }),
                    )
                })
                .filter(|(_, is_null, _)| !is_null)
        };
        let list = |list: &[&str]| names(list.iter().copied());
        let mut found = Vec::new();
        for rule in rules {
            match rule {
                Rule::ExactlyOne(names) | Rule::AtMostOne(names) => {
                    let here: Vec<(Span, bool)> = names
                        .iter()
                        .filter_map(|name| given(name))
                        .map(|(span, _, dynamic)| (span, dynamic))
                        .collect();
                    // An expression may yield null, which is "not given".
                    let certain = here.iter().filter(|(_, dynamic)| !dynamic).count();
                    if certain > 1 {
                        let mut spans = here.iter().map(|(span, _)| *span);
                        let first = spans.next().unwrap_or(name.span);
                        let second = spans.next().unwrap_or(name.span);
                        found.push(
                            Diagnostic::error(
                                Code::INPUT_RULE,
                                second,
                                format!("`{}` takes only one of {}", name.value, list(names)),
                            )
                            .also(first, "given here")
                            .help("remove one of the two"),
                        );
                    } else if here.is_empty() && matches!(rule, Rule::ExactlyOne(_)) {
                        found.push(
                            Diagnostic::error(
                                Code::INPUT_RULE,
                                name.span,
                                format!("`{}` needs one of {}", name.value, list(names)),
                            )
                            .help("add one of them to `with:`"),
                        );
                    }
                }
                Rule::Requires(field, other) => {
                    if let Some((span, _, false)) = given(field)
                        && given(other).is_none()
                    {
                        found.push(
                            Diagnostic::error(
                                Code::INPUT_RULE,
                                span,
                                format!("`{field}` needs `{other}` too"),
                            )
                            .help(format!("add `{other}:`, or remove `{field}:`")),
                        );
                    }
                }
            }
        }
        let holds = found.is_empty();
        for diagnostic in found {
            self.report(diagnostic);
        }
        holds
    }

    /// The card's own check, where its whole input is known before the run.
    fn whole_input(
        &mut self,
        card: &dyn DynCard,
        types: &CardTypes,
        name: &Named,
        draft: &Draft<'_>,
        slot: &Slot,
    ) -> Option<()> {
        let Some(value) = self.known_value(slot) else {
            return Some(());
        };
        let Ok(value) = types.input.conform(value) else {
            return Some(());
        };
        let Err(errors) = card.check(value) else {
            return Some(());
        };
        for error in errors {
            let at = draft.at(&error.field);
            let span = if error.field.is_empty() {
                name.span
            } else {
                at.span()
            };
            let message = match error.field.as_str() {
                "" => error.message,
                field => format!("`{field}`: {}", error.message),
            };
            self.report(Diagnostic::error(Code::INPUT_RULE, span, message));
        }
        None
    }

    /// The value of a slot without expressions. The kind of a connection is enough to check with.
    fn known_value(&self, slot: &Slot) -> Option<Value> {
        match slot {
            Slot::Constant(value) => Some(value.clone()),
            Slot::Expression(_) => None,
            Slot::Connection(index) => {
                let (alias, (_, ty)) = self
                    .known
                    .connections
                    .iter()
                    .find(|(_, (at, _))| at == index)?;
                let TypeKind::Connection { kind: Some(kind) } = &ty.kind else {
                    return None;
                };
                Some(Value::Connection(ConnectionRef::new(kind, &**alias)))
            }
            Slot::List(slots) => slots.iter().map(|slot| self.known_value(slot)).collect(),
            Slot::Object(slots) => {
                let fields = slots
                    .iter()
                    .map(|(name, slot)| Some((Arc::clone(name), self.known_value(slot)?)))
                    .collect::<Option<Vec<_>>>()?;
                Some(Value::Object(fields.into_iter().collect()))
            }
        }
    }

    fn function(
        &mut self,
        id: CardId,
        name: &Named,
        function: &'static Function,
        with: Option<&Draft<'_>>,
    ) -> Option<(PlannedAction, Type)> {
        let place = Place::Action(id);
        let fields = match with {
            None => &[][..],
            Some(Draft::Object { fields, .. }) => fields,
            Some(_) => return None,
        };
        let parameters = || function.parameters.iter().map(|parameter| parameter.name);
        let mut whole = true;
        for (key, _) in fields {
            if !parameters().any(|known| *known == *key.name) {
                self.report(
                    Diagnostic::error(
                        Code::UNKNOWN_INPUT,
                        key.span,
                        format!("`{}` has no input `{}`", function.name, key.name),
                    )
                    .help(
                        suggest::among(&key.name, parameters())
                            .unwrap_or_else(|| format!("it has {}", names(parameters()))),
                    ),
                );
                whole = false;
            }
        }
        let mut arguments = Vec::with_capacity(function.parameters.len());
        let mut types: Vec<Type> = Vec::with_capacity(function.parameters.len());
        for parameter in function.parameters {
            let draft = fields
                .iter()
                .find(|(key, _)| *key.name == *parameter.name)
                .map(|(_, draft)| draft);
            let Some(draft) = draft else {
                if !parameter.optional {
                    self.report(
                        Diagnostic::error(
                            Code::MISSING_INPUT,
                            name.span,
                            format!("`{}` needs `{}`", function.name, parameter.name),
                        )
                        .help(add(parameter.name, parameter.description)),
                    );
                    whole = false;
                }
                arguments.push(Argument::Absent);
                types.push(type_of(&Value::Null));
                continue;
            };
            let ty = (parameter.ty)();
            let ty = if parameter.optional {
                ty.nullable()
            } else {
                ty
            };
            let filled = match parameter.kind {
                ParameterKind::Value => self
                    .slot(draft, &ty, place, Owner::default())
                    .map(|(slot, found)| (Argument::Value { slot, ty }, found)),
                ParameterKind::Lazy => self
                    .slot(draft, &ty, place, Owner::default())
                    .map(|(slot, found)| (Argument::Lazy { slot, ty }, found)),
                ParameterKind::Lambda => self.lambda(draft, &ty, &types, place),
            };
            match filled {
                Some((argument, found)) => {
                    arguments.push(argument);
                    types.push(found);
                }
                None => {
                    whole = false;
                    arguments.push(Argument::Absent);
                    types.push(Type::ANY);
                }
            }
        }
        let ty = (function.returns)(&types);
        whole.then_some((
            PlannedAction::Function {
                function,
                arguments,
            },
            ty,
        ))
    }

    /// An expression over the elements of the first list among the arguments before it.
    fn lambda(
        &mut self,
        draft: &Draft<'_>,
        ty: &Type,
        before: &[Type],
        place: Place,
    ) -> Option<(Argument, Type)> {
        if let Draft::List { span, .. } | Draft::Object { span, .. } = draft {
            self.report(
                Diagnostic::error(
                    Code::WRONG_TYPE,
                    *span,
                    "expected an expression over the elements",
                )
                .help("write it without brackets, such as `gt it.size 0`"),
            );
            return None;
        }
        let element = before.iter().find_map(Type::items).unwrap_or(Type::ANY);
        let checked = self.expression(draft, place, Some(&element))?;
        if !ty.accepts(&checked.ty) {
            self.report(
                Diagnostic::error(
                    Code::EXPRESSION_TYPE,
                    draft.span(),
                    format!("expected {ty}, and the expression yields {}", checked.ty),
                )
                .maybe_help(help_for(ty, &checked.ty)),
            );
            return None;
        }
        Some((Argument::Expression(checked.compiled), checked.ty))
    }
}
