//! Secrets that may stand in a file for all to see: encrypted to people, and bound to their place.
//!
//! A connection file holds a secret as `{ sealed: TEXT }`. The text is an
//! [age](https://age-encryption.org/v1) file in base64, encrypted to the recipients that
//! `connections.recipients` beside the connection file lists. Whoever has the identity of one of
//! them opens it: a key file for machines, or the one in the user's store.
//!
//! A header inside says where the secret belongs: file, connection, field and the server that it is
//! sent to. A text that stands elsewhere, or whose connection leads elsewhere by now, is not
//! opened. What age does not tell is who sealed a text: anybody who can change the file can put a
//! secret of their own in the place of another, but learns none by that.

mod command;
mod envelope;
mod error;
mod identity;
mod places;
mod private;
mod recipients;
mod seal;
mod share;
mod store;
mod store_key;

pub use error::SealedError;
pub use identity::{AskPassphrase, Identities, Passphrase};
pub use private::read_private;
pub use recipients::{
    MAX_RECIPIENTS, RECIPIENTS_FILE, Recipient, Recipients, SharedWith, check_recipient_name,
};
pub use seal::{rename_file_entry, save_sealed, seal_field, with_sealed};
pub use share::{Resealed, share_add, share_remove};
pub use store::UserStore;
