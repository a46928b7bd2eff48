//! Texts that are shown without their end, and what is left of a secret there.

use super::{MIN_SECRET, START};

/// What stands where a text was cut.
pub(super) const CUT: &str = "…";

/// A text of at most so many characters. Of a longer one the start, and `…` for the rest, by which a
/// [`Redactor`](super::Redactor) knows that a secret may have been cut there: what a card or a store
/// shortens any other way, it may show the start of a secret.
///
/// ```
/// assert_eq!(flowrun_card::shorten("abcdef", 6), "abcdef");
/// assert_eq!(flowrun_card::shorten("abcdefg", 6), "abcdef…");
/// ```
pub fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}{CUT}", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// How much of a text that has the start of a form is that form: all of it, or all up to a cut.
pub(super) fn whole_or_cut(text: &[u8], form: &[u8]) -> Option<usize> {
    let same = text.iter().zip(form).take_while(|(a, b)| a == b).count();
    (same == form.len() || text.get(same..)?.starts_with(CUT.as_bytes())).then_some(same)
}

/// How long the start of a form is by which a text ends, where it is too short to be looked for. The
/// forms are in the order of their bytes.
pub(super) fn start_before(text: &[u8], forms: &[Vec<u8>]) -> Option<usize> {
    (MIN_SECRET..START).rev().find(|length| {
        let start = text
            .len()
            .checked_sub(*length)
            .and_then(|at| text.get(at..));
        start.is_some_and(|start| {
            let at = forms.partition_point(|form| form.as_slice() < start);
            forms.get(at).is_some_and(|form| form.starts_with(start))
        })
    })
}
