//! Why a policy is refused.

/// A policy that cannot be read with certainty, so that it is not read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The document is longer than [`MAX_DOCUMENT_BYTES`](crate::MAX_DOCUMENT_BYTES).
    #[error("the policy has {bytes} bytes, and at most {limit} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The document is not JSON, or an object in it has a key twice.
    #[error("the policy is not well-formed JSON: {message}")]
    Json {
        /// What the JSON reader says, with line and column.
        message: String,
    },
    /// A part of the document is not what a policy has there.
    #[error("{place}: {problem}")]
    Invalid {
        /// The statement and the field, such as ``statement 2 (`Reads`), Action``.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}
