//! The IAM permissions of a card's call, computed from input that is known in whole or in part.

use std::fmt;

use crate::{ConnectionRef, Object, Span, Value};

/// An input as far as it is known: before the run a template has unknown parts, at the call
/// everything is known.
#[derive(Clone, Debug, PartialEq)]
pub enum Partial {
    /// Not given.
    Absent,
    /// Known.
    Known(Value),
    /// Text that starts with a known part; the rest comes from the expression at the span.
    Prefix(String, Span),
    /// Comes from the expression at the span.
    Unknown(Span),
    /// An object, field by field.
    Object(Vec<(String, Partial)>),
    /// A connection that is not known before the run, from the expression at the span.
    AnyConnection(Span),
}

/// A text as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// Known.
    Known(String),
    /// Starts with this.
    Prefix(String, Span),
    /// Could be anything.
    Unknown(Span),
}

/// A connection as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartialConnection {
    /// Known.
    Known(ConnectionRef),
    /// Comes from the expression at the span.
    Unknown(Span),
}

impl Partial {
    /// The field of an object; [`Partial::Absent`] where there is none.
    #[must_use]
    pub fn at(&self, field: &str) -> Partial {
        match self {
            Partial::Object(fields) => fields
                .iter()
                .find(|(name, _)| name == field)
                .map_or(Partial::Absent, |(_, partial)| partial.clone()),
            Partial::Known(value) => value.field(field).map_or(Partial::Absent, Partial::Known),
            Partial::Unknown(span) => Partial::Unknown(*span),
            Partial::Absent | Partial::Prefix(..) | Partial::AnyConnection(_) => Partial::Absent,
        }
    }

    /// Whether something may be given here: an unknown value counts.
    pub fn is_given(&self) -> bool {
        !matches!(self, Partial::Absent | Partial::Known(Value::Null))
    }

    /// Whether this boolean may be true: an unknown value counts.
    pub fn may_be_true(&self) -> bool {
        match self {
            Partial::Known(value) => value.as_bool() == Some(true),
            Partial::Unknown(_) => true,
            _ => false,
        }
    }

    /// The text; absent counts as empty.
    pub fn text(&self) -> Text {
        match self {
            Partial::Known(value) => Text::Known(
                value
                    .to_text()
                    .map_or_else(String::new, |text| text.to_string()),
            ),
            Partial::Prefix(prefix, span) => Text::Prefix(prefix.clone(), *span),
            Partial::Unknown(span) | Partial::AnyConnection(span) => Text::Unknown(*span),
            Partial::Absent | Partial::Object(_) => Text::Known(String::new()),
        }
    }

    /// The connection that stands in a field.
    pub fn connection(&self, field: &str) -> Option<PartialConnection> {
        match self.at(field) {
            Partial::Known(Value::Connection(connection)) => {
                Some(PartialConnection::Known(connection))
            }
            Partial::AnyConnection(span) | Partial::Unknown(span) => {
                Some(PartialConnection::Unknown(span))
            }
            _ => None,
        }
    }
}

impl From<Value> for Partial {
    fn from(value: Value) -> Self {
        Partial::Known(value)
    }
}

impl From<Object> for Partial {
    fn from(object: Object) -> Self {
        Partial::Known(Value::Object(object))
    }
}

/// A part of a resource's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Literal text; a policy escapes what IAM would read as a wildcard.
    Literal(String),
    /// Anything; the span is the expression that made it so, where one did.
    Any(Option<Span>),
}

/// What a permission is about: `arn:PARTITION:SERVICE:REGION:ACCOUNT:` and the pieces. The
/// partition is that of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resource {
    /// The service, such as `s3`.
    pub service: &'static str,
    /// The rest, after region and account (both empty).
    pub pieces: Vec<Piece>,
}

impl Resource {
    /// Every resource of a service.
    pub fn every(service: &'static str) -> Self {
        Self {
            service,
            pieces: vec![Piece::Any(None)],
        }
    }

    /// An S3 bucket.
    pub fn bucket(bucket: &Text) -> Self {
        let mut resource = Self {
            service: "s3",
            pieces: Vec::new(),
        };
        resource.push(bucket);
        resource
    }

    /// An S3 object.
    pub fn object(bucket: &Text, key: &Text) -> Self {
        let mut resource = Self::bucket(bucket);
        resource.pieces.push(Piece::Literal("/".to_owned()));
        resource.push(key);
        resource
    }

    /// Every S3 object under a prefix.
    pub fn objects(bucket: &Text, prefix: &Text) -> Self {
        let mut resource = Self::object(bucket, prefix);
        if !matches!(resource.pieces.last(), Some(Piece::Any(_))) {
            resource.pieces.push(Piece::Any(None));
        }
        resource
    }

    fn push(&mut self, text: &Text) {
        match text {
            Text::Known(text) => self.pieces.push(Piece::Literal(text.clone())),
            Text::Prefix(prefix, span) => {
                self.pieces.push(Piece::Literal(prefix.clone()));
                self.pieces.push(Piece::Any(Some(*span)));
            }
            Text::Unknown(span) => self.pieces.push(Piece::Any(Some(*span))),
        }
    }
}

/// The name as people read it, wildcards as `*`; a policy renders it with escapes.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:{}:::", self.service)?;
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => f.write_str(text)?,
                Piece::Any(_) => f.write_str("*")?,
            }
        }
        Ok(())
    }
}

/// Actions on a resource under a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The connection; `None` where the flow gives none (the checker says so).
    pub connection: Option<PartialConnection>,
    /// IAM actions, such as `s3:GetObject`.
    pub actions: Vec<&'static str>,
    /// On what.
    pub resource: Resource,
}

/// The permissions of a call, gathered.
#[derive(Clone, Debug, Default)]
pub struct Permissions {
    permissions: Vec<Permission>,
}

impl Permissions {
    /// Needs these actions on this resource under the connection.
    pub fn need(
        &mut self,
        connection: Option<PartialConnection>,
        actions: &[&'static str],
        resource: Resource,
    ) {
        self.permissions.push(Permission {
            connection,
            actions: actions.to_vec(),
            resource,
        });
    }

    /// What was gathered.
    pub fn into_vec(self) -> Vec<Permission> {
        self.permissions
    }
}
