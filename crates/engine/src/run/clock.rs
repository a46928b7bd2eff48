//! The clock and the dice of a real run.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Instant,
};

use flowrun_card::Clock;
use jiff::{SignedDuration, Timestamp};

/// Wall-clock time that never goes backwards within a run, and random bits from a generator that
/// the operating system seeded, by way of the standard library's hash keys.
#[derive(Debug)]
pub(crate) struct SystemClock {
    started_at: Timestamp,
    started: Instant,
    state: AtomicU64,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            started_at: Timestamp::now(),
            started: Instant::now(),
            state: AtomicU64::new(RandomState::new().hash_one(())),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or_default();
        self.started_at
            .checked_add(elapsed)
            .unwrap_or(self.started_at)
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014): for jitter and names, not for secrets.
    fn random(&self) -> u64 {
        let mut bits = self
            .state
            .fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }
}

/// A run id: 26 characters of Crockford's base 32, the first ten from the time in milliseconds, so
/// that ids sort by time; the rest random. The form is that of a ULID.
pub(crate) fn run_id(clock: &dyn Clock) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let time = u128::try_from(clock.now().as_millisecond()).unwrap_or(0) & ((1 << 48) - 1);
    let random = (u128::from(clock.random()) << 16) | u128::from(clock.random() & 0xffff);
    let bits = (time << 80) | random;
    (0..26_u32)
        .rev()
        .filter_map(|place| {
            let digit = usize::try_from((bits >> (place * 5)) & 31).ok()?;
            DIGITS.get(digit).map(|digit| char::from(*digit))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_ulids_that_sort_by_time() {
        let clock = SystemClock::new();
        let first = run_id(&clock);
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = run_id(&clock);
        assert_eq!(first.len(), 26);
        assert!(first < second, "{first} {second}");
        assert!(first.starts_with("01"));
    }

    #[test]
    fn random_bits_do_not_repeat() {
        let clock = SystemClock::new();
        let mut seen: Vec<u64> = (0..1_000).map(|_| clock.random()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1_000);
    }
}
