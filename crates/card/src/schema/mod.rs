//! The types of inputs and outputs, as the checker sees them: read from a card's JSON Schema once,
//! then walked by path.

mod conform;
mod read;

use std::{fmt, sync::Arc};

use indexmap::IndexMap;

pub use conform::{Mismatch, parse_duration, parse_size};
pub use read::SchemaError;

/// The type of a value: what it may be, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Type {
    /// What it may be.
    pub kind: TypeKind,
    /// Whether null is allowed too.
    pub nullable: bool,
}

/// What a value may be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TypeKind {
    /// Anything.
    Any,
    /// Only null.
    Null,
    /// True or false.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// Smallest allowed value.
        minimum: Option<i128>,
        /// Largest allowed value.
        maximum: Option<i128>,
    },
    /// A number within bounds.
    Number {
        /// Smallest allowed value.
        minimum: Option<f64>,
        /// Largest allowed value.
        maximum: Option<f64>,
    },
    /// Text.
    String {
        /// The checked format, if any.
        format: Option<Format>,
        /// The only allowed texts; empty where any text is.
        options: Vec<String>,
        /// A regular expression that the text matches somewhere.
        pattern: Option<String>,
        /// Fewest characters.
        min_length: Option<usize>,
        /// Most characters.
        max_length: Option<usize>,
    },
    /// A list of items of one type.
    List {
        /// The items' type.
        items: Arc<Type>,
        /// Fewest items.
        min_items: Option<usize>,
        /// Most items.
        max_items: Option<usize>,
    },
    /// An object.
    Object {
        /// The fields that are declared.
        fields: IndexMap<String, Field>,
        /// The type of fields beyond those; `None` where there are none.
        additional: Option<Arc<Type>>,
    },
    /// A file, by reference.
    File,
    /// A connection of a kind; `None` for any kind.
    Connection {
        /// The kind's name.
        kind: Option<String>,
    },
    /// A secret of the flow. It is no value of any other type, [`TypeKind::Any`] included.
    Secret,
    /// One of several.
    OneOf(Vec<Type>),
}

/// A text format that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// `2026-11-23`
    Date,
    /// `2026-11-23T10:00:00Z`
    DateTime,
    /// `500ms`, `30s`, `1h30m`
    Duration,
    /// `64MiB`
    Size,
}

impl Format {
    /// The name in schemas and input declarations.
    pub fn name(self) -> &'static str {
        match self {
            Format::Date => "date",
            Format::DateTime => "datetime",
            Format::Duration => "duration",
            Format::Size => "size",
        }
    }
}

/// A declared field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The field's type.
    pub ty: Type,
    /// Whether it must be given (inputs) or is always set (outputs).
    pub required: bool,
    /// What it is, in Markdown.
    pub description: String,
    /// The value that stands for a missing one.
    pub default: Option<serde_json::Value>,
}

impl Type {
    /// Anything at all.
    pub const ANY: Type = Type {
        kind: TypeKind::Any,
        nullable: true,
    };

    /// A type that is not nullable.
    pub const fn new(kind: TypeKind) -> Self {
        Self {
            kind,
            nullable: false,
        }
    }

    /// Any text.
    pub const fn string() -> Self {
        Self::new(TypeKind::String {
            format: None,
            options: Vec::new(),
            pattern: None,
            min_length: None,
            max_length: None,
        })
    }

    /// Text of a format.
    pub const fn formatted(format: Format) -> Self {
        Self::new(TypeKind::String {
            format: Some(format),
            options: Vec::new(),
            pattern: None,
            min_length: None,
            max_length: None,
        })
    }

    /// Any integer.
    pub const fn integer() -> Self {
        Self::new(TypeKind::Integer {
            minimum: None,
            maximum: None,
        })
    }

    /// Any number.
    pub const fn number() -> Self {
        Self::new(TypeKind::Number {
            minimum: None,
            maximum: None,
        })
    }

    /// True or false.
    pub const fn boolean() -> Self {
        Self::new(TypeKind::Boolean)
    }

    /// A list of items of a type.
    pub fn list(items: Type) -> Self {
        Self::new(TypeKind::List {
            items: Arc::new(items),
            min_items: None,
            max_items: None,
        })
    }

    /// An object with exactly these fields, each always set.
    pub fn object(fields: impl IntoIterator<Item = (String, Type)>) -> Self {
        Self::new(TypeKind::Object {
            fields: fields
                .into_iter()
                .map(|(name, ty)| {
                    let field = Field {
                        required: !ty.nullable,
                        ty,
                        description: String::new(),
                        default: None,
                    };
                    (name, field)
                })
                .collect(),
            additional: None,
        })
    }

    /// An object whose fields are not known.
    pub fn map(values: Type) -> Self {
        Self::new(TypeKind::Object {
            fields: IndexMap::new(),
            additional: Some(Arc::new(values)),
        })
    }

    /// The same type with null allowed.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The same type without null.
    #[must_use]
    pub fn non_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Whether nothing is known of values of this type.
    pub fn is_any(&self) -> bool {
        matches!(self.kind, TypeKind::Any)
    }

    /// The declared fields, for suggestions; empty for what is no object.
    pub fn field_names(&self) -> Vec<&str> {
        match &self.kind {
            TypeKind::Object { fields, .. } => fields.keys().map(String::as_str).collect(),
            TypeKind::File => vec!["path", "name", "size", "media_type"],
            TypeKind::Connection { .. } => vec!["nickname", "account"],
            TypeKind::OneOf(types) => types.iter().flat_map(Type::field_names).collect(),
            _ => Vec::new(),
        }
    }

    /// The type of a field read from a value of this type: null where this may be null or the
    /// field unset. `None` where there is no such field.
    pub fn field(&self, name: &str) -> Option<Type> {
        let found = match &self.kind {
            TypeKind::Any => Some(Type::ANY),
            TypeKind::Object { fields, additional } => match fields.get(name) {
                Some(field) => Some(if field.required {
                    field.ty.clone()
                } else {
                    field.ty.clone().nullable()
                }),
                None => additional.as_ref().map(|ty| Type::clone(ty)),
            },
            TypeKind::File => match name {
                "path" | "name" => Some(Type::string()),
                "size" => Some(Type::integer()),
                "media_type" => Some(Type::string().nullable()),
                _ => None,
            },
            // That of no member of a set has no account; which one it is shows in the run.
            TypeKind::Connection { .. } => match name {
                "nickname" | "account" => Some(Type::string()),
                _ => None,
            },
            TypeKind::OneOf(types) => {
                let mut found: Vec<Type> = types.iter().filter_map(|ty| ty.field(name)).collect();
                match (found.len(), types.len()) {
                    (0, _) => None,
                    (1, 1) => found.pop(),
                    (some, all) => {
                        let nullable = some < all;
                        found.dedup();
                        let mut ty = match found.len() {
                            1 => found.pop()?,
                            _ => Type::new(TypeKind::OneOf(found)),
                        };
                        ty.nullable |= nullable;
                        Some(ty)
                    }
                }
            }
            _ => None,
        }?;
        Some(if self.nullable {
            found.nullable()
        } else {
            found
        })
    }

    /// The type of the items of a list of this type; `None` for what is no list.
    pub fn items(&self) -> Option<Type> {
        match &self.kind {
            TypeKind::Any => Some(Type::ANY),
            TypeKind::List { items, .. } => Some(Type::clone(items)),
            _ => None,
        }
    }

    /// Whether some value of type `from` fits a slot of this type. Formats, bounds and patterns
    /// are left to the run; a number or boolean fits a string slot, never the other way. Null is
    /// not looked at: whether a slot may be left out depends on the slot.
    pub fn accepts(&self, from: &Type) -> bool {
        use TypeKind as K;
        match (&self.kind, &from.kind) {
            (K::Secret, K::Secret) => true,
            (_, K::OneOf(types)) => types.iter().any(|ty| self.accepts(ty)),
            (K::OneOf(types), _) => types.iter().any(|ty| ty.accepts(from)),
            // A secret goes only where it is asked for, so that nothing else can hold one.
            (K::Secret, _) | (_, K::Secret) => false,
            (K::Any, _) | (_, K::Any) => true,
            (_, K::Null) => self.nullable || self.kind == K::Null,
            (K::Boolean, K::Boolean)
            | (K::Integer { .. }, K::Integer { .. })
            | (K::Number { .. }, K::Integer { .. } | K::Number { .. })
            | (K::File, K::File) => true,
            (
                K::String { options, .. },
                K::String {
                    options: theirs, ..
                },
            ) => {
                options.is_empty()
                    || theirs.is_empty()
                    || theirs.iter().any(|option| options.contains(option))
            }
            (
                K::String {
                    options, format, ..
                },
                K::Integer { .. } | K::Number { .. } | K::Boolean,
            ) => options.is_empty() && format.is_none_or(|format| format == Format::Size),
            (K::List { items, .. }, K::List { items: theirs, .. }) => items.accepts(theirs),
            (
                K::Object { fields, additional },
                K::Object {
                    fields: theirs,
                    additional: open,
                },
            ) => {
                let known = theirs.iter().all(|(name, field)| match fields.get(name) {
                    Some(slot) => slot.ty.accepts(&field.ty),
                    None => additional.as_ref().is_some_and(|ty| ty.accepts(&field.ty)),
                });
                let complete = fields.iter().all(|(name, field)| {
                    !field.required || theirs.contains_key(name) || open.is_some()
                });
                known && complete
            }
            (K::Connection { kind }, K::Connection { kind: theirs }) => {
                kind.is_none() || theirs.is_none() || kind == theirs
            }
            _ => false,
        }
    }
}

/// The type as messages name it, with its article: `a string`, `a list of objects`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TypeKind::Any => f.write_str("any value"),
            TypeKind::Null => f.write_str("null"),
            TypeKind::Boolean => f.write_str("a boolean"),
            TypeKind::Integer { .. } => f.write_str("an integer"),
            TypeKind::Number { .. } => f.write_str("a number"),
            TypeKind::String { options, .. } if !options.is_empty() => {
                f.write_str("one of ")?;
                for (index, option) in options.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}`{option}`")?;
                }
                Ok(())
            }
            TypeKind::String { format, .. } => match format {
                None => f.write_str("a string"),
                Some(format) => write!(f, "a {}", format.name()),
            },
            TypeKind::List { items, .. } => match items.plural() {
                Some(items) => write!(f, "a list of {items}"),
                None => f.write_str("a list"),
            },
            TypeKind::Object { .. } => f.write_str("an object"),
            TypeKind::File => f.write_str("a file"),
            TypeKind::Connection { kind: Some(kind) } => write!(f, "a connection of kind `{kind}`"),
            TypeKind::Connection { kind: None } => f.write_str("a connection"),
            TypeKind::Secret => f.write_str("a secret"),
            TypeKind::OneOf(types) => {
                for (index, ty) in types.iter().enumerate() {
                    let or = if index == 0 { "" } else { " or " };
                    write!(f, "{or}{ty}")?;
                }
                Ok(())
            }
        }
    }
}

impl Type {
    fn plural(&self) -> Option<&'static str> {
        match &self.kind {
            TypeKind::Boolean => Some("booleans"),
            TypeKind::Integer { .. } => Some("integers"),
            TypeKind::Number { .. } => Some("numbers"),
            TypeKind::String { .. } => Some("strings"),
            TypeKind::List { .. } => Some("lists"),
            TypeKind::Object { .. } => Some("objects"),
            TypeKind::File => Some("files"),
            TypeKind::Connection { .. } => Some("connections"),
            TypeKind::Secret => Some("secrets"),
            TypeKind::Any | TypeKind::Null | TypeKind::OneOf(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
