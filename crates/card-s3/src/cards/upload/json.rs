//! A value as JSON: in memory while it is short, in a scratch file when it is not.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flowrun_card::{CardError, Ctx, Value};

use crate::{error::file_error, transfer::blocking::blocking};

/// Bytes of JSON that stay in memory.
const MAX_MEMORY: usize = 1_024 * 1_024;

/// JSON that is written out.
pub(super) enum Written {
    /// A short one.
    Memory(Bytes),
    /// A long one.
    Scratch(Scratch),
}

/// A scratch file, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "a scratch file is left behind");
        }
    }
}

/// Writes a value as compact JSON.
pub(super) async fn write(ctx: &Ctx, value: Value) -> Result<Written, CardError> {
    let path = ctx
        .scratch_path(".json")
        .map_err(|error| file_error("make a scratch file", Path::new(""), &error))?;
    blocking(move || {
        let mut spill = Spill {
            memory: Vec::new(),
            scratch: Scratch(path),
            file: None,
        };
        spill
            .write_json(&value)
            .map_err(|error| file_error("write the scratch file", spill.scratch.path(), &error))?;
        Ok(match spill.file {
            None => Written::Memory(spill.memory.into()),
            Some(_) => Written::Scratch(spill.scratch),
        })
    })
    .await
}

/// Takes bytes into memory up to a size, then into a file.
struct Spill {
    memory: Vec<u8>,
    scratch: Scratch,
    file: Option<BufWriter<File>>,
}

impl Spill {
    fn write_json(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer(&mut *self, value)?;
        self.flush()
    }
}

impl Write for Spill {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            return file.write(bytes);
        }
        self.memory.extend_from_slice(bytes);
        if self.memory.len() > MAX_MEMORY {
            let mut file = BufWriter::new(File::create_new(self.scratch.path())?);
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_json_goes_to_the_scratch_file_and_short_json_does_not() {
        let check = |length: usize, in_file: bool| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            let value: Value = std::iter::repeat_n(Value::from("é\n"), length).collect();
            let mut spill = Spill {
                memory: Vec::new(),
                scratch: Scratch(path.clone()),
                file: None,
            };
            spill.write_json(&value).unwrap();
            let bytes = if in_file {
                std::fs::read(&path).unwrap()
            } else {
                spill.memory.clone()
            };
            assert_eq!(path.exists(), in_file, "{length}");
            assert_eq!(bytes, value.to_string().into_bytes(), "{length}");
            drop(spill);
            assert!(!path.exists(), "{length}");
        };
        check(0, false);
        check(2, false);
        check(MAX_MEMORY, true);
    }
}
