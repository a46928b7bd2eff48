//! The values that travel between cards: JSON's kinds, plus files, connections and secrets by
//! reference.

mod file;
mod handover;
mod json;
mod list;
mod number;
mod object;
mod read;
mod write;

use std::{fmt, sync::Arc};

pub use file::FileRef;
pub use list::List;
pub use number::Integer;
pub use object::Object;
pub(crate) use read::deserialize_native;
pub use read::from_value;
pub use write::to_value;

use crate::{ConnectionRef, NamedSecret};

/// A value of the flow language. Cloning is cheap: texts, lists and objects are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// An exact integer from `i64::MIN` to `u64::MAX`.
    Integer(Integer),
    /// A finite number with a fraction. Never NaN or infinite: see [`Value::number`].
    Number(f64),
    /// Text.
    String(Arc<str>),
    /// A list, opaque so that a long one need not be in memory.
    List(List),
    /// Fields in the order in which they were written.
    Object(Object),
    /// A file, by reference.
    File(FileRef),
    /// A connection, by reference.
    Connection(ConnectionRef),
    /// A secret, which its name stands for wherever this is written.
    Secret(NamedSecret),
}

/// Why a value could not be made or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The Rust type and the value do not fit.
    #[error("{}{message}", at(.path))]
    Shape {
        /// Where in the value, such as `source.key`; empty for the whole.
        path: String,
        /// What does not fit.
        message: String,
    },
    /// A number is NaN, infinite, or an integer outside `i64::MIN..=u64::MAX`.
    #[error("{number} is no number that a flow can hold")]
    Number {
        /// The number as text.
        number: String,
    },
    /// An integer outside `i64::MIN..=u64::MAX`.
    #[error(
        "{integer} is no integer between {} and {}; write it in quotes to keep its digits",
        i64::MIN,
        u64::MAX
    )]
    Integer {
        /// The integer as text, at most 80 characters of it.
        integer: String,
    },
    /// A text is not JSON.
    #[error("the text is no JSON to read: {message}")]
    NotJson {
        /// What is wrong, and where.
        message: String,
    },
    /// A text is JSON, but a key stands twice in an object of it, or it is past a bound.
    #[error("the text is no JSON to read: {message}")]
    RefusedJson {
        /// What is wrong, and where.
        message: String,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() || path == "." {
        String::new()
    } else {
        format!("`{path}`: ")
    }
}

impl Value {
    /// A text value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Value::String(text.into())
    }

    /// A number value; NaN and infinities are errors.
    ///
    /// # Errors
    /// [`ValueError::Number`].
    pub fn number(number: f64) -> Result<Self, ValueError> {
        if number.is_finite() {
            Ok(Value::Number(number))
        } else {
            Err(ValueError::Number {
                number: number.to_string(),
            })
        }
    }

    /// The kind of the value as messages name it, with its article: `a string`, `null`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Integer(_) => "an integer",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
            Value::File(_) => "a file",
            Value::Connection(_) => "a connection",
            Value::Secret(_) => "a secret",
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(boolean) => Some(*boolean),
            _ => None,
        }
    }

    /// The integer, where it fits an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Integer(integer) => integer.as_i64(),
            _ => None,
        }
    }

    /// The integer, where it fits a `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Integer(integer) => integer.as_u64(),
            _ => None,
        }
    }

    /// The list.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// A field of an object or of a file reference; `None` where there is none.
    pub fn field(&self, name: &str) -> Option<Value> {
        match self {
            Value::Object(object) => object.get(name).cloned(),
            Value::File(file) => file.field(name),
            _ => None,
        }
    }

    /// The text that this value has inside a longer text: strings as they are, numbers and
    /// booleans as JSON writes them. Lists, objects, null and references have none.
    pub fn to_text(&self) -> Option<Arc<str>> {
        match self {
            Value::String(text) => Some(Arc::clone(text)),
            Value::Boolean(boolean) => Some(if *boolean { "true" } else { "false" }.into()),
            Value::Integer(integer) => Some(integer.to_string().into()),
            Value::Number(number) => {
                Some(serde_json::Number::from_f64(*number)?.to_string().into())
            }
            Value::Null
            | Value::List(_)
            | Value::Object(_)
            | Value::File(_)
            | Value::Connection(_)
            | Value::Secret(_) => None,
        }
    }
}

/// Compact JSON; a file shows as an object, a connection as its nickname, a secret as its name.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&json)
    }
}

impl schemars::JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!(true)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Value::Boolean(boolean)
    }
}

impl From<i64> for Value {
    fn from(integer: i64) -> Self {
        Value::Integer(integer.into())
    }
}

impl From<u64> for Value {
    fn from(integer: u64) -> Self {
        Value::Integer(integer.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text.into())
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Value::Object(object)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Value::List(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
