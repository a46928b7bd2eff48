//! The journal port: what a run records so that another process could go on with it.

use flowrun_card::{BoxFuture, Value};

use crate::machine::{Event, Fingerprint, Handle};

/// What is recorded, in the order in which it happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Record<'a> {
    /// The run began.
    Started {
        /// The run's id.
        run_id: &'a str,
        /// The flow's id.
        flow: &'a str,
        /// The program that the machine runs.
        program: Fingerprint,
        /// The inputs.
        inputs: &'a Value,
    },
    /// A value that a later event refers to by its handle.
    Value {
        /// The handle.
        handle: Handle,
        /// The value.
        value: &'a Value,
    },
    /// An event of the machine.
    Event(&'a Event),
    /// Progress that a card marked.
    Mark {
        /// The card's address.
        address: &'a str,
        /// The mark's name.
        name: &'a str,
        /// The mark.
        value: &'a Value,
    },
}

/// A journal that cannot take a record. The run stops: what is not recorded must not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written: {0}")]
pub struct JournalError(pub String);

/// Ends when what was appended is durable.
pub type Ticket = BoxFuture<'static, Result<(), JournalError>>;

/// Where a run's records go.
pub trait Journal: Send + Sync + 'static {
    /// Takes records in order; the ticket ends once they are durable. The run awaits it before a
    /// card with an effect starts and before an end is reported, and not for pure cards.
    /// `None` is a ticket that has ended already.
    fn append(&self, records: &[Record<'_>]) -> Option<Ticket>;

    /// The mark that an earlier process recorded for the card at that address, where the run goes
    /// on from one.
    fn find_mark(&self, address: &str, name: &str) -> Option<Value>;
}

/// A journal that keeps nothing: a run under it ends with its process.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullJournal;

impl Journal for NullJournal {
    fn append(&self, _: &[Record<'_>]) -> Option<Ticket> {
        None
    }

    fn find_mark(&self, _: &str, _: &str) -> Option<Value> {
        None
    }
}
