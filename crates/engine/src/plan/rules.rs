//! What the inputs of a card must hold together: its declared rules, and its own check where all of
//! them are known before the run.

use std::sync::Arc;

use flowrun_card::{CardTypes, ConnectionRef, DynCard, Rule, Span, TypeKind, Value};

use super::{Slot, draft::Draft, hints::names, slots::Checker};
use crate::{
    diagnostic::{Code, Diagnostic},
    flow::Named,
};

impl Checker<'_> {
    /// Rules over several fields, by what is written.
    pub(super) fn rules(&mut self, rules: &[Rule], name: &Named, draft: &Draft<'_>) -> bool {
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
    pub(super) fn whole_input(
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
}
