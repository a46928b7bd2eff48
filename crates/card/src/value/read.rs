//! From a [`Value`] to a Rust type: a serde deserializer, and `Deserialize` for `Value` itself.

use std::{cell::Cell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, VariantAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};

use super::{Integer, List, Object, Value, ValueError, handover};
use crate::shorten;

/// Reads a Rust value. Files, connections and nested [`Value`]s come through as they are.
///
/// # Errors
/// [`ValueError::Shape`] with the path of the field that does not fit.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, ValueError> {
    serde_path_to_error::deserialize(Reader(value)).map_err(|error| ValueError::Shape {
        path: error.path().to_string(),
        message: error.into_inner().0,
    })
}

/// A message of serde on the way to a [`ValueError`], which adds the path.
#[derive(Debug)]
pub(super) struct Message(pub(super) String);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Message {}

impl serde::de::Error for Message {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl serde::ser::Error for Message {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Reader(Value);

impl<'de> IntoDeserializer<'de, Message> for Reader {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader {
    type Error = Message;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Message> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(boolean) => visitor.visit_bool(boolean),
            Value::Integer(integer) => match (integer.as_u64(), integer.as_i64()) {
                (Some(unsigned), _) => visitor.visit_u64(unsigned),
                (None, Some(signed)) => visitor.visit_i64(signed),
                (None, None) => Err(Message::custom("integer out of range")),
            },
            Value::Number(number) => visitor.visit_f64(number),
            Value::String(text) => visitor.visit_str(&text),
            Value::List(list) => {
                let items: Vec<Reader> = list.iter().map(Reader).collect();
                visitor.visit_seq(SeqDeserializer::new(items.into_iter()))
            }
            Value::Object(object) => visit_fields(&object, visitor),
            Value::File(file) => visit_fields(&file.to_object(), visitor),
            Value::Connection(connection) => Err(Message(format!(
                "connection `{}` stands where data is needed",
                connection.nickname()
            ))),
            Value::Secret(secret) => Err(Message(format!(
                "secret `{}` stands where data is needed",
                secret.name()
            ))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Message> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Message> {
        if name == handover::NATIVE {
            handover::put(self.0);
            return visitor.visit_newtype_struct(Reader(Value::Null));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Message> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(Variant {
                name: Value::String(variant),
                content: None,
            }),
            Value::Object(object) if object.len() == 1 => {
                let Some((name, content)) = object.iter().next() else {
                    return Err(Message::custom("expected one field"));
                };
                visitor.visit_enum(Variant {
                    name: Value::String(name.clone()),
                    content: Some(content.clone()),
                })
            }
            other => Err(Message(format!(
                "expected a string, found {}",
                other.type_name()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

fn visit_fields<'de, V: Visitor<'de>>(object: &Object, visitor: V) -> Result<V::Value, Message> {
    let fields: Vec<(String, Reader)> = object
        .iter()
        .map(|(name, value)| (name.to_string(), Reader(value.clone())))
        .collect();
    visitor.visit_map(MapDeserializer::new(fields.into_iter()))
}

struct Variant {
    name: Value,
    content: Option<Value>,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Message;
    type Variant = Content;

    fn variant_seed<V: serde::de::DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Content), Message> {
        Ok((seed.deserialize(Reader(self.name))?, Content(self.content)))
    }
}

struct Content(Option<Value>);

impl<'de> VariantAccess<'de> for Content {
    type Error = Message;

    fn unit_variant(self) -> Result<(), Message> {
        match self.0 {
            None | Some(Value::Null) => Ok(()),
            Some(other) => Err(Message(format!("unexpected {}", other.type_name()))),
        }
    }

    fn newtype_variant_seed<T: serde::de::DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, Message> {
        seed.deserialize(Reader(self.0.unwrap_or_default()))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Message> {
        Reader(self.0.unwrap_or_default()).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Message> {
        Reader(self.0.unwrap_or_default()).deserialize_any(visitor)
    }
}

/// Reads a value that came over unchanged from our own [`Reader`], or plain data from elsewhere.
pub(crate) fn deserialize_native<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Value, D::Error> {
    struct Native;

    impl<'de> Visitor<'de> for Native {
        type Value = Value;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }

        fn visit_newtype_struct<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Value, D::Error> {
            match handover::take() {
                Some(value) => Ok(value),
                None => deserializer.deserialize_any(Data::default()),
            }
        }
    }

    deserializer.deserialize_newtype_struct(handover::NATIVE, Native)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_native(deserializer)
    }
}

/// How deep lists and objects may stand in each other where there are bounds, as in a flow.
const MAX_DEPTH: usize = 64;

/// How much of plain data becomes a value.
#[derive(Clone, Copy)]
pub(super) struct Bounds<'a> {
    /// How many values the whole may still make.
    values: &'a Cell<usize>,
    depth: usize,
}

impl<'a> Bounds<'a> {
    pub(super) fn new(values: &'a Cell<usize>) -> Self {
        Self { values, depth: 0 }
    }
}

/// Builds a value from plain data of any format, within bounds or within those of the format. A key
/// that stands twice in one object is refused: keeping one would lose the other silently.
#[derive(Clone, Copy, Default)]
pub(super) struct Data<'a> {
    bounds: Option<Bounds<'a>>,
}

impl<'a> Data<'a> {
    pub(super) fn within(bounds: Bounds<'a>) -> Self {
        Self {
            bounds: Some(bounds),
        }
    }

    /// For what stands in a list or object.
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(bounds) = self.bounds else {
            return Ok(self);
        };
        if bounds.depth == MAX_DEPTH {
            return Err(E::custom("nested more than 64 levels deep"));
        }
        Ok(Self::within(Bounds {
            depth: bounds.depth + 1,
            ..bounds
        }))
    }
}

impl<'de> DeserializeSeed<'de> for Data<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if let Some(bounds) = self.bounds {
            let left = bounds.values.get().checked_sub(1);
            bounds
                .values
                .set(left.ok_or_else(|| D::Error::custom("more than 1,000,000 values"))?);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Data<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(boolean.into())
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(integer.into())
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(integer.into())
    }

    fn visit_i128<E: serde::de::Error>(self, integer: i128) -> Result<Value, E> {
        Integer::from_i128(integer)
            .map(Value::Integer)
            .ok_or_else(|| out_of_range(&integer))
    }

    fn visit_u128<E: serde::de::Error>(self, integer: u128) -> Result<Value, E> {
        u64::try_from(integer)
            .map(Value::from)
            .map_err(|_| out_of_range(&integer))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        Value::number(number)
            .map_err(|_| E::invalid_value(Unexpected::Float(number), &"a finite number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::List(List::from(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Object::new();
        while let Some(name) = fields.next_key::<String>()? {
            if object.get(&name).is_some() {
                let name = shorten(&name, 80);
                return Err(A::Error::custom(format_args!(
                    "the key `{name}` stands twice in one object"
                )));
            }
            object.insert(name, fields.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

fn out_of_range<E: serde::de::Error>(integer: &dyn fmt::Display) -> E {
    E::custom(ValueError::Integer {
        integer: integer.to_string(),
    })
}
