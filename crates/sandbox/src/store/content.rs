//! Reading the bytes of a version: its blobs in order, a chunk at a time.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::task::spawn_blocking;

use super::blobs::Lease;
use super::digest::{Algorithm, Checksum, Digester, Digests};
use super::error::StoreError;

/// Bytes of one read.
const READ_CHUNK: u64 = 256 * 1024;

/// A run of a version's bytes: one whole blob.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub blob: String,
    pub size: u64,
    /// The checksum of a part; none where the version was not uploaded in parts.
    pub checksum: Option<Checksum>,
}

/// The bytes of a version; they stay readable while this lives, whatever happens to it.
pub(crate) struct Content {
    pub segments: Vec<Segment>,
    lease: Lease,
}

struct Cursor {
    content: Arc<Content>,
    segment: usize,
    /// Bytes to skip in `segment`.
    offset: u64,
    remaining: u64,
    file: Option<File>,
}

impl Content {
    pub(crate) fn new(segments: Vec<Segment>, lease: Lease) -> Self {
        Self { segments, lease }
    }

    /// Where part `number` (from 1) lies in the object.
    pub(crate) fn part(&self, number: usize) -> Option<(Range<u64>, Option<&Checksum>)> {
        let index = number.checked_sub(1)?;
        let segment = self.segments.get(index)?;
        let start = self
            .segments
            .iter()
            .take(index)
            .fold(0_u64, |sum, segment| sum.saturating_add(segment.size));
        let end = start.saturating_add(segment.size);
        Some((start..end, segment.checksum.as_ref()))
    }

    /// The same bytes without their division into parts.
    pub(crate) fn without_parts(&self) -> Vec<Segment> {
        self.segments
            .iter()
            .map(|segment| Segment {
                checksum: None,
                ..segment.clone()
            })
            .collect()
    }

    /// The MD5 and one checksum of all the bytes.
    pub(crate) async fn digest(
        self: Arc<Self>,
        algorithm: Algorithm,
    ) -> Result<Digests, StoreError> {
        let size = self
            .segments
            .iter()
            .fold(0_u64, |sum, segment| sum.saturating_add(segment.size));
        let mut cursor = self.cursor(0..size);
        spawn_blocking(move || {
            let mut digester = Digester::new([algorithm]);
            while cursor.remaining > 0 {
                let (bytes, next) = cursor.read()?;
                digester.update(&bytes);
                cursor = next;
            }
            Ok(digester.finish())
        })
        .await?
    }

    /// The bytes of `range` in chunks of at most 256 KiB.
    ///
    /// A blob shorter than its row says ends the stream with an error, never early.
    pub(crate) fn stream(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + Sync + 'static {
        let cursor = self.cursor(range);
        stream::try_unfold(cursor, |cursor| async move {
            if cursor.remaining == 0 {
                return Ok(None);
            }
            let (bytes, cursor) = spawn_blocking(move || cursor.read()).await??;
            Ok(Some((bytes, cursor)))
        })
    }

    fn cursor(self: Arc<Self>, range: Range<u64>) -> Cursor {
        let mut segment = 0;
        let mut offset = range.start;
        while let Some(size) = self.segments.get(segment).map(|segment| segment.size)
            && offset >= size
        {
            offset -= size;
            segment += 1;
        }
        Cursor {
            content: self,
            segment,
            offset,
            remaining: range.end.saturating_sub(range.start),
            file: None,
        }
    }
}

impl Cursor {
    fn read(mut self) -> Result<(Bytes, Self), StoreError> {
        let segment = loop {
            let Some(segment) = self.content.segments.get(self.segment) else {
                return Err(StoreError::Corrupt(
                    "a version shorter than its size".into(),
                ));
            };
            if self.offset < segment.size {
                break segment;
            }
            self.offset = 0;
            self.segment += 1;
            self.file = None;
        };
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut file = self.content.lease.open_file(&segment.blob)?;
                file.seek(SeekFrom::Start(self.offset))
                    .map_err(StoreError::io("read", segment.blob.as_ref()))?;
                file
            }
        };
        let length = READ_CHUNK
            .min(self.remaining)
            .min(segment.size - self.offset);
        let mut buffer = vec![0; usize::try_from(length).unwrap_or(0)];
        file.read_exact(&mut buffer)
            .map_err(StoreError::io("read", segment.blob.as_ref()))?;
        self.file = Some(file);
        self.offset += length;
        self.remaining -= length;
        Ok((buffer.into(), self))
    }
}
