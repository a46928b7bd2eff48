//! What an expression yields, as far as that is known before any card has run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowrun_card::{Partial, Span, Value};

use super::{
    compiled::{Argument, Compiled, From, Node, NodeKind, Path, TextNode},
    evaluate::Run,
    scope::{Binding, Bindings, Bound},
    text::Output,
};

/// What is known of what expressions read, before any card has run.
pub(crate) trait Foresight {
    /// What a binding has, as far as it is known; `None` where nothing is.
    fn get(&self, binding: Binding) -> Option<&Partial>;
}

/// What an expression yields.
///
/// An expression that reads only what is known is evaluated. A text that starts with what is known
/// is a [`Partial::Prefix`]. A var that is known in part is known in part where it is read. All
/// else is [`Partial::Unknown`], an expression that would fail among it: whatever the run yields,
/// this allows for.
pub(crate) fn foresee(compiled: &Compiled, known: &dyn Foresight) -> Partial {
    Foresee { known }.node(&compiled.0)
}

struct Foresee<'a> {
    known: &'a dyn Foresight,
}

/// Only asked for what is known.
impl Bindings for Foresee<'_> {
    fn get(&self, binding: Binding) -> Bound {
        match self.known.get(binding) {
            Some(Partial::Known(value)) => Bound::Value(value.clone()),
            _ => Bound::Missing,
        }
    }
}

impl Foresee<'_> {
    fn node(&self, node: &Node) -> Partial {
        if self.is_known(node) {
            return self
                .evaluated(|run| run.node(node, None).ok())
                .map_or(Partial::Unknown(node.span), Partial::Known);
        }
        match &node.kind {
            NodeKind::Path(path) => self.path(path).unwrap_or(Partial::Unknown(node.span)),
            NodeKind::Text(pieces) => self.text(pieces, node.span),
            _ => Partial::Unknown(node.span),
        }
    }

    /// Evaluates; a function that panics yields nothing, as one that fails does.
    fn evaluated<T>(&self, evaluation: impl FnOnce(&Run<'_>) -> Option<T>) -> Option<T> {
        // Evaluating changes nothing, so a panic leaves nothing half changed.
        catch_unwind(AssertUnwindSafe(|| evaluation(&Run::new(self)))).unwrap_or_default()
    }

    /// A path into something that is known in part.
    fn path(&self, path: &Path) -> Option<Partial> {
        let From::Binding(binding) = path.from else {
            return None;
        };
        let mut at = self.known.get(binding)?.clone();
        for step in &path.steps {
            at = match at {
                Partial::Object(_) | Partial::Known(_) => at.at(&step.name),
                _ => return None,
            };
        }
        match at {
            Partial::Absent => None,
            at => Some(at),
        }
    }

    /// A text up to the first piece that is not known.
    fn text(&self, pieces: &[TextNode], span: Span) -> Partial {
        let mut start = Output::new();
        for piece in pieces {
            if self.is_piece_known(piece) {
                let piece = std::slice::from_ref(piece);
                let rendered = self.evaluated(|run| run.render(piece, span, None, &mut start).ok());
                if rendered.is_none() {
                    return Partial::Unknown(span);
                }
                continue;
            }
            let unknown = match piece {
                TextNode::Value(value) => match self.node(value) {
                    // A part of something that is known in part.
                    Partial::Known(known) if known.to_text().is_some() => {
                        start.text.push_str(&known.to_text().unwrap_or_default());
                        continue;
                    }
                    Partial::Prefix(more, unknown) => {
                        start.text.push_str(&more);
                        unknown
                    }
                    Partial::Unknown(unknown) => unknown,
                    _ => value.span,
                },
                TextNode::If { condition, .. } => condition.span,
                TextNode::Each { list, .. } => list.span,
                TextNode::Text(_) => span,
            };
            return match start.text {
                start if start.is_empty() => Partial::Unknown(unknown),
                start => Partial::Prefix(start, unknown),
            };
        }
        Partial::Known(Value::from(start.text))
    }

    /// Whether everything that a part reads is known.
    fn is_known(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Literal(_) => true,
            NodeKind::Path(path) => match path.from {
                From::Binding(binding) => {
                    matches!(self.known.get(binding), Some(Partial::Known(_)))
                }
                // The element of a list that stands around, and is looked at itself.
                From::Local(_) | From::LocalIndex(_) => true,
            },
            NodeKind::Function(call) => call.arguments.iter().all(|argument| match argument {
                Argument::Absent => true,
                Argument::Value { node, .. } | Argument::Expression { node, .. } => {
                    self.is_known(node)
                }
            }),
            NodeKind::And(nodes) | NodeKind::Or(nodes) => {
                nodes.iter().all(|node| self.is_known(node))
            }
            NodeKind::Not(node) | NodeKind::IsEmpty(node) | NodeKind::Size(node) => {
                self.is_known(node)
            }
            NodeKind::Equal { sides, .. }
            | NodeKind::Order { sides, .. }
            | NodeKind::Contains { sides, .. }
            | NodeKind::StartsWith(sides)
            | NodeKind::EndsWith(sides)
            | NodeKind::Default(sides) => self.is_known(&sides.0) && self.is_known(&sides.1),
            NodeKind::Matches { text, pattern } => self.is_known(text) && self.is_known(&pattern.0),
            NodeKind::Text(pieces) => self.are_known(pieces),
        }
    }

    fn are_known(&self, pieces: &[TextNode]) -> bool {
        pieces.iter().all(|piece| self.is_piece_known(piece))
    }

    fn is_piece_known(&self, piece: &TextNode) -> bool {
        match piece {
            TextNode::Text(_) => true,
            TextNode::Value(node) => self.is_known(node),
            TextNode::If {
                condition: node,
                then: body,
                otherwise,
                ..
            }
            | TextNode::Each {
                list: node,
                body,
                otherwise,
                ..
            } => self.is_known(node) && self.are_known(body) && self.are_known(otherwise),
        }
    }
}
