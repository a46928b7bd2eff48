//! The sessions that STS issued: kept in memory, so that a restart forgets them, and bounded.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use flowrun_card::Secret;
use flowrun_iam::Policy;
use jiff::{SignedDuration, Timestamp};

use super::{Identity, Role};
use crate::keys::{Keys, generate_token};

/// The credentials of an assumed role, and what they stand for.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) keys: Keys,
    pub(crate) token: Secret,
    pub(crate) expires: Timestamp,
    pub(crate) identity: Identity,
}

/// What a session is issued for.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) role: &'a Role,
    pub(crate) session_name: &'a str,
    pub(crate) session_policy: Option<Policy>,
    /// Seconds.
    pub(crate) duration: u32,
    pub(crate) now: Timestamp,
}

/// Why no session can be issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error(
        "the sandbox keeps at most {} sessions that have not expired",
        Sessions::MAX
    )]
    Full,
    #[error("the system has no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("the session would end after the last time that can be told")]
    Time,
}

/// All sessions, by access key id.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: Mutex<BTreeMap<String, Arc<Session>>>,
}

impl Sessions {
    /// How many sessions are kept at most. An expired one is kept, so that its holder learns that
    /// it expired, until its room is needed.
    pub(crate) const MAX: usize = 100_000;

    /// Issues a session of a role.
    pub(crate) fn issue(&self, issue: Issue<'_>) -> Result<Arc<Session>, IssueError> {
        let Issue {
            role, session_name, ..
        } = issue;
        let expires = issue
            .now
            .checked_add(SignedDuration::from_secs(i64::from(issue.duration)))
            .map_err(|_| IssueError::Time)?;
        let session = Arc::new(Session {
            keys: Keys::generate("ASIA")?,
            token: generate_token()?,
            expires,
            identity: Identity {
                arn: format!(
                    "arn:aws:sts::{}:assumed-role/{}/{session_name}",
                    role.account, role.name
                ),
                principal_arn: role.arn.clone(),
                account: role.account.clone(),
                unique_id: format!("{}:{session_name}", role.unique_id),
                policies: vec![role.policy.clone()],
                session_policy: issue.session_policy,
                is_session: true,
            },
        });
        let mut sessions = self.lock();
        if sessions.len() >= Self::MAX {
            sessions.retain(|_, session| session.expires > issue.now);
        }
        if sessions.len() >= Self::MAX {
            return Err(IssueError::Full);
        }
        let id = session.keys.access_key_id().to_owned();
        sessions.insert(id, Arc::clone(&session));
        Ok(session)
    }

    /// The session of an access key, expired or not.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<Arc<Session>> {
        self.lock().get(access_key_id).cloned()
    }

    /// Ends every session as if its time were over.
    pub(crate) fn expire_all(&self, now: Timestamp) {
        for session in self.lock().values_mut() {
            *session = Arc::new(Session {
                keys: session.keys.clone(),
                token: session.token.clone(),
                expires: session.expires.min(now),
                identity: session.identity.clone(),
            });
        }
    }

    /// A thread that panicked while it held the lock left the map whole: it only inserts.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Session>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
