//! The list of what is wrong, up to a bound: a file of errors costs no more than a file.

use std::ops::Deref;

use flowrun_card::{SourceId, Span};

use super::{Code, Diagnostic};
use crate::source::{Source, offset};

/// The most diagnostics of a flow.
const MAX: usize = 500;

/// What was found so far, each diagnostic once; it takes [`MAX`] and drops the rest.
#[derive(Debug, Default)]
pub(crate) struct Diagnostics {
    list: Vec<Diagnostic>,
    dropped: bool,
}

/// How much there was at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    len: usize,
    dropped: bool,
}

impl Diagnostics {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let told = |earlier: &Diagnostic| {
            *earlier == diagnostic
                || (earlier.code == Code::YAML_FEATURE && within(&diagnostic, earlier))
        };
        if self.dropped || self.list.iter().any(told) {
            return;
        }
        if self.list.len() < MAX {
            self.list.push(diagnostic);
        } else {
            self.dropped = true;
        }
    }

    /// Adds what was found apart.
    pub(crate) fn append(&mut self, other: Diagnostics) {
        for diagnostic in other.list {
            self.push(diagnostic);
        }
        self.dropped |= other.dropped;
    }

    /// Whether there is no use in looking for more.
    pub(crate) fn is_full(&self) -> bool {
        self.dropped
    }

    /// For [`Diagnostics::rewind`], and to see whether something was found since.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            len: self.list.len(),
            dropped: self.dropped,
        }
    }

    /// Forgets what was found since.
    pub(crate) fn rewind(&mut self, mark: Mark) {
        self.list.truncate(mark.len);
        self.dropped = mark.dropped;
    }

    /// The list in source order; it ends with [`Code::TOO_MANY_ERRORS`] where there were more.
    pub(crate) fn finish(mut self, source: &Source) -> Vec<Diagnostic> {
        self.list.sort_by_key(|diagnostic| {
            let span = diagnostic.primary.span;
            (span.source, span.start, diagnostic.severity)
        });
        if self.dropped {
            let end = offset(source.text().len());
            self.list.push(
                Diagnostic::error(
                    Code::TOO_MANY_ERRORS,
                    Span::new(SourceId(0), end, end),
                    format!("there are more than {MAX} errors"),
                )
                .help("repair these first"),
            );
        }
        self.list
    }
}

/// Whether what is said of a value is of no interest, since the value was refused as YAML: nobody
/// knows what an alias would have been.
fn within(diagnostic: &Diagnostic, refused: &Diagnostic) -> bool {
    let (inner, outer) = (diagnostic.primary.span, refused.primary.span);
    inner.source == outer.source && inner.start >= outer.start && inner.end <= outer.end
}

impl Deref for Diagnostics {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.list
    }
}
