//! Identities: the users and roles of the seed, the keys of the users, and the sessions that STS
//! issues.

mod session;

use std::collections::HashMap;

use flowrun_card::Secret;
use flowrun_iam::{Policy, PolicyError, TrustPolicy};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use session::{Issue, Sessions};

use crate::{
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
    /// The policies of the user, or of the role.
    pub(crate) policies: Vec<Policy>,
    /// What a role session was narrowed to.
    pub(crate) session_policy: Option<Policy>,
    /// Whether this is a role session, so that a role that it assumes is chained.
    pub(crate) is_session: bool,
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

    /// Who has a session, with what it was narrowed to.
    fn identity(&self, session_name: &str, session_policy: Option<Policy>) -> Identity {
        Identity {
            arn: self.session_arn(session_name),
            principal_arn: self.arn.clone(),
            account: self.account.clone(),
            unique_id: self.session_id(session_name),
            policies: vec![self.policy.clone()],
            session_policy,
            is_session: true,
        }
    }
}

/// Everybody that the sandbox knows.
#[derive(Debug)]
pub(crate) struct Directory {
    /// By access key id.
    users: HashMap<String, (Keys, Identity)>,
    /// By ARN.
    roles: HashMap<String, Role>,
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
        for (number, account) in seed.accounts() {
            for (name, user) in &account.users {
                let arn = user_arn(number, name);
                let mut policies = Vec::new();
                if let Some(policy) = &user.policy {
                    policies.push(read(policy, Policy::from_value, || {
                        format!("the policy of {arn}")
                    })?);
                }
                if let Some(keys) = keys.get(&arn) {
                    let identity = Identity {
                        unique_id: unique_id("AIDA", &arn),
                        principal_arn: arn.clone(),
                        account: number.clone(),
                        policies,
                        session_policy: None,
                        is_session: false,
                        arn,
                    };
                    users.insert(keys.access_key_id().to_owned(), (keys.clone(), identity));
                }
            }
            for (name, role) in &account.roles {
                let arn = role_arn(number, name);
                let trust = read(&role.trust, TrustPolicy::from_value, || {
                    format!("the trust policy of {arn}")
                })?;
                let policy = read(&role.policy, Policy::from_value, || {
                    format!("the policy of {arn}")
                })?;
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
        }
        Ok(Self {
            users,
            roles,
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
        Ok(role.identity(&claims.session_name, policy))
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
