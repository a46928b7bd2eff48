//! How a card fails: an error kind from a closed list, and advice on whether a retry can help.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// The published list of error kinds; authors name them in `retry.kinds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// What the card acts on does not exist.
    NotFound,
    /// The identity may not do this.
    PermissionDenied,
    /// What the card would create exists.
    AlreadyExists,
    /// A condition that the card was given does not hold.
    PreconditionFailed,
    /// The service asks for fewer requests.
    RateLimited,
    /// The service cannot be reached or answers with a fault of its own.
    Unavailable,
    /// An attempt took longer than it may.
    Timeout,
    /// The input breaks a rule that only the run could see.
    InvalidInput,
    /// Bytes are not what they should be.
    Integrity,
    /// An expression has no value.
    Expression,
    /// A `repeat` ended without its condition.
    Exhausted,
    /// A connection gives no session.
    Connection,
    /// The run was cancelled.
    Cancelled,
    /// The flow says that it failed.
    Failed,
    /// Anything else; worth a report.
    Unexpected,
}

impl ErrorKind {
    /// Every kind, in the order of the published list.
    pub const ALL: [ErrorKind; 15] = [
        ErrorKind::NotFound,
        ErrorKind::PermissionDenied,
        ErrorKind::AlreadyExists,
        ErrorKind::PreconditionFailed,
        ErrorKind::RateLimited,
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::InvalidInput,
        ErrorKind::Integrity,
        ErrorKind::Expression,
        ErrorKind::Exhausted,
        ErrorKind::Connection,
        ErrorKind::Cancelled,
        ErrorKind::Failed,
        ErrorKind::Unexpected,
    ];

    /// The name that authors write, such as `rate_limited`.
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not_found",
            ErrorKind::PermissionDenied => "permission_denied",
            ErrorKind::AlreadyExists => "already_exists",
            ErrorKind::PreconditionFailed => "precondition_failed",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Timeout => "timeout",
            ErrorKind::InvalidInput => "invalid_input",
            ErrorKind::Integrity => "integrity",
            ErrorKind::Expression => "expression",
            ErrorKind::Exhausted => "exhausted",
            ErrorKind::Connection => "connection",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Failed => "failed",
            ErrorKind::Unexpected => "unexpected",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether trying again can help. The engine retries by this, never by matching text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same attempt would fail the same way.
    Permanent,
    /// It may work later, and not before `after` where the service said so.
    Transient {
        /// The server's own Retry-After.
        after: Option<Duration>,
    },
}

/// A failed attempt of a card, told so that a person can act on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardError {
    /// What went wrong, from the closed list.
    pub kind: ErrorKind,
    /// Whether a retry can help.
    pub retry: Retry,
    /// What happened: one sentence, lower case, no full stop.
    pub message: String,
    /// The service's own code, such as `NoSuchKey`.
    pub code: Option<String>,
    /// Where: bucket, key, request id and the like, in the order in which they are shown.
    pub context: Vec<(&'static str, String)>,
    /// What to do next.
    pub help: Option<String>,
}

impl CardError {
    /// A permanent error of a kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: Retry::Permanent,
            message: message.into(),
            code: None,
            context: Vec::new(),
            help: None,
        }
    }

    /// The error of a card that honoured a cancel request.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// Marks the error as worth a retry, not before `after` where the service said so.
    #[must_use]
    pub fn transient(mut self, after: Option<Duration>) -> Self {
        self.retry = Retry::Transient { after };
        self
    }

    /// Adds the service's own code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Adds where it happened; names are those of the S3 API in snake case.
    #[must_use]
    pub fn context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.context.push((name, value.into()));
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for CardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (index, (name, value)) in self.context.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { ", " })?;
            write!(f, "{name}: {value}")?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for CardError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_names_read_back_and_match_serde() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_name(kind.name()), Some(kind));
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, serde_json::json!(kind.name()));
        }
        assert_eq!(ErrorKind::from_name("nope"), None);
    }

    #[test]
    fn display_tells_where() {
        let error = CardError::new(ErrorKind::NotFound, "the key does not exist")
            .context("bucket", "reports")
            .context("key", "a.csv");
        assert_eq!(
            error.to_string(),
            "the key does not exist (bucket: reports, key: a.csv)"
        );
    }
}
