//! A role assumed to see whether it can be, with credentials that are good for nothing.

use aws_credential_types::Credentials;
use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, assume_role::AssumeRoleError},
};
use flowrun_card::CardError;

use super::Role;

/// A session policy that takes everything away, should the credentials of a probe get lost.
const DENY_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
/// The shortest session that there is, in seconds.
const PROBE_SECONDS: i32 = 900;

/// What came of a probe.
#[derive(Debug)]
pub(crate) enum Probed {
    /// The role was assumed.
    Assumed {
        credentials: Credentials,
        request_id: Option<String>,
    },
    /// STS said `AccessDenied`, and nothing else counts as a denial.
    Denied {
        error: Box<SdkError<AssumeRoleError>>,
        request_id: Option<String>,
    },
    /// Neither is known.
    Inconclusive {
        failure: CardError,
        request_id: Option<String>,
    },
}

impl Role {
    /// Assumes the role with an External ID, or none, under a session policy that denies
    /// everything; the role's own policy is not sent.
    pub(crate) async fn probe(&self, external_id: Option<&str>) -> Probed {
        let call = self
            .call(external_id.map(str::to_owned), PROBE_SECONDS)
            .policy(DENY_ALL);
        let call = match external_id == self.external_id.as_deref() {
            true => self.attributed(call),
            false => call,
        };
        match Box::pin(call.send()).await {
            Ok(answer) => {
                let request_id = answer.request_id().map(str::to_owned);
                match self.credentials(answer) {
                    Ok(credentials) => Probed::Assumed {
                        credentials,
                        request_id,
                    },
                    Err(failure) => Probed::Inconclusive {
                        failure,
                        request_id,
                    },
                }
            }
            Err(error) => {
                let request_id = error.request_id().map(str::to_owned);
                let is_denied = matches!(&error, SdkError::ServiceError(_))
                    && matches!(error.code(), Some("AccessDenied" | "AccessDeniedException"));
                if is_denied {
                    Probed::Denied {
                        error: Box::new(error),
                        request_id,
                    }
                } else {
                    Probed::Inconclusive {
                        failure: Box::pin(self.failure(&error)).await,
                        request_id,
                    }
                }
            }
        }
    }
}
