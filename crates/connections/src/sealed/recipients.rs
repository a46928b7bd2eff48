//! Who can open the sealed secrets of a folder: `connections.recipients`, meant for git.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use super::SealedError;
use crate::{StoreError, file::FILE_NAME};

/// The name of the file beside a connection file that lists the recipients, in the form of
/// [age's own](https://github.com/FiloSottile/age/blob/main/doc/age.1.ronn): one a line, comments
/// after `#`. The comment on the line above a recipient is its name.
pub const RECIPIENTS_FILE: &str = "connections.recipients";
/// The most recipients that a file lists.
pub const MAX_RECIPIENTS: usize = 100;
/// The longest recipients file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// The most characters of a recipient's name.
const MAX_NAME: usize = 100;

const HEADER: &str = "\
# Who can open the sealed secrets in the connection files of this folder. Whoever changes this file
# decides who reads what is sealed from then on: look at its changes as you look at code.
";

/// Somebody to whom secrets are encrypted: an X25519 recipient of age, `age1…`. It is public.
#[derive(Clone)]
pub struct Recipient {
    key: age::x25519::Recipient,
    text: String,
}

impl Recipient {
    pub(super) fn new(key: age::x25519::Recipient) -> Self {
        let text = key.to_string();
        Self { key, text }
    }

    pub(super) fn key(&self) -> &age::x25519::Recipient {
        &self.key
    }
}

impl FromStr for Recipient {
    type Err = SealedError;

    /// Reads `age1…`. A wrong text is not repeated in the error: it may be the secret half.
    fn from_str(text: &str) -> Result<Self, SealedError> {
        if text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-") {
            return Err(SealedError::IdentityShown);
        }
        let key = age::x25519::Recipient::from_str(text).map_err(|_| SealedError::NotARecipient)?;
        Ok(Self::new(key))
    }
}

impl PartialEq for Recipient {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Recipient {}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({})", self.text)
    }
}

/// A recipient of a file, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedWith {
    /// To whom is encrypted.
    pub recipient: Recipient,
    /// The comment above it.
    pub name: Option<String>,
    /// Its line, counted from 0.
    line: usize,
}

/// A recipients file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients {
    path: PathBuf,
    text: String,
    list: Vec<SharedWith>,
}

impl Recipients {
    /// Those of the folder that a connection file is in; empty where there is no recipients file.
    ///
    /// # Errors
    /// Where the file is there and cannot be read, lists more than [`MAX_RECIPIENTS`] or one of
    /// them twice, or has a line that is no recipient.
    pub fn beside(connection_file: &Path) -> Result<Self, SealedError> {
        let path = connection_file.with_file_name(RECIPIENTS_FILE);
        let failed = |source| StoreError::Read {
            path: path.clone(),
            source,
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(StoreError::NotAFile { path }.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::parse(String::new(), path);
            }
            Err(error) => return Err(failed(error).into()),
        }
        let mut bytes = Vec::new();
        fs::File::open(&path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let limit = MAX_FILE_BYTES;
            return Err(StoreError::TooLong { path, limit }.into());
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::parse(text, path),
            Err(_) => Err(StoreError::NotUtf8 { path }.into()),
        }
    }

    fn parse(text: String, path: PathBuf) -> Result<Self, SealedError> {
        let mut list: Vec<SharedWith> = Vec::new();
        let mut comment = None;
        for (line, content) in text.lines().enumerate() {
            let content = content.trim();
            let above = comment.take();
            if let Some(words) = content.strip_prefix('#') {
                let words = words.trim();
                comment = (!words.is_empty()).then(|| words.to_owned());
                continue;
            }
            if content.is_empty() {
                continue;
            }
            let invalid = |message: String| SealedError::Recipients {
                path: path.clone(),
                line: line.saturating_add(1),
                message,
            };
            let recipient =
                Recipient::from_str(content).map_err(|error| invalid(error.to_string()))?;
            if list.iter().any(|known| known.recipient == recipient) {
                return Err(invalid(format!("the recipient {recipient} stands twice")));
            }
            if list.len() >= MAX_RECIPIENTS {
                return Err(invalid(format!(
                    "there are more than {MAX_RECIPIENTS} recipients"
                )));
            }
            list.push(SharedWith {
                recipient,
                name: above,
                line,
            });
        }
        Ok(Self { path, text, list })
    }

    /// The recipients, in the order of the file.
    pub fn list(&self) -> &[SharedWith] {
        &self.list
    }

    /// The file, which need not be there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn keys(&self) -> Vec<&Recipient> {
        self.list.iter().map(|shared| &shared.recipient).collect()
    }

    /// With one more. One that is there already gets the name, where one is given.
    pub(super) fn with(&self, new: &Recipient, name: Option<&str>) -> Result<Self, SealedError> {
        name.map_or(Ok(()), check_recipient_name)?;
        if let Some(known) = self.list.iter().find(|known| known.recipient == *new) {
            return match name {
                Some(name) => self.renamed(known, name),
                None => Ok(self.clone()),
            };
        }
        let mut text = self.text.clone();
        if text.is_empty() {
            text.push_str(HEADER);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push('\n');
        if let Some(name) = name {
            text.push_str(&format!("# {name}\n"));
        }
        text.push_str(&format!("{new}\n"));
        Self::parse(text, self.path.clone())
    }

    fn renamed(&self, known: &SharedWith, name: &str) -> Result<Self, SealedError> {
        let mut lines: Vec<String> = self.text.split_inclusive('\n').map(str::to_owned).collect();
        let comment = format!("# {name}\n");
        match known.line.checked_sub(1) {
            Some(above) if known.name.is_some() => {
                if let Some(line) = lines.get_mut(above) {
                    *line = comment;
                }
            }
            _ => lines.insert(known.line, comment),
        }
        Self::parse(lines.concat(), self.path.clone())
    }

    /// Without one, which is told by itself or by its name, and which one that is.
    pub(super) fn without(&self, wanted: &str) -> Result<(Self, SharedWith), SealedError> {
        let by_key = |known: &&SharedWith| known.recipient.to_string() == wanted;
        let by_name = |known: &&SharedWith| known.name.as_deref() == Some(wanted);
        let found = match self.list.iter().find(by_key) {
            Some(found) => found,
            None => {
                let named: Vec<_> = self.list.iter().filter(by_name).collect();
                match *named.as_slice() {
                    [found] => found,
                    [] => {
                        return Err(SealedError::NoSuchRecipient {
                            path: self.path.clone(),
                            recipient: wanted.escape_debug().to_string(),
                        });
                    }
                    ref many => {
                        return Err(SealedError::ManyOfThatName {
                            path: self.path.clone(),
                            name: wanted.to_owned(),
                            count: many.len(),
                        });
                    }
                }
            }
        };
        if self.list.len() == 1 {
            return Err(SealedError::LastRecipient {
                path: self.path.clone(),
                recipient: found.recipient.to_string(),
            });
        }
        // Its name goes with it, and the blank line before them.
        let first = found.line.saturating_sub(usize::from(found.name.is_some()));
        let lines: Vec<&str> = self.text.split_inclusive('\n').collect();
        let is_blank = |line: usize| lines.get(line).is_some_and(|line| line.trim().is_empty());
        let first = match first.checked_sub(1) {
            Some(before) if is_blank(before) => before,
            _ => first,
        };
        let text = lines
            .iter()
            .enumerate()
            .filter(|(line, _)| !(first..=found.line).contains(line))
            .map(|(_, line)| *line)
            .collect();
        Ok((Self::parse(text, self.path.clone())?, found.clone()))
    }
}

/// Checks the name of a recipient, which stands in a comment.
///
/// # Errors
/// Where it is empty, too long, or has control characters.
pub fn check_recipient_name(name: &str) -> Result<(), SealedError> {
    let is_fine = name.trim() == name
        && (1..=MAX_NAME).contains(&name.chars().count())
        && !name.chars().any(char::is_control);
    if is_fine {
        Ok(())
    } else {
        Err(SealedError::RecipientName { limit: MAX_NAME })
    }
}

/// The name of a file, which sealed texts are bound to.
pub(super) fn name_of(file: &Path) -> &str {
    let name = file.file_name().and_then(|name| name.to_str());
    name.unwrap_or_default()
}

/// Whether a file of that name is a connection file that a recipients file is about.
pub(super) fn is_covered(name: &str) -> bool {
    name == FILE_NAME
        || name
            .strip_prefix("connections.")
            .and_then(|rest| rest.strip_suffix(".yaml"))
            .is_some_and(|environment| !environment.is_empty())
}

/// The connection files whose sealed secrets a recipients file is about: `connections.yaml` and
/// `connections.NAME.yaml` beside it, in the order of their names.
pub(super) fn covered(recipients: &Path, limit: usize) -> Result<Vec<PathBuf>, SealedError> {
    let folder = match recipients.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let failed = |source| StoreError::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        // A link leads to a file that is covered where it is.
        let is_file = entry.file_type().map_err(failed)?.is_file();
        if is_file && entry.file_name().to_str().is_some_and(is_covered) {
            files.push(entry.path());
        }
        if files.len() > limit {
            return Err(SealedError::TooManyFiles {
                path: folder.to_owned(),
                limit,
            });
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
