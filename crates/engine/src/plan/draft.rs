//! The texts of a flow, parsed but not yet resolved: what edges are made of and types are checked
//! against.

use std::rc::Rc;

use flowrun_card::{Entry, ParameterKind, Registry, Span, Type, TypeKind};

use super::layout::Layout;
use crate::{
    diagnostic::Diagnostics,
    expression::{Parsed, Reference, has_mustache, parse_bare, parse_scalar},
    flow::{Action, Card, Named, Spanned},
    syntax::{Key, Kind, Node, Scalar},
};

/// What a slot was written as.
#[derive(Debug)]
pub(super) enum Draft<'a> {
    Literal {
        scalar: &'a Scalar,
        span: Span,
    },
    Expression {
        parsed: Parsed,
        span: Span,
    },
    List {
        items: Vec<Draft<'a>>,
        span: Span,
    },
    Object {
        fields: Vec<(&'a Key, Draft<'a>)>,
        span: Span,
    },
    /// A text that could not be parsed; a diagnostic says why.
    Broken {
        span: Span,
    },
}

impl<'a> Draft<'a> {
    /// As deep as a flow file can be nested.
    pub(super) fn of(node: &'a Node, diagnostics: &mut Diagnostics) -> Self {
        let span = node.span;
        match &node.kind {
            Kind::Scalar(scalar) => Self::scalar(scalar, span, diagnostics),
            Kind::List(items) => Draft::List {
                items: items
                    .iter()
                    .map(|item| Self::of(item, diagnostics))
                    .collect(),
                span,
            },
            Kind::Map(entries) => Draft::Object {
                fields: entries
                    .iter()
                    .map(|entry| (&entry.key, Self::of(&entry.value, diagnostics)))
                    .collect(),
                span,
            },
        }
    }

    fn scalar(scalar: &'a Scalar, span: Span, diagnostics: &mut Diagnostics) -> Self {
        if !has_mustache(&scalar.text) {
            return Draft::Literal { scalar, span };
        }
        if diagnostics.is_full() {
            return Draft::Broken { span };
        }
        match parse_scalar(&scalar.text, &scalar.spans, diagnostics) {
            Some(parsed) => Draft::Expression { parsed, span },
            None => Draft::Broken { span },
        }
    }

    /// A place for an expression, with or without braces.
    fn bare(scalar: &Scalar, span: Span, diagnostics: &mut Diagnostics) -> Self {
        match parse_bare(&scalar.text, &scalar.spans, diagnostics) {
            Some(parsed) => Draft::Expression { parsed, span },
            None => Draft::Broken { span },
        }
    }

    pub(super) fn span(&self) -> Span {
        match self {
            Draft::Literal { span, .. }
            | Draft::Expression { span, .. }
            | Draft::List { span, .. }
            | Draft::Object { span, .. }
            | Draft::Broken { span } => *span,
        }
    }

    /// Calls `each` with every path that is read.
    pub(super) fn references(&self, each: &mut impl FnMut(Reference<'_>)) {
        match self {
            Draft::Literal { .. } | Draft::Broken { .. } => {}
            Draft::Expression { parsed, .. } => parsed.references().into_iter().for_each(each),
            Draft::List { items, .. } => items.iter().for_each(|item| item.references(each)),
            Draft::Object { fields, .. } => {
                fields.iter().for_each(|(_, field)| field.references(each));
            }
        }
    }

    /// The draft at a path of fields, such as `source.key`; the innermost that exists.
    pub(super) fn at(&self, path: &str) -> &Draft<'a> {
        let mut draft = self;
        for name in path.split(['.', '[']) {
            match draft {
                Draft::Object { fields, .. } => {
                    match fields.iter().find(|(key, _)| *key.name == *name) {
                        Some((_, field)) => draft = field,
                        None => return draft,
                    }
                }
                _ => return draft,
            }
        }
        draft
    }
}

/// The texts of a card.
#[derive(Debug)]
pub(super) struct CardDraft<'a> {
    pub(super) when: Option<Draft<'a>>,
    pub(super) list: Option<Draft<'a>>,
    pub(super) filter: Option<Draft<'a>>,
    pub(super) action: ActionDraft<'a>,
}

#[derive(Debug)]
pub(super) enum ActionDraft<'a> {
    Card {
        name: &'a Named,
        /// None where `with` is left out.
        with: Option<Draft<'a>>,
        connection: Option<Rc<Draft<'a>>>,
    },
    Group {
        outputs: Option<Vec<(&'a Named, Draft<'a>)>>,
    },
    Broken,
}

impl<'a> CardDraft<'a> {
    pub(super) fn of(
        card: &'a Card,
        default_connection: Option<&Rc<Draft<'a>>>,
        registry: &Registry,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut bare =
            |scalar: &'a Spanned<Scalar>| Draft::bare(&scalar.value, scalar.span, diagnostics);
        let when = card.when.as_ref().map(&mut bare);
        let list = card.for_each.as_ref().map(|for_each| bare(&for_each.list));
        let filter = card
            .for_each
            .as_ref()
            .and_then(|for_each| for_each.filter.as_ref())
            .map(&mut bare);
        let action = match &card.action {
            Action::Card {
                name,
                with,
                connection,
            } => {
                let entry = registry.get(&name.value);
                let takes_connection = matches!(entry, Some(Entry::Card { types, .. })
                    if connection_kind(&types.input).is_some());
                ActionDraft::Card {
                    name,
                    with: with.as_ref().map(|with| with_of(with, entry, diagnostics)),
                    connection: match connection {
                        Some(own) => {
                            let draft = Draft::scalar(&own.value, own.span, diagnostics);
                            Some(Rc::new(draft))
                        }
                        None => default_connection.filter(|_| takes_connection).cloned(),
                    },
                }
            }
            Action::Group(group) => ActionDraft::Group {
                outputs: group
                    .outputs
                    .as_ref()
                    .map(|outputs| outputs_of(outputs, diagnostics)),
            },
            Action::Broken => ActionDraft::Broken,
        };
        Self {
            when,
            list,
            filter,
            action,
        }
    }

    /// What the card itself reads, apart from the outputs of a group.
    pub(super) fn own(&self) -> impl Iterator<Item = &Draft<'a>> {
        let (with, connection) = match &self.action {
            ActionDraft::Card {
                with, connection, ..
            } => (with.as_ref(), connection.as_deref()),
            ActionDraft::Group { .. } | ActionDraft::Broken => (None, None),
        };
        [
            self.when.as_ref(),
            self.list.as_ref(),
            self.filter.as_ref(),
            with,
            connection,
        ]
        .into_iter()
        .flatten()
    }
}

/// The texts of `outputs:`.
pub(super) fn outputs_of<'a>(
    outputs: &'a [(Named, Node)],
    diagnostics: &mut Diagnostics,
) -> Vec<(&'a Named, Draft<'a>)> {
    outputs
        .iter()
        .map(|(name, node)| (name, Draft::of(node, diagnostics)))
        .collect()
}

/// The texts of `with:`. An argument that is an expression over elements needs no braces.
fn with_of<'a>(with: &'a Node, entry: Option<&Entry>, diagnostics: &mut Diagnostics) -> Draft<'a> {
    let Kind::Map(entries) = &with.kind else {
        return Draft::Broken { span: with.span };
    };
    let Some(Entry::Function(function)) = entry else {
        return Draft::of(with, diagnostics);
    };
    let fields = entries
        .iter()
        .map(|entry| {
            let is_lambda = function.parameters.iter().any(|parameter| {
                parameter.name == &*entry.key.name && parameter.kind == ParameterKind::Lambda
            });
            let value = match &entry.value.kind {
                Kind::Scalar(scalar) if is_lambda => {
                    Draft::bare(scalar, entry.value.span, diagnostics)
                }
                _ => Draft::of(&entry.value, diagnostics),
            };
            (&entry.key, value)
        })
        .collect();
    Draft::Object {
        fields,
        span: with.span,
    }
}

/// The texts of every card, by its number.
pub(super) fn drafts<'a>(
    layout: &Layout<'a>,
    default_connection: Option<&'a Spanned<Scalar>>,
    registry: &Registry,
    diagnostics: &mut Diagnostics,
) -> Vec<CardDraft<'a>> {
    let default_connection = default_connection
        .map(|scalar| Rc::new(Draft::scalar(&scalar.value, scalar.span, diagnostics)));
    layout
        .cards
        .iter()
        .map(|placed| {
            CardDraft::of(
                placed.card,
                default_connection.as_ref(),
                registry,
                diagnostics,
            )
        })
        .collect()
}

/// The kind of connection that an input has somewhere; `None` where it has none.
pub(super) fn connection_kind(ty: &Type) -> Option<Option<&str>> {
    match &ty.kind {
        TypeKind::Connection { kind } => Some(kind.as_deref()),
        TypeKind::Object { fields, .. } => {
            fields.values().find_map(|field| connection_kind(&field.ty))
        }
        _ => None,
    }
}
