//! The fingerprint of a program: 128-bit FNV-1a over an unambiguous encoding, the
//! same for every build and platform. It tells programs apart; it does not guard
//! against somebody who wants two to look alike.

use std::time::Duration;

use super::program::{Action, Backoff, Card, CardId, Fingerprint, Tolerate};

/// Parameters of the FNV-1a hash of 128 bits (RFC 9923).
const OFFSET_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

struct Hash(u128);

impl Hash {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.number(length as u64);
    }

    fn flag(&mut self, flag: bool) {
        self.bytes(&[u8::from(flag)]);
    }

    fn duration(&mut self, duration: Duration) {
        self.bytes(&duration.as_nanos().to_le_bytes());
    }

    fn optional(&mut self, duration: Option<Duration>) {
        self.flag(duration.is_some());
        self.duration(duration.unwrap_or_default());
    }

    fn list(&mut self, cards: &[CardId]) {
        self.length(cards.len());
        for card in cards {
            self.number(card.0.into());
        }
    }

    fn card(&mut self, card: &Card) {
        self.number(card.body.0.into());
        self.length(card.id.len());
        self.bytes(card.id.as_bytes());
        self.list(&card.waits);
        self.list(&card.requires);
        self.flag(card.when);
        self.flag(card.for_each.is_some());
        if let Some(each) = card.for_each {
            self.flag(each.filter);
            self.number(each.max_parallel.get().into());
            let (tag, number) = match each.tolerate {
                Tolerate::Count(count) => (0, count),
                Tolerate::Percent(percent) => (1, percent.into()),
                Tolerate::All => (2, 0),
            };
            self.bytes(&[tag]);
            self.number(number);
        }
        self.optional(card.timeout);
        match &card.action {
            Action::Leaf(leaf) => {
                self.bytes(&[0]);
                self.optional(leaf.timeout);
                self.flag(leaf.retry.is_some());
                if let Some(retry) = &leaf.retry {
                    self.number(retry.attempts.get().into());
                    self.duration(retry.delay);
                    self.flag(retry.backoff == Backoff::Exponential);
                    self.duration(retry.max_delay);
                    self.length(retry.kinds.len());
                    for kind in &retry.kinds {
                        self.bytes(&[*kind as u8]);
                    }
                }
            }
            Action::Group(body) => {
                self.bytes(&[1]);
                self.number(body.0.into());
            }
        }
    }
}

pub(super) fn of(cards: &[Card], bodies: usize) -> Fingerprint {
    let mut hash = Hash(OFFSET_BASIS);
    hash.length(bodies);
    hash.length(cards.len());
    for card in cards {
        hash.card(card);
    }
    Fingerprint([(hash.0 >> 64) as u64, hash.0 as u64])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_vectors() {
        for (text, expect) in [
            ("", OFFSET_BASIS),
            ("a", 0xd228cb696f1a8caf78912b704e4a8964),
            ("foobar", 0x343e1662793c64bf6f0d3597ba446f18),
        ] {
            let mut hash = Hash(OFFSET_BASIS);
            hash.bytes(text.as_bytes());
            assert_eq!(hash.0, expect, "{text:?}");
        }
    }
}
