//! One secret, sealed: encrypted to recipients, with a header inside that says where it belongs.

use std::{
    fmt,
    io::{Read as _, Write as _},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flowrun_card::Secret;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{Recipient, SealedError, identity::Identity};
use crate::{
    MAX_SECRET_BYTES,
    secret::{MAX_SEALED_BYTES, SecretPlace},
};

/// The version of the header.
const VERSION: u32 = 1;

/// Where a secret belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The name of the connection file, without its folder: a repository may stand anywhere.
    pub(super) file: &'a str,
    /// The nickname of the connection.
    pub(super) connection: &'a str,
    /// The field of the connection: its keys, joined by dots.
    pub(super) field: &'a str,
    /// The server that the secret is sent to, such as `https://api.example.com`.
    pub(super) destination: &'a str,
}

/// The first line inside.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    file: String,
    connection: String,
    field: String,
    destination: String,
}

impl<'a> Place<'a> {
    /// The place of a secret in the file of that name.
    pub(super) fn new(file: &'a str, place: &SecretPlace<'a>) -> Self {
        Self {
            file,
            connection: place.nickname,
            field: place.field,
            destination: place.destination,
        }
    }
}

impl Place<'_> {
    fn header(&self) -> Header {
        Header {
            version: VERSION,
            file: self.file.to_owned(),
            connection: self.connection.to_owned(),
            field: self.field.to_owned(),
            destination: self.destination.to_owned(),
        }
    }

    fn damaged(&self, message: impl fmt::Display) -> SealedError {
        SealedError::Damaged {
            connection: self.connection.to_owned(),
            field: self.field.to_owned(),
            message: message.to_string(),
        }
    }
}

/// Seals a secret for a place.
///
/// # Errors
/// Where the secret is empty or too long.
pub(super) fn seal(
    secret: &Secret,
    place: &Place<'_>,
    recipients: &[&Recipient],
) -> Result<String, SealedError> {
    let length = secret.expose().len();
    if !(1..=MAX_SECRET_BYTES).contains(&length) {
        return Err(SealedError::SecretLength {
            length,
            limit: MAX_SECRET_BYTES,
        });
    }
    let failed = |message: String| place.damaged(message);
    let header = line(&place.header());
    let keys = recipients
        .iter()
        .map(|recipient| recipient.key() as &dyn age::Recipient);
    let encryptor =
        age::Encryptor::with_recipients(keys).map_err(|error| failed(error.to_string()))?;
    let mut sealed = Vec::new();
    let write = || {
        let mut writer = encryptor.wrap_output(&mut sealed)?;
        writer.write_all(&header)?;
        writer.write_all(secret.expose().as_bytes())?;
        writer.finish().map(drop)
    };
    write().map_err(|error: std::io::Error| failed(error.to_string()))?;
    Ok(BASE64_STANDARD.encode(sealed))
}

/// Opens a sealed text, where it stands in its place.
///
/// # Errors
/// Where it was sealed for others, for another place, or is damaged.
pub(super) fn open(
    sealed: &str,
    place: &Place<'_>,
    identities: &[Identity],
) -> Result<Secret, SealedError> {
    let plain = decrypt(sealed, place, identities)?;
    let (header, secret) = parts(&plain, place)?;
    let expected = line(&place.header());
    if !bool::from(header.ct_eq(&expected)) {
        return Err(elsewhere(header, place));
    }
    text(secret, place)
}

/// Opens a sealed text that stands in a file, and gives the destination that it was sealed for, to
/// seal it again for the same place. The destination of `place` is not looked at.
///
/// # Errors
/// As [`open`].
pub(super) fn open_to_reseal(
    sealed: &str,
    place: &Place<'_>,
    identities: &[Identity],
) -> Result<(Secret, String), SealedError> {
    let plain = decrypt(sealed, place, identities)?;
    let (header, secret) = parts(&plain, place)?;
    let found = read_header(header, place)?;
    let same = Place {
        destination: &found.destination,
        ..*place
    };
    if !bool::from(header.ct_eq(&line(&same.header()))) {
        return Err(elsewhere(header, place));
    }
    Ok((text(secret, place)?, found.destination))
}

fn decrypt(
    sealed: &str,
    place: &Place<'_>,
    identities: &[Identity],
) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    if sealed.len() > MAX_SEALED_BYTES {
        let message = format!("it has more than {MAX_SEALED_BYTES} bytes");
        return Err(place.damaged(message));
    }
    let bytes = BASE64_STANDARD
        .decode(sealed)
        .map_err(|_| place.damaged("it is not base64"))?;
    let not_whole = || place.damaged("it is not what sealing gave");
    let decryptor = age::Decryptor::new(bytes.as_slice()).map_err(|_| not_whole())?;
    let keys = identities
        .iter()
        .map(|identity| identity.key() as &dyn age::Identity);
    let mut reader = match decryptor.decrypt(keys) {
        Ok(reader) => reader,
        Err(age::DecryptError::NoMatchingKeys) => {
            return Err(SealedError::NotForUs {
                connection: place.connection.to_owned(),
                field: place.field.to_owned(),
                ours: identities.first().map_or_else(
                    || "you".to_owned(),
                    |identity| identity.recipient().to_string(),
                ),
            });
        }
        Err(_) => return Err(not_whole()),
    };
    // What was sealed is shorter than the sealed text, so that the buffer does not grow: one that
    // grows leaves copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    reader.read_to_end(&mut plain).map_err(|_| not_whole())?;
    Ok(plain)
}

fn parts<'p>(plain: &'p [u8], place: &Place<'_>) -> Result<(&'p [u8], &'p [u8]), SealedError> {
    let end = plain.iter().position(|byte| *byte == b'\n');
    end.and_then(|end| plain.split_at_checked(end.saturating_add(1)))
        .ok_or_else(|| place.damaged("it was not sealed by flowrun"))
}

fn text(secret: &[u8], place: &Place<'_>) -> Result<Secret, SealedError> {
    match std::str::from_utf8(secret) {
        Ok(text) if (1..=MAX_SECRET_BYTES).contains(&text.len()) => Ok(Secret::new(text)),
        _ => Err(place.damaged("what it holds is no secret")),
    }
}

fn line(header: &Header) -> Vec<u8> {
    // Strings and a number: there is nothing in it that cannot be written.
    let mut line = serde_json::to_vec(header).unwrap_or_default();
    line.push(b'\n');
    line
}

fn read_header(header: &[u8], place: &Place<'_>) -> Result<Header, SealedError> {
    let header: Header = serde_json::from_slice(header)
        .map_err(|_| place.damaged("it was not sealed by flowrun"))?;
    if header.version == VERSION {
        Ok(header)
    } else {
        Err(place.damaged(format!(
            "its version is {}, and this flowrun knows version {VERSION}",
            header.version
        )))
    }
}

/// Says where a text belongs that stands elsewhere. Whoever sealed it wrote that, so it is shown
/// short and without control characters.
fn elsewhere(header: &[u8], place: &Place<'_>) -> SealedError {
    let found = match read_header(header, place) {
        Ok(found) => found,
        Err(error) => return error,
    };
    let short = |text: &str| text.escape_debug().take(256).collect::<String>();
    let (connection, field) = (place.connection.to_owned(), place.field.to_owned());
    let is_here = (found.file.as_str(), found.connection.as_str())
        == (place.file, place.connection)
        && found.field == place.field;
    if is_here {
        return SealedError::OtherDestination {
            connection,
            field,
            sealed_for: short(&found.destination),
            now: place.destination.to_owned(),
        };
    }
    SealedError::Moved {
        file: place.file.to_owned(),
        connection,
        field,
        sealed_for: format!(
            "`{}` of `{}` in {}",
            short(&found.field),
            short(&found.connection),
            short(&found.file)
        ),
    }
}

#[cfg(test)]
mod tests;
