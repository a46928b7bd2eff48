//! Who reads the sealed secrets of a folder: recipients added and taken out, with every secret
//! sealed anew.

use std::path::{Path, PathBuf};

use super::{
    Identities, Recipient, Recipients, SealedError, SharedWith,
    envelope::{self, Place},
    identity::Identity,
    places::sealed_texts,
    recipients::{self, name_of},
};
use crate::{
    MAX_FILE_BYTES, StoreError,
    disk::{self, Lock},
    edit::real_path,
    file::{self, entries},
};

/// The most connection files of a folder.
const MAX_FILES: usize = 100;

/// What a change of recipients came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resealed {
    /// Who reads now.
    pub recipients: Recipients,
    /// Who was added or taken out.
    pub changed: Recipient,
    /// Their name.
    pub name: Option<String>,
    /// The files that have sealed secrets, and how many.
    pub files: Vec<(PathBuf, usize)>,
}

/// Lets a recipient read the sealed secrets beside a connection file: each is sealed anew, for all
/// recipients and the new one. One that is there already is sealed for again, which mends what a
/// killed process left half done.
///
/// Everything is opened and sealed before anything is written; then each file is replaced whole,
/// and the recipients file last. A kill in between leaves files that all who could read before can
/// still read, and the same call again finishes.
///
/// # Errors
/// Where nothing was changed: a secret cannot be opened with `identities`, or a file read. Where a
/// file cannot be written, those before it are.
pub fn share_add(
    connection_file: &Path,
    recipient: &Recipient,
    name: Option<&str>,
    identities: &Identities,
) -> Result<Resealed, SealedError> {
    let connection_file = &real_path(connection_file)?;
    let _lock = Lock::of(connection_file)?;
    let old = Recipients::beside(connection_file)?;
    let new = old.with(recipient, name)?;
    let files = reseal(&old, &new, identities)?;
    let known = new
        .list()
        .iter()
        .find(|known| known.recipient == *recipient);
    Ok(Resealed {
        changed: recipient.clone(),
        name: known.and_then(|known| known.name.clone()),
        recipients: new,
        files,
    })
}

/// Takes a recipient out, told by itself or by its name, and seals each secret anew for those who
/// are left. What was sealed before, as in the history of git, it can still open.
///
/// # Errors
/// As [`share_add`], and where there is no such recipient, or no other.
pub fn share_remove(
    connection_file: &Path,
    recipient: &str,
    identities: &Identities,
) -> Result<Resealed, SealedError> {
    let connection_file = &real_path(connection_file)?;
    let _lock = Lock::of(connection_file)?;
    let old = Recipients::beside(connection_file)?;
    let (
        new,
        SharedWith {
            recipient, name, ..
        },
    ) = old.without(recipient)?;
    let files = reseal(&old, &new, identities)?;
    Ok(Resealed {
        recipients: new,
        changed: recipient,
        name,
        files,
    })
}

/// Seals every secret of the covered files for other recipients, then writes the recipients.
fn reseal(
    old: &Recipients,
    new: &Recipients,
    identities: &Identities,
) -> Result<Vec<(PathBuf, usize)>, SealedError> {
    let mut files = Vec::new();
    for path in recipients::covered(old.path(), MAX_FILES)? {
        let (text, count) = resealed(&path, new, identities)?;
        if count > 0 {
            files.push((path, text, count));
        }
    }
    for (path, text, _) in &files {
        disk::replace(path, text.as_bytes())?;
    }
    if new != old {
        disk::replace(new.path(), new.text().as_bytes())?;
    }
    Ok(files
        .into_iter()
        .map(|(path, _, count)| (path, count))
        .collect())
}

/// The text of a file with each secret sealed anew, and how many they are.
fn resealed(
    path: &Path,
    recipients: &Recipients,
    identities: &Identities,
) -> Result<(String, usize), SealedError> {
    let by_hand = |message: String| SealedError::ByHand {
        path: path.to_owned(),
        message,
    };
    let mut text = file::read_text(path)?;
    entries::refuse_deep_nesting(&text, path)?;
    let places = sealed_texts(&text).map_err(by_hand)?;
    if places.is_empty() {
        return Ok((text, 0));
    }
    let identities = identities.identities()?;
    // From the end, so that what is before stays where it is.
    for found in places.iter().rev() {
        let sealed = text.get(found.range.clone()).unwrap_or_default();
        let place = Place {
            file: name_of(path),
            connection: &found.connection,
            field: &found.field,
            destination: "",
        };
        let again = seal_again(sealed, &place, recipients, &identities)?;
        text.replace_range(found.range.clone(), &again);
    }
    if text.len() as u64 > MAX_FILE_BYTES {
        let (path, limit) = (path.to_owned(), MAX_FILE_BYTES);
        return Err(StoreError::TooLong { path, limit }.into());
    }
    Ok((text, places.len()))
}

fn seal_again(
    sealed: &str,
    place: &Place<'_>,
    recipients: &Recipients,
    identities: &[Identity],
) -> Result<String, SealedError> {
    let (secret, destination) = envelope::open_to_reseal(sealed, place, identities)?;
    let place = Place {
        destination: &destination,
        ..*place
    };
    envelope::seal(&secret, &place, &recipients.keys())
}

#[cfg(test)]
mod tests;
