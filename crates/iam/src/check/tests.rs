//! Tests of comparing a policy with needs.

use flowrun_card::Text;
use proptest::prelude::*;

use super::*;
use crate::{
    Policy, Statement,
    testing::{allows, policies, policy},
};

fn known(text: &str) -> Text {
    Text::Known(text.to_owned())
}

fn need(actions: &[&'static str], resource: Resource) -> Permission {
    Permission {
        connection: None,
        actions: actions.to_vec(),
        resource,
    }
}

/// Reads `in/daily/a.csv`, lists `in`, writes anything under `out/x/`, and lists buckets.
fn needed() -> Vec<Permission> {
    vec![
        need(
            &["s3:GetObject"],
            Resource::object(&known("in"), &known("daily/a.csv")),
        ),
        need(&["s3:ListBucket"], Resource::bucket(&known("in"))),
        need(
            &["s3:PutObject", "s3:AbortMultipartUpload"],
            Resource::objects(&known("out"), &known("x/")),
        ),
        need(&["s3:ListAllMyBuckets"], Resource::every("s3")),
    ]
}

/// What the other needs are met with.
const REST: &str = r#"
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::in"},
    {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
     "Resource": "arn:aws:s3:::out/x/*"},
    {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}"#;

/// What is said of statements 4 and on, beside those that meet the other needs.
fn said(statements: &str) -> String {
    let comma = if statements.is_empty() { "" } else { "," };
    let existing = Existing::parse(&format!(
        r#"{{"Version": "2012-10-17", "Id": "theirs", "Statement": [{REST}{comma}{statements}]}}"#
    ))
    .unwrap();
    let check = check(&existing, &needed(), "aws");
    let mut said = Vec::new();
    said.extend(check.missing.iter().map(|one| {
        format!(
            "missing {} {} {}: {:?}",
            one.permission, one.action, one.resource, one.reason
        )
    }));
    said.extend(check.too_much.iter().map(|one| {
        format!(
            "{} too much {} {}: {:?}",
            one.statement, one.action, one.resource, one.excess
        )
    }));
    said.extend(
        check
            .unjudged
            .iter()
            .map(|one| format!("{} unjudged: {:?}", one.statement, one.doubt)),
    );
    said.join("\n")
}

#[test]
fn an_existing_policy_is_compared_with_the_needs() {
    const GET: &str = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/daily/a.csv"}"#;
    let with_get = |statement: &str| format!("{GET}, {statement}");
    let mut shown = String::new();
    for (title, statements) in [
        ("exactly what is needed", GET.to_owned()),
        ("no statement", String::new()),
        (
            "another partition",
            GET.replace("arn:aws:", "arn:aws-cn:"),
        ),
        (
            "a wider resource",
            r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*"}"#.to_owned(),
        ),
        (
            "a wider action",
            r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::in/daily/a.csv"}"#.to_owned(),
        ),
        (
            "everything",
            r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#.to_owned(),
        ),
        (
            "what nothing needs",
            with_get(r#"{"Effect": "Allow", "Action": ["s3:GetObject", "s3:DeleteObject"], "Resource": ["arn:aws:s3:::other/*", "arn:aws:s3:::out/x/*"]}"#),
        ),
        (
            "denied",
            with_get(r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::in/*"}"#),
        ),
        (
            "denied in part",
            with_get(r#"{"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::out/x/y/*"}"#),
        ),
        (
            "denied beside it",
            with_get(r#"{"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::out/y/*"}"#),
        ),
        (
            "denied outside",
            with_get(r#"{"Effect": "Deny", "NotAction": "s3:List*", "NotResource": ["arn:aws:s3:::in/*", "arn:aws:s3:::out/x/y*"]}"#),
        ),
        (
            "a condition",
            GET.replace("}", r#", "Condition": {"Bool": {"aws:SecureTransport": "true"}}}"#),
        ),
        (
            "a wider resource under a condition, and one that nothing needs",
            r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": ["arn:aws:s3:::in/*", "arn:aws:s3:::b/*"], "Condition": {"StringEquals": {"a:b": "c"}}}"#.to_owned(),
        ),
        (
            "a Deny under a condition",
            with_get(r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}"#),
        ),
        (
            "NotAction and NotResource that include it",
            r#"{"Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::in/x*"}"#.to_owned(),
        ),
        (
            "NotAction that leaves it out",
            r#"{"Effect": "Allow", "NotAction": "s3:Get*", "Resource": "*"}"#.to_owned(),
        ),
        (
            "conditions of any kind, and what is not known",
            r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/*", "Condition": {"ForAllValues:IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
               {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::in/${aws:username}/*"},
               {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b", "Condition": {}},
               {"Effect": "Maybe", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}"#.to_owned(),
        ),
        (
            "too much of which a part, or another action, is denied",
            with_get(
                r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"},
                   {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/x/*"},
                   {"Effect": "Deny", "Action": "s3:Put*", "Resource": "arn:aws:s3:::b/*"}"#,
            ),
        ),
        (
            "too much that is denied again",
            with_get(r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}, {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}"#),
        ),
    ] {
        shown += &format!("# {title}\n{}\n\n", said(&statements));
    }
    insta::assert_snapshot!(shown);
}

#[test]
fn a_part_of_what_is_needed_is_missing() {
    let existing = policy(
        r#"[{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/x/a*"},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::out/x/${*}"}]"#,
    );
    let needed = [need(
        &["s3:PutObject"],
        Resource::objects(&known("out"), &known("x/")),
    )];
    assert_eq!(
        check(&Existing::from(&existing), &needed, "aws"),
        Check {
            missing: vec![Missing {
                permission: 0,
                action: "s3:PutObject".to_owned(),
                resource: "arn:aws:s3:::out/x/*".to_owned(),
                reason: Reason::PartlyAllowed {
                    statements: vec![1, 2]
                },
            }],
            ..Check::default()
        }
    );
}

#[test]
fn what_is_no_policy_is_refused() {
    for (document, message) in [
        (
            "[]",
            "the policy: it is not an object with `Version` and `Statement`",
        ),
        (
            r#"{"Version": "2012-10-17", "Statement": 1}"#,
            "Statement: it must be a statement or a list of them",
        ),
        (
            r#"{"Version": "2008-10-17", "Statement": []}"#,
            "Version: it must be \"2012-10-17\"",
        ),
        (
            r#"{"Version": "2012-10-17"}"#,
            "Statement: it must be a statement or a list of them",
        ),
    ] {
        assert_eq!(Existing::parse(document).unwrap_err().to_string(), message);
    }
    let one = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    assert_eq!(
        Existing::parse(one),
        Ok(Existing::from(&Policy::parse(one).unwrap()))
    );
}

fn needs() -> impl Strategy<Value = Vec<Permission>> {
    let action = prop::sample::select(vec![
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "kms:Decrypt",
    ]);
    let resource = ("[ab]", "[ab*]{0,3}", any::<bool>()).prop_map(|(bucket, key, is_prefix)| {
        let (bucket, key) = (Text::Known(bucket), Text::Known(key));
        if is_prefix {
            Resource::objects(&bucket, &key)
        } else {
            Resource::object(&bucket, &key)
        }
    });
    let permission = (prop::collection::vec(action, 1..4), resource)
        .prop_map(|(actions, resource)| need(&actions, resource));
    prop::collection::vec(permission, 1..6)
}

proptest! {
    #[test]
    fn the_least_policy_is_exact(needed in needs()) {
        let least = Policy::of_permissions(&needed, "aws");
        prop_assert_eq!(check(&Existing::from(&least), &needed, "aws"), Check::default());
    }

    #[test]
    fn what_is_needed_is_never_too_much_and_never_thought_allowed_in_vain(
        existing in policies(),
        needed in needs(),
        more in "[ab*]{0,2}",
    ) {
        let check = check(&Existing::from(&existing), &needed, "aws");
        prop_assert_eq!(&check.unjudged, &[]);
        for (permission, one) in needed.iter().enumerate() {
            let pattern = arn(&one.resource, "aws");
            let resource = pattern.source().replace("${*}", "\u{1}").replace('*', &more).replace('\u{1}', "*");
            prop_assert!(pattern.matches(&resource));
            for action in &one.actions {
                let is_missing = check.missing.iter().any(|missing| {
                    missing.permission == permission && missing.action == *action
                });
                prop_assert!(is_missing || allows(&[&existing], action, &resource));
                for excess in &check.too_much {
                    let (Ok(its_action), Ok(its_resource)) =
                        (Pattern::action(&excess.action), Pattern::wildcard(&excess.resource))
                    else {
                        panic!("{excess:?}");
                    };
                    if excess.excess == Excess::Unneeded {
                        prop_assert!(
                            !(its_action.matches(action) && its_resource.matches(&resource))
                        );
                    }
                }
            }
        }
        // Without what is said to be too much as a whole, nothing else is missing.
        let is_unneeded = |statement: usize, action: &Pattern, resource: &Pattern| {
            check.too_much.iter().any(|excess| {
                (excess.statement, excess.action.as_str(), excess.resource.as_str())
                    == (statement, action.source(), resource.source())
                    && excess.excess == Excess::Unneeded
            })
        };
        let mut statements = Vec::new();
        for (number, statement) in (1_usize..).zip(existing.statements()) {
            let Some((actions, resources)) = crate::merge::plain_allow(statement) else {
                statements.push(statement.clone());
                continue;
            };
            for action in actions {
                for resource in resources {
                    if !is_unneeded(number, action, resource) {
                        statements.push(Statement::allow(
                            vec![action.clone()],
                            vec![resource.clone()],
                        ));
                    }
                }
            }
        }
        let lessened = super::check(&Existing::from(&Policy { statements }), &needed, "aws");
        let named = |check: &Check| {
            let missing = check.missing.iter();
            missing.map(|one| (one.permission, one.action.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(named(&lessened), named(&check));
    }
}
