//! The sessions that STS issues. Their credentials tell themselves what they stand for, sealed with
//! a secret of the state: nothing is kept of them, and whoever serves the state next honours them.

use std::sync::{Mutex, PoisonError};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowrun_card::Secret;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Role;
use crate::keys::{Keys, random_id, short_id};

/// The credentials of an assumed role.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) keys: Keys,
    pub(crate) token: Secret,
    pub(crate) expires: Timestamp,
}

/// What a session is issued for.
#[derive(Debug)]
pub(crate) struct Issue<'a> {
    pub(crate) role: &'a Role,
    pub(crate) session_name: &'a str,
    /// As it came, and known to be valid.
    pub(crate) session_policy: Option<&'a str>,
    pub(crate) source_identity: Option<&'a str>,
    pub(crate) tags: &'a [(String, String)],
    /// Seconds.
    pub(crate) duration: u32,
    pub(crate) now: Timestamp,
}

/// Why no session can be issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueError {
    #[error("the system has no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("the session would end after the last time that can be told")]
    Time,
    #[error("the session cannot be written: {0}")]
    Form(#[from] serde_json::Error),
}

/// What a session token says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Its ARN.
    pub(crate) role: String,
    pub(crate) session_name: String,
    pub(crate) session_policy: Option<String>,
    #[serde(default)]
    pub(crate) source_identity: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<(String, String)>,
    /// Microseconds since 1970, as the next.
    issued: i64,
    expires: i64,
}

/// The bytes of a seal at the head of a token.
const SEAL: usize = 32;
/// The random characters of an access key id; the others seal them.
const RANDOM: usize = 10;

/// Issues sessions and reads their credentials.
#[derive(Debug)]
pub(crate) struct Sessions {
    secret: Secret,
    /// Sessions issued until then are over.
    ended: Mutex<Option<i64>>,
}

impl Sessions {
    /// Sessions sealed with this secret.
    pub(crate) fn new(secret: Secret) -> Self {
        Self {
            secret,
            ended: Mutex::default(),
        }
    }

    /// Issues a session of a role.
    pub(crate) fn issue(&self, issue: &Issue<'_>) -> Result<Session, IssueError> {
        let expires = issue
            .now
            .checked_add(SignedDuration::from_secs(i64::from(issue.duration)))
            .map_err(|_| IssueError::Time)?;
        let random = random_id(RANDOM)?;
        let id = format!("ASIA{random}{}", self.check_of(&random));
        let claims = serde_json::to_vec(&Claims {
            role: issue.role.arn.clone(),
            session_name: issue.session_name.to_owned(),
            session_policy: issue.session_policy.map(str::to_owned),
            source_identity: issue.source_identity.map(str::to_owned),
            tags: issue.tags.to_vec(),
            issued: issue.now.as_microsecond(),
            expires: expires.as_microsecond(),
        })?;
        Ok(Session {
            token: self.token(&id, &claims),
            keys: Keys::new(&id, self.secret_of(&id)),
            expires,
        })
    }

    /// The secret of an access key, if it is one of a session that was issued here.
    pub(crate) fn secret(&self, access_key_id: &str) -> Option<Secret> {
        let (random, check) = access_key_id
            .strip_prefix("ASIA")?
            .split_at_checked(RANDOM)?;
        (self.check_of(random) == check).then(|| self.secret_of(access_key_id))
    }

    /// What a token says, when it ends, and the token that a key with these claims has: nothing of
    /// it counts before the two tokens are the same. None for what is no token.
    pub(crate) fn read(
        &self,
        access_key_id: &str,
        token: &str,
    ) -> Option<(Claims, Timestamp, Secret)> {
        let bytes = STANDARD.decode(token).ok()?;
        let text = bytes.get(SEAL..)?;
        let claims: Claims = serde_json::from_slice(text).ok()?;
        let ended = *self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let expires = match ended {
            Some(ended) if claims.issued <= ended => claims.expires.min(ended),
            _ => claims.expires,
        };
        let expires = Timestamp::from_microsecond(expires).ok()?;
        Some((claims, expires, self.token(access_key_id, text)))
    }

    /// Ends every session that was issued until now.
    pub(crate) fn expire_all(&self, now: Timestamp) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        *ended = Some(now.as_microsecond());
    }

    /// The token of a key: the seal on both, and the claims.
    fn token(&self, access_key_id: &str, claims: &[u8]) -> Secret {
        let mut bytes = self.seal("token", &[access_key_id.as_bytes(), claims]);
        bytes.extend_from_slice(claims);
        Secret::new(STANDARD.encode(bytes))
    }

    /// 240 bits, as long as the secrets of AWS: 40 characters.
    fn secret_of(&self, access_key_id: &str) -> Secret {
        let mut bytes = self.seal("secret", &[access_key_id.as_bytes()]);
        bytes.truncate(30);
        Secret::new(STANDARD.encode(bytes))
    }

    /// The last characters of an access key id.
    fn check_of(&self, random: &str) -> String {
        short_id(&self.seal("id", &[random.as_bytes()]), 6)
    }

    /// HMAC-SHA256 over the purpose and the texts; those before the last have a fixed length.
    fn seal(&self, purpose: &str, texts: &[&[u8]]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()) else {
            // Does not happen: HMAC takes a key of any length. No seal would be the right one.
            return Vec::new();
        };
        mac.update(purpose.as_bytes());
        mac.update(&[0]);
        for text in texts {
            mac.update(text);
        }
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(sessions: &Sessions, now: Timestamp) -> Session {
        let seed = crate::Seed::new()
            .role("222222222222", "r", TRUST, POLICY, 3600)
            .unwrap();
        let directory =
            super::super::Directory::new(&seed, &Default::default(), Secret::new("")).unwrap();
        let issue = Issue {
            role: directory.role("arn:aws:iam::222222222222:role/r").unwrap(),
            session_name: "run-1",
            session_policy: Some(POLICY),
            source_identity: Some("ann"),
            tags: &[("team".to_owned(), "audit".to_owned())],
            duration: 900,
            now,
        };
        sessions.issue(&issue).unwrap()
    }

    const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
    const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}]}"#;

    #[test]
    fn credentials_are_read_by_whoever_has_the_secret() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let session = issue(&Sessions::new(Secret::new("seal")), now);
        let id = session.keys.access_key_id();
        assert_eq!((id.len(), id.starts_with("ASIA")), (20, true));
        let secret = session.keys.secret_access_key();
        assert_eq!(secret.expose().len(), 40);

        let next = Sessions::new(Secret::new("seal"));
        assert_eq!(next.secret(id).as_ref(), Some(secret));
        let (claims, ends, right) = next.read(id, session.token.expose()).unwrap();
        assert_eq!(right, session.token);
        assert_eq!(ends, now + SignedDuration::from_secs(900));
        assert_eq!(claims.role, "arn:aws:iam::222222222222:role/r");
        assert_eq!(claims.session_name, "run-1");
        assert_eq!(claims.session_policy.as_deref(), Some(POLICY));
        assert_eq!(claims.source_identity.as_deref(), Some("ann"));
        assert_eq!(claims.tags, [("team".to_owned(), "audit".to_owned())]);

        let other = Sessions::new(Secret::new("other"));
        assert_eq!(other.secret(id), None);
        let (_, _, right) = other.read(id, session.token.expose()).unwrap();
        assert_ne!(right, session.token);
    }

    #[test]
    fn a_token_is_good_for_its_key_and_its_claims_alone() {
        let sessions = Sessions::new(Secret::new("seal"));
        let now = Timestamp::from_second(1_000_000).unwrap();
        let (one, two) = (issue(&sessions, now), issue(&sessions, now));
        let (_, _, right) = sessions
            .read(two.keys.access_key_id(), one.token.expose())
            .unwrap();
        assert_ne!(right, one.token);

        let claims = STANDARD.decode(one.token.expose()).unwrap();
        let claims = String::from_utf8(claims[SEAL..].to_vec()).unwrap();
        let claims = claims.replace("role/r", "role/s");
        let changed = [&[0; SEAL], claims.as_bytes()].concat();
        let changed = STANDARD.encode(changed);
        let id = one.keys.access_key_id();
        let (_, _, right) = sessions.read(id, &changed).unwrap();
        assert_ne!(right.expose(), changed);

        for text in ["", "AAAA", "no token", &STANDARD.encode([0; SEAL])] {
            assert!(sessions.read(id, text).is_none(), "{text}");
        }
        for id in [
            "",
            "ASIA",
            "AKIA234567ABCDEFGHIJ",
            "ASIA234567ABCDEFGHIJ",
            "ASIAü",
        ] {
            assert_eq!(sessions.secret(id), None, "{id}");
        }
    }

    #[test]
    fn sessions_can_be_ended_before_their_time() {
        let sessions = Sessions::new(Secret::new("seal"));
        let now = Timestamp::from_second(1_000_000).unwrap();
        let later = now + SignedDuration::from_secs(1);
        let (before, after) = (issue(&sessions, now), issue(&sessions, later));
        sessions.expire_all(now);
        let ends = |session: &Session| {
            let id = session.keys.access_key_id();
            sessions.read(id, session.token.expose()).unwrap().1
        };
        assert_eq!(ends(&before), now);
        assert_eq!(ends(&after), after.expires);
    }
}
