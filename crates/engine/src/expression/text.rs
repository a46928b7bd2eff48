//! Texts with values in them: checked so that everything in them has a text, rendered within a
//! bound.

use flowrun_card::{Span, Type, TypeKind, Value};

use super::{
    ast::{Expr, ExprKind, Piece, dotted},
    check::{Checker, Local},
    compiled::{Node, NodeKind, TextNode},
    evaluate::{Frame, Run},
    fault::Fault,
};
use crate::diagnostic::{Code, Diagnostic};

/// The largest text that an expression makes, in bytes. An item of an `each` counts as one byte
/// more, so that the bound holds for the work too.
pub(super) const MAX_TEXT: usize = 16 << 20;

impl<'a> Checker<'a> {
    pub(super) fn pieces(&mut self, pieces: &'a [Piece]) -> Box<[TextNode]> {
        pieces.iter().map(|piece| self.piece(piece)).collect()
    }

    fn piece(&mut self, piece: &'a Piece) -> TextNode {
        match piece {
            Piece::Text(text) => TextNode::Text(text.as_str().into()),
            Piece::Value(expression) => {
                let typed = self.expression(expression);
                if !has_text(&typed.ty) {
                    let shown = shown(expression);
                    self.error(
                        Diagnostic::error(
                            Code::NOT_TEXT,
                            expression.span,
                            format!("{} has no text", typed.ty),
                        )
                        .help(help(&typed.ty, &shown)),
                    );
                }
                TextNode::Value(typed.node)
            }
            Piece::If {
                condition,
                negated,
                then,
                otherwise,
            } => {
                let typed = self.expression(condition);
                if !Type::boolean().accepts(&typed.ty) {
                    let name = if *negated { "unless" } else { "if" };
                    let shown = shown(condition);
                    self.type_error(
                        condition.span,
                        format!(
                            "`{{{{#{name}}}}}` takes a boolean, and this is {}",
                            typed.ty
                        ),
                        format!("write a condition, such as `not (is_empty {shown})`"),
                    );
                }
                TextNode::If {
                    condition: typed.node,
                    negated: *negated,
                    then: self.pieces(then),
                    otherwise: self.pieces(otherwise),
                }
            }
            Piece::Each {
                list,
                item,
                index,
                body,
                otherwise,
            } => {
                let typed = self.expression(list);
                let ty = typed.ty.items().unwrap_or_else(|| {
                    if !Type::list(Type::ANY).accepts(&typed.ty) {
                        self.type_error(
                            list.span,
                            format!("`{{{{#each}}}}` takes a list, and this is {}", typed.ty),
                            "name a list, such as `{{#each cards.found.objects as |object|}}`",
                        );
                    }
                    Type::ANY
                });
                let locals = self.depth();
                self.locals.push(Local::Item {
                    name: &item.text,
                    index: index.as_ref().map(|index| &*index.text),
                    ty,
                });
                let body = self.pieces(body);
                self.locals.pop();
                TextNode::Each {
                    list: typed.node,
                    locals,
                    body,
                    otherwise: self.pieces(otherwise),
                }
            }
        }
    }
}

/// Whether some value of a type has a text.
fn has_text(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Any
        | TypeKind::Boolean
        | TypeKind::Integer { .. }
        | TypeKind::Number { .. }
        | TypeKind::String { .. } => true,
        TypeKind::OneOf(types) => types.iter().any(has_text),
        _ => false,
    }
}

/// An expression as helps show it.
fn shown(expression: &Expr) -> String {
    match &expression.kind {
        ExprKind::Path(names) => dotted(names),
        _ => "(…)".to_owned(),
    }
}

fn help(ty: &Type, shown: &str) -> String {
    match ty.kind {
        TypeKind::Null => "leave it out, or write the text that is meant".to_owned(),
        TypeKind::File => format!("name one of its fields, such as `{{{{ {shown}.name }}}}`"),
        TypeKind::Connection { .. } => {
            "a connection is never written into a text; give it to a card's `connection`".to_owned()
        }
        TypeKind::List { ref items, .. } if !items.is_any() && has_text(items) => format!(
            "write `{{{{ list.join {shown} ', ' }}}}` for its items, or `{{{{ json.stringify {shown} }}}}` for its JSON"
        ),
        _ => format!("write `{{{{ json.stringify {shown} }}}}` for its JSON"),
    }
}

/// A text in the making.
pub(super) struct Output {
    pub(super) text: String,
    spent: usize,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            text: String::new(),
            spent: 0,
        }
    }

    fn spend<'n>(&mut self, bytes: usize, span: Span) -> Result<(), Fault<'n>> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > MAX_TEXT {
            return Err(Fault::error(
                span,
                "the text would be larger than 16 MiB; give the value itself to a card that streams it: a slot that is exactly one `{{ … }}`",
            ));
        }
        Ok(())
    }

    fn push<'n>(&mut self, text: &str, span: Span) -> Result<(), Fault<'n>> {
        self.spend(text.len(), span)?;
        self.text.push_str(text);
        Ok(())
    }
}

impl Run<'_> {
    pub(super) fn render<'n>(
        &self,
        pieces: &'n [TextNode],
        span: Span,
        frame: Option<&Frame<'_>>,
        output: &mut Output,
    ) -> Result<(), Fault<'n>> {
        for piece in pieces {
            match piece {
                TextNode::Text(text) => output.push(text, span)?,
                TextNode::Value(node) => match self.node(node, frame)? {
                    Value::String(text) => output.push(&text, node.span)?,
                    value => match value.to_text() {
                        Some(text) => output.push(&text, node.span)?,
                        None => return Err(no_text(node, &value)),
                    },
                },
                TextNode::If {
                    condition,
                    negated,
                    then,
                    otherwise,
                } => {
                    let holds = self.condition(condition, frame)? != *negated;
                    let branch = if holds { then } else { otherwise };
                    self.render(branch, span, frame, output)?;
                }
                TextNode::Each {
                    list,
                    locals,
                    body,
                    otherwise,
                } => {
                    let items = match self.node(list, frame)? {
                        Value::List(items) => items,
                        other => {
                            return Err(Fault::error(
                                list.span,
                                format!(
                                    "`{{{{#each}}}}` takes a list, and this is {}",
                                    other.type_name()
                                ),
                            ));
                        }
                    };
                    if items.is_empty() {
                        self.render(otherwise, span, frame, output)?;
                    }
                    for (index, value) in items.iter().enumerate() {
                        output.spend(1, list.span)?;
                        let inner = Frame {
                            depth: *locals,
                            value,
                            index: u64::try_from(index).unwrap_or(u64::MAX),
                            outer: frame,
                        };
                        self.render(body, span, Some(&inner), output)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn no_text<'n>(node: &Node, value: &Value) -> Fault<'n> {
    let subject = match &node.kind {
        NodeKind::Path(path) => format!("`{}` is {}", path.text(usize::MAX), value.type_name()),
        _ => format!("this is {}", value.type_name()),
    };
    let what_to_write = match value {
        Value::File(_) => "name one of its fields",
        Value::Connection(_) => "a connection is never written into a text",
        Value::Secret(_) => "a secret is never written into a text",
        Value::Null => "`default` gives another value, `json.stringify` its JSON",
        _ => "`json.stringify` gives its JSON",
    };
    Fault::error(
        node.span,
        format!("{subject}, which has no text: {what_to_write}"),
    )
}
