//! The record of proofs: `.flowrun/connections.json` beside a connection file, not for git.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Connection, Health, Probe, Proof, StoreError,
    disk::{self, Lock},
    proof::digest,
};

/// The version of the file's form.
const VERSION: u32 = 1;
/// The longest record that is read or written, in bytes.
const MAX_RECORD_BYTES: u64 = 4 * 1024 * 1024;

/// What is remembered of the proof of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What was proven; see [`digest`].
    digest: String,
    /// What the proof came to.
    pub health: Health,
    /// When.
    pub when: Timestamp,
    /// The probes, with their request ids.
    pub probes: Vec<Probe>,
}

/// The records beside a connection file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Records {
    version: u32,
    /// By nickname.
    connections: BTreeMap<String, Record>,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            version: VERSION,
            connections: BTreeMap::new(),
        }
    }
}

impl Records {
    /// The records beside a connection file; empty where there are none.
    ///
    /// # Errors
    /// Where the file is there and cannot be read, or is not what flowrun wrote.
    pub fn read(connection_file: &Path) -> Result<Self, StoreError> {
        let path = path_of(connection_file);
        let failed = |source| StoreError::Read {
            path: path.clone(),
            source,
        };
        let invalid = |message: String| StoreError::Record {
            path: path.clone(),
            message,
        };
        let mut bytes = Vec::new();
        match File::open(&path) {
            Ok(file) => file
                .take(MAX_RECORD_BYTES + 1)
                .read_to_end(&mut bytes)
                .map_err(failed)?,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Self::default());
            }
            Err(error) => return Err(failed(error)),
        };
        if bytes.len() as u64 > MAX_RECORD_BYTES {
            return Err(invalid(too_long()));
        }
        let records: Self =
            serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if records.version == VERSION {
            Ok(records)
        } else {
            Err(invalid(format!(
                "its version is {}, and this flowrun knows version {VERSION}",
                records.version
            )))
        }
    }

    /// What is remembered of a connection as it is now; what was proven of it before an edit is
    /// not.
    pub fn of(&self, connection: &Connection) -> Option<&Record> {
        self.connections
            .get(&connection.nickname)
            .filter(|record| record.digest == digest(connection))
    }
}

/// Each connection file of a folder has its own: `connections.json`, `connections.prod.json`.
fn path_of(connection_file: &Path) -> PathBuf {
    let name = Path::new(connection_file.file_name().unwrap_or_default()).with_extension("json");
    disk::state_folder(connection_file).join(name)
}

fn too_long() -> String {
    format!("it has more than {MAX_RECORD_BYTES} bytes")
}

/// Remembers what a connection was proven to be.
///
/// # Errors
/// Where the record cannot be read or written.
pub fn record_proof(connection: &Connection, proof: &Proof) -> Result<(), StoreError> {
    let record = Record {
        digest: digest(connection),
        health: proof.verdict.health(),
        when: proof.when,
        probes: proof.probes.clone(),
    };
    change(&connection.file, |records| {
        records
            .connections
            .insert(connection.nickname.clone(), record);
    })
}

/// Forgets what a connection was proven to be, or, where it has a new nickname, keeps it under
/// that one.
///
/// # Errors
/// As [`record_proof`].
pub fn move_proof(connection: &Connection, new_nickname: Option<&str>) -> Result<(), StoreError> {
    move_proofs(&connection.file, &[(&connection.nickname, new_nickname)])
}

/// As [`move_proof`], of some connections of a file at once, each with its new nickname.
///
/// # Errors
/// As [`record_proof`].
pub fn move_proofs(file: &Path, moves: &[(&str, Option<&str>)]) -> Result<(), StoreError> {
    let known = Records::read(file)?;
    let is_known = |(nickname, _): &(&str, Option<&str>)| known.connections.contains_key(*nickname);
    if !moves.iter().any(is_known) {
        return Ok(());
    }
    change(file, |records| {
        for (old, new) in moves {
            let record = records.connections.remove(*old);
            if let (Some(record), Some(new)) = (record, new) {
                records.connections.insert((*new).to_owned(), record);
            }
        }
    })
}

fn change(connection_file: &Path, change: impl FnOnce(&mut Records)) -> Result<(), StoreError> {
    let _lock = Lock::of(connection_file)?;
    let mut records = Records::read(connection_file)?;
    change(&mut records);
    let path = path_of(connection_file);
    let invalid = |message: String| StoreError::Record {
        path: path.clone(),
        message,
    };
    let mut text =
        serde_json::to_string_pretty(&records).map_err(|error| invalid(error.to_string()))?;
    text.push('\n');
    if text.len() as u64 > MAX_RECORD_BYTES {
        return Err(invalid(too_long()));
    }
    disk::replace(&path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AwsS3Definition, RoleArn, Verdict};

    fn connection(folder: &Path) -> Connection {
        let definition = AwsS3Definition {
            role_arn: Some(RoleArn::parse("arn:aws:iam::111122223333:role/a").unwrap()),
            external_id: Some("first".to_owned()),
            ..AwsS3Definition::default()
        };
        Connection::new("a", folder.join("connections.yaml"), definition)
    }

    fn proof(verdict: Verdict) -> Proof {
        Proof {
            when: "2027-01-15T08:00:00Z".parse().unwrap(),
            verdict,
            probes: Vec::new(),
            identity: None,
            region: None,
            endpoint: None,
        }
    }

    #[test]
    fn a_record_is_of_what_was_proven_and_of_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(folder.path());
        let health = |connection: &Connection| {
            let records = Records::read(&connection.file).unwrap();
            records.of(connection).map(|record| record.health)
        };
        assert_eq!(health(&connection), None);
        record_proof(&connection, &proof(Verdict::Verified)).unwrap();
        assert_eq!(health(&connection), Some(Health::Verified));

        let edits: [fn(&mut AwsS3Definition); 5] = [
            |edited| edited.external_id = Some("second".to_owned()),
            |edited| edited.role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/b").ok(),
            |edited| edited.endpoint = crate::Endpoint::Sandbox,
            |edited| edited.base = crate::Base::Environment,
            |edited| edited.trust = crate::Trust::Principal,
        ];
        for (index, edit) in edits.iter().enumerate() {
            let mut edited = connection.clone();
            edit(edited.aws_mut().unwrap());
            assert_eq!(health(&edited), None, "edit {index}");
        }
        let mut described = Connection {
            description: Some("new words".to_owned()),
            ..connection.clone()
        };
        described.aws_mut().unwrap().region = Some("eu-west-1".to_owned());
        assert_eq!(health(&described), Some(Health::Verified));

        move_proof(&connection, Some("b")).unwrap();
        let renamed = Connection {
            nickname: "b".to_owned(),
            ..connection.clone()
        };
        assert_eq!(
            (health(&connection), health(&renamed)),
            (None, Some(Health::Verified))
        );
        move_proof(&renamed, None).unwrap();
        assert_eq!(health(&renamed), None);
    }

    #[test]
    fn a_record_is_read_up_to_its_bound() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(folder.path());
        record_proof(&connection, &proof(Verdict::Verified)).unwrap();
        let path = folder.path().join(".flowrun/connections.json");
        let mut text = std::fs::read_to_string(&path).unwrap();
        let most = usize::try_from(MAX_RECORD_BYTES).unwrap();
        text.push_str(&" ".repeat(most - text.len()));
        std::fs::write(&path, &text).unwrap();
        Records::read(&connection.file).unwrap();
        text.push(' ');
        std::fs::write(&path, &text).unwrap();
        let message = Records::read(&connection.file).unwrap_err().to_string();
        assert!(message.contains("more than 4194304 bytes"), "{message}");
    }

    #[test]
    fn a_record_that_flowrun_did_not_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let connection = connection(folder.path());
        record_proof(&connection, &proof(Verdict::Verified)).unwrap();
        let path = folder.path().join(".flowrun/connections.json");
        let whole = std::fs::read_to_string(&path).unwrap();
        for (text, expect) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            (whole.get(..40).unwrap(), "EOF while parsing"),
            (
                r#"{"version":2,"connections":{}}"#,
                "its version is 2, and this flowrun knows version 1",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let message = Records::read(&connection.file).unwrap_err().to_string();
            assert!(message.contains(expect), "{message}");
            // It is not written over: what it said is not lost.
            record_proof(&connection, &proof(Verdict::Verified)).unwrap_err();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_kill_at_any_step_leaves_proofs_under_the_old_nicknames_or_the_new_ones() {
        let mut step = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let mut one = connection(folder.path());
            for nickname in ["a-1", "a-2", "gone", "other"] {
                one.nickname = nickname.to_owned();
                record_proof(&one, &proof(Verdict::Verified)).unwrap();
            }
            let moves = [("a-1", Some("b-1")), ("a-2", Some("b-2")), ("gone", None)];
            let was_killed =
                crate::disk::kill::at(step, || move_proofs(&one.file, &moves).unwrap());
            let names = || {
                let records = Records::read(&one.file).unwrap();
                records.connections.into_keys().collect::<Vec<_>>()
            };
            let found = names();
            assert!(
                found == ["a-1", "a-2", "gone", "other"] || found == ["b-1", "b-2", "other"],
                "step {step}: {found:?}"
            );
            move_proofs(&one.file, &moves).unwrap();
            assert_eq!(names(), ["b-1", "b-2", "other"]);
            if !was_killed {
                break;
            }
            step += 1;
        }
        assert_eq!(step, 6);
    }
}
