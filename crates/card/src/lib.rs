//! The contract between a flowrun engine and a card.
//!
//! A card is declared once, by implementing [`Card`]: an input and an output struct, a constant
//! [`CardSpec`], a pure [`Card::check`], pure [`Card::permissions`], examples, and an async
//! [`Card::run`]. Parsing, the JSON Schema for editors, the card reference, the IAM policy of a
//! flow and the conformance tests all come from that one declaration. Pure functions are declared
//! as [`Function`]s and are cards and expression helpers alike.
//!
//! This crate knows no YAML, no AWS and no async runtime: an application that only wants to write
//! a card depends on this crate alone.

mod card;
mod connection;
mod context;
mod error;
mod function;
mod permissions;
mod redact;
mod registry;
mod requests;
mod schema;
mod secret;
mod span;
mod value;

pub use card::{
    BoxFuture, Card, CardSpec, CardTypes, DynCard, Effect, Example, Idempotency, InputError, Rule,
};
pub use connection::{
    AnyKind, ConnectionInfo, ConnectionKind, ConnectionRef, Connections, NoConnections,
    RunIdentity, Scope, SessionInfo, SessionRequest,
};
pub use context::{Clock, Ctx, CtxParts, Marks, NoMarks, Progress, ProgressSnapshot};
pub use error::{CardError, ErrorKind, Retry};
pub use function::{
    Arguments, Body, Function, FunctionCall, FunctionError, FunctionExample, Lambda, Parameter,
    ParameterKind,
};
pub use permissions::{Partial, PartialConnection, Permission, Permissions, Piece, Resource, Text};
pub use redact::{MASK, MIN_SECRET, Redacting, Redactor, shorten};
pub use registry::{Entry, Registry, RegistryError};
pub use requests::{Request, Requests, note_request};
pub use schema::{
    Field, Format, Mismatch, SchemaError, Type, TypeKind, parse_duration, parse_size,
};
pub use secret::{NamedSecret, Secret};
pub use span::{SourceId, Span};
pub use value::{FileRef, Integer, List, Object, Value, ValueError, from_value, to_value};
