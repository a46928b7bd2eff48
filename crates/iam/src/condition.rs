//! The condition block of a statement, and the values of a request that it looks at.

use std::collections::BTreeMap;

use crate::{
    ArnPattern, Pattern,
    operand::{Network, Number, Operand, flag},
};

/// A condition operator; any other is refused when the policy is parsed, those for dates and binary
/// values among them.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Exactly this text.
    StringEquals,
    /// Any text but this; a missing key counts as different.
    StringNotEquals,
    /// This text in any case.
    StringEqualsIgnoreCase,
    /// Any text but this in any case; a missing key counts as different.
    StringNotEqualsIgnoreCase,
    /// This text with wildcards.
    StringLike,
    /// Any text that does not fit; a missing key counts as different.
    StringNotLike,
    /// This number.
    NumericEquals,
    /// Any number but this; a missing key counts as different.
    NumericNotEquals,
    /// Less than this number.
    NumericLessThan,
    /// This number or less.
    NumericLessThanEquals,
    /// More than this number.
    NumericGreaterThan,
    /// This number or more.
    NumericGreaterThanEquals,
    /// `true` or `false`.
    Bool,
    /// An address of this range.
    IpAddress,
    /// Any address of no such range; a missing key counts as such.
    NotIpAddress,
    /// This ARN with wildcards in its parts.
    ArnEquals,
    /// The same as [`Operator::ArnEquals`].
    ArnLike,
    /// Any ARN that does not fit; a missing key counts as different.
    ArnNotEquals,
    /// The same as [`Operator::ArnNotEquals`].
    ArnNotLike,
    /// `true`: the key is missing; `false`: it is there.
    Null,
}

impl Operator {
    /// Every operator, in the order of the reference page.
    pub const ALL: [Operator; 20] = [
        Operator::StringEquals,
        Operator::StringNotEquals,
        Operator::StringEqualsIgnoreCase,
        Operator::StringNotEqualsIgnoreCase,
        Operator::StringLike,
        Operator::StringNotLike,
        Operator::NumericEquals,
        Operator::NumericNotEquals,
        Operator::NumericLessThan,
        Operator::NumericLessThanEquals,
        Operator::NumericGreaterThan,
        Operator::NumericGreaterThanEquals,
        Operator::Bool,
        Operator::IpAddress,
        Operator::NotIpAddress,
        Operator::ArnEquals,
        Operator::ArnLike,
        Operator::ArnNotEquals,
        Operator::ArnNotLike,
        Operator::Null,
    ];

    /// The name that policies have.
    pub fn name(self) -> &'static str {
        match self {
            Operator::StringEquals => "StringEquals",
            Operator::StringNotEquals => "StringNotEquals",
            Operator::StringEqualsIgnoreCase => "StringEqualsIgnoreCase",
            Operator::StringNotEqualsIgnoreCase => "StringNotEqualsIgnoreCase",
            Operator::StringLike => "StringLike",
            Operator::StringNotLike => "StringNotLike",
            Operator::NumericEquals => "NumericEquals",
            Operator::NumericNotEquals => "NumericNotEquals",
            Operator::NumericLessThan => "NumericLessThan",
            Operator::NumericLessThanEquals => "NumericLessThanEquals",
            Operator::NumericGreaterThan => "NumericGreaterThan",
            Operator::NumericGreaterThanEquals => "NumericGreaterThanEquals",
            Operator::Bool => "Bool",
            Operator::IpAddress => "IpAddress",
            Operator::NotIpAddress => "NotIpAddress",
            Operator::ArnEquals => "ArnEquals",
            Operator::ArnLike => "ArnLike",
            Operator::ArnNotEquals => "ArnNotEquals",
            Operator::ArnNotLike => "ArnNotLike",
            Operator::Null => "Null",
        }
    }

    fn is_negated(self) -> bool {
        matches!(
            self,
            Operator::StringNotEquals
                | Operator::StringNotEqualsIgnoreCase
                | Operator::StringNotLike
                | Operator::NumericNotEquals
                | Operator::NotIpAddress
                | Operator::ArnNotEquals
                | Operator::ArnNotLike
        )
    }

    pub(crate) fn operand(self, text: &str) -> Result<Operand, String> {
        match self {
            Operator::StringEquals | Operator::StringNotEquals => {
                Pattern::exact(text).map(Operand::Text)
            }
            Operator::StringEqualsIgnoreCase | Operator::StringNotEqualsIgnoreCase => {
                Pattern::exact(text).map(Operand::AnyCase)
            }
            Operator::StringLike | Operator::StringNotLike => {
                Pattern::wildcard(text).map(Operand::Text)
            }
            Operator::NumericEquals
            | Operator::NumericNotEquals
            | Operator::NumericLessThan
            | Operator::NumericLessThanEquals
            | Operator::NumericGreaterThan
            | Operator::NumericGreaterThanEquals => Number::parse(text).map(Operand::Number),
            Operator::IpAddress | Operator::NotIpAddress => {
                Network::parse(text).map(Operand::Network)
            }
            Operator::ArnEquals
            | Operator::ArnLike
            | Operator::ArnNotEquals
            | Operator::ArnNotLike => ArnPattern::new(text).map(Operand::Arn),
            Operator::Bool | Operator::Null => flag(text)
                .map(Operand::Flag)
                .ok_or_else(|| format!("`{text}` is neither `true` nor `false`")),
        }
    }

    /// Whether a value meets the operator with this operand, before a negated one is turned round.
    fn meets(self, value: &str, operand: &Operand, values: &Conditions) -> bool {
        let Operand::Number(number) = operand else {
            return operand.matches(value, values);
        };
        let Ok(value) = value.parse::<i64>() else {
            return false;
        };
        match self {
            Operator::NumericLessThan => value < number.value,
            Operator::NumericLessThanEquals => value <= number.value,
            Operator::NumericGreaterThan => value > number.value,
            Operator::NumericGreaterThanEquals => value >= number.value,
            _ => value == number.value,
        }
    }
}

/// How many values of a key with several have to meet a condition.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// `ForAllValues`: each one; also where there is none.
    All,
    /// `ForAnyValue`: at least one.
    Any,
}

impl Quantifier {
    /// The name before the operator, with its colon.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Quantifier::All => "ForAllValues:",
            Quantifier::Any => "ForAnyValue:",
        }
    }
}

/// One operator on one key. A statement needs all of its conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// How many values have to meet it; `None` for a key with one value.
    pub quantifier: Option<Quantifier>,
    /// How to compare.
    pub operator: Operator,
    /// Whether a missing key counts as a match (the suffix `IfExists`).
    pub if_exists: bool,
    /// The key, such as `sts:ExternalId`; keys ignore case.
    pub key: String,
    /// With what: one match is enough, or for a negated operator one match is too many.
    pub operands: Vec<Operand>,
}

impl Condition {
    /// Whether the request's values meet the condition.
    pub fn holds(&self, conditions: &Conditions) -> bool {
        let values = conditions.all(&self.key);
        let is_negated = self.operator.is_negated();
        let meets = |value: &String| {
            let operands = &mut self.operands.iter();
            let found = operands.any(|one| self.operator.meets(value, one, conditions));
            found != is_negated
        };
        match (self.operator, self.quantifier) {
            (Operator::Null, _) => self.operands.contains(&Operand::Flag(values.is_empty())),
            (_, Some(Quantifier::All)) => values.iter().all(meets),
            _ if values.is_empty() && self.if_exists => true,
            (_, Some(Quantifier::Any)) => values.iter().any(meets),
            (_, None) if values.is_empty() => is_negated,
            // One value, or whatever one of several allows: IAM leaves that open.
            (_, None) => values.iter().any(meets),
        }
    }
}

/// The values of a request that conditions and policy variables look at, by key. Keys ignore case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions(BTreeMap<String, Vec<String>>);

impl Conditions {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of a key, such as `sts:ExternalId`.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Sets the values of a key that has several, such as `aws:TagKeys`.
    pub fn set_all(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_ascii_lowercase(), values);
    }

    /// The same values and this one.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, value);
        self
    }

    /// The value of a key that has one.
    pub fn get(&self, key: &str) -> Option<&str> {
        match self.all(key) {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The values of a key, none where it is missing.
    pub fn all(&self, key: &str) -> &[String] {
        self.0
            .get(&key.to_ascii_lowercase())
            .map_or(&[], Vec::as_slice)
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
            (
                "StringEqualsIgnoreCase",
                vec!["Äb*"],
                "äB*",
                "äbc",
                [true, false, false, true],
            ),
            (
                "StringNotEqualsIgnoreCase",
                vec!["ab"],
                "AB",
                "b",
                [false, true, true, true],
            ),
            (
                "ArnNotEquals",
                vec!["arn:aws:iam::*:role/a"],
                ARN,
                "x",
                [false, true, true, true],
            ),
            (
                "ArnNotLike",
                vec!["arn:aws:iam::1:role/*"],
                ARN,
                "x",
                [false, true, true, true],
            ),
            (
                "NumericEquals",
                vec!["7", "10"],
                "10",
                "11",
                [true, false, false, true],
            ),
            (
                "NumericNotEquals",
                vec!["10"],
                "10",
                "x",
                [false, true, true, true],
            ),
            (
                "NumericLessThan",
                vec!["10"],
                "9",
                "10",
                [true, false, false, true],
            ),
            (
                "NumericLessThanEquals",
                vec!["10"],
                "10",
                "11",
                [true, false, false, true],
            ),
            (
                "NumericGreaterThan",
                vec!["10"],
                "11",
                "10",
                [true, false, false, true],
            ),
            (
                "NumericGreaterThanEquals",
                vec!["10"],
                "10",
                "many",
                [true, false, false, true],
            ),
            (
                "IpAddress",
                vec!["10.0.0.0/8", "127.0.0.1"],
                "10.9.8.7",
                "11.0.0.0",
                [true, false, false, true],
            ),
            (
                "NotIpAddress",
                vec!["10.0.0.0/8"],
                "10.9.8.7",
                "11.0.0.0",
                [false, true, true, true],
            ),
        ] {
            let operator = Operator::ALL
                .into_iter()
                .find(|known| known.name() == operator)
                .unwrap();
            let condition = |if_exists| Condition {
                quantifier: None,
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
                quantifier: None,
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

    #[test]
    fn of_several_values_all_or_any_have_to_meet_the_condition() {
        use {Operator::*, Quantifier::*};
        // On the values `a`, `b`; on `a` alone; on none.
        for (quantifier, operator, operand, expect) in [
            (All, StringEquals, "a", [false, true, true]),
            (All, StringNotEquals, "c", [true, true, true]),
            (All, StringNotEquals, "b", [false, true, true]),
            (Any, StringEquals, "b", [true, false, false]),
            (Any, StringNotEquals, "a", [true, false, false]),
            (Any, StringLike, "*", [true, true, false]),
        ] {
            let condition = Condition {
                quantifier: Some(quantifier),
                operator,
                if_exists: false,
                key: "aws:TagKeys".to_owned(),
                operands: vec![operator.operand(operand).unwrap()],
            };
            let holds = |values: &[&str]| {
                let mut conditions = Conditions::new();
                let values = values.iter().map(|value| (*value).to_owned()).collect();
                conditions.set_all("aws:tagkeys", values);
                condition.holds(&conditions)
            };
            assert_eq!(
                [holds(&["a", "b"]), holds(&["a"]), holds(&[])],
                expect,
                "{condition:?}"
            );
        }
    }
}
