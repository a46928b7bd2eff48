//! Takes secrets out of what is about to be shown or written, by their value in every form that
//! they are likely to have there.

mod cut;
mod forms;
mod layers;
mod patterns;
mod stream;

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use cut::CUT;
pub use cut::shorten;
pub use stream::Redacting;

use crate::Secret;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// The shortest secret that is looked for, in bytes. A shorter one stands in too many texts by
/// chance.
pub const MIN_SECRET: usize = 6;

/// How many secrets are looked for at once; the one added first goes when there are more.
const MAX_LASTING: usize = 1_024;

/// The same for credentials that expire: a connection store keeps 1,000 sessions, of which each has a
/// secret key and a token.
const MAX_PASSING: usize = 2_048;

/// How much of the start of a form is looked for before the whole is compared, in bytes: it keeps
/// what searches small, however long the secrets are.
const START: usize = 24;

/// Takes out of a text every secret that it was told of. Cheap to clone: clones share the secrets.
///
/// A secret is found as it is and in base64 (wherever it starts in the encoded data, both
/// alphabets), percent-encoding, JSON and XML escapes, shell quotes and hexadecimal; of one that
/// has several lines each line of at least 8 bytes too, of a JSON document each text in it, of
/// base64 what it encodes. Where [`shorten`] cut a text within a secret, its start is found too. Not
/// found are other parts of it, other encodings such as compression, and what was computed from it.
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
    lasting: VecDeque<Entry>,
    passing: VecDeque<Entry>,
    /// Made when it is first needed after a change.
    finder: Option<Arc<Finder>>,
}

struct Entry {
    secret: Secret,
    forms: Arc<[Vec<u8>]>,
}

/// Finds every form of every secret.
struct Finder {
    /// Of the starts of the forms, in their order, and of [`CUT`] after them.
    automaton: AhoCorasick,
    /// In the order of their bytes.
    forms: Vec<Vec<u8>>,
    /// The length of the longest form, and of what stands where it was cut.
    longest: usize,
}

impl Redactor {
    /// From now on, takes this secret out too. False for one shorter than [`MIN_SECRET`] bytes,
    /// which cannot be taken out: say so to the person who gave it.
    pub fn add(&self, secret: &Secret) -> bool {
        self.insert(secret, MAX_LASTING, |known| &mut known.lasting)
    }

    /// As [`Redactor::add`], for credentials that expire: however many there are over time, they
    /// leave those of `add` alone.
    pub fn add_passing(&self, secret: &Secret) -> bool {
        self.insert(secret, MAX_PASSING, |known| &mut known.passing)
    }

    fn insert(
        &self,
        secret: &Secret,
        most: usize,
        queue: fn(&mut Known) -> &mut VecDeque<Entry>,
    ) -> bool {
        if secret.expose().trim().len() < MIN_SECRET {
            return false;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let queue = queue(&mut known);
        if queue.iter().any(|entry| entry.secret == *secret) {
            return true;
        }
        if queue.len() == most {
            queue.pop_front();
        }
        queue.push_back(Entry {
            secret: secret.clone(),
            forms: forms::of(secret).into(),
        });
        known.finder = None;
        true
    }

    fn finder(&self) -> Option<Arc<Finder>> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if known.finder.is_some() || (known.lasting.is_empty() && known.passing.is_empty()) {
                return known.finder.clone();
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.finder.is_none() {
            let entries = known.lasting.iter().chain(&known.passing);
            known.finder = Finder::of(entries).map(Arc::new);
        }
        known.finder.clone()
    }

    /// A text that is data, such as an output: without the secrets, also where up to four layers of
    /// escapes hide them, such as JSON in JSON.
    pub fn data<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.finder() {
            Some(finder) => mask(text, finder.ranges_in_layers(text.as_bytes())),
            None => Cow::Borrowed(text),
        }
    }

    /// A text that is shown to people, such as an error or a line of a log: as [`Redactor::data`], and
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
    fn of<'e>(entries: impl Iterator<Item = &'e Entry>) -> Option<Self> {
        let mut forms: Vec<Vec<u8>> = entries.flat_map(|entry| entry.forms.to_vec()).collect();
        forms.sort_unstable();
        forms.dedup();
        let longest = forms.iter().map(Vec::len).max()?.saturating_add(CUT.len());
        let starts = forms.iter().map(|form| form.get(..START).unwrap_or(form));
        let starts = starts.chain([CUT.as_bytes()]);
        // Only overlapping search finds a secret that begins within another. An automaton that
        // cannot be built would need more than 2^31 states: the bounds allow a fraction of that.
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::Standard)
            .build(starts)
            .ok()?;
        Some(Self {
            automaton,
            forms,
            longest,
        })
    }

    /// Where there is something to take out: ranges in order that do not overlap.
    fn ranges(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges: Vec<(usize, usize)> = self
            .automaton
            .find_overlapping_iter(bytes)
            .filter_map(|found| match self.forms.get(found.pattern().as_usize()) {
                Some(form) => {
                    let length = cut::whole_or_cut(bytes.get(found.start()..)?, form)?;
                    Some((found.start(), found.start().checked_add(length)?))
                }
                None => {
                    let length = cut::start_before(bytes.get(..found.start())?, &self.forms)?;
                    Some((found.start().checked_sub(length)?, found.start()))
                }
            })
            .collect();
        join(&mut ranges);
        ranges
    }

    /// The same, also under layers of escapes.
    fn ranges_in_layers(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut ranges = self.ranges(bytes);
        for layer in layers::of(bytes) {
            let found = self.ranges(&layer.bytes).into_iter();
            ranges.extend(found.filter_map(|range| layer.in_the_whole(range)));
        }
        join(&mut ranges);
        ranges
    }
}

/// Puts ranges in order, and those that overlap together.
fn join(ranges: &mut Vec<(usize, usize)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let joins = next.0 < last.1;
        if joins {
            last.1 = last.1.max(next.1);
        }
        joins
    });
}

/// The text with a mask for each of these ranges.
fn mask(text: &str, ranges: Vec<(usize, usize)>) -> Cow<'_, str> {
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

#[cfg(test)]
mod tests;
