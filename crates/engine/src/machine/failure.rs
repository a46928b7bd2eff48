//! Why something did not succeed: error kinds, retry advice, and the cause that
//! travels outwards from the card that failed first.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::event::Handle;

/// What kind of error a card ended with: the closed, published list that
/// `retry.kinds` and `catch.kinds` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// What was asked for does not exist.
    NotFound,
    /// The identity may not do this.
    PermissionDenied,
    /// It exists, and must not.
    AlreadyExists,
    /// A condition that the request named does not hold.
    PreconditionFailed,
    /// The service asks for fewer requests.
    RateLimited,
    /// The service cannot answer now.
    Unavailable,
    /// It took longer than allowed.
    Timeout,
    /// The input is not what the card takes.
    InvalidInput,
    /// Data is not what its checksum or length says.
    Integrity,
    /// An expression has no value.
    Expression,
    /// A limit of rounds or time was used up.
    Exhausted,
    /// A connection could not be used.
    Connection,
    /// It was cancelled.
    Cancelled,
    /// The flow says so.
    Failed,
    /// Anything else.
    Unexpected,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same attempt would end in the same way.
    Permanent,
    /// A later attempt may succeed.
    Transient {
        /// The least time to wait, when the server named one.
        after: Option<Duration>,
    },
}

/// What the machine knows of an error; the driver keeps the rest of it under
/// [`Failure::error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// Whether trying again can help.
    pub retry: Retry,
    /// The driver's handle of the whole error; none for a timeout, which the
    /// machine itself decides.
    pub error: Option<Handle>,
}

impl Failure {
    /// The failure of what took longer than its `timeout`.
    pub(super) fn timeout() -> Self {
        Self {
            kind: ErrorKind::Timeout,
            retry: Retry::Transient { after: None },
            error: None,
        }
    }

    /// The failure of an attempt that was cancelled though nobody asked for it.
    pub(super) fn cancelled() -> Self {
        Self {
            kind: ErrorKind::Cancelled,
            retry: Retry::Permanent,
            error: None,
        }
    }
}

/// A failure and where it began. A group, a loop and the run fail with the cause
/// of the card within that failed on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The card that failed on its own.
    pub address: Address,
    /// How many attempts it made; 0 when it failed before its action started.
    pub attempts: u32,
    /// What happened.
    pub failure: Failure,
}
