//! What an existing policy lacks of what cards need, and what it allows beyond it.

use std::collections::BTreeSet;

use flowrun_card::{Permission, Resource};

use crate::{
    Actions, Effect, Pattern, Policy, Resources, Statement, access_level::s3_actions,
    permissions::arn,
};

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
}

/// Compares a policy with what the cards of one connection need.
///
/// Missing is what no statement allows for certain; a permission of which the resource is known
/// in part must be allowed as a whole by one resource of a statement. Too much never names what is needed,
/// though what a Deny takes away in part may still be named. Conditions are not evaluated.
/// Takes time in proportion to the size of the policy times the size of the permissions.
///
/// A policy with parts that this crate does not know cannot be parsed, and so not be checked.
pub fn check(existing: &Policy, needed: &[Permission], partition: &str) -> Check {
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
    for (number, statement) in numbered(existing) {
        if statement.effect == Effect::Allow {
            excess(
                existing,
                number,
                statement,
                &needs,
                &mut check.too_much,
                &mut doubts,
            );
        }
    }
    check.unjudged = doubts
        .into_iter()
        .map(|(statement, doubt)| Unjudged { statement, doubt })
        .collect();
    check
}

fn numbered(policy: &Policy) -> impl Iterator<Item = (usize, &Statement)> {
    (1_usize..).zip(&policy.statements)
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

/// How much of a need a statement is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    /// Some, or perhaps all.
    Some,
    All,
}

impl Need<'_> {
    fn judge(&self, policy: &Policy, doubts: &mut BTreeSet<(usize, Doubt)>) -> Option<Reason> {
        let (permission, action) = (self.permission, || self.action.to_owned());
        let mut is_allowed = false;
        let mut allowing_partly = Vec::new();
        let mut conditional = Vec::new();
        let mut denied = None;
        let mut partly_denied = None;
        let mut may_be_denied = Vec::new();
        for (number, statement) in numbered(policy) {
            let part = self.part_of(statement);
            let is_plain = statement.conditions.is_empty();
            match (statement.effect, part) {
                (_, Part::None) => {}
                (Effect::Allow, Part::All) if is_plain => is_allowed = true,
                (Effect::Allow, Part::All) => conditional.push(number),
                (Effect::Allow, Part::Some) => allowing_partly.push(number),
                (Effect::Deny, Part::All) if is_plain => denied = denied.or(Some(number)),
                (Effect::Deny, Part::Some) if is_plain && !has_not_resource(statement) => {
                    partly_denied = partly_denied.or(Some(number));
                }
                (Effect::Deny, _) => may_be_denied.push(number),
            }
        }
        let reason = if let Some(statement) = denied {
            Some(Reason::Denied { statement })
        } else if let Some(statement) = partly_denied {
            Some(Reason::PartlyDenied { statement })
        } else if is_allowed || !conditional.is_empty() {
            None
        } else if allowing_partly.is_empty() {
            Some(Reason::NotAllowed)
        } else {
            Some(Reason::PartlyAllowed {
                statements: allowing_partly,
            })
        };
        if reason.is_none() {
            if !is_allowed {
                doubts.extend(conditional.into_iter().map(|statement| {
                    let action = action();
                    (
                        statement,
                        Doubt::AllowedUnderCondition { permission, action },
                    )
                }));
            }
            doubts.extend(may_be_denied.into_iter().map(|statement| {
                let action = action();
                (statement, Doubt::MayBeDenied { permission, action })
            }));
        }
        reason
    }

    fn part_of(&self, statement: &Statement) -> Part {
        let has_action = match &statement.actions {
            Actions::AnyOf(any) => any.iter().any(|one| one.covers(&self.pattern)),
            Actions::NoneOf(none) => !none.iter().any(|one| one.covers(&self.pattern)),
        };
        if !has_action {
            return Part::None;
        }
        match &statement.resources {
            None => Part::All,
            Some(Resources::AnyOf(any)) => self.part_within(any),
            Some(Resources::NoneOf(none)) => match self.part_within(none) {
                Part::None => Part::All,
                Part::Some => Part::Some,
                Part::All => Part::None,
            },
        }
    }

    fn touches(&self, resource: &Pattern) -> bool {
        self.part_within(std::slice::from_ref(resource)) != Part::None
    }

    fn part_within(&self, resources: &[Pattern]) -> Part {
        if resources.iter().any(|one| one.covers(&self.resource)) {
            Part::All
        } else if !self.has_no_resource && resources.iter().any(|one| one.overlaps(&self.resource))
        {
            Part::Some
        } else {
            Part::None
        }
    }
}

fn has_not_resource(statement: &Statement) -> bool {
    matches!(statement.resources, Some(Resources::NoneOf(_)))
}

fn excess(
    policy: &Policy,
    number: usize,
    statement: &Statement,
    needs: &[Need<'_>],
    too_much: &mut Vec<TooMuch>,
    doubts: &mut BTreeSet<(usize, Doubt)>,
) {
    let (Actions::AnyOf(actions), Some(Resources::AnyOf(resources))) =
        (&statement.actions, &statement.resources)
    else {
        doubts.insert((number, Doubt::AllowsAllBut));
        return;
    };
    for action in actions {
        for resource in resources {
            if is_denied(policy, action, resource) {
                continue;
            }
            let Some(excess) = excess_of(action, resource, needs) else {
                continue;
            };
            if excess != Excess::Unneeded && !statement.conditions.is_empty() {
                doubts.insert((number, Doubt::NarrowedByCondition));
                continue;
            }
            too_much.push(TooMuch {
                statement: number,
                action: action.source().to_owned(),
                resource: resource.source().to_owned(),
                excess,
            });
        }
    }
}

/// Whether a plain Deny takes all of it away.
fn is_denied(policy: &Policy, action: &Pattern, resource: &Pattern) -> bool {
    policy.statements.iter().any(|statement| {
        let (Effect::Deny, true, Actions::AnyOf(actions), Some(Resources::AnyOf(resources))) = (
            statement.effect,
            statement.conditions.is_empty(),
            &statement.actions,
            &statement.resources,
        ) else {
            return false;
        };
        actions.iter().any(|one| one.covers(action))
            && resources.iter().any(|one| one.covers(resource))
    })
}

fn excess_of(action: &Pattern, resource: &Pattern, needs: &[Need<'_>]) -> Option<Excess> {
    let touching: Vec<_> = needs
        .iter()
        .filter(|need| action.covers(&need.pattern) && need.touches(resource))
        .collect();
    if touching.is_empty() {
        return Some(Excess::Unneeded);
    }
    let needed_actions: BTreeSet<_> = touching.iter().map(|need| need.action).collect();
    if !are_all(action, &needed_actions) {
        return Some(Excess::WiderAction {
            needed: needed_actions.into_iter().map(str::to_owned).collect(),
        });
    }
    // Needed patterns have no `?` and their literal texts are finitely many, so that together
    // they cover a pattern only where one of them does.
    let is_needed_whole = needed_actions.iter().all(|name| {
        touching.iter().any(|need| {
            need.action == *name
                && (need.resource.covers(resource)
                    || need.has_no_resource && resource.source() == "*")
        })
    });
    if is_needed_whole {
        return None;
    }
    let resources: BTreeSet<_> = touching.iter().map(|need| need.resource.source()).collect();
    Some(Excess::WiderResource {
        needed: resources.into_iter().map(str::to_owned).collect(),
    })
}

/// Whether the pattern stands for no more than these actions, as far as AWS's list goes.
fn are_all(action: &Pattern, needed: &BTreeSet<&str>) -> bool {
    if action.is_literal() {
        return true;
    }
    let is_about_s3 = action.source().to_ascii_lowercase().starts_with("s3:");
    is_about_s3
        && s3_actions().all(|(name, _)| {
            let name = format!("s3:{name}");
            !action.matches(&name) || needed.iter().any(|one| one.eq_ignore_ascii_case(&name))
        })
}

#[cfg(test)]
mod tests {
    use flowrun_card::Text;
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{allows, policies, policy};

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
        let existing = policy(&format!("[{REST}{comma}{statements}]"));
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
            check(&existing, &needed, "aws"),
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

    fn needs() -> impl Strategy<Value = Vec<Permission>> {
        let action = prop::sample::select(vec![
            "s3:GetObject",
            "s3:GetObjectVersion",
            "s3:PutObject",
            "kms:Decrypt",
        ]);
        let resource =
            ("[ab]", "[ab*]{0,3}", any::<bool>()).prop_map(|(bucket, key, is_prefix)| {
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
            prop_assert_eq!(check(&least, &needed, "aws"), Check::default());
        }

        #[test]
        fn what_is_needed_is_never_too_much_and_never_thought_allowed_in_vain(
            existing in policies(),
            needed in needs(),
            more in "[ab*]{0,2}",
        ) {
            let check = check(&existing, &needed, "aws");
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
            for (number, statement) in numbered(&existing) {
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
            let lessened = super::check(&Policy { statements }, &needed, "aws");
            let named = |check: &Check| {
                let missing = check.missing.iter();
                missing.map(|one| (one.permission, one.action.clone())).collect::<Vec<_>>()
            };
            prop_assert_eq!(named(&lessened), named(&check));
        }
    }
}
