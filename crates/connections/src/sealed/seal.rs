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
    let secrets = [(field, secret)];
    save_sealed(Some(connection), connection, &secrets, identities)
}

/// Writes a connection into its file, a new one or in the place of an old one, with secrets by
/// their fields, which are sealed as by [`seal_field`].
///
/// # Errors
/// As [`seal_field`].
pub fn save_sealed(
    old: Option<&Connection>,
    connection: &Connection,
    secrets: &[(&str, &Secret)],
    identities: &Identities,
) -> Result<Recipients, SealedError> {
    let mut new = connection.clone();
    let file = &real_path(&connection.file)?;
    // Until the text stands in its place: a recipient taken out meanwhile could read it.
    let lock = Lock::of(file)?;
    let (recipients, is_new) = seal_into(&mut new, file, secrets, identities)?;
    if is_new {
        disk::replace(recipients.path(), recipients.text().as_bytes())?;
    }
    let edit = match old {
        Some(old) => Edit::Replace { old, new: &new },
        None => Edit::Add(&new),
    };
    edit_locked(&lock, file, &edit)?;
    Ok(recipients)
}

/// The connection with secrets sealed as by [`save_sealed`], to be tried: nothing is written.
///
/// # Errors
/// As [`seal_field`].
pub fn with_sealed(
    connection: &Connection,
    secrets: &[(&str, &Secret)],
    identities: &Identities,
) -> Result<Connection, SealedError> {
    let mut new = connection.clone();
    seal_into(&mut new, &real_path(&connection.file)?, secrets, identities)?;
    Ok(new)
}

/// Seals secrets into a connection. Gives the recipients, and whether they are yet to be written.
fn seal_into(
    connection: &mut Connection,
    file: &Path,
    secrets: &[(&str, &Secret)],
    identities: &Identities,
) -> Result<(Recipients, bool), SealedError> {
    let nickname = connection.nickname.clone();
    let mut places = connection.secrets();
    for (field, _) in secrets {
        if places.iter().all(|place| place.field != *field) {
            return Err(SealedError::NoSuchField {
                connection: nickname,
                field: field.escape_debug().to_string(),
                known: places.iter().map(|place| place.field).collect(),
            });
        }
    }
    let (recipients, is_new) = recipients(file, identities)?;
    for (field, secret) in secrets {
        for found in places.iter_mut().filter(|place| place.field == *field) {
            let place = Place {
                file: name_of(file),
                connection: &nickname,
                field: found.field,
                destination: &found.destination,
            };
            let sealed = envelope::seal(secret, &place, &recipients.keys())?;
            *found.source = SecretSource::Sealed(sealed);
        }
    }
    Ok((recipients, is_new))
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
