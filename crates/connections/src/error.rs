//! Why a connection file, or what is kept beside it, cannot be used.

use std::path::{Path, PathBuf};

use crate::{Environment, base::without_number};

/// A connection file that cannot be used. The message names the file, and the line and column
/// where there is one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file is there and cannot be read.
    #[error(
        "{}: the file cannot be read: {}",
        path.display(),
        without_number(&source.to_string()).to_lowercase()
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The environment that was named has no connection file.
    #[error(
        "{}: the environment `{environment}` has no connections, because this file is not there",
        path.display()
    )]
    NoEnvironment {
        /// The file.
        path: PathBuf,
        /// The environment.
        environment: Environment,
    },
    /// The file is not a regular file, such as a folder.
    #[error("{}: this is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file is longer than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("{}: the file has more than {limit} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        limit: u64,
    },
    /// The file is not text in UTF-8.
    #[error("{}: the file is not UTF-8 text", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// The file does not say what a connection file says.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The column in characters, counted from 1.
        column: usize,
        /// What is wrong, with the nickname and the key.
        message: String,
    },
    /// A file or folder cannot be written.
    #[error(
        "{}: this cannot be written: {}",
        path.display(),
        without_number(&source.to_string()).to_lowercase()
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Another process holds the lock of the file's folder.
    #[error("{}: another process has held this lock for {seconds} seconds", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The record of proofs is not what flowrun wrote.
    #[error("{}: the record of proofs cannot be used: {message}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl StoreError {
    /// The file or folder that it is about.
    pub fn path(&self) -> &Path {
        match self {
            StoreError::Read { path, .. }
            | StoreError::NoEnvironment { path, .. }
            | StoreError::NotAFile { path }
            | StoreError::TooLong { path, .. }
            | StoreError::NotUtf8 { path }
            | StoreError::Invalid { path, .. }
            | StoreError::Write { path, .. }
            | StoreError::Locked { path, .. }
            | StoreError::Record { path, .. } => path,
        }
    }

    /// The line and the column, counted from 1; the first where it is about the whole file.
    pub fn position(&self) -> (usize, usize) {
        match self {
            StoreError::Invalid { line, column, .. } => (*line, *column),
            _ => (1, 1),
        }
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> String {
        if let StoreError::Invalid { message, .. } = self {
            return message.clone();
        }
        let text = self.to_string();
        let place = format!("{}: ", self.path().display());
        text.strip_prefix(&place).unwrap_or(&text).to_owned()
    }
}
