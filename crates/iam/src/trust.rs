//! The trust policy that a customer pastes into a role, so that flowrun may assume it.

use crate::{
    Actions, ArnPattern, Condition, Effect, Operand, Operator, Pattern, Principal, Statement,
    TrustError, TrustPolicy,
    principal::{Arn, is_account},
};

/// The most characters of a trust policy, without white space, unless AWS has raised the quota.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const TRUST_POLICY_CHARS: usize = 2_048;

/// Who may assume a role, and what they must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustRequest {
    /// Whom the role trusts.
    pub trusted: Trusted,
    /// The External IDs of which one must be given: one, or two while it is rotated. None only
    /// where identities of one's own organisation are trusted by name.
    pub external_ids: Vec<String>,
    /// The partition, such as `aws`, of the role. Principals are of the same one: a trust does not
    /// cross partitions.
    pub partition: String,
    /// Whether a run may set its source identity.
    pub source_identity: bool,
    /// Whether a run may tag its session.
    pub session_tags: bool,
}

/// Whom a role trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// Every identity of an account that the account itself allows to assume the role.
    Account(String),
    /// These users and roles alone, by ARN. They are conditions on `aws:PrincipalArn`: IAM turns
    /// a role that is named as a principal into its unique id, and the trust is lost when that
    /// role is deleted and made again.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    Principals(Vec<String>),
}

/// The trust policy: `sts:AssumeRole` for whom the request trusts, under the External ID.
///
/// What else is asked for stands in a statement of its own, without the External ID, which only
/// AssumeRole has for sure; by itself it lets nobody in.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html>
///
/// # Errors
/// Where the request is not one that IAM takes, or would trust a whole account without an
/// External ID.
pub fn policy(request: &TrustRequest) -> Result<TrustPolicy, TrustError> {
    let (mut principals, conditions) = match &request.trusted {
        Trusted::Account(account) => {
            if !is_account(account) {
                return Err(TrustError::Account {
                    account: account.clone(),
                });
            }
            (vec![Principal::Account(account.clone())], Vec::new())
        }
        Trusted::Principals(arns) => {
            let mut principals = Vec::new();
            let mut operands = Vec::new();
            for arn in arns {
                let (account, operand) = identity(arn, &request.partition)?;
                let principal = Principal::Account(account.to_owned());
                if !principals.contains(&principal) {
                    principals.push(principal);
                }
                let operand = Operand::Arn(operand);
                if !operands.contains(&operand) {
                    operands.push(operand);
                }
            }
            let condition = Condition {
                quantifier: None,
                operator: Operator::ArnEquals,
                if_exists: false,
                key: "aws:PrincipalArn".to_owned(),
                operands,
            };
            (principals, vec![condition])
        }
    };
    if principals.is_empty() {
        return Err(TrustError::NobodyTrusted);
    }
    principals.sort_by(|a, b| a.source().cmp(b.source()));
    let by_external_id = external_ids(request)?;
    let statement = |actions: &[&str], conditions: Vec<Condition>| Statement {
        sid: None,
        effect: Effect::Allow,
        principals: Some(principals.clone()),
        actions: Actions::AnyOf(
            actions
                .iter()
                .map(|action| Pattern::known_action(action))
                .collect(),
        ),
        resources: None,
        conditions,
    };
    let assume_conditions = by_external_id.into_iter().chain(conditions.iter().cloned());
    let mut statements = vec![statement(&["sts:AssumeRole"], assume_conditions.collect())];
    let also: Vec<_> = [
        (request.source_identity, "sts:SetSourceIdentity"),
        (request.session_tags, "sts:TagSession"),
    ]
    .into_iter()
    .filter_map(|(is_asked, action)| is_asked.then_some(action))
    .collect();
    if !also.is_empty() {
        statements.push(statement(&also, conditions));
    }
    let policy = TrustPolicy { statements };
    let chars = policy.to_string().len();
    if chars > TRUST_POLICY_CHARS {
        return Err(TrustError::TooLong {
            chars,
            limit: TRUST_POLICY_CHARS,
        });
    }
    Ok(policy)
}

fn external_ids(request: &TrustRequest) -> Result<Option<Condition>, TrustError> {
    let ids = &request.external_ids;
    let needs_one = matches!(request.trusted, Trusted::Account(_));
    match ids.len() {
        0 if needs_one => return Err(TrustError::NoExternalId),
        0 => return Ok(None),
        1 | 2 => {}
        count => return Err(TrustError::TooManyExternalIds { count }),
    }
    if let Some(id) = ids
        .iter()
        .find(|id| !(2..=1_224).contains(&id.len()) || !id.chars().all(is_plain))
    {
        return Err(TrustError::ExternalId { id: id.clone() });
    }
    let operands = ids
        .iter()
        .map(|id| Operand::Text(Pattern::of_pieces([Some(id.as_str())])));
    Ok(Some(Condition {
        quantifier: None,
        operator: Operator::StringEquals,
        if_exists: false,
        key: "sts:ExternalId".to_owned(),
        operands: operands.collect(),
    }))
}

/// The account of a user or role, and the value that `aws:PrincipalArn` has for it.
fn identity<'a>(arn: &'a str, partition: &str) -> Result<(&'a str, ArnPattern), TrustError> {
    let read = Arn::parse(arn).filter(|read| {
        let is_identity = ["user/", "role/"]
            .iter()
            .any(|kind| read.resource.starts_with(kind));
        (read.service, read.partition) == ("iam", partition)
            && is_identity
            && arn.chars().all(is_plain)
    });
    match (read, ArnPattern::new(arn)) {
        (Some(read), Ok(pattern)) => Ok((read.account, pattern)),
        _ => Err(TrustError::Principal {
            arn: arn.to_owned(),
            partition: partition.to_owned(),
        }),
    }
}

/// The characters of External IDs, and of the paths and names of users and roles.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Caller, Conditions, Request};

    const ACCOUNT: &str = "111122223333";
    const ROLE: &str = "arn:aws:iam::111122223333:role/ci/flowrun";
    const USER: &str = "arn:aws:iam::444455556666:user/ops";

    fn request(trusted: Trusted, external_ids: &[&str]) -> TrustRequest {
        TrustRequest {
            trusted,
            external_ids: external_ids.iter().map(|id| (*id).to_owned()).collect(),
            partition: "aws".to_owned(),
            source_identity: false,
            session_tags: false,
        }
    }

    fn account() -> Trusted {
        Trusted::Account(ACCOUNT.to_owned())
    }

    fn principals(arns: &[&str]) -> Trusted {
        Trusted::Principals(arns.iter().map(|arn| (*arn).to_owned()).collect())
    }

    #[test]
    fn the_policy_is_what_a_customer_pastes() {
        let both = TrustRequest {
            source_identity: true,
            session_tags: true,
            ..request(principals(&[USER, ROLE, ROLE]), &["fr-old", "fr-new"])
        };
        let mut shown = String::new();
        for request in [
            request(account(), &["fr-1"]),
            request(account(), &["fr-old", "fr-new"]),
            request(principals(&[ROLE]), &[]),
            both,
        ] {
            let policy = policy(&request).unwrap();
            assert_eq!(
                TrustPolicy::parse(&policy.to_string()).as_ref(),
                Ok(&policy)
            );
            shown += &format!("{:#}\n\n", policy.to_value());
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn what_would_trust_too_much_or_nobody_is_refused() {
        let long = "x".repeat(1_225);
        let many: Vec<_> = (0..60).map(|number| format!("{ROLE}{number}")).collect();
        for (request, message) in [
            (
                request(account(), &[]),
                "an account as a whole is trusted only under an External ID, so give one, or \
                 name the principals",
            ),
            (
                request(account(), &["one", "two", "three"]),
                "3 External IDs are given, and a role takes one, or two while it is rotated",
            ),
            (
                request(account(), &["a b"]),
                "`a b` is not an External ID, which has 2 to 1224 letters, digits and `_+=,.@:/-`",
            ),
            (
                request(account(), &[long.as_str()]),
                &format!(
                    "`{long}` is not an External ID, which has 2 to 1224 letters, digits and `_+=,.@:/-`"
                ),
            ),
            (
                request(Trusted::Account("*".to_owned()), &["fr-1"]),
                "`*` is not an account id, which has twelve digits",
            ),
            (
                request(principals(&[]), &["fr-1"]),
                "no principal is named, so the role would trust nobody",
            ),
            (
                request(
                    principals(&["arn:aws:sts::111122223333:assumed-role/ci/run"]),
                    &["fr-1"],
                ),
                "`arn:aws:sts::111122223333:assumed-role/ci/run` is not the ARN of a user or role \
                 of the partition `aws`; for a session name its role",
            ),
            (
                request(
                    principals(&["arn:aws-cn:iam::111122223333:role/ci"]),
                    &["fr-1"],
                ),
                "`arn:aws-cn:iam::111122223333:role/ci` is not the ARN of a user or role of the \
                 partition `aws`; for a session name its role",
            ),
            (
                request(Trusted::Principals(many), &["fr-1"]),
                "the trust policy has 2958 characters, and at most 2048 fit, so name fewer \
                 principals",
            ),
        ] {
            assert_eq!(policy(&request).unwrap_err().to_string(), message);
        }
        for arn in [
            "*",
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/*",
            USER.trim_end_matches("ops"),
            "arn:aws:iam::111122223333:role/a b",
        ] {
            assert!(
                policy(&request(principals(&[arn]), &["fr-1"])).is_err(),
                "{arn}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_right_caller_with_the_right_id_gets_in_and_nobody_else(
            ids in prop::collection::vec("[a-c]{2,3}", 1..3),
            given in prop::option::of("[a-cA]{2,3}"),
            trusted in prop_oneof![
                Just(Trusted::Account(ACCOUNT.to_owned())),
                prop::collection::vec(
                    "arn:aws:iam::(111122223333|444455556666):(role|user)/(p/)?[ab]",
                    1..3,
                ).prop_map(Trusted::Principals),
            ],
            account in "111122223333|444455556666|777788889999",
            kind in "role|user",
            path in "(p/)?",
            name in "[abA]",
            source_identity: bool,
            session_tags: bool,
        ) {
            let request = TrustRequest {
                trusted: trusted.clone(),
                external_ids: ids.clone(),
                partition: "aws".to_owned(),
                source_identity,
                session_tags,
            };
            let policy = policy(&request).unwrap();
            let policy = TrustPolicy::parse(&policy.to_string()).unwrap();
            let identity = format!("arn:aws:iam::{account}:{kind}/{path}{name}");
            let caller = if kind == "role" {
                format!("arn:aws:sts::{account}:assumed-role/{name}/run")
            } else {
                identity.clone()
            };
            let is_trusted = match &trusted {
                Trusted::Account(trusted) => *trusted == account,
                Trusted::Principals(arns) => arns.contains(&identity),
            };
            let mut conditions = Conditions::new().with("aws:PrincipalArn", identity);
            let lets = |action, conditions: &Conditions| {
                let caller = Caller { arn: &caller, account: &account };
                let request = Request { action, resource: "", conditions };
                policy.evaluate(&caller, &request).is_allow()
            };
            prop_assert!(!lets("sts:AssumeRole", &conditions), "without an id");
            prop_assert_eq!(lets("sts:SetSourceIdentity", &conditions), is_trusted && source_identity);
            prop_assert_eq!(lets("sts:TagSession", &conditions), is_trusted && session_tags);
            if let Some(given) = given {
                conditions.set("sts:ExternalId", given.clone());
                prop_assert_eq!(
                    lets("sts:AssumeRole", &conditions),
                    is_trusted && ids.contains(&given)
                );
            }
            prop_assert!(!lets("sts:AssumeRoleWithWebIdentity", &conditions));
        }
    }
}
