//! IAM policies as data: parse, render and evaluate them, compute the least one, and compare.
//!
//! - [`Policy::of_permissions`] is the least policy for what cards need; [`Policy::compact`] and
//!   [`Policy::split`] make it fit where AWS limits its size.
//! - [`trust::policy`] is the trust policy of a role, and [`format`](mod@format) the whole role in
//!   the forms that people make roles with.
//! - [`check()`] compares an existing policy with what cards need.
//!
//! The crate is pure, and it fails closed: what it does not know of a policy (a key, a condition
//! operator, a policy variable) is an error when the policy is parsed, never something skipped.
//!
//! ```
//! use flowrun_iam::{Conditions, Decision, Policy, Request, evaluate};
//!
//! let policy = Policy::parse(
//!     r#"{
//!         "Version": "2012-10-17",
//!         "Statement": {
//!             "Effect": "Allow",
//!             "Action": "s3:Get*",
//!             "Resource": "arn:aws:s3:::reports/daily/*"
//!         }
//!     }"#,
//! )?;
//! let request = Request {
//!     action: "s3:GetObject",
//!     resource: "arn:aws:s3:::reports/daily/a.csv",
//!     conditions: &Conditions::default(),
//! };
//! assert_eq!(evaluate([&policy], &request), Decision::Allow);
//! # Ok::<(), flowrun_iam::PolicyError>(())
//! ```

mod access_level;
mod check;
mod compact;
mod condition;
mod error;
mod evaluate;
pub mod format;
mod json;
mod kms;
mod merge;
mod operand;
mod parse;
mod pattern;
mod permissions;
mod policy;
mod principal;
mod split;
#[cfg(test)]
mod testing;
pub mod trust;

pub use access_level::AccessLevel;
pub use check::{Check, Doubt, Excess, Existing, Missing, Reason, TooMuch, Unjudged, check};
pub use compact::{Compacted, Rung};
pub use condition::{Condition, Conditions, Operator, Quantifier};
pub use error::{PolicyError, RoleError, SizeError, TrustError};
pub use evaluate::{Decision, Reach, Request, ResourceDecision, evaluate};
pub use kms::key_actions;
pub use operand::{Network, Number, Operand};
pub use parse::{MAX_DOCUMENT_BYTES, MAX_LIST, MAX_STATEMENTS};
pub use pattern::{ArnPattern, Pattern};
pub use policy::{Actions, Effect, Policy, ResourcePolicy, Resources, Statement, TrustPolicy};
pub use principal::{Caller, Principal};
pub use split::{
    INLINE_POLICIES_CHARS, MANAGED_POLICIES_PER_ROLE, MANAGED_POLICY_CHARS, SESSION_POLICY_CHARS,
};
