//! Identities: the users and roles of the seed, the keys of the users, and the sessions that STS
//! issued.

mod session;

use std::collections::HashMap;

use flowrun_card::Secret;
use flowrun_iam::{Policy, PolicyError, TrustPolicy};
use jiff::Timestamp;
use serde_json::Value;

pub(crate) use session::{Issue, IssueError, Sessions};

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
    /// The users and roles of a seed; `keys` are those of the users, by ARN. A user without keys
    /// cannot sign anything.
    pub(crate) fn new(seed: &Seed, keys: &HashMap<String, Keys>) -> Result<Self, SeedError> {
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
            sessions: Sessions::default(),
        })
    }

    /// Checks the policies of a seed.
    pub(crate) fn check(seed: &Seed) -> Result<(), SeedError> {
        Self::new(seed, &HashMap::new()).map(|_| ())
    }

    /// The role of an ARN.
    pub(crate) fn role(&self, arn: &str) -> Option<&Role> {
        self.roles.get(arn)
    }

    /// The sessions that STS issued.
    pub(crate) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The secret that a signature with this key is checked against.
    pub(crate) fn secret(&self, access_key_id: &str) -> Option<Secret> {
        match self.users.get(access_key_id) {
            Some((keys, _)) => Some(keys.secret_access_key().clone()),
            None => self
                .sessions
                .find(access_key_id)
                .map(|session| session.keys.secret_access_key().clone()),
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
            enforce::session_token(None, token, now)?;
            return Ok(identity.clone());
        }
        let session = self
            .sessions
            .find(access_key_id)
            .ok_or(TokenFault::UnknownKey)?;
        enforce::session_token(Some((&session.token, session.expires)), token, now)?;
        Ok(session.identity.clone())
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
