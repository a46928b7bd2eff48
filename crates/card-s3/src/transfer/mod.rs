//! Moving bytes to and from S3: bounded in memory, checked end to end, nothing left behind.
//!
//! What is not whole is never seen: an upload that fails or is cancelled is aborted, and a download
//! is a temporary file until it is checked. A request for one part is sent at most three times;
//! the attempts of a card as a whole are the flow's `retry`.

pub(crate) mod blocking;
pub(crate) mod budget;
pub(crate) mod checksum;
pub(crate) mod customer_key;
pub(crate) mod local;
pub(crate) mod multipart;
pub(crate) mod object;
pub(crate) mod part_retry;
pub(crate) mod server_copy;
pub(crate) mod sizes;
pub(crate) mod source;
pub(crate) mod stop;
pub(crate) mod target;
pub(crate) mod upload;
