//! What a card works with while an AWS connection is open: the SDK's configuration and clients.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_types::SdkConfig;
use flowrun_card::{ConnectionKind, Resource};

use crate::narrow::SessionPolicy;

/// The connection kind `aws_s3`: S3 under an IAM role or under the caller's own credentials.
#[derive(Clone, Copy, Debug)]
pub enum AwsS3 {}

impl ConnectionKind for AwsS3 {
    const NAME: &'static str = "aws_s3";
    type Session = AwsSession;
}

/// What an [`AwsSession`] is made of.
#[derive(Clone)]
pub struct AwsSessionParts {
    /// The connection's nickname.
    pub nickname: String,
    /// How its clients are set up; see [`AwsSession::config`].
    pub config: SdkConfig,
    /// The role that the session acts as; `None` where it uses the base credentials as they are.
    pub role_arn: Option<String>,
    /// The name of the session in the audit trail of the role's owner.
    pub session_name: Option<String>,
    /// The endpoint that takes the place of AWS's own.
    pub endpoint: Option<String>,
}

/// A session of an AWS connection, shared by the cards of a run that ask for the same scope.
///
/// Its credentials renew themselves before they expire, so a long transfer goes on under the same
/// session.
pub struct AwsSession {
    parts: AwsSessionParts,
    policy: Option<Arc<SessionPolicy>>,
    clients: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl AwsSession {
    /// A session of these parts, as wide as its role or credentials.
    pub fn new(parts: AwsSessionParts) -> Self {
        Self::narrowed(parts, None)
    }

    /// A session of these parts under a session policy.
    pub(crate) fn narrowed(parts: AwsSessionParts, policy: Option<Arc<SessionPolicy>>) -> Self {
        Self {
            parts,
            policy,
            clients: Mutex::new(HashMap::new()),
        }
    }

    /// The connection's nickname, for messages.
    pub fn nickname(&self) -> &str {
        &self.parts.nickname
    }

    /// The SDK's configuration: credentials, region, endpoint, HTTP client, timeouts,
    /// stalled-stream protection and a pinned behaviour version.
    ///
    /// The SDK's retries are off, because the engine counts attempts.
    pub fn config(&self) -> &SdkConfig {
        &self.parts.config
    }

    /// The ARN of the role that the session acts as; `None` where it uses the base credentials as
    /// they are.
    pub fn role_arn(&self) -> Option<&str> {
        self.parts.role_arn.as_deref()
    }

    /// The name of the session in the audit trail of the role's owner; `None` where it has no role.
    pub fn session_name(&self) -> Option<&str> {
        self.parts.session_name.as_deref()
    }

    /// Whether the session policy that narrows the session leaves out an action on a resource, so
    /// that it is denied whatever the role allows. `false` where nothing narrows the session, and
    /// where the resource is not known in full.
    pub fn leaves_out(&self, action: &str, resource: &Resource) -> bool {
        let policy = self.policy.as_ref();
        policy.is_some_and(|policy| policy.leaves_out(action, resource))
    }

    /// The endpoint that takes the place of AWS's own; `None` for AWS.
    pub fn endpoint(&self) -> Option<&str> {
        self.parts.endpoint.as_deref()
    }

    /// The client of type `C`, made by the first call and kept with the session.
    ///
    /// There is one client a type, so that its connection pool is shared; every caller must make
    /// it the same way. `make` must not call this method.
    pub fn client<C: Send + Sync + 'static>(&self, make: impl FnOnce(&SdkConfig) -> C) -> Arc<C> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients
            .get(&TypeId::of::<C>())
            .and_then(|client| Arc::clone(client).downcast::<C>().ok())
        {
            return client;
        }
        let client = Arc::new(make(&self.parts.config));
        clients.insert(
            TypeId::of::<C>(),
            Arc::clone(&client) as Arc<dyn Any + Send + Sync>,
        );
        client
    }
}

/// Shows names only: the configuration holds credentials.
impl fmt::Debug for AwsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt_as("AwsSession", f)
    }
}

/// Shows names only: the configuration holds credentials.
impl fmt::Debug for AwsSessionParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_as("AwsSessionParts", f)
    }
}

impl AwsSessionParts {
    fn fmt_as(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("nickname", &self.nickname)
            .field("role_arn", &self.role_arn)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> AwsSession {
        AwsSession::new(AwsSessionParts {
            nickname: "demo-vault".to_owned(),
            config: SdkConfig::builder()
                .credentials_provider(
                    aws_credential_types::provider::SharedCredentialsProvider::new(
                        aws_credential_types::Credentials::new(
                            "AKIAEXAMPLE",
                            "very-secret",
                            Some("token-text".to_owned()),
                            None,
                            "test",
                        ),
                    ),
                )
                .build(),
            role_arn: Some("arn:aws:iam::111122223333:role/vault".to_owned()),
            session_name: Some("flowrun-backup-run".to_owned()),
            endpoint: None,
        })
    }

    #[test]
    fn a_client_is_made_once_for_its_type() {
        let session = session();
        let first = session.client(|_| String::from("first"));
        let second = session.client(|_| String::from("second"));
        let other = session.client(|_| 7_u32);
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!((first.as_str(), *other), ("first", 7));
    }

    #[test]
    fn debug_shows_names_and_nothing_else() {
        assert_eq!(
            format!("{:?}", session()),
            "AwsSession { nickname: \"demo-vault\", \
             role_arn: Some(\"arn:aws:iam::111122223333:role/vault\"), endpoint: None, .. }"
        );
    }
}
