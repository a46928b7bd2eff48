//! Building a value from a text format: bounded, and without losing anything silently.

use std::{cell::Cell, fmt};

use flowrun_card::{Integer, Object, Value};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

use crate::bounds::MAX_VALUES;

/// How deep lists and objects may stand in each other, as in a flow.
pub(crate) const MAX_DEPTH: usize = 64;

/// What is said of a text that is nested deeper.
pub(crate) const TOO_DEEP: &str = "nested more than 64 levels deep";

/// Reads one value. Refused: a key that stands twice, a number that is not finite, a merge key of
/// YAML, and what is past a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    /// How many values the whole text may still make.
    values: &'a Cell<usize>,
    depth: usize,
    /// In YAML, `<<` is no key but an instruction to merge.
    merge_keys: bool,
}

impl Reader<'_> {
    /// Reads what a format holds; `merge_keys` says whether `<<` is something else than a key.
    pub(crate) fn read<'de, D: Deserializer<'de>>(
        source: D,
        merge_keys: bool,
    ) -> Result<Value, D::Error> {
        let reader = Reader {
            values: &Cell::new(MAX_VALUES),
            depth: 0,
            merge_keys,
        };
        reader.deserialize(source)
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.values.get().checked_sub(1);
        self.values
            .set(left.ok_or_else(|| D::Error::custom("more than 1,000,000 values"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
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

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(boolean.into())
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Value, E> {
        Ok(integer.into())
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Value, E> {
        Ok(integer.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
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
        Ok(Value::List(list.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Object::new();
        while let Some(name) = fields.next_key::<String>()? {
            if self.merge_keys && name == "<<" {
                return Err(A::Error::custom("merge keys (`<<`) are not read"));
            }
            if object.get(&name).is_some() {
                let name: String = name.chars().take(80).collect();
                return Err(A::Error::custom(format_args!(
                    "the key `{name}` stands twice in one object"
                )));
            }
            object.insert(name, fields.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

/// What is said of an integer that a flow cannot hold.
pub(crate) fn integer_out_of_range(integer: &str) -> String {
    format!(
        "{integer} is no integer between {} and {}; write it in quotes to keep its digits",
        i64::MIN,
        u64::MAX
    )
}

/// Whether this is an integer, written with digits alone, that no flow can hold.
pub(crate) fn is_lost(number: &str) -> bool {
    let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
    !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && number.parse().ok().and_then(Integer::from_i128).is_none()
}
