//! Access keys: how they look, and how they are made.

use flowrun_card::Secret;
use sha2::{Digest, Sha256};

/// An access key: what a client signs its requests with.
#[derive(Clone, Debug)]
pub struct Keys {
    access_key_id: String,
    secret_access_key: Secret,
}

impl Keys {
    pub(crate) fn new(access_key_id: impl Into<String>, secret_access_key: Secret) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key,
        }
    }

    /// A new random key whose id starts with `prefix`: `AKIA` for a user, `ASIA` for a session.
    pub(crate) fn generate(prefix: &str) -> Result<Self, getrandom::Error> {
        Ok(Self {
            access_key_id: format!("{prefix}{}", random_text(BASE32, 16)?),
            secret_access_key: Secret::new(random_text(BASE64, 40)?),
        })
    }

    /// The public half.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret half.
    pub fn secret_access_key(&self) -> &Secret {
        &self.secret_access_key
    }
}

/// The characters of an access key id.
const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The characters of a secret key.
const BASE64: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The secret that session credentials are sealed with: 256 bits.
pub(crate) fn generate_seal() -> Result<Secret, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(hex::encode(bytes)))
}

/// Random characters of an access key id.
pub(crate) fn random_id(length: usize) -> Result<String, getrandom::Error> {
    random_text(BASE32, length)
}

/// A request id, such as S3 and STS send with every answer.
pub(crate) fn request_id() -> String {
    // An id only has to be told apart; without randomness it says so instead of failing a request.
    random_text(BASE32, 16).unwrap_or_else(|_| "NORANDOMNESS".to_owned())
}

/// The unique id of a user or a role, as AWS shows it beside the ARN: always the same for an ARN.
pub(crate) fn unique_id(prefix: &str, arn: &str) -> String {
    format!("{prefix}{}", short_id(&Sha256::digest(arn.as_bytes()), 17))
}

/// The first bytes of a digest as characters of an id.
pub(crate) fn short_id(digest: &[u8], length: usize) -> String {
    let bytes = digest.iter().take(length);
    bytes.map(|byte| pick(BASE32, *byte)).collect()
}

/// The SHA-256 of a text in hexadecimal.
pub(crate) fn fingerprint(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn random_text(alphabet: &[u8], length: usize) -> Result<String, getrandom::Error> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.into_iter().map(|byte| pick(alphabet, byte)).collect())
}

/// Both alphabets have a power of two of characters, so that each is as likely as the others.
fn pick(alphabet: &[u8], byte: u8) -> char {
    let index = usize::from(byte).checked_rem(alphabet.len()).unwrap_or(0);
    alphabet.get(index).copied().map_or('A', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_look_like_those_of_aws_and_hide_the_secret() {
        let keys = Keys::generate("AKIA").unwrap();
        assert_eq!(keys.access_key_id().len(), 20);
        assert!(keys.access_key_id().starts_with("AKIA"));
        assert_eq!(keys.secret_access_key().expose().len(), 40);
        assert!(!format!("{keys:?}").contains(keys.secret_access_key().expose()));
        assert_ne!(
            Keys::generate("AKIA").unwrap().access_key_id(),
            keys.access_key_id()
        );
    }

    #[test]
    fn a_unique_id_depends_on_the_arn_alone() {
        let id = unique_id("AROA", "arn:aws:iam::111122223333:role/a");
        assert_eq!(id.len(), 21);
        assert_eq!(id, unique_id("AROA", "arn:aws:iam::111122223333:role/a"));
        assert_ne!(id, unique_id("AROA", "arn:aws:iam::111122223333:role/b"));
    }
}
