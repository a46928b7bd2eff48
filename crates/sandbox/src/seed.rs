//! The seed: the accounts, users, roles and buckets that a sandbox starts with, read from YAML or
//! built in code.

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
    /// a name or policy that AWS would refuse.
    pub fn parse(yaml: &str) -> Result<Self, SeedError> {
        if yaml.len() > Self::MAX_BYTES {
            return Err(SeedError::TooLong { bytes: yaml.len() });
        }
        // A map with a key twice is refused by this type, and silently cut by the ones below.
        let _: serde_yaml::Value = serde_yaml::from_str(yaml)?;
        let seed: Self = serde_yaml::from_str(yaml)?;
        seed.validate()?;
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
mod tests {
    use super::*;

    const HEAD: &str = "region: eu-central-1
account: \"111111111111\"
operator: a
administrator: a
accounts:
  \"111111111111\":
    users: { a: {} }
";

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (tail, expect) in [
            (
                "    teams: {}\n",
                "the seed cannot be read: accounts.111111111111: unknown field `teams`, expected \
                 one of `users`, `roles`, `buckets` at line 8 column 5",
            ),
            (
                "    buckets: { reports: {}, reports: {} }\n",
                "the seed cannot be read: accounts.111111111111.buckets: duplicate entry with key \
                 \"reports\" at line 8 column 14",
            ),
            (
                "    buckets: { Reports: {} }\n",
                "a bucket of the seed is `Reports`, and a bucket's name is 3 to 63 lower case \
                 letters, digits, dots and hyphens",
            ),
            (
                "  \"2222\": {}\n",
                "an account of the seed is `2222`, and an account is 12 digits",
            ),
            (
                "    buckets: { one: {} }\n  \"222222222222\":\n    buckets: { one: {} }\n",
                "a bucket of the seed is `one`, and another account has it already",
            ),
            (
                "    roles: { r: { trust: {}, policy: {}, max_session_duration: 60 } }\n",
                "max_session_duration of role r of the seed is `60`, and a role's sessions last \
                 at most 3600 to 43200 seconds",
            ),
        ] {
            let error = Seed::parse(&format!("{HEAD}{tail}")).unwrap_err();
            assert_eq!(error.to_string(), expect);
        }
        let long = " ".repeat(Seed::MAX_BYTES + 1);
        assert!(matches!(Seed::parse(&long), Err(SeedError::TooLong { .. })));
    }

    #[test]
    fn a_policy_that_iam_refuses_is_refused() {
        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Perhaps",
            "Action": "*", "Resource": "*"}]}"#;
        for error in [
            Seed::new().user("111111111111", "u", policy).unwrap_err(),
            Seed::new().user("111111111111", "u", "{").unwrap_err(),
            Seed::new()
                .role("222222222222", "r", policy, policy, 3600)
                .unwrap_err(),
        ] {
            assert!(matches!(error, SeedError::Policy { .. }), "{error}");
        }
    }

    #[test]
    fn a_policy_that_the_sandbox_cannot_judge_is_refused_by_name() {
        let statement = |more: &str| {
            format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny",
                    "Action": "s3:*", {more}}}]}}"#
            )
        };
        let key = r#""Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}"#;
        let never = "the sandbox never sets the condition key `aws:MultiFactorAuthPresent`, so that \
                     the condition would not do what it says";
        let of_identity = statement(&format!(r#""Resource": "*", {key}"#));
        let of_trust = statement(&format!(r#""Principal": "*", {key}"#));
        let allows = statement(r#""Resource": "*""#);
        let of_bucket =
            |resource: &str| format!(r#""Principal": "*", "Resource": "arn:aws:s3:::{resource}""#);
        let bucket = |policy: &str| {
            Seed::new()
                .bucket(Seed::ACCOUNT, "reports", BucketOptions::default())?
                .bucket_policy(Seed::ACCOUNT, "reports", policy)
        };
        for (result, expect) in [
            (
                Seed::new().user(Seed::ACCOUNT, "u", &of_identity),
                format!("the policy of arn:aws:iam::111111111111:user/u of the seed is not a valid policy: {never}"),
            ),
            (
                Seed::new().role(Seed::ACCOUNT, "r", &of_trust, &allows, 3600),
                format!("the trust policy of arn:aws:iam::111111111111:role/r of the seed is not a valid policy: {never}"),
            ),
            (
                bucket(&statement(&format!(r#"{}, {key}"#, of_bucket("reports")))),
                format!("the policy of bucket reports of the seed is not a valid policy: {never}"),
            ),
            (
                bucket(&statement(&of_bucket("reports-2/*"))),
                "the policy of bucket reports of the seed is not a valid policy: the resource \
                 `arn:aws:s3:::reports-2/*` is neither the bucket, `arn:aws:s3:::reports`, nor in it"
                    .to_owned(),
            ),
            (
                bucket(&statement(r#""NotPrincipal": "*", "Resource": "*""#)),
                "the policy of bucket reports of the seed is not a valid policy: statement 1: the \
                 key `NotPrincipal` is not supported here, only `Sid`, `Effect`, `Principal`, \
                 `Action`, `NotAction`, `Resource`, `NotResource`, `Condition` are"
                    .to_owned(),
            ),
            (
                Seed::new().bucket_policy(Seed::ACCOUNT, "reports", &allows),
                "a bucket of the seed is `reports`, and the account has no such bucket".to_owned(),
            ),
        ] {
            assert_eq!(result.unwrap_err().to_string(), expect);
        }
        bucket(&statement(&of_bucket("reports/*"))).unwrap();
    }

    #[test]
    fn the_operator_has_to_be_a_user() {
        let error = Seed::parse(&HEAD.replace("operator: a", "operator: b")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "operator of the seed is `b`, and the account has no such user"
        );
    }

    #[test]
    fn seeds_are_told_apart() {
        let seed = Seed::parse(HEAD).unwrap();
        assert_eq!(seed.fingerprint(), Seed::parse(HEAD).unwrap().fingerprint());
        let options = BucketOptions::default();
        let other = seed.clone().bucket("111111111111", "reports", options);
        let other = other.unwrap();
        assert_ne!(seed.fingerprint(), other.fingerprint());
        let policy = "{ Version: \"2012-10-17\", Statement: [] }";
        let buckets = format!("{HEAD}    buckets: {{ reports: {{ policy: {policy} }} }}\n");
        let third = Seed::parse(&buckets).unwrap();
        assert_ne!(other.fingerprint(), third.fingerprint());
    }

    #[test]
    fn the_seed_of_the_documentation_is_valid() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/sandbox.md");
        let document = std::fs::read_to_string(path).unwrap();
        let (_, rest) = document.split_once("```yaml\n").unwrap();
        let (yaml, rest) = rest.split_once("```\n").unwrap();
        let seed = Seed::parse(yaml).unwrap();
        assert!(
            seed.accounts()["222222222222"].buckets["reports"]
                .policy
                .is_some()
        );
        assert!(!rest.contains("```yaml"), "one block is checked");
    }

    #[test]
    fn the_example_seed_is_valid() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../flows/sandbox.yaml");
        let seed = Seed::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(seed.region(), "eu-central-1");
        assert_eq!(seed.accounts().len(), 4);
    }
}
