//! The text of a flow file: where its lines are, and where the decoded text of a scalar stands.

use std::{ops::Range, sync::Arc};

use flowrun_card::{SourceId, Span};

use crate::diagnostic::{Code, Diagnostic};

/// The largest flow file, in bytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// A file that diagnostics point into. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Source(Arc<Text>);

#[derive(Debug)]
struct Text {
    name: String,
    text: String,
    /// The byte at which each line starts.
    lines: Vec<u32>,
}

/// A place as editors count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
}

impl Source {
    /// Takes a file's bytes; what cannot be read as text is a diagnostic, and the text then is
    /// what could be read.
    pub(crate) fn read(name: impl Into<String>, bytes: &[u8]) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let at_start = Span::default();
        let bytes = if bytes.len() > MAX_BYTES {
            diagnostics.push(
                Diagnostic::error(
                    Code::FILE_TOO_LARGE,
                    at_start,
                    "the file is larger than 4 MiB",
                )
                .help("a flow names its data, it does not hold it: move the data to a file of its own"),
            );
            &[]
        } else {
            // A byte order mark is no part of the text.
            bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
        };
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let (valid, _) = bytes
                    .split_at_checked(error.valid_up_to())
                    .unwrap_or_default();
                let text = String::from_utf8_lossy(valid).into_owned();
                let end = offset(text.len());
                diagnostics.push(
                    Diagnostic::error(
                        Code::FILE_NOT_UTF8,
                        Span::new(SourceId(0), end, end),
                        "the file is not UTF-8 text",
                    )
                    .help("save it as UTF-8"),
                );
                text
            }
        };
        (Self::new(name, text), diagnostics)
    }

    pub(crate) fn new(name: impl Into<String>, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| offset(at + 1)))
            .collect();
        Self(Arc::new(Text {
            name: name.into(),
            text,
            lines,
        }))
    }

    /// The file's name, as it was given.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text of a span; empty where the span does not fit the text.
    pub fn slice(&self, span: Span) -> &str {
        self.0.text.get(span.range()).unwrap_or_default()
    }

    /// The place of a byte offset; the end of the text for what is beyond.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.0.lines.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|line| self.0.lines.get(line))
            .copied()
            .unwrap_or(0) as usize;
        let text = self.0.text.get(start..).unwrap_or_default();
        let within = (offset as usize).saturating_sub(start);
        let column = text
            .char_indices()
            .take_while(|(at, c)| *at < within && *c != '\n')
            .count();
        Position {
            line: u32::try_from(line.max(1)).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
        }
    }
}

/// A byte offset into a source, which is never larger than [`MAX_BYTES`].
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Where the decoded text of a scalar stands in its source: quotes, escapes and the indentation of
/// block scalars make the two differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpanMap {
    source: SourceId,
    /// In the order of the text; never empty.
    pieces: Vec<Piece>,
}

/// A run of decoded text. Where its two lengths are the same, byte stands for byte; otherwise the
/// piece is an escape or a fold that is pointed at as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First byte in the decoded text.
    pub(crate) text: u32,
    /// Bytes of decoded text.
    pub(crate) text_len: u32,
    /// First byte in the source.
    pub(crate) source: u32,
    /// Bytes in the source.
    pub(crate) source_len: u32,
}

impl SpanMap {
    /// Text that stands in the source as it is, from the span's start.
    pub(crate) fn exact(span: Span) -> Self {
        let len = span.end.saturating_sub(span.start);
        Self::new(
            span.source,
            vec![Piece {
                text: 0,
                text_len: len,
                source: span.start,
                source_len: len,
            }],
        )
    }

    /// Text of these pieces, in order.
    pub(crate) fn new(source: SourceId, pieces: Vec<Piece>) -> Self {
        Self { source, pieces }
    }

    /// The span in the source of a range of the decoded text.
    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let start = self.start(offset(range.start));
        let end = if range.end > range.start {
            self.end(offset(range.end - 1))
        } else {
            start
        };
        Span::new(self.source, start, end)
    }

    /// The span of the whole text.
    pub(crate) fn whole(&self) -> Span {
        let start = self.pieces.first().map_or(0, |piece| piece.source);
        let end = self
            .pieces
            .last()
            .map_or(start, |piece| piece.source.saturating_add(piece.source_len));
        Span::new(self.source, start, end)
    }

    fn piece(&self, at: u32) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.text <= at);
        self.pieces.get(after.saturating_sub(1))
    }

    fn start(&self, at: u32) -> u32 {
        let Some(piece) = self.piece(at) else {
            return 0;
        };
        let within = at.saturating_sub(piece.text);
        if within >= piece.text_len {
            piece.source.saturating_add(piece.source_len)
        } else if piece.text_len == piece.source_len {
            piece.source.saturating_add(within)
        } else {
            piece.source
        }
    }

    /// One past the source byte of the text byte at `at`.
    fn end(&self, at: u32) -> u32 {
        let Some(piece) = self.piece(at) else {
            return 0;
        };
        let within = at.saturating_sub(piece.text);
        if piece.text_len == piece.source_len && within < piece.text_len {
            piece.source.saturating_add(within).saturating_add(1)
        } else {
            piece.source.saturating_add(piece.source_len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let source = Source::new("f.yaml", "añb\ncd\n".to_owned());
        let at = |offset| {
            let position = source.position(offset);
            (position.line, position.column)
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(3), (1, 3));
        assert_eq!(at(5), (2, 1));
        assert_eq!(at(6), (2, 2));
        assert_eq!(at(8), (3, 1));
        assert_eq!(at(99), (3, 1));
    }

    #[test]
    fn what_is_no_text_is_refused_where_it_starts() {
        let (source, diagnostics) = Source::read("f.yaml", b"flow: a\nx: \xff");
        assert_eq!(source.text(), "flow: a\nx: ");
        assert_eq!(
            diagnostics[0].to_line(&source),
            "f.yaml:2:4: error[file-not-utf8]: the file is not UTF-8 text"
        );
        let (source, diagnostics) = Source::read("f.yaml", &vec![b'#'; MAX_BYTES + 1]);
        assert_eq!(
            diagnostics[0].to_line(&source),
            "f.yaml:1:1: error[file-too-large]: the file is larger than 4 MiB"
        );
        let (source, diagnostics) = Source::read("f.yaml", b"\xef\xbb\xbfflow: a");
        assert_eq!((source.text(), diagnostics.len()), ("flow: a", 0));
    }

    #[test]
    fn escapes_are_pointed_at_as_a_whole() {
        // "a\tb" in quotes at byte 10.
        let piece = |text, text_len, source, source_len| Piece {
            text,
            text_len,
            source,
            source_len,
        };
        let map = SpanMap::new(
            SourceId(0),
            vec![piece(0, 1, 11, 1), piece(1, 1, 12, 2), piece(2, 1, 14, 1)],
        );
        let span = |range| {
            let span = map.span(range);
            (span.start, span.end)
        };
        assert_eq!(span(0..1), (11, 12));
        assert_eq!(span(1..2), (12, 14));
        assert_eq!(span(0..3), (11, 15));
        assert_eq!(span(3..3), (15, 15));
    }
}
