//! The policy model, and how a policy is written as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::{
    Condition, Pattern, PolicyError, Principal, Quantifier,
    parse::{self, Kind},
};

/// A policy of an identity or of a session: what it may do, on which resources.
///
/// Each statement has resources and no principal. Written and read in the policy language of
/// version `2012-10-17`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) statements: Vec<Statement>,
}

/// The trust policy of a role: who may assume it, under which conditions.
///
/// Each statement has principals and no resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustPolicy {
    pub(crate) statements: Vec<Statement>,
}

/// The policy of a resource, such as a bucket: who may do what with it.
///
/// Each statement has principals and resources.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourcePolicy {
    pub(crate) statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The statement's id; unique in its policy, letters and digits.
    pub sid: Option<String>,
    /// Whether it grants or forbids.
    pub effect: Effect,
    /// Whom it is about; `None` in the policy of an identity.
    pub principals: Option<Vec<Principal>>,
    /// Which actions it is about.
    pub actions: Actions,
    /// Which resources it is about; `None` in a trust policy.
    pub resources: Option<Resources>,
    /// What must hold, all of it.
    pub conditions: Vec<Condition>,
}

/// Whether a statement grants or forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Forbids, whatever else grants.
    Deny,
}

/// The actions of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actions {
    /// `Action`: any of these.
    AnyOf(Vec<Pattern>),
    /// `NotAction`: none of these.
    NoneOf(Vec<Pattern>),
}

/// The resources of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resources {
    /// `Resource`: any of these.
    AnyOf(Vec<Pattern>),
    /// `NotResource`: none of these.
    NoneOf(Vec<Pattern>),
}

impl Policy {
    /// Reads a policy from JSON text.
    ///
    /// # Errors
    /// Where the text is no policy of version `2012-10-17`, is over a bound, or holds anything
    /// that this crate does not know. The error names the statement and the field.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        Self::from_value(&parse::read_json(document)?)
    }

    /// Reads a policy from JSON data.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn from_value(document: &Value) -> Result<Self, PolicyError> {
        let statements = parse::statements(document, Kind::Identity)?;
        Ok(Self { statements })
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The policy as JSON data.
    pub fn to_value(&self) -> Value {
        to_value(&self.statements)
    }
}

impl TrustPolicy {
    /// Reads a trust policy from JSON text.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        Self::from_value(&parse::read_json(document)?)
    }

    /// Reads a trust policy from JSON data.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn from_value(document: &Value) -> Result<Self, PolicyError> {
        let statements = parse::statements(document, Kind::Trust)?;
        Ok(Self { statements })
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The policy as JSON data.
    pub fn to_value(&self) -> Value {
        to_value(&self.statements)
    }
}

impl ResourcePolicy {
    /// Reads the policy of a resource from JSON data.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn from_value(document: &Value) -> Result<Self, PolicyError> {
        let statements = parse::statements(document, Kind::Resource)?;
        Ok(Self { statements })
    }

    /// The statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }
}

/// The shortest JSON, in ASCII: IAM and STS take no character above U+00FF in a policy, so such
/// characters are written as `\uXXXX`. With `{:#}` it is indented.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(&self.to_value(), f)
    }
}

/// The shortest JSON, in ASCII. With `{:#}` it is indented.
impl fmt::Display for TrustPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_json(&self.to_value(), f)
    }
}

fn write_json(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let json = if f.alternate() {
        format!("{value:#}")
    } else {
        value.to_string()
    };
    f.write_str(&ascii(&json))
}

/// The same JSON in ASCII.
pub(crate) fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Outside ASCII there are only the insides of strings, where an escape may stand.
        if c.is_ascii() && c != '\u{7f}' {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    text
}

fn to_value(statements: &[Statement]) -> Value {
    let statements: Vec<_> = statements.iter().map(Statement::to_value).collect();
    json!({ "Version": parse::VERSION, "Statement": statements })
}

impl Statement {
    fn to_value(&self) -> Value {
        let mut map = Map::new();
        if let Some(sid) = &self.sid {
            map.insert("Sid".to_owned(), sid.as_str().into());
        }
        map.insert("Effect".to_owned(), self.effect.name().into());
        if let Some(principals) = &self.principals {
            let names = one_or_list(principals.iter().map(Principal::source));
            map.insert("Principal".to_owned(), json!({ "AWS": names }));
        }
        let (key, actions) = match &self.actions {
            Actions::AnyOf(actions) => ("Action", actions),
            Actions::NoneOf(actions) => ("NotAction", actions),
        };
        let actions = one_or_list(actions.iter().map(Pattern::source));
        map.insert(key.to_owned(), actions);
        if let Some(resources) = &self.resources {
            let (key, resources) = match resources {
                Resources::AnyOf(resources) => ("Resource", resources),
                Resources::NoneOf(resources) => ("NotResource", resources),
            };
            let resources = one_or_list(resources.iter().map(Pattern::source));
            map.insert(key.to_owned(), resources);
        }
        if !self.conditions.is_empty() {
            let mut block = Map::new();
            for condition in &self.conditions {
                let suffix = if condition.if_exists { "IfExists" } else { "" };
                let prefix = condition.quantifier.map_or("", Quantifier::prefix);
                let operator = format!("{prefix}{}{suffix}", condition.operator.name());
                let operands =
                    one_or_list(condition.operands.iter().map(|operand| operand.source()));
                let keys = block.entry(operator).or_insert_with(|| Map::new().into());
                if let Value::Object(keys) = keys {
                    keys.insert(condition.key.clone(), operands);
                }
            }
            map.insert("Condition".to_owned(), block.into());
        }
        map.into()
    }
}

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        }
    }
}

fn one_or_list<'a>(mut texts: impl ExactSizeIterator<Item = &'a str>) -> Value {
    if texts.len() == 1 {
        texts.next().into()
    } else {
        texts.collect()
    }
}
