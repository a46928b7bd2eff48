//! Why a sandbox does not start, and what the system says put into words with what to do next.

use std::{fmt, io, net::SocketAddr, path::PathBuf};

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
    #[error(
        "cannot listen on {address} ({}): choose another port, or port 0 for a free one",
        what(source)
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file of the state cannot be used.
    #[error("cannot {action} {path} {}", Told(source), path = path.display())]
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
    /// The object store of the state cannot be used; the message says why and what to do.
    #[error("{0}")]
    Store(String),
    /// A bucket of the seed belongs to another account in the state.
    #[error(
        "bucket {bucket} of the seed belongs to account {owner} in the sandbox state in {path}: \
         use another folder, or give the bucket another name",
        path = path.display()
    )]
    BucketOwner {
        /// The folder.
        path: PathBuf,
        /// The bucket.
        bucket: String,
        /// The account that has it in the state.
        owner: String,
    },
    /// The system gives no randomness for keys.
    #[error("the system has no randomness for access keys: {0}")]
    Randomness(#[from] getrandom::Error),
}

/// A fault of the system as the end of a sentence: what it is, and what to do next.
pub(crate) struct Told<'a>(pub(crate) &'a io::Error);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use io::ErrorKind::{QuotaExceeded, StorageFull, UnexpectedEof};
        let next = match self.0.kind() {
            StorageFull | QuotaExceeded => "make room there, or use another folder",
            UnexpectedEof => "the sandbox state is damaged, use another folder",
            _ => "use another folder, one that can be read and written",
        };
        write!(f, "({}): {next}", what(self.0))
    }
}

/// What the system says, in lower case and without the number of the error.
fn what(error: &io::Error) -> String {
    let known = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there",
        io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
            "a file stands where a folder should be"
        }
        io::ErrorKind::PermissionDenied => "this user may not do that",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
        io::ErrorKind::UnexpectedEof => "the file is cut off",
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or_default();
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_ascii_lowercase());
            return first.into_iter().chain(letters).collect();
        }
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_the_system_say_what_to_do() {
        let rooms = "use another folder, one that can be read and written";
        for (number, expect) in [
            (2, format!("(no such file or directory): {rooms}")),
            (13, format!("(this user may not do that): {rooms}")),
            (
                20,
                format!("(a file stands where a folder should be): {rooms}"),
            ),
            (30, format!("(the disk is read-only): {rooms}")),
            (
                28,
                "(the disk is full): make room there, or use another folder".to_owned(),
            ),
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(Told(&error).to_string(), expect);
        }
    }
}
