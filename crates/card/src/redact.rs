//! Takes secrets out of what is about to be shown or written, by their value in every form that
//! they are likely to have there.

mod forms;
mod patterns;
mod stream;

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

pub use stream::Redacting;

use crate::Secret;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// The shortest secret that is looked for, in bytes. A shorter one stands in too many texts by
/// chance.
pub const MIN_SECRET: usize = 6;

/// How many secrets are looked for at once. The one added first goes when there are more: only the
/// short-lived credentials of long runs are that many.
const MAX_SECRETS: usize = 256;

/// Takes out of a text every secret that it was told of. Cheap to clone: clones share the secrets.
///
/// A secret is found as it is and in base64 (wherever it starts in the encoded data, both
/// alphabets), percent-encoding, JSON and XML escapes, shell quotes and hexadecimal; of one that
/// has several lines each line of at least 8 bytes too, of a JSON document each text in it, of
/// base64 what it encodes. Not found are parts of it, other encodings such as compression, and what
/// was computed from it.
///
/// ```
/// use flowrun_card::{Redactor, Secret};
///
/// let redactor = Redactor::default();
/// redactor.add(&Secret::new("hunter2-hunter2"));
/// assert_eq!(redactor.text("key=hunter2-hunter2;"), "key=***;");
/// assert_eq!(redactor.text("aHVudGVyMi1odW50ZXIy"), "***");
/// ```
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    secrets: VecDeque<Secret>,
    finder: Option<Arc<Finder>>,
}

/// Finds every form of every secret.
struct Finder {
    automaton: AhoCorasick,
    /// The length of the longest form.
    longest: usize,
}

impl Redactor {
    /// From now on, takes this secret out too. False for one shorter than [`MIN_SECRET`] bytes,
    /// which cannot be taken out: say so to the person who gave it.
    pub fn add(&self, secret: &Secret) -> bool {
        if secret.expose().trim().len() < MIN_SECRET {
            return false;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.secrets.contains(secret) {
            return true;
        }
        if known.secrets.len() == MAX_SECRETS {
            known.secrets.pop_front();
        }
        known.secrets.push_back(secret.clone());
        known.finder = Finder::of(&known.secrets).map(Arc::new);
        true
    }

    fn finder(&self) -> Option<Arc<Finder>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .finder
            .clone()
    }

    /// A text that is data, such as an output: without the secrets.
    pub fn data<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.finder() {
            Some(finder) => finder.mask(text),
            None => Cow::Borrowed(text),
        }
    }

    /// A text that is shown to people, such as an error or a line of a log: without the secrets, and
    /// without what looks like a credential whoever it belongs to: access key ids, signatures and
    /// tokens of presigned URLs, authorization headers, private keys.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.data(text) {
            Cow::Borrowed(text) => patterns::mask(text),
            Cow::Owned(text) => Cow::Owned(patterns::mask(&text).into_owned()),
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Finder {
    fn of(secrets: &VecDeque<Secret>) -> Option<Self> {
        let mut forms: Vec<Vec<u8>> = secrets.iter().flat_map(forms::of).collect();
        forms.sort_unstable();
        forms.dedup();
        let longest = forms.iter().map(Vec::len).max()?;
        // Only overlapping search finds a secret that begins within another. An automaton that
        // cannot be built would need more than 2^31 states: the bounds allow a fraction of that.
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .build(&forms)
            .ok()?;
        Some(Self { automaton, longest })
    }

    /// Where there is something to take out: ranges in order that do not overlap.
    fn ranges(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = self
            .automaton
            .find_overlapping_iter(bytes)
            .map(|found| (found.start(), found.end()))
            .collect();
        ranges.sort_unstable();
        ranges.dedup_by(|next, last| {
            let joins = next.0 < last.1;
            if joins {
                last.1 = last.1.max(next.1);
            }
            joins
        });
        ranges
    }

    fn mask<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let ranges = self.ranges(text.as_bytes());
        if ranges.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = Vec::with_capacity(text.len());
        let mut at = 0;
        for (start, end) in ranges {
            masked.extend_from_slice(text.as_bytes().get(at..start).unwrap_or_default());
            masked.extend_from_slice(MASK.as_bytes());
            at = end;
        }
        masked.extend_from_slice(text.as_bytes().get(at..).unwrap_or_default());
        // What base64 encodes may be any bytes, so that a range may end within a character.
        Cow::Owned(String::from_utf8_lossy(&masked).into_owned())
    }
}

#[cfg(test)]
mod tests;
