//! What is read of a policy, and each thing that is refused, with its place.

use serde_json::json;

use super::*;
use crate::{Policy, ResourcePolicy, TrustPolicy};

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
            "ForAllValues:StringEqualsIgnoreCase": { "aws:TagKeys": ["a", "b"] },
            "NumericLessThanEqualsIfExists": { "s3:max-keys": "100" },
            "NotIpAddress": { "aws:SourceIp": ["10.0.0.0/8", "::1"] },
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
    let operators = Operator::ALL
        .map(|operator| format!("`{}`", operator.name()))
        .join(", ");
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
            json!({ "Resource": "arn:aws:s3:::${aws:SourceIp}" }),
            "statement 1, Resource: the policy variable `${aws:SourceIp}` is not supported, \
             only `${aws:PrincipalAccount}`, `${aws:PrincipalArn}`, `${aws:userid}`, \
             `${aws:username}`, `${*}`, `${?}` and `${$}` are",
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
            json!({ "Condition": { "DateLessThan": { "a:b": "c" } } }),
            &format!(
                "statement 1, Condition, DateLessThan: the operator is not supported, only \
                 {operators} are, and all but the last with `IfExists`, `ForAllValues:` and \
                 `ForAnyValue:`"
            ),
        ),
        (
            json!({ "Condition": { "ForAnyValue:Null": { "a:b": "true" } } }),
            "statement 1, Condition, ForAnyValue:Null: `Null` asks by itself whether the key \
             exists",
        ),
        (
            json!({ "Condition": { "NumericEquals": { "a:b": "1.5" } } }),
            "statement 1, Condition, NumericEquals, a:b: `1.5` is not a whole number",
        ),
        (
            json!({ "Condition": { "IpAddress": { "a:b": "10.0.0.0/33" } } }),
            "statement 1, Condition, IpAddress, a:b: `10.0.0.0/33` is not an address such as \
             `203.0.113.0/24`",
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
            "statement 1, Principal: the statement must say whom it is about",
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
fn policies_of_resources_say_both_who_and_what() {
    let resource = |changes| ResourcePolicy::from_value(&with(changes));
    assert!(resource(json!({ "Principal": "*" })).is_ok());
    for (changes, message) in [
        (
            json!({}),
            "statement 1, Principal: the statement must say whom it is about",
        ),
        (
            json!({ "Principal": "*", "Resource": null }),
            "statement 1: it has neither `Resource` nor `NotResource`",
        ),
        (
            json!({ "NotPrincipal": "*" }),
            "statement 1: the key `NotPrincipal` is not supported here, only `Sid`, `Effect`, \
             `Principal`, `Action`, `NotAction`, `Resource`, `NotResource`, `Condition` are",
        ),
    ] {
        assert_eq!(resource(changes).unwrap_err().to_string(), message);
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
