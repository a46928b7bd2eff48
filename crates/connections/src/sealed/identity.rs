//! What opens sealed secrets: age identities, from a key file or from the user's store.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::{Mutex, PoisonError},
};

use age::secrecy::ExposeSecret as _;
use flowrun_card::{CardError, ErrorKind, Secret};

use super::{
    Recipient, SealedError, UserStore,
    envelope::{self, Place},
    private,
    recipients::name_of,
};
use crate::{SealedSecrets, SecretPlace, edit::real_path};

/// The longest identity file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// The most identities of a file.
const MAX_IDENTITIES: usize = 20;

/// An X25519 identity of age. Its memory is wiped when it is dropped.
#[derive(Clone)]
pub(super) struct Identity(age::x25519::Identity);

impl Identity {
    pub(super) fn generate() -> Self {
        Self(age::x25519::Identity::generate())
    }

    /// Reads `AGE-SECRET-KEY-1…`; none where the text is something else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        age::x25519::Identity::from_str(text).ok().map(Self)
    }

    pub(super) fn key(&self) -> &age::x25519::Identity {
        &self.0
    }

    pub(super) fn recipient(&self) -> Recipient {
        Recipient::new(self.0.to_public())
    }

    pub(super) fn text(&self) -> Secret {
        Secret::new(self.0.to_string().expose_secret())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.recipient())
    }
}

/// Which passphrase is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passphrase {
    /// That of a store that is there.
    Known,
    /// One for a store that is made, which is better asked for twice.
    New,
}

/// Asks a person for the passphrase of the user's store, or says why nobody can be asked.
pub type AskPassphrase = dyn Fn(Passphrase) -> Result<Secret, String> + Send + Sync;

/// The identities that open sealed secrets here. They are read when the first secret is opened, and
/// kept.
pub struct Identities {
    source: Source,
    opened: Mutex<Option<Vec<Identity>>>,
}

enum Source {
    File(PathBuf),
    User(UserStore),
    Nowhere,
}

impl Identities {
    /// Those of a key file: lines of `AGE-SECRET-KEY-1…`, and comments after `#`. Nobody else may
    /// have a right to the file.
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(path.into()))
    }

    /// The one in the user's store.
    pub fn of_user(store: UserStore) -> Self {
        Self::of(Source::User(store))
    }

    /// None: nothing that is sealed can be opened.
    pub fn none() -> Self {
        Self::of(Source::Nowhere)
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            opened: Mutex::default(),
        }
    }

    /// Our recipient, which others encrypt to; made, in the user's store, where there is none yet.
    /// Tells whether it was made now.
    ///
    /// # Errors
    /// Where an identity is there and cannot be read, or none can be made.
    pub fn own_recipient(&self) -> Result<(Recipient, bool), SealedError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let (None, Source::User(store)) = (opened.as_ref(), &self.source) {
            let (identity, is_new) = store.identity_or_new()?;
            let recipient = identity.recipient();
            *opened = Some(vec![identity]);
            return Ok((recipient, is_new));
        }
        drop(opened);
        let identities = self.identities()?;
        let first = identities.first().ok_or(SealedError::NoIdentity)?;
        Ok((first.recipient(), false))
    }

    pub(super) fn identities(&self) -> Result<Vec<Identity>, SealedError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identities) = opened.as_ref() {
            return Ok(identities.clone());
        }
        let identities = match &self.source {
            Source::File(path) => read(path)?,
            Source::User(store) => vec![store.identity()?.ok_or(SealedError::NoIdentity)?],
            Source::Nowhere => return Err(SealedError::NoIdentity),
        };
        *opened = Some(identities.clone());
        Ok(identities)
    }
}

impl SealedSecrets for Identities {
    fn open(&self, place: &SecretPlace<'_>, sealed: &str) -> Result<Secret, CardError> {
        let open = || {
            let file = real_path(place.file)?;
            let place = Place::new(name_of(&file), place);
            envelope::open(sealed, &place, &self.identities()?)
        };
        open()
            .map_err(|error: SealedError| CardError::new(ErrorKind::Connection, error.to_string()))
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities(hidden)")
    }
}

fn read(path: &Path) -> Result<Vec<Identity>, SealedError> {
    let bytes = private::read(path, MAX_FILE_BYTES)?;
    let invalid = |line: usize, message: String| SealedError::IdentityFile {
        path: path.to_owned(),
        line: line.saturating_add(1),
        message,
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| invalid(0, "the file is not UTF-8 text".to_owned()))?;
    let mut identities = Vec::new();
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let identity = Identity::parse(content).ok_or_else(|| {
            invalid(
                line,
                "this is no age identity, which starts with `AGE-SECRET-KEY-1`".to_owned(),
            )
        })?;
        if identities.len() >= MAX_IDENTITIES {
            let message = format!("there are more than {MAX_IDENTITIES} identities");
            return Err(invalid(line, message));
        }
        identities.push(identity);
    }
    if identities.is_empty() {
        return Err(invalid(
            0,
            "there is no age identity in this file".to_owned(),
        ));
    }
    Ok(identities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk;

    #[test]
    fn an_identity_file_holds_identities_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.txt");
        let open = |bytes: &[u8]| {
            disk::replace_private(&path, bytes).unwrap();
            let identities = Identities::of_file(&path);
            let own = identities.own_recipient();
            own.map(|(recipient, is_new)| (recipient.to_string(), is_new))
                .map_err(|error| error.to_string())
        };
        let first = Identity::generate();
        let line = |identity: &Identity| format!("{}\n", identity.text().expose());
        let many: String = (1..MAX_IDENTITIES)
            .map(|_| line(&Identity::generate()))
            .collect();
        let most = format!("# CI\r\n\n{}{many}", line(&first));
        let ours = (first.recipient().to_string(), false);
        assert_eq!(open(most.as_bytes()), Ok(ours.clone()));
        let longest = format!("{most}{}", "#".repeat(64 * 1024 - most.len()));
        assert_eq!(open(longest.as_bytes()), Ok(ours));

        let more = format!("{most}{}", line(&Identity::generate()));
        for (bytes, expect) in [
            (more.as_bytes(), ":23: there are more than 20 identities"),
            (
                format!("{longest}#").as_bytes(),
                ": the key file has more than 65536 bytes",
            ),
            (b"# CI\n", ":1: there is no age identity in this file"),
            (b"\xff", ":1: the file is not UTF-8 text"),
            (
                first.recipient().to_string().as_bytes(),
                ":1: this is no age identity, which starts with `AGE-SECRET-KEY-1`",
            ),
        ] {
            assert_eq!(open(bytes), Err(format!("{}{expect}", path.display())));
        }
    }

    #[test]
    fn where_nothing_can_be_kept_there_is_no_identity() {
        assert_eq!(
            Identities::none().own_recipient().unwrap_err().to_string(),
            "there is no identity here that could open sealed secrets; make one with `flowrun \
             connections share me`, or name the file of one in FLOWRUN_IDENTITY_FILE"
        );
    }
}
