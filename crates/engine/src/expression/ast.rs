//! Parsed expressions: what is written, before any name has a meaning.

use flowrun_card::{Span, Value};

use super::scope::Reference;

/// A parsed scalar or expression place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Parsed {
    pub(super) root: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) span: Span,
    pub(super) kind: ExprKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum ExprKind {
    Literal(Value),
    /// Never empty.
    Path(Vec<Name>),
    Call(Call),
    Text(Vec<Piece>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub(super) text: Box<str>,
    pub(super) span: Span,
}

/// A function with at least one argument.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// The function's name; never empty.
    pub(super) name: Vec<Name>,
    /// The span of the whole name.
    pub(super) name_span: Span,
    /// In source order; each name stands once.
    pub(super) arguments: Vec<Argument>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Argument {
    pub(super) name: Option<Name>,
    pub(super) value: Expr,
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Value(Expr),
    If {
        condition: Expr,
        /// `unless`.
        negated: bool,
        then: Vec<Piece>,
        otherwise: Vec<Piece>,
    },
    Each {
        list: Expr,
        item: Name,
        index: Option<Name>,
        body: Vec<Piece>,
        /// For an empty list.
        otherwise: Vec<Piece>,
    },
}

/// A dotted name as it is written.
pub(super) fn dotted(names: &[Name]) -> String {
    let mut text = String::new();
    for name in names {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&name.text);
    }
    text
}

impl Parsed {
    /// Every path that is read, in source order; names that `each` gives are left out.
    pub(crate) fn references(&self) -> Vec<Reference<'_>> {
        let mut walk = Walk::default();
        walk.expression(&self.root, false);
        walk.found
    }
}

#[derive(Default)]
struct Walk<'a> {
    found: Vec<Reference<'a>>,
    /// The names that the blocks around give.
    names: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn expression(&mut self, expression: &'a Expr, lifted: bool) {
        match &expression.kind {
            ExprKind::Literal(_) => {}
            ExprKind::Path(names) => {
                let Some(root) = names.first() else { return };
                if !self.names.contains(&&*root.text) {
                    self.found.push(Reference {
                        root: &root.text,
                        member: names.get(1).map(|name| &*name.text),
                        lifted,
                        span: expression.span,
                    });
                }
            }
            ExprKind::Call(call) => {
                let default = call.name.len() == 1
                    && call
                        .name
                        .first()
                        .is_some_and(|name| &*name.text == "default");
                for (index, argument) in call.arguments.iter().enumerate() {
                    // What stands in for a value is itself needed.
                    self.expression(&argument.value, lifted || (default && index == 0));
                }
            }
            ExprKind::Text(pieces) => self.pieces(pieces),
        }
    }

    fn pieces(&mut self, pieces: &'a [Piece]) {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Value(value) => self.expression(value, false),
                Piece::If {
                    condition,
                    then,
                    otherwise,
                    ..
                } => {
                    self.expression(condition, false);
                    self.pieces(then);
                    self.pieces(otherwise);
                }
                Piece::Each {
                    list,
                    item,
                    index,
                    body,
                    otherwise,
                } => {
                    self.expression(list, false);
                    let outer = self.names.len();
                    self.names.push(&item.text);
                    self.names.extend(index.iter().map(|name| &*name.text));
                    self.pieces(body);
                    self.names.truncate(outer);
                    self.pieces(otherwise);
                }
            }
        }
    }
}
