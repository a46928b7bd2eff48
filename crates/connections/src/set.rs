//! Sets: many connections that differ in the account of their role, written as one entry of a
//! connection file.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{AwsS3Definition, Connection, RoleArn, kind::Pattern};

pub(crate) const ACCOUNT: Pattern = Pattern::new("^[0-9]{12}$", 12);
pub(crate) const ROLE_OF_A_SET: Pattern = Pattern::new(
    r"^arn:aws(-cn|-us-gov)?:iam::\{account\}:role/([A-Za-z0-9_+=,.@/-]|\{account\})+$",
    2048,
);

/// The most members of a set.
pub const MAX_MEMBERS: usize = 1_000;

/// Where the account of a member stands in the role of its set.
const PLACEHOLDER: &str = "{account}";

/// What holds for all members of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSet {
    /// Its name, by which flows walk it; a member is `NAME/ACCOUNT`.
    pub name: String,
    /// What it is for, in its author's words.
    pub description: Option<String>,
    /// The role of each member.
    pub role_arn: RolePattern,
    /// All else; a role, External IDs and what is accepted are a member's own.
    pub common: AwsS3Definition,
}

/// A member's place in its set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The set.
    pub set: Arc<ConnectionSet>,
    /// The account that the member's role is in: twelve digits.
    pub account: String,
}

/// What a member has of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnValues {
    /// What it is for, in its author's words.
    pub description: Option<String>,
    /// The External ID that its role asks for; without one it waits for that.
    pub external_id: Option<String>,
    /// The External ID that takes its place once the role accepts it.
    pub next_external_id: Option<String>,
    /// Why its role is used although anybody may be let in, in a person's words.
    pub accept_unsafe: Option<String>,
    /// Its region, where that is not the one of the set.
    pub region: Option<String>,
}

/// The ARN of a role with `{account}` in place of its account, such as
/// `arn:aws:iam::{account}:role/Backup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePattern(String);

impl ConnectionSet {
    /// The member of an account, to be defined by that file.
    ///
    /// # Errors
    /// Where the text is no account.
    pub fn member(
        self: &Arc<Self>,
        account: &str,
        own: OwnValues,
        file: impl Into<PathBuf>,
    ) -> Result<Connection, String> {
        check_account(account)?;
        let definition = AwsS3Definition {
            role_arn: Some(self.role_arn.role(account)?),
            external_id: own.external_id,
            next_external_id: own.next_external_id,
            accept_unsafe: own.accept_unsafe,
            region: own.region.or_else(|| self.common.region.clone()),
            ..self.common.clone()
        };
        let mut member = Connection::new(self.nickname(account), file, definition);
        member.description = own.description;
        member.member = Some(Member {
            set: Arc::clone(self),
            account: account.to_owned(),
        });
        Ok(member)
    }

    /// The nickname of a member.
    pub fn nickname(&self, account: &str) -> String {
        format!("{}/{account}", self.name)
    }
}

impl RolePattern {
    /// Reads the ARN of a role with `{account}` in place of its account.
    ///
    /// # Errors
    /// The problem, where the text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pattern = Self(text.to_owned());
        let has_account = text.split(':').nth(4) == Some(PLACEHOLDER);
        match pattern.role("000000000000") {
            Ok(_) if has_account => Ok(pattern),
            _ => Err(format!(
                "`{}` is not the role of a set, which looks like \
                 `arn:aws:iam::{PLACEHOLDER}:role/NAME`",
                text.escape_debug()
            )),
        }
    }

    /// The role in an account.
    fn role(&self, account: &str) -> Result<RoleArn, String> {
        RoleArn::parse(&self.0.replace(PLACEHOLDER, account))
    }

    /// As files write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// As files write it.
impl fmt::Display for RolePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks an account: twelve digits, of which the first may be zeros.
///
/// # Errors
/// The problem, where the text is none.
pub fn check_account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not an account, which has twelve digits",
            text.escape_debug()
        ))
    }
}
