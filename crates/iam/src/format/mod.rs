//! A role in the forms that people make roles with: JSON, Terraform, CloudFormation and aws-cli.
//!
//! Characters outside ASCII stand as `\u` escapes wherever the form hands the text of a policy on
//! as it is. CloudFormation and Terraform's provider read it first, so that for a key with
//! characters above U+00FF, which IAM takes in no policy, only JSON and aws-cli are sure to work.
//!
//! ```
//! use flowrun_card::{Permission, Resource, Text};
//! use flowrun_iam::{Policy, format, trust};
//!
//! let trust = trust::policy(&trust::TrustRequest {
//!     trusted: trust::Trusted::Account("111122223333".to_owned()),
//!     external_ids: vec!["fr-3f9a2c".to_owned()],
//!     partition: "aws".to_owned(),
//!     source_identity: false,
//!     session_tags: false,
//! })?;
//! let needed = [Permission {
//!     connection: None,
//!     actions: vec!["s3:ListBucket"],
//!     resource: Resource::bucket(&Text::Known("reports".to_owned())),
//! }];
//! let permissions = Policy::of_permissions(&needed, "aws");
//! let role = format::Role::new("Reports", Some(trust), "flowrun", &permissions)?;
//! assert!(format::cli(&role).starts_with("aws iam create-role --role-name 'Reports'"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cli;
mod cloudformation;
mod json;
mod terraform;

pub use cli::cli;
pub use cloudformation::cloudformation;
pub use json::json;
pub use terraform::terraform;

use crate::{
    INLINE_POLICIES_CHARS, MANAGED_POLICIES_PER_ROLE, MANAGED_POLICY_CHARS, Policy, RoleError,
    TrustPolicy,
};

/// A role of a customer's account, as it shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    name: String,
    trust: Option<TrustPolicy>,
    policies: Policies,
    is_for_many: bool,
}

/// What a role may do, under the names of its policies.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Policies {
    Inline(Vec<(String, Policy)>),
    Managed(Vec<(String, Policy)>),
}

impl Role {
    /// A role with these permissions. Without a trust policy it is one that exists already and
    /// gets the permissions; permissions without statements leave only the trust.
    ///
    /// The permissions are one inline policy, or where that is over
    /// [`INLINE_POLICIES_CHARS`] up to [`MANAGED_POLICIES_PER_ROLE`] managed policies, named
    /// `POLICY-1` and so on.
    ///
    /// # Errors
    /// Where IAM does not take the names (a role's has up to 64 characters, a policy's here up to
    /// 125), or the permissions fit in no such policies.
    pub fn new(
        name: &str,
        trust: Option<TrustPolicy>,
        policy_name: &str,
        permissions: &Policy,
    ) -> Result<Self, RoleError> {
        is_name(name, 64)?;
        is_name(policy_name, 125)?;
        let policies = if permissions.statements().is_empty() {
            Policies::Inline(Vec::new())
        } else if permissions.chars() <= INLINE_POLICIES_CHARS {
            Policies::Inline(vec![(policy_name.to_owned(), permissions.clone())])
        } else {
            let parts = permissions.split(MANAGED_POLICY_CHARS)?;
            if parts.len() > MANAGED_POLICIES_PER_ROLE {
                return Err(RoleError::TooManyPolicies {
                    role: name.to_owned(),
                    count: parts.len(),
                    limit: MANAGED_POLICIES_PER_ROLE,
                });
            }
            let numbered = (1_usize..).zip(parts);
            Policies::Managed(
                numbered
                    .map(|(number, part)| (format!("{policy_name}-{number}"), part))
                    .collect(),
            )
        };
        Ok(Self {
            name: name.to_owned(),
            trust,
            policies,
            is_for_many: false,
        })
    }

    /// The same role for many accounts, each with an External ID of its own: a template has none by
    /// default that any of them could take for its own.
    #[must_use]
    pub fn for_many(self) -> Self {
        Self {
            is_for_many: true,
            ..self
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn is_name(name: &str, longest: usize) -> Result<(), RoleError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (1..=longest).contains(&name.len()) && name.chars().all(is_fine) {
        Ok(())
    } else {
        Err(RoleError::Name {
            name: name.to_owned(),
            longest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::policy,
        trust::{self, TrustRequest, Trusted},
    };

    pub(super) fn trust(external_ids: &[&str]) -> TrustPolicy {
        trust::policy(&TrustRequest {
            trusted: Trusted::Account("111122223333".to_owned()),
            external_ids: external_ids.iter().map(|id| (*id).to_owned()).collect(),
            partition: "aws".to_owned(),
            source_identity: false,
            session_tags: true,
        })
        .unwrap()
    }

    /// Keys that each form must escape.
    pub(super) fn awkward() -> Policy {
        policy(
            r#"{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": [
                "arn:aws:s3:::in/a${*}${$}{b}%{c}",
                "arn:aws:s3:::in/it's \"q\" `id` $(id) \\ & 🦀 ü",
                "arn:aws:s3:::in/\u0085\u007f\u2028$$${*}%%{*"
            ]}"#,
        )
    }

    /// Permissions of about this many resources of a hundred characters.
    pub(super) fn long(count: usize) -> Policy {
        let resources: Vec<_> = (0..count)
            .map(|number| format!("arn:aws:s3:::bucket/{}/{number}", "k".repeat(72)))
            .collect();
        policy(
            &serde_json::json!({
                "Effect": "Allow", "Action": "s3:GetObject", "Resource": resources,
            })
            .to_string(),
        )
    }

    pub(super) fn role(trust: Option<TrustPolicy>, permissions: &Policy) -> Role {
        Role::new("Backup.Role", trust, "flowrun", permissions).unwrap()
    }

    fn short(bucket: &str) -> Policy {
        policy(&format!(
            r#"{{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::{bucket}"}}"#
        ))
    }

    /// What a snapshot shows: a new role, one that exists, one whose ID is rotated, a long one.
    pub(super) fn shown(render: impl Fn(&Role) -> String) -> String {
        [
            role(Some(trust(&["fr-1"])), &awkward()),
            role(None, &awkward()),
            role(Some(trust(&["fr-1", "fr-2"])), &policy("[]")),
            Role {
                policies: Policies::Managed(vec![
                    ("flowrun-1".to_owned(), short("a")),
                    ("flowrun-2".to_owned(), short("b")),
                ]),
                ..role(Some(trust(&["fr-1"])), &policy("[]"))
            },
        ]
        .iter()
        .map(render)
        .collect::<Vec<_>>()
        .join("\n########\n")
    }

    #[test]
    fn long_permissions_become_managed_policies_up_to_their_number() {
        let count = |role: Role| match role.policies {
            Policies::Inline(policies) => (policies.len(), 0),
            Policies::Managed(policies) => (0, policies.len()),
        };
        for (permissions, expect) in [
            (policy("[]"), (0, 0)),
            (long(90), (1, 0)),
            (long(110), (0, 2)),
            (long(400), (0, 8)),
        ] {
            assert_eq!(count(role(None, &permissions)), expect);
        }
        assert_eq!(
            Role::new("Backup", None, "flowrun", &long(1_000))
                .unwrap_err()
                .to_string(),
            "the permissions of the role `Backup` need 32 managed policies, and at most 10 can be attached, so let fewer buckets share it or name prefixes instead of keys"
        );
    }

    #[test]
    fn names_that_iam_does_not_take_are_refused() {
        for (name, policy_name) in [
            ("", "p"),
            ("a b", "p"),
            ("r", "a/b"),
            ("r", "$(id)"),
            ("rö", "p"),
        ] {
            assert!(Role::new(name, None, policy_name, &awkward()).is_err());
        }
        assert_eq!(
            Role::new(&"x".repeat(65), None, "p", &awkward())
                .unwrap_err()
                .to_string(),
            format!(
                "`{}` is not a name that IAM takes, which has 1 to 64 letters, digits and `_+=,.@-`",
                "x".repeat(65)
            )
        );
    }
}
