//! Changes to a connection file that leave every other byte of it as its authors wrote it.

mod layout;
mod splice;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Connection, StoreError,
    disk::{self, Lock},
    file::{self, FILE_NAME, MAX_FILE_BYTES, entries},
};

/// What stands at the top of a connection file that flowrun makes.
const HEADER: &str = "\
# The connections that flows name. A secret stands here sealed or not at all: the file is meant for git.

";

/// A change of one connection.
#[derive(Clone, Copy, Debug)]
pub enum Edit<'a> {
    /// Writes a new one at the end of the file, which is made where there is none; a member at the
    /// end of its set, which is made where there is none.
    Add(&'a Connection),
    /// Gives one other values, and another nickname, where they differ.
    Replace {
        /// As it was read; where the file says something else by now nothing is changed.
        old: &'a Connection,
        /// As it shall be.
        new: &'a Connection,
    },
    /// Takes one out, with the comments that stand in it; the ones above it stay. Where the file
    /// says something else of it by now nothing is changed.
    /// The last member of a set goes with the set only.
    Remove(&'a Connection),
    /// Takes out a set with all its members.
    RemoveSet(&'a [&'a Connection]),
    /// Gives a set other values, and another name, where they differ; and its members theirs.
    ReplaceSet {
        /// All its members, as they were read; where the file says something else by now nothing is
        /// changed.
        old: &'a [&'a Connection],
        /// The same ones, as they shall be.
        new: &'a [Connection],
    },
}

/// A change that was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The nickname is taken.
    #[error(
        "{}: there is a {} `{nickname}` already",
        path.display(),
        if *is_set { "set" } else { "connection" }
    )]
    Exists {
        /// The file.
        path: PathBuf,
        /// The nickname.
        nickname: String,
        /// Whether it is that of a set.
        is_set: bool,
    },
    /// The connection is not as it was read, or is gone.
    #[error(
        "{}: somebody has changed the connection `{nickname}` meanwhile", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// The nickname.
        nickname: String,
    },
    /// The connection breaks a rule of connection files.
    #[error("{message}")]
    Invalid {
        /// Which.
        message: String,
    },
    /// The file is written in a way that a program cannot change safely.
    #[error(
        "{}: the file must be changed by hand, because {message}", path.display()
    )]
    ByHand {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// Changes a connection file.
///
/// The file is read anew under a lock, and every byte that the change is not about stays: comments,
/// order, quotes, line ends. The result is read back, and must say exactly what it shall, before it
/// takes the place of the old file, in one step.
///
/// # Errors
/// Where nothing was changed, and why.
pub fn edit_file(path: &Path, edit: &Edit<'_>) -> Result<(), EditError> {
    let path = &real_path(path)?;
    edit_locked(&Lock::of(path)?, path, edit)
}

/// The file that a path leads to: files that are links to one file are that one file.
pub(crate) fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    match fs::canonicalize(path) {
        Ok(found) => Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(source) => {
            let path = path.to_owned();
            Err(StoreError::Read { path, source })
        }
    }
}

/// As [`edit_file`], of a real path, under the lock that the caller holds.
pub(crate) fn edit_locked(_lock: &Lock, path: &Path, edit: &Edit<'_>) -> Result<(), EditError> {
    let new = changed(&text_of(path)?, path, edit)?;
    disk::replace(path, new.as_bytes())?;
    Ok(())
}

/// Writes new connections at the end of a file, all or none; see [`Edit::Add`].
///
/// # Errors
/// As [`edit_file`].
pub fn add_to_file(path: &Path, connections: &[Connection]) -> Result<(), EditError> {
    let path = &real_path(path)?;
    let _lock = Lock::of(path)?;
    let text = with_all(&text_of(path)?, path, connections)?;
    disk::replace(path, text.as_bytes())?;
    Ok(())
}

/// The connections as a connection file of their own.
///
/// # Errors
/// Where two have one nickname, or they are too many for a file.
pub fn to_text(connections: &[Connection]) -> Result<String, EditError> {
    with_all("", Path::new(FILE_NAME), connections)
}

fn with_all(text: &str, path: &Path, connections: &[Connection]) -> Result<String, EditError> {
    connections
        .iter()
        .try_fold(text.to_owned(), |text, connection| {
            changed(&text, path, &Edit::Add(connection))
        })
}

/// The text of the file; what a new one begins with, where there is none.
fn text_of(path: &Path) -> Result<String, StoreError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HEADER.to_owned()),
        _ => file::read_text(path),
    }
}

/// The text of the file after a change.
fn changed(text: &str, path: &Path, edit: &Edit<'_>) -> Result<String, EditError> {
    let mut expected = entries::parse(text, path)?;
    let found = |connections: &[Connection], wanted: &Connection| {
        connections
            .iter()
            .position(|connection| is_same(connection, wanted))
            .ok_or_else(|| EditError::Changed {
                path: path.to_owned(),
                nickname: wanted.nickname.clone(),
            })
    };
    let by_hand = |message: String| EditError::ByHand {
        path: path.to_owned(),
        message,
    };
    let new = match *edit {
        Edit::Add(connection) => {
            allowed(&expected, connection, path)?;
            match last_of_its_set(&expected, connection) {
                None => {
                    expected.push(connection.clone());
                    splice::add(text, connection)
                }
                Some(last) => {
                    expected.insert(last.saturating_add(1), connection.clone());
                    splice::add_member(text, connection)
                }
            }
        }
        Edit::Remove(connection) => {
            let at = found(&expected, connection)?;
            expected.remove(at);
            match &connection.member {
                None => splice::remove(text, &connection.nickname),
                Some(member) if last_of_its_set(&expected, connection).is_none() => {
                    return Err(EditError::Invalid {
                        message: format!(
                            "`{}` is the only member of its set; delete `{}`",
                            connection.nickname, member.set.name
                        ),
                    });
                }
                Some(member) => {
                    let at = place_in_set(&expected, &member.set.name, at);
                    splice::remove_member(text, &member.set.name, at)
                }
            }
        }
        Edit::RemoveSet(members) => {
            for member in members {
                let at = found(&expected, member)?;
                expected.remove(at);
            }
            let set = members.first().map_or("", |member| member.entry());
            splice::remove(text, set)
        }
        Edit::ReplaceSet { old, new } => {
            let mut places = Vec::new();
            for member in old {
                places.push(found(&expected, member)?);
            }
            let mut others = expected.clone();
            others.retain(|other| !old.iter().any(|member| is_same(other, member)));
            for (place, member) in places.into_iter().zip(new) {
                allowed(&others, member, path)?;
                if let Some(place) = expected.get_mut(place) {
                    *place = member.clone();
                }
            }
            splice::change_set(text, old, new)
        }
        Edit::Replace { old, new } => {
            let at = found(&expected, old)?;
            let mut others = expected.clone();
            others.remove(at);
            allowed(&others, new, path)?;
            if let Some(place) = expected.get_mut(at) {
                *place = new.clone();
            }
            splice::change(text, old, new, place_in_set(&others, old.entry(), at))
        }
    }
    .map_err(by_hand)?;
    let is_right = entries::parse(&new, path).is_ok_and(|found| {
        found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(found, expected)| is_same(found, expected))
    });
    if !is_right {
        return Err(by_hand(
            "the result would not say what it should".to_owned(),
        ));
    }
    if new.len() as u64 > MAX_FILE_BYTES {
        return Err(by_hand(format!(
            "it would have more than {MAX_FILE_BYTES} bytes"
        )));
    }
    Ok(new)
}

/// Equal but for the path, which may lead there by a link.
fn is_same(left: &Connection, right: &Connection) -> bool {
    let right = Connection {
        file: left.file.clone(),
        ..right.clone()
    };
    *left == right
}

/// Where the last member of a connection's set is, and the set is as the connection has it; none
/// where it is a member of none, or the first.
fn last_of_its_set(others: &[Connection], connection: &Connection) -> Option<usize> {
    let set = &connection.member.as_ref()?.set;
    others.iter().rposition(|other| {
        let member = other.member.as_ref();
        member.is_some_and(|member| member.set == *set)
    })
}

/// How many members of a set stand before that place.
fn place_in_set(connections: &[Connection], set: &str, at: usize) -> usize {
    let before = connections.iter().take(at);
    before
        .filter(|other| other.member.is_some() && other.entry() == set)
        .count()
}

fn allowed(others: &[Connection], new: &Connection, path: &Path) -> Result<(), EditError> {
    let invalid = |message| EditError::Invalid { message };
    new.check().map_err(invalid)?;
    // A set that is not as it was read is another one of the same name.
    let is_other = |other: &Connection| match (&other.member, &new.member) {
        (Some(other), Some(new)) => other.set != new.set,
        _ => true,
    };
    let is_taken = |other: &Connection| {
        other.nickname == new.nickname || (other.entry() == new.entry() && is_other(other))
    };
    if let Some(other) = others.iter().find(|other| is_taken(other)) {
        let is_of_entry = other.entry() == new.entry() && is_other(other);
        return Err(EditError::Exists {
            path: path.to_owned(),
            nickname: match is_of_entry {
                true => new.entry().to_owned(),
                false => new.nickname.clone(),
            },
            is_set: is_of_entry && other.member.is_some(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
