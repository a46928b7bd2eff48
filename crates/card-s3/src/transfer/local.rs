//! Files of this machine as the source of an upload.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use bytes::{Bytes, BytesMut};
use flowrun_card::{CardError, ErrorKind};
use tokio::{fs::File, io::AsyncReadExt};

use super::source::Source;
use crate::error::file_error;

/// What changes when a file is written to: size, modification and change time.
type Stamp = (u64, i64, i64, i64, i64);

fn stamp(metadata: &Metadata) -> Stamp {
    (
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    )
}

/// An open file. It stays the same file even if another takes its path.
#[derive(Debug)]
pub(crate) struct LocalFile {
    file: File,
    path: PathBuf,
    stamp: Stamp,
}

impl LocalFile {
    /// Opens a regular file; a symbolic link is followed, because its path is the author's own.
    pub(crate) async fn open(path: &Path) -> Result<Self, CardError> {
        // Asked before it is opened: opening a pipe would wait for its other end.
        let metadata = tokio::fs::metadata(path)
            .await
            .map_err(|error| file_error("read the file", path, &error))?;
        if !metadata.is_file() {
            return Err(no_file(path));
        }
        let file = File::open(path)
            .await
            .map_err(|error| file_error("open the file", path, &error))?;
        Self::of(file, path).await
    }

    /// Takes a file that is open.
    pub(crate) async fn of(file: File, path: &Path) -> Result<Self, CardError> {
        let metadata = file
            .metadata()
            .await
            .map_err(|error| file_error("read the file", path, &error))?;
        if !metadata.is_file() {
            return Err(no_file(path));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            stamp: stamp(&metadata),
        })
    }

    fn changed(&self) -> CardError {
        CardError::new(
            ErrorKind::Integrity,
            "the file changed while it was read, so nothing was stored",
        )
        .transient(None)
        .context("path", self.path.display().to_string())
        .help("upload it when nothing writes to it, or upload a snapshot of it")
    }
}

fn no_file(path: &Path) -> CardError {
    CardError::new(ErrorKind::InvalidInput, "this is no regular file")
        .context("path", path.display().to_string())
        .help("`s3.upload_folder` uploads a folder")
}

impl Source for LocalFile {
    fn size(&self) -> u64 {
        self.stamp.0
    }

    async fn read(&mut self, length: usize, mut buffer: BytesMut) -> Result<Bytes, CardError> {
        buffer.clear();
        buffer.reserve(length);
        let mut rest = (&mut self.file).take(length as u64);
        while buffer.len() < length {
            match rest.read_buf(&mut buffer).await {
                Ok(0) => return Err(self.changed()),
                Ok(_) => {}
                Err(error) => return Err(file_error("read the file", &self.path, &error)),
            }
        }
        Ok(buffer.freeze())
    }

    async fn finish(&mut self) -> Result<(), CardError> {
        let metadata = self
            .file
            .metadata()
            .await
            .map_err(|error| file_error("read the file", &self.path, &error))?;
        if stamp(&metadata) == self.stamp {
            Ok(())
        } else {
            Err(self.changed())
        }
    }
}
