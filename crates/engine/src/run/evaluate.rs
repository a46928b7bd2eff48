//! Evaluating what the machine asks for: expressions and inputs, against the value store.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use flowrun_card::{
    Arguments, ErrorKind, Function, FunctionCall, FunctionError, List, Mismatch, Object, Span,
    Type, Value,
};

use super::{error::RunError, store::Store};
use crate::{
    expression::{Binding, Bindings, Bound, Compiled, EvaluationError, RunField, evaluate},
    machine::{FrameId, Place},
    plan::{Argument, PlannedBody, Slot},
};

/// What every expression of a run can read.
#[derive(Debug)]
pub(super) struct Globals {
    pub(super) inputs: Vec<Value>,
    pub(super) vars: Vec<Value>,
    pub(super) connections: Vec<Value>,
    pub(super) secrets: Vec<Value>,
    pub(super) run_id: Arc<str>,
    pub(super) flow: Arc<str>,
    pub(super) started_at: Arc<str>,
}

/// What one expression can read: the globals, and the values seen from where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'a> {
    pub(super) globals: &'a Globals,
    pub(super) store: Option<&'a Store>,
    /// The frame whose cards it reads, and those around it.
    pub(super) frame: Option<FrameId>,
    /// The card or item that it stands at; for outputs, the owner of the frame.
    pub(super) place: Option<Place>,
    /// Outputs read a skipped card as null.
    pub(super) skipped_is_null: bool,
}

impl View<'_> {
    fn item(&self, card: u32) -> Option<(Value, u64)> {
        let store = self.store?;
        let card = crate::machine::CardId(card);
        let (frame, index) = store.index_of(self.place?, card)?;
        Some((store.item(frame, card, index)?, index))
    }
}

impl Bindings for View<'_> {
    fn get(&self, binding: Binding) -> Bound {
        let found = |value: Option<&Value>| value.cloned().map_or(Bound::Missing, Bound::Value);
        match binding {
            Binding::Input(index) => found(self.globals.inputs.get(index as usize)),
            Binding::Var(index) => found(self.globals.vars.get(index as usize)),
            Binding::Connection(index) => found(self.globals.connections.get(index as usize)),
            Binding::Secret(index) => found(self.globals.secrets.get(index as usize)),
            Binding::Card(card) => {
                let (Some(store), Some(frame)) = (self.store, self.frame) else {
                    return Bound::Missing;
                };
                match store.output(frame, crate::machine::CardId(card)) {
                    Bound::Skipped if self.skipped_is_null => Bound::Null,
                    bound => bound,
                }
            }
            Binding::Item(card) => self
                .item(card)
                .map_or(Bound::Missing, |(item, _)| Bound::Value(item)),
            Binding::Index(card) => self
                .item(card)
                .map_or(Bound::Missing, |(_, index)| Bound::Value(index.into())),
            Binding::Run(field) => Bound::Value(Value::String(Arc::clone(match field {
                RunField::Id => &self.globals.run_id,
                RunField::Flow => &self.globals.flow,
                RunField::StartedAt => &self.globals.started_at,
            }))),
            Binding::Element(_) => Bound::Missing,
        }
    }
}

/// A view with the element that a function card's expression argument is evaluated for.
struct WithElement<'a> {
    view: &'a View<'a>,
    element: Value,
}

impl Bindings for WithElement<'_> {
    fn get(&self, binding: Binding) -> Bound {
        match binding {
            Binding::Element(0) => Bound::Value(self.element.clone()),
            other => self.view.get(other),
        }
    }
}

impl From<EvaluationError> for RunError {
    fn from(error: EvaluationError) -> Self {
        RunError::new(ErrorKind::Expression, error.message, Some(error.span))
    }
}

impl<'a> View<'a> {
    /// What can be read before any card has run.
    pub(super) fn of_globals(globals: &'a Globals) -> Self {
        Self {
            globals,
            store: None,
            frame: None,
            place: None,
            skipped_is_null: false,
        }
    }

    /// Evaluates an expression.
    pub(super) fn expression(&self, expression: &Compiled) -> Result<Value, RunError> {
        Ok(evaluate(expression, self)?)
    }

    /// Evaluates a condition; the checker saw that it yields a boolean unless its type is unknown.
    pub(super) fn condition(&self, expression: &Compiled, span: Span) -> Result<bool, RunError> {
        let value = self.expression(expression)?;
        value.as_bool().ok_or_else(|| {
            RunError::new(
                ErrorKind::Expression,
                format!("the condition yields {}, not a boolean", value.type_name()),
                Some(span),
            )
        })
    }

    /// Evaluates the list of a loop; an object is walked as `{ key, value }`.
    pub(super) fn items(&self, expression: &Compiled, span: Span) -> Result<List, RunError> {
        match self.expression(expression)? {
            Value::List(list) => Ok(list),
            Value::Object(object) => Ok(object
                .iter()
                .map(|(key, value)| {
                    let entry: Object = [
                        ("key", Value::String(Arc::clone(key))),
                        ("value", value.clone()),
                    ]
                    .into_iter()
                    .collect();
                    Value::Object(entry)
                })
                .collect()),
            other => Err(RunError::new(
                ErrorKind::Expression,
                format!(
                    "`for_each` yields {}, not a list or an object",
                    other.type_name()
                ),
                Some(span),
            )),
        }
    }

    /// Evaluates what a slot is made of. As deep as a flow file can be nested.
    pub(super) fn slot(&self, slot: &Slot) -> Result<Value, RunError> {
        match slot {
            Slot::Constant(value) => Ok(value.clone()),
            Slot::Expression(expression) => self.expression(expression),
            Slot::Connection(index) => Ok(self
                .globals
                .connections
                .get(*index as usize)
                .cloned()
                .unwrap_or_default()),
            Slot::List(items) => items.iter().map(|item| self.slot(item)).collect(),
            Slot::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, slot)| Ok((Arc::clone(name), self.slot(slot)?)))
                    .collect::<Result<Object, RunError>>()?;
                Ok(Value::Object(fields))
            }
        }
    }

    /// Evaluates a card's input and fits it to the card's type.
    pub(super) fn input(&self, slot: &Slot, ty: &Type, span: Span) -> Result<Value, RunError> {
        fit(ty, self.slot(slot)?, span)
    }

    /// Calls a function card.
    pub(super) fn call(
        &self,
        function: &Function,
        arguments: &[Argument],
        span: Span,
    ) -> Result<Value, RunError> {
        // A function sees only messages; this keeps where a message came from.
        let kept = &std::cell::RefCell::new(None::<RunError>);
        let lambdas: Vec<_> = arguments
            .iter()
            .map(|argument| {
                move |element: Value| {
                    self.argument(argument, element, span).map_err(|error| {
                        let message = FunctionError::new(error.message.clone());
                        kept.replace(Some(error));
                        message
                    })
                }
            })
            .collect();
        let mut calls = Vec::with_capacity(arguments.len());
        for (argument, lambda) in arguments.iter().zip(&lambdas) {
            calls.push(match argument {
                Argument::Absent => FunctionCall::Value(Value::Null),
                Argument::Value { slot, ty } => {
                    FunctionCall::Value(fit(ty, self.slot(slot)?, span)?)
                }
                Argument::Lazy { .. } | Argument::Expression(_) => FunctionCall::Lambda(lambda),
            });
        }
        (function.body)(&Arguments::new(&calls)).map_err(|error| {
            let error = error.to_string();
            let inner = kept.take().filter(|inner| inner.message == error);
            RunError::new(
                ErrorKind::Expression,
                format!("`{}`: {error}", function.name),
                inner.and_then(|inner| inner.span).or(Some(span)),
            )
        })
    }

    /// Evaluates an argument that the function asks for, for an element where it has one.
    fn argument(&self, argument: &Argument, element: Value, span: Span) -> Result<Value, RunError> {
        match argument {
            Argument::Absent => Ok(Value::Null),
            Argument::Value { slot, ty } | Argument::Lazy { slot, ty } => {
                self.slot(slot).and_then(|value| fit(ty, value, span))
            }
            Argument::Expression(expression) => {
                let bindings = WithElement {
                    view: self,
                    element,
                };
                Ok(evaluate(expression, &bindings)?)
            }
        }
    }

    /// Evaluates the outputs of a body: those that are declared, or all its cards'.
    pub(super) fn outputs(
        &self,
        body: &PlannedBody,
        name: impl Fn(crate::machine::CardId) -> Option<Arc<str>>,
    ) -> Result<Value, RunError> {
        let fields = match &body.outputs {
            Some(outputs) => outputs
                .iter()
                .map(|(name, slot)| Ok((Arc::clone(name), self.slot(slot)?)))
                .collect::<Result<Object, RunError>>()?,
            None => body
                .cards
                .iter()
                .filter_map(|card| {
                    let value = match self.get(Binding::Card(card.0)) {
                        Bound::Value(value) => value,
                        Bound::Skipped | Bound::Missing | Bound::Null => Value::Null,
                    };
                    Some((name(*card)?, value))
                })
                .collect(),
        };
        Ok(Value::Object(fields))
    }
}

/// Evaluates, and makes a panic of a function an error of the card, as it is for a card that runs in
/// a task of its own.
pub(super) fn guarded<T>(evaluation: impl FnOnce() -> Result<T, RunError>) -> Result<T, RunError> {
    // Evaluating changes nothing, so a panic leaves nothing half changed.
    catch_unwind(AssertUnwindSafe(evaluation)).unwrap_or_else(|_| {
        // The panic's own text went to the panic hook; it may hold anything.
        Err(RunError {
            help: Some("this is a fault of the function: please report it".to_owned()),
            ..RunError::new(ErrorKind::Unexpected, "a function panicked", None)
        })
    })
}

fn fit(ty: &Type, value: Value, span: Span) -> Result<Value, RunError> {
    ty.conform(value).map_err(|mismatches| {
        let problems: Vec<String> = mismatches.iter().map(describe).collect();
        RunError::new(ErrorKind::InvalidInput, problems.join("; "), Some(span))
    })
}

fn describe(mismatch: &Mismatch) -> String {
    match mismatch.location().as_str() {
        "" => mismatch.message.clone(),
        location => format!("`{location}`: {}", mismatch.message),
    }
}
