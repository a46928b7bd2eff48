//! The scalars of a `connections.yaml`: text as it stands there, and words from a closed list.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, Visitor},
};

/// A scalar, taken as the text that stands in the file: an External ID of digits stays as it is.
pub(crate) struct Scalar<F> {
    what: &'static str,
    check: F,
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Scalar<F> {
    /// A text that passes the check; `what` it is goes into the message of one that is no text.
    pub(crate) fn new(what: &'static str, check: F) -> Self {
        Self { what, check }
    }
}

impl<'de, T, F: FnOnce(&str) -> Result<T, String>> DeserializeSeed<'de> for Scalar<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> Result<T, String>> Visitor<'_> for Scalar<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.check)(text).map_err(E::custom)
    }
}

/// The known word that the text is, or the problem with a suggestion.
pub(crate) fn one_of(
    text: &str,
    known: &[&'static str],
    what: &str,
) -> Result<&'static str, String> {
    if let Some(word) = known.iter().find(|word| **word == text) {
        return Ok(word);
    }
    let lower = text.to_lowercase().replace('-', "_");
    let (word, likeness) = known
        .iter()
        .map(|word| (*word, strsim::jaro_winkler(word, &lower)))
        .max_by(|(_, left), (_, right)| left.total_cmp(right))
        .unwrap_or_default();
    let rest = if likeness > 0.8 {
        format!("did you mean `{word}`?")
    } else {
        let known: Vec<_> = known.iter().map(|word| format!("`{word}`")).collect();
        format!("known: {}", known.join(", "))
    };
    Err(format!("`{}` is not {what}; {rest}", text.escape_debug()))
}

/// A text as a YAML scalar on one line: as it is where every reader takes it for that text, else in
/// double quotes, whose escapes are those of JSON.
pub(crate) fn yaml(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_./:@=+-".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .split(' ')
            .all(|word| !word.is_empty() && word.chars().all(is_word) && !word.ends_with(':'))
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}
