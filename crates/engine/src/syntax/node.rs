//! The nodes of the syntax tree.

use std::sync::Arc;

use flowrun_card::Span;

use crate::source::SpanMap;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Vec<Node>),
    /// In source order; keys are unique.
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) value: Node,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: Arc<str>,
    pub(crate) span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    /// Decoded: without quotes, escapes and indentation.
    pub(crate) text: Arc<str>,
    pub(crate) style: Style,
    /// Where the decoded text stands.
    pub(crate) spans: SpanMap,
}

/// How a scalar is written; only plain ones have a type other than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// `|` or `>`.
    Block,
}
