//! A writer that takes secrets out of what passes through it, however it is cut into pieces.

use std::{
    fmt,
    io::{self, Write},
};

use super::{Finder, MASK, Redactor};

/// A writer without the secrets of a [`Redactor`], as [`Redactor::data`] leaves them out, but for those
/// that more than one layer of escapes hides: it passes on bytes, and takes nothing off them. It holds
/// back as many bytes as the longest form of a secret is long, less one; [`Redacting::finish`], or
/// else dropping it, writes them. Flushing does not: a secret may go on after it.
pub struct Redacting<W: Write> {
    redactor: Redactor,
    inner: W,
    held: Vec<u8>,
    /// How many bytes at the start of what is held belong to a secret whose mask is written.
    masked: usize,
}

impl<W: Write> Redacting<W> {
    /// A writer to `inner`.
    pub fn new(redactor: Redactor, inner: W) -> Self {
        Self {
            redactor,
            inner,
            held: Vec::new(),
            masked: 0,
        }
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// Those of the writer within.
    pub fn finish(&mut self) -> io::Result<()> {
        self.pass_on(true)?;
        self.inner.flush()
    }

    fn pass_on(&mut self, all: bool) -> io::Result<()> {
        let Some(finder) = self.redactor.finder() else {
            self.masked = 0;
            let held = std::mem::take(&mut self.held);
            return self.inner.write_all(&held);
        };
        let held = std::mem::take(&mut self.held);
        let (out, rest) = self.split(&finder, &held, all);
        self.held = rest;
        self.inner.write_all(&out)
    }

    /// What can be written of what is held, and what is still held. Every secret that begins before
    /// the cut is whole in what is held.
    fn split(&mut self, finder: &Finder, held: &[u8], all: bool) -> (Vec<u8>, Vec<u8>) {
        let cut = match all {
            true => held.len(),
            false => held.len().saturating_sub(finder.longest.saturating_sub(1)),
        };
        let mut out = Vec::with_capacity(cut);
        let mut at = self.masked;
        for (start, end) in finder.ranges(held) {
            if start >= cut {
                break;
            }
            // One that overlaps what the last call masked needs no mask of its own.
            if start >= at {
                out.extend_from_slice(held.get(at..start).unwrap_or_default());
                out.extend_from_slice(MASK.as_bytes());
            }
            at = at.max(end);
        }
        out.extend_from_slice(held.get(at..cut).unwrap_or_default());
        self.masked = at.saturating_sub(cut);
        (out, held.get(cut..).unwrap_or_default().to_vec())
    }
}

impl<W: Write> Write for Redacting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        self.pass_on(false)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W: Write> Drop for Redacting<W> {
    fn drop(&mut self) {
        // There is nobody left to tell.
        self.finish().ok();
    }
}

impl<W: Write> fmt::Debug for Redacting<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redacting")
    }
}
