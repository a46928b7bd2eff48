//! Diagnostics about a scalar, by ranges of its decoded text.

use std::ops::Range;

use flowrun_card::Span;

use super::MAX_DEPTH;
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::SpanMap,
};

/// Where the messages of the lexer and the parser go. Each method reports an error and gives
/// `None`, so that a caller can end with it.
pub(super) struct Report<'a> {
    spans: &'a SpanMap,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Report<'a> {
    pub(super) fn new(spans: &'a SpanMap, diagnostics: &'a mut Diagnostics) -> Self {
        Self { spans, diagnostics }
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        self.spans.span(range)
    }

    pub(super) fn error<T>(
        &mut self,
        code: Code,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        let span = self.span(range);
        self.diagnostics
            .push(Diagnostic::error(code, span, message).help(help));
        None
    }

    /// What Handlebars or other languages have and flows do not.
    pub(super) fn refuse<T>(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.error(Code::EXPRESSION_FEATURE, range, message, help)
    }

    pub(super) fn syntax<T>(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.error(Code::EXPRESSION_SYNTAX, range, message, help)
    }

    pub(super) fn too_large<T>(&mut self, range: Range<usize>) -> Option<T> {
        self.error(
            Code::EXPRESSION_TOO_LARGE,
            range,
            "the expression is larger than 16 KiB",
            "compute a part of it in a card of its own and read that card's output",
        )
    }

    pub(super) fn too_deep<T>(&mut self, range: Range<usize>) -> Option<T> {
        self.error(
            Code::EXPRESSION_TOO_LARGE,
            range,
            format!("the expression is nested deeper than {MAX_DEPTH} levels"),
            "compute a part of it in a card of its own and read that card's output",
        )
    }

    /// A text literal without its second quote.
    pub(super) fn unclosed_text<T>(&mut self, at: usize) -> Option<T> {
        self.syntax(
            at..at + 1,
            "the text that starts here has no end",
            "close it with the same quote; a text that holds one kind of quote stands in the other kind",
        )
    }
}
