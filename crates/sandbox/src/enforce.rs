//! The decisions that everything else hangs on: whether a session token belongs to a key, and whether
//! policies, that of a role to assume among them, allow an action. Pure, and in one place, so that a
//! test can take each of them away and see what turns red.

use flowrun_card::Secret;
use flowrun_iam::{Decision, Policy, Reach, Request, ResourceDecision, evaluate};
use jiff::Timestamp;

use crate::keys::fingerprint;

/// Why credentials do not stand for anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// There is no such key, or it is that of a session and comes without its token.
    UnknownKey,
    /// The token is not that of the key.
    WrongToken,
    /// The session's time is over.
    Expired,
}

/// Why policies do not let a request through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Whose policy it was.
    policy: Side,
    /// Whether it denies, or only does not allow.
    is_explicit: bool,
}

/// Whose policy it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// That of the user or the role.
    Identity,
    /// The one that the role session was narrowed to.
    Session,
    /// That of the resource, such as a bucket or a role to assume.
    Resource,
}

/// Whose the resource is, and what its own policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The account of who asks, or nobody's.
    Same(ResourceDecision),
    /// Another account.
    Other(ResourceDecision),
}

/// Whether the presented token belongs to the key. The key of a user comes without a token; `right`
/// is the token that the key of a session has, and when it ends, where the presented one can be
/// read at all.
pub(crate) fn session_token(
    is_session: bool,
    presented: Option<&str>,
    right: Option<(&Secret, Timestamp)>,
    now: Timestamp,
) -> Result<(), TokenFault> {
    let Some(presented) = presented else {
        return match is_session {
            true => Err(TokenFault::UnknownKey),
            false => Ok(()),
        };
    };
    match right.filter(|_| is_session) {
        // Digests are compared, so that the time it takes tells nothing of the right token.
        Some((token, ends)) if fingerprint(token.expose()) == fingerprint(presented) => {
            if now >= ends {
                return Err(TokenFault::Expired);
            }
            Ok(())
        }
        _ => Err(TokenFault::WrongToken),
    }
}

/// Whether the policies allow the request: those of the identity, the session policy where there is
/// one, and that of the resource.
///
/// A Deny in any of them counts. Within an account the policy of the resource may stand for the
/// others: for all where it names who asks directly, for that of the role where it names the role
/// behind a session. What belongs to another account both sides have to allow.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
pub(crate) fn policy(
    identity: &[Policy],
    session: Option<&Policy>,
    owner: Owner,
    request: &Request<'_>,
) -> Result<(), Denial> {
    let of_identity = evaluate(identity, request);
    let of_session = session.map_or(Decision::Allow, |session| evaluate([session], request));
    let (Owner::Same(of_resource) | Owner::Other(of_resource)) = owner;
    let denies = [
        (Side::Identity, of_identity == Decision::ExplicitDeny),
        (Side::Session, of_session == Decision::ExplicitDeny),
        (
            Side::Resource,
            of_resource == ResourceDecision::ExplicitDeny,
        ),
    ];
    if let Some((policy, is_explicit)) = denies.into_iter().find(|(_, denies)| *denies) {
        return Err(Denial {
            policy,
            is_explicit,
        });
    }

    let reach = match owner {
        Owner::Same(ResourceDecision::Allow(reach)) => reach,
        Owner::Same(_) | Owner::Other(_) => Reach::Account,
    };
    let has_to_allow = [
        (
            Side::Identity,
            reach == Reach::Account,
            of_identity.is_allow(),
        ),
        (Side::Session, reach < Reach::Direct, of_session.is_allow()),
        (
            Side::Resource,
            matches!(owner, Owner::Other(_)),
            of_resource.is_allow(),
        ),
    ];
    let missing = has_to_allow
        .into_iter()
        .find(|(_, has_to, allows)| *has_to && !allows);
    match missing {
        None => Ok(()),
        Some((policy, ..)) => Err(Denial {
            policy,
            is_explicit: false,
        }),
    }
}

impl Denial {
    /// The reason in AWS's words, such as `because no session policy allows the s3:GetObject
    /// action`.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    pub(crate) fn reason(self, action: &str) -> String {
        let policy = match self.policy {
            Side::Identity => "identity-based",
            Side::Session => "session",
            Side::Resource => "resource-based",
        };
        match self.is_explicit {
            true => {
                let article = if self.policy == Side::Identity {
                    "an"
                } else {
                    "a"
                };
                format!("with an explicit deny in {article} {policy} policy")
            }
            false => format!("because no {policy} policy allows the {action} action"),
        }
    }
}

#[cfg(test)]
mod tests {
    use flowrun_iam::Conditions;
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_token_belongs_to_one_key_and_one_time() {
        let now = Timestamp::UNIX_EPOCH;
        let later = now + SignedDuration::from_secs(1);
        let token = Secret::new("right");
        let live = Some((&token, later));
        let over = Some((&token, now));
        for (is_session, presented, right, expect) in [
            (false, None, None, Ok(())),
            (false, Some("right"), None, Err(TokenFault::WrongToken)),
            (false, Some("right"), live, Err(TokenFault::WrongToken)),
            (true, Some("right"), live, Ok(())),
            (true, Some("wrong"), live, Err(TokenFault::WrongToken)),
            (true, Some(""), live, Err(TokenFault::WrongToken)),
            (true, Some("no token"), None, Err(TokenFault::WrongToken)),
            (true, None, None, Err(TokenFault::UnknownKey)),
            (true, Some("right"), over, Err(TokenFault::Expired)),
            (true, Some("wrong"), over, Err(TokenFault::WrongToken)),
        ] {
            assert_eq!(
                session_token(is_session, presented, right, now),
                expect,
                "{is_session} {presented:?}"
            );
        }
    }

    #[test]
    fn who_has_to_allow_depends_on_the_account_and_on_whom_the_resource_names() {
        let all = |effect: &str| {
            Policy::parse(&format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                    {{"Effect": "{effect}", "Action": "s3:*", "Resource": "*"}}]}}"#
            ))
            .unwrap()
        };
        let (allow, deny) = (all("Allow"), all("Deny"));
        let allows = std::slice::from_ref(&allow);
        let denies = std::slice::from_ref(&deny);
        let both = [allow.clone(), deny.clone()];
        let none = Policy::parse(r#"{"Version": "2012-10-17", "Statement": []}"#).unwrap();
        use Owner::{Other, Same};
        use Reach::{Account, Direct, Role};
        use ResourceDecision::{Allow, ExplicitDeny, ImplicitDeny};
        let goes = "";
        let no_identity = "because no identity-based policy allows the s3:GetObject action";
        let no_session = "because no session policy allows the s3:GetObject action";
        let no_resource = "because no resource-based policy allows the s3:GetObject action";
        let identity_denies = "with an explicit deny in an identity-based policy";
        let session_denies = "with an explicit deny in a session policy";
        let resource_denies = "with an explicit deny in a resource-based policy";
        for (identity, session, owner, expect) in [
            // A bucket of one's own without a policy.
            (allows, None, Same(ImplicitDeny), goes),
            (&[], None, Same(ImplicitDeny), no_identity),
            (&both, None, Same(ImplicitDeny), identity_denies),
            (allows, Some(&allow), Same(ImplicitDeny), goes),
            (allows, Some(&none), Same(ImplicitDeny), no_session),
            (allows, Some(&deny), Same(ImplicitDeny), session_denies),
            (&[], Some(&allow), Same(ImplicitDeny), no_identity),
            (&[], Some(&none), Same(ImplicitDeny), no_identity),
            // One whose policy allows it.
            (&[], None, Same(Allow(Account)), no_identity),
            (allows, Some(&none), Same(Allow(Account)), no_session),
            (&[], None, Same(Allow(Role)), goes),
            (&[], Some(&none), Same(Allow(Role)), no_session),
            (&[], Some(&allow), Same(Allow(Role)), goes),
            (&[], Some(&none), Same(Allow(Direct)), goes),
            (denies, None, Same(Allow(Direct)), identity_denies),
            (&[], Some(&deny), Same(Allow(Direct)), session_denies),
            // One whose policy denies it.
            (allows, None, Same(ExplicitDeny), resource_denies),
            (allows, Some(&allow), Other(ExplicitDeny), resource_denies),
            // One of another account.
            (allows, None, Other(ImplicitDeny), no_resource),
            (allows, None, Other(Allow(Account)), goes),
            (&[], None, Other(Allow(Direct)), no_identity),
            (allows, Some(&none), Other(Allow(Direct)), no_session),
            (allows, Some(&allow), Other(Allow(Account)), goes),
        ] {
            let request = Request {
                action: "s3:GetObject",
                resource: "arn:aws:s3:::b/x",
                conditions: &Conditions::new(),
            };
            let reason = policy(identity, session, owner, &request)
                .err()
                .map(|denial| denial.reason("s3:GetObject"));
            assert_eq!(
                reason.unwrap_or_default(),
                expect,
                "{identity:?} {session:?} {owner:?}"
            );
        }
    }
}
