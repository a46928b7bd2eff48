//! A card, declared once.

use std::{future::Future, pin::Pin};

use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CardError, Ctx, ErrorKind, Partial, Permissions, SchemaError, Type, Value, from_value, to_value,
};

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a card does to the world; decides what a guard must be ordered against and what the run
/// records before it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the output depends on the input alone.
    Pure,
    /// Looks at the world.
    Read,
    /// Creates or changes.
    Write,
    /// Removes, or makes something impossible to change back.
    Destroy,
}

impl Effect {
    /// The name in references: `pure`, `read`, `write`, `destroy`.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Pure => "pure",
            Effect::Read => "read",
            Effect::Write => "write",
            Effect::Destroy => "destroy",
        }
    }
}

/// What a second run of the same attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// The same state and the same output.
    Idempotent,
    /// The same state; a versioned store keeps one more version.
    NewVersion,
    /// Something else; the engine repeats it only where a retry was asked for.
    Repeats,
}

impl Idempotency {
    /// The sentence in references.
    pub fn describe(self) -> &'static str {
        match self {
            Idempotency::Idempotent => "running it again changes nothing more",
            Idempotency::NewVersion => "running it again adds a version where versions are kept",
            Idempotency::Repeats => "running it again does it again",
        }
    }
}

/// A rule over several fields of the input that the checker holds before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Exactly one of these fields is given.
    ExactlyOne(&'static [&'static str]),
    /// At most one of these fields is given.
    AtMostOne(&'static [&'static str]),
    /// Where the first field is given, the second must be too.
    Requires(&'static str, &'static str),
}

/// What is said of a card, apart from its types.
#[derive(Clone, Copy, Debug)]
pub struct CardSpec {
    /// The name in flows, such as `s3.head_object`.
    pub name: &'static str,
    /// The title for people, such as `Read object metadata`.
    pub title: &'static str,
    /// What it does, in Markdown; the first sentence stands in lists.
    pub description: &'static str,
    /// What it does to the world.
    pub effect: Effect,
    /// What a second run does.
    pub idempotency: Idempotency,
    /// The first version of flowrun that has it.
    pub since: &'static str,
    /// Further words by which people look for it.
    pub search_terms: &'static [&'static str],
    /// Rules over several fields.
    pub rules: &'static [Rule],
}

/// A whole flow that shows the card at work; every example is run by a test.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it shows.
    pub title: &'static str,
    /// The flow file.
    pub flow: &'static str,
}

/// A field that breaks a rule of its card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// The field, such as `source.key`.
    pub field: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl InputError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// An action that flows can use.
pub trait Card: Send + Sync + 'static {
    /// What it takes: a struct whose doc comments are the reference.
    type Input: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it gives.
    type Output: Serialize + JsonSchema + Send + 'static;
    /// The checked input.
    type Plan: Send + Sync + 'static;

    /// What is said of it.
    const SPEC: CardSpec;

    /// Rules that types cannot say. Pure: no I/O, no clock.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    fn check(input: Self::Input) -> Result<Self::Plan, Vec<InputError>>;

    /// The permissions that a call needs, on partly known input. Pure.
    fn permissions(input: &Partial, permissions: &mut Permissions);

    /// Whole flows that show it.
    fn examples() -> &'static [Example];

    /// Does it. A cancelled [`Ctx`] asks the card to clean up and end with
    /// [`CardError::cancelled`].
    fn run(
        &self,
        plan: &Self::Plan,
        ctx: &Ctx,
    ) -> impl Future<Output = Result<Self::Output, CardError>> + Send;
}

/// A card whose types are erased, as the engine holds it. Implemented for every [`Card`].
pub trait DynCard: Send + Sync + 'static {
    /// What is said of the card.
    fn spec(&self) -> &CardSpec;
    /// The types of input and output with their JSON Schemas.
    ///
    /// # Errors
    /// A declared type that a flow cannot have.
    fn types(&self) -> Result<CardTypes, SchemaError>;
    /// Examples.
    fn examples(&self) -> &'static [Example];
    /// Checks a whole input.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    fn check(&self, input: Value) -> Result<(), Vec<InputError>>;
    /// The permissions of a call.
    fn permissions(&self, input: &Partial, permissions: &mut Permissions);
    /// Checks the input and runs the card.
    fn run<'a>(&'a self, input: Value, ctx: &'a Ctx) -> BoxFuture<'a, Result<Value, CardError>>;
}

/// The types of a card.
#[derive(Clone, Debug)]
pub struct CardTypes {
    /// What it takes.
    pub input: Type,
    /// The JSON Schema of what it takes.
    pub input_schema: serde_json::Value,
    /// What it gives.
    pub output: Type,
    /// The JSON Schema of what it gives.
    pub output_schema: serde_json::Value,
}

fn plan<C: Card>(input: Value) -> Result<C::Plan, Vec<InputError>> {
    let input = from_value::<C::Input>(input)
        .map_err(|error| vec![InputError::new("", error.to_string())])?;
    C::check(input)
}

impl<C: Card> DynCard for C {
    fn spec(&self) -> &CardSpec {
        &C::SPEC
    }

    fn types(&self) -> Result<CardTypes, SchemaError> {
        let (input, input_schema) = Type::of::<C::Input>(true)?;
        let (output, output_schema) = Type::of::<C::Output>(false)?;
        Ok(CardTypes {
            input,
            input_schema,
            output,
            output_schema,
        })
    }

    fn examples(&self) -> &'static [Example] {
        C::examples()
    }

    fn check(&self, input: Value) -> Result<(), Vec<InputError>> {
        plan::<C>(input).map(drop)
    }

    fn permissions(&self, input: &Partial, permissions: &mut Permissions) {
        C::permissions(input, permissions);
    }

    fn run<'a>(&'a self, input: Value, ctx: &'a Ctx) -> BoxFuture<'a, Result<Value, CardError>> {
        Box::pin(async move {
            let plan = plan::<C>(input).map_err(|errors| invalid_input(&errors))?;
            let output = Card::run(self, &plan, ctx).await?;
            to_value(&output).map_err(|error| {
                CardError::new(
                    ErrorKind::Unexpected,
                    format!("the output of `{}` is no value: {error}", C::SPEC.name),
                )
            })
        })
    }
}

fn invalid_input(errors: &[InputError]) -> CardError {
    let problems: Vec<String> = errors
        .iter()
        .map(|error| match error.field.as_str() {
            "" => error.message.clone(),
            field => format!("`{field}`: {}", error.message),
        })
        .collect();
    CardError::new(ErrorKind::InvalidInput, problems.join("; "))
}
