//! Reads a policy document, and refuses whatever it does not know for certain.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    Actions, Condition, Effect, Operator, Pattern, PolicyError, Principal, Quantifier, Resources,
    Statement, json::Strict,
};

/// The longest document that is read, in bytes. AWS's own limits are well below.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The most statements in a policy.
pub const MAX_STATEMENTS: usize = 1_000;
/// The most entries in one list or map of a statement.
pub const MAX_LIST: usize = 10_000;

/// The version of the policy language. In the older one `${*}` is no escape.
pub(crate) const VERSION: &str = "2012-10-17";

/// Which fields a statement has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identity,
    Trust,
    Resource,
}

type Problem = (String, String);

pub(crate) fn read_json(document: &str) -> Result<Value, PolicyError> {
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(PolicyError::TooLong {
            bytes: document.len(),
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    match serde_json::from_str::<Strict>(document) {
        Ok(strict) => Ok(strict.0),
        Err(error) => Err(PolicyError::Json {
            message: error.to_string(),
        }),
    }
}

pub(crate) fn statements(document: &Value, kind: Kind) -> Result<Vec<Statement>, PolicyError> {
    let invalid = |place: &str, problem: String| PolicyError::Invalid {
        place: place.to_owned(),
        problem,
    };
    let Value::Object(map) = document else {
        return Err(invalid(
            "the policy",
            "it is not an object with `Version` and `Statement`".to_owned(),
        ));
    };
    refuse_unknown(map, &["Version", "Statement"])
        .map_err(|problem| invalid("the policy", problem))?;
    if map.get("Version").and_then(Value::as_str) != Some(VERSION) {
        return Err(invalid("Version", format!("it must be \"{VERSION}\"")));
    }
    let list = match map.get("Statement") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => {
            return Err(invalid(
                "Statement",
                "it must be a statement or a list of them".to_owned(),
            ));
        }
    };
    if list.len() > MAX_STATEMENTS {
        return Err(invalid(
            "Statement",
            format!(
                "there are {} statements, and at most {MAX_STATEMENTS} are read",
                list.len()
            ),
        ));
    }
    let mut sids = HashSet::new();
    let mut statements = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let read = statement(value, kind).and_then(|statement| match &statement.sid {
            Some(sid) if !sids.insert(sid.clone()) => Err((
                "Sid".to_owned(),
                format!("`{sid}` is another statement's, too"),
            )),
            _ => Ok(statement),
        });
        statements.push(read.map_err(|(field, problem)| {
            let number = index.saturating_add(1);
            let sid = value
                .get("Sid")
                .and_then(Value::as_str)
                .filter(|sid| is_sid(sid))
                .map_or_else(String::new, |sid| format!(" (`{sid}`)"));
            let field = if field.is_empty() {
                field
            } else {
                format!(", {field}")
            };
            invalid(&format!("statement {number}{sid}{field}"), problem)
        })?);
    }
    Ok(statements)
}

fn statement(value: &Value, kind: Kind) -> Result<Statement, Problem> {
    let whole = |problem: String| (String::new(), problem);
    let Value::Object(map) = value else {
        return Err(whole("it is not an object".to_owned()));
    };
    let known: &[&str] = match kind {
        Kind::Identity => &[
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
        Kind::Trust => &[
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "NotAction",
            "Condition",
        ],
        Kind::Resource => &[
            "Sid",
            "Effect",
            "Principal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ],
    };
    refuse_unknown(map, known).map_err(whole)?;

    let sid = match map.get("Sid") {
        None => None,
        Some(Value::String(sid)) if is_sid(sid) => Some(sid.clone()),
        Some(_) => {
            return Err(at("Sid")(
                "it must be text of letters and digits".to_owned(),
            ));
        }
    };
    let effect = match map.get("Effect").and_then(Value::as_str) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => {
            return Err(at("Effect")("it must be \"Allow\" or \"Deny\"".to_owned()));
        }
    };
    let principals = match kind {
        Kind::Identity => None,
        Kind::Trust | Kind::Resource => {
            Some(principals(map.get("Principal")).map_err(at("Principal"))?)
        }
    };
    let actions = match either(map, "Action", "NotAction").map_err(whole)? {
        ("Action", value) => Actions::AnyOf(list(value, Pattern::action).map_err(at("Action"))?),
        (field, value) => Actions::NoneOf(list(value, Pattern::action).map_err(at(field))?),
    };
    let resources = match kind {
        Kind::Trust => None,
        Kind::Identity | Kind::Resource => Some(
            match either(map, "Resource", "NotResource").map_err(whole)? {
                ("Resource", value) => {
                    Resources::AnyOf(list(value, resource).map_err(at("Resource"))?)
                }
                (field, value) => Resources::NoneOf(list(value, resource).map_err(at(field))?),
            },
        ),
    };
    Ok(Statement {
        sid,
        effect,
        principals,
        actions,
        resources,
        conditions: map.get("Condition").map_or(Ok(Vec::new()), conditions)?,
    })
}

fn at(field: impl Into<String>) -> impl Fn(String) -> Problem {
    let field = field.into();
    move |problem| (field.clone(), problem)
}

fn is_sid(text: &str) -> bool {
    text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn refuse_unknown(map: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(format!(
            "the key `{}` is not supported here, only {} are",
            key.escape_debug(),
            known
                .iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        )),
    }
}

/// The one of two fields that is there.
fn either<'a>(
    map: &'a Map<String, Value>,
    field: &'static str,
    negated: &'static str,
) -> Result<(&'static str, &'a Value), String> {
    match (map.get(field), map.get(negated)) {
        (Some(value), None) => Ok((field, value)),
        (None, Some(value)) => Ok((negated, value)),
        (Some(_), Some(_)) => Err(format!("it has both `{field}` and `{negated}`")),
        (None, None) => Err(format!("it has neither `{field}` nor `{negated}`")),
    }
}

/// A text or a list of texts, never an empty list.
fn list<T>(value: &Value, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    if items.is_empty() {
        return Err("the list is empty".to_owned());
    }
    if items.len() > MAX_LIST {
        return Err(format!(
            "the list has {} entries, and at most {MAX_LIST} are read",
            items.len()
        ));
    }
    items
        .iter()
        .map(|item| match item {
            Value::String(text) => read(text),
            _ => Err("it must be text or a list of texts".to_owned()),
        })
        .collect()
}

fn resource(text: &str) -> Result<Pattern, String> {
    if text != "*" && !(text.starts_with("arn:") && text.split(':').count() >= 6) {
        return Err(format!("`{text}` is neither `*` nor an ARN"));
    }
    Pattern::wildcard(text)
}

fn principals(value: Option<&Value>) -> Result<Vec<Principal>, String> {
    match value {
        None => Err("the statement must say whom it is about".to_owned()),
        Some(Value::String(text)) if text == "*" => Ok(vec![Principal::Everyone]),
        Some(Value::Object(map)) => {
            refuse_unknown(map, &["AWS"])?;
            let names = map.get("AWS").ok_or_else(|| "it names nobody".to_owned())?;
            list(names, Principal::parse)
        }
        Some(_) => Err("it must be \"*\" or an object with `AWS`".to_owned()),
    }
}

fn conditions(value: &Value) -> Result<Vec<Condition>, Problem> {
    let Value::Object(operators) = value else {
        return Err(at("Condition")("it must be an object".to_owned()));
    };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let field = at(format!("Condition, {}", name.escape_debug()));
        let (quantifier, operator, if_exists) = operator(name).map_err(&field)?;
        let Value::Object(keys) = keys else {
            return Err(field("it must be an object of keys and values".to_owned()));
        };
        if keys.is_empty() {
            return Err(field("it has no key".to_owned()));
        }
        if keys.len() > MAX_LIST {
            return Err(field(format!(
                "it has {} keys, and at most {MAX_LIST} are read",
                keys.len()
            )));
        }
        for (key, value) in keys {
            let field = at(format!("Condition, {name}, {}", key.escape_debug()));
            if !key.contains(':') {
                return Err(field(
                    "a condition key looks like `sts:ExternalId`".to_owned(),
                ));
            }
            // JSON's own truth values stand for their names, as IAM has it.
            let value = match value {
                Value::Bool(flag) => &Value::String(flag.to_string()),
                other => other,
            };
            let operands = list(value, |text| operator.operand(text)).map_err(field)?;
            conditions.push(Condition {
                quantifier,
                operator,
                if_exists,
                key: key.clone(),
                operands,
            });
        }
    }
    Ok(conditions)
}

fn operator(name: &str) -> Result<(Option<Quantifier>, Operator, bool), String> {
    let (quantifier, rest) = [Quantifier::All, Quantifier::Any]
        .into_iter()
        .find_map(|one| Some((Some(one), name.strip_prefix(one.prefix())?)))
        .unwrap_or((None, name));
    let (plain, if_exists) = match rest.strip_suffix("IfExists") {
        Some(plain) => (plain, true),
        None => (rest, false),
    };
    match Operator::ALL
        .into_iter()
        .find(|operator| operator.name() == plain)
    {
        Some(Operator::Null) if if_exists || quantifier.is_some() => {
            Err("`Null` asks by itself whether the key exists".to_owned())
        }
        Some(operator) => Ok((quantifier, operator, if_exists)),
        None => Err(format!(
            "the operator is not supported, only {} are, and all but the last with `IfExists`, \
             `ForAllValues:` and `ForAnyValue:`",
            Operator::ALL
                .map(|operator| format!("`{}`", operator.name()))
                .join(", ")
        )),
    }
}

#[cfg(test)]
mod tests;
