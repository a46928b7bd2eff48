//! Connections as cards see them: a typed reference in the input, and a session for it at run time.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    sync::Arc,
};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{BoxFuture, CardError, Permission, Value, value};

/// A kind of connection, such as AWS S3, and the session that a card gets for one of that kind.
pub trait ConnectionKind: Send + Sync + 'static {
    /// The kind's name in connection files and schemas, such as `aws_s3`.
    const NAME: &'static str;
    /// What a card works with while the connection is open.
    type Session: Send + Sync + 'static;
}

/// The kind of a connection reference whose kind is not known to the compiler.
#[derive(Clone, Copy, Debug)]
pub enum AnyKind {}

/// A connection that a card shall use: an input field of this type takes a connection of kind `K`.
///
/// It is a value of its own type in the flow language: text never becomes one. It names the
/// connection and carries no credentials.
pub struct ConnectionRef<K = AnyKind> {
    name: Arc<ConnectionName>,
    kind: PhantomData<fn() -> K>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ConnectionName {
    kind: String,
    nickname: String,
}

impl ConnectionRef {
    /// A reference to the connection of that kind and nickname.
    pub fn new(kind: impl Into<String>, nickname: impl Into<String>) -> Self {
        Self {
            name: Arc::new(ConnectionName {
                kind: kind.into(),
                nickname: nickname.into(),
            }),
            kind: PhantomData,
        }
    }
}

impl<K> ConnectionRef<K> {
    /// The name of the connection's kind.
    pub fn kind(&self) -> &str {
        &self.name.kind
    }

    /// The nickname by which the connection store knows it.
    pub fn nickname(&self) -> &str {
        &self.name.nickname
    }

    /// The account of a member of a set: what its nickname has after the `/`. `None` for any other
    /// connection.
    pub fn account(&self) -> Option<&str> {
        self.nickname().split_once('/').map(|(_, account)| account)
    }

    /// The same reference without its static kind.
    pub fn untyped(&self) -> ConnectionRef {
        ConnectionRef {
            name: Arc::clone(&self.name),
            kind: PhantomData,
        }
    }
}

impl<K> Clone for ConnectionRef<K> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            kind: PhantomData,
        }
    }
}

impl<K> PartialEq for ConnectionRef<K> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<K> Eq for ConnectionRef<K> {}

impl<K> fmt::Debug for ConnectionRef<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionRef({}:{})", self.kind(), self.nickname())
    }
}

impl<K> Serialize for ConnectionRef<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::Connection(self.untyped()).serialize(serializer)
    }
}

impl<'de, K: ConnectionKind> Deserialize<'de> for ConnectionRef<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match value::deserialize_native(deserializer)? {
            Value::Connection(reference) if reference.kind() == K::NAME => Ok(Self {
                name: reference.name,
                kind: PhantomData,
            }),
            Value::Connection(reference) => Err(serde::de::Error::custom(format_args!(
                "connection `{}` is of kind `{}`, and this needs `{}`",
                reference.nickname(),
                reference.kind(),
                K::NAME
            ))),
            other => Err(serde::de::Error::custom(format_args!(
                "expected a connection of kind `{}`, found {}",
                K::NAME,
                other.type_name()
            ))),
        }
    }
}

impl<K: ConnectionKind> JsonSchema for ConnectionRef<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("connection_{}", K::NAME).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-flowrun-type": "connection", "x-flowrun-kind": K::NAME })
    }
}

/// Who asks for a session: named in the session so that the customer's audit trail shows the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    /// The run's id.
    pub run_id: String,
    /// The flow's id.
    pub flow: String,
}

/// What a session may do: all that the connection grants, or less.
///
/// Cheap to clone and to look up by, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Scope {
    limit: Option<Limit>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Limit {
    Policy(Arc<str>),
    // Two that are the same list are equal without a look into it.
    Permissions(Arc<[Permission]>),
}

impl Scope {
    /// All that the connection grants. In a run, a session of that scope is narrowed to what the
    /// cards of the flow need under the connection.
    pub fn whole() -> Self {
        Self::default()
    }

    /// No more than this IAM policy document grants (an inline session policy).
    pub fn policy(document: impl Into<Arc<str>>) -> Self {
        Self {
            limit: Some(Limit::Policy(document.into())),
        }
    }

    /// No more than these permissions, where the store can narrow a session at all. Their
    /// connections are not looked at.
    pub fn permissions(permissions: impl Into<Arc<[Permission]>>) -> Self {
        Self {
            limit: Some(Limit::Permissions(permissions.into())),
        }
    }

    /// The policy document that narrows the session, if any.
    pub fn session_policy(&self) -> Option<&str> {
        match &self.limit {
            Some(Limit::Policy(document)) => Some(document),
            _ => None,
        }
    }

    /// The permissions that narrow the session, if any.
    pub fn session_permissions(&self) -> Option<&[Permission]> {
        match &self.limit {
            Some(Limit::Permissions(permissions)) => Some(permissions),
            _ => None,
        }
    }
}

/// Of permissions only their number counts: lists of the same length are rare where scopes are
/// looked up.
impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.limit {
            None => 0_u8.hash(state),
            Some(Limit::Policy(document)) => document.hash(state),
            Some(Limit::Permissions(permissions)) => permissions.len().hash(state),
        }
    }
}

/// A request for a session.
#[derive(Clone, Debug)]
pub struct SessionRequest {
    /// The connection.
    pub connection: ConnectionRef,
    /// What the session may do.
    pub scope: Scope,
    /// The run that asks.
    pub run: RunIdentity,
}

/// What can be said of a connection without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The name of its kind.
    pub kind: String,
}

/// A session that a run used, as the owner of the other side sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The connection's nickname.
    pub connection: String,
    /// The role that the session acts as; `None` where it has none.
    pub role_arn: Option<String>,
    /// The session's name in the audit trail of the role's owner.
    pub session_name: Option<String>,
}

/// Where an engine finds connections and their sessions. Sessions are cached by the implementor,
/// per connection, scope and run.
pub trait Connections: Send + Sync + 'static {
    /// What is known of a connection; `None` where there is none of that nickname. Does no I/O
    /// beyond what was read when the store was opened, so that checking a flow stays pure.
    fn info(&self, nickname: &str) -> Option<ConnectionInfo>;

    /// All nicknames, for suggestions.
    fn nicknames(&self) -> Vec<String>;

    /// The nicknames of the members of a set of connections, in its order and all of one kind;
    /// `None` where there is no set of that name. Does no I/O, as [`Connections::info`].
    fn members(&self, set: &str) -> Option<Vec<String>> {
        let _ = set;
        None
    }

    /// The names of all sets, for suggestions.
    fn sets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Opens a session or returns the cached one; the result is the [`ConnectionKind::Session`] of
    /// the connection's kind.
    ///
    /// # Errors
    /// A [`CardError`] of kind `connection` or `permission_denied` that tells what to check.
    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>>;

    /// Whether one session can be narrowed to exactly these permissions. Where it cannot, a run asks
    /// for a session for each card, with what that one needs. Does no I/O.
    fn holds(&self, connection: &ConnectionRef, permissions: &[Permission]) -> bool {
        let _ = (connection, permissions);
        true
    }

    /// The sessions that a run has, one of a connection.
    fn sessions(&self, run_id: &str) -> Vec<SessionInfo> {
        let _ = run_id;
        Vec::new()
    }

    /// Forgets the sessions of a run that ended.
    fn release(&self, run_id: &str) {
        let _ = run_id;
    }
}

/// A store without connections, for flows of pure cards.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoConnections;

impl Connections for NoConnections {
    fn info(&self, _: &str) -> Option<ConnectionInfo> {
        None
    }

    fn nicknames(&self) -> Vec<String> {
        Vec::new()
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(async move {
            Err(CardError::new(
                crate::ErrorKind::Connection,
                format!("there is no connection `{}`", request.connection.nickname()),
            ))
        })
    }
}
