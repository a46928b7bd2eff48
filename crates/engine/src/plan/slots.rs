//! Fitting what an author wrote into a slot of a type: literals, expressions, and lists and objects
//! of both.

use std::sync::Arc;

use flowrun_card::{Connections, Field, Object, Registry, Span, Type, TypeKind, Value};
use indexmap::IndexMap;

use super::{
    Slot,
    draft::Draft,
    hints::{add, form_of, help_for, names, near_option},
    scope::{At, Known, Place},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    expression::{self, Checked},
    suggest,
    syntax::{Key, Scalar, Style},
};

/// Checks the texts of a flow against what is known of it.
pub(super) struct Checker<'a> {
    pub(super) registry: &'a Registry,
    /// The connections that there are; only their names and kinds are asked for.
    pub(super) store: &'a dyn Connections,
    pub(super) known: Known<'a>,
    pub(super) diagnostics: Diagnostics,
    /// The kind that cards need of each alias, where one does.
    pub(super) needed_kinds: Vec<Option<Arc<str>>>,
}

/// A slot and the type of what it gives.
pub(super) type Filled = (Slot, Type);

/// What is said of the owner of a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owner<'o> {
    /// The card's name in the catalogue and where it stands; none for vars and outputs.
    pub(super) card: Option<(&'o str, Span)>,
    /// What stands for connections that are not given.
    pub(super) connection: Option<&'o Filled>,
    /// Whether the slot is within the card's input, so that its fields are inputs.
    within: bool,
}

impl<'o> Owner<'o> {
    pub(super) fn card(name: &'o str, span: Span, connection: Option<&'o Filled>) -> Self {
        Self {
            card: Some((name, span)),
            connection,
            within: false,
        }
    }
}

impl Checker<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Checks an expression whose value the flow itself looks at, so that it is no secret;
    /// `element` is the type of `it` where there is one.
    pub(super) fn expression(
        &mut self,
        draft: &Draft<'_>,
        place: Place,
        element: Option<&Type>,
    ) -> Option<Checked> {
        let checked = self.any_expression(draft, place, element)?;
        if checked.ty.kind == TypeKind::Secret {
            self.refuse_secret(draft.span());
            return None;
        }
        Some(checked)
    }

    fn refuse_secret(&mut self, span: Span) {
        self.report(
            Diagnostic::error(Code::SECRET_USE, span, "a secret cannot stand here")
                .help(expression::SECRET_HELP),
        );
    }

    fn any_expression(
        &mut self,
        draft: &Draft<'_>,
        place: Place,
        element: Option<&Type>,
    ) -> Option<Checked> {
        let Draft::Expression { parsed, .. } = draft else {
            return None;
        };
        let at = At {
            known: &self.known,
            place,
        };
        expression::check(parsed, &at, self.registry, element, &mut self.diagnostics)
    }

    /// Fits a draft into a slot. `None` where a diagnostic says why not.
    ///
    /// As deep as a flow file can be nested.
    pub(super) fn slot(
        &mut self,
        draft: &Draft<'_>,
        expected: &Type,
        place: Place,
        owner: Owner<'_>,
    ) -> Option<Filled> {
        match draft {
            Draft::Broken { .. } => None,
            Draft::Literal { scalar, span } => self.literal(scalar, *span, expected),
            Draft::Expression { span, .. } => {
                let checked = self.any_expression(draft, place, None)?;
                if !expected.accepts(&checked.ty) {
                    let found = &checked.ty;
                    if found.kind == TypeKind::Secret {
                        self.refuse_secret(*span);
                        return None;
                    }
                    self.report(
                        Diagnostic::error(
                            Code::EXPRESSION_TYPE,
                            *span,
                            format!("expected {expected}, and the expression yields {found}"),
                        )
                        .maybe_help(help_for(expected, found)),
                    );
                    return None;
                }
                Some((Slot::Expression(checked.compiled), checked.ty))
            }
            Draft::List { items, span } => self.list(draft, items, *span, expected, place, owner),
            Draft::Object { fields, span } => {
                self.object(draft, fields, *span, expected, place, owner)
            }
        }
    }

    fn literal(&mut self, scalar: &Scalar, span: Span, expected: &Type) -> Option<Filled> {
        if let TypeKind::Connection { kind } = &expected.kind
            && !scalar.is_null()
        {
            return self.alias(&scalar.text, span, kind.as_deref());
        }
        let value = match scalar.value(expected) {
            Ok(value) => value,
            Err(error) => {
                self.report(*error);
                return None;
            }
        };
        if value.is_null() && &*scalar.text == "null" && could_be_the_text(expected) {
            self.report(
                Diagnostic::error(
                    Code::WRONG_VALUE,
                    span,
                    "`null` here could be the text or nothing at all",
                )
                .help("write `\"null\"` for the text, or leave the input out"),
            );
            return None;
        }
        let found = type_of(&value);
        match expected.conform(value) {
            Ok(value) => {
                let ty = if expected.is_any() {
                    type_of(&value)
                } else {
                    expected.clone()
                };
                Some((Slot::Constant(value), ty))
            }
            Err(mismatches) => {
                let is_empty_text = scalar.text.is_empty() && scalar.style != Style::Plain;
                let message = if is_empty_text && matches!(expected.kind, TypeKind::String { .. }) {
                    format!("expected {expected}, found an empty text")
                } else {
                    mismatches
                        .first()
                        .map_or_else(String::new, |mismatch| mismatch.message.clone())
                };
                let (code, help) = if found.kind == TypeKind::Null {
                    (Code::WRONG_TYPE, Some("a value must stand here".to_owned()))
                } else if expected.accepts(&found) {
                    (Code::WRONG_VALUE, near_option(expected, scalar))
                } else {
                    (Code::WRONG_TYPE, near_option(expected, scalar))
                };
                // Options and bounds stand in the message.
                let says_bounds = code == Code::WRONG_VALUE
                    && matches!(
                        expected.kind,
                        TypeKind::Integer { .. } | TypeKind::Number { .. }
                    );
                let help = help.or_else(|| form_of(expected).filter(|_| !says_bounds));
                self.report(Diagnostic::error(code, span, message).maybe_help(help));
                None
            }
        }
    }

    fn list(
        &mut self,
        draft: &Draft<'_>,
        items: &[Draft<'_>],
        span: Span,
        expected: &Type,
        place: Place,
        owner: Owner<'_>,
    ) -> Option<Filled> {
        let (item, min, max) = match &expected.kind {
            TypeKind::Any => (Type::ANY, None, None),
            TypeKind::List {
                items,
                min_items,
                max_items,
            } => (Type::clone(items), *min_items, *max_items),
            TypeKind::OneOf(types) => {
                let is_list = |ty: &&Type| matches!(ty.kind, TypeKind::List { .. });
                let variants: Vec<Type> = types.iter().filter(is_list).cloned().collect();
                return self.variant(draft, &variants, span, expected, place, owner);
            }
            _ => return self.wrong_type(span, expected, "a list"),
        };
        if min.is_some_and(|min| items.len() < min) || max.is_some_and(|max| items.len() > max) {
            let bound = match (min, max) {
                (Some(min), Some(max)) => format!("{min} to {max}"),
                (Some(min), None) => format!("at least {min}"),
                (None, max) => format!("at most {}", max.unwrap_or_default()),
            };
            self.report(
                Diagnostic::error(
                    Code::WRONG_VALUE,
                    span,
                    format!("{} items, and there must be {bound}", items.len()),
                )
                .help("add or remove items"),
            );
            return None;
        }
        // Every item is looked at, so that all its errors are told.
        let filled: Vec<Option<Filled>> = items
            .iter()
            .map(|draft| self.slot(draft, &item, place, owner))
            .collect();
        let filled: Vec<Filled> = filled.into_iter().collect::<Option<_>>()?;
        let mut types: Vec<Type> = Vec::new();
        for (_, ty) in &filled {
            if !types.contains(ty) {
                types.push(ty.clone());
            }
        }
        let ty = Type::list(match (types.pop(), types.is_empty()) {
            (Some(only), true) => only,
            _ => item,
        });
        Some((
            Slot::of_list(filled.into_iter().map(|(slot, _)| slot).collect()),
            ty,
        ))
    }

    fn object(
        &mut self,
        draft: &Draft<'_>,
        drafts: &[(&Key, Draft<'_>)],
        span: Span,
        expected: &Type,
        place: Place,
        owner: Owner<'_>,
    ) -> Option<Filled> {
        let none = IndexMap::new();
        let anything = Arc::new(Type::ANY);
        let (fields, additional) = match &expected.kind {
            TypeKind::Any => (&none, Some(&anything)),
            TypeKind::Object { fields, additional } => (fields, additional.as_ref()),
            TypeKind::OneOf(types) => {
                let is_object = |ty: &&Type| matches!(ty.kind, TypeKind::Object { .. });
                let variants: Vec<Type> = types.iter().filter(is_object).cloned().collect();
                return self.variant(draft, &variants, span, expected, place, owner);
            }
            _ => return self.wrong_type(span, expected, "an object"),
        };
        let inner = Owner {
            within: true,
            ..owner
        };
        let mut whole = true;
        let mut slots: Vec<(Arc<str>, Slot)> = Vec::with_capacity(drafts.len());
        let mut types: Vec<(String, Type)> = Vec::with_capacity(drafts.len());
        for (key, draft) in drafts {
            let ty = match (fields.get(&*key.name), additional) {
                (Some(field), _) if field.required => field.ty.clone(),
                (Some(field), _) => field.ty.clone().nullable(),
                (None, Some(ty)) => Type::clone(ty),
                (None, None) => {
                    self.unknown_field(key, fields, owner);
                    whole = false;
                    continue;
                }
            };
            match self.slot(draft, &ty, place, inner) {
                Some((slot, ty)) => {
                    slots.push((Arc::clone(&key.name), slot));
                    types.push((key.name.to_string(), ty));
                }
                None => whole = false,
            }
        }
        for (name, field) in fields {
            if drafts.iter().any(|(key, _)| *key.name == **name) {
                continue;
            }
            match self.left_out(name, field, span, owner) {
                Ok(Some(slot)) => slots.push((name.as_str().into(), slot)),
                Ok(None) => {}
                Err(()) => whole = false,
            }
        }
        let ty = match &expected.kind {
            TypeKind::Any => Type::object(types),
            _ => expected.clone(),
        };
        whole.then(|| (Slot::of_object(slots), ty))
    }

    /// What stands for a field that is not given.
    fn left_out(
        &mut self,
        name: &str,
        field: &Field,
        span: Span,
        owner: Owner<'_>,
    ) -> Result<Option<Slot>, ()> {
        let TypeKind::Connection { kind } = &field.ty.kind else {
            if !field.required {
                return Ok(None);
            }
            let (what, at) = match owner.card {
                Some((card, card_span)) if !owner.within => {
                    (format!("`{card}` needs `{name}`"), card_span)
                }
                _ => (format!("`{name}` is missing"), span),
            };
            let help = add(name, &field.description);
            self.report(Diagnostic::error(Code::MISSING_INPUT, at, what).help(help));
            return Err(());
        };
        let connection = owner.connection.filter(|(_, ty)| field.ty.accepts(ty));
        match connection {
            Some((slot, _)) => {
                if let (Slot::Connection(index), Some(kind)) = (slot, kind)
                    && let Some(needed) = self.needed_kinds.get_mut(*index as usize)
                {
                    needed.get_or_insert_with(|| kind.as_str().into());
                }
                Ok(Some(slot.clone()))
            }
            None if field.required => {
                let (card, at) = owner.card.map_or(("", span), |(card, at)| {
                    (card, if owner.within { span } else { at })
                });
                let of_kind = kind
                    .as_deref()
                    .map_or_else(String::new, |kind| format!(" of kind `{kind}`"));
                self.report(
                    Diagnostic::error(
                        Code::MISSING_CONNECTION,
                        at,
                        format!("`{card}` needs a connection{of_kind}"),
                    )
                    .help("add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow"),
                );
                Err(())
            }
            _ => Ok(None),
        }
    }

    fn unknown_field(&mut self, key: &Key, fields: &IndexMap<String, Field>, owner: Owner<'_>) {
        let message = match owner.card {
            Some((card, _)) if !owner.within => format!("`{card}` has no input `{}`", key.name),
            _ => format!("there is no field `{}` here", key.name),
        };
        let help = suggest::among(&key.name, fields.keys().map(String::as_str)).or_else(|| {
            (!fields.is_empty())
                .then(|| format!("it has {}", names(fields.keys().map(String::as_str))))
        });
        let help = help.unwrap_or_else(|| "it takes no inputs: remove this".to_owned());
        self.report(Diagnostic::error(Code::UNKNOWN_INPUT, key.span, message).help(help));
    }

    /// Fits a list or object into one of several types: the first that takes it.
    fn variant(
        &mut self,
        draft: &Draft<'_>,
        variants: &[Type],
        span: Span,
        expected: &Type,
        place: Place,
        owner: Owner<'_>,
    ) -> Option<Filled> {
        let before = self.diagnostics.mark();
        for ty in variants {
            let filled = self.slot(draft, ty, place, owner);
            if self.diagnostics.mark() == before {
                return filled;
            }
            self.diagnostics.rewind(before);
        }
        match variants {
            [only] => self.slot(draft, only, place, owner),
            _ => {
                let found = match draft {
                    Draft::List { .. } => "a list",
                    _ => "an object",
                };
                self.wrong_type(span, expected, found)
            }
        }
    }

    fn wrong_type(&mut self, span: Span, expected: &Type, found: &str) -> Option<Filled> {
        let mut help = form_of(expected);
        if let TypeKind::String { .. } = expected.kind {
            help =
                Some("write one text: one that starts with `[` or `{` stands in quotes".to_owned());
        }
        self.report(
            Diagnostic::error(
                Code::WRONG_TYPE,
                span,
                format!("expected {expected}, found {found}"),
            )
            .maybe_help(help),
        );
        None
    }
}

impl Slot {
    /// A list; constant where all its items are.
    fn of_list(slots: Vec<Slot>) -> Self {
        let constants: Option<Vec<Value>> = slots.iter().map(Slot::constant).collect();
        match constants {
            Some(values) => Slot::Constant(values.into_iter().collect()),
            None => Slot::List(slots),
        }
    }

    /// An object; constant where all its fields are.
    pub(super) fn of_object(slots: Vec<(Arc<str>, Slot)>) -> Self {
        let constants: Option<Vec<(Arc<str>, Value)>> = slots
            .iter()
            .map(|(name, slot)| Some((Arc::clone(name), slot.constant()?)))
            .collect();
        match constants {
            Some(values) => Slot::Constant(Value::Object(values.into_iter().collect::<Object>())),
            None => Slot::Object(slots),
        }
    }

    /// The value, where it is known before the run.
    pub(super) fn constant(&self) -> Option<Value> {
        match self {
            Slot::Constant(value) => Some(value.clone()),
            _ => None,
        }
    }
}

/// Whether a slot takes `"null"` as a text: an `enum` without it, or a date, does not.
fn could_be_the_text(expected: &Type) -> bool {
    match &expected.kind {
        TypeKind::String { .. } => expected.conform(Value::from("null")).is_ok(),
        TypeKind::OneOf(types) => types.iter().any(could_be_the_text),
        _ => false,
    }
}

/// The type of a value that is known.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::new(TypeKind::Null).nullable(),
        Value::Boolean(_) => Type::boolean(),
        Value::Integer(_) => Type::integer(),
        Value::Number(_) => Type::number(),
        Value::String(_) => Type::string(),
        Value::List(_) => Type::list(Type::ANY),
        Value::Object(object) => Type::object(
            object
                .iter()
                .map(|(name, value)| (name.to_string(), type_of(value))),
        ),
        Value::File(_) => Type::new(TypeKind::File),
        Value::Connection(connection) => super::scope::connection(Some(connection.kind())),
        Value::Secret(_) => Type::new(TypeKind::Secret),
    }
}
