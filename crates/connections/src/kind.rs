//! What a kind of connection is: one declaration, from which its files, edits, commands, proofs and
//! sessions come.

use std::{any::Any, sync::Arc};

use flowrun_card::{BoxFuture, CardError, RunIdentity, Scope};
use serde::de::MapAccess;
use serde_json::Value as Json;

use crate::{AwsS3Definition, Connection, ConnectionStore, HttpDefinition, Proof, SecretSource};

/// All kinds. A new one is added here and to [`Definition`](crate::Definition).
pub const KINDS: [&KindSpec; 2] = [&AwsS3Definition::SPEC, &HttpDefinition::SPEC];

/// What a kind says of itself.
#[derive(Debug, PartialEq, Eq)]
pub struct KindSpec {
    /// Its name in connection files, such as `aws_s3`.
    pub name: &'static str,
    /// What connections of that kind lead to, in a line.
    pub about: &'static str,
    /// The keys that it has beside `type` and `description`, in the order in which they are written
    /// and asked for.
    pub keys: &'static [KeySpec],
}

/// A key of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// Its name in connection files.
    pub name: &'static str,
    /// What it says, in a line.
    pub help: &'static str,
    /// Whether each connection of the kind has it.
    pub is_required: bool,
    /// What its value looks like.
    pub form: Form,
}

/// What the value of a key looks like, as far as that is seen without its neighbours. What reads it
/// takes nothing else, and may know more rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text that no reader of YAML takes for a number or a boolean.
    Text(Pattern),
    /// Text that may also be written as a plain number or boolean, such as an External ID of digits.
    Scalar(Pattern),
    /// Any text, or nothing.
    Prose,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// A map of these keys.
    Map(&'static [KeySpec]),
    /// A map of exactly one of these keys.
    OneKey(&'static [KeySpec]),
    /// A map of any keys of a form to texts.
    Entries {
        /// The keys.
        key: Pattern,
        /// The texts.
        value: Pattern,
        /// The most of them.
        most: usize,
    },
    /// A list of such texts.
    List {
        /// Each of them.
        item: Pattern,
        /// The most of them.
        most: usize,
    },
    /// One of these.
    Either(&'static [Form]),
}

/// Which texts a value can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// A regular expression that they match, of the syntax that all dialects share.
    pub regex: &'static str,
    /// Their most characters.
    pub most: usize,
}

impl KeySpec {
    pub(crate) const fn optional(name: &'static str, help: &'static str, form: Form) -> Self {
        Self {
            name,
            help,
            is_required: false,
            form,
        }
    }

    pub(crate) const fn required(name: &'static str, help: &'static str, form: Form) -> Self {
        Self {
            is_required: true,
            ..Self::optional(name, help, form)
        }
    }

    /// The names of keys, in their order.
    pub(crate) fn names(keys: &'static [Self]) -> Vec<&'static str> {
        keys.iter().map(|key| key.name).collect()
    }
}

impl Pattern {
    pub(crate) const fn new(regex: &'static str, most: usize) -> Self {
        Self { regex, most }
    }
}

/// A secret of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct SecretField<'a> {
    /// The path of the keys to it, as in [`SecretPlace`](crate::SecretPlace).
    pub field: &'static str,
    /// Whom it is for, as in [`SecretPlace`](crate::SecretPlace).
    pub destination: String,
    /// Where it is.
    pub source: &'a mut SecretSource,
}

/// A session of whatever kind: the [`Session`](flowrun_card::ConnectionKind::Session) of that one.
pub(crate) type Session = Arc<dyn Any + Send + Sync>;

/// Who asks for a session, and for which.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) store: &'a ConnectionStore,
    pub(crate) connection: &'a Connection,
    pub(crate) scope: &'a Scope,
    pub(crate) run: &'a RunIdentity,
}

/// The definition of a connection of one kind: what its keys say.
pub(crate) trait Kind {
    const SPEC: KindSpec;

    /// Reads the value of one of the keys of the kind.
    ///
    /// # Errors
    /// Where it is not known for certain what the value means.
    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        entries: &mut A,
    ) -> Result<(), A::Error>;

    /// Checks the rules that concern more than one key.
    ///
    /// # Errors
    /// The first that is broken.
    fn check(&self) -> Result<(), String>;

    /// The values of the keys as YAML, in the order of the declaration; `None` for those that there
    /// is no need to write.
    fn values(&self) -> Vec<Option<String>>;

    /// What a proof is about: where that changes, the proof is gone.
    fn proven(&self) -> Json;

    /// Its secrets.
    fn secrets(&mut self) -> Vec<SecretField<'_>>;

    /// Opens a session, or says what to check.
    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Session, CardError>>;

    /// Finds out whether the connection works and is safe.
    fn prove<'a>(
        &'a self,
        store: &'a ConnectionStore,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Proof, CardError>>;
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::KINDS;
    use crate::file::entries;

    #[test]
    fn the_documentation_has_every_key_and_its_files_are_read() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let mut document = fs::read_to_string(docs.join("connections.md")).unwrap();
        for page in fs::read_dir(docs.join("connections")).unwrap() {
            document += &fs::read_to_string(page.unwrap().path()).unwrap();
        }
        for kind in KINDS {
            for key in kind.keys {
                assert!(
                    document.contains(&format!("`{}`", key.name)),
                    "{}",
                    key.name
                );
            }
        }
        let blocks: Vec<&str> = document
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| Some(rest.split_once("```")?.0))
            // Flows are checked through the binary.
            .filter(|block| !block.starts_with("flow:"))
            .collect();
        assert!(blocks.len() >= 5);
        for block in blocks {
            let path = Path::new("docs");
            entries::parse(block, path).unwrap_or_else(|error| panic!("{block}{error}"));
        }
    }
}
