//! The seed: the accounts, users, roles and buckets that a sandbox starts with, read from YAML or
//! built in code.

mod principals;

use indexmap::IndexMap;
use s3s::validation::{AwsNameValidation, NameValidation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys::fingerprint;

/// The accounts, users, roles and buckets that a sandbox starts with. `flows/sandbox.yaml`
/// documents the form.
///
/// Every policy is checked when the seed is parsed or built, so that a sandbox that starts has no
/// policy that it cannot evaluate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    region: String,
    account: String,
    operator: String,
    administrator: String,
    accounts: IndexMap<String, AccountSeed>,
}

/// What an account holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AccountSeed {
    pub(crate) users: IndexMap<String, UserSeed>,
    pub(crate) roles: IndexMap<String, RoleSeed>,
    pub(crate) buckets: IndexMap<String, BucketSeed>,
}

/// A user; without a policy it may do nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserSeed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Value>,
}

/// A role that others may assume.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleSeed {
    pub(crate) trust: Value,
    pub(crate) policy: Value,
    /// Seconds.
    #[serde(default = "RoleSeed::default_duration")]
    pub(crate) max_session_duration: u32,
}

impl RoleSeed {
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
    const DURATIONS: std::ops::RangeInclusive<u32> = 3600..=43_200;

    fn default_duration() -> u32 {
        *Self::DURATIONS.start()
    }
}

/// A bucket; an object lock brings versioning with it, as on AWS.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BucketSeed {
    pub(crate) versioning: bool,
    pub(crate) object_lock: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Value>,
}

/// What is wrong with a seed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// The text is not YAML of the form of a seed; the message says line and column.
    #[error("the seed cannot be read: {0}")]
    Form(#[from] serde_yaml::Error),
    /// The text is longer than a seed may be.
    #[error("the seed has {bytes} bytes, and at most {} are read", Seed::MAX_BYTES)]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// A name or number is not what AWS takes, or names nothing.
    #[error("{place} of the seed is `{value}`, and {rule}")]
    Value {
        /// Where in the seed.
        place: String,
        /// What stands there.
        value: String,
        /// What has to stand there.
        rule: &'static str,
    },
    /// A policy is not one that IAM takes.
    #[error("{place} of the seed is not a valid policy: {message}")]
    Policy {
        /// Where in the seed.
        place: String,
        /// What is wrong with it.
        message: String,
    },
}

const ADMINISTRATOR_POLICY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }]
}"#;
const OPERATOR_POLICY: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:GetCallerIdentity"],
        "Resource": "*"
    }]
}"#;

impl Seed {
    /// The longest YAML text of a seed, in bytes.
    pub const MAX_BYTES: usize = 1 << 20;
    /// The sandbox's own account in a seed that is built in code.
    pub const ACCOUNT: &'static str = "111111111111";

    /// Reads a seed from YAML.
    ///
    /// # Errors
    ///
    /// Where the text has another form than that of `flows/sandbox.yaml`, has a key twice, or has
    /// a name or policy that AWS would refuse, as one that names somebody who is not there.
    pub fn parse(yaml: &str) -> Result<Self, SeedError> {
        if yaml.len() > Self::MAX_BYTES {
            return Err(SeedError::TooLong { bytes: yaml.len() });
        }
        // A map with a key twice is refused by this type, and silently cut by the ones below.
        let _: serde_yaml::Value = serde_yaml::from_str(yaml)?;
        let seed: Self = serde_yaml::from_str(yaml)?;
        seed.validate()?;
        seed.check_principals()?;
        Ok(seed)
    }

    /// The base of a seed for a test: the sandbox's own account, with an operator that may assume
    /// roles and nothing else, and an administrator. The region is `eu-central-1`.
    pub fn new() -> Self {
        let user = |policy| UserSeed {
            policy: serde_json::from_str(policy).ok(),
        };
        let home = AccountSeed {
            users: IndexMap::from([
                ("flowrun".to_owned(), user(OPERATOR_POLICY)),
                ("administrator".to_owned(), user(ADMINISTRATOR_POLICY)),
            ]),
            ..AccountSeed::default()
        };
        Self {
            region: "eu-central-1".to_owned(),
            account: Self::ACCOUNT.to_owned(),
            operator: "flowrun".to_owned(),
            administrator: "administrator".to_owned(),
            accounts: IndexMap::from([(Self::ACCOUNT.to_owned(), home)]),
        }
    }

    /// Adds a bucket to an account, which is made where there is none of that number.
    ///
    /// # Errors
    ///
    /// Where AWS would refuse the account number or the name, or another account has the bucket.
    pub fn bucket(
        mut self,
        account: &str,
        name: &str,
        options: BucketOptions,
    ) -> Result<Self, SeedError> {
        let bucket = BucketSeed {
            versioning: options.versioning,
            object_lock: options.object_lock,
            policy: None,
        };
        self.account_mut(account)
            .buckets
            .insert(name.to_owned(), bucket);
        self.validate()?;
        Ok(self)
    }

    /// Gives a bucket of the seed a policy: the JSON that S3 takes.
    ///
    /// # Errors
    ///
    /// Where the account has no such bucket, or the policy is one that the sandbox cannot judge.
    pub fn bucket_policy(
        mut self,
        account: &str,
        name: &str,
        policy: &str,
    ) -> Result<Self, SeedError> {
        let policy = json(&format!("the policy of bucket {name}"), policy)?;
        match self.account_mut(account).buckets.get_mut(name) {
            Some(bucket) => bucket.policy = Some(policy),
            None => check(false, "a bucket", name, "the account has no such bucket")?,
        }
        self.validate()?;
        Ok(self)
    }

    /// Adds a role: `trust` and `policy` are the JSON that IAM takes, and `max_session_duration`
    /// is in seconds, from 3,600 to 43,200.
    ///
    /// # Errors
    ///
    /// Where AWS would refuse the account number, the name, the duration or a policy.
    pub fn role(
        mut self,
        account: &str,
        name: &str,
        trust: &str,
        policy: &str,
        max_session_duration: u32,
    ) -> Result<Self, SeedError> {
        let role = RoleSeed {
            trust: json(&format!("the trust policy of role {name}"), trust)?,
            policy: json(&format!("the policy of role {name}"), policy)?,
            max_session_duration,
        };
        self.account_mut(account)
            .roles
            .insert(name.to_owned(), role);
        self.validate()?;
        Ok(self)
    }

    /// Adds a user, or replaces one: `policy` is the JSON that IAM takes.
    ///
    /// # Errors
    ///
    /// Where AWS would refuse the account number, the name or the policy.
    pub fn user(mut self, account: &str, name: &str, policy: &str) -> Result<Self, SeedError> {
        let user = UserSeed {
            policy: Some(json(&format!("the policy of user {name}"), policy)?),
        };
        self.account_mut(account)
            .users
            .insert(name.to_owned(), user);
        self.validate()?;
        Ok(self)
    }

    /// The region that the sandbox says it is.
    pub fn region(&self) -> &str {
        &self.region
    }

    pub(crate) fn accounts(&self) -> &IndexMap<String, AccountSeed> {
        &self.accounts
    }

    /// The ARN of the user who is `base: sandbox`.
    pub(crate) fn operator_arn(&self) -> String {
        user_arn(&self.account, &self.operator)
    }

    /// The ARN of the user who may do anything in the sandbox's own account.
    pub(crate) fn administrator_arn(&self) -> String {
        user_arn(&self.account, &self.administrator)
    }

    /// Tells seeds apart: two processes share a sandbox only if they mean the same one.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&serde_json::to_string(self).unwrap_or_default())
    }

    fn account_mut(&mut self, account: &str) -> &mut AccountSeed {
        self.accounts.entry(account.to_owned()).or_default()
    }

    fn validate(&self) -> Result<(), SeedError> {
        check(
            is_name(&self.region, "-", 32),
            "the region",
            &self.region,
            REGION,
        )?;
        let mut owners: IndexMap<&str, &str> = IndexMap::new();
        for (number, account) in &self.accounts {
            let valid = number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit());
            check(valid, "an account", number, ACCOUNT)?;
            for name in account.users.keys() {
                check(is_name(name, "_+=,.@-", 64), "a user", name, NAME)?;
            }
            for (name, role) in &account.roles {
                check(is_name(name, "_+=,.@-", 64), "a role", name, NAME)?;
                let place = format!("max_session_duration of role {name}");
                let duration = role.max_session_duration;
                let valid = RoleSeed::DURATIONS.contains(&duration);
                check(valid, &place, &duration.to_string(), DURATION)?;
            }
            for name in account.buckets.keys() {
                let valid = AwsNameValidation::new().validate_bucket_name(name);
                check(valid, "a bucket", name, BUCKET)?;
                let taken = owners.insert(name, number).is_some();
                check(!taken, "a bucket", name, "another account has it already")?;
            }
        }
        let users = self.accounts.get(&self.account).map(|home| &home.users);
        check(
            users.is_some(),
            "account",
            &self.account,
            "is not under accounts",
        )?;
        for (place, user) in [
            ("operator", &self.operator),
            ("administrator", &self.administrator),
        ] {
            let known = users.is_some_and(|users| users.contains_key(user));
            check(known, place, user, "the account has no such user")?;
        }
        crate::identity::Directory::check(self)
    }
}

impl Default for Seed {
    fn default() -> Self {
        Self::new()
    }
}

/// How a bucket of a seed is set up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketOptions {
    /// Whether it keeps versions.
    pub versioning: bool,
    /// Whether versions can be locked; this brings versioning with it, as on AWS.
    pub object_lock: bool,
}

/// The ARN of a user.
pub(crate) fn user_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:user/{name}")
}

/// The ARN of a role.
pub(crate) fn role_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

const REGION: &str = "a region is up to 32 letters, digits and hyphens";
const ACCOUNT: &str = "an account is 12 digits";
const NAME: &str = "a name is 1 to 64 letters, digits and characters of _+=,.@-";
const DURATION: &str = "a role's sessions last at most 3600 to 43200 seconds";
const BUCKET: &str = "a bucket's name is 3 to 63 lower case letters, digits, dots and hyphens";

fn is_name(name: &str, marks: &str, longest: usize) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || marks.contains(character);
    (1..=longest).contains(&name.len()) && name.chars().all(allowed)
}

fn check(valid: bool, place: &str, value: &str, rule: &'static str) -> Result<(), SeedError> {
    if valid {
        return Ok(());
    }
    Err(SeedError::Value {
        place: place.to_owned(),
        value: value.to_owned(),
        rule,
    })
}

fn json(place: &str, text: &str) -> Result<Value, SeedError> {
    serde_json::from_str(text).map_err(|error| SeedError::Policy {
        place: place.to_owned(),
        message: error.to_string(),
    })
}

#[cfg(test)]
mod tests;
