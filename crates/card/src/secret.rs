//! Text that must never be shown, and how it travels to the card that needs it.

use std::{fmt, sync::Arc};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use crate::{Value, value};

/// A secret text. It has no `Display` and no `Serialize`, its `Debug` shows nothing of it, and its
/// memory is wiped when the last clone is dropped. [`Secret::expose`] is the one, greppable way out.
///
/// A field of this type in a card's input takes a secret of the flow, and nothing else: text never
/// becomes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes ownership of a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself, for the call that needs it. Never log, store or format the result.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match value::deserialize_native(deserializer)? {
            Value::Secret(secret) => Ok(secret.secret),
            other => Err(serde::de::Error::custom(format_args!(
                "expected a secret, found {}",
                other.type_name()
            ))),
        }
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "x-flowrun-type": "secret" })
    }
}

/// A secret of a flow, by the name that the flow gives it. Wherever it is written or shown, its name
/// stands for it.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedSecret {
    name: Arc<str>,
    secret: Secret,
}

impl NamedSecret {
    /// A secret under a name.
    pub fn new(name: impl Into<Arc<str>>, secret: Secret) -> Self {
        Self {
            name: name.into(),
            secret,
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// `(secret NAME)`.
impl fmt::Display for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(secret {})", self.name)
    }
}

impl fmt::Debug for NamedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedSecret({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, Type, from_value, to_value};

    const TEXT: &str = "n0t-for-any-eyes";

    #[derive(Debug, Deserialize, JsonSchema)]
    struct Input {
        key: Secret,
        other: Option<Secret>,
    }

    fn object(key: Value) -> Value {
        Value::Object([("key", key)].into_iter().collect::<Object>())
    }

    fn secret() -> Value {
        Value::Secret(NamedSecret::new("sse_key", Secret::new(TEXT)))
    }

    #[test]
    fn only_a_secret_becomes_a_secret() {
        let input: Input = from_value(object(secret())).unwrap();
        assert_eq!(input.key.expose(), TEXT);
        assert_eq!(input.other, None);
        let error = from_value::<Input>(object(Value::from(TEXT))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`key`: expected a secret, found a string"
        );
        serde_json::from_str::<Input>(r#"{"key":"text"}"#).unwrap_err();

        let (ty, _) = Type::of::<Input>(true).unwrap();
        assert_eq!(ty.field("key").unwrap().to_string(), "a secret");
        assert_eq!(ty.field("other").unwrap().to_string(), "a secret");
        assert_eq!(ty.conform(object(secret())), Ok(object(secret())));
        for (slot, value, message) in [
            (
                &ty,
                object(Value::from("text")),
                "expected a secret, found a string",
            ),
            (&Type::ANY, secret(), "expected any value, found a secret"),
            (
                &Type::string(),
                secret(),
                "expected a string, found a secret",
            ),
        ] {
            let found = slot.conform(value).unwrap_err();
            assert_eq!(found.first().unwrap().message, message);
        }
        let secret = Type::new(crate::TypeKind::Secret);
        assert!(secret.accepts(&secret));
        for other in [Type::ANY, Type::string(), Type::list(Type::ANY)] {
            assert!(
                !other.accepts(&secret) && !secret.accepts(&other),
                "{other}"
            );
        }
    }

    #[test]
    fn its_name_stands_for_it_wherever_it_is_shown() {
        let value = object(secret());
        assert_eq!(value.to_string(), r#"{"key":"(secret sse_key)"}"#);
        assert!(!format!("{value:?}").contains(TEXT));
        assert_eq!(secret().to_text(), None);
        assert_eq!(secret().field("secret"), None);
        // Within a run it comes through as it is.
        assert_eq!(to_value(&value).unwrap(), value);
        assert_eq!(format!("{:?}", Secret::new(TEXT)), "Secret(hidden)");
        // No name of a text is the text of a secret.
        from_value::<String>(secret()).unwrap_err();
    }
}
