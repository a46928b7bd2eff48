//! Which connections no session is opened for: those that wait for their role, and those whose
//! role is proven to let others in.

use flowrun_card::{CardError, ErrorKind};

use crate::{AwsConnection, Environment, Health, record::Records};

/// Refuses a connection that flows may not use.
///
/// One that was never proven passes; the role itself says what it thinks of us.
pub(crate) fn check(connection: AwsConnection<'_>) -> Result<(), CardError> {
    refuse_pending(connection)?;
    if connection.role_arn.is_none() {
        return Ok(());
    }
    let records = Records::read(connection.file).map_err(|error| {
        // Whether it is unsafe is not known then.
        refused(connection, error.to_string()).help(format!(
            "delete that file and run `flowrun connections test {}{}`",
            connection.nickname,
            in_folder(connection)
        ))
    })?;
    let record = records.of(connection.whole);
    if record.is_none_or(|record| record.health != Health::Unsafe) {
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
