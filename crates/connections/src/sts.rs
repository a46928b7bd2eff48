//! What is asked of AWS STS: to assume a role, and who one is.

mod probe;

use std::{error::Error, sync::Arc, time::Duration};

use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_sdk_sts::{
    Client,
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{
        assume_role::{AssumeRoleError, AssumeRoleOutput, builders::AssumeRoleFluentBuilder},
        get_caller_identity::GetCallerIdentityOutput,
    },
};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::{SdkConfig, request_id::RequestId};
use flowrun_card::{CardError, ErrorKind, shorten};

pub(crate) use self::probe::Probed;
use crate::{
    AwsConnection, Base, RoleArn,
    attribution::Attribution,
    base::{last, sign_in},
    clock::ClockDrift,
    narrow::{SessionPolicy, split_the_flow},
};

/// The longest that a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest that finding out who asks may take, once the answer is only for a message.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest Retry-After that is believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);
/// How long a session lasts, in seconds; a role that assumes a role cannot get more.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const SESSION_SECONDS: i32 = 3600;
/// The longest answer that is repeated in a message, in characters.
const LONGEST_REASON: usize = 500;

/// What to do about an STS that may answer later.
const LATER: &str = "give the card a `retry`, or run it again later";
/// What to do about a server that is no STS.
const NO_STS: &str = "check that `endpoint` of the connection is a server that speaks STS";

/// STS under the credentials of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Sts {
    client: Client,
    nickname: String,
    base: Base,
    /// Where it is, for messages.
    place: String,
    time: SharedTimeSource,
}

/// A role and how it is assumed.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) sts: Sts,
    pub(crate) role_arn: RoleArn,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: String,
    pub(crate) attribution: Attribution,
    pub(crate) policy: Option<Arc<SessionPolicy>>,
}

impl Sts {
    pub(crate) fn new(config: &SdkConfig, connection: AwsConnection<'_>) -> Self {
        let timeouts = config.timeout_config().map(TimeoutConfig::to_builder);
        let timeouts = timeouts
            .unwrap_or_default()
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let place = match (config.endpoint_url(), config.region()) {
            (Some(url), _) => format!("STS at {url}"),
            (None, Some(region)) => format!("STS in {region}"),
            (None, None) => "STS".to_owned(),
        };
        let time = config.time_source().unwrap_or_default();
        let config = aws_sdk_sts::config::Builder::from(config)
            .timeout_config(timeouts)
            .build();
        Self {
            time,
            client: Client::from_conf(config),
            nickname: connection.nickname.to_owned(),
            base: connection.base.clone(),
            place,
        }
    }

    /// Who the credentials belong to.
    pub(crate) async fn identity(&self) -> Result<GetCallerIdentityOutput, CardError> {
        Box::pin(self.client.get_caller_identity().send())
            .await
            .map_err(|error| self.failure(&error, "GetCallerIdentity"))
    }

    /// Who the credentials belong to; `None` where the server answers, but knows no such question,
    /// as stores do that speak S3 and no STS.
    pub(crate) async fn identity_if_told(
        &self,
    ) -> Result<Option<GetCallerIdentityOutput>, CardError> {
        let error = match Box::pin(self.client.get_caller_identity().send()).await {
            Ok(answer) => return Ok(Some(answer)),
            Err(error) => error,
        };
        let is_unknown = match &error {
            SdkError::ResponseError(response) => response.raw().status().as_u16() < 500,
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let code = error.code().unwrap_or_default();
                code == "NotImplemented"
                    || (status < 500
                        && matches!(
                            code,
                            "" | "InvalidAction"
                                | "InvalidParameterValue"
                                | "InvalidRequest"
                                | "MethodNotAllowed"
                        ))
            }
            _ => false,
        };
        if is_unknown {
            Ok(None)
        } else {
            Err(self.failure(&error, "GetCallerIdentity"))
        }
    }

    /// The ARN of who asks, where that can be found out.
    async fn identity_arn(&self) -> Option<String> {
        let identity = tokio::time::timeout(IDENTITY_TIMEOUT, self.identity());
        identity.await.ok()?.ok()?.arn
    }

    /// How far our clock is from that of the server, where that is too far.
    fn drift(&self, response: &HttpResponse) -> Option<ClockDrift> {
        let drift = ClockDrift::of(response.headers().get("date")?, self.time.now());
        drift.filter(|drift| drift.is_too_far())
    }

    /// What a failed call means, whichever call it was.
    fn failure<E>(&self, error: &SdkError<E>, call: &str) -> CardError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let failed = |message: String| {
            CardError::new(ErrorKind::Connection, message)
                .context("connection", self.nickname.as_str())
        };
        if let Some(own) = own_failure(error) {
            return own.clone().context("connection", self.nickname.as_str());
        }
        let response = match error {
            SdkError::ServiceError(service) => service.raw(),
            SdkError::ResponseError(response) => {
                let status = response.raw().status().as_u16();
                return failed(format!(
                    "{} gives no answer that STS gives to {call} (HTTP {status})",
                    self.place
                ))
                .help(NO_STS)
                .transient(None);
            }
            SdkError::ConstructionFailure(_) => {
                return failed(format!(
                    "{call} cannot be sent to {}: {}",
                    self.place,
                    last(error)
                ))
                .help("check `role_arn`, `region` and `endpoint` of the connection");
            }
            _ => {
                return failed(format!("{} cannot be reached: {}", self.place, last(error)))
                    .help("check the network, the region and the endpoint")
                    .transient(None);
            }
        };
        let code = error.code().unwrap_or_default();
        let failure = match code {
            "SignatureDoesNotMatch" | "RequestTimeTooSkewed" | "RequestExpired"
                if let Some(drift) = self.drift(response) =>
            {
                failed(format!(
                    "the clock of this machine is {drift} that of {}, which therefore refuses what \
                     is signed here",
                    self.place
                ))
                .help(ClockDrift::HELP)
            }
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => failed(format!(
                "the AWS credentials of the base `{}` have expired",
                self.base
            ))
            .help(sign_in(&self.base)),
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "SignatureDoesNotMatch"
            | "InvalidAccessKeyId"
            | "IncompleteSignature"
            | "MissingAuthenticationToken" => failed(format!(
                "{} does not accept the AWS credentials of the base `{}`",
                self.place, self.base
            ))
            .help(format!(
                "{}; check the clock of this machine, too",
                sign_in(&self.base)
            )),
            "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException" => {
                let after = response
                    .headers()
                    .get("retry-after")
                    .and_then(|seconds| seconds.trim().parse().ok())
                    .map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
                failed(format!("{} asks for fewer requests", self.place))
                    .help(LATER)
                    .transient(after)
            }
            _ => {
                let status = response.status().as_u16();
                let what = if code.is_empty() {
                    "gives no answer that STS gives to"
                } else {
                    "refuses"
                };
                let failure = failed(format!("{} {what} {call} (HTTP {status})", self.place));
                if status >= 500 {
                    failure.help(LATER).transient(None)
                } else if code.is_empty() {
                    failure.help(NO_STS)
                } else {
                    failure.help(format!(
                        "look `{code}` up among the errors of {call} in AWS's STS reference"
                    ))
                }
            }
        };
        with_request(failure, error)
    }
}

impl Role {
    /// Temporary credentials of the role.
    pub(crate) async fn assume(&self) -> Result<Credentials, CardError> {
        let policy = self.policy.as_deref();
        // Ends: a policy has few steps to widen by.
        loop {
            let call = self
                .call(self.external_id.clone(), SESSION_SECONDS)
                .set_policy(policy.map(SessionPolicy::document));
            let call = self.attributed(call);
            let error = match Box::pin(call.send()).await {
                Ok(answer) => {
                    let request_id = answer.request_id().unwrap_or_default().to_owned();
                    let credentials = self.credentials(answer)?;
                    // What the owner of the role finds in the audit trail.
                    tracing::info!(
                        role = %self.role_arn,
                        session = %self.session_name,
                        %request_id,
                        "role assumed"
                    );
                    return Ok(credentials);
                }
                Err(error) => error,
            };
            if !(is_too_large(&error) && policy.is_some_and(SessionPolicy::widen)) {
                return Err(self.failure(&error).await);
            }
        }
    }

    fn call(&self, external_id: Option<String>, seconds: i32) -> AssumeRoleFluentBuilder {
        self.sts
            .client
            .assume_role()
            .role_arn(self.role_arn.as_str())
            .role_session_name(&self.session_name)
            .duration_seconds(seconds)
            .set_external_id(external_id)
    }

    /// What a session is attributed to goes with a call that is meant to succeed; one that must be
    /// denied asks for as little as it can.
    fn attributed(&self, call: AssumeRoleFluentBuilder) -> AssumeRoleFluentBuilder {
        let Attribution {
            source_identity,
            tags,
        } = &self.attribution;
        let tags = (!tags.is_empty()).then(|| tags.clone());
        call.set_source_identity(source_identity.clone())
            .set_tags(tags)
    }

    fn credentials(&self, answer: AssumeRoleOutput) -> Result<Credentials, CardError> {
        let incomplete = || {
            CardError::new(
                ErrorKind::Connection,
                format!("{} answers AssumeRole without credentials", self.sts.place),
            )
            .context("connection", self.sts.nickname.as_str())
        };
        let credentials = answer.credentials.ok_or_else(incomplete)?;
        let expiry = credentials
            .expiration
            .try_into()
            .map_err(|_| incomplete())?;
        Ok(Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expiry),
            "flowrun",
        ))
    }

    /// What a failed AssumeRole means.
    pub(crate) async fn failure(&self, error: &SdkError<AssumeRoleError>) -> CardError {
        let role = &self.role_arn;
        let failed = |kind, message: String| {
            let failure = CardError::new(kind, message)
                .context("connection", self.sts.nickname.as_str())
                .context("role_arn", role.as_str());
            with_request(failure, error)
        };
        let code = match error {
            SdkError::ServiceError(_) => error.code().unwrap_or_default(),
            _ => "",
        };
        match code {
            "AccessDenied" | "AccessDeniedException" => {
                let identity = self.sts.identity_arn().await;
                let who = identity.as_deref().unwrap_or("this identity");
                let external_id = if self.external_id.is_some() {
                    "its `sts:ExternalId` equals the connection's `external_id`, which was sent"
                } else {
                    "it asks for no `sts:ExternalId`, because the connection has no \
                     `external_id` to send"
                };
                let more = self.attribution.needs();
                let failure = failed(
                    ErrorKind::Connection,
                    // AWS says here whether a policy denies it, and which sort of policy.
                    format!("the role may not be assumed by {who}{}", self.reason(error)),
                )
                .help(format!(
                    "check that the role exists, that its trust policy names {who} or its \
                     account, that {external_id}, and that the policies of {who} allow \
                     `sts:AssumeRole` on the role{more}"
                ));
                match identity {
                    Some(identity) => failure.context("identity", identity),
                    None => failure,
                }
            }
            _ if is_too_large(error) => failed(
                ErrorKind::Connection,
                format!(
                    "the session policy is too large for STS{}",
                    self.reason(error)
                ),
            )
            .help(split_the_flow(&self.sts.nickname)),
            "MalformedPolicyDocument" | "MalformedPolicyDocumentException" => failed(
                ErrorKind::Connection,
                format!("STS cannot read the session policy{}", self.reason(error)),
            )
            .help("check the actions and resources that the session was asked for"),
            "RegionDisabledException" => failed(
                ErrorKind::Connection,
                format!(
                    "{} is switched off for the account of the base credentials",
                    self.sts.place
                ),
            )
            .help("choose another `region:`, or activate STS there in the account's settings"),
            "ValidationError" | "ValidationException" => failed(
                ErrorKind::Connection,
                format!(
                    "{} does not accept AssumeRole{}",
                    self.sts.place,
                    self.reason(error)
                ),
            )
            .help(format!(
                "check the role's MaxSessionDuration, which must be at least {SESSION_SECONDS} \
                 seconds"
            )),
            _ => self
                .sts
                .failure(error, "AssumeRole")
                .context("role_arn", role.as_str()),
        }
    }

    /// What STS says, after a colon. Only for codes whose message holds no credential; the External
    /// ID is taken out.
    fn reason(&self, error: &SdkError<AssumeRoleError>) -> String {
        let Some(message) = error.message().filter(|message| !message.is_empty()) else {
            return String::new();
        };
        let message = match &self.external_id {
            Some(id) => message.replace(id.as_str(), "(external id)"),
            None => message.to_owned(),
        };
        let message = message.trim_end_matches('.');
        format!(": {}", shorten(message, LONGEST_REASON))
    }
}

/// Whether STS found the session policy too large once it was packed; tags of the base session
/// count, too.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
fn is_too_large(error: &SdkError<AssumeRoleError>) -> bool {
    let code = match error {
        SdkError::ServiceError(_) => error.code().unwrap_or_default(),
        _ => "",
    };
    matches!(
        code,
        "PackedPolicyTooLarge" | "PackedPolicyTooLargeException"
    )
}

/// The code and the request id, where the service answered.
fn with_request<E>(failure: CardError, error: &SdkError<E>) -> CardError
where
    E: ProvideErrorMetadata,
    SdkError<E>: RequestId,
{
    let failure = match error.code() {
        Some(code) => failure.code(code),
        None => failure,
    };
    match error.request_id() {
        Some(id) => failure.context("request_id", id),
        None => failure,
    }
}

/// The failure of the base credentials, where that is why a call was never sent.
fn own_failure<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CardError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<CardError>() {
            return Some(own);
        }
        next = error.source();
    }
    None
}
