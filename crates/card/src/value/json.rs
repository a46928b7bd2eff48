//! Reading JSON text without losing anything of it silently.

use std::cell::Cell;

use serde::de::DeserializeSeed as _;
use serde_json::error::Category;

use super::{
    Integer, Value, ValueError,
    read::{Bounds, Data},
};
use crate::shorten;

/// The most values that one text makes: a million.
const MAX_VALUES: usize = 1_000_000;

impl Value {
    /// Reads a JSON text: at most 1,000,000 values, and 64 levels of lists and objects. A key that
    /// stands twice in one object is an error, and so is an integer outside of
    /// `i64::MIN..=u64::MAX`, which other readers turn into the nearest floating point number.
    ///
    /// # Errors
    /// [`ValueError::NotJson`], [`ValueError::RefusedJson`] or [`ValueError::Integer`].
    ///
    /// ```
    /// use flowrun_card::Value;
    ///
    /// assert_eq!(Value::from_json("[1]")?.to_string(), "[1]");
    /// assert!(Value::from_json(r#"{"a":1,"a":2}"#).is_err());
    /// assert!(Value::from_json("18446744073709551616").is_err());
    /// # Ok::<(), flowrun_card::ValueError>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Value, ValueError> {
        let mut source = serde_json::Deserializer::from_str(text);
        let values = Cell::new(MAX_VALUES);
        let value = Data::within(Bounds::new(&values))
            .deserialize(&mut source)
            .and_then(|value| source.end().map(|()| value))
            .map_err(|error| {
                let message = error.to_string();
                match error.classify() {
                    Category::Data => ValueError::RefusedJson { message },
                    Category::Io | Category::Syntax | Category::Eof => {
                        ValueError::NotJson { message }
                    }
                }
            })?;
        match lost_integer(text) {
            Some(error) => Err(error),
            None => Ok(value),
        }
    }
}

impl ValueError {
    /// The error of an integer that is written with digits alone and that no flow can hold; `None`
    /// for every other text.
    pub fn of_lost_integer(number: &str) -> Option<Self> {
        let digits = number.strip_prefix(['-', '+']).unwrap_or(number);
        let is_lost = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && number.parse().ok().and_then(Integer::from_i128).is_none();
        is_lost.then(|| ValueError::Integer {
            integer: shorten(number, 80),
        })
    }
}

/// The error of the first integer of a valid JSON text that no flow can hold: serde_json turns one
/// into the nearest floating point number without a word.
fn lost_integer(json: &str) -> Option<ValueError> {
    // Outside of strings, the runs of these characters that hold a digit are a valid text's numbers.
    let in_number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
    outside_strings(json)
        .flat_map(|part| part.split(move |c| !in_number(c)))
        .find_map(ValueError::of_lost_integer)
}

/// The parts of a valid JSON text that stand between its strings.
fn outside_strings(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(json);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some((part, mut inside)) = text.split_once('"') else {
            rest = None;
            return Some(text);
        };
        rest = loop {
            let Some(place) = inside.find(['"', '\\']) else {
                break None;
            };
            // Both are one byte long, and so is what a backslash escapes where it matters.
            let escaped = inside.as_bytes().get(place) == Some(&b'\\');
            let after = place.saturating_add(if escaped { 2 } else { 1 });
            let Some((_, after)) = inside.split_at_checked(after) else {
                break None;
            };
            inside = after;
            if !escaped {
                break Some(inside);
            }
        };
        Some(part)
    })
}
