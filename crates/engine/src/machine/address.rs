//! Addresses: the name of an instance within its run, such as `copied[12].copy`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use flowrun_card::shorten;

use super::error::MachineError;
use super::program::Program;

/// The name of an instance within its run: the ids of the cards from the flow
/// inwards, each with the number of the item when it stands in a loop.
///
/// Together with the run's id it is the identity of what it names, and its
/// idempotency key. The flow itself is written `.`.
///
/// ```
/// use flowrun_engine::machine::Address;
///
/// let address: Address = "copied[12].copy".parse()?;
/// assert_eq!(address, Address::flow().child("copied", Some(12)).child("copy", None));
/// assert_eq!(address.to_string(), "copied[12].copy");
/// # Ok::<(), flowrun_engine::machine::MachineError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    steps: Vec<Step>,
}

/// One card on the way from the flow to an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step {
    /// The card's id.
    pub card: Arc<str>,
    /// Which item, when the way leads through an item of the card's loop.
    pub index: Option<u64>,
}

impl Address {
    /// The address of the flow itself.
    pub fn flow() -> Self {
        Self::default()
    }

    /// The address of a card, or of an item of it, that stands in the body of
    /// this one.
    #[must_use]
    pub fn child(&self, card: impl Into<Arc<str>>, index: Option<u64>) -> Self {
        let mut steps = Vec::with_capacity(self.steps.len() + 1);
        steps.extend_from_slice(&self.steps);
        steps.push(Step {
            card: card.into(),
            index,
        });
        Self { steps }
    }

    /// The way from the flow inwards; empty for the flow itself.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether this is the flow itself.
    pub fn is_flow(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes the way from the instance outwards.
    pub(super) fn from_innermost(mut steps: Vec<Step>) -> Self {
        steps.reverse();
        Self { steps }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return f.write_str(".");
        }
        let mut dot = "";
        for Step { card, index } in &self.steps {
            write!(f, "{dot}{card}")?;
            if let Some(index) = index {
                write!(f, "[{index}]")?;
            }
            dot = ".";
        }
        Ok(())
    }
}

impl FromStr for Address {
    type Err = MachineError;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, MachineError> {
        if text == "." {
            return Ok(Self::flow());
        }
        // Room for every step that a program can have; a longer text is not
        // worth splitting, nor repeating in an error.
        let steps = text
            .split('.')
            .take(Program::MAX_DEPTH + 1)
            .map(step)
            .collect::<Option<Vec<_>>>()
            .filter(|steps| steps.len() <= Program::MAX_DEPTH);
        match steps {
            Some(steps) => Ok(Self { steps }),
            None => Err(MachineError::Address {
                text: shorten(text, 200),
            }),
        }
    }
}

fn step(text: &str) -> Option<Step> {
    let (card, index) = match text.split_once('[') {
        None => (text, None),
        Some((card, rest)) => {
            let digits = rest.strip_suffix(']')?;
            let index: u64 = digits.parse().ok()?;
            // One address has one spelling: no sign, no leading zero.
            if index.to_string() != digits {
                return None;
            }
            (card, Some(index))
        }
    };
    is_id(card).then(|| Step {
        card: card.into(),
        index,
    })
}

/// Whether this is an id of the flow language: `[a-z][a-z0-9_-]{0,62}`.
pub(super) fn is_id(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 63
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase())
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Address;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address such as copied[12].copy")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Address, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expect: bool) {
        assert_eq!(text.parse::<Address>().is_ok(), expect, "{text:?}");
    }

    #[test]
    fn reads_only_what_it_writes() {
        for text in [
            ".",
            "found",
            "a-b_c9",
            "copied[12].copy",
            "a[0].b[18446744073709551615]",
        ] {
            check(text, true);
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "..",
            "a.",
            ".a",
            "a..b",
            "A",
            "9a",
            "a[",
            "a[]",
            "a[01]",
            "a[+1]",
            "a[-1]",
            "a[1]b",
            "a]1[",
            "a [1]",
            "a[18446744073709551616]",
            "ä",
            "a[1][2]",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        check(&vec!["a"; Program::MAX_DEPTH].join("."), true);
        check(&vec!["a"; Program::MAX_DEPTH + 1].join("."), false);
        check(&"a".repeat(63), true);
        check(&"a".repeat(64), false);
        let error = "a.".repeat(1_000_000).parse::<Address>().unwrap_err();
        assert!(error.to_string().len() < 300, "{error}");
    }

    proptest! {
        #[test]
        fn displays_and_parses_back(
            steps in prop::collection::vec(("[a-z][a-z0-9_-]{0,62}", any::<Option<u64>>()), 0..8),
        ) {
            let address = steps
                .iter()
                .fold(Address::flow(), |at, (card, index)| at.child(card.as_str(), *index));
            prop_assert_eq!(&address.to_string().parse::<Address>().unwrap(), &address);
            let json = serde_json::to_string(&address).unwrap();
            prop_assert_eq!(serde_json::from_str::<Address>(&json).unwrap(), address);
        }

        #[test]
        fn any_text_is_refused_or_displays_the_same(text in "[a-b0-1.\\[\\]-]{0,12}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }
    }
}
