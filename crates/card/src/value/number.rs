//! Exact integers over the range that JSON and S3 need.

use std::{cmp::Ordering, fmt};

/// An integer from `i64::MIN` to `u64::MAX`, exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Integer(Repr);

/// Canonical: `Large` only above `i64::MAX`, so that equality is equality of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Small(i64),
    Large(u64),
}

impl Integer {
    /// The value, widened.
    pub fn as_i128(self) -> i128 {
        match self.0 {
            Repr::Small(integer) => integer.into(),
            Repr::Large(integer) => integer.into(),
        }
    }

    /// The integer of that value, where it is in range.
    pub fn from_i128(integer: i128) -> Option<Self> {
        if let Ok(small) = i64::try_from(integer) {
            return Some(small.into());
        }
        u64::try_from(integer).ok().map(Into::into)
    }

    /// The value, where it fits.
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Repr::Small(integer) => Some(integer),
            Repr::Large(_) => None,
        }
    }

    /// The value, where it fits.
    pub fn as_u64(self) -> Option<u64> {
        match self.0 {
            Repr::Small(integer) => u64::try_from(integer).ok(),
            Repr::Large(integer) => Some(integer),
        }
    }

    /// The nearest floating point number.
    pub fn to_f64(self) -> f64 {
        match self.0 {
            Repr::Small(integer) => integer as f64,
            Repr::Large(integer) => integer as f64,
        }
    }
}

impl From<i64> for Integer {
    fn from(integer: i64) -> Self {
        Self(Repr::Small(integer))
    }
}

impl From<u64> for Integer {
    fn from(integer: u64) -> Self {
        Self(i64::try_from(integer).map_or(Repr::Large(integer), Repr::Small))
    }
}

impl PartialOrd for Integer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Integer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_i128().cmp(&other.as_i128())
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_i128().fmt(f)
    }
}
