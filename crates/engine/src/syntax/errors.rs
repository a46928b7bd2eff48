//! Collects diagnostics up to a bound, so that a file of errors costs no more than a file.

use flowrun_card::{SourceId, Span};

use crate::{
    diagnostic::{Code, Diagnostic},
    source::{Source, offset},
};

/// The most errors that a file reports.
const MAX_ERRORS: usize = 500;

/// A list of diagnostics that ends with [`Code::TOO_MANY_ERRORS`] where there were more.
#[derive(Debug)]
pub(crate) struct Errors<'a> {
    diagnostics: &'a mut Vec<Diagnostic>,
    /// The end of the file: what is said of the whole list sorts last.
    end: Span,
}

impl<'a> Errors<'a> {
    pub(crate) fn new(source: &Source, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        let end = offset(source.text().len());
        Self {
            diagnostics,
            end: Span::new(SourceId(0), end, end),
        }
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_ERRORS {
            self.diagnostics.push(diagnostic);
        } else if !self.is_full() {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::TOO_MANY_ERRORS,
                    self.end,
                    format!("there are more than {MAX_ERRORS} errors"),
                )
                .help("repair these first"),
            );
        }
    }

    /// Whether there is no use in looking for more.
    pub(crate) fn is_full(&self) -> bool {
        self.diagnostics.len() > MAX_ERRORS
    }
}
