//! How far the clock of this machine is from that of a server, by the `Date` of its answers.

use std::{fmt, time::SystemTime};

use jiff::{Timestamp, fmt::rfc2822};

/// How far off a clock may be, in seconds: STS takes signatures of the last five minutes, S3 of the
/// last fifteen.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
const MAX_DRIFT: i64 = 5 * 60;

/// How far the clock of this machine is from a server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDrift {
    /// In seconds; below zero where this machine's is behind.
    pub seconds: i64,
}

impl ClockDrift {
    /// By the `Date` of an answer that came at this time. `None` where that is no date.
    pub fn of(date: &str, now: SystemTime) -> Option<Self> {
        let server = rfc2822::parse(date).ok()?.timestamp();
        let own = Timestamp::try_from(now).ok()?;
        Some(Self {
            seconds: own.as_second().saturating_sub(server.as_second()),
        })
    }

    /// Whether it is more than the five minutes that every service of AWS takes.
    pub fn is_too_far(self) -> bool {
        self.seconds.saturating_abs() > MAX_DRIFT
    }

    /// What to do about it.
    pub const HELP: &'static str = "set the clock, best by a time service such as NTP: AWS refuses requests that \
         are signed more than five minutes off";
}

/// Such as `20 minutes behind`.
impl fmt::Display for ClockDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds.saturating_abs();
        let (number, unit) = match seconds {
            0..120 => (seconds, "second"),
            120..7_200 => (seconds.saturating_add(30) / 60, "minute"),
            _ => (seconds.saturating_add(1_800) / 3_600, "hour"),
        };
        let plural = if number == 1 { "" } else { "s" };
        let side = if self.seconds < 0 {
            "behind"
        } else {
            "ahead of"
        };
        write!(f, "{number} {unit}{plural} {side}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_drift_is_told_in_the_unit_that_fits() {
        // Tue, 24 Nov 2026 12:00:00 GMT
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600);
        for (date, expect, is_too_far) in [
            ("Tue, 24 Nov 2026 12:00:00 GMT", "0 seconds ahead of", false),
            ("Tue, 24 Nov 2026 12:00:01 GMT", "1 second behind", false),
            ("Tue, 24 Nov 2026 12:05:00 GMT", "5 minutes behind", false),
            ("Tue, 24 Nov 2026 12:05:01 GMT", "5 minutes behind", true),
            ("Tue, 24 Nov 2026 11:54:59 GMT", "5 minutes ahead of", true),
            ("Tue, 24 Nov 2026 12:20:10 GMT", "20 minutes behind", true),
            ("Tue, 24 Nov 2026 10:00:00 GMT", "2 hours ahead of", true),
            ("Wed, 24 Nov 2027 12:00:00 GMT", "8760 hours behind", true),
        ] {
            let drift = ClockDrift::of(date, noon).unwrap();
            assert_eq!(
                (drift.to_string().as_str(), drift.is_too_far()),
                (expect, is_too_far),
                "{date}"
            );
        }
        for date in ["", "now", "2026-11-24T12:00:00Z"] {
            assert_eq!(ClockDrift::of(date, noon), None, "{date}");
        }
    }
}
