//! What a role is proven to do: let us in with its External ID, and nobody without it.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityOutput;
use flowrun_card::{CardError, ErrorKind, RunIdentity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    AwsConnection, Connection, ConnectionStore, Endpoint, Trust,
    base::Loaded,
    external_id::new_external_id,
    gate,
    sts::{Probed, Role, Sts},
};

/// How the sessions of probes are called in the audit trail of the role's owner.
const SESSION_NAME: &str = "flowrun-test";

/// What came of proving a connection.
///
/// A role is assumed up to three times, each under a session policy that denies everything: with
/// the connection's External ID, with none and with a random one. The first must work, the others
/// must be `AccessDenied`, and nothing else counts as a denial. Then the session must belong to
/// the account of the role's ARN.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html>
///
/// A role that is trusted by principal sends no External ID and has no such probes.
#[derive(Clone, Debug)]
pub struct Proof {
    /// When it was finished.
    pub when: Timestamp,
    /// What it comes to.
    pub verdict: Verdict,
    /// The probes that were made, in order.
    pub probes: Vec<Probe>,
    /// Who we are under the connection; `None` where a server of one's own does not tell.
    pub identity: Option<Identity>,
    /// The region.
    pub region: Option<String>,
    /// The endpoint that takes the place of AWS's own.
    pub endpoint: Option<String>,
}

/// Who one is under a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The ARN that S3 will see.
    pub arn: String,
    /// The account that it belongs to.
    pub account: String,
}

/// What the probes of a connection come to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The role lets us in with its External ID and not without it.
    Verified,
    /// The role lets us in; that it trusts nobody else rests on the principals that it names,
    /// which only its owner sees.
    TrustedByPrincipal,
    /// The connection has no role; there is nothing to prove.
    NotApplicable,
    /// The server answers, and takes the credentials.
    Works,
    /// The role lets in who does not know the External ID.
    Unsafe {
        /// The probes that got in and should not have.
        entered: Vec<ProbeKind>,
    },
    /// Not known to be safe.
    NotVerified {
        /// The first probe that did not come out as it should.
        probe: ProbeKind,
        /// Why not, and what to do.
        failure: CardError,
    },
}

/// One question to a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which.
    #[serde(rename = "probe")]
    pub kind: ProbeKind,
    /// What came of it.
    pub outcome: Outcome,
    /// The request's id, by which AWS finds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Which question a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// Is the role assumed as the connection says?
    OwnId,
    /// Is it assumed without an External ID?
    NoId,
    /// Is it assumed with a random External ID?
    RandomId,
    /// Does the session belong to the role's account?
    Account,
    /// Does the server answer?
    Answer,
}

/// What came of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The role was assumed.
    Assumed,
    /// `AccessDenied`; of a server that speaks HTTP, 401 or 403.
    Denied,
    /// The server answers that it is well.
    Answered,
    /// The account is that of the role.
    SameAccount,
    /// The account is another one.
    OtherAccount,
    /// There was no answer, or one that is neither yes nor no.
    Inconclusive,
}

impl ProbeKind {
    /// Its name in JSON, such as `own_id`.
    pub fn name(self) -> &'static str {
        match self {
            ProbeKind::OwnId => "own_id",
            ProbeKind::NoId => "no_id",
            ProbeKind::RandomId => "random_id",
            ProbeKind::Account => "account",
            ProbeKind::Answer => "answer",
        }
    }
}

impl Outcome {
    /// Its name in JSON, such as `assumed`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Assumed => "assumed",
            Outcome::Denied => "denied",
            Outcome::Answered => "answered",
            Outcome::SameAccount => "same_account",
            Outcome::OtherAccount => "other_account",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

/// A connection's health: a verdict in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// [`Verdict::Verified`].
    Verified,
    /// [`Verdict::TrustedByPrincipal`].
    TrustedByPrincipal,
    /// [`Verdict::NotApplicable`].
    NotApplicable,
    /// [`Verdict::Works`].
    Works,
    /// [`Verdict::Unsafe`].
    Unsafe,
    /// [`Verdict::NotVerified`].
    NotVerified,
}

impl Health {
    /// Its name in JSON, such as `verified`.
    pub fn name(self) -> &'static str {
        match self {
            Health::Verified => "verified",
            Health::TrustedByPrincipal => "trusted_by_principal",
            Health::NotApplicable => "not_applicable",
            Health::Works => "works",
            Health::Unsafe => "unsafe",
            Health::NotVerified => "not_verified",
        }
    }
}

impl Verdict {
    /// The verdict in a word.
    pub fn health(&self) -> Health {
        match self {
            Verdict::Verified => Health::Verified,
            Verdict::TrustedByPrincipal => Health::TrustedByPrincipal,
            Verdict::NotApplicable => Health::NotApplicable,
            Verdict::Works => Health::Works,
            Verdict::Unsafe { .. } => Health::Unsafe,
            Verdict::NotVerified { .. } => Health::NotVerified,
        }
    }

    /// Whether nothing is left to do before flows use the connection.
    pub fn is_good(&self) -> bool {
        match self {
            Verdict::Verified
            | Verdict::TrustedByPrincipal
            | Verdict::NotApplicable
            | Verdict::Works => true,
            Verdict::Unsafe { .. } | Verdict::NotVerified { .. } => false,
        }
    }

    /// Whether a person has said in words that flows use the connection although its role is unsafe,
    /// which it is.
    pub fn is_accepted(&self, connection: &Connection) -> bool {
        let accepts = connection
            .aws()
            .is_some_and(|aws| aws.accept_unsafe.is_some());
        matches!(self, Verdict::Unsafe { .. }) && accepts
    }
}

/// What a proof is about, as a fingerprint: an edit of that takes the proof away.
pub(crate) fn digest(connection: &Connection) -> String {
    hex::encode(Sha256::digest(connection.definition.proven().to_string()))
}

impl ConnectionStore {
    /// Proves a connection, which may be one that is not in the store, such as one that is about
    /// to be written. Nothing is recorded; see [`record_proof`](crate::record_proof).
    ///
    /// # Errors
    /// Where nothing could be asked at all: the connection is pending, or its base gives no
    /// credentials or no region.
    pub async fn prove(&self, connection: &Connection) -> Result<Proof, CardError> {
        connection.definition.prove(self, connection).await
    }

    /// Proves a connection of kind `aws_s3`.
    pub(crate) async fn prove_aws(
        &self,
        connection: AwsConnection<'_>,
    ) -> Result<Proof, CardError> {
        gate::refuse_pending(connection)?;
        let base = self.base(connection).await?;
        base.credentials
            .get()
            .await
            .map_err(|failure| failure.context("connection", connection.nickname))?;
        let mut proving = Proving::new(connection, &base);
        let verdict = match &connection.role_arn {
            None => {
                let sts = Sts::new(&base.config, connection);
                proving.identity = match connection.endpoint {
                    Endpoint::Url(_) => sts.identity_if_told().await?.map(Identity::from),
                    Endpoint::Aws | Endpoint::Sandbox => Some(identity(&sts).await?.0),
                };
                Verdict::NotApplicable
            }
            Some(role_arn) => {
                let role = Role {
                    sts: Sts::new(&base.config, connection),
                    role_arn: role_arn.clone(),
                    external_id: connection.external_id.clone(),
                    session_name: SESSION_NAME.to_owned(),
                    attribution: connection.attribution(&RunIdentity {
                        run_id: SESSION_NAME.to_owned(),
                        flow: SESSION_NAME.to_owned(),
                    })?,
                    policy: None,
                };
                Box::pin(proving.role(&role)).await?
            }
        };
        let when = Timestamp::try_from(self.now()).unwrap_or_default();
        Ok(Proof {
            when,
            verdict,
            probes: proving.probes,
            identity: proving.identity,
            region: base.config.region().map(ToString::to_string),
            endpoint: base.config.endpoint_url().map(str::to_owned),
        })
    }
}

impl ConnectionStore {
    /// What the answer of an HTTP server to a test comes to.
    pub(crate) fn http_proof(
        &self,
        connection: &Connection,
        url: &str,
        answer: Result<u16, CardError>,
    ) -> Proof {
        let failed = |message: String| {
            CardError::new(ErrorKind::Connection, message)
                .context("connection", connection.nickname.as_str())
        };
        let (outcome, problem) = match answer {
            Err(failure) => (Outcome::Inconclusive, Some(failure)),
            Ok(200..=399) => (Outcome::Answered, None),
            Ok(status @ (401 | 403)) => (
                Outcome::Denied,
                Some(
                    failed(format!("`{url}` does not let us in (HTTP {status})"))
                        .help("check `auth` of the connection, and what the server lets it do"),
                ),
            ),
            Ok(status) => (
                Outcome::Inconclusive,
                Some(failed(format!("`{url}` answers with HTTP {status}")).help(
                    "check `url`; where it is right, name a path that answers: `test_path: /PATH`",
                )),
            ),
        };
        let probe = ProbeKind::Answer;
        Proof {
            when: Timestamp::try_from(self.now()).unwrap_or_default(),
            verdict: match problem {
                None => Verdict::Works,
                Some(failure) => Verdict::NotVerified { probe, failure },
            },
            probes: vec![Probe {
                kind: probe,
                outcome,
                request_id: None,
            }],
            identity: None,
            region: None,
            endpoint: Some(url.to_owned()),
        }
    }

    /// Who the base credentials of a connection belong to: whom its role has to trust.
    ///
    /// # Errors
    /// Where the base gives no credentials or no region, or STS does not tell.
    pub async fn base_identity(
        &self,
        connection: AwsConnection<'_>,
    ) -> Result<Identity, CardError> {
        let base = self.base(connection).await?;
        let sts = Sts::new(&base.config, connection);
        Ok(identity(&sts).await?.0)
    }
}

/// A proof in the making.
struct Proving<'a> {
    connection: AwsConnection<'a>,
    base: &'a Loaded,
    probes: Vec<Probe>,
    identity: Option<Identity>,
}

impl<'a> Proving<'a> {
    fn new(connection: AwsConnection<'a>, base: &'a Loaded) -> Self {
        Self {
            connection,
            base,
            probes: Vec::new(),
            identity: None,
        }
    }

    fn note(&mut self, kind: ProbeKind, outcome: Outcome, request_id: Option<String>) {
        self.probes.push(Probe {
            kind,
            outcome,
            request_id,
        });
    }

    async fn role(&mut self, role: &Role) -> Result<Verdict, CardError> {
        let own = match role.probe(role.external_id.as_deref()).await {
            Probed::Assumed {
                credentials,
                request_id,
            } => {
                self.note(ProbeKind::OwnId, Outcome::Assumed, request_id);
                Ok(credentials)
            }
            Probed::Denied { error, request_id } => {
                self.note(ProbeKind::OwnId, Outcome::Denied, request_id);
                Err(not_ready(role.failure(&error).await))
            }
            Probed::Inconclusive {
                failure,
                request_id,
            } => {
                self.note(ProbeKind::OwnId, Outcome::Inconclusive, request_id);
                // What the next ones would say is no more than this one.
                return Ok(Verdict::NotVerified {
                    probe: ProbeKind::OwnId,
                    failure,
                });
            }
        };
        let mut doubt = None;
        if self.connection.trust == Trust::ExternalId {
            let entered = self.without_the_id(role, &mut doubt).await?;
            // A role that lets anybody in is unsafe whether or not it lets us in.
            if !entered.is_empty() {
                return Ok(Verdict::Unsafe { entered });
            }
        }
        let not_verified = |probe, failure| Verdict::NotVerified { probe, failure };
        let credentials = match own {
            Ok(credentials) => credentials,
            Err(failure) => return Ok(not_verified(ProbeKind::OwnId, failure)),
        };
        if let Some((probe, failure)) = doubt {
            return Ok(not_verified(probe, failure));
        }
        let config = self
            .base
            .config
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        match self
            .account(&Sts::new(&config, self.connection), role)
            .await
        {
            Err(failure) => Ok(not_verified(ProbeKind::Account, failure)),
            Ok(()) => Ok(match self.connection.trust {
                Trust::ExternalId => Verdict::Verified,
                Trust::Principal => Verdict::TrustedByPrincipal,
            }),
        }
    }

    /// The probes that must be denied: those that got in. The first that was not answered becomes
    /// the doubt.
    async fn without_the_id(
        &mut self,
        role: &Role,
        doubt: &mut Option<(ProbeKind, CardError)>,
    ) -> Result<Vec<ProbeKind>, CardError> {
        let random = new_external_id().map_err(|error| {
            CardError::new(
                ErrorKind::Unexpected,
                format!("this machine gives no random bytes: {error}"),
            )
        })?;
        let mut entered = Vec::new();
        let probes = [
            (ProbeKind::NoId, None),
            (ProbeKind::RandomId, Some(random.as_str())),
        ];
        for (kind, id) in probes {
            match role.probe(id).await {
                Probed::Assumed { request_id, .. } => {
                    entered.push(kind);
                    self.note(kind, Outcome::Assumed, request_id);
                }
                Probed::Denied { request_id, .. } => {
                    self.note(kind, Outcome::Denied, request_id);
                }
                Probed::Inconclusive {
                    failure,
                    request_id,
                } => {
                    doubt.get_or_insert((kind, failure));
                    self.note(kind, Outcome::Inconclusive, request_id);
                }
            }
        }
        Ok(entered)
    }

    async fn account(&mut self, sts: &Sts, role: &Role) -> Result<(), CardError> {
        let (identity, request_id) = match identity(sts).await {
            Ok(found) => found,
            Err(failure) => {
                self.note(ProbeKind::Account, Outcome::Inconclusive, None);
                return Err(failure);
            }
        };
        let expected = role.role_arn.account();
        let is_same = identity.account == expected;
        let outcome = if is_same {
            Outcome::SameAccount
        } else {
            Outcome::OtherAccount
        };
        let failure = || {
            CardError::new(
                ErrorKind::Connection,
                format!(
                    "the session belongs to account {}, and the role's ARN names account \
                     {expected}",
                    identity.account
                ),
            )
            .context("connection", self.connection.nickname)
            .context("role_arn", role.role_arn.as_str())
            .help("check the role's ARN, and that `endpoint` is a server that you trust")
        };
        let checked = if is_same { Ok(()) } else { Err(failure()) };
        self.note(ProbeKind::Account, outcome, request_id);
        self.identity = Some(identity);
        checked
    }
}

/// A denial of the right External ID may only mean that it is too early.
fn not_ready(mut failure: CardError) -> CardError {
    let help = failure.help.take().unwrap_or_default();
    failure.help(format!(
        "{help}; what was changed in IAM a moment ago takes up to a minute to be seen"
    ))
}

async fn identity(sts: &Sts) -> Result<(Identity, Option<String>), CardError> {
    use aws_types::request_id::RequestId as _;
    let answer = sts.identity().await?;
    let request_id = answer.request_id().map(str::to_owned);
    Ok((answer.into(), request_id))
}

impl From<GetCallerIdentityOutput> for Identity {
    fn from(answer: GetCallerIdentityOutput) -> Self {
        Self {
            arn: answer.arn.unwrap_or_default(),
            account: answer.account.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
