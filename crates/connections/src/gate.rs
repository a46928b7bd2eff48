//! Which connections a session is opened for: those whose role is proven, and of the rest only
//! those that a person answers for.

use std::time::{Duration, SystemTime};

use flowrun_card::{CardError, ErrorKind};
use jiff::Timestamp;

use crate::{
    AwsConnection, ConnectionStore, Environment, Health, Verdict,
    record::{Records, record_proof},
};

/// How long a proof is believed. Trust policies change, and their owners do not tell us.
const PROOF_LASTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is known of a role, and since when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    health: Health,
    since: Timestamp,
}

impl Known {
    /// Whether it decides something still: a role that was not verified is asked again, and so is
    /// one that was proven long ago.
    fn is_current(self, now: SystemTime) -> bool {
        let since = SystemTime::from(self.since);
        // A proof from the future is of a clock that was wrong.
        let age = now.duration_since(since);
        self.health != Health::NotVerified && age.is_ok_and(|age| age < PROOF_LASTS)
    }
}

impl ConnectionStore {
    /// Refuses a connection that flows may not use.
    ///
    /// A role that is not proven yet, or was proven more than 30 days ago, is proven now, by one
    /// caller for all that ask meanwhile, and what came of it is recorded.
    pub(crate) async fn admit(&self, connection: AwsConnection<'_>) -> Result<(), CardError> {
        refuse_pending(connection)?;
        if connection.role_arn.is_none() {
            return Ok(());
        }
        let known = match recorded(connection)?.filter(|known| known.is_current(self.now())) {
            Some(known) => known,
            None => {
                let flight = self.proof_flight(connection.nickname);
                let is_current = |known: &Known| known.is_current(self.now());
                flight.get(is_current, self.prove_now(connection)).await?
            }
        };
        judge(connection, known.health)
    }

    async fn prove_now(&self, connection: AwsConnection<'_>) -> Result<Known, CardError> {
        let proof = Box::pin(self.prove_aws(connection)).await?;
        if let Verdict::NotVerified { failure, .. } = proof.verdict {
            return Err(failure);
        }
        // It stands all the same, for as long as this store is open.
        if let Err(error) = record_proof(connection.whole, &proof) {
            tracing::warn!(
                connection = %connection.nickname,
                %error,
                "the proof of the connection is not remembered"
            );
        }
        tracing::info!(
            connection = %connection.nickname,
            verdict = proof.verdict.health().name(),
            "the connection was proven before its use"
        );
        Ok(Known {
            health: proof.verdict.health(),
            since: proof.when,
        })
    }
}

fn recorded(connection: AwsConnection<'_>) -> Result<Option<Known>, CardError> {
    let records = Records::read(connection.file).map_err(|error| {
        // Whether it is unsafe is not known then.
        refused(connection, error.to_string()).help(format!(
            "delete that file and run `flowrun connections test {}{}`",
            connection.nickname,
            in_folder(connection)
        ))
    })?;
    Ok(records.of(connection.whole).map(|record| Known {
        health: record.health,
        since: record.when,
    }))
}

fn judge(connection: AwsConnection<'_>, health: Health) -> Result<(), CardError> {
    if health != Health::Unsafe {
        return Ok(());
    }
    match &connection.accept_unsafe {
        Some(words) => {
            tracing::warn!(
                connection = %connection.nickname,
                accepted = %words,
                "the role lets others in, which was accepted"
            );
            Ok(())
        }
        None => Err(refused(
            connection,
            "the role is unsafe: others than this connection can assume it".to_owned(),
        )
        .help(format!(
            "ask the role's owner for a trust policy with the External ID and run `flowrun \
             connections test {}{}`; or say in the connection why it is used all the same: \
             `accept_unsafe: SENTENCE`",
            connection.nickname,
            in_folder(connection)
        ))),
    }
}

/// Refuses a connection that has no role yet, and must not fall back to its base.
pub(crate) fn refuse_pending(connection: AwsConnection<'_>) -> Result<(), CardError> {
    if !connection.is_pending() {
        return Ok(());
    }
    let member = connection.whole.member.as_ref();
    if let Some(member) = member.filter(|_| connection.lacks_external_id()) {
        return Err(refused(
            connection,
            format!(
                "the connection `{}` is not finished: it has no External ID yet",
                connection.nickname
            ),
        )
        .help(format!(
            "run `flowrun connections add-member {} --account {}{}`",
            member.set.name,
            member.account,
            in_folder(connection)
        )));
    }
    Err(refused(
        connection,
        format!(
            "the connection `{}` is not finished: it has no role yet",
            connection.nickname
        ),
    )
    .help(format!(
        "run `flowrun connections finish {} --role-arn ARN{}`",
        connection.nickname,
        in_folder(connection)
    )))
}

/// The options by which a command finds the connection from wherever it is called: flows of other
/// folders see it too.
fn in_folder(connection: AwsConnection<'_>) -> String {
    let folder = match connection.file.parent() {
        Some(folder) => format!(" --folder {}", folder.display()),
        None => String::new(),
    };
    match Environment::of_file(connection.file) {
        Some(environment) => format!("{folder} --environment {environment}"),
        None => folder,
    }
}

fn refused(connection: AwsConnection<'_>, message: String) -> CardError {
    let failure =
        CardError::new(ErrorKind::Connection, message).context("connection", connection.nickname);
    match &connection.role_arn {
        Some(role) => failure.context("role_arn", role.as_str()),
        None => failure,
    }
}
