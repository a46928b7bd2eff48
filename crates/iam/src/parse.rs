//! Reads a policy document, and refuses whatever it does not know for certain.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    Actions, Condition, Effect, Operator, Pattern, PolicyError, Principal, Resources, Statement,
    json::Strict,
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
        Kind::Trust => Some(principals(map.get("Principal")).map_err(at("Principal"))?),
    };
    let actions = match either(map, "Action", "NotAction").map_err(whole)? {
        ("Action", value) => Actions::AnyOf(list(value, Pattern::action).map_err(at("Action"))?),
        (field, value) => Actions::NoneOf(list(value, Pattern::action).map_err(at(field))?),
    };
    let resources = match kind {
        Kind::Trust => None,
        Kind::Identity => Some(
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
        None => Err("a trust policy must say whom it trusts".to_owned()),
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
        let (operator, if_exists) = operator(name).map_err(&field)?;
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
                operator,
                if_exists,
                key: key.clone(),
                operands,
            });
        }
    }
    Ok(conditions)
}

fn operator(name: &str) -> Result<(Operator, bool), String> {
    let (plain, if_exists) = match name.strip_suffix("IfExists") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    match Operator::ALL
        .into_iter()
        .find(|operator| operator.name() == plain)
    {
        Some(Operator::Null) if if_exists => {
            Err("`Null` asks by itself whether the key exists".to_owned())
        }
        Some(operator) => Ok((operator, if_exists)),
        None => Err(format!(
            "the operator is not supported, only {} are, and all but the last with `IfExists`",
            Operator::ALL
                .map(|operator| format!("`{}`", operator.name()))
                .join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Policy, TrustPolicy};

    /// A policy of one statement that is fine but for the given fields; null takes one away.
    fn with(changes: Value) -> Value {
        let mut statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
        for (field, value) in changes.as_object().unwrap() {
            statement[field] = value.clone();
        }
        statement
            .as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
        json!({ "Version": VERSION, "Statement": [statement] })
    }

    #[track_caller]
    fn refused(document: Value, message: &str) {
        assert_eq!(
            Policy::from_value(&document).unwrap_err().to_string(),
            message
        );
    }

    #[test]
    fn single_and_list_forms_are_the_same() {
        let single = json!({
            "Version": VERSION,
            "Statement": { "Effect": "Deny", "NotAction": "s3:*", "NotResource": "arn:aws:s3:::a" },
        });
        let list = json!({
            "Version": VERSION,
            "Statement": [
                { "Effect": "Deny", "NotAction": ["s3:*"], "NotResource": ["arn:aws:s3:::a"] },
            ],
        });
        assert_eq!(Policy::from_value(&single), Policy::from_value(&list));
    }

    #[test]
    fn what_is_written_reads_back() {
        let identity = with(json!({
            "Sid": "Reads",
            "Action": ["s3:GetObject", "s3:Head*"],
            "Resource": ["arn:aws:s3:::a/${*}/*", "*"],
            "Condition": {
                "StringLikeIfExists": { "s3:prefix": ["daily/*", "x"], "aws:Tag": "ü\u{1F600}" },
                "Bool": { "aws:SecureTransport": true },
                "Null": { "aws:TokenIssueTime": "false" },
            },
        }));
        let read = Policy::from_value(&identity).unwrap();
        assert!(read.to_string().is_ascii());
        assert_eq!(Policy::parse(&read.to_string()), Ok(read));

        let trust = with(json!({
            "Resource": null,
            "Action": "sts:AssumeRole",
            "Principal": { "AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/a"] },
            "Condition": { "StringEquals": { "sts:ExternalId": "a1" }, "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/a" } },
        }));
        let read = TrustPolicy::from_value(&trust).unwrap();
        assert_eq!(TrustPolicy::parse(&read.to_string()), Ok(read));
    }

    #[test]
    fn documents_that_are_not_known_for_certain_are_refused() {
        refused(
            json!([]),
            "the policy: it is not an object with `Version` and `Statement`",
        );
        refused(
            json!({ "Version": VERSION, "Statement": [], "Id": "x" }),
            "the policy: the key `Id` is not supported here, only `Version`, `Statement` are",
        );
        for version in [json!("2008-10-17"), Value::Null] {
            refused(
                json!({ "Version": version, "Statement": [] }),
                "Version: it must be \"2012-10-17\"",
            );
        }
        refused(
            json!({ "Version": VERSION }),
            "Statement: it must be a statement or a list of them",
        );
        refused(
            json!({ "Version": VERSION, "Statement": vec![json!({}); MAX_STATEMENTS + 1] }),
            "Statement: there are 1001 statements, and at most 1000 are read",
        );
        refused(
            json!({ "Version": VERSION, "Statement": ["x"] }),
            "statement 1: it is not an object",
        );
    }

    #[test]
    fn statements_that_are_not_known_for_certain_are_refused() {
        let operators = "`StringEquals`, `StringNotEquals`, `StringLike`, `StringNotLike`, \
                         `ArnEquals`, `ArnLike`, `Bool`, `Null`";
        for (changes, message) in [
            (
                json!({ "Sid": "Reads", "Resources": "*" }),
                "statement 1 (`Reads`): the key `Resources` is not supported here, only `Sid`, \
                 `Effect`, `Action`, `NotAction`, `Resource`, `NotResource`, `Condition` are",
            ),
            (
                json!({ "Principal": "*" }),
                "statement 1: the key `Principal` is not supported here, only `Sid`, `Effect`, \
                 `Action`, `NotAction`, `Resource`, `NotResource`, `Condition` are",
            ),
            (
                json!({ "Sid": "a b" }),
                "statement 1, Sid: it must be text of letters and digits",
            ),
            (
                json!({ "Effect": "allow" }),
                "statement 1, Effect: it must be \"Allow\" or \"Deny\"",
            ),
            (
                json!({ "Effect": null }),
                "statement 1, Effect: it must be \"Allow\" or \"Deny\"",
            ),
            (
                json!({ "Action": null }),
                "statement 1: it has neither `Action` nor `NotAction`",
            ),
            (
                json!({ "NotAction": "*" }),
                "statement 1: it has both `Action` and `NotAction`",
            ),
            (
                json!({ "Action": [] }),
                "statement 1, Action: the list is empty",
            ),
            (
                json!({ "Action": 1 }),
                "statement 1, Action: it must be text or a list of texts",
            ),
            (
                json!({ "Action": ["s3:GetObject", "GetObject"] }),
                "statement 1, Action: `GetObject` is not an action, which looks like \
                 `s3:GetObject` or `s3:Get*`",
            ),
            (
                json!({ "Resource": null }),
                "statement 1: it has neither `Resource` nor `NotResource`",
            ),
            (
                json!({ "Resource": "bucket/*" }),
                "statement 1, Resource: `bucket/*` is neither `*` nor an ARN",
            ),
            (
                json!({ "Resource": "arn:aws:s3:::${aws:username}" }),
                "statement 1, Resource: the policy variable `${aws:username}` is not supported, \
                 only `${*}`, `${?}` and `${$}` are",
            ),
            (
                json!({ "Resource": vec!["*"; MAX_LIST + 1] }),
                "statement 1, Resource: the list has 10001 entries, and at most 10000 are read",
            ),
            (
                json!({ "Condition": [] }),
                "statement 1, Condition: it must be an object",
            ),
            (
                json!({ "Condition": { "ForAnyValue:StringEquals": { "a:b": "c" } } }),
                &format!(
                    "statement 1, Condition, ForAnyValue:StringEquals: the operator is not \
                     supported, only {operators} are, and all but the last with `IfExists`"
                ),
            ),
            (
                json!({ "Condition": { "NullIfExists": { "a:b": "true" } } }),
                "statement 1, Condition, NullIfExists: `Null` asks by itself whether the key exists",
            ),
            (
                json!({ "Condition": { "StringEquals": {} } }),
                "statement 1, Condition, StringEquals: it has no key",
            ),
            (
                json!({ "Condition": { "StringEquals": { "ExternalId": "c" } } }),
                "statement 1, Condition, StringEquals, ExternalId: a condition key looks like \
                 `sts:ExternalId`",
            ),
            (
                json!({ "Condition": { "StringEquals": { "a:b": [] } } }),
                "statement 1, Condition, StringEquals, a:b: the list is empty",
            ),
            (
                json!({ "Condition": { "Bool": { "a:b": "yes" } } }),
                "statement 1, Condition, Bool, a:b: `yes` is neither `true` nor `false`",
            ),
        ] {
            refused(with(changes), message);
        }
        let twice = json!({ "Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*" });
        refused(
            json!({ "Version": VERSION, "Statement": [twice, twice] }),
            "statement 2 (`A`), Sid: `A` is another statement's, too",
        );
    }

    #[test]
    fn trust_policies_say_whom_they_trust_and_no_resource() {
        for (changes, message) in [
            (
                json!({ "Resource": null }),
                "statement 1, Principal: a trust policy must say whom it trusts",
            ),
            (
                json!({ "Resource": null, "Principal": { "Service": "ec2.amazonaws.com" } }),
                "statement 1, Principal: the key `Service` is not supported here, only `AWS` are",
            ),
            (
                json!({ "Resource": null, "Principal": {} }),
                "statement 1, Principal: it names nobody",
            ),
            (
                json!({ "Resource": null, "Principal": "111122223333" }),
                "statement 1, Principal: it must be \"*\" or an object with `AWS`",
            ),
            (
                json!({ "Principal": "*" }),
                "statement 1: the key `Resource` is not supported here, only `Sid`, `Effect`, \
                 `Principal`, `Action`, `NotAction`, `Condition` are",
            ),
        ] {
            let error = TrustPolicy::from_value(&with(changes)).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn text_is_read_strictly_and_within_bounds() {
        assert_eq!(
            Policy::parse(
                r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Effect": "Allow"}}"#
            )
            .unwrap_err()
            .to_string(),
            "the policy is not well-formed JSON: the key `Effect` stands twice at line 1 column 66"
        );
        assert_eq!(
            Policy::parse(&" ".repeat(MAX_DOCUMENT_BYTES + 1)),
            Err(PolicyError::TooLong {
                bytes: MAX_DOCUMENT_BYTES + 1,
                limit: MAX_DOCUMENT_BYTES,
            })
        );
        let deep = "[".repeat(100_000);
        assert_eq!(
            Policy::parse(&deep).unwrap_err().to_string(),
            "the policy is not well-formed JSON: recursion limit exceeded at line 1 column 128"
        );
    }
}
