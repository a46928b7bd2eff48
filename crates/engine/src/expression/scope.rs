//! What names mean where an expression stands: to the checker as bindings with types, to the
//! evaluator as values.

use flowrun_card::{Span, Type, Value};

use crate::diagnostic::Code;

/// What a checked expression reads, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Binding {
    /// An input of the flow, by its place.
    Input(u32),
    /// A var, by its place.
    Var(u32),
    /// A connection alias, by its place.
    Connection(u32),
    /// A secret of the flow, by its place.
    Secret(u32),
    /// The output of a card, by its number in the program.
    Card(u32),
    /// The item of the loop on this card.
    Item(u32),
    /// The index of that item.
    Index(u32),
    /// A fact of the run.
    Run(RunField),
    /// `it`, by how many functions over elements stand around the innermost-but-n one: 0 is the
    /// outermost.
    Element(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RunField {
    Id,
    Flow,
    StartedAt,
}

/// A root that holds named members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Namespace {
    Inputs,
    Vars,
    Cards,
    Connections,
    Secrets,
    Run,
}

impl Namespace {
    /// The root's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Namespace::Inputs => "inputs",
            Namespace::Vars => "vars",
            Namespace::Cards => "cards",
            Namespace::Connections => "connections",
            Namespace::Secrets => "secrets",
            Namespace::Run => "run",
        }
    }
}

/// What the first name of a path is.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    /// A value.
    Value { binding: Binding, ty: Type },
    /// Holds members.
    Namespace(Namespace),
    /// Nothing here: the code, the message, and what to do.
    Refused {
        code: Code,
        message: String,
        help: Option<String>,
    },
}

/// What a name after a namespace is.
#[derive(Clone, Debug)]
pub(crate) enum Member {
    /// A value.
    Value { binding: Binding, ty: Type },
    /// Nothing that can be read from here.
    Refused {
        code: Code,
        message: String,
        help: Option<String>,
        /// Another place that has to do with it.
        also: Option<(Span, String)>,
    },
}

/// What can be read at a place in the flow; the planner knows.
pub(crate) trait Scope {
    fn root(&self, name: &str) -> Root;
    fn member(&self, namespace: Namespace, name: &str) -> Member;
}

/// A path as it is written, before anything is resolved: what edges are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    pub(crate) root: &'a str,
    /// The name after the root.
    pub(crate) member: Option<&'a str>,
    /// Whether `default` stands around it, so that it may be skipped.
    pub(crate) lifted: bool,
    pub(crate) span: Span,
}

/// What a binding has at run time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Value(Value),
    /// Nothing; an error unless `default` stands around it.
    Missing,
    /// The output of a skipped card; an error unless `default` stands around it.
    Skipped,
    /// The whole path is null, whatever follows the root: what outputs read of a skipped card.
    Null,
}

/// Where a compiled expression reads from.
pub(crate) trait Bindings {
    fn get(&self, binding: Binding) -> Bound;
}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EvaluationError {
    pub(crate) message: String,
    pub(crate) span: Span,
}
