//! Decides whether policies let a request through.

use crate::{
    Actions, Caller, Condition, Conditions, Effect, Pattern, Policy, ResourcePolicy, Resources,
    Statement, TrustPolicy,
};

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

/// How directly the policy of a resource names who asks; each one lets pass more than those before.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// By its account: which of its identities may is for the account's own policies to say.
    Account,
    /// By the role behind a session: the session policy has to allow it, too.
    Role,
    /// Itself, or everyone: within the account nothing else has to allow it.
    Direct,
}

/// What the policy of a resource says to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceDecision {
    /// A statement allows it and none denies it.
    Allow(Reach),
    /// A statement denies it.
    ExplicitDeny,
    /// No statement is about it.
    ImplicitDeny,
}

impl ResourceDecision {
    /// Whether it is allowed, however the caller is named.
    pub fn is_allow(self) -> bool {
        matches!(self, ResourceDecision::Allow(_))
    }
}

/// What the policies of an identity, taken together, say to a request.
///
/// A session policy narrows: evaluate it by itself and let through only what both allow.
pub fn evaluate<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    request: &Request<'_>,
) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for statement in policies.into_iter().flat_map(Policy::statements) {
        if statement.is_about(request) {
            match statement.effect {
                Effect::Deny => return Decision::ExplicitDeny,
                Effect::Allow => decision = Decision::Allow,
            }
        }
    }
    decision
}

impl TrustPolicy {
    /// What the role's owner says to a caller who wants to assume it: `request` is for an action
    /// such as `sts:AssumeRole`.
    ///
    /// Where the policy trusts an account, this allows each of the account's identities; which of
    /// them may is for the account's own policies to say.
    pub fn evaluate(&self, caller: &Caller<'_>, request: &Request<'_>) -> ResourceDecision {
        decide(&self.statements, caller, request)
    }
}

impl ResourcePolicy {
    /// What the owner of the resource says to a caller.
    pub fn evaluate(&self, caller: &Caller<'_>, request: &Request<'_>) -> ResourceDecision {
        decide(&self.statements, caller, request)
    }
}

/// Of several statements that allow it, the most direct one counts.
fn decide(
    statements: &[Statement],
    caller: &Caller<'_>,
    request: &Request<'_>,
) -> ResourceDecision {
    let mut reach = None;
    for statement in statements {
        let principals = statement.principals.iter().flatten();
        let named = principals.filter_map(|one| one.reach(caller)).max();
        if named.is_some() && statement.is_about(request) {
            match statement.effect {
                Effect::Deny => return ResourceDecision::ExplicitDeny,
                Effect::Allow => reach = reach.max(named),
            }
        }
    }
    reach.map_or(ResourceDecision::ImplicitDeny, ResourceDecision::Allow)
}

impl Statement {
    /// Whether action, resource and conditions are those of the request. A trust policy has no
    /// resource but its role.
    fn is_about(&self, request: &Request<'_>) -> bool {
        let is_one = |one: &Pattern| one.matches_with(request.resource, request.conditions);
        let has_action = match &self.actions {
            Actions::AnyOf(any) => any.iter().any(|one| one.matches(request.action)),
            Actions::NoneOf(none) => !none.iter().any(|one| one.matches(request.action)),
        };
        let has_resource = match &self.resources {
            None => true,
            Some(Resources::AnyOf(any)) => any.iter().any(is_one),
            Some(Resources::NoneOf(none)) => !none.iter().any(is_one),
        };
        let holds = |condition: &Condition| condition.holds(request.conditions);
        has_action && has_resource && self.conditions.iter().all(holds)
    }
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
        use ResourceDecision::{Allow, ImplicitDeny};
        for (account, action, conditions, expect) in [
            (
                "111122223333",
                "sts:AssumeRole",
                id("a1"),
                Allow(Reach::Account),
            ),
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
            let request = Request {
                action,
                resource: "arn:aws:iam::222222222222:role/a",
                conditions: &conditions,
            };
            assert_eq!(trust.evaluate(&caller, &request), expect);
        }
    }

    #[test]
    fn the_policy_of_a_resource_says_how_directly_it_names_the_caller() {
        const ROLE: &str = "arn:aws:iam::111122223333:role/a";
        const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/a/run-1";
        const USER: &str = "arn:aws:iam::111122223333:user/ann";
        let statement = |effect: &str, principal: &str, resource: &str| {
            json!({
                "Effect": effect, "Principal": { "AWS": principal }, "Action": "s3:Get*",
                "Resource": resource,
            })
        };
        let allow = |principal: &str| statement("Allow", principal, "arn:aws:s3:::reports/*");
        let deny = statement("Deny", ROLE, "arn:aws:s3:::reports/secret/*");
        let mine = statement(
            "Allow",
            "111122223333",
            "arn:aws:s3:::reports/${aws:username}/*",
        );
        use Reach::{Account, Direct, Role};
        use ResourceDecision::{Allow, ExplicitDeny, ImplicitDeny};
        for (statements, caller, key, expect) in [
            (json!([]), SESSION, "a", ImplicitDeny),
            (json!([allow("111122223333")]), SESSION, "a", Allow(Account)),
            (json!([allow(ROLE)]), SESSION, "a", Allow(Role)),
            (json!([allow(SESSION)]), SESSION, "a", Allow(Direct)),
            (json!([allow("*")]), SESSION, "a", Allow(Direct)),
            (
                json!([allow(ROLE), allow(SESSION), allow("111122223333")]),
                SESSION,
                "a",
                Allow(Direct),
            ),
            (json!([allow("444455556666")]), SESSION, "a", ImplicitDeny),
            (json!([allow("*"), deny]), SESSION, "secret/a", ExplicitDeny),
            (json!([allow("*"), deny]), USER, "secret/a", Allow(Direct)),
            (json!([mine]), USER, "ann/a", Allow(Account)),
            (json!([mine]), USER, "bob/a", ImplicitDeny),
        ] {
            let document = json!({ "Version": "2012-10-17", "Statement": statements });
            let policy = ResourcePolicy::from_value(&document).unwrap();
            let caller = Caller {
                arn: caller,
                account: "111122223333",
            };
            let request = Request {
                action: "s3:GetObject",
                resource: &format!("arn:aws:s3:::reports/{key}"),
                conditions: &Conditions::new().with("aws:username", "ann"),
            };
            assert_eq!(policy.evaluate(&caller, &request), expect, "{document}");
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
