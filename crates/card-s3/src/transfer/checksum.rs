//! Checksums: what we send with bytes, and what we hold the bytes of others to.

use aws_sdk_s3::{
    operation::get_object::GetObjectOutput,
    types::{ChecksumType, ServerSideEncryption},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use crc_fast::{CrcAlgorithm, Digest};
use flowrun_card::{CardError, ErrorKind};
use md5::{Digest as _, Md5};

use crate::fields::unquote;

/// CRC-64/NVME, S3's own choice for whole objects: that of the parts combines to that of the
/// whole.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>
#[derive(Clone, Debug)]
pub(crate) struct Crc64Nvme(Digest);

impl Crc64Nvme {
    /// Of no bytes.
    pub(crate) fn new() -> Self {
        Self(Digest::new(CrcAlgorithm::Crc64Nvme))
    }

    /// Of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut crc = Self::new();
        crc.0.update(bytes);
        crc
    }

    /// Appends bytes of which only the checksum is at hand.
    pub(crate) fn append(&mut self, next: &Self) {
        self.0.combine(&next.0);
    }

    /// As S3 writes it: base64 of the big-endian bytes.
    pub(crate) fn base64(&self) -> String {
        BASE64.encode(self.0.finalize().to_be_bytes())
    }
}

/// Checks the bytes of an object against what S3 says of the whole.
pub(crate) enum Verifier {
    /// S3 says nothing of the whole that can be checked.
    Nothing,
    /// A CRC.
    Crc {
        name: &'static str,
        digest: Box<Digest>,
        width: usize,
        expected: Vec<u8>,
    },
    /// An ETag that is the MD5 of the content.
    Md5 { digest: Box<Md5>, expected: String },
}

impl Verifier {
    /// The strongest check that the answer of a whole GET offers: CRC-64/NVME, CRC-32C or CRC-32
    /// of the whole object, else the ETag where it is an MD5. It is none after a multipart upload
    /// (it has a `-` then) nor under KMS or customer keys.
    pub(crate) fn of(answer: &GetObjectOutput) -> Self {
        let full = !matches!(answer.checksum_type(), Some(ChecksumType::Composite));
        if full {
            let offered = [
                (
                    "CRC64NVME",
                    CrcAlgorithm::Crc64Nvme,
                    8,
                    answer.checksum_crc64_nvme(),
                ),
                (
                    "CRC32C",
                    CrcAlgorithm::Crc32Iscsi,
                    4,
                    answer.checksum_crc32_c(),
                ),
                (
                    "CRC32",
                    CrcAlgorithm::Crc32IsoHdlc,
                    4,
                    answer.checksum_crc32(),
                ),
            ];
            for (name, algorithm, width, text) in offered {
                // A composite checksum has a `-` and a count, and is no base64.
                let expected = text.and_then(|text| BASE64.decode(text).ok());
                if let Some(expected) = expected {
                    return Verifier::Crc {
                        name,
                        digest: Box::new(Digest::new(algorithm)),
                        width,
                        expected,
                    };
                }
            }
        }
        let plain = matches!(
            answer.server_side_encryption(),
            None | Some(ServerSideEncryption::Aes256)
        ) && answer.sse_customer_algorithm().is_none();
        let etag = answer.e_tag().map(unquote).unwrap_or_default();
        if plain && etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Verifier::Md5 {
                digest: Box::new(Md5::new()),
                expected: etag.to_ascii_lowercase(),
            };
        }
        Verifier::Nothing
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Verifier::Nothing => {}
            Verifier::Crc { digest, .. } => digest.update(bytes),
            Verifier::Md5 { digest, .. } => Md5::update(digest, bytes),
        }
    }

    /// Whether the bytes so far are what S3 says.
    pub(crate) fn verify(&self) -> Result<(), CardError> {
        let (name, expected, found) = match self {
            Verifier::Nothing => return Ok(()),
            Verifier::Crc {
                name,
                digest,
                width,
                expected,
            } => {
                let bytes = digest.finalize().to_be_bytes();
                let found = bytes
                    .get(bytes.len().saturating_sub(*width)..)
                    .unwrap_or(&bytes);
                (*name, BASE64.encode(expected), BASE64.encode(found))
            }
            Verifier::Md5 { digest, expected } => {
                let found = digest.clone().finalize();
                let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
                ("MD5", expected.clone(), found)
            }
        };
        if expected == found {
            return Ok(());
        }
        Err(CardError::new(
            ErrorKind::Integrity,
            format!("the bytes received have {name} {found}, and the object has {expected}"),
        )
        .transient(None)
        .help("the bytes were damaged on the way or at rest; give the card a `retry`"))
    }
}

/// Holds the checksum that S3 gives for what it stored to the one that we sent.
pub(crate) fn same(sent: &str, stored: Option<&str>) -> Result<(), CardError> {
    match stored {
        Some(stored) if stored != sent => Err(CardError::new(
            ErrorKind::Integrity,
            format!("the stored object has CRC64NVME {stored}, and what was sent has {sent}"),
        )
        .transient(None)
        .help("the bytes were damaged on the way; give the card a `retry`")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> aws_sdk_s3::operation::get_object::builders::GetObjectOutputBuilder {
        GetObjectOutput::builder()
    }

    #[test]
    fn the_strongest_check_of_the_whole_is_chosen() {
        let check = |answer: GetObjectOutput, bytes: &[u8], expect: Result<(), &str>| {
            let mut verifier = Verifier::of(&answer);
            verifier.update(bytes);
            let found = verifier.verify().map_err(|error| error.message);
            assert_eq!(found, expect.map_err(str::to_owned));
        };
        // Check values of the CRC catalogue for `123456789`.
        let crc64 = BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes());
        let crc32c = BASE64.encode(0xe306_9283_u32.to_be_bytes());
        let crc32 = BASE64.encode(0xcbf4_3926_u32.to_be_bytes());
        let md5 = "\"25f9e794323b453885f5181f1b624d0b\"";
        let good = b"123456789";
        check(answer().checksum_crc64_nvme(&crc64).build(), good, Ok(()));
        check(answer().checksum_crc32_c(&crc32c).build(), good, Ok(()));
        check(answer().checksum_crc32(&crc32).build(), good, Ok(()));
        check(answer().e_tag(md5).build(), good, Ok(()));
        check(
            answer().checksum_crc32(&crc32).build(),
            b"12345678",
            Err("the bytes received have CRC32 muDarw==, and the object has y/Q5Jg=="),
        );
        check(
            answer().e_tag(md5).build(),
            b"",
            Err(
                "the bytes received have MD5 d41d8cd98f00b204e9800998ecf8427e, \
                 and the object has 25f9e794323b453885f5181f1b624d0b",
            ),
        );
        // Nothing to check: a composite checksum, the ETag of parts, and one under KMS.
        check(answer().checksum_crc32("AAAAAA==-2").build(), b"x", Ok(()));
        check(
            answer()
                .checksum_crc32(&crc32)
                .checksum_type(ChecksumType::Composite)
                .build(),
            b"x",
            Ok(()),
        );
        check(
            answer()
                .e_tag("\"25f9e794323b453885f5181f1b624d0b-2\"")
                .build(),
            b"x",
            Ok(()),
        );
        check(
            answer()
                .e_tag(md5)
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .build(),
            b"x",
            Ok(()),
        );
    }

    #[test]
    fn checksums_of_parts_combine() {
        let mut whole = Crc64Nvme::new();
        whole.append(&Crc64Nvme::of(b"1234"));
        whole.append(&Crc64Nvme::of(b""));
        whole.append(&Crc64Nvme::of(b"56789"));
        assert_eq!(whole.base64(), Crc64Nvme::of(b"123456789").base64());
        assert_eq!(
            whole.base64(),
            BASE64.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes())
        );
    }
}
