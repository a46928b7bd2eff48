//! A role narrowed to what it is needed for: the inline session policy that AssumeRole takes, made
//! to fit, and what it allows.
//!
//! The policy allows what the cards need under the connection, as precisely as it is known, and that
//! without which S3 would answer otherwise than under the whole role:
//!
//! - `s3:ListBucket` on the buckets whose objects are read: else S3 says "denied" of an object that
//!   does not exist.
//! - `s3:GetObjectLegalHold`, `s3:GetObjectRetention` and `s3:GetObjectTagging` on the objects that
//!   are read: else S3 says nothing of their lock and tags.
//! - On AWS, `kms:Decrypt` and `kms:GenerateDataKey` through S3: S3 uses the keys of encrypted
//!   objects in the name of the session.
//!
//! None of it grants anything: a session can do what both the role and this policy allow.
//!
//! Where the policy is longer than STS takes, it becomes wider step by step: keys of a bucket become
//! their longest common prefix, then whole buckets, then actions of one access level share a
//! wildcard (the rungs of [`flowrun_iam::Rung`]). STS measures the policy in a packed form of its
//! own, too: where it finds that too large, the next step is taken. After the last step the session
//! is refused. It is never opened without a policy.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use flowrun_card::{CardError, ErrorKind, Permission, Piece, Resource, Scope};
use flowrun_iam::{
    Compacted, Conditions, Policy, PolicyError, Request, Rung, SESSION_POLICY_CHARS, SizeError,
    evaluate,
};
use indexmap::IndexSet;
use serde_json::{Value as Json, json};

use crate::{AwsConnection, Endpoint, RoleArn};

/// For a connection that no card says to need.
const NOTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;

/// How many permissions are looked at in one go: of more resources than that, a policy of STS has no
/// room for the names. It bounds the time, which grows with the square.
const AT_ONCE: usize = 128;

/// Reading the content of an object.
const READS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];

/// The session policy of a role's sessions.
pub(crate) struct SessionPolicy {
    nickname: String,
    partition: String,
    /// Whether a wider one does as well.
    may_widen: bool,
    fitted: Mutex<Compacted>,
}

impl SessionPolicy {
    /// The session policy that a scope asks for; none where the whole role shall be used.
    ///
    /// # Errors
    /// A policy that STS would not take, and one that was asked for in words where there is no
    /// role. Permissions do not need one: the base credentials are used as they are then.
    pub(crate) fn of(
        scope: &Scope,
        connection: AwsConnection<'_>,
    ) -> Result<Option<Self>, CardError> {
        match (scope.session_policy(), &connection.role_arn) {
            (Some(document), Some(role)) => {
                let policy = read(document, connection)?;
                if policy.chars() > SESSION_POLICY_CHARS {
                    return Err(refused(
                        connection,
                        format!(
                            "the session policy has {} characters, and STS takes at most \
                             {SESSION_POLICY_CHARS}",
                            policy.chars()
                        ),
                    ));
                }
                let rung = Rung::Exact;
                Ok(Some(Self::new(
                    connection,
                    role,
                    Compacted { policy, rung },
                    false,
                )))
            }
            (Some(_), None) => Err(refused(
                connection,
                "a session policy needs a role, and the connection has none".to_owned(),
            )
            .help("add `role_arn:` to the connection")),
            (None, role) => {
                let needed = scope.session_permissions();
                match needed
                    .filter(|_| connection.session_policy)
                    .zip(role.as_ref())
                {
                    Some((permissions, role)) => {
                        let policy = Self::narrowed(permissions, connection, role)?;
                        Ok(Some(policy))
                    }
                    None => Ok(None),
                }
            }
        }
    }

    /// Whether one session policy has room for exactly these permissions; also where there is none.
    pub(crate) fn holds(permissions: &[Permission], connection: AwsConnection<'_>) -> bool {
        match &connection.role_arn {
            Some(role) if connection.session_policy => {
                fit(permissions, connection, role).is_ok_and(|fitted| fitted.rung <= Rung::Merged)
            }
            _ => true,
        }
    }

    fn new(
        connection: AwsConnection<'_>,
        role: &RoleArn,
        fitted: Compacted,
        may_widen: bool,
    ) -> Self {
        Self {
            nickname: connection.nickname.to_owned(),
            partition: role.partition().to_owned(),
            may_widen,
            fitted: Mutex::new(fitted),
        }
    }

    /// No more than what is needed.
    fn narrowed(
        permissions: &[Permission],
        connection: AwsConnection<'_>,
        role: &RoleArn,
    ) -> Result<Self, CardError> {
        let fitted = fit(permissions, connection, role)?;
        let policy = Self::new(connection, role, fitted, true);
        policy.tell(&policy.fitted());
        Ok(policy)
    }

    fn fitted(&self) -> MutexGuard<'_, Compacted> {
        self.fitted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, fitted: &Compacted) {
        let step = match fitted.rung {
            Rung::Exact | Rung::Merged => "exact",
            Rung::Prefixes => "keys as prefixes",
            Rung::Buckets => "whole buckets",
            Rung::ActionWildcards => "whole buckets and action wildcards",
        };
        tracing::info!(
            connection = %self.nickname,
            step,
            policy = %fitted.policy,
            "session policy"
        );
    }

    /// The document as STS takes it: the shortest form, in ASCII.
    pub(crate) fn document(&self) -> String {
        self.fitted().policy.to_string()
    }

    /// Takes the next step, after STS found the policy too large; `false` where there is none.
    pub(crate) fn widen(&self) -> bool {
        if !self.may_widen {
            return false;
        }
        let mut fitted = self.fitted();
        let shorter = fitted.policy.chars().saturating_sub(1);
        match fitted.policy.compact(shorter) {
            Ok(wider) => {
                self.tell(&wider);
                *fitted = wider;
                true
            }
            Err(_) => false,
        }
    }

    /// Whether the policy leaves out an action on a resource, whatever the role allows. `false`
    /// where the resource is not known in full.
    pub(crate) fn leaves_out(&self, action: &str, resource: &Resource) -> bool {
        let Some(resource) = arn(resource, &self.partition) else {
            return false;
        };
        let request = Request {
            action,
            resource: &resource,
            conditions: &Conditions::new(),
        };
        !evaluate([&self.fitted().policy], &request).is_allow()
    }
}

/// Shows no policy: it names what is whose.
impl fmt::Debug for SessionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionPolicy")
            .field("nickname", &self.nickname)
            .field("rung", &self.fitted().rung)
            .finish_non_exhaustive()
    }
}

/// The narrowest policy that fits.
///
/// A policy of more permissions than are looked at in one go has no room for each of them: those of
/// a portion are made to fit with what came of the portions before. The widest resources come
/// first, because what they cover takes no room.
fn fit(
    permissions: &[Permission],
    connection: AwsConnection<'_>,
    role: &RoleArn,
) -> Result<Compacted, CardError> {
    if permissions.is_empty() {
        let policy = read(NOTHING, connection)?;
        let rung = Rung::Exact;
        return Ok(Compacted { policy, rung });
    }
    let mut needed = permissions.to_vec();
    for permission in &mut needed {
        permission.actions.extend(seen(permission));
    }
    needed.extend(listings(permissions));
    needed.sort_by_cached_key(|permission| permission.resource.to_string().len());
    let mut rung = Rung::Exact;
    let mut statements = keys(permissions, connection, role)?;
    for portion in needed.chunks(AT_ONCE) {
        let mut more = statements_of(&Policy::of_permissions(portion, role.partition()));
        more.append(&mut statements);
        let policy = json!({ "Version": "2012-10-17", "Statement": more });
        let policy = Policy::from_value(&policy).map_err(|error| unusable(connection, &error))?;
        let fitted = policy
            .compact(SESSION_POLICY_CHARS)
            .map_err(|error| too_long(connection, &policy, &error))?;
        rung = rung.max(fitted.rung);
        statements = statements_of(&fitted.policy);
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let policy = Policy::from_value(&policy).map_err(|error| unusable(connection, &error))?;
    Ok(Compacted { policy, rung })
}

fn statements_of(policy: &Policy) -> Vec<Json> {
    match policy.to_value().get_mut("Statement") {
        Some(Json::Array(statements)) => std::mem::take(statements),
        _ => Vec::new(),
    }
}

fn too_long(connection: AwsConnection<'_>, policy: &Policy, error: &SizeError) -> CardError {
    let chars = match error {
        SizeError::NoRungFits { chars, .. } => *chars,
        _ => policy.chars(),
    };
    refused(
        connection,
        format!(
            "the session policy for what the flow needs has {chars} characters or more even with \
             whole buckets, and STS takes at most {SESSION_POLICY_CHARS}"
        ),
    )
    .help(split_the_flow(connection.nickname))
}

/// What to do about a policy that does not fit.
pub(crate) fn split_the_flow(nickname: &str) -> String {
    format!(
        "split the flow, so that a run uses fewer buckets under connection `{nickname}`; or use \
         the whole role with `session_policy: off` in the connection"
    )
}

/// To see all that S3 says of an object that is read.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
fn seen(permission: &Permission) -> Vec<&'static str> {
    if !does(permission, &READS) {
        return Vec::new();
    }
    let mut seen = vec!["s3:GetObjectLegalHold", "s3:GetObjectRetention"];
    if does(permission, &["s3:GetObject"]) {
        seen.push("s3:GetObjectTagging");
    }
    if does(permission, &["s3:GetObjectVersion"]) {
        seen.push("s3:GetObjectVersionTagging");
    }
    seen
}

/// To list the buckets whose objects are read, each once.
fn listings(permissions: &[Permission]) -> Vec<Permission> {
    let read = permissions
        .iter()
        .filter(|permission| does(permission, &READS));
    let buckets: IndexSet<Resource> = read
        .map(|permission| bucket_of(&permission.resource))
        .collect();
    buckets
        .into_iter()
        .map(|resource| Permission {
            connection: None,
            actions: vec!["s3:ListBucket"],
            resource,
        })
        .collect()
}

/// To use the keys of encrypted objects through S3, on AWS.
fn keys(
    permissions: &[Permission],
    connection: AwsConnection<'_>,
    role: &RoleArn,
) -> Result<Vec<Json>, CardError> {
    if connection.endpoint != Endpoint::Aws {
        return Ok(Vec::new());
    }
    let policy = Policy::of_keys(permissions, &["*"], role.partition())
        .map_err(|error| unusable(connection, &error))?;
    Ok(policy.as_ref().map(statements_of).unwrap_or_default())
}

fn does(permission: &Permission, actions: &[&str]) -> bool {
    permission
        .actions
        .iter()
        .any(|action| actions.contains(action))
}

/// The bucket of an object.
fn bucket_of(object: &Resource) -> Resource {
    let is_bucket = |piece: &&Piece| **piece != Piece::Literal("/".to_owned());
    Resource {
        service: object.service,
        pieces: object
            .pieces
            .iter()
            .take_while(is_bucket)
            .cloned()
            .collect(),
    }
}

/// The ARN of a resource that is known in full.
fn arn(resource: &Resource, partition: &str) -> Option<String> {
    let mut arn = format!("arn:{partition}:{}:::", resource.service);
    for piece in &resource.pieces {
        match piece {
            Piece::Literal(text) => arn.push_str(text),
            Piece::Any(_) => return None,
        }
    }
    Some(arn)
}

fn read(document: &str, connection: AwsConnection<'_>) -> Result<Policy, CardError> {
    Policy::parse(document).map_err(|error| unusable(connection, &error))
}

fn unusable(connection: AwsConnection<'_>, error: &PolicyError) -> CardError {
    refused(
        connection,
        format!("the session policy cannot be used: {error}"),
    )
}

fn refused(connection: AwsConnection<'_>, message: String) -> CardError {
    CardError::new(ErrorKind::Connection, message).context("connection", connection.nickname)
}

#[cfg(test)]
mod tests;
