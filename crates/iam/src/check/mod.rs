//! What an existing policy lacks of what cards need, and what it allows beyond it.

use std::collections::BTreeSet;

use flowrun_card::{Permission, Resource};

mod existing;
mod missing;
#[cfg(test)]
mod tests;
mod too_much;

pub use existing::Existing;

use crate::{Effect, Pattern, permissions::arn};

/// How an existing policy compares with what is needed.
///
/// Only the policy itself is looked at: a bucket policy, a permissions boundary or an
/// organisation's policies may still deny.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// What is needed and not allowed, in the order of the permissions.
    pub missing: Vec<Missing>,
    /// What is allowed and not needed, in the order of the statements.
    pub too_much: Vec<TooMuch>,
    /// What the policy alone does not tell, in the order of the statements.
    pub unjudged: Vec<Unjudged>,
}

impl Check {
    /// Whether the policy allows all that is needed, nothing else, and all of it for certain.
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty() && self.too_much.is_empty() && self.unjudged.is_empty()
    }
}

/// An action on a resource that is needed and not, or not wholly, allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which of the given permissions needs it, from 0.
    pub permission: usize,
    /// The action, such as `s3:GetObject`.
    pub action: String,
    /// The ARN as a policy has it, escaped and with wildcards.
    pub resource: String,
    /// Why it is missing.
    pub reason: Reason,
}

/// Why something is missing. Statements count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No statement allows the action on any such resource.
    NotAllowed,
    /// Statements allow the action on some of the resources only.
    PartlyAllowed {
        /// Which.
        statements: Vec<usize>,
    },
    /// A statement denies it.
    Denied {
        /// Which.
        statement: usize,
    },
    /// A statement denies it on some of the resources.
    PartlyDenied {
        /// Which.
        statement: usize,
    },
}

/// An action on a resource that a statement allows, beyond what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// The statement, from 1.
    pub statement: usize,
    /// The action as the statement has it.
    pub action: String,
    /// The resource as the statement has it.
    pub resource: String,
    /// How it goes beyond.
    pub excess: Excess,
}

/// How far an allowed action and resource go beyond what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// Nothing needs any of it.
    Unneeded,
    /// Only these actions of the pattern are needed, on such resources.
    WiderAction {
        /// The needed ones.
        needed: Vec<String>,
    },
    /// The actions are needed, but each only on some of the resources: together on these.
    WiderResource {
        /// The needed ones, as a policy has them.
        needed: Vec<String>,
    },
}

/// Something that depends on more than the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unjudged {
    /// The statement, from 1.
    pub statement: usize,
    /// What about it.
    pub doubt: Doubt,
}

/// What cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Doubt {
    /// The statement allows the needed action on the resource if its condition holds.
    AllowedUnderCondition {
        /// Which of the given permissions needs it, from 0.
        permission: usize,
        /// The action.
        action: String,
    },
    /// The statement denies the needed action, or some of the resources, if its condition holds,
    /// or if a resource is outside its `NotResource`.
    MayBeDenied {
        /// Which of the given permissions needs it, from 0.
        permission: usize,
        /// The action.
        action: String,
    },
    /// The statement allows all but some actions or resources (`NotAction`, `NotResource`), so
    /// that what is too much cannot be listed.
    AllowsAllBut,
    /// The statement allows more than is needed, but perhaps not under its condition.
    NarrowedByCondition,
    /// The statement holds something that is not known here. It counts neither as allowing nor as
    /// denying.
    Unread {
        /// What is not known.
        problem: String,
    },
}

/// Compares a policy with what the cards of one connection need.
///
/// Missing is what no statement allows for certain; a permission of which the resource is known
/// in part must be allowed as a whole by one resource of a statement. Too much never names what is needed,
/// though what a Deny takes away in part may still be named. Conditions are not evaluated.
/// Takes time in proportion to the size of the policy times the size of the permissions.
pub fn check(existing: &Existing, needed: &[Permission], partition: &str) -> Check {
    let needs: Vec<_> = needed
        .iter()
        .enumerate()
        .flat_map(|(permission, one)| {
            let resource = arn(&one.resource, partition);
            one.actions.iter().map(move |action| Need {
                permission,
                action,
                pattern: Pattern::known_action(action),
                resource: resource.clone(),
                has_no_resource: *action == "s3:ListAllMyBuckets"
                    && one.resource == Resource::every("s3"),
            })
        })
        .collect();
    let mut check = Check::default();
    let mut doubts = BTreeSet::new();
    for need in &needs {
        if let Some(reason) = need.judge(existing, &mut doubts) {
            check.missing.push(Missing {
                permission: need.permission,
                action: need.action.to_owned(),
                resource: need.resource.source().to_owned(),
                reason,
            });
        }
    }
    for known in &existing.statements {
        if known.statement.effect == Effect::Allow {
            too_much::judge(existing, known, &needs, &mut check.too_much, &mut doubts);
        }
    }
    doubts.extend(existing.unread.iter().map(|(statement, problem)| {
        let problem = problem.clone();
        (*statement, Doubt::Unread { problem })
    }));
    check.unjudged = doubts
        .into_iter()
        .map(|(statement, doubt)| Unjudged { statement, doubt })
        .collect();
    check
}

struct Need<'a> {
    permission: usize,
    action: &'a str,
    pattern: Pattern,
    resource: Pattern,
    /// Whether the action is about no resource in particular: policies have `*` for it, too, and
    /// what is about some resources only is not about it.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
    has_no_resource: bool,
}
