//! Numbers as people read them.

use std::time::Duration;

/// Bytes with a binary unit: `512 B`, `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A time: `12 ms`, `3.4 s`, `2 min 5 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{millis} ms"),
        1..=59 => format!("{:.1} s", duration.as_secs_f64()),
        60..=3599 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A count with its word: `1 item`, `2 items`.
pub(crate) fn count(count: u64, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let bytes_of = [0, 1023, 1024, 1536, 16 << 20, 5 << 30, u64::MAX].map(bytes);
        assert_eq!(
            bytes_of,
            [
                "0 B",
                "1023 B",
                "1.0 KiB",
                "1.5 KiB",
                "16.0 MiB",
                "5.0 GiB",
                "16384.0 PiB"
            ]
        );
        let times = [0, 12, 999, 3_400, 59_900, 125_000, 7_380_000];
        let times = times.map(|millis| duration(Duration::from_millis(millis)));
        assert_eq!(
            times,
            [
                "0 ms",
                "12 ms",
                "999 ms",
                "3.4 s",
                "59.9 s",
                "2 min 5 s",
                "2 h 3 min"
            ]
        );
        assert_eq!([count(1, "item"), count(3, "item")], ["1 item", "3 items"]);
    }
}
