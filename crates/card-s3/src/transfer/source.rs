//! Where the bytes of an upload come from.

use bytes::{Bytes, BytesMut};
use flowrun_card::{CardError, ErrorKind};

/// Bytes of a known number, read once from front to end.
pub(crate) trait Source: Send {
    /// How many there are.
    fn size(&self) -> u64;

    /// The next bytes, exactly this many. They may go into the buffer, whose content is of no use.
    fn read(
        &mut self,
        length: usize,
        buffer: BytesMut,
    ) -> impl Future<Output = Result<Bytes, CardError>> + Send;

    /// Whether what was read is what was there: called after the last byte and before the upload
    /// is made visible.
    fn finish(&mut self) -> impl Future<Output = Result<(), CardError>> + Send;
}

/// Bytes in memory.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    bytes: Bytes,
    size: u64,
}

impl Memory {
    /// All of these.
    pub(crate) fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let size = bytes.len() as u64;
        Self { bytes, size }
    }
}

impl Source for Memory {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&mut self, length: usize, _: BytesMut) -> Result<Bytes, CardError> {
        if length > self.bytes.len() {
            return Err(ends_early());
        }
        Ok(self.bytes.split_to(length))
    }

    async fn finish(&mut self) -> Result<(), CardError> {
        Ok(())
    }
}

/// The error of a source that has fewer bytes than it said.
pub(crate) fn ends_early() -> CardError {
    CardError::new(
        ErrorKind::Integrity,
        "the content ended before its announced size",
    )
    .transient(None)
}
