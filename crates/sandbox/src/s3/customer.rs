//! Encryption with keys of the customer (SSE-C): what S3 asks for and refuses. The key is not kept,
//! only a salted hash of it to tell it by, and the bytes are stored as they are: this protects
//! nothing, and behaves as if it did. Unlike S3 it is served over HTTP, on this machine.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Digest as _;
use s3s::dto::ServerSideEncryption;
use s3s::{S3Error, S3ErrorCode, S3Result};
use sha2::Sha256;

use super::errors::{invalid_argument, invalid_request, refuse};
use super::objects::encryption;
use crate::store::Attributes;

const ALGORITHM: &str = "AES256";
const KEY_LENGTH: usize = 32;
const SALT_LENGTH: usize = 16;

/// A key that came with a request.
pub(super) struct CustomerKey {
    key: Vec<u8>,
    md5: String,
}

/// Takes the key of an `s3s` input.
macro_rules! customer_key {
    ($input:expr) => {
        $crate::s3::customer::CustomerKey::read(
            $input.sse_customer_algorithm.as_deref(),
            $input.sse_customer_key.as_deref(),
            $input.sse_customer_key_md5.as_deref(),
        )
    };
}
pub(super) use customer_key;

impl CustomerKey {
    /// The key, where one was given.
    pub(super) fn read(
        algorithm: Option<&str>,
        key: Option<&str>,
        md5: Option<&str>,
    ) -> S3Result<Option<Self>> {
        const WITH_KEYS: &str =
            "Requests specifying Server Side Encryption with Customer provided keys must provide";
        let (algorithm, key, md5) = match (algorithm, key, md5) {
            (None, None, None) => return Ok(None),
            (Some(algorithm), Some(key), Some(md5)) => (algorithm, key, md5),
            (None, ..) => {
                return Err(invalid_argument(format!(
                    "{WITH_KEYS} a valid encryption algorithm."
                )));
            }
            (_, None, _) => {
                return Err(invalid_argument(format!(
                    "{WITH_KEYS} an appropriate secret key."
                )));
            }
            (_, _, None) => {
                return Err(invalid_argument(format!(
                    "{WITH_KEYS} the client calculated MD5 of the secret key."
                )));
            }
        };
        if algorithm != ALGORITHM {
            return Err(super::errors::custom(
                "InvalidEncryptionAlgorithmError",
                http::StatusCode::BAD_REQUEST,
                "The Encryption request you specified is not valid. Supported value: AES256.",
            ));
        }
        let key = BASE64
            .decode(key)
            .ok()
            .filter(|key| key.len() == KEY_LENGTH)
            .ok_or_else(|| {
                invalid_argument("The secret key was invalid for the specified algorithm.")
            })?;
        if BASE64.encode(md5::Md5::digest(&key)) != md5 {
            return Err(invalid_argument(
                "The calculated MD5 hash of the key did not match the hash that was provided.",
            ));
        }
        Ok(Some(Self {
            key,
            md5: md5.to_owned(),
        }))
    }

    fn hash(&self, salt: &[u8]) -> S3Result<Vec<u8>> {
        let mut hash = Hmac::<Sha256>::new_from_slice(salt).map_err(|_| internal())?;
        hash.update(&self.key);
        Ok(hash.finalize().into_bytes().to_vec())
    }

    /// What is kept to tell the key by: a salt and its hash with the key.
    fn sealed(&self) -> S3Result<String> {
        let mut salt = [0; SALT_LENGTH];
        getrandom::fill(&mut salt).map_err(|_| internal())?;
        Ok(format!(
            "{}:{}",
            hex::encode(salt),
            hex::encode(self.hash(&salt)?)
        ))
    }

    fn is_sealed_in(&self, sealed: &str) -> S3Result<bool> {
        let (salt, hash) = sealed.split_once(':').ok_or_else(internal)?;
        let salt = hex::decode(salt).map_err(|_| internal())?;
        Ok(hex::encode(self.hash(&salt)?) == hash)
    }
}

fn internal() -> S3Error {
    refuse(
        S3ErrorCode::InternalError,
        "We encountered an internal error.",
    )
}

/// The attributes of an object that is written with this key, or without one.
pub(super) fn sealed(attributes: Attributes, key: Option<&CustomerKey>) -> S3Result<Attributes> {
    Ok(Attributes {
        customer_key: key.map(CustomerKey::sealed).transpose()?,
        ..attributes
    })
}

/// The ETag of an object of one piece: its MD5 where it is not encrypted with a key of the customer.
pub(super) fn etag(md5: &[u8], attributes: &Attributes) -> String {
    match &attributes.customer_key {
        None => hex::encode(md5),
        Some(sealed) => {
            let mut other = md5::Md5::new();
            other.update(md5);
            other.update(sealed);
            hex::encode(other.finalize())
        }
    }
}

/// Whether an object can be read with this key, or without one.
pub(super) fn check(attributes: &Attributes, key: Option<&CustomerKey>) -> S3Result<()> {
    match (&attributes.customer_key, key) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid_request(
            "The encryption parameters are not applicable to this object.",
        )),
        (Some(_), None) => Err(invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters \
             must be provided to retrieve the object.",
        )),
        (Some(sealed), Some(key)) if key.is_sealed_in(sealed)? => Ok(()),
        (Some(_), Some(_)) => Err(refuse(S3ErrorCode::AccessDenied, "Access Denied")),
    }
}

/// Whether a part of an upload comes with the key that the upload began with.
pub(super) fn check_part(upload: &Attributes, key: Option<&CustomerKey>) -> S3Result<()> {
    match (&upload.customer_key, key) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(invalid_request(
            "The multipart upload initiate did not request encryption. Please resubmit the \
             request without sending encryption parameters.",
        )),
        (Some(_), None) => Err(invalid_request(
            "The multipart upload initiate requested encryption. Subsequent part requests must \
             include the appropriate encryption parameters.",
        )),
        (Some(sealed), Some(key)) if key.is_sealed_in(sealed)? => Ok(()),
        (Some(_), Some(_)) => Err(invalid_request(
            "The provided encryption parameters did not match the ones used originally.",
        )),
    }
}

/// What an answer says of the encryption.
pub(super) struct Shown {
    pub server_side_encryption: Option<ServerSideEncryption>,
    pub algorithm: Option<String>,
    pub key_md5: Option<String>,
}

/// What an answer says of the encryption with this key, or without one.
pub(super) fn shown(key: Option<&CustomerKey>) -> Shown {
    Shown {
        server_side_encryption: key.is_none().then(encryption),
        algorithm: key.map(|_| ALGORITHM.to_owned()),
        key_md5: key.map(|key| key.md5.clone()),
    }
}
