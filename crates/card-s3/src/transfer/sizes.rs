//! How an object is cut into parts.
//!
//! Limits of S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>

use flowrun_card::{CardError, ErrorKind};

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;
const GIB: u64 = 1_024 * MIB;
const TIB: u64 = 1_024 * GIB;

/// The most parts of an upload.
pub(crate) const MAX_PARTS: u64 = 10_000;

/// The largest object.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html>
const MAX_OBJECT: u64 = 5 * TIB;

/// The sizes that decide how a transfer goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// From this size on an upload has parts.
    pub(crate) multipart_from: u64,
    /// The size of a part, unless that makes too many.
    pub(crate) part: u64,
    /// The largest object that CopyObject takes.
    pub(crate) copy_max: u64,
    /// The size of a part of a copy within S3, unless that makes too many.
    pub(crate) copy_part: u64,
}

impl Sizes {
    /// The sizes that cards use.
    pub(crate) const STANDARD: Self = Self {
        multipart_from: 16 * MIB,
        part: 8 * MIB,
        copy_max: 5 * GIB,
        copy_part: 128 * MIB,
    };
}

/// The size of the parts of an object: at least `preferred`, a whole number of MiB where it is
/// more, and at most 10,000 parts.
///
/// # Errors
/// An object that S3 does not take.
pub(crate) fn part_size(size: u64, preferred: u64) -> Result<u64, CardError> {
    if size > MAX_OBJECT {
        return Err(CardError::new(
            ErrorKind::InvalidInput,
            format!("an S3 object has at most 5 TiB, and this has {size} bytes"),
        ));
    }
    let least = size.div_ceil(MAX_PARTS);
    Ok(if least <= preferred {
        preferred
    } else {
        least.div_ceil(MIB).saturating_mul(MIB)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_any_object_in_ten_thousand() {
        let check = |size: u64, expect: u64| {
            let part = part_size(size, Sizes::STANDARD.part).unwrap();
            assert_eq!(part, expect, "{size}");
            assert!(size.div_ceil(part) <= MAX_PARTS);
        };
        check(0, 8 * MIB);
        check(16 * MIB, 8 * MIB);
        check(80_000 * MIB, 8 * MIB);
        check(80_000 * MIB + 1, 9 * MIB);
        check(5 * TIB, 525 * MIB);
        assert_eq!(
            part_size(5 * TIB + 1, 8 * MIB).unwrap_err().kind,
            ErrorKind::InvalidInput
        );
    }
}
