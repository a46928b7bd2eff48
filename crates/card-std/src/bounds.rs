//! The bounds of what a function reads and writes.

use std::io;

use flowrun_card::{FunctionError, Value};

/// The longest text that a function yields, in bytes: 16 MiB.
pub(crate) const MAX_TEXT: usize = 16 << 20;

/// The most values that a function makes out of one text: a million.
pub(crate) const MAX_VALUES: usize = 1_000_000;

pub(crate) fn too_long() -> FunctionError {
    FunctionError::new("the text would be longer than 16 MiB")
}

pub(crate) fn too_many() -> FunctionError {
    FunctionError::new("the text holds more than 1,000,000 values")
}

/// The text as a value, unless it is too long.
pub(crate) fn text(text: String) -> Result<Value, FunctionError> {
    if text.len() > MAX_TEXT {
        return Err(too_long());
    }
    Ok(text.into())
}

/// What a codec writes, up to the longest text.
#[derive(Debug, Default)]
pub(crate) struct TextWriter {
    bytes: Vec<u8>,
    full: bool,
}

impl TextWriter {
    /// The text, if the codec wrote all of it.
    pub(crate) fn finish<E: std::fmt::Display>(
        self,
        written: Result<(), E>,
    ) -> Result<Value, FunctionError> {
        if self.full {
            return Err(too_long());
        }
        written.map_err(|error| FunctionError::new(error.to_string()))?;
        let text =
            String::from_utf8(self.bytes).map_err(|error| FunctionError::new(error.to_string()))?;
        Ok(text.into())
    }
}

impl io::Write for TextWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_TEXT.saturating_sub(self.bytes.len()) {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The start and the end of a slice of `length` elements: a negative position counts from the
/// end, one outside stands at the nearest end, and no `end` is the end.
pub(crate) fn slice(length: usize, start: &Value, end: &Value) -> (usize, usize) {
    let position = |value: &Value, otherwise: usize| {
        let Value::Integer(integer) = value else {
            return otherwise;
        };
        let position = integer.as_i128();
        let from_end = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        if position < 0 {
            length.saturating_sub(from_end)
        } else {
            from_end.min(length)
        }
    };
    let start = position(start, 0);
    (start, position(end, length).max(start))
}
