//! Identities: the users and roles of the seed, the keys of the users, and the sessions that STS
//! issues.

mod session;

use std::collections::HashMap;

use flowrun_card::Secret;
use flowrun_iam::{
    Caller, Pattern, Policy, PolicyError, ResourcePolicy, Resources, Statement, TrustPolicy,
};
use jiff::Timestamp;
use serde_json::Value;

use session::Claims;
pub(crate) use session::{Issue, Sessions};

use crate::{
    access::unknown,
    enforce::{self, TokenFault},
    keys::{Keys, unique_id},
    seed::{Seed, SeedError, role_arn, user_arn},
};

/// A user or a role session that may have signed a request.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) arn: String,
    /// The ARN of the user, or of the role behind a session.
    pub(crate) principal_arn: String,
    pub(crate) account: String,
    /// As GetCallerIdentity shows it.
    pub(crate) unique_id: String,
    /// The name of a user; a role session has none.
    pub(crate) username: Option<String>,
    /// The policies of the user, or of the role.
    pub(crate) policies: Vec<Policy>,
    /// What a role session was narrowed to.
    pub(crate) session_policy: Option<Policy>,
    /// Whether this is a role session, so that a role that it assumes is chained.
    pub(crate) is_session: bool,
    /// Who is behind a role session, as was said when it began.
    pub(crate) source_identity: Option<String>,
    /// The tags of a role session.
    pub(crate) tags: Vec<(String, String)>,
}

impl Identity {
    /// Who asks, as the policies of resources name it.
    pub(crate) fn caller(&self) -> Caller<'_> {
        Caller {
            arn: &self.arn,
            account: &self.account,
        }
    }
}

/// A role of the seed.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) unique_id: String,
    pub(crate) trust: TrustPolicy,
    pub(crate) policy: Policy,
    /// Seconds.
    pub(crate) max_session_duration: u32,
}

impl Role {
    /// The ARN of a session.
    pub(crate) fn session_arn(&self, session_name: &str) -> String {
        let Self { account, name, .. } = self;
        format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}")
    }

    /// The unique id of a session.
    pub(crate) fn session_id(&self, session_name: &str) -> String {
        format!("{}:{session_name}", self.unique_id)
    }

    /// Who has a session, by what its token says.
    fn identity(&self, claims: Claims, session_policy: Option<Policy>) -> Identity {
        Identity {
            arn: self.session_arn(&claims.session_name),
            principal_arn: self.arn.clone(),
            account: self.account.clone(),
            unique_id: self.session_id(&claims.session_name),
            username: None,
            policies: vec![self.policy.clone()],
            session_policy,
            is_session: true,
            source_identity: claims.source_identity,
            tags: claims.tags,
        }
    }
}

/// Everybody that the sandbox knows, and the policies of the buckets.
#[derive(Debug)]
pub(crate) struct Directory {
    /// By access key id.
    users: HashMap<String, (Keys, Identity)>,
    /// By ARN.
    roles: HashMap<String, Role>,
    /// By name, with the account that the seed gives the bucket to.
    buckets: HashMap<String, (String, ResourcePolicy)>,
    sessions: Sessions,
}

impl Directory {
    /// The users and roles of a seed; `keys` are those of the users, by ARN, and `seal` is the
    /// secret that sessions are sealed with. A user without keys cannot sign anything.
    pub(crate) fn new(
        seed: &Seed,
        keys: &HashMap<String, Keys>,
        seal: Secret,
    ) -> Result<Self, SeedError> {
        let mut users = HashMap::new();
        let mut roles = HashMap::new();
        let mut buckets = HashMap::new();
        for (number, account) in seed.accounts() {
            for (name, user) in &account.users {
                let arn = user_arn(number, name);
                let mut policies = Vec::new();
                if let Some(policy) = &user.policy {
                    let place = || format!("the policy of {arn}");
                    let policy = read(policy, Policy::from_value, place)?;
                    refuse_unknown(policy.statements(), place)?;
                    policies.push(policy);
                }
                if let Some(keys) = keys.get(&arn) {
                    let identity = Identity {
                        unique_id: unique_id("AIDA", &arn),
                        username: Some(name.clone()),
                        principal_arn: arn.clone(),
                        account: number.clone(),
                        policies,
                        session_policy: None,
                        is_session: false,
                        source_identity: None,
                        tags: Vec::new(),
                        arn,
                    };
                    users.insert(keys.access_key_id().to_owned(), (keys.clone(), identity));
                }
            }
            for (name, role) in &account.roles {
                let arn = role_arn(number, name);
                let place = || format!("the trust policy of {arn}");
                let trust = read(&role.trust, TrustPolicy::from_value, place)?;
                refuse_unknown(trust.statements(), place)?;
                let place = || format!("the policy of {arn}");
                let policy = read(&role.policy, Policy::from_value, place)?;
                refuse_unknown(policy.statements(), place)?;
                let role = Role {
                    arn: arn.clone(),
                    name: name.clone(),
                    account: number.clone(),
                    unique_id: unique_id("AROA", &arn),
                    trust,
                    policy,
                    max_session_duration: role.max_session_duration,
                };
                roles.insert(arn, role);
            }
            for (name, bucket) in &account.buckets {
                if let Some(policy) = &bucket.policy {
                    let place = || format!("the policy of bucket {name}");
                    let policy = read(policy, ResourcePolicy::from_value, place)?;
                    refuse_unknown(policy.statements(), place)?;
                    refuse_others(policy.statements(), name)?;
                    buckets.insert(name.clone(), (number.clone(), policy));
                }
            }
        }
        Ok(Self {
            users,
            roles,
            buckets,
            sessions: Sessions::new(seal),
        })
    }

    /// Checks the policies of a seed.
    pub(crate) fn check(seed: &Seed) -> Result<(), SeedError> {
        Self::new(seed, &HashMap::new(), Secret::new("")).map(|_| ())
    }

    /// The role of an ARN.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    /// The policy of a bucket, where it still is that of the seed.
    pub(crate) fn bucket_policy(&self, name: &str, owner: &str) -> Option<&ResourcePolicy> {
        let (account, policy) = self.buckets.get(name)?;
        (account == owner).then_some(policy)
    }

    /// The sessions that STS issues.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The secret that a signature with this key is checked against.
    pub(crate) fn secret(&self, access_key_id: &str) -> Option<Secret> {
        match self.users.get(access_key_id) {
            Some((keys, _)) => Some(keys.secret_access_key().clone()),
            None => self.sessions.secret(access_key_id),
        }
    }

    /// Who signed: the signature is good, and now the session token has to be that of the key.
    pub(crate) fn identify(
        &self,
        access_key_id: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Identity, TokenFault> {
        if let Some((_, identity)) = self.users.get(access_key_id) {
            enforce::session_token(false, token, None, now)?;
            return Ok(identity.clone());
        }
        if self.sessions.secret(access_key_id).is_none() {
            return Err(TokenFault::UnknownKey);
        }
        let read = token.and_then(|token| self.sessions.read(access_key_id, token));
        let right = read.as_ref().map(|(_, ends, right)| (right, *ends));
        enforce::session_token(true, token, right, now)?;
        let (claims, ..) = read.ok_or(TokenFault::WrongToken)?;
        // The state was served with another seed in between, which has no such role.
        let role = self.roles.get(&claims.role).ok_or(TokenFault::UnknownKey)?;
        let policy = claims.session_policy.as_deref().map(Policy::parse);
        let policy = policy.transpose().map_err(|_| TokenFault::WrongToken)?;
        Ok(role.identity(claims, policy))
    }
}

fn read<T>(
    json: &Value,
    parse: impl FnOnce(&Value) -> Result<T, PolicyError>,
    place: impl FnOnce() -> String,
) -> Result<T, SeedError> {
    parse(json).map_err(|error| SeedError::Policy {
        place: place(),
        message: error.to_string(),
    })
}

/// Refuses a policy with a condition that the sandbox could not judge.
fn refuse_unknown(
    statements: &[Statement],
    place: impl FnOnce() -> String,
) -> Result<(), SeedError> {
    match unknown(statements) {
        None => Ok(()),
        Some(key) => Err(SeedError::Policy {
            place: place(),
            message: format!(
                "the sandbox never sets the condition key `{}`, so that the condition would not do \
                 what it says",
                key.escape_debug()
            ),
        }),
    }
}

/// Refuses the policy of a bucket that is about something else.
fn refuse_others(statements: &[Statement], bucket: &str) -> Result<(), SeedError> {
    let arn = format!("arn:aws:s3:::{bucket}");
    let is_outside = |resource: &&Pattern| {
        let rest = resource.source().strip_prefix(&arn);
        !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let resources = statements
        .iter()
        .filter_map(|statement| statement.resources.as_ref());
    let other = resources
        .flat_map(|(Resources::AnyOf(list) | Resources::NoneOf(list))| list)
        .find(is_outside);
    match other {
        None => Ok(()),
        Some(resource) => Err(SeedError::Policy {
            place: format!("the policy of bucket {bucket}"),
            message: format!(
                "the resource `{}` is neither the bucket, `{arn}`, nor in it",
                resource.source().escape_debug()
            ),
        }),
    }
}
