//! Why something did not succeed: error kinds, retry advice, and the cause that
//! travels outwards from the card that failed first.

pub use flowrun_card::{ErrorKind, Retry};
use serde::{Deserialize, Serialize};

use super::address::Address;
use super::event::Handle;

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
