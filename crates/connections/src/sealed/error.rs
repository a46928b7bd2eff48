//! Why a secret cannot be sealed or opened, and what to do.

use std::path::PathBuf;

use crate::{EditError, StoreError, base::without_number};

/// A secret that was not sealed or opened. No message holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connection file was not changed.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// A text is not what sealing gives, or was changed since.
    #[error(
        "the sealed text of `{field}` of the connection `{connection}` is damaged: {message}; take \
         it from an older version of the file, or seal the secret anew with `flowrun connections \
         seal {connection} {field}`"
    )]
    Damaged {
        /// The nickname.
        connection: String,
        /// The field.
        field: String,
        /// In which way.
        message: String,
    },
    /// None of our identities is among those that a text was sealed for.
    #[error(
        "`{field}` of the connection `{connection}` is not sealed for {ours}; somebody who can \
         read it gives it to you with `flowrun connections share add {ours}`"
    )]
    NotForUs {
        /// The nickname.
        connection: String,
        /// The field.
        field: String,
        /// Our recipient.
        ours: String,
    },
    /// A text stands where it does not belong.
    #[error(
        "the sealed text of `{field}` of the connection `{connection}` in {file} was sealed for \
         {sealed_for}, and is opened nowhere else; if the change is meant, seal the secret anew \
         with `flowrun connections seal {connection} {field}`"
    )]
    Moved {
        /// The name of the file.
        file: String,
        /// The nickname.
        connection: String,
        /// The field.
        field: String,
        /// Where it belongs.
        sealed_for: String,
    },
    /// The connection leads to another server than when its secret was sealed.
    #[error(
        "`{field}` of the connection `{connection}` was sealed for {sealed_for}, and the \
         connection leads to {now}; if the change is meant, seal the secret anew with `flowrun \
         connections seal {connection} {field}`"
    )]
    OtherDestination {
        /// The nickname.
        connection: String,
        /// The field.
        field: String,
        /// The server that it belongs to.
        sealed_for: String,
        /// The server that the connection leads to.
        now: String,
    },
    /// The connection has no such secret.
    #[error(
        "the connection `{connection}` has no secret `{field}`; {}",
        known_fields(known)
    )]
    NoSuchField {
        /// The nickname.
        connection: String,
        /// The field.
        field: String,
        /// The secrets that it has.
        known: Vec<&'static str>,
    },
    /// The secret is empty, or longer than it may be.
    #[error("a secret has 1 to {limit} bytes, and this one has {length}")]
    SecretLength {
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// A text is no recipient.
    #[error(
        "this is no recipient, which looks like `age1` and 58 more letters and digits; whoever \
         shall read prints theirs with `flowrun connections share me`"
    )]
    NotARecipient,
    /// A text is the secret half of a recipient.
    #[error(
        "this is an age identity, the secret half: it has been shown, so make another; the \
         recipient, which may be shown, starts with `age1`"
    )]
    IdentityShown,
    /// The name of a recipient breaks a rule.
    #[error("the name of a recipient has 1 to {limit} characters on one line")]
    RecipientName {
        /// How many it may have.
        limit: usize,
    },
    /// A recipients file says something that is not known for certain.
    #[error("{}:{line}: {message}", path.display())]
    Recipients {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A recipient is to be taken out that is not there.
    #[error("{}: `{recipient}` is neither a recipient nor the name of one", path.display())]
    NoSuchRecipient {
        /// The recipients file.
        path: PathBuf,
        /// As it was asked for.
        recipient: String,
    },
    /// More than one recipient has the name.
    #[error(
        "{}: {count} recipients have the name `{name}`; say which by its `age1…`", path.display()
    )]
    ManyOfThatName {
        /// The recipients file.
        path: PathBuf,
        /// The name.
        name: String,
        /// How many have it.
        count: usize,
    },
    /// The last recipient is to be taken out.
    #[error(
        "{}: `{recipient}` is the only recipient, and without one nobody could read; add another \
         first", path.display()
    )]
    LastRecipient {
        /// The recipients file.
        path: PathBuf,
        /// The recipient.
        recipient: String,
    },
    /// There is no identity to open anything with.
    #[error(
        "there is no identity here that could open sealed secrets; make one with `flowrun \
         connections share me`, or name the file of one in FLOWRUN_IDENTITY_FILE"
    )]
    NoIdentity,
    /// An identity file holds none, or something else.
    #[error("{}:{line}: {message}", path.display())]
    IdentityFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A file that holds a key cannot be read.
    #[error(
        "{}: the key file cannot be read: {}",
        path.display(),
        without_number(&source.to_string()).to_lowercase()
    )]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that holds a key is a link.
    #[error("{}: the key file is a link or no regular file; name the file itself", path.display())]
    KeyFileIsNoFile {
        /// The file.
        path: PathBuf,
    },
    /// A file that holds a key can be read by others.
    #[error(
        "{}: others can read or write this file (its mode is {mode:04o}), so it is not used; keep \
         it to yourself with `chmod 600 {}`", path.display(), path.display()
    )]
    KeyFileIsOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file that holds a key is longer than keys are.
    #[error("{}: the key file has more than {limit} bytes", path.display())]
    KeyFileTooLong {
        /// The file.
        path: PathBuf,
        /// How long it may be.
        limit: u64,
    },
    /// The user's store is there, and its key file is not.
    #[error(
        "{}: the key of {} is gone; put the file back from a backup, or, if it is lost, put the \
         store away too and make a new identity with `flowrun connections share me`", path.display(),
        store.display()
    )]
    KeyFileGone {
        /// The key file.
        path: PathBuf,
        /// The store.
        store: PathBuf,
    },
    /// A key file holds no key.
    #[error("{}: this is no key, which has 64 hexadecimal digits", path.display())]
    NotAKey {
        /// The key file.
        path: PathBuf,
    },
    /// The user's store was sealed with another key.
    #[error(
        "{}: the key does not fit: this store was sealed with another one ({kind}); nothing was \
         changed", path.display()
    )]
    WrongKey {
        /// The store.
        path: PathBuf,
        /// Which kind of key was tried.
        kind: &'static str,
    },
    /// The user's store asks for another kind of key than `store.yaml`.
    #[error(
        "{}: this store is sealed with {sealed_with}, and {} says {configured}; write there what \
         fits", path.display(), config.display()
    )]
    OtherKeyKind {
        /// The store.
        path: PathBuf,
        /// What opens it.
        sealed_with: &'static str,
        /// The configuration.
        config: PathBuf,
        /// What it says.
        configured: &'static str,
    },
    /// The user's store is not what flowrun wrote.
    #[error(
        "{}: the store is damaged: {message}; put it back from a backup, nothing was changed",
        path.display()
    )]
    StoreDamaged {
        /// The store.
        path: PathBuf,
        /// In which way.
        message: String,
    },
    /// `store.yaml` says something that is not known.
    #[error("{}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The `key_command` gave no key.
    #[error("the key_command `{program}` gave no key: {message}")]
    KeyCommand {
        /// Its first word.
        program: String,
        /// What happened.
        message: String,
    },
    /// There is no passphrase.
    #[error("there is no passphrase: {message}")]
    Passphrase {
        /// Why not.
        message: String,
    },
    /// A sealed text is written in a way that a program cannot change safely.
    #[error("{}: {message}", path.display())]
    ByHand {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// More files than are looked at.
    #[error("{}: there are more than {limit} connection files here", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
        /// How many there may be.
        limit: usize,
    },
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes: {0}")]
    Random(std::io::Error),
}

fn known_fields(known: &[&str]) -> String {
    if known.is_empty() {
        "it has none at all".to_owned()
    } else {
        format!("it has `{}`", known.join("`, `"))
    }
}
