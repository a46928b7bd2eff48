//! Digests of object bytes: the MD5 of the ETag and the checksums of
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>.

use crc_fast::CrcAlgorithm;
use md5::Digest as _;
use serde::{Deserialize, Serialize};

/// A checksum algorithm of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// Whether a checksum covers the bytes of the object or the checksums of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ChecksumKind {
    FullObject,
    Composite,
}

/// A checksum as it is stored and sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    pub algorithm: Algorithm,
    pub kind: ChecksumKind,
    /// Base64; a composite ends in `-` and the number of parts.
    pub value: String,
}

impl Algorithm {
    pub(crate) const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// The name in `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The length of the raw digest in bytes.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// The digest of one piece of bytes.
    pub(crate) fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest of `first` followed by `second`, of `second_length` bytes.
    ///
    /// `None` for a hash: only a CRC can be joined without the bytes.
    pub(crate) fn join(self, first: &[u8], second: &[u8], second_length: u64) -> Option<Vec<u8>> {
        let joined = crc_fast::checksum_combine(
            self.crc()?,
            big_endian(first),
            big_endian(second),
            second_length,
        );
        Some(crc_bytes(joined, self.length()))
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

fn crc_bytes(value: u64, length: usize) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes.into_iter().skip(bytes.len() - length).collect()
}

enum Hasher {
    Crc(Box<crc_fast::Digest>, usize),
    Sha1(Box<sha1::Sha1>),
    Sha256(Box<sha2::Sha256>),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Self::Crc(Box::new(crc_fast::Digest::new(crc)), algorithm.length()),
            None if algorithm == Algorithm::Sha1 => Self::Sha1(Box::default()),
            None => Self::Sha256(Box::default()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(bytes),
            Self::Sha1(sha) => sha.update(bytes),
            Self::Sha256(sha) => sha.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, length) => crc_bytes(crc.finalize(), length),
            Self::Sha1(sha) => sha.finalize().to_vec(),
            Self::Sha256(sha) => sha.finalize().to_vec(),
        }
    }
}

/// Computes the MD5 and the asked checksums in one pass.
pub(crate) struct Digester {
    md5: md5::Md5,
    sums: Vec<(Algorithm, Hasher)>,
}

/// The digests of one run of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digests {
    pub md5: Vec<u8>,
    sums: Vec<(Algorithm, Vec<u8>)>,
}

impl Digester {
    pub(crate) fn new(algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut sums: Vec<(Algorithm, Hasher)> = Vec::new();
        for algorithm in algorithms {
            if sums.iter().all(|(known, _)| *known != algorithm) {
                sums.push((algorithm, Hasher::new(algorithm)));
            }
        }
        Self {
            md5: md5::Md5::new(),
            sums,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        for (_, hasher) in &mut self.sums {
            hasher.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Digests {
        Digests {
            md5: self.md5.finalize().to_vec(),
            sums: self
                .sums
                .into_iter()
                .map(|(algorithm, hasher)| (algorithm, hasher.finish()))
                .collect(),
        }
    }
}

impl Digests {
    /// The raw digest, if this algorithm was asked for.
    pub(crate) fn get(&self, algorithm: Algorithm) -> Option<&[u8]> {
        self.sums
            .iter()
            .find(|(known, _)| *known == algorithm)
            .map(|(_, sum)| sum.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn known_digests() {
        let check = |algorithm: Algorithm, expect: &str| {
            assert_eq!(STANDARD.encode(algorithm.digest(b"123456789")), expect);
        };
        // The published check values of each CRC, and those of Python for the hashes.
        check(
            Algorithm::Crc32,
            &STANDARD.encode(0xcbf4_3926_u32.to_be_bytes()),
        );
        check(
            Algorithm::Crc32c,
            &STANDARD.encode(0xe306_9283_u32.to_be_bytes()),
        );
        check(
            Algorithm::Crc64Nvme,
            &STANDARD.encode(0xae8b_1486_0a79_9888_u64.to_be_bytes()),
        );
        check(Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE=");
        check(
            Algorithm::Sha256,
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        );
    }

    #[test]
    fn joined_crcs_equal_the_crc_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let whole = algorithm.digest(b"hello, wide world");
            let first = algorithm.digest(b"hello, ");
            let second = algorithm.digest(b"wide world");
            assert_eq!(algorithm.join(&first, &second, 10), Some(whole));
        }
        assert_eq!(Algorithm::Sha1.join(&[], &[], 0), None);
    }
}
