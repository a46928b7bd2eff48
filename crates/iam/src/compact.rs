//! A policy made to fit: step by step wider, and never into another access level.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    AccessLevel, Pattern, Policy, SizeError, Statement, access_level::s3_actions,
    merge::plain_allow, pattern::Token,
};

/// How far a policy was widened so that it fits. Each rung includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// As it was given.
    Exact,
    /// Said in fewer characters: it allows the same.
    Merged,
    /// S3 keys of one bucket that need the same actions are one prefix: the longest that they
    /// have in common.
    Prefixes,
    /// Each S3 object is any object of its bucket.
    Buckets,
    /// S3 actions of one [`AccessLevel`] with a common start are that start and `*`, if all
    /// actions that AWS lists with that start are of that level.
    ActionWildcards,
}

impl Rung {
    /// Every rung, the narrowest first.
    pub const ALL: [Rung; 5] = [
        Rung::Exact,
        Rung::Merged,
        Rung::Prefixes,
        Rung::Buckets,
        Rung::ActionWildcards,
    ];
}

/// A policy that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// The policy.
    pub policy: Policy,
    /// How far it was widened.
    pub rung: Rung,
}

impl Policy {
    /// The characters of the policy as [`Display`](std::fmt::Display) writes it. AWS does not
    /// count white space where it measures the policies of a role; there is none but in keys.
    pub fn chars(&self) -> usize {
        self.to_string().len()
    }

    /// The first [`Rung`] on which the policy has at most this many characters.
    ///
    /// Each rung allows all that the one before allows. Only what plainly allows is widened: a
    /// statement with a condition, a Deny, `NotAction` or `NotResource` stays as it is.
    ///
    /// # Errors
    /// [`SizeError::NoRungFits`].
    pub fn compact(&self, max_chars: usize) -> Result<Compacted, SizeError> {
        let mut policy = self.clone();
        for rung in Rung::ALL {
            policy = policy.step(rung);
            if policy.chars() <= max_chars {
                return Ok(Compacted { policy, rung });
            }
        }
        Err(SizeError::NoRungFits {
            chars: policy.chars(),
            limit: max_chars,
        })
    }

    /// The policy on this rung, from the one on the rung before.
    fn step(&self, rung: Rung) -> Policy {
        match rung {
            Rung::Exact => self.clone(),
            Rung::Merged => self.merged(),
            Rung::Prefixes => {
                self.widen(|actions, resources| (actions.to_vec(), prefixes(resources)))
            }
            Rung::Buckets => self.widen(|actions, resources| {
                (
                    actions.to_vec(),
                    resources.iter().map(every_object).collect(),
                )
            }),
            Rung::ActionWildcards => {
                self.widen(|actions, resources| (wildcards(actions), resources.to_vec()))
            }
        }
    }

    fn widen(
        &self,
        wider: impl Fn(&[Pattern], &[Pattern]) -> (Vec<Pattern>, Vec<Pattern>),
    ) -> Policy {
        let statements = self.statements.iter().map(|statement| {
            plain_allow(statement).map_or_else(
                || statement.clone(),
                |(actions, resources)| {
                    let (actions, resources) = wider(actions, resources);
                    Statement::allow(actions, resources)
                },
            )
        });
        Policy {
            statements: statements.collect(),
        }
        .merged()
    }
}

/// One prefix for the keys of each bucket.
fn prefixes(resources: &[Pattern]) -> Vec<Pattern> {
    let mut keys_of = BTreeMap::<&[Token], Vec<&Pattern>>::new();
    let mut collapsed = Vec::new();
    for resource in resources {
        match bucket_of(resource) {
            Some(bucket) => keys_of.entry(bucket).or_default().push(resource),
            None => collapsed.push(resource.clone()),
        }
    }
    collapsed.extend(keys_of.into_values().map(|keys| match keys.as_slice() {
        [one] => (*one).clone(),
        several => {
            let several: Vec<_> = several.iter().map(|key| key.tokens.as_slice()).collect();
            any_after(common_start(&several))
        }
    }));
    collapsed
}

fn every_object(resource: &Pattern) -> Pattern {
    bucket_of(resource).map_or_else(|| resource.clone(), any_after)
}

fn any_after(start: &[Token]) -> Pattern {
    let tokens: Vec<_> = start.iter().copied().chain([Token::Many]).collect();
    Pattern::of_tokens(&tokens)
}

/// The start of an S3 object's ARN up to the slash after the bucket; `None` for anything else, an
/// access point among it.
fn bucket_of(resource: &Pattern) -> Option<&[Token]> {
    let head: String = resource
        .tokens
        .iter()
        .map_while(|token| match token {
            Token::Char(c) => Some(*c),
            Token::One | Token::Many | Token::Variable(_) => None,
        })
        .collect();
    let mut parts = head.split(':');
    let is_s3 = parts.next() == Some("arn")
        && parts.next().is_some()
        && [parts.next(), parts.next(), parts.next()] == [Some("s3"), Some(""), Some("")]
        && parts.next().is_some();
    let slash = resource
        .tokens
        .iter()
        .position(|token| *token == Token::Char('/'))?;
    is_s3.then(|| resource.tokens.get(..=slash)).flatten()
}

fn wildcards(actions: &[Pattern]) -> Vec<Pattern> {
    let mut widened = Vec::new();
    let mut names_of = BTreeMap::<AccessLevel, BTreeSet<&'static str>>::new();
    for action in actions {
        match s3_actions()
            .find(|(name, _)| action.is_literal() && action.matches(&format!("s3:{name}")))
        {
            Some((name, level)) => {
                names_of.entry(level).or_default().insert(name);
            }
            None => widened.push(action.clone()),
        }
    }
    for (level, names) in names_of {
        let names: Vec<_> = names.into_iter().map(str::as_bytes).collect();
        let mut starts = Vec::new();
        push_starts(&names, level, &mut starts);
        widened.extend(
            starts
                .iter()
                .map(|start| Pattern::known_action(&format!("s3:{start}"))),
        );
    }
    widened
}

/// The narrowest names with `*` that stand for two names or more, all of one level.
fn push_starts(names: &[&[u8]], level: AccessLevel, starts: &mut Vec<String>) {
    let start = common_start(names);
    let text = String::from_utf8_lossy(start);
    if let [_] = names {
        starts.push(text.into_owned());
        return;
    }
    let is_of_level = s3_actions()
        .filter(|(name, _)| name.as_bytes().starts_with(start))
        .all(|(_, its)| its == level);
    if is_of_level {
        starts.push(format!("{text}*"));
        return;
    }
    // The names are in order, so those that go on alike stand together.
    for group in names.chunk_by(|a, b| a.get(start.len()) == b.get(start.len())) {
        push_starts(group, level, starts);
    }
}

fn common_start<'a, T: PartialEq>(lists: &[&'a [T]]) -> &'a [T] {
    let Some((first, others)) = lists.split_first() else {
        return &[];
    };
    let length = others.iter().fold(first.len(), |length, other| {
        let alike = first.iter().zip(other.iter()).take_while(|(a, b)| a == b);
        length.min(alike.count())
    });
    first.get(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{allows, policies, policy, requests};

    #[test]
    fn each_rung_is_shorter_and_wider() {
        let policy = policy(
            r#"[{"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "kms:Decrypt"],
                 "Resource": ["arn:aws:s3:::in/daily/2024/a${*}", "arn:aws:s3:::in/daily/2025/*", "arn:aws:s3:::out/x"]},
                {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload", "kms:Decrypt"],
                 "Resource": ["arn:aws:s3:::in/daily/2024/b", "arn:aws:s3:::in", "arn:aws:kms:eu-west-1:111122223333:key/1", "arn:aws:kms:eu-west-1:111122223333:key/2"]},
                {"Effect": "Deny", "Action": "*", "Resource": ["arn:aws:s3:::in/a", "arn:aws:s3:::in/b"]}]"#,
        );
        let mut shown = String::new();
        let mut limit = usize::MAX;
        loop {
            match policy.compact(limit) {
                Ok(Compacted { policy, rung }) => {
                    limit = policy.chars() - 1;
                    shown += &format!(
                        "{rung:?}, {limit}\n{}\n\n",
                        policy.to_string().replace("{\"Effect", "\n{\"Effect")
                    );
                }
                Err(error) => break shown += &error.to_string(),
            }
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn action_wildcards_stay_within_their_level() {
        for (actions, expect) in [
            (
                &["s3:GetObject", "s3:GetObjectVersion"][..],
                &["s3:GetObject*"][..],
            ),
            // `PutObjectAcl` manages permissions, and `DeleteObjectTagging` tags.
            (
                &["s3:PutObject", "s3:PutObjectRetention"],
                &["s3:PutObject", "s3:PutObjectRetention"],
            ),
            (
                &["s3:DeleteObject", "s3:DeleteObjectVersion"],
                &["s3:DeleteObject", "s3:DeleteObjectVersion"],
            ),
            (
                &["s3:ListBucket", "s3:ListBucketVersions"],
                &["s3:ListBucket*"],
            ),
            (
                &["s3:GETOBJECT", "s3:getobjectacl", "s3:GetBucketAcl"],
                &["s3:Get*"],
            ),
            (&["s3:GetObject"], &["s3:GetObject"]),
            (
                &["kms:Decrypt", "kms:DescribeKey", "s3:Get*"],
                &["kms:Decrypt", "kms:DescribeKey", "s3:Get*"],
            ),
            (
                &[
                    "s3:PutBucketVersioning",
                    "s3:PutBucketNotification",
                    "s3:PutObject",
                    "s3:AbortMultipartUpload",
                ],
                &[
                    "s3:AbortMultipartUpload",
                    "s3:PutBucketNotification",
                    "s3:PutBucketVersioning",
                    "s3:PutObject",
                ],
            ),
        ] {
            let actions: Vec<_> = actions
                .iter()
                .map(|action| Pattern::known_action(action))
                .collect();
            let wide = wildcards(&actions);
            let wide: Vec<_> = wide.iter().map(Pattern::source).collect();
            assert_eq!(wide, expect);
        }
    }

    proptest! {
        #[test]
        fn each_rung_allows_what_the_one_before_allowed_within_its_levels(
            policy in policies(),
            requests in requests(),
        ) {
            let mut before = policy;
            for rung in Rung::ALL {
                let after = before.step(rung);
                for (action, resource) in &requests {
                    if allows(&[&before], action, resource) {
                        prop_assert!(allows(&[&after], action, resource), "{rung:?}");
                    }
                    if !allows(&[&after], action, resource) {
                        continue;
                    }
                    let is_fine = match rung {
                        Rung::Exact | Rung::Merged => allows(&[&before], action, resource),
                        // Some object of the bucket was asked for, with the same action.
                        Rung::Prefixes | Rung::Buckets => {
                            before.statements().iter().filter_map(plain_allow).any(
                                |(actions, resources)| {
                                    actions.iter().any(|one| one.matches(action))
                                        && resources
                                            .iter()
                                            .any(|one| every_object(one).matches(resource))
                                },
                            )
                        }
                        // Some action of its level was asked for, on the same resource.
                        Rung::ActionWildcards => {
                            let level = AccessLevel::of(action);
                            allows(&[&before], action, resource)
                                || s3_actions().filter(|(_, its)| Some(*its) == level).any(
                                    |(name, _)| {
                                        allows(&[&before], &format!("s3:{name}"), resource)
                                    },
                                )
                        }
                    };
                    prop_assert!(is_fine, "{rung:?}: {action} on {resource}");
                }
                before = after;
            }
        }

        #[test]
        fn a_compacted_policy_fits_on_the_first_rung_that_does(policy in policies(), limit in 50..900_usize) {
            let mut on = policy.clone();
            let mut fits = Vec::new();
            for rung in Rung::ALL {
                on = on.step(rung);
                if on.chars() <= limit {
                    fits.push(Compacted { policy: on.clone(), rung });
                }
            }
            prop_assert_eq!(policy.compact(limit).ok(), fits.into_iter().next());
        }
    }
}
