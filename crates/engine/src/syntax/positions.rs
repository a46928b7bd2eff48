//! From the parser's positions, which count characters, to bytes.

/// A table only where the two differ.
#[derive(Debug)]
pub(super) enum Positions {
    Ascii,
    /// The byte of each character, and the length of the text.
    Table(Vec<u32>),
}

impl Positions {
    pub(super) fn of(text: &str) -> Self {
        if text.is_ascii() {
            return Positions::Ascii;
        }
        let mut table = Vec::with_capacity(text.len());
        table.extend(text.char_indices().map(|(at, _)| crate::source::offset(at)));
        table.push(crate::source::offset(text.len()));
        Positions::Table(table)
    }

    /// The byte at which a character starts; the end of the text for what is beyond.
    pub(super) fn byte(&self, character: usize) -> usize {
        match self {
            Positions::Ascii => character,
            Positions::Table(table) => table
                .get(character)
                .or_else(|| table.last())
                .map_or(0, |at| *at as usize),
        }
    }
}
