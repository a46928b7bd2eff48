//! The key of the user's store: from a file, a command or a passphrase, as `store.yaml` says.

use std::{
    io::{self, Read as _},
    path::Path,
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{AskPassphrase, Passphrase, SealedError, command, private};
use crate::{StoreError, disk};

/// The longest `store.yaml` that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 16 * 1024;
/// The most words of a `key_command`.
const MAX_WORDS: usize = 32;
/// The longest key file, in bytes: the key and line ends.
const MAX_KEY_BYTES: u64 = 256;
/// How a key of hexadecimal digits may be long.
const KEY_DIGITS: usize = 64;

/// What Argon2id does with a passphrase: 64 MiB and three passes, the second choice of
/// [RFC 9106](https://www.rfc-editor.org/rfc/rfc9106.html#section-4), on one core.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
/// What a store may ask for at most, so that a damaged one takes neither all memory nor hours.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 16;

/// The key of a store. Its memory is wiped when it is dropped.
pub(super) struct Key(Zeroizing<[u8; 32]>);

impl Key {
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What tells keys from each other, and nothing of them.
    pub(super) fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"flowrun store key");
        hash.update(self.0.as_slice());
        hex::encode(hash.finalize().get(..8).unwrap_or_default())
    }
}

/// Where the key of a store comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeySource {
    File,
    Command(Vec<String>),
    Passphrase,
}

/// How the key of a store is found, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyKind {
    File,
    KeyCommand,
    Passphrase,
}

impl KeyKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            KeyKind::File => "the key file",
            KeyKind::KeyCommand => "a key_command",
            KeyKind::Passphrase => "a passphrase",
        }
    }
}

/// What Argon2id needs beside the passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Argon2id {
    memory_kib: u32,
    passes: u32,
    /// 16 random bytes in hexadecimal.
    salt: String,
}

impl Argon2id {
    pub(super) fn new() -> Result<Self, SealedError> {
        let mut salt = [0; 16];
        random(&mut salt)?;
        Ok(Self {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: hex::encode(salt),
        })
    }

    /// The key that a text gives.
    ///
    /// # Errors
    /// What is wrong with the numbers.
    fn key(&self, text: &[u8]) -> Result<Key, String> {
        let is_fair = (1024..=MAX_MEMORY_KIB).contains(&self.memory_kib)
            && (1..=MAX_PASSES).contains(&self.passes);
        let salt = hex::decode(&self.salt).ok().filter(|salt| salt.len() == 16);
        let (true, Some(salt)) = (is_fair, salt) else {
            return Err("the numbers for Argon2id are out of bounds".to_owned());
        };
        let params = Params::new(self.memory_kib, self.passes, 1, Some(32))
            .map_err(|error| error.to_string())?;
        let mut memory = Zeroizing::new(vec![Block::default(); params.block_count()]);
        let mut key = Key(Zeroizing::new([0; 32]));
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into_with_memory(
                text,
                &salt,
                key.0.as_mut_slice(),
                memory.as_mut_slice(),
            )
            .map_err(|error| error.to_string())?;
        Ok(key)
    }
}

impl KeySource {
    /// What `store.yaml` says; the key file where there is none.
    ///
    /// # Errors
    /// Where the file says something that is not known, or others can write it: it may name a
    /// command.
    pub(super) fn read(path: &Path) -> Result<Self, SealedError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Config {
            key: Option<Word>,
            key_command: Option<Vec<String>>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Word {
            File,
            Passphrase,
        }
        let invalid = |message: String| SealedError::Config {
            path: path.to_owned(),
            message,
        };
        let Some(text) = config_text(path)? else {
            return Ok(KeySource::File);
        };
        let config: Option<Config> = serde_yaml::from_str(&text)
            .map_err(|error| invalid(format!("this is no configuration of the store: {error}")))?;
        let (key, command) = config.map_or((None, None), |config| (config.key, config.key_command));
        match (key, command) {
            (None | Some(Word::File), None) => Ok(KeySource::File),
            (Some(Word::Passphrase), None) => Ok(KeySource::Passphrase),
            (None, Some(words)) if (1..=MAX_WORDS).contains(&words.len()) => {
                Ok(KeySource::Command(words))
            }
            (None, Some(_)) => Err(invalid(format!(
                "`key_command` is a list of 1 to {MAX_WORDS} words"
            ))),
            (Some(_), Some(_)) => Err(invalid(
                "`key` and `key_command` say two things; keep one".to_owned(),
            )),
        }
    }

    pub(super) fn kind(&self) -> KeyKind {
        match self {
            KeySource::File => KeyKind::File,
            KeySource::Command(_) => KeyKind::KeyCommand,
            KeySource::Passphrase => KeyKind::Passphrase,
        }
    }

    /// The key of the store that is there, or is made now. Of a text that a command or a person
    /// gives, Argon2id makes the key.
    ///
    /// # Errors
    /// Where there is no key; the outer one for the key, the message where `kdf` is wrong.
    pub(super) fn key(
        &self,
        key_file: &Path,
        store: &Path,
        kdf: Option<&Argon2id>,
        passphrase: Passphrase,
        ask: &AskPassphrase,
    ) -> Result<Result<Key, String>, SealedError> {
        let text = match self {
            KeySource::File => {
                let found = private::read_if_there(key_file, MAX_KEY_BYTES)?;
                let text = found.ok_or_else(|| SealedError::KeyFileGone {
                    path: key_file.to_owned(),
                    store: store.to_owned(),
                })?;
                let key = parse_key(&text).ok_or_else(|| SealedError::NotAKey {
                    path: key_file.to_owned(),
                })?;
                return Ok(Ok(key));
            }
            KeySource::Command(words) => command::output(words)?,
            KeySource::Passphrase => {
                let secret =
                    ask(passphrase).map_err(|message| SealedError::Passphrase { message })?;
                Zeroizing::new(secret.expose().as_bytes().to_vec())
            }
        };
        Ok(match kdf {
            Some(kdf) => kdf.key(&text),
            None => Err("it does not say how Argon2id makes the key".to_owned()),
        })
    }
}

/// Makes the key file, unless there is one.
pub(super) fn make_key_file(path: &Path) -> Result<(), SealedError> {
    if private::read_if_there(path, MAX_KEY_BYTES)?.is_some() {
        return Ok(());
    }
    let mut key = Zeroizing::new([0; 32]);
    random(key.as_mut_slice())?;
    let mut text = Zeroizing::new(hex::encode(key.as_slice()));
    text.push('\n');
    Ok(disk::replace_private(path, text.as_bytes())?)
}

fn parse_key(text: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(text).ok()?.trim_end();
    if text.len() != KEY_DIGITS {
        return None;
    }
    let mut key = Key(Zeroizing::new([0; 32]));
    hex::decode_to_slice(text, key.0.as_mut_slice()).ok()?;
    Some(key)
}

fn config_text(path: &Path) -> Result<Option<String>, SealedError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error).into()),
    };
    if !metadata.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
        }
        .into());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o022 != 0 {
            return Err(SealedError::Config {
                path: path.to_owned(),
                message: format!(
                    "others can write this file (its mode is {mode:04o}), so it is not used; keep \
                     it to yourself with `chmod 600 {}`",
                    path.display()
                ),
            });
        }
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_CONFIG_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        let (path, limit) = (path.to_owned(), MAX_CONFIG_BYTES);
        return Err(StoreError::TooLong { path, limit }.into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(StoreError::NotUtf8 {
            path: path.to_owned(),
        }
        .into()),
    }
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), SealedError> {
    getrandom::fill(bytes).map_err(|error| SealedError::Random(error.into()))
}
