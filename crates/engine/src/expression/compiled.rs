//! Checked expressions: every name resolved, every literal built, ready to be evaluated any number
//! of times.

use std::sync::Arc;

use flowrun_card::{Function, Span, Type, Value};

use super::{compare::By, pattern::Pattern, scope::Binding};

/// A checked expression. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Compiled(pub(super) Arc<Node>);

impl Compiled {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        self.0.span
    }

    /// What it reads, where it does nothing but that.
    pub(crate) fn binding(&self) -> Option<Binding> {
        match &self.0.kind {
            NodeKind::Path(Path {
                from: From::Binding(binding),
                steps,
                ..
            }) if steps.is_empty() => Some(*binding),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: NodeKind,
}

#[derive(Debug)]
pub(super) enum NodeKind {
    Literal(Value),
    Path(Path),
    Function(Box<Call>),
    Equal {
        by: By,
        negated: bool,
        sides: Box<(Node, Node)>,
    },
    Order {
        order: Order,
        by: By,
        sides: Box<(Node, Node)>,
    },
    And(Box<[Node]>),
    Or(Box<[Node]>),
    Not(Box<Node>),
    /// Whether the first, a list, holds the second.
    Contains {
        by: By,
        /// Whether the first may be a text too.
        texts: bool,
        sides: Box<(Node, Node)>,
    },
    IsEmpty(Box<Node>),
    StartsWith(Box<(Node, Node)>),
    EndsWith(Box<(Node, Node)>),
    Matches {
        text: Box<Node>,
        pattern: Box<(Node, Pattern)>,
    },
    Default(Box<(Node, Node)>),
    Size(Box<Node>),
    Text(Box<[TextNode]>),
}

/// A comparison that puts in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Order {
    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Greater => "gt",
            Order::GreaterOrEqual => "gte",
            Order::Less => "lt",
            Order::LessOrEqual => "lte",
        }
    }

    pub(super) fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Path {
    pub(super) from: From,
    /// What it reads from, as it is written: `cards.found`.
    pub(super) head: Box<str>,
    pub(super) steps: Box<[Step]>,
}

/// Where a path reads from.
#[derive(Clone, Copy, Debug)]
pub(super) enum From {
    Binding(Binding),
    /// The element of a function, or the item of an `each`, by how many stand around it.
    Local(u32),
    /// The index of the item of an `each`.
    LocalIndex(u32),
}

#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: Box<str>,
    /// The type declares the field and lets it be unset: it reads as null.
    pub(super) optional: bool,
}

impl Path {
    /// The path up to a number of steps.
    pub(super) fn text(&self, steps: usize) -> String {
        let mut text = String::from(&*self.head);
        for step in self.steps.iter().take(steps) {
            text.push('.');
            text.push_str(&step.name);
        }
        text
    }
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    /// In declared order, one for each parameter.
    pub(super) arguments: Box<[Argument]>,
    /// How many elements and items are around the call.
    pub(super) locals: u32,
}

#[derive(Debug)]
pub(super) enum Argument {
    Absent,
    Value {
        node: Node,
        ty: Type,
        /// Null is "not given".
        optional: bool,
    },
    /// Evaluated by the function; with an element where it is a lambda.
    Expression {
        node: Node,
        ty: Type,
        element: bool,
    },
}

#[derive(Debug)]
pub(super) enum TextNode {
    Text(Box<str>),
    Value(Node),
    If {
        condition: Node,
        negated: bool,
        then: Box<[TextNode]>,
        otherwise: Box<[TextNode]>,
    },
    Each {
        list: Node,
        /// How many elements and items are around it.
        locals: u32,
        body: Box<[TextNode]>,
        otherwise: Box<[TextNode]>,
    },
}
