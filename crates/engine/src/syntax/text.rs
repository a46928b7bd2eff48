//! The text as the YAML parser reads it, with a bound on what the parser holds back.
//!
//! A list or map in brackets may turn out to be a key, so the parser holds back all of it, at some
//! hundred bytes a token, until the bracket closes. Its own reader for texts also makes it take some
//! 130 bytes for each scalar, however short. A file of commas would take hundreds of megabytes.

use std::cell::Cell;

use saphyr_parser::Input;

/// The most commas, colons, brackets and other signs that can make tokens between two events of the
/// parser: in one list or map in brackets that stands in another or as an item, or in one text.
pub(super) const MAX_SIGNS: u32 = 500_000;

/// What is left of the text; it ends early where there are more signs than [`MAX_SIGNS`].
pub(super) struct Text<'a> {
    pub(super) rest: &'a str,
    /// Signs since the last event; whoever takes the events sets it back.
    pub(super) signs: &'a Cell<u32>,
}

impl Input for Text<'_> {
    /// All of the text can be seen at any time.
    fn lookahead(&mut self, _: usize) {}

    fn buflen(&self) -> usize {
        self.bufmaxlen()
    }

    /// What the parser reserves for a scalar; it needs at least 16.
    fn bufmaxlen(&self) -> usize {
        16
    }

    fn buf_is_empty(&self) -> bool {
        false
    }

    fn raw_read_ch(&mut self) -> char {
        let character = self.peek();
        self.skip();
        character
    }

    #[inline]
    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let character = characters
            .next()
            .filter(|c| !matches!(c, '\0' | '\n' | '\r' | '\u{feff}'))?;
        self.rest = characters.as_str();
        Some(character)
    }

    #[inline]
    fn skip(&mut self) {
        let mut characters = self.rest.chars();
        if let Some(',' | '[' | ']' | '{' | '}' | '?' | ':' | '*' | '&' | '!') = characters.next() {
            let signs = self.signs.get().saturating_add(1);
            self.signs.set(signs);
            if signs > MAX_SIGNS {
                self.rest = "";
                return;
            }
        }
        self.rest = characters.as_str();
    }

    #[inline]
    fn skip_n(&mut self, count: usize) {
        for _ in 0..count {
            self.skip();
        }
    }

    #[inline]
    fn peek(&self) -> char {
        self.peek_opt().unwrap_or('\0')
    }

    #[inline]
    fn peek_nth(&self, n: usize) -> char {
        self.rest.chars().nth(n).unwrap_or('\0')
    }

    #[inline]
    fn peek_opt(&self) -> Option<char> {
        self.rest.chars().next()
    }
}
