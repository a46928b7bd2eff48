//! A policy in several documents, where one would be too long.

use std::collections::VecDeque;

use crate::{Actions, Pattern, Policy, Resources, SizeError, Statement};

/// The most characters of a managed policy, without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MANAGED_POLICY_CHARS: usize = 6_144;
/// The most characters of all inline policies of a role together, without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const INLINE_POLICIES_CHARS: usize = 10_240;
/// The most characters of a session policy, the ARNs of managed session policies among them.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub const SESSION_POLICY_CHARS: usize = 2_048;
/// The most managed policies of a role, unless AWS has raised the quota.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MANAGED_POLICIES_PER_ROLE: usize = 10;

impl Policy {
    /// Policies of at most this many characters each that together say the same, in order.
    ///
    /// Statements are kept whole where they fit; a longer one becomes several, without its `Sid`.
    /// A policy without statements has no part.
    ///
    /// # Errors
    /// [`SizeError::StatementTooLong`] where one action on one resource does not fit, or a
    /// statement that has `NotAction` or `NotResource`, which cannot be divided.
    pub fn split(&self, max_chars: usize) -> Result<Vec<Policy>, SizeError> {
        let mut waiting: VecDeque<Statement> = self.statements.iter().cloned().collect();
        let mut parts = Vec::new();
        let mut part = Policy {
            statements: Vec::new(),
        };
        while let Some(statement) = waiting.pop_front() {
            part.statements.push(statement);
            if part.chars() <= max_chars {
                continue;
            }
            let Some(statement) = part.statements.pop() else {
                continue;
            };
            if !part.statements.is_empty() {
                waiting.push_front(statement);
                let empty = Vec::new();
                let statements = std::mem::replace(&mut part.statements, empty);
                parts.push(Policy { statements });
                continue;
            }
            let Some((first, second)) = halves(&statement) else {
                let chars = Policy {
                    statements: vec![statement],
                }
                .chars();
                return Err(SizeError::StatementTooLong {
                    chars,
                    limit: max_chars,
                });
            };
            waiting.push_front(second);
            waiting.push_front(first);
        }
        if !part.statements.is_empty() {
            parts.push(part);
        }
        Ok(parts)
    }
}

/// Two statements that together say the same.
fn halves(statement: &Statement) -> Option<(Statement, Statement)> {
    let with = |actions: &Actions, resources: &Resources| Statement {
        sid: None,
        actions: actions.clone(),
        resources: Some(resources.clone()),
        ..statement.clone()
    };
    let resources = statement.resources.as_ref()?;
    let actions = &statement.actions;
    if let Resources::AnyOf(all) = resources
        && let Some((first, second)) = in_two(all)
    {
        return Some((
            with(actions, &Resources::AnyOf(first)),
            with(actions, &Resources::AnyOf(second)),
        ));
    }
    let Actions::AnyOf(all) = actions else {
        return None;
    };
    let (first, second) = in_two(all)?;
    Some((
        with(&Actions::AnyOf(first), resources),
        with(&Actions::AnyOf(second), resources),
    ))
}

fn in_two(all: &[Pattern]) -> Option<(Vec<Pattern>, Vec<Pattern>)> {
    let (first, second) = all.split_at_checked(all.len() / 2)?;
    (!first.is_empty()).then(|| (first.to_vec(), second.to_vec()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{allows, policies, policy, requests};

    #[test]
    fn a_long_policy_becomes_several() {
        let resources: Vec<_> = (0..400)
            .map(|number| format!("arn:aws:s3:::bucket/a-key-of-some-length/{number}"))
            .collect();
        let whole = policy(
            &serde_json::json!([
                { "Effect": "Allow", "Action": "s3:GetObject", "Resource": resources },
                { "Effect": "Deny", "Action": "s3:PutObject", "NotResource": "arn:aws:s3:::b/*" },
            ])
            .to_string(),
        );
        let parts = whole.split(MANAGED_POLICY_CHARS).unwrap();
        let chars: Vec<_> = parts.iter().map(Policy::chars).collect();
        assert_eq!(chars.len(), 4, "{chars:?}");
        assert!(
            chars.iter().all(|chars| *chars <= MANAGED_POLICY_CHARS),
            "{chars:?}"
        );
        let merged = Policy {
            statements: parts
                .iter()
                .flat_map(|part| part.statements.clone())
                .collect(),
        }
        .merged();
        assert_eq!(merged, whole.merged());
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        for statement in [
            r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/key"}"#,
            r#"{"Effect": "Allow", "NotAction": ["s3:A", "s3:B", "s3:C", "s3:D", "s3:EEE"], "Resource": "*"}"#,
        ] {
            let whole = policy(statement);
            assert_eq!(whole.split(whole.chars()), Ok(vec![whole.clone()]));
            assert_eq!(
                whole.split(whole.chars() - 1),
                Err(SizeError::StatementTooLong {
                    chars: whole.chars(),
                    limit: whole.chars() - 1
                })
            );
        }
        assert_eq!(policy("[]").split(10), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn the_parts_together_say_the_same(
            policy in policies(),
            requests in requests(),
            limit in 240..500_usize,
        ) {
            let parts = policy.split(limit).unwrap();
            prop_assert!(parts.iter().all(|part| part.chars() <= limit));
            let parts: Vec<_> = parts.iter().collect();
            for (action, resource) in requests {
                prop_assert_eq!(
                    allows(&[&policy], &action, &resource),
                    allows(&parts, &action, &resource)
                );
            }
        }
    }
}
