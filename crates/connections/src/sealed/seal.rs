//! Secrets put into a connection file, sealed.

use std::path::Path;

use flowrun_card::Secret;

use super::{
    Identities, Recipients, SealedError,
    envelope::{self, Place},
    recipients::{is_covered, name_of},
};
use crate::{
    Connection, Edit, EditError, SecretSource,
    disk::{self, Lock},
    edit::{edit_locked, real_path},
};

/// Writes a secret into its connection file, sealed for the recipients beside it, in the place of
/// what stands there. Where nobody is listed yet, `connections.recipients` is made with our own
/// recipient. Gives the recipients.
///
/// # Errors
/// Where the connection has no such secret, nothing can be sealed, or the file cannot be changed.
/// The connection file is as it was then.
pub fn seal_field(
    connection: &Connection,
    field: &str,
    secret: &Secret,
    identities: &Identities,
) -> Result<Recipients, SealedError> {
    let mut new = connection.clone();
    let known: Vec<&str> = new.secrets().iter().map(|secret| secret.field).collect();
    let mut secrets = new.secrets();
    let Some(found) = secrets.iter_mut().find(|secret| secret.field == field) else {
        return Err(SealedError::NoSuchField {
            connection: connection.nickname.clone(),
            field: field.escape_debug().to_string(),
            known,
        });
    };
    let file = &real_path(&connection.file)?;
    // Until the text stands in its place: a recipient taken out meanwhile could read it.
    let lock = Lock::of(file)?;
    let (recipients, is_new) = recipients(file, identities)?;
    let place = Place {
        file: name_of(file),
        connection: &connection.nickname,
        field: found.field,
        destination: &found.destination,
    };
    *found.source = SecretSource::Sealed(envelope::seal(secret, &place, &recipients.keys())?);
    drop(secrets);
    if is_new {
        disk::replace(recipients.path(), recipients.text().as_bytes())?;
    }
    let edit = Edit::Replace {
        old: connection,
        new: &new,
    };
    edit_locked(&lock, file, &edit)?;
    Ok(recipients)
}

/// Gives a connection another nickname in its file, and seals its sealed secrets anew under that
/// one.
///
/// # Errors
/// Where a secret cannot be opened, the nickname is taken, or the file cannot be changed.
pub fn rename_file_entry(
    old: &Connection,
    nickname: &str,
    identities: &Identities,
) -> Result<(), SealedError> {
    let mut new = Connection {
        nickname: nickname.to_owned(),
        ..old.clone()
    };
    new.check()
        .map_err(|message| EditError::Invalid { message })?;
    let file = &real_path(&old.file)?;
    let lock = Lock::of(file)?;
    for field in new.secrets() {
        let SecretSource::Sealed(sealed) = &*field.source else {
            continue;
        };
        let (recipients, _) = recipients(file, identities)?;
        let place = |connection, destination| Place {
            file: name_of(file),
            connection,
            field: field.field,
            destination,
        };
        let was = place(&old.nickname, "");
        let (secret, destination) =
            envelope::open_to_reseal(sealed, &was, &identities.identities()?)?;
        // For the server that it had: a secret that does not open today does not open for that.
        let is = place(nickname, &destination);
        *field.source = SecretSource::Sealed(envelope::seal(&secret, &is, &recipients.keys())?);
    }
    Ok(edit_locked(&lock, file, &Edit::Replace { old, new: &new })?)
}

/// The recipients beside a connection file, and whether they are yet to be written.
fn recipients(file: &Path, identities: &Identities) -> Result<(Recipients, bool), SealedError> {
    if !is_covered(name_of(file)) {
        return Err(SealedError::ByHand {
            path: file.to_owned(),
            message: "secrets are sealed in files that are named `connections.yaml` or \
                      `connections.NAME.yaml`, so that a change of recipients finds them"
                .to_owned(),
        });
    }
    let recipients = Recipients::beside(file)?;
    if !recipients.list().is_empty() {
        return Ok((recipients, false));
    }
    let (own, _) = identities.own_recipient()?;
    Ok((recipients.with(&own, None)?, true))
}

#[cfg(test)]
mod tests;
