//! The same policy in fewer characters.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Actions, Effect, Pattern, Policy, Resources, Statement};

impl Policy {
    /// A policy that says the same, where it can with fewer statements and names.
    ///
    /// A name that another one of the same actions covers is dropped. Resources with the same
    /// actions share a statement, or actions with the same resources, whichever is shorter. The result depends on what is granted, not on the order of the
    /// statements; what is more than a plain Allow (a condition, a Deny, `NotAction`,
    /// `NotResource`) is left as it is and stands last.
    #[must_use]
    pub fn merged(&self) -> Policy {
        let mut actions_of = BTreeMap::<Pattern, BTreeSet<Pattern>>::new();
        let mut others = Vec::new();
        for statement in &self.statements {
            let Some((actions, resources)) = plain_allow(statement) else {
                others.push(statement.clone());
                continue;
            };
            for resource in resources {
                let known = actions_of.entry(resource.clone()).or_default();
                known.extend(actions.iter().cloned());
            }
        }
        let wide: Vec<_> = actions_of
            .iter()
            .filter(|(resource, _)| !resource.is_literal())
            .collect();
        let mut pairs = Vec::new();
        for (resource, actions) in &actions_of {
            for action in actions {
                let mut others = wide.iter().copied().chain([(resource, actions)]);
                if !others.any(|(wider, its)| grants_more(wider, its, resource, action)) {
                    pairs.push((action.clone(), resource.clone()));
                }
            }
        }
        let swapped = pairs
            .iter()
            .cloned()
            .map(|(action, resource)| (resource, action));
        let by_resource = of_groups(group(swapped).into_iter());
        let by_action = of_groups(
            group(pairs)
                .into_iter()
                .map(|(resources, actions)| (actions, resources)),
        );
        let mut policy = if by_action.chars() < by_resource.chars() {
            by_action
        } else {
            by_resource
        };
        policy.statements.extend(others);
        policy
    }
}

/// The left sides that have the same right sides, together.
fn group(
    pairs: impl IntoIterator<Item = (Pattern, Pattern)>,
) -> BTreeMap<Vec<Pattern>, Vec<Pattern>> {
    let mut rights_of = BTreeMap::<Pattern, Vec<Pattern>>::new();
    for (left, right) in pairs {
        rights_of.entry(left).or_default().push(right);
    }
    let mut lefts_of = BTreeMap::<Vec<Pattern>, Vec<Pattern>>::new();
    for (left, rights) in rights_of {
        lefts_of.entry(rights).or_default().push(left);
    }
    lefts_of
}

fn of_groups(groups: impl Iterator<Item = (Vec<Pattern>, Vec<Pattern>)>) -> Policy {
    let mut statements: Vec<_> = groups
        .map(|(actions, resources)| Statement::allow(actions, resources))
        .collect();
    statements.sort_by(|a, b| plain_allow(a).cmp(&plain_allow(b)));
    Policy { statements }
}

/// The actions and resources of a statement that does no more than allow them.
pub(crate) fn plain_allow(statement: &Statement) -> Option<(&[Pattern], &[Pattern])> {
    match statement {
        Statement {
            effect: Effect::Allow,
            principals: None,
            actions: Actions::AnyOf(actions),
            resources: Some(Resources::AnyOf(resources)),
            conditions,
            ..
        } if conditions.is_empty() => Some((actions, resources)),
        _ => None,
    }
}

impl Statement {
    pub(crate) fn allow(actions: Vec<Pattern>, resources: Vec<Pattern>) -> Self {
        Self {
            sid: None,
            effect: Effect::Allow,
            principals: None,
            actions: Actions::AnyOf(actions),
            resources: Some(Resources::AnyOf(resources)),
            conditions: Vec::new(),
        }
    }
}

/// Whether these actions on this resource grant the action on the other resource, and stay if it
/// goes: of two that cover each other the first one stays.
fn grants_more(
    wider: &Pattern,
    its_actions: &BTreeSet<Pattern>,
    resource: &Pattern,
    action: &Pattern,
) -> bool {
    wider.covers(resource)
        && its_actions.iter().any(|stronger| {
            stronger.covers(action)
                && (!(action.covers(stronger) && resource.covers(wider))
                    || (wider, stronger) < (resource, action))
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::testing::{allows, policies, policy, requests};

    fn check(statements: &str, expect: &str) {
        assert_eq!(policy(statements).merged(), policy(expect), "{statements}");
    }

    #[test]
    fn what_another_statement_says_is_not_said_again() {
        // The same actions on two resources.
        check(
            r#"[{"Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::a"}]"#,
            r#"[{"Effect": "Allow", "Action": "s3:B",
                 "Resource": ["arn:aws:s3:::a", "arn:aws:s3:::b"]}]"#,
        );
        // Other actions on the same resource.
        check(
            r#"[{"Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "Action": "s3:A", "Resource": "arn:aws:s3:::b"}]"#,
            r#"[{"Effect": "Allow", "Action": ["s3:A", "s3:B"], "Resource": "arn:aws:s3:::b"}]"#,
        );
        // A resource within another; the action that only the narrow one has stays.
        check(
            r#"[{"Effect": "Allow", "Action": ["s3:A", "s3:B"], "Resource": "arn:aws:s3:::b/k"},
                {"Effect": "Allow", "Action": "s3:A", "Resource": "arn:aws:s3:::b/*"}]"#,
            r#"[{"Effect": "Allow", "Action": "s3:A", "Resource": "arn:aws:s3:::b/*"},
                {"Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::b/k"}]"#,
        );
        // An action within another, and one in another case.
        check(
            r#"[{"Effect": "Allow", "Action": ["s3:GetObject", "s3:Get*", "S3:GET*"],
                 "Resource": "arn:aws:s3:::b/k"}]"#,
            r#"[{"Effect": "Allow", "Action": "S3:GET*", "Resource": "arn:aws:s3:::b/k"}]"#,
        );
    }

    #[test]
    fn what_is_more_than_an_allow_is_left_as_it_is() {
        check(
            r#"[{"Sid": "No", "Effect": "Deny", "Action": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "NotAction": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "Action": "s3:B", "NotResource": "arn:aws:s3:::b"},
                {"Sid": "A", "Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::b"}]"#,
            r#"[{"Effect": "Allow", "Action": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Sid": "No", "Effect": "Deny", "Action": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "NotAction": "s3:B", "Resource": "arn:aws:s3:::b"},
                {"Effect": "Allow", "Action": "s3:B", "NotResource": "arn:aws:s3:::b"}]"#,
        );
    }

    proptest! {
        #[test]
        fn a_merged_policy_says_the_same(policy in policies(), requests in requests()) {
            let merged = policy.merged();
            prop_assert_eq!(&merged.merged(), &merged);
            for (action, resource) in requests {
                prop_assert_eq!(
                    allows(&[&policy], &action, &resource),
                    allows(&[&merged], &action, &resource)
                );
            }
        }
    }
}
