//! What the tests of several files share: random policies over few names, so that they meet.

use proptest::prelude::*;

use crate::{AccessLevel, Conditions, Policy, Request, access_level::s3_actions, evaluate};

pub(crate) fn policy(statements: &str) -> Policy {
    Policy::parse(&format!(
        r#"{{"Version": "2012-10-17", "Statement": {statements}}}"#
    ))
    .unwrap()
}

pub(crate) fn allows(policies: &[&Policy], action: &str, resource: &str) -> bool {
    let request = Request {
        action,
        resource,
        conditions: &Conditions::new(),
    };
    evaluate(policies.iter().copied(), &request).is_allow()
}

pub(crate) fn actions() -> impl Strategy<Value = String> {
    let of = |level| {
        let names: Vec<_> = s3_actions()
            .filter(|(_, its)| *its == level)
            .map(|(name, _)| format!("s3:{name}"))
            .collect();
        prop::sample::select(names)
    };
    prop_oneof![
        prop::sample::select(vec![
            "s3:GetObject".to_owned(),
            "s3:GetObjectVersion".to_owned(),
            "s3:PutObject".to_owned(),
            "kms:Decrypt".to_owned(),
        ]),
        of(AccessLevel::Read),
        of(AccessLevel::Write),
        of(AccessLevel::PermissionsManagement),
    ]
}

fn resources() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "arn:aws:s3:::[ab]/[ab]{0,3}",
        2 => "arn:aws:s3:::[ab]/[ab]{0,2}\\*",
        1 => "arn:aws:s3:::[ab]/[ab?]{0,2}(\\$\\{\\*\\})?\\*",
        1 => "arn:aws:s3:::\\*/[ab]{0,2}",
        1 => "arn:aws:s3:::[ab]",
        1 => "arn:aws:kms:eu-west-1:111122223333:key/[ab]{1,2}",
    ]
}

/// Policies that allow, and now and then deny.
pub(crate) fn policies() -> impl Strategy<Value = Policy> {
    let statement = (
        prop::bool::weighted(0.9),
        prop::collection::vec(actions(), 1..4),
        prop::collection::vec(resources(), 1..5),
    )
        .prop_map(|(is_allow, actions, resources)| {
            serde_json::json!({
                "Effect": if is_allow { "Allow" } else { "Deny" },
                "Action": actions,
                "Resource": resources,
            })
        });
    prop::collection::vec(statement, 1..6)
        .prop_map(|statements| policy(&serde_json::Value::from(statements).to_string()))
}

/// Actions on resources that such policies may be about.
pub(crate) fn requests() -> impl Strategy<Value = Vec<(String, String)>> {
    let resource = prop_oneof![
        "arn:aws:s3:::[abc]/[ab*]{0,4}",
        "arn:aws:s3:::[ab]",
        "arn:aws:kms:eu-west-1:111122223333:key/[ab]{1,2}",
    ];
    prop::collection::vec((actions(), resource), 1..60)
}
