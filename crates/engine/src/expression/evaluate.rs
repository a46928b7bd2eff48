//! The evaluator: walks a checked expression and reads values through its bindings. Nothing that
//! it yields is ever parsed again.

use std::cell::RefCell;

use flowrun_card::{Arguments, FunctionCall, FunctionError, Span, Type, Value};

use super::{
    compare::{equal, holds, order},
    compiled::{Argument, Call, Compiled, From, Node, NodeKind, Path},
    fault::{Absence, Fault},
    scope::{Bindings, Bound, EvaluationError},
    text::Output,
};

/// The value of an expression.
pub(crate) fn evaluate(
    compiled: &Compiled,
    bindings: &dyn Bindings,
) -> Result<Value, EvaluationError> {
    Run::new(bindings)
        .node(&compiled.0, None)
        .map_err(Fault::into_error)
}

/// The element of a function or the item of an `each`, and those around it.
pub(super) struct Frame<'f> {
    pub(super) depth: u32,
    pub(super) value: Value,
    pub(super) index: u64,
    pub(super) outer: Option<&'f Frame<'f>>,
}

impl Frame<'_> {
    fn find<'f>(frame: Option<&'f Frame<'_>>, depth: u32) -> Option<&'f Frame<'f>> {
        let mut at = frame;
        while let Some(frame) = at {
            if frame.depth == depth {
                return Some(frame);
            }
            at = frame.outer;
        }
        None
    }
}

/// What a null in the middle of a path reads from.
static NULL: Value = Value::Null;

/// One evaluation.
pub(super) struct Run<'a> {
    bindings: &'a dyn Bindings,
}

impl<'a> Run<'a> {
    pub(super) fn new(bindings: &'a dyn Bindings) -> Self {
        Self { bindings }
    }
}

impl Run<'_> {
    pub(super) fn node<'n>(
        &self,
        node: &'n Node,
        frame: Option<&Frame<'_>>,
    ) -> Result<Value, Fault<'n>> {
        let boolean = match &node.kind {
            NodeKind::Literal(value) => return Ok(value.clone()),
            NodeKind::Path(path) => return self.path(node.span, path, frame),
            NodeKind::Function(call) => return self.call(node.span, call, frame),
            NodeKind::Text(pieces) => {
                let mut output = Output::new();
                self.render(pieces, node.span, frame, &mut output)?;
                return Ok(Value::from(output.text));
            }
            NodeKind::Default(sides) => {
                return match self.node(&sides.0, frame) {
                    Ok(Value::Null) | Err(Fault::Absent { .. }) => self.node(&sides.1, frame),
                    other => other,
                };
            }
            NodeKind::Size(inner) => {
                let value = self.node(inner, frame)?;
                return match value.as_size() {
                    Some(bytes) => Ok(bytes.into()),
                    None => Err(match &value {
                        Value::String(text) => {
                            let text = super::compare::shortened(text);
                            Fault::error(inner.span, format!("`{text}` is no size"))
                        }
                        other => {
                            Fault::error(inner.span, format!("{} is no size", other.type_name()))
                        }
                    }),
                };
            }
            NodeKind::Equal { by, negated, sides } => {
                let (left, right) = self.sides(sides, frame)?;
                let same = equal(*by, &left, &right)
                    .map_err(|message| Fault::error(node.span, message))?;
                same != *negated
            }
            NodeKind::Order {
                order: wanted,
                by,
                sides,
            } => {
                let (left, right) = self.sides(sides, frame)?;
                let found = order(*by, &left, &right).map_err(|message| {
                    Fault::error(node.span, format!("`{}`: {message}", wanted.name()))
                })?;
                wanted.holds(found)
            }
            NodeKind::And(nodes) => self.all(nodes, true, frame)?,
            NodeKind::Or(nodes) => self.all(nodes, false, frame)?,
            NodeKind::Not(inner) => !self.condition(inner, frame)?,
            NodeKind::Contains { by, texts, sides } => {
                let (holder, value) = self.sides(sides, frame)?;
                match &holder {
                    Value::List(list) => holds(*by, list, &value)
                        .map_err(|message| Fault::error(node.span, message))?,
                    Value::String(text) if *texts => match value.to_text() {
                        Some(part) => text.contains(&*part),
                        None => return Err(no_text(&sides.1, &value)),
                    },
                    other => {
                        let (name, takes) = if *texts {
                            ("contains", "a list or a text")
                        } else {
                            ("in", "a list")
                        };
                        return Err(Fault::error(
                            sides.0.span,
                            format!("`{name}` takes {takes}, and this is {}", other.type_name()),
                        ));
                    }
                }
            }
            NodeKind::IsEmpty(inner) => match self.node(inner, frame)? {
                Value::Null => true,
                Value::String(text) => text.is_empty(),
                Value::List(list) => list.is_empty(),
                Value::Object(object) => object.is_empty(),
                other => {
                    return Err(Fault::error(
                        inner.span,
                        format!(
                            "`is_empty` takes a text, a list or an object, and this is {}",
                            other.type_name()
                        ),
                    ));
                }
            },
            NodeKind::StartsWith(sides) => {
                let text = self.text(&sides.0, frame)?;
                text.starts_with(&*self.text(&sides.1, frame)?)
            }
            NodeKind::EndsWith(sides) => {
                let text = self.text(&sides.0, frame)?;
                text.ends_with(&*self.text(&sides.1, frame)?)
            }
            NodeKind::Matches { text, pattern } => {
                let text = self.text(text, frame)?;
                let written = self.text(&pattern.0, frame)?;
                pattern
                    .1
                    .matches(&written, &text)
                    .map_err(|message| Fault::error(pattern.0.span, message))?
            }
        };
        Ok(Value::Boolean(boolean))
    }

    fn sides<'n>(
        &self,
        sides: &'n (Node, Node),
        frame: Option<&Frame<'_>>,
    ) -> Result<(Value, Value), Fault<'n>> {
        Ok((self.node(&sides.0, frame)?, self.node(&sides.1, frame)?))
    }

    /// `and` for true, `or` for false: ends at the first that decides.
    fn all<'n>(
        &self,
        nodes: &'n [Node],
        wanted: bool,
        frame: Option<&Frame<'_>>,
    ) -> Result<bool, Fault<'n>> {
        for node in nodes {
            if self.condition(node, frame)? != wanted {
                return Ok(!wanted);
            }
        }
        Ok(wanted)
    }

    pub(super) fn condition<'n>(
        &self,
        node: &'n Node,
        frame: Option<&Frame<'_>>,
    ) -> Result<bool, Fault<'n>> {
        match self.node(node, frame)? {
            Value::Boolean(boolean) => Ok(boolean),
            other => Err(Fault::error(
                node.span,
                format!(
                    "a condition is a boolean, and this is {}",
                    other.type_name()
                ),
            )),
        }
    }

    fn text<'n>(
        &self,
        node: &'n Node,
        frame: Option<&Frame<'_>>,
    ) -> Result<std::sync::Arc<str>, Fault<'n>> {
        let value = self.node(node, frame)?;
        value.to_text().ok_or_else(|| no_text(node, &value))
    }

    fn path<'n>(
        &self,
        span: Span,
        path: &'n Path,
        frame: Option<&Frame<'_>>,
    ) -> Result<Value, Fault<'n>> {
        let absent = |steps: usize, why: Absence| {
            Err(Fault::Absent {
                span,
                path,
                steps,
                why,
            })
        };
        let local = |depth: u32| Frame::find(frame, depth);
        let held;
        let mut at = match path.from {
            From::Binding(binding) => match self.bindings.get(binding) {
                Bound::Value(value) => {
                    held = value;
                    &held
                }
                Bound::Null => return Ok(Value::Null),
                Bound::Missing => return absent(0, Absence::Missing),
                Bound::Skipped => return absent(0, Absence::Skipped),
            },
            From::Local(depth) => match local(depth) {
                Some(frame) => &frame.value,
                None => return absent(0, Absence::Missing),
            },
            From::LocalIndex(depth) => match local(depth) {
                Some(frame) => {
                    held = frame.index.into();
                    &held
                }
                None => return absent(0, Absence::Missing),
            },
        };
        for (index, step) in path.steps.iter().enumerate() {
            at = match at {
                Value::Object(object) => match object.get(&step.name) {
                    Some(field) => field,
                    None if step.optional => &NULL,
                    None => return absent(index, Absence::Field),
                },
                Value::Null => return absent(index, Absence::Null),
                Value::File(file) => {
                    let last = index + 1 == path.steps.len();
                    return match file.field(&step.name) {
                        Some(field) if last => Ok(field),
                        Some(Value::Null) => absent(index + 1, Absence::Null),
                        Some(field) => Err(no_fields(span, path, index + 1, &field)),
                        None => absent(index, Absence::Field),
                    };
                }
                Value::Connection(connection) => {
                    let field = match step.name.as_ref() {
                        "nickname" => Some(connection.nickname()),
                        "account" => connection.account(),
                        _ => None,
                    };
                    let last = index + 1 == path.steps.len();
                    return match field.map(Value::from) {
                        Some(field) if last => Ok(field),
                        Some(field) => Err(no_fields(span, path, index + 1, &field)),
                        None => absent(index, Absence::Field),
                    };
                }
                other => return Err(no_fields(span, path, index, other)),
            };
        }
        Ok(at.clone())
    }

    fn call<'n>(
        &self,
        span: Span,
        call: &'n Call,
        frame: Option<&Frame<'_>>,
    ) -> Result<Value, Fault<'n>> {
        let name = call.function.name;
        // A function sees only messages; this keeps what a message was made of.
        let kept: RefCell<Option<(String, Fault<'n>)>> = RefCell::new(None);
        let keep = |fault: Fault<'n>| {
            let message = fault.message();
            let error = FunctionError::new(message.clone());
            *kept.borrow_mut() = Some((message, fault));
            error
        };
        let keep = &keep;
        let lambdas: Vec<_> = call
            .arguments
            .iter()
            .enumerate()
            .filter_map(|(index, argument)| match argument {
                Argument::Expression { node, ty, element } => Some((index, node, ty, *element)),
                _ => None,
            })
            .map(|(index, node, ty, element)| {
                move |value: Value| {
                    let inner;
                    let frame = if element {
                        inner = Frame {
                            depth: call.locals,
                            value,
                            index: 0,
                            outer: frame,
                        };
                        Some(&inner)
                    } else {
                        frame
                    };
                    self.node(node, frame)
                        .and_then(|value| fit(call, index, node, ty, value))
                        .map_err(keep)
                }
            })
            .collect();
        let mut remaining = lambdas.iter();
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for (index, argument) in call.arguments.iter().enumerate() {
            arguments.push(match argument {
                Argument::Absent => FunctionCall::Value(Value::Null),
                Argument::Value { node, ty, optional } => {
                    let value = self.node(node, frame)?;
                    let given = !(value.is_null() && *optional);
                    FunctionCall::Value(if given {
                        fit(call, index, node, ty, value)?
                    } else {
                        value
                    })
                }
                Argument::Expression { .. } => match remaining.next() {
                    Some(lambda) => FunctionCall::Lambda(lambda),
                    None => FunctionCall::Value(Value::Null),
                },
            });
        }
        (call.function.body)(&Arguments::new(&arguments)).map_err(|error| {
            let error = error.to_string();
            match kept.take() {
                Some((message, fault)) if message == error => fault,
                _ => Fault::error(span, format!("`{name}`: {error}")),
            }
        })
    }
}

/// Fits an argument to its parameter; a literal was fitted by the checker.
fn fit<'n>(
    call: &Call,
    index: usize,
    node: &Node,
    ty: &Type,
    value: Value,
) -> Result<Value, Fault<'n>> {
    if matches!(node.kind, NodeKind::Literal(_)) && !value.is_null() {
        return Ok(value);
    }
    ty.conform(value).map_err(|mismatches| {
        let parameter = call
            .function
            .parameters
            .get(index)
            .map_or("argument", |parameter| parameter.name);
        let reason =
            mismatches
                .first()
                .map_or_else(String::new, |mismatch| match mismatch.location() {
                    location if location.is_empty() => mismatch.message.clone(),
                    location => format!("{location}: {}", mismatch.message),
                });
        Fault::error(
            node.span,
            format!("`{parameter}` of `{}`: {reason}", call.function.name),
        )
    })
}

fn no_fields<'n>(span: Span, path: &Path, steps: usize, value: &Value) -> Fault<'n> {
    let next = path.steps.get(steps).map_or("", |step| &*step.name);
    Fault::error(
        span,
        format!(
            "`{}` is {}, so it has no field `{next}`",
            path.text(steps),
            value.type_name()
        ),
    )
}

fn no_text<'n>(node: &Node, value: &Value) -> Fault<'n> {
    Fault::error(
        node.span,
        format!("a text belongs here, and this is {}", value.type_name()),
    )
}
