//! How a run fails: the error of the card that failed on its own, with where and what to do.

use std::fmt;

use flowrun_card::{CardError, ErrorKind, Object, Span, Value};
use serde::Serialize;

/// The error that a run or a card ended with.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunError {
    /// What went wrong, from the closed list.
    pub kind: ErrorKind,
    /// What happened.
    pub message: String,
    /// The service's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The address of the card that failed on its own, such as `copied[12].copy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// How many attempts it made.
    pub attempts: u32,
    /// Bucket, key, request id and the like.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
    pub context: Vec<(&'static str, String)>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What in the flow file it is about.
    #[serde(skip)]
    pub span: Option<Span>,
}

fn as_map<S: serde::Serializer>(
    context: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(context.iter().map(|(name, value)| (name, value)))
}

impl RunError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>, span: Option<Span>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
            card: None,
            attempts: 0,
            context: Vec::new(),
            help: None,
            span,
        }
    }

    pub(crate) fn of_card(error: CardError, span: Option<Span>) -> Self {
        Self {
            kind: error.kind,
            message: error.message,
            code: error.code,
            card: None,
            attempts: 0,
            context: error.context,
            help: error.help,
            span,
        }
    }

    /// The error as expressions see it: `{ kind, code, message, card, attempts, details }`.
    pub(crate) fn to_value(&self) -> Value {
        let details: Object = self
            .context
            .iter()
            .map(|(name, value)| (*name, Value::from(value.as_str())))
            .collect();
        let optional = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        Value::Object(
            [
                ("kind", Value::from(self.kind.name())),
                ("code", optional(&self.code)),
                ("message", Value::from(self.message.as_str())),
                ("card", optional(&self.card)),
                ("attempts", Value::from(u64::from(self.attempts))),
                ("details", Value::Object(details)),
            ]
            .into_iter()
            .collect(),
        )
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(card) = &self.card {
            write!(f, "{card}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for RunError {}
