//! Decides whether policies let a request through.

use crate::{Actions, Caller, Conditions, Effect, Policy, Resources, Statement, TrustPolicy};

/// What policies say to a request.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement is about it.
    ImplicitDeny,
}

impl Decision {
    /// Whether the request goes through.
    pub fn is_allow(self) -> bool {
        self == Decision::Allow
    }
}

/// What an identity asks to do.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The action, such as `s3:GetObject`; in any case.
    pub action: &'a str,
    /// The ARN of the resource; `*` where the action has none.
    pub resource: &'a str,
    /// What conditions look at.
    pub conditions: &'a Conditions,
}

/// What the policies of an identity, taken together, say to a request.
///
/// A session policy narrows: evaluate it by itself and let through only what both allow.
pub fn evaluate<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    request: &Request<'_>,
) -> Decision {
    decide(
        policies
            .into_iter()
            .flat_map(Policy::statements)
            .filter(|statement| {
                statement.is_about(request.action, request.conditions)
                    && statement
                        .resources
                        .as_ref()
                        .is_none_or(|resources| match resources {
                            Resources::AnyOf(any) => {
                                any.iter().any(|p| p.matches(request.resource))
                            }
                            Resources::NoneOf(none) => {
                                !none.iter().any(|p| p.matches(request.resource))
                            }
                        })
            }),
    )
}

impl TrustPolicy {
    /// What the role's owner says to a caller who wants to assume it, by an action such as
    /// `sts:AssumeRole`.
    ///
    /// Where the policy trusts an account, this says Allow for each of the account's identities;
    /// which of them may is for the account's own policies to say.
    pub fn evaluate(&self, caller: &Caller<'_>, action: &str, conditions: &Conditions) -> Decision {
        decide(self.statements().iter().filter(|statement| {
            statement.is_about(action, conditions)
                && statement
                    .principals
                    .as_ref()
                    .is_none_or(|principals| principals.iter().any(|one| one.is(caller)))
        }))
    }
}

impl Statement {
    fn is_about(&self, action: &str, conditions: &Conditions) -> bool {
        let has_action = match &self.actions {
            Actions::AnyOf(any) => any.iter().any(|pattern| pattern.matches(action)),
            Actions::NoneOf(none) => !none.iter().any(|pattern| pattern.matches(action)),
        };
        has_action
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(conditions))
    }
}

fn decide<'a>(statements: impl Iterator<Item = &'a Statement>) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for statement in statements {
        match statement.effect {
            Effect::Deny => return Decision::ExplicitDeny,
            Effect::Allow => decision = Decision::Allow,
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn policy(statements: Value) -> Policy {
        Policy::from_value(&json!({ "Version": "2012-10-17", "Statement": statements })).unwrap()
    }

    fn ask(policies: &[Policy], action: &str, resource: &str, conditions: &Conditions) -> Decision {
        let request = Request {
            action,
            resource,
            conditions,
        };
        evaluate(policies, &request)
    }

    #[test]
    fn a_request_is_allowed_denied_or_nobodys_business() {
        let reads = policy(json!({
            "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::reports/*",
        }));
        let not_secret = policy(json!({
            "Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::reports/secret/*",
            "Condition": { "StringNotEquals": { "aws:PrincipalTag/team": "audit" } },
        }));
        let all_but = policy(json!({
            "Effect": "Allow", "NotAction": "s3:Delete*", "NotResource": "arn:aws:s3:::vault*",
        }));
        let none = Conditions::new();
        let audit = Conditions::new().with("aws:principaltag/team", "audit");
        use Decision::{Allow, ExplicitDeny, ImplicitDeny};
        for (policies, action, resource, conditions, expect) in [
            (
                vec![&reads],
                "s3:getobject",
                "arn:aws:s3:::reports/a",
                &none,
                Allow,
            ),
            (
                vec![&reads],
                "s3:GetObject",
                "arn:aws:s3:::Reports/a",
                &none,
                ImplicitDeny,
            ),
            (
                vec![&reads],
                "s3:PutObject",
                "arn:aws:s3:::reports/a",
                &none,
                ImplicitDeny,
            ),
            (
                vec![],
                "s3:GetObject",
                "arn:aws:s3:::reports/a",
                &none,
                ImplicitDeny,
            ),
            (
                vec![&reads, &not_secret],
                "s3:GetObject",
                "arn:aws:s3:::reports/secret/a",
                &none,
                ExplicitDeny,
            ),
            (
                vec![&not_secret, &reads],
                "s3:GetObject",
                "arn:aws:s3:::reports/secret/a",
                &audit,
                Allow,
            ),
            (
                vec![&all_but],
                "s3:GetObject",
                "arn:aws:s3:::reports/a",
                &none,
                Allow,
            ),
            (
                vec![&all_but],
                "s3:DeleteObject",
                "arn:aws:s3:::reports/a",
                &none,
                ImplicitDeny,
            ),
            (
                vec![&all_but],
                "s3:GetObject",
                "arn:aws:s3:::vault-1/a",
                &none,
                ImplicitDeny,
            ),
        ] {
            let policies: Vec<_> = policies.into_iter().cloned().collect();
            assert_eq!(
                ask(&policies, action, resource, conditions),
                expect,
                "{action} {resource}"
            );
        }
    }

    #[test]
    fn a_trust_policy_needs_principal_action_and_external_id() {
        let trust = TrustPolicy::from_value(&json!({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": { "AWS": "111122223333" },
                "Action": "sts:AssumeRole",
                "Condition": { "StringEquals": { "sts:ExternalId": "a1" } },
            },
        }))
        .unwrap();
        let id = |id: &str| Conditions::new().with("sts:ExternalId", id);
        use Decision::{Allow, ImplicitDeny};
        for (account, action, conditions, expect) in [
            ("111122223333", "sts:AssumeRole", id("a1"), Allow),
            ("111122223333", "sts:AssumeRole", id("A1"), ImplicitDeny),
            (
                "111122223333",
                "sts:AssumeRole",
                Conditions::new(),
                ImplicitDeny,
            ),
            ("111122223333", "sts:TagSession", id("a1"), ImplicitDeny),
            ("444455556666", "sts:AssumeRole", id("a1"), ImplicitDeny),
        ] {
            let arn = format!("arn:aws:iam::{account}:user/ops");
            let caller = Caller { arn: &arn, account };
            assert_eq!(trust.evaluate(&caller, action, &conditions), expect);
        }
    }

    fn statements() -> impl Strategy<Value = Vec<Value>> {
        let one = (
            prop_oneof![Just("Allow"), Just("Deny")],
            prop_oneof![Just("Action"), Just("NotAction")],
            prop_oneof![Just("*"), Just("s3:Get*"), Just("s3:Put*"), Just("s3:*")],
            prop_oneof![Just("Resource"), Just("NotResource")],
            prop_oneof![
                Just("*"),
                Just("arn:aws:s3:::a/*"),
                Just("arn:aws:s3:::b/?")
            ],
            any::<bool>(),
        )
            .prop_map(
                |(effect, action_key, action, resource_key, resource, condition)| {
                    let mut statement =
                        json!({ "Effect": effect, action_key: action, resource_key: resource });
                    if condition {
                        statement["Condition"] = json!({ "Bool": { "a:flag": "true" } });
                    }
                    statement
                },
            );
        proptest::collection::vec(one, 0..6)
    }

    proptest! {
        #[test]
        fn a_deny_that_applies_wins_and_without_an_allow_nothing_goes(
            list in statements(),
            action in prop_oneof![Just("s3:GetObject"), Just("s3:PutObject"), Just("sts:AssumeRole")],
            resource in prop_oneof![Just("arn:aws:s3:::a/x"), Just("arn:aws:s3:::b/x"), Just("*")],
            flag in any::<bool>(),
        ) {
            let conditions = Conditions::new().with("a:flag", flag.to_string());
            let decide = |list: &[Value]| ask(&[policy(list.into())], action, resource, &conditions);
            let whole = decide(&list);
            // Each statement by itself says what it adds; the whole is the strongest of them.
            let each: Vec<_> = list.iter().map(|one| decide(std::slice::from_ref(one))).collect();
            let expect = if each.contains(&Decision::ExplicitDeny) {
                Decision::ExplicitDeny
            } else if each.contains(&Decision::Allow) {
                Decision::Allow
            } else {
                Decision::ImplicitDeny
            };
            prop_assert_eq!(whole, expect);

            for index in 0..list.len() {
                let mut fewer = list.clone();
                let removed = fewer.remove(index);
                if removed["Effect"] == "Allow" && decide(&fewer).is_allow() {
                    prop_assert!(whole.is_allow(), "taking {} away added a right", removed);
                }
            }
        }
    }
}
