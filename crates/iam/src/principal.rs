//! Whom the policy of a role or of a bucket is about, and who asks.

use crate::Reach;

/// A principal of a policy.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// `*`: everyone, in every account.
    Everyone,
    /// An account, written as its id or as its `root` ARN: the account decides which of its
    /// identities may, by their own policies.
    Account(String),
    /// One user, role or role session, by ARN.
    Arn(String),
}

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller<'a> {
    /// The ARN as GetCallerIdentity gives it: a user, or the session of an assumed role.
    pub arn: &'a str,
    /// The id of its account.
    pub account: &'a str,
}

impl Principal {
    /// Reads one entry of `"AWS"`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if is_account(text) {
            return Ok(Self::Account(text.to_owned()));
        }
        let problem = || {
            format!(
                "`{text}` is not a principal, which is `*`, an account id, or the ARN of an \
                 account's root, a user, a role or a role session without wildcards"
            )
        };
        let arn = Arn::parse(text).ok_or_else(problem)?;
        match (arn.service, arn.resource.split_once('/')) {
            ("iam", None) if arn.resource == "root" => Ok(Self::Account(arn.account.to_owned())),
            ("iam", Some(("user" | "role", _))) | ("sts", Some(("assumed-role", _))) => {
                Ok(Self::Arn(text.to_owned()))
            }
            _ => Err(problem()),
        }
    }

    /// How directly this is the caller; `None` where it is not. The session of an assumed role is
    /// its role, too.
    ///
    /// The ARN of a session leaves out the path of its role, so the names are compared; they are
    /// unique in an account.
    pub fn reach(&self, caller: &Caller<'_>) -> Option<Reach> {
        match self {
            Principal::Everyone => Some(Reach::Direct),
            Principal::Account(account) => (account == caller.account).then_some(Reach::Account),
            Principal::Arn(arn) if arn == caller.arn => Some(Reach::Direct),
            Principal::Arn(arn) => is_session_of(caller.arn, arn).then_some(Reach::Role),
        }
    }

    pub(crate) fn source(&self) -> &str {
        match self {
            Principal::Everyone => "*",
            Principal::Account(text) | Principal::Arn(text) => text,
        }
    }
}

fn is_session_of(session: &str, role: &str) -> bool {
    let (Some(session), Some(role)) = (Arn::parse(session), Arn::parse(role)) else {
        return false;
    };
    let session_role = session
        .resource
        .strip_prefix("assumed-role/")
        .and_then(|rest| rest.split_once('/'))
        .map(|(name, _)| name);
    let role_name = role
        .resource
        .strip_prefix("role/")
        .and_then(|rest| rest.rsplit('/').next());
    (session.service, role.service) == ("sts", "iam")
        && session.partition == role.partition
        && session.account == role.account
        && session_role.is_some()
        && session_role == role_name
}

/// An ARN of IAM or STS: no region, an account of twelve digits, no wildcard.
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let ("arn", partition, service, "", account, resource) =
            (next()?, next()?, next()?, next()?, next()?, next()?)
        else {
            return None;
        };
        let is_plain = !partition.is_empty()
            && is_account(account)
            && !resource.ends_with('/')
            && !text.contains(['*', '?', '$']);
        is_plain.then_some(Self {
            partition,
            service,
            account,
            resource,
        })
    }
}

pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_the_caller_or_not() {
        const USER: &str = "arn:aws:iam::111122223333:user/ops";
        const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/backup/run-1";
        use Reach::{Account, Direct, Role};
        for (principal, caller, expect) in [
            ("*", USER, Some(Direct)),
            ("111122223333", USER, Some(Account)),
            ("arn:aws:iam::111122223333:root", SESSION, Some(Account)),
            ("444455556666", USER, None),
            (USER, USER, Some(Direct)),
            ("arn:aws:iam::111122223333:user/Ops", USER, None),
            ("arn:aws:iam::111122223333:role/backup", SESSION, Some(Role)),
            (
                "arn:aws:iam::111122223333:role/path/to/backup",
                SESSION,
                Some(Role),
            ),
            ("arn:aws:iam::111122223333:role/backup", USER, None),
            ("arn:aws:iam::444455556666:role/backup", SESSION, None),
            ("arn:aws-cn:iam::111122223333:role/backup", SESSION, None),
            ("arn:aws:iam::111122223333:role/backup/other", SESSION, None),
            (SESSION, SESSION, Some(Direct)),
            (
                "arn:aws:sts::111122223333:assumed-role/backup/run-2",
                SESSION,
                None,
            ),
        ] {
            let caller = Caller {
                arn: caller,
                account: "111122223333",
            };
            let read = Principal::parse(principal).unwrap();
            assert_eq!(read.reach(&caller), expect, "{principal} {}", caller.arn);
        }
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for text in [
            "",
            "11112222333",
            "arn:aws:iam::111122223333:role/*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:group/a",
            "arn:aws:iam:eu-west-1:111122223333:role/a",
            "arn:aws:s3:::bucket",
            "ec2.amazonaws.com",
        ] {
            assert!(Principal::parse(text).is_err(), "{text}");
        }
    }
}
