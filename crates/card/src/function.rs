//! Pure functions, declared once: each is a card with named arguments and an expression helper.

use std::fmt;

use crate::{Type, Value};

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A value.
    Value,
    /// An expression over the element `it`, evaluated once per element.
    Lambda,
    /// A value that is evaluated only if the function asks for it.
    Lazy,
}

/// An argument of a function, in declared order.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// The name in `with` and in `name=value`.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Its type.
    pub ty: fn() -> Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// What it is to the evaluator.
    pub kind: ParameterKind,
}

impl Parameter {
    /// A value that must be given.
    pub const fn required(name: &'static str, ty: fn() -> Type, description: &'static str) -> Self {
        Self {
            name,
            description,
            ty,
            optional: false,
            kind: ParameterKind::Value,
        }
    }

    /// A value that may be left out, or null.
    pub const fn optional(name: &'static str, ty: fn() -> Type, description: &'static str) -> Self {
        Self {
            optional: true,
            ..Self::required(name, ty, description)
        }
    }

    /// An expression over `it` that yields a value of the type.
    pub const fn lambda(name: &'static str, ty: fn() -> Type, description: &'static str) -> Self {
        Self {
            kind: ParameterKind::Lambda,
            ..Self::required(name, ty, description)
        }
    }

    /// A value that is evaluated only if asked for.
    pub const fn lazy(name: &'static str, ty: fn() -> Type, description: &'static str) -> Self {
        Self {
            kind: ParameterKind::Lazy,
            ..Self::required(name, ty, description)
        }
    }
}

/// A call that shows the function; every example is run by a test.
#[derive(Clone, Copy, Debug)]
pub struct FunctionExample {
    /// The expression, without braces.
    pub call: &'static str,
    /// What it yields, as JSON.
    pub result: &'static str,
}

/// An expression over `it`, or a lazy argument (which ignores what it is given).
pub type Lambda<'a> = &'a (dyn Fn(Value) -> Result<Value, FunctionError> + 'a);

/// An argument as the function gets it.
pub enum FunctionCall<'a> {
    /// A value.
    Value(Value),
    /// An expression.
    Lambda(Lambda<'a>),
}

impl fmt::Debug for FunctionCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunctionCall::Value(value) => value.fmt(f),
            FunctionCall::Lambda(_) => f.write_str("Lambda"),
        }
    }
}

/// The arguments of a call, by their index in the declared order, already fitted to their types.
/// Left-out ones are null.
#[derive(Debug)]
pub struct Arguments<'a>(&'a [FunctionCall<'a>]);

impl<'a> Arguments<'a> {
    /// The arguments in declared order.
    pub fn new(arguments: &'a [FunctionCall<'a>]) -> Self {
        Self(arguments)
    }

    /// The value at an index; null where it was left out.
    pub fn value(&self, index: usize) -> Value {
        match self.0.get(index) {
            Some(FunctionCall::Value(value)) => value.clone(),
            _ => Value::Null,
        }
    }

    /// The text at an index; empty where it was left out.
    pub fn text(&self, index: usize) -> std::sync::Arc<str> {
        self.value(index).to_text().unwrap_or_else(|| "".into())
    }

    /// The list at an index; empty where it was left out.
    pub fn list(&self, index: usize) -> crate::List {
        match self.value(index) {
            Value::List(list) => list,
            _ => crate::List::new(),
        }
    }

    /// Evaluates the expression at an index for an element.
    ///
    /// # Errors
    /// The expression's own.
    pub fn apply(&self, index: usize, element: Value) -> Result<Value, FunctionError> {
        match self.0.get(index) {
            Some(FunctionCall::Lambda(lambda)) => lambda(element),
            Some(FunctionCall::Value(value)) => Ok(value.clone()),
            None => Ok(Value::Null),
        }
    }
}

/// What a function does.
pub type Body = fn(&Arguments<'_>) -> Result<Value, FunctionError>;

/// A pure function of values.
#[derive(Clone, Copy)]
pub struct Function {
    /// The name as card and as helper, such as `text.upper`.
    pub name: &'static str,
    /// The title for people.
    pub title: &'static str,
    /// What it does, in Markdown; the first sentence stands in lists.
    pub description: &'static str,
    /// Arguments in order.
    pub parameters: &'static [Parameter],
    /// What it yields, given the types of its arguments in declared order (left-out ones are
    /// null).
    pub returns: fn(&[Type]) -> Type,
    /// Calls that show it.
    pub examples: &'static [FunctionExample],
    /// The first version of flowrun that has it.
    pub since: &'static str,
    /// Further words by which people look for it.
    pub search_terms: &'static [&'static str],
    /// What it does.
    pub body: Body,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a call has no value; the engine makes it an error of kind `expression` with its span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FunctionError(String);

impl FunctionError {
    /// A reason: one sentence, lower case, no full stop.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
