//! Where something stands in an authored file: byte offsets into one source.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// One of the files that a flow was loaded from; the flow's own file is `SourceId(0)`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct SourceId(pub u32);

/// A range of bytes in a source, end excluded.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte; never before `start`.
    pub end: u32,
}

impl Span {
    /// A span in `source`; an end before the start gives an empty span at the start.
    pub fn new(source: SourceId, start: u32, end: u32) -> Self {
        Self {
            source,
            start,
            end: end.max(start),
        }
    }

    /// The byte range, as used for slicing the source's text.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that covers both; `other` must be of the same source.
    pub fn to(self, other: Span) -> Self {
        Self::new(
            self.source,
            self.start.min(other.start),
            self.end.max(other.end),
        )
    }

    /// An empty span where this one starts.
    pub fn at_start(self) -> Self {
        Self::new(self.source, self.start, self.start)
    }
}
