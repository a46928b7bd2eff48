//! The layout of the object index, and opening it.

use std::path::Path;

use rusqlite::Connection;

use super::error::StoreError;

/// The layout this flowrun writes, kept in `user_version`.
const LAYOUT: i64 = 1;

/// The index in the directory of the store.
const FILE: &str = "index.sqlite";

/// `seq` grows with every write: the greatest of a key is its current version. The partial
/// index holds exactly what a plain listing shows, so that a page costs its own length.
const TABLES: &str = "
CREATE TABLE counter (value INTEGER NOT NULL) STRICT;
INSERT INTO counter VALUES (0);

CREATE TABLE bucket (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    region TEXT NOT NULL,
    created INTEGER NOT NULL,
    versioning TEXT NOT NULL,
    object_lock INTEGER NOT NULL
) STRICT;

CREATE TABLE blob (
    id TEXT PRIMARY KEY,
    refs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE version (
    seq INTEGER PRIMARY KEY,
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    key BLOB NOT NULL,
    version_id TEXT NOT NULL,
    latest INTEGER NOT NULL,
    delete_marker INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    attributes TEXT NOT NULL,
    checksum TEXT,
    legal_hold INTEGER,
    tags TEXT NOT NULL,
    parts INTEGER,
    upload TEXT
) STRICT;
CREATE UNIQUE INDEX version_by_id ON version (bucket, key, version_id);
CREATE UNIQUE INDEX version_by_age ON version (bucket, key, seq DESC);
CREATE UNIQUE INDEX version_current ON version (bucket, key)
    WHERE latest = 1 AND delete_marker = 0;
CREATE UNIQUE INDEX version_by_upload ON version (upload) WHERE upload IS NOT NULL;

CREATE TABLE segment (
    version INTEGER NOT NULL REFERENCES version (seq),
    ordinal INTEGER NOT NULL,
    blob TEXT NOT NULL REFERENCES blob (id),
    size INTEGER NOT NULL,
    checksum TEXT,
    PRIMARY KEY (version, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    key BLOB NOT NULL,
    seq INTEGER NOT NULL,
    initiated INTEGER NOT NULL,
    initiator TEXT NOT NULL,
    attributes TEXT NOT NULL,
    algorithm TEXT,
    kind TEXT NOT NULL,
    legal_hold INTEGER,
    tags TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX upload_by_key ON upload (bucket, key, seq);

CREATE TABLE part (
    upload TEXT NOT NULL REFERENCES upload (id),
    number INTEGER NOT NULL,
    blob TEXT NOT NULL REFERENCES blob (id),
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    modified INTEGER NOT NULL,
    checksums TEXT NOT NULL,
    sent TEXT,
    PRIMARY KEY (upload, number)
) STRICT, WITHOUT ROWID;
";

/// Opens the index in `dir`, or a new one in memory, and creates its tables when it is new.
///
/// # Errors
/// An index that a newer flowrun wrote is refused: reading it wrong could lose objects.
pub(crate) fn open(dir: Option<&Path>) -> Result<Connection, StoreError> {
    prepare(dir).map_err(|error| match (error, dir) {
        (StoreError::Index(source), Some(dir)) => StoreError::Open {
            path: dir.join(FILE),
            source,
        },
        (error, _) => error,
    })
}

fn prepare(dir: Option<&Path>) -> Result<Connection, StoreError> {
    let mut connection = match dir {
        Some(dir) => Connection::open(dir.join(FILE))?,
        None => Connection::open_in_memory()?,
    };
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", true)?;
    if dir.is_some() {
        // A committed write survives a power cut: its blob is on the disk before the commit.
        connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "full")?;
    }
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > LAYOUT {
        return Err(StoreError::Newer {
            path: dir.map_or_else(|| ":memory:".into(), Path::to_owned),
            found,
            known: LAYOUT,
        });
    }
    if found == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
    }
    Ok(connection)
}
