//! What a crash leaves behind, what a broken disk does, and how long bytes and the lock are kept.

use super::*;
use crate::state;

#[tokio::test]
async fn what_was_put_is_there_after_a_reopen_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let location = Location::Dir(dir.path().to_owned(), None);
    let store = Store::open(location.clone()).await.unwrap();
    store.ensure_bucket(seed()).await.unwrap();
    put(&store, "key", b"kept").await.unwrap();
    drop(store);
    // What a crash leaves: a half-written file, and a whole one that no row names.
    std::fs::write(dir.path().join("temporary/half"), b"h").unwrap();
    std::fs::write(dir.path().join("blobs/orphan"), b"o").unwrap();
    let store = Store::open(location).await.unwrap();
    assert_eq!(get(&store, "key").await.unwrap(), b"kept");
    assert_eq!(blob_files(&store), 1);
    // Seeding again changes nothing, and another account does not get the bucket.
    let mut again = seed();
    again.versioning = !again.versioning;
    store.ensure_bucket(again.clone()).await.unwrap();
    let versioning = store.bucket(BUCKET).await.unwrap().versioning;
    assert_eq!(versioning == super::Versioning::Enabled, seed().versioning);
    again.owner_account = "999999999999".into();
    let error = store.ensure_bucket(again).await.unwrap_err();
    assert!(matches!(error, StoreError::BucketExists { .. }), "{error}");
    let owner = store.bucket_owner(BUCKET).await.unwrap();
    assert_eq!(owner.as_deref(), Some("111122223333"));
    assert_eq!(store.bucket_owner("other").await.unwrap(), None);
}

/// A write that has begun ends under the lock, though its server is gone: who opened the store in
/// between would remove the blob that no row names yet.
#[tokio::test]
async fn the_lock_is_kept_until_all_work_is_done() {
    let dir = tempfile::tempdir().unwrap();
    let state::Claim::Held(held) = state::claim(dir.path()).await.unwrap() else {
        panic!("nobody else has it");
    };
    let location = Location::Dir(held.store(), Some(Arc::new(held)));
    let store = Store::open(location).await.unwrap();
    store.ensure_bucket(seed()).await.unwrap();
    put(&store, "key", b"bytes").await.unwrap();
    let (_, version, content) = store.get(BUCKET, "key", None).await.unwrap();
    let writer = store.new_blob([]).await.unwrap();
    drop(store);
    let free = || {
        let lock = std::fs::File::open(dir.path().join("lock")).unwrap();
        lock.try_lock().is_ok()
    };
    assert!(!free());
    let blob = writer.finish().await.unwrap();
    assert!(!free());
    drop(blob);
    assert!(!free());
    assert_eq!(bytes(content, version.size).await, b"bytes");
    assert!(free());
}

#[tokio::test]
async fn a_store_of_a_newer_flowrun_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let location = Location::Dir(dir.path().to_owned(), None);
    drop(Store::open(location.clone()).await.unwrap());
    rusqlite::Connection::open(dir.path().join("index.sqlite"))
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let error = Store::open(location).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the object store at {} has layout 7, written by a newer flowrun; this one knows \
             layout 1: use that flowrun, or another folder",
            dir.path().display()
        )
    );
}

#[tokio::test]
async fn a_reader_keeps_the_bytes_of_a_removed_object() {
    let store = memory().await;
    put(&store, "key", b"first").await.unwrap();
    let (_, version, content) = store.get(BUCKET, "key", None).await.unwrap();
    put(&store, "key", b"second").await.unwrap();
    delete(&store, "key", None).await;
    assert_eq!(blob_files(&store), 1);
    assert_eq!(bytes(content, version.size).await, b"first");
    assert_eq!(blob_files(&store), 0);
}

#[tokio::test]
async fn a_failed_write_leaves_the_object_as_it_was() {
    let store = memory().await;
    put(&store, "key", b"first").await.unwrap();

    // Given up half way.
    let mut writer = store.new_blob([]).await.unwrap();
    writer.write(&vec![0; 1024 * 1024]).await.unwrap();
    drop(writer);
    assert_eq!(blob_files(&store), 1);

    // Complete, but never named by a row.
    let mut writer = store.new_blob([]).await.unwrap();
    writer.write(b"x").await.unwrap();
    drop(writer.finish().await.unwrap());
    assert_eq!(blob_files(&store), 1);

    // The index refuses: as a full disk would, at the commit.
    {
        let connection = store.connection.lock().await;
        connection.pragma_update(None, "query_only", true).unwrap();
    }
    let error = put(&store, "key", b"second").await.unwrap_err();
    assert!(matches!(error, StoreError::Index(_)), "{error}");
    assert_eq!(blob_files(&store), 1);
    assert_eq!(get(&store, "key").await.unwrap(), b"first");

    // The disk refuses the file.
    let temporary = store.blobs.directory("temporary");
    std::fs::remove_dir(&temporary).unwrap();
    let error = put(&store, "key", b"third").await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Io {
                action: "create",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(get(&store, "key").await.unwrap(), b"first");
}

#[tokio::test]
async fn a_blob_cut_short_ends_in_an_error() {
    let store = memory().await;
    put(&store, "key", b"0123456789").await.unwrap();
    let file = std::fs::read_dir(store.blobs.directory("blobs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(file, b"0123").unwrap();
    let (_, version, content) = store.get(BUCKET, "key", None).await.unwrap();
    let read: Result<Vec<_>, _> = Arc::new(content)
        .stream(0..version.size)
        .try_collect()
        .await;
    assert!(matches!(read, Err(StoreError::Io { action: "read", .. })));
}
