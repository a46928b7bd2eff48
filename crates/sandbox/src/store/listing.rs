//! Listings in the byte order of keys, a page at a time.
//!
//! Every page is a seek in an index: a page costs its own length, and a common prefix costs one
//! seek whatever lies under it. An entry, key or common prefix, is listed when it sorts after
//! the marker.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::buckets;
use super::model::{Bucket, Upload, Version};
use super::{Store, StoreError, multipart, objects, seq_of};

/// Rows fetched at once at most.
const BATCH: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    pub prefix: String,
    /// Empty: no grouping.
    pub delimiter: String,
    /// None: from the start.
    pub start: Option<Position>,
    /// Entries of a page.
    pub max: usize,
}

/// Where a page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// After this key or common prefix.
    After(String),
    /// After the version or upload of this id of this key, in the order of the listing.
    ///
    /// An id without a place in that order (`null` of a version that is gone by now) begins the
    /// key again, so that nothing is missed.
    Within(String, String),
}

/// An entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry<T> {
    Item(T),
    /// A common prefix.
    Prefix(String),
}

/// A page of entries in order.
#[derive(Clone, Debug)]
pub(crate) struct Page<T> {
    pub entries: Vec<Entry<T>>,
    /// Entries follow after the last one here.
    pub more: bool,
}

/// The least byte string above all that begin with `prefix`; none if there is no such string.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

/// The least byte string above `key`.
fn after_key(key: &str) -> Vec<u8> {
    [key.as_bytes(), &[0]].concat()
}

/// The common prefix a key falls under.
fn common_prefix<'a>(query: &Query, key: &'a str) -> Option<&'a str> {
    let rest = key.strip_prefix(query.prefix.as_str())?;
    if query.delimiter.is_empty() {
        return None;
    }
    let at = rest.find(query.delimiter.as_str())?;
    key.get(..query.prefix.len() + at + query.delimiter.len())
}

/// The place to read on from: the rows of one key after a number, then the keys from a bound.
struct Cursor {
    within: Option<(String, i64)>,
    from: Vec<u8>,
}

impl Cursor {
    /// After an entry: all that falls under a common prefix was listed with it.
    fn after(query: &Query, marker: &str) -> Self {
        let from = match common_prefix(query, marker) {
            // UTF-8 never holds the byte 255, so there is always a string above a prefix.
            Some(prefix) => after_prefix(prefix.as_bytes()).unwrap_or_default(),
            None => after_key(marker),
        };
        Self {
            within: None,
            from: from.max(query.prefix.clone().into_bytes()),
        }
    }
}

/// The rows of a listing, ordered by key and then by number.
trait Rows {
    type Item;
    /// A number before those of all rows of a key.
    const BEFORE_ALL: i64;

    /// The rows of one key after the number.
    fn of_key(&self, key: &str, after: i64, limit: usize) -> Result<Vec<Self::Item>, StoreError>;

    /// The rows of the keys in `from..below`; without `below`, to the end.
    fn range(
        &self,
        from: &[u8],
        below: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Self::Item>, StoreError>;

    /// The number of an id of this key, if a row has it or the id tells it.
    fn number_of(&self, key: &str, id: &str) -> Result<Option<i64>, StoreError>;

    /// The key of a row, and its number where a key can have more rows than one.
    fn place(item: &Self::Item) -> (&str, Option<i64>);
}

fn page<R: Rows>(rows: &R, query: &Query) -> Result<Page<R::Item>, StoreError> {
    let mut entries = Vec::new();
    if query.max == 0 {
        return Ok(Page {
            entries,
            more: false,
        });
    }
    let below = after_prefix(query.prefix.as_bytes());
    let mut cursor = match &query.start {
        None => Cursor {
            within: None,
            from: query.prefix.clone().into_bytes(),
        },
        Some(Position::After(marker)) => Cursor::after(query, marker),
        Some(Position::Within(key, id)) => {
            let mut cursor = Cursor::after(query, key);
            if key.starts_with(query.prefix.as_str()) && common_prefix(query, key).is_none() {
                let number = rows.number_of(key, id)?.unwrap_or(R::BEFORE_ALL);
                cursor.within = Some((key.clone(), number));
            }
            cursor
        }
    };
    // Small under a delimiter: what follows a common prefix is skipped, not read.
    let first_batch = if query.delimiter.is_empty() { BATCH } else { 1 };
    let mut batch = first_batch;
    'fetch: loop {
        let limit = batch.min(query.max.saturating_sub(entries.len()).saturating_add(1));
        let resumed = cursor.within.take();
        let found = match &resumed {
            Some((key, number)) => rows.of_key(key, *number, limit)?,
            None => rows.range(&cursor.from, below.as_deref(), limit)?,
        };
        let exhausted = found.len() < limit;
        for item in found {
            if entries.len() >= query.max {
                return Ok(Page {
                    entries,
                    more: true,
                });
            }
            let (key, number) = R::place(&item);
            if let Some(prefix) = common_prefix(query, key) {
                cursor = Cursor::after(query, prefix);
                entries.push(Entry::Prefix(prefix.to_owned()));
                batch = first_batch;
                continue 'fetch;
            }
            cursor.from = after_key(key);
            cursor.within = number.map(|number| (key.to_owned(), number));
            entries.push(Entry::Item(item));
        }
        if exhausted {
            // The rows of that key are done, or those of all keys.
            cursor.within = None;
            if resumed.is_none() {
                return Ok(Page {
                    entries,
                    more: false,
                });
            }
        }
        batch = batch.saturating_mul(2).min(BATCH);
    }
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// What a plain listing shows: the current version of each key, unless a delete marker.
struct Objects<'a>(&'a Connection, &'a Bucket);

impl Rows for Objects<'_> {
    type Item = Version;
    const BEFORE_ALL: i64 = 0;

    fn of_key(&self, _key: &str, _after: i64, _limit: usize) -> Result<Vec<Version>, StoreError> {
        Ok(Vec::new())
    }

    fn range(
        &self,
        from: &[u8],
        below: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Version>, StoreError> {
        self.0
            .prepare_cached(&format!(
                "SELECT {} FROM version INDEXED BY version_current
                 WHERE bucket = ?1 AND latest = 1 AND delete_marker = 0
                   AND key >= ?2 AND {}
                 ORDER BY key LIMIT ?4",
                objects::COLUMNS,
                bound(below)
            ))?
            .query_map(
                params![self.1.id, from, below, sql_limit(limit)],
                objects::from_row,
            )?
            .map(|row| row?.read())
            .collect()
    }

    fn number_of(&self, _key: &str, _id: &str) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn place(item: &Version) -> (&str, Option<i64>) {
        (&item.key, None)
    }
}

/// The upper bound of a range, as SQL that leaves the index usable.
fn bound(below: Option<&[u8]>) -> &'static str {
    match below {
        Some(_) => "key < ?3",
        None => "?3 IS NULL",
    }
}

/// All versions and delete markers, the newest of a key first.
struct Versions<'a>(&'a Connection, &'a Bucket);

impl Rows for Versions<'_> {
    type Item = Version;
    const BEFORE_ALL: i64 = i64::MAX;

    fn of_key(&self, key: &str, after: i64, limit: usize) -> Result<Vec<Version>, StoreError> {
        self.0
            .prepare_cached(&format!(
                "SELECT {} FROM version INDEXED BY version_by_age
                 WHERE bucket = ?1 AND key = ?2 AND seq < ?3
                 ORDER BY seq DESC LIMIT ?4",
                objects::COLUMNS
            ))?
            .query_map(
                params![self.1.id, key.as_bytes(), after, sql_limit(limit)],
                objects::from_row,
            )?
            .map(|row| row?.read())
            .collect()
    }

    fn range(
        &self,
        from: &[u8],
        below: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Version>, StoreError> {
        self.0
            .prepare_cached(&format!(
                "SELECT {} FROM version INDEXED BY version_by_age
                 WHERE bucket = ?1 AND key >= ?2 AND {}
                 ORDER BY key, seq DESC LIMIT ?4",
                objects::COLUMNS,
                bound(below)
            ))?
            .query_map(
                params![self.1.id, from, below, sql_limit(limit)],
                objects::from_row,
            )?
            .map(|row| row?.read())
            .collect()
    }

    fn number_of(&self, key: &str, id: &str) -> Result<Option<i64>, StoreError> {
        let found = self
            .0
            .prepare_cached(
                "SELECT seq FROM version WHERE bucket = ?1 AND key = ?2 AND version_id = ?3",
            )?
            .query_row(params![self.1.id, key.as_bytes(), id], |row| row.get(0))
            .optional()?;
        Ok(found.or_else(|| seq_of(id)))
    }

    fn place(item: &Version) -> (&str, Option<i64>) {
        (&item.key, Some(item.seq))
    }
}

/// Uploads in progress, the oldest of a key first.
struct Uploads<'a>(&'a Connection, &'a Bucket);

impl Rows for Uploads<'_> {
    type Item = Upload;
    const BEFORE_ALL: i64 = 0;

    fn of_key(&self, key: &str, after: i64, limit: usize) -> Result<Vec<Upload>, StoreError> {
        self.0
            .prepare_cached(&format!(
                "SELECT {} FROM upload INDEXED BY upload_by_key
                 WHERE bucket = ?1 AND key = ?2 AND seq > ?3
                 ORDER BY seq LIMIT ?4",
                multipart::COLUMNS
            ))?
            .query_map(
                params![self.1.id, key.as_bytes(), after, sql_limit(limit)],
                multipart::from_row,
            )?
            .map(|row| row?.read())
            .collect()
    }

    fn range(
        &self,
        from: &[u8],
        below: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Upload>, StoreError> {
        self.0
            .prepare_cached(&format!(
                "SELECT {} FROM upload INDEXED BY upload_by_key
                 WHERE bucket = ?1 AND key >= ?2 AND {}
                 ORDER BY key, seq LIMIT ?4",
                multipart::COLUMNS,
                bound(below)
            ))?
            .query_map(
                params![self.1.id, from, below, sql_limit(limit)],
                multipart::from_row,
            )?
            .map(|row| row?.read())
            .collect()
    }

    fn number_of(&self, _key: &str, id: &str) -> Result<Option<i64>, StoreError> {
        Ok(seq_of(id))
    }

    fn place(item: &Upload) -> (&str, Option<i64>) {
        (&item.new.key, Some(item.seq))
    }
}

impl Store {
    /// The objects of a bucket: current versions that are no delete markers.
    pub(crate) async fn list_objects(
        &self,
        bucket: &str,
        query: Query,
    ) -> Result<Page<Version>, StoreError> {
        self.list(bucket, query, |connection, bucket, query| {
            page(&Objects(connection, bucket), query)
        })
        .await
    }

    /// All versions and delete markers of a bucket.
    pub(crate) async fn list_versions(
        &self,
        bucket: &str,
        query: Query,
    ) -> Result<Page<Version>, StoreError> {
        self.list(bucket, query, |connection, bucket, query| {
            page(&Versions(connection, bucket), query)
        })
        .await
    }

    /// The uploads in progress of a bucket.
    pub(crate) async fn list_uploads(
        &self,
        bucket: &str,
        query: Query,
    ) -> Result<Page<Upload>, StoreError> {
        self.list(bucket, query, |connection, bucket, query| {
            page(&Uploads(connection, bucket), query)
        })
        .await
    }

    async fn list<T: Send + 'static>(
        &self,
        bucket: &str,
        query: Query,
        page: fn(&Connection, &Bucket, &Query) -> Result<Page<T>, StoreError>,
    ) -> Result<Page<T>, StoreError> {
        let bucket = bucket.to_owned();
        self.read(move |connection, _| {
            let bucket = buckets::find(connection, &bucket)?;
            page(connection, &bucket, &query)
        })
        .await
    }
}
