//! The three decisions that everything else hangs on: whether a role trusts a caller, whether a
//! session token belongs to a key, and whether policies allow an action. Pure, and in one place,
//! so that a test can take each of them away and see what turns red.

use flowrun_card::Secret;
use flowrun_iam::{Caller, Conditions, Decision, Policy, Request, TrustPolicy, evaluate};
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

/// Whose policy did not allow an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The policy of the user or the role.
    Identity(Decision),
    /// The policy that the role session was narrowed to.
    Session(Decision),
    /// The resource belongs to another account, and has no policy of its own.
    OtherAccount,
}

/// Whether the role trusts the caller to assume it, under these conditions.
pub(crate) fn trust(trust: &TrustPolicy, caller: &Caller<'_>, conditions: &Conditions) -> bool {
    trust
        .evaluate(caller, "sts:AssumeRole", conditions)
        .is_allow()
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

/// Whether the policies allow the request: those of the identity, and the session policy as well
/// where there is one.
pub(crate) fn policy(
    identity: &[Policy],
    session: Option<&Policy>,
    request: &Request<'_>,
) -> Result<(), Denial> {
    match evaluate(identity, request) {
        Decision::Allow => {}
        other => return Err(Denial::Identity(other)),
    }
    match session.map(|session| evaluate([session], request)) {
        None | Some(Decision::Allow) => Ok(()),
        Some(other) => Err(Denial::Session(other)),
    }
}

impl Denial {
    /// The reason in AWS's words, such as `because no session policy allows the s3:GetObject
    /// action`.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>
    pub(crate) fn reason(self, action: &str) -> String {
        let policy = match self {
            Denial::Identity(Decision::ExplicitDeny) => {
                return "with an explicit deny in an identity-based policy".to_owned();
            }
            Denial::Session(Decision::ExplicitDeny) => {
                return "with an explicit deny in a session policy".to_owned();
            }
            Denial::Identity(_) => "identity-based",
            Denial::Session(_) => "session",
            Denial::OtherAccount => "resource-based",
        };
        format!("because no {policy} policy allows the {action} action")
    }
}

#[cfg(test)]
mod tests {
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
    fn identity_and_session_policy_have_to_allow_both() {
        let read = |effect: &str, resource: &str| {
            Policy::parse(&format!(
                r#"{{"Version": "2012-10-17", "Statement": [
                    {{"Effect": "{effect}", "Action": "s3:Get*", "Resource": "{resource}"}}]}}"#
            ))
            .unwrap()
        };
        let all = read("Allow", "*");
        let some = read("Allow", "arn:aws:s3:::b/in/*");
        let deny = read("Deny", "arn:aws:s3:::b/in/*");
        for (identity, session, resource, expect) in [
            (vec![&all], None, "arn:aws:s3:::b/x", Ok(())),
            (vec![&some], None, "arn:aws:s3:::b/in/x", Ok(())),
            (
                vec![&some],
                None,
                "arn:aws:s3:::b/x",
                Err(Denial::Identity(Decision::ImplicitDeny)),
            ),
            (
                vec![&all, &deny],
                None,
                "arn:aws:s3:::b/in/x",
                Err(Denial::Identity(Decision::ExplicitDeny)),
            ),
            (vec![&all], Some(&some), "arn:aws:s3:::b/in/x", Ok(())),
            (
                vec![&all],
                Some(&some),
                "arn:aws:s3:::b/x",
                Err(Denial::Session(Decision::ImplicitDeny)),
            ),
            (
                vec![&all],
                Some(&deny),
                "arn:aws:s3:::b/in/x",
                Err(Denial::Session(Decision::ExplicitDeny)),
            ),
            (
                vec![&some],
                Some(&all),
                "arn:aws:s3:::b/x",
                Err(Denial::Identity(Decision::ImplicitDeny)),
            ),
            (
                vec![],
                Some(&all),
                "arn:aws:s3:::b/x",
                Err(Denial::Identity(Decision::ImplicitDeny)),
            ),
        ] {
            let identity: Vec<Policy> = identity.into_iter().cloned().collect();
            let request = Request {
                action: "s3:GetObject",
                resource,
                conditions: &Conditions::new(),
            };
            assert_eq!(policy(&identity, session, &request), expect, "{resource}");
        }
    }
}
