//! Why a part of an expression has no value.

use flowrun_card::Span;

use super::{compiled::Path, scope::EvaluationError};

/// Why a part has no value. The message of an absence is made where it leaves the expression,
/// because most end at a `default`.
#[derive(Debug)]
pub(super) enum Fault<'n> {
    /// Missing, skipped, or a field of null: what `default` stands in for.
    Absent {
        span: Span,
        path: &'n Path,
        /// How many steps of the path were taken.
        steps: usize,
        why: Absence,
    },
    Error(EvaluationError),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Absence {
    /// The binding has nothing.
    Missing,
    /// The binding is a card that was skipped.
    Skipped,
    /// What the steps lead to has no such field.
    Field,
    /// What the steps lead to is null and so has no field.
    Null,
}

impl Fault<'_> {
    pub(super) fn error(span: Span, message: impl Into<String>) -> Self {
        Fault::Error(EvaluationError {
            message: message.into(),
            span,
        })
    }

    pub(super) fn message(&self) -> String {
        let (path, steps, why) = match self {
            Fault::Error(error) => return error.message.clone(),
            Fault::Absent {
                path, steps, why, ..
            } => (path, *steps, *why),
        };
        let known = path.text(steps);
        let next = path.steps.get(steps).map_or("", |step| &*step.name);
        match why {
            Absence::Missing => format!("`{known}` has no value"),
            Absence::Skipped => {
                format!("`{known}` was skipped, so it has no value; `default` gives another")
            }
            Absence::Field => format!("`{known}` has no field `{next}`"),
            Absence::Null => format!("`{known}` is null, so it has no field `{next}`"),
        }
    }

    pub(super) fn into_error(self) -> EvaluationError {
        match self {
            Fault::Error(error) => error,
            Fault::Absent { span, .. } => EvaluationError {
                message: self.message(),
                span,
            },
        }
    }
}
