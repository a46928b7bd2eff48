//! The user's store: one sealed file that holds the user's identity.
//!
//! `secrets` in the user's configuration folder is a line of JSON, the header, and a line of
//! base64: a nonce of 24 bytes and what XChaCha20-Poly1305 made of the content. The header is bound
//! to the content as associated data, so that no byte of the file can be changed.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    AskPassphrase, Passphrase, SealedError,
    identity::Identity,
    store_key::{self, Argon2id, Key, KeyKind, KeySource},
};
use crate::{
    StoreError,
    disk::{self, Lock},
};

const STORE_FILE: &str = "secrets";
const KEY_FILE: &str = "secrets.key";
const CONFIG_FILE: &str = "store.yaml";
/// The version of the file's form.
const VERSION: u32 = 1;
/// The longest store that is read, in bytes.
const MAX_STORE_BYTES: u64 = 64 * 1024;
const NONCE_BYTES: usize = 24;

/// The user's store, in the user's configuration folder.
///
/// Its key is that of a file beside it, `secrets.key`, unless `store.yaml` says otherwise:
///
/// ```yaml
/// key: passphrase                     # or `key: file`
/// ```
/// ```yaml
/// key_command: [secret-tool, lookup, application, flowrun]
/// ```
///
/// A key that does not fit, or is gone, is refused, and never made anew: the store could not be
/// opened any more.
#[derive(Clone)]
pub struct UserStore {
    folder: PathBuf,
    ask: Arc<AskPassphrase>,
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    flowrun_store: u32,
    /// 16 random bytes in hexadecimal, which tell stores from each other.
    id: String,
    key: KeyKind,
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    argon2id: Option<Argon2id>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    identity: String,
}

impl UserStore {
    /// The store in a folder, usually `~/.config/flowrun`. Nothing is read or made yet. `ask` gives
    /// the passphrase, where the store has one.
    pub fn new(folder: impl Into<PathBuf>, ask: Arc<AskPassphrase>) -> Self {
        Self {
            folder: folder.into(),
            ask,
        }
    }

    /// The store's file.
    pub fn path(&self) -> PathBuf {
        self.folder.join(STORE_FILE)
    }

    /// The identity; none where there is no store.
    pub(super) fn identity(&self) -> Result<Option<Identity>, SealedError> {
        let path = self.path();
        let Some(bytes) = read(&path)? else {
            return Ok(None);
        };
        let damaged = |message: &str| SealedError::StoreDamaged {
            path: path.clone(),
            message: message.to_owned(),
        };
        let not_whole = || damaged("it is not what flowrun wrote");
        let text = std::str::from_utf8(&bytes).map_err(|_| not_whole())?;
        let (head, body) = text.split_once('\n').ok_or_else(not_whole)?;
        let body = body.strip_suffix('\n').ok_or_else(not_whole)?;
        let header: Header = serde_json::from_str(head).map_err(|_| not_whole())?;
        if header.flowrun_store != VERSION {
            return Err(damaged(&format!(
                "its version is {}, and this flowrun knows version {VERSION}",
                header.flowrun_store
            )));
        }
        let body = BASE64_STANDARD.decode(body).map_err(|_| not_whole())?;
        let (nonce, sealed) = body.split_at_checked(NONCE_BYTES).ok_or_else(not_whole)?;

        let source = self.source()?;
        if source.kind() != header.key {
            return Err(SealedError::OtherKeyKind {
                path,
                sealed_with: header.key.words(),
                config: self.folder.join(CONFIG_FILE),
                configured: source.kind().words(),
            });
        }
        let key = self
            .key(&source, header.argon2id.as_ref(), Passphrase::Known)?
            .map_err(|message| damaged(&message))?;
        if key.id() != header.key_id {
            return Err(SealedError::WrongKey {
                path,
                kind: header.key.words(),
            });
        }
        let payload = Payload {
            msg: sealed,
            aad: head.as_bytes(),
        };
        let content = XChaCha20Poly1305::new(key.bytes().into())
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| not_whole())?;
        let content = Zeroizing::new(content);
        let content: Content = serde_json::from_slice(&content).map_err(|_| not_whole())?;
        let text = Zeroizing::new(content.identity);
        Identity::parse(&text).map(Some).ok_or_else(not_whole)
    }

    /// The identity, made where there is no store yet; whether it was.
    pub(super) fn identity_or_new(&self) -> Result<(Identity, bool), SealedError> {
        if let Some(identity) = self.identity()? {
            return Ok((identity, false));
        }
        let path = self.path();
        self.make_folder()?;
        let _lock = Lock::of(&path)?;
        // Another process may have made it meanwhile.
        if let Some(identity) = self.identity()? {
            return Ok((identity, false));
        }
        let source = self.source()?;
        if source == KeySource::File {
            store_key::make_key_file(&self.key_file())?;
        }
        let argon2id = match source {
            KeySource::File => None,
            KeySource::Command(_) | KeySource::Passphrase => Some(Argon2id::new()?),
        };
        let key = self
            .key(&source, argon2id.as_ref(), Passphrase::New)?
            .map_err(|message| SealedError::StoreDamaged {
                path: path.clone(),
                message,
            })?;
        let identity = Identity::generate();
        let bytes = seal(&key, source.kind(), argon2id, &identity)?;
        disk::replace_private(&path, &bytes)?;
        Ok((identity, true))
    }

    /// Makes the folder, where there is none, for its user alone.
    fn make_folder(&self) -> Result<(), StoreError> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
            .create(&self.folder)
            .map_err(|source| StoreError::Write {
                path: self.folder.clone(),
                source,
            })
    }

    fn source(&self) -> Result<KeySource, SealedError> {
        KeySource::read(&self.folder.join(CONFIG_FILE))
    }

    fn key_file(&self) -> PathBuf {
        self.folder.join(KEY_FILE)
    }

    fn key(
        &self,
        source: &KeySource,
        kdf: Option<&Argon2id>,
        passphrase: Passphrase,
    ) -> Result<Result<Key, String>, SealedError> {
        let (key_file, store) = (self.key_file(), self.path());
        source.key(&key_file, &store, kdf, passphrase, self.ask.as_ref())
    }
}

impl fmt::Debug for UserStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserStore")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn seal(
    key: &Key,
    kind: KeyKind,
    argon2id: Option<Argon2id>,
    identity: &Identity,
) -> Result<Vec<u8>, SealedError> {
    let (mut id, mut nonce) = ([0; 16], [0; NONCE_BYTES]);
    store_key::random(&mut id)?;
    store_key::random(&mut nonce)?;
    let unlikely = |message: String| SealedError::Random(io::Error::other(message));
    let head = serde_json::to_string(&Header {
        flowrun_store: VERSION,
        id: hex::encode(id),
        key: kind,
        key_id: key.id(),
        argon2id,
    })
    .map_err(|error| unlikely(error.to_string()))?;
    // With all its room at once: a text that grows leaves copies behind.
    let mut content = Zeroizing::new(String::with_capacity(256));
    content.push_str("{\"identity\":\"");
    content.push_str(identity.text().expose());
    content.push_str("\"}");
    let payload = Payload {
        msg: content.as_bytes(),
        aad: head.as_bytes(),
    };
    let sealed = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt(XNonce::from_slice(&nonce), payload)
        .map_err(|error| unlikely(error.to_string()))?;
    let mut body = nonce.to_vec();
    body.extend_from_slice(&sealed);
    Ok(format!("{head}\n{}\n", BASE64_STANDARD.encode(body)).into_bytes())
}

/// The bytes of the store; none where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, SealedError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            return Err(StoreError::NotAFile {
                path: path.to_owned(),
            }
            .into());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error).into()),
    }
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_STORE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_STORE_BYTES {
        let (path, limit) = (path.to_owned(), MAX_STORE_BYTES);
        return Err(StoreError::TooLong { path, limit }.into());
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
