//! From a Rust type to a [`Value`]: a serde serializer, and `Serialize` for `Value` itself.

use std::sync::Arc;

use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
        SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    },
};

use super::{Integer, List, Object, Value, ValueError, handover, read::Message};

/// Writes a Rust value. Files, connections and nested [`Value`]s come through as they are.
///
/// # Errors
/// [`ValueError::Shape`] for what a flow cannot hold: NaN, integers past `u64`, maps with keys
/// that are no text.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, ValueError> {
    value
        .serialize(Writer)
        .map_err(|message| ValueError::Shape {
            path: String::new(),
            message: message.0,
        })
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(handover::NATIVE, &Plain(self))
    }
}

/// The value as plain data, unless our own serializer takes it over as it is.
struct Plain<'a>(&'a Value);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if handover::wanted() {
            handover::put(self.0.clone());
            return serializer.serialize_unit();
        }
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Boolean(boolean) => serializer.serialize_bool(*boolean),
            Value::Integer(integer) => match (integer.as_u64(), integer.as_i64()) {
                (Some(unsigned), _) => serializer.serialize_u64(unsigned),
                (None, Some(signed)) => serializer.serialize_i64(signed),
                (None, None) => Err(S::Error::custom("integer out of range")),
            },
            Value::Number(number) => serializer.serialize_f64(*number),
            Value::String(text) => serializer.serialize_str(text),
            Value::List(list) => serializer.collect_seq(list.iter()),
            Value::Object(object) => {
                serializer.collect_map(object.iter().map(|(name, value)| (&**name, value)))
            }
            Value::File(file) => {
                let object = file.to_object();
                serializer.collect_map(object.iter().map(|(name, value)| (&**name, value)))
            }
            Value::Connection(connection) => serializer.serialize_str(connection.nickname()),
            Value::Secret(secret) => serializer.collect_str(secret),
        }
    }
}

#[derive(Clone, Copy)]
struct Writer;

impl Serializer for Writer {
    type Ok = Value;
    type Error = Message;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    fn serialize_bool(self, boolean: bool) -> Result<Value, Message> {
        Ok(boolean.into())
    }

    fn serialize_i8(self, integer: i8) -> Result<Value, Message> {
        Ok(i64::from(integer).into())
    }

    fn serialize_i16(self, integer: i16) -> Result<Value, Message> {
        Ok(i64::from(integer).into())
    }

    fn serialize_i32(self, integer: i32) -> Result<Value, Message> {
        Ok(i64::from(integer).into())
    }

    fn serialize_i64(self, integer: i64) -> Result<Value, Message> {
        Ok(integer.into())
    }

    fn serialize_i128(self, integer: i128) -> Result<Value, Message> {
        Integer::from_i128(integer)
            .map(Value::Integer)
            .ok_or_else(|| Message::custom(format_args!("{integer} is out of range")))
    }

    fn serialize_u8(self, integer: u8) -> Result<Value, Message> {
        Ok(u64::from(integer).into())
    }

    fn serialize_u16(self, integer: u16) -> Result<Value, Message> {
        Ok(u64::from(integer).into())
    }

    fn serialize_u32(self, integer: u32) -> Result<Value, Message> {
        Ok(u64::from(integer).into())
    }

    fn serialize_u64(self, integer: u64) -> Result<Value, Message> {
        Ok(integer.into())
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Message> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Message> {
        Value::number(number).map_err(Message::custom)
    }

    fn serialize_char(self, character: char) -> Result<Value, Message> {
        Ok(character.to_string().into())
    }

    fn serialize_str(self, text: &str) -> Result<Value, Message> {
        Ok(text.into())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Message> {
        Err(Message::custom("bytes travel as a file or as base64 text"))
    }

    fn serialize_none(self) -> Result<Value, Message> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Message> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Message> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Message> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Message> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Message> {
        if name == handover::NATIVE {
            handover::want();
            value.serialize(self)?;
            return handover::take().ok_or_else(|| Message::custom("a value was lost"));
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Message> {
        Ok(variant_of(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Message> {
        Ok(Items::new(None, length))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Message> {
        Ok(Items::new(None, Some(length)))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Message> {
        Ok(Items::new(None, Some(length)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, Message> {
        Ok(Items::new(Some(variant), Some(length)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Message> {
        Ok(Fields::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Message> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Message> {
        Ok(Fields {
            variant: Some(variant),
            ..Fields::default()
        })
    }
}

fn variant_of(name: &'static str, value: Value) -> Value {
    Value::Object([(name, value)].into_iter().collect())
}

struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl Items {
    /// Room for what is announced, up to a bound: an announced length is not yet data.
    fn new(variant: Option<&'static str>, length: Option<usize>) -> Self {
        Self {
            variant,
            items: Vec::with_capacity(length.unwrap_or(0).min(1_024)),
        }
    }

    fn finish(self) -> Value {
        let list = Value::List(List::from(self.items));
        match self.variant {
            Some(variant) => variant_of(variant, list),
            None => list,
        }
    }
}

macro_rules! items {
    ($($trait:ident :: $method:ident),*) => {$(
        impl $trait for Items {
            type Ok = Value;
            type Error = Message;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Message> {
                self.items.push(value.serialize(Writer)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Message> {
                Ok(self.finish())
            }
        }
    )*};
}

items!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

#[derive(Default)]
struct Fields {
    variant: Option<&'static str>,
    fields: Vec<(Arc<str>, Value)>,
    key: Option<Arc<str>>,
}

impl Fields {
    fn finish(self) -> Value {
        let object = Value::Object(self.fields.into_iter().collect::<Object>());
        match self.variant {
            Some(variant) => variant_of(variant, object),
            None => object,
        }
    }
}

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = Message;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Message> {
        let key = key.serialize(Writer)?;
        let text = key
            .to_text()
            .ok_or_else(|| Message::custom("field names must be text"))?;
        self.key = Some(text);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Message> {
        let key = self
            .key
            .take()
            .ok_or_else(|| Message::custom("a field without a name"))?;
        self.fields.push((key, value.serialize(Writer)?));
        Ok(())
    }

    fn end(self) -> Result<Value, Message> {
        Ok(self.finish())
    }
}

macro_rules! fields {
    ($($trait:ident),*) => {$(
        impl $trait for Fields {
            type Ok = Value;
            type Error = Message;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Message> {
                self.fields.push((name.into(), value.serialize(Writer)?));
                Ok(())
            }

            fn end(self) -> Result<Value, Message> {
                Ok(self.finish())
            }
        }
    )*};
}

fields!(SerializeStruct, SerializeStructVariant);
