//! The condition block of a statement, and the values of a request that it looks at.

use std::collections::BTreeMap;

use crate::{ArnPattern, Pattern};

/// A condition operator; any other is refused when the policy is parsed.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Exactly this text.
    StringEquals,
    /// Any text but this; a missing key counts as different.
    StringNotEquals,
    /// This text with wildcards.
    StringLike,
    /// Any text that does not fit; a missing key counts as different.
    StringNotLike,
    /// This ARN with wildcards in its parts.
    ArnEquals,
    /// The same as [`Operator::ArnEquals`].
    ArnLike,
    /// `true` or `false`.
    Bool,
    /// `true`: the key is missing; `false`: it is there.
    Null,
}

impl Operator {
    /// Every operator, in the order of the reference page.
    pub const ALL: [Operator; 8] = [
        Operator::StringEquals,
        Operator::StringNotEquals,
        Operator::StringLike,
        Operator::StringNotLike,
        Operator::ArnEquals,
        Operator::ArnLike,
        Operator::Bool,
        Operator::Null,
    ];

    /// The name that policies have.
    pub fn name(self) -> &'static str {
        match self {
            Operator::StringEquals => "StringEquals",
            Operator::StringNotEquals => "StringNotEquals",
            Operator::StringLike => "StringLike",
            Operator::StringNotLike => "StringNotLike",
            Operator::ArnEquals => "ArnEquals",
            Operator::ArnLike => "ArnLike",
            Operator::Bool => "Bool",
            Operator::Null => "Null",
        }
    }

    fn is_negated(self) -> bool {
        matches!(self, Operator::StringNotEquals | Operator::StringNotLike)
    }

    pub(crate) fn operand(self, text: &str) -> Result<Operand, String> {
        match self {
            Operator::StringEquals | Operator::StringNotEquals => {
                Pattern::exact(text).map(Operand::Text)
            }
            Operator::StringLike | Operator::StringNotLike => {
                Pattern::wildcard(text).map(Operand::Text)
            }
            Operator::ArnEquals | Operator::ArnLike => ArnPattern::new(text).map(Operand::Arn),
            Operator::Bool | Operator::Null => flag(text)
                .map(Operand::Flag)
                .ok_or_else(|| format!("`{text}` is neither `true` nor `false`")),
        }
    }
}

/// One operator on one key. A statement needs all of its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How to compare.
    pub operator: Operator,
    /// Whether a missing key counts as a match (the suffix `IfExists`).
    pub if_exists: bool,
    /// The key, such as `sts:ExternalId`; keys ignore case.
    pub key: String,
    /// With what: one match is enough, or for a negated operator one match is too many.
    pub operands: Vec<Operand>,
}

/// What a condition compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A text, with wildcards where the operator has them.
    Text(Pattern),
    /// An ARN with wildcards.
    Arn(ArnPattern),
    /// A truth value.
    Flag(bool),
}

impl Operand {
    fn matches(&self, value: &str) -> bool {
        match self {
            Operand::Text(pattern) => pattern.matches(value),
            Operand::Arn(pattern) => pattern.matches(value),
            Operand::Flag(wanted) => flag(value) == Some(*wanted),
        }
    }

    pub(crate) fn source(&self) -> &str {
        match self {
            Operand::Text(pattern) => pattern.source(),
            Operand::Arn(pattern) => pattern.source(),
            Operand::Flag(true) => "true",
            Operand::Flag(false) => "false",
        }
    }
}

impl Condition {
    /// Whether the request's values meet the condition.
    pub fn holds(&self, conditions: &Conditions) -> bool {
        let value = conditions.get(&self.key);
        if self.operator == Operator::Null {
            return self.operands.contains(&Operand::Flag(value.is_none()));
        }
        match value {
            None => self.if_exists || self.operator.is_negated(),
            Some(value) => {
                let found = self.operands.iter().any(|operand| operand.matches(value));
                found != self.operator.is_negated()
            }
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    [true, false]
        .into_iter()
        .find(|flag| text.eq_ignore_ascii_case(if *flag { "true" } else { "false" }))
}

/// The values of a request that conditions look at, by key. Keys ignore case; each has one value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(BTreeMap<String, String>);

impl Conditions {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key, such as `sts:ExternalId`.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_ascii_lowercase(), value.into());
    }

    /// The same values and this one.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(&key.to_ascii_lowercase()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operator_treats_match_mismatch_and_a_missing_key_as_iam_does() {
        const ARN: &str = "arn:aws:iam::1:role/a";
        // operator, operands, matching value, other value, [match, mismatch, missing, missing with IfExists]
        for (operator, operands, matching, other, expect) in [
            (
                "StringEquals",
                vec!["a", "b"],
                "b",
                "B",
                [true, false, false, true],
            ),
            (
                "StringNotEquals",
                vec!["a", "b"],
                "b",
                "c",
                [false, true, true, true],
            ),
            (
                "StringLike",
                vec!["a*"],
                "ab",
                "b",
                [true, false, false, true],
            ),
            (
                "StringNotLike",
                vec!["a*"],
                "ab",
                "b",
                [false, true, true, true],
            ),
            (
                "ArnEquals",
                vec!["arn:aws:iam::*:role/a"],
                ARN,
                "x",
                [true, false, false, true],
            ),
            (
                "ArnLike",
                vec!["arn:aws:iam::1:role/*"],
                ARN,
                "x",
                [true, false, false, true],
            ),
            (
                "Bool",
                vec!["true"],
                "TRUE",
                "false",
                [true, false, false, true],
            ),
        ] {
            let operator = Operator::ALL
                .into_iter()
                .find(|known| known.name() == operator)
                .unwrap();
            let condition = |if_exists| Condition {
                operator,
                if_exists,
                key: "aws:Key".to_owned(),
                operands: operands
                    .iter()
                    .map(|text| operator.operand(text).unwrap())
                    .collect(),
            };
            let value = |value: &str| Conditions::new().with("AWS:key", value);
            assert_eq!(
                [
                    condition(false).holds(&value(matching)),
                    condition(false).holds(&value(other)),
                    condition(false).holds(&Conditions::new()),
                    condition(true).holds(&Conditions::new()),
                ],
                expect,
                "{operator:?}"
            );
        }
    }

    #[test]
    fn null_asks_whether_the_key_is_missing() {
        for (operand, there, missing) in [(true, false, true), (false, true, false)] {
            let condition = Condition {
                operator: Operator::Null,
                if_exists: false,
                key: "sts:ExternalId".to_owned(),
                operands: vec![Operand::Flag(operand)],
            };
            let value = Conditions::new().with("sts:externalid", "x");
            assert_eq!(condition.holds(&value), there);
            assert_eq!(condition.holds(&Conditions::new()), missing);
        }
    }
}
