//! Where the decoded text of a scalar stands in the source: a second walk over its source, held
//! against what the parser decoded.

use std::ops::Range;

use flowrun_card::{SourceId, Span};

use crate::source::{Piece, SpanMap, offset};

/// What a walk found: the bytes of the scalar with its quotes or header, and its map.
pub(super) struct Walked {
    pub(super) bytes: Range<usize>,
    pub(super) spans: SpanMap,
}

/// A plain scalar, whose bytes the parser knows.
pub(super) fn plain(text: &str, bytes: Range<usize>, decoded: &str) -> Walked {
    let spans = if text.get(bytes.clone()) == Some(decoded) {
        SpanMap::exact(span(&bytes))
    } else {
        let mut pieces = Pieces::new(text, decoded);
        pieces.lines(bytes.start, Some(bytes.end), None);
        pieces.finish(&bytes)
    };
    Walked { bytes, spans }
}

/// A scalar in quotes, from its opening quote.
pub(super) fn quoted(text: &str, start: usize, quote: u8, decoded: &str) -> Walked {
    let open = start.saturating_add(1);
    let mut pieces = Pieces::new(text, decoded);
    let close = pieces.lines(open, None, Some(quote));
    let spans = pieces.finish(&(open..close));
    Walked {
        bytes: start..close.saturating_add(1).min(text.len()),
        spans,
    }
}

/// A block scalar, from its `|` or `>`; `indent` is that of its first line that is not blank.
pub(super) fn block(text: &str, header: usize, indent: usize, decoded: &str) -> Walked {
    let mut pieces = Pieces::new(text, decoded);
    let end = pieces.block(header, indent);
    let spans = pieces.finish(&(header..end));
    Walked {
        bytes: header..end,
        spans,
    }
}

fn span(bytes: &Range<usize>) -> Span {
    Span::new(SourceId(0), offset(bytes.start), offset(bytes.end))
}

/// A map in the making. It is exact as long as each step gives the text that the parser gave.
struct Pieces<'a> {
    text: &'a str,
    decoded: &'a str,
    /// How much of `decoded` is mapped.
    at: usize,
    pieces: Vec<Piece>,
    exact: bool,
}

impl<'a> Pieces<'a> {
    fn new(text: &'a str, decoded: &'a str) -> Self {
        Self {
            text,
            decoded,
            at: 0,
            pieces: Vec::new(),
            exact: true,
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Source that stands for itself.
    fn copy(&mut self, source: Range<usize>) {
        let text = self.text.get(source.clone()).unwrap_or_default();
        if text.is_empty() {
            return;
        }
        let same = self.rest().starts_with(text);
        if let Some(last) = self.pieces.last_mut()
            && same
            && last.text_len == last.source_len
            && last.source.saturating_add(last.source_len) == offset(source.start)
        {
            last.text_len = last.text_len.saturating_add(offset(text.len()));
            last.source_len = last.text_len;
            self.at = self.at.saturating_add(text.len());
        } else {
            self.stand(text, source);
        }
    }

    /// Source that stands for a text.
    fn stand(&mut self, text: &str, source: Range<usize>) {
        self.exact &= self.rest().starts_with(text);
        self.pieces.push(Piece {
            text: offset(self.at),
            text_len: offset(text.len()),
            source: offset(source.start),
            source_len: offset(source.len()),
        });
        self.at = self.at.saturating_add(text.len());
    }

    fn rest(&self) -> &'a str {
        self.decoded.get(self.at..).unwrap_or_default()
    }

    fn finish(self, whole: &Range<usize>) -> SpanMap {
        if self.exact && self.at == self.decoded.len() && !self.pieces.is_empty() {
            return SpanMap::new(SourceId(0), self.pieces);
        }
        let piece = Piece {
            text: 0,
            text_len: offset(self.decoded.len()),
            source: offset(whole.start),
            source_len: offset(whole.len()),
        };
        SpanMap::new(SourceId(0), vec![piece])
    }

    /// The byte after the line break at `at`, if there is one.
    fn after_break(&self, at: usize) -> Option<usize> {
        match (self.byte(at)?, self.byte(at.saturating_add(1))) {
            (b'\r', Some(b'\n')) => Some(at.saturating_add(2)),
            (b'\n' | b'\r', _) => Some(at.saturating_add(1)),
            _ => None,
        }
    }

    /// The first byte from `at` that is neither a space nor a tab.
    fn after_blanks(&self, mut at: usize) -> usize {
        while let Some(b' ' | b'\t') = self.byte(at) {
            at = at.saturating_add(1);
        }
        at
    }

    /// Plain and quoted scalars: lines that are folded, escapes. Gives the byte after the text.
    fn lines(&mut self, start: usize, end: Option<usize>, quote: Option<u8>) -> usize {
        let end = end.unwrap_or(self.text.len());
        let mut at = start;
        while at < end {
            let Some(byte) = self.byte(at) else { break };
            let next = at.saturating_add(1);
            match byte {
                b'\'' if quote == Some(b'\'') => {
                    if self.byte(next) != quote {
                        return at;
                    }
                    self.stand("'", at..at.saturating_add(2));
                    at = at.saturating_add(2);
                }
                b'"' if quote == Some(b'"') => return at,
                b'\\' if quote == Some(b'"') => {
                    at = match self.after_break(next) {
                        Some(after) => self.breaks(self.after_blanks(after)),
                        None => self.escape(at),
                    };
                }
                b' ' | b'\t' | b'\n' | b'\r' => {
                    let blanks = self.after_blanks(at);
                    match self.after_break(blanks) {
                        None => {
                            self.copy(at..blanks);
                            at = blanks;
                        }
                        Some(after) => {
                            let content = self.after_blanks(after);
                            if self.after_break(content).is_none() {
                                self.stand(" ", at..content);
                            }
                            at = self.breaks(content);
                        }
                    }
                }
                _ => {
                    let stop = self.text.as_bytes().get(at..end).and_then(|rest| {
                        rest.iter().position(|byte| {
                            matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
                                || Some(*byte) == quote
                                || (*byte == b'\\' && quote == Some(b'"'))
                        })
                    });
                    let stop = stop.map_or(end, |stop| at.saturating_add(stop));
                    self.copy(at..stop);
                    at = stop;
                }
            }
        }
        at
    }

    /// Line breaks after the first one, each of which stays; gives the byte of the next content.
    fn breaks(&mut self, mut at: usize) -> usize {
        while let Some(after) = self.after_break(at) {
            self.stand("\n", at..after);
            at = self.after_blanks(after);
        }
        at
    }

    /// The parser knows what an escape means; here only its length matters.
    fn escape(&mut self, at: usize) -> usize {
        let len = match self.byte(at.saturating_add(1)) {
            Some(b'x') => 4,
            Some(b'u') => 6,
            Some(b'U') => 10,
            _ => 2,
        };
        let after = at.saturating_add(len);
        let mut rest = self.rest().chars();
        match rest.next() {
            Some(character) => self.stand(character.encode_utf8(&mut [0; 4]), at..after),
            None => self.exact = false,
        }
        after
    }

    /// Gives the byte after the last line of content.
    fn block(&mut self, header: usize, indent: usize) -> usize {
        let folded = self.byte(header) == Some(b'>');
        // Blank lines alone tell no indentation.
        let indent = if self.decoded.bytes().all(|byte| byte == b'\n') {
            usize::MAX
        } else {
            indent
        };
        let mut end = self.line_end(header);
        let mut at = self.after_break(end).unwrap_or(end);
        let first = at;
        // The break of the last line of content, and the blank lines since.
        let mut pending: Option<Range<usize>> = None;
        let mut blank: Vec<Range<usize>> = Vec::new();
        let mut was_indented = false;
        while self.at < self.decoded.len() {
            let mut content = at;
            while content.saturating_sub(at) < indent && self.byte(content) == Some(b' ') {
                content = content.saturating_add(1);
            }
            if let Some(after) = self.after_break(content) {
                blank.push(content..after);
                at = after;
                continue;
            }
            if content.saturating_sub(at) < indent || self.byte(content).is_none() {
                break;
            }
            let indented = matches!(self.byte(content), Some(b' ' | b'\t'));
            let is_fold = folded && !was_indented && !indented;
            match pending.take() {
                Some(last) if !is_fold => self.stand("\n", last),
                Some(last) if blank.is_empty() => self.stand(" ", last.start..content),
                _ => {}
            }
            self.newlines(&mut blank);
            end = self.line_end(content);
            self.copy(content..end);
            was_indented = indented;
            let after = self.after_break(end).unwrap_or(end);
            pending = Some(end..after);
            at = after;
        }
        if self.at < self.decoded.len()
            && let Some(last) = pending
        {
            self.stand("\n", last);
        }
        for line in blank {
            if self.at < self.decoded.len() {
                self.stand("\n", line);
            }
        }
        if self.rest() == "\n" {
            // The last line of the file, without a break of its own.
            self.stand("\n", at..at);
        }
        if self.decoded.is_empty() {
            self.stand("", first..first);
        }
        end
    }

    fn newlines(&mut self, lines: &mut Vec<Range<usize>>) {
        for line in lines.drain(..) {
            self.stand("\n", line);
        }
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        at.saturating_add(length.unwrap_or(rest.len()))
    }
}
