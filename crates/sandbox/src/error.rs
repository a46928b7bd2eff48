//! Why a sandbox does not start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::SeedError;

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The seed is not valid.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The sandbox serves this machine alone.
    #[error("the sandbox listens on a loopback address only, such as 127.0.0.1, and not on {0}")]
    NotLoopback(SocketAddr),
    /// The port cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the state cannot be used.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    State {
        /// What was to be done with it.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the state holds something else than a sandbox writes.
    #[error(
        "{path} is not what a sandbox writes ({message}): remove it if nothing else needs it",
        path = path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Another process has the state, and its sandbox does not answer.
    #[error(
        "another process holds the sandbox state in {path}, and its sandbox does not answer: \
         end it, or use another folder",
        path = path.display()
    )]
    Unanswered {
        /// The folder.
        path: PathBuf,
    },
    /// Another process serves the state at another place than asked for.
    #[error(
        "another process serves the sandbox state in {path} already, at {url}: \
         use that, or another folder",
        path = path.display()
    )]
    Served {
        /// The folder.
        path: PathBuf,
        /// Where.
        url: String,
    },
    /// Another process serves the state, with another seed.
    #[error(
        "another process serves the sandbox state in {path} at {url}, with another seed: \
         end it, and start again",
        path = path.display()
    )]
    OtherSeed {
        /// The folder.
        path: PathBuf,
        /// Where.
        url: String,
    },
    /// A bucket of the seed belongs to another account in the state.
    #[error("the object store of the sandbox cannot be used: {0}")]
    Store(String),
    /// The system gives no randomness for keys.
    #[error("the system has no randomness for access keys: {0}")]
    Randomness(#[from] getrandom::Error),
}
