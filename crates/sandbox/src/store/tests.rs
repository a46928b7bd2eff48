//! Tests of the store by itself: listings and version stacks against small models.

mod disk;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use proptest::prelude::*;

use super::model::Deleted;
use super::*;

const BUCKET: &str = "bucket";

fn seed() -> BucketSeed {
    BucketSeed {
        name: BUCKET.into(),
        owner_account: "111122223333".into(),
        region: "us-east-1".into(),
        versioning: false,
        object_lock: false,
    }
}

async fn memory() -> Store {
    let store = Store::open(Location::Memory).await.unwrap();
    store.ensure_bucket(seed()).await.unwrap();
    store
}

async fn put(store: &Store, key: &str, bytes: &[u8]) -> Result<Version, StoreError> {
    let mut writer = store.new_blob([Algorithm::Crc64Nvme]).await?;
    writer.write(bytes).await?;
    let blob = writer.finish().await?;
    let new = NewVersion {
        key: key.into(),
        etag: hex::encode(&blob.digests.md5),
        attributes: Attributes::default(),
        checksum: None,
        legal_hold: None,
        tags: Vec::new(),
        content: NewContent::Blob(blob),
        condition: WriteCondition::Always,
    };
    Ok(store.put(BUCKET, new).await?.1)
}

async fn bytes(content: Content, size: u64) -> Vec<u8> {
    let chunks: Vec<_> = Arc::new(content)
        .stream(0..size)
        .try_collect()
        .await
        .unwrap();
    chunks.concat()
}

async fn get(store: &Store, key: &str) -> Result<Vec<u8>, StoreError> {
    let (_, version, content) = store.get(BUCKET, key, None).await?;
    Ok(bytes(content, version.size).await)
}

async fn delete(store: &Store, key: &str, version_id: Option<&str>) -> Deleted {
    let deletion = Deletion {
        key: key.into(),
        version_id: version_id.map(str::to_owned),
        condition: WriteCondition::Always,
    };
    let mut outcomes = store.delete(BUCKET, vec![deletion]).await.unwrap();
    outcomes.pop().unwrap().unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

fn blob_files(store: &Store) -> usize {
    let count = |name: &str| {
        let dir = store.blobs.directory(name);
        std::fs::read_dir(dir).unwrap().count()
    };
    assert_eq!(count("temporary"), 0);
    count("blobs")
}

/// Entries as text: `k` a key, `p` a common prefix.
fn shown(page: &Page<Version>) -> Vec<String> {
    page.entries
        .iter()
        .map(|entry| match entry {
            Entry::Item(version) => format!("k{}", version.key),
            Entry::Prefix(prefix) => format!("p{prefix}"),
        })
        .collect()
}

/// What S3 lists, by its definition: the keys in byte order, grouped, after the marker.
fn listed(keys: &[String], prefix: &str, delimiter: &str, marker: Option<&str>) -> Vec<String> {
    let mut entries: Vec<(String, char)> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rest = key.strip_prefix(prefix).unwrap();
        let entry = match rest.find(delimiter) {
            Some(at) if !delimiter.is_empty() => {
                (format!("{prefix}{}{delimiter}", rest.split_at(at).0), 'p')
            }
            _ => (key.clone(), 'k'),
        };
        if !entries.contains(&entry) && marker.is_none_or(|it| entry.0.as_bytes() > it.as_bytes()) {
            entries.push(entry);
        }
    }
    entries.sort();
    entries
        .into_iter()
        .map(|(name, kind)| format!("{kind}{name}"))
        .collect()
}

fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("a"),
        Just("b"),
        Just("/"),
        Just("//"),
        Just("+"),
        Just("%2F"),
        Just(" "),
        Just("\u{1}"),
        Just("\r"),
        Just("é"),
        Just("\u{ffff}"),
        Just("\u{10ffff}"),
    ];
    proptest::collection::vec(piece, pieces).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Pages joined are what the definition lists, whatever the page size.
    #[test]
    fn a_listing_is_its_definition(
        keys in proptest::collection::btree_set(text(1..5), 0..16),
        prefix in text(0..2),
        delimiter in prop_oneof![Just(""), Just("/"), Just("a"), Just("%2F"), Just("é")],
        marker in proptest::option::of(text(0..4)),
        max in 1_usize..6,
    ) {
        let keys: Vec<String> = keys.into_iter().collect();
        let expect = listed(&keys, &prefix, delimiter, marker.as_deref());
        let got = run(async {
            let store = memory().await;
            for key in &keys {
                put(&store, key, b"").await.unwrap();
            }
            let mut start = marker.clone().map(Position::After);
            let mut got = Vec::new();
            loop {
                let query = Query {
                    prefix: prefix.clone(),
                    delimiter: delimiter.to_owned(),
                    start,
                    max,
                };
                let objects = store.list_objects(BUCKET, query.clone()).await.unwrap();
                // One version a key: the two listings are the same.
                let versions = store.list_versions(BUCKET, query).await.unwrap();
                assert_eq!(shown(&objects), shown(&versions));
                assert_eq!(objects.more, versions.more);
                assert!(objects.entries.len() <= max);
                got.extend(shown(&objects));
                if !objects.more {
                    return got;
                }
                let last = got.last().unwrap();
                let name = last.strip_prefix(['k', 'p']).unwrap();
                start = Some(Position::After(name.to_owned()));
            }
        });
        prop_assert_eq!(got, expect);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize),
    Delete(usize),
    /// The version at this place of the stack, from the top.
    DeleteVersion(usize, usize),
    Versioning(bool),
}

/// The version ids of a key with their bytes, the newest first; a delete marker has none.
type Stack = Vec<(String, Option<Vec<u8>>)>;

#[derive(Default)]
struct Model {
    enabled: bool,
    versioned: bool,
    stacks: BTreeMap<String, Stack>,
}

impl Model {
    /// Writes on top of the stack; the `null` version is one only.
    fn write(&mut self, key: &str, id: String, bytes: Option<Vec<u8>>) {
        let stack = self.stacks.entry(key.to_owned()).or_default();
        if !self.enabled {
            stack.retain(|(id, _)| id != "null");
        }
        stack.insert(0, (id, bytes));
    }
}

async fn listed_stacks(store: &Store, max: usize) -> BTreeMap<String, Vec<(String, bool, bool)>> {
    let mut stacks: BTreeMap<String, Vec<(String, bool, bool)>> = BTreeMap::new();
    let mut start = None;
    loop {
        let query = Query {
            start,
            max,
            ..Query::default()
        };
        let page = store.list_versions(BUCKET, query).await.unwrap();
        let mut last = None;
        for entry in &page.entries {
            let Entry::Item(version) = entry else {
                panic!("no delimiter");
            };
            last = Some((version.key.clone(), version.version_id.clone()));
            stacks.entry(version.key.clone()).or_default().push((
                version.version_id.clone(),
                version.delete_marker,
                version.latest,
            ));
        }
        if !page.more {
            return stacks;
        }
        let (key, id) = last.unwrap();
        start = Some(Position::Within(key, id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Puts, deletes and changes of versioning do what the model does, and leave no blob over.
    #[test]
    fn versions_stack_up_as_in_the_model(
        steps in proptest::collection::vec(
            prop_oneof![
                4 => (0_usize..2).prop_map(Step::Put),
                2 => (0_usize..2).prop_map(Step::Delete),
                3 => (0_usize..2, 0_usize..4).prop_map(|(key, at)| Step::DeleteVersion(key, at)),
                1 => any::<bool>().prop_map(Step::Versioning),
            ],
            1..24,
        ),
        max in 1_usize..4,
    ) {
        run(async {
            let store = memory().await;
            let mut model = Model::default();
            let name = |key: usize| ["a", "a/b"][key];
            for (at, step) in steps.iter().enumerate() {
                match *step {
                    Step::Put(key) => {
                        let content = at.to_string().into_bytes();
                        let version = put(&store, name(key), &content).await.unwrap();
                        assert_eq!(version.version_id == "null", !model.enabled);
                        model.write(name(key), version.version_id, Some(content));
                    }
                    Step::Delete(key) => {
                        let deleted = delete(&store, name(key), None).await;
                        assert_eq!(deleted.delete_marker, model.versioned);
                        match deleted.version_id {
                            Some(id) => model.write(name(key), id, None),
                            None => drop(model.stacks.remove(name(key))),
                        }
                    }
                    Step::DeleteVersion(key, place) => {
                        let stack = model.stacks.entry(name(key).to_owned()).or_default();
                        if place < stack.len() {
                            let (id, content) = stack.remove(place);
                            let deleted = delete(&store, name(key), Some(&id)).await;
                            assert_eq!(deleted.delete_marker, content.is_none());
                        }
                    }
                    Step::Versioning(enabled) => {
                        let versioning = if enabled {
                            Versioning::Enabled
                        } else {
                            Versioning::Suspended
                        };
                        store.set_versioning(BUCKET, versioning).await.unwrap();
                        model.enabled = enabled;
                        model.versioned = true;
                    }
                }
            }
            model.stacks.retain(|_, stack| !stack.is_empty());
            let expect: BTreeMap<_, Vec<_>> = model
                .stacks
                .iter()
                .map(|(key, stack)| {
                    let versions = stack
                        .iter()
                        .enumerate()
                        .map(|(at, (id, content))| (id.clone(), content.is_none(), at == 0));
                    (key.clone(), versions.collect())
                })
                .collect();
            assert_eq!(listed_stacks(&store, max).await, expect);
            let mut blobs = 0;
            for (key, stack) in &model.stacks {
                let current = get(&store, key).await;
                match &stack[0].1 {
                    Some(content) => assert_eq!(current.unwrap(), *content),
                    None => assert!(matches!(current, Err(StoreError::DeleteMarker { .. }))),
                }
                for (id, content) in stack {
                    let found = store.get(BUCKET, key, Some(id)).await;
                    let Some(expect) = content else {
                        assert!(matches!(found, Err(StoreError::DeleteMarker { .. })));
                        continue;
                    };
                    blobs += 1;
                    let (_, version, content) = found.unwrap();
                    assert_eq!(bytes(content, version.size).await, *expect);
                }
            }
            assert_eq!(blob_files(&store), blobs);
            let plain = store
                .list_objects(BUCKET, Query { max: 1000, ..Query::default() })
                .await
                .unwrap();
            let expect: Vec<_> = model
                .stacks
                .iter()
                .filter(|(_, stack)| stack[0].1.is_some())
                .map(|(key, _)| format!("k{key}"))
                .collect();
            assert_eq!(shown(&plain), expect);
        });
    }
}

#[tokio::test]
async fn a_deleter_meets_every_version_though_its_marker_is_gone() {
    let store = memory().await;
    put(&store, "key", b"null").await.unwrap();
    store
        .set_versioning(BUCKET, Versioning::Enabled)
        .await
        .unwrap();
    for _ in 0..5 {
        put(&store, "key", b"x").await.unwrap();
    }
    let mut start = None;
    let mut seen = 0;
    loop {
        let query = Query {
            start,
            max: 2,
            ..Query::default()
        };
        let page = store.list_versions(BUCKET, query).await.unwrap();
        let Some(Entry::Item(last)) = page.entries.last().cloned() else {
            break;
        };
        for entry in page.entries {
            let Entry::Item(version) = entry else {
                panic!("no delimiter");
            };
            delete(&store, &version.key, Some(&version.version_id)).await;
            seen += 1;
        }
        start = Some(Position::Within(last.key, last.version_id));
    }
    assert_eq!(seen, 6);
    store.delete_bucket(BUCKET).await.unwrap();
    assert_eq!(blob_files(&store), 0);
}

#[tokio::test]
async fn a_page_reads_its_own_length() {
    let store = memory().await;
    {
        // 20,000 keys in 200 folders, put in one transaction.
        let connection = store.connection.lock().await;
        connection
            .execute_batch(
                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)
                 INSERT INTO version (seq, bucket, key, version_id, latest, delete_marker,
                     modified, size, etag, attributes, tags)
                 SELECT i + 1, 1, CAST(printf('%03d/%05d', i / 100, i) AS BLOB), 'null', 1, 0, 0,
                     0, '', '{\"metadata\":{},\"storage_class\":\"STANDARD\"}', '[]' FROM n;",
            )
            .unwrap();
        let plan = |sql: &str| -> String {
            connection
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap()
                .query_map([], |row| row.get::<_, String>(3))
                .unwrap()
                .collect::<Result<Vec<_>, _>>()
                .unwrap()
                .join("; ")
        };
        let listing = plan(
            "SELECT key FROM version INDEXED BY version_current WHERE bucket = 1 AND latest = 1
             AND delete_marker = 0 AND key >= x'61' AND key < x'62' ORDER BY key LIMIT 10",
        );
        assert!(
            listing.contains("SEARCH") && !listing.contains("TEMP B-TREE"),
            "{listing}"
        );
        let versions = plan(
            "SELECT key FROM version INDEXED BY version_by_age WHERE bucket = 1
             AND key >= x'61' ORDER BY key, seq DESC LIMIT 10",
        );
        assert!(
            versions.contains("SEARCH") && !versions.contains("TEMP B-TREE"),
            "{versions}"
        );
    }
    let mut start = None;
    let mut keys = 0;
    loop {
        let query = Query {
            start,
            max: 1000,
            ..Query::default()
        };
        let page = store.list_objects(BUCKET, query).await.unwrap();
        keys += page.entries.len();
        let Some(Entry::Item(last)) = page.entries.last().filter(|_| page.more) else {
            break;
        };
        start = Some(Position::After(last.key.clone()));
    }
    assert_eq!(keys, 20_000);
    let folders = Query {
        delimiter: "/".into(),
        max: 1000,
        ..Query::default()
    };
    let page = store.list_objects(BUCKET, folders).await.unwrap();
    assert_eq!((page.entries.len(), page.more), (200, false));
    assert!(page.entries.iter().all(|it| matches!(it, Entry::Prefix(_))));
}

#[tokio::test]
async fn a_delete_under_a_condition_needs_the_object() {
    let store = memory().await;
    let etag = put(&store, "key", b"bytes").await.unwrap().etag;
    let ask = async |key: &str, etag: Option<&str>| {
        let deletion = Deletion {
            key: key.into(),
            version_id: None,
            condition: WriteCondition::Matches(etag.map(str::to_owned)),
        };
        let mut outcomes = store.delete(BUCKET, vec![deletion]).await.unwrap();
        outcomes.pop().unwrap()
    };
    let failed = ask("key", Some("0")).await;
    assert!(matches!(failed, Err(StoreError::PreconditionFailed(_))));
    for etag in [None, Some(etag.as_str())] {
        let failed = ask("missing", etag).await;
        assert!(matches!(failed, Err(StoreError::NoSuchKey(_))), "{etag:?}");
    }
    assert_eq!(get(&store, "key").await.unwrap(), b"bytes");
    ask("key", Some(&etag)).await.unwrap();
    assert!(get(&store, "key").await.is_err());
    put(&store, "key", b"bytes").await.unwrap();
    ask("key", None).await.unwrap();
    assert!(get(&store, "key").await.is_err());
}
