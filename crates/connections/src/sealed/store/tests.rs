//! Tests of the user's store: wrong keys, changed bytes, kills.

use std::sync::atomic::{AtomicUsize, Ordering};

use flowrun_card::Secret;
use tempfile::TempDir;

use super::*;
use crate::disk::kill;

fn nobody() -> Arc<AskPassphrase> {
    Arc::new(|_| Err("nobody is there to ask".to_owned()))
}

fn person(passphrase: &'static str) -> Arc<AskPassphrase> {
    Arc::new(move |_| Ok(Secret::new(passphrase)))
}

fn made() -> (TempDir, UserStore, String) {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path(), nobody());
    let (identity, is_new) = store.identity_or_new().unwrap();
    assert!(is_new);
    let recipient = identity.recipient().to_string();
    (folder, store, recipient)
}

fn recipient(store: &UserStore) -> String {
    store.identity().unwrap().unwrap().recipient().to_string()
}

fn message(store: &UserStore) -> String {
    let message = store.identity().unwrap_err().to_string();
    // What does not read does not make either.
    assert_eq!(store.identity_or_new().unwrap_err().to_string(), message);
    message
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn an_identity_is_made_once_and_read_ever_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = UserStore::new(folder.path().join("new/flowrun"), nobody());
    assert!(store.identity().unwrap().is_none());
    assert!(!folder.path().join("new").exists());
    let (identity, is_new) = store.identity_or_new().unwrap();
    assert!(is_new);
    let (again, is_new) = store.identity_or_new().unwrap();
    assert!(!is_new);
    assert_eq!(again.recipient(), identity.recipient());
    assert_eq!(recipient(&store), identity.recipient().to_string());

    let folder = folder.path().join("new/flowrun");
    assert_eq!(names(&folder), [".flowrun", "secrets", "secrets.key"]);
    let text = fs::read_to_string(folder.join("secrets")).unwrap();
    assert!(!text.contains(identity.text().expose()));
    #[cfg(unix)]
    for (name, expect) in [("", 0o700), ("secrets", 0o600), ("secrets.key", 0o600)] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(folder.join(name)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, expect, "{name}");
    }
}

#[test]
fn a_key_that_is_gone_or_wrong_is_refused_and_not_made_anew() {
    let (folder, store, ours) = made();
    let (path, key) = (store.path(), folder.path().join("secrets.key"));
    let (place, key_place) = (path.display(), key.display());
    let kept = (fs::read(&path).unwrap(), fs::read(&key).unwrap());

    fs::remove_file(&key).unwrap();
    assert_eq!(
        message(&store),
        format!(
            "{key_place}: the key of {place} is gone; put the file back from a backup, or, if it \
             is lost, put the store away too and make a new identity with `flowrun connections \
             share me`"
        )
    );
    assert!(!key.exists());

    let put = |bytes: &[u8]| disk::replace_private(&key, bytes).unwrap();
    put("0".repeat(64).as_bytes());
    assert_eq!(
        message(&store),
        format!(
            "{place}: the key does not fit: this store was sealed with another one (the key \
             file); nothing was changed"
        )
    );
    for wrong in ["", "0", &"g".repeat(64), &"0".repeat(66)] {
        put(wrong.as_bytes());
        assert_eq!(
            message(&store),
            format!("{key_place}: this is no key, which has 64 hexadecimal digits")
        );
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        put(&kept.1);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(
            message(&store),
            format!(
                "{key_place}: others can read or write this file (its mode is 0640), so it is not \
                 used; keep it to yourself with `chmod 600 {key_place}`"
            )
        );
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }
    put(&kept.1);
    assert_eq!(fs::read(&path).unwrap(), kept.0);
    assert_eq!(recipient(&store), ours);
}

#[test]
fn no_byte_of_the_store_can_be_changed() {
    let (_folder, store, ours) = made();
    let path = store.path();
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            fs::write(&path, bytes).unwrap();
            store.identity().unwrap_err();
        }
        fs::write(&path, &whole[..at]).unwrap();
        store.identity().unwrap_err();
    }
    let longer = [whole.as_slice(), b"\n"].concat();
    fs::write(&path, longer).unwrap();
    assert_eq!(
        message(&store),
        format!(
            "{}: the store is damaged: it is not what flowrun wrote; put it back from a backup, \
             nothing was changed",
            path.display()
        )
    );
    let text = String::from_utf8(whole.clone()).unwrap();
    fs::write(
        &path,
        text.replace("\"flowrun_store\":1", "\"flowrun_store\":2"),
    )
    .unwrap();
    assert!(message(&store).contains("its version is 2, and this flowrun knows version 1"));
    fs::write(&path, vec![b' '; 64 * 1024 + 1]).unwrap();
    assert!(message(&store).ends_with("the file has more than 65536 bytes"));
    fs::write(&path, whole).unwrap();
    assert_eq!(recipient(&store), ours);
}

#[test]
fn a_store_that_is_killed_while_it_is_made_is_made_by_the_next() {
    let mut step = 0;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let store = UserStore::new(folder.path(), nobody());
        let was_killed = kill::at(step, || drop(store.identity_or_new().unwrap()));
        let before = store.identity().unwrap().map(|known| known.recipient());
        let (after, is_new) = store.identity_or_new().unwrap();
        assert_eq!(is_new, before.is_none(), "step {step}");
        if let Some(before) = before {
            assert_eq!(after.recipient(), before, "step {step}");
        }
        assert_eq!(recipient(&store), after.recipient().to_string());
        // Nothing else is left, and least of all a key.
        if is_new {
            assert_eq!(names(folder.path()), [".flowrun", "secrets", "secrets.key"]);
        }
        if !was_killed {
            break;
        }
        step += 1;
    }
    // The key and the store, six steps each.
    assert_eq!(step, 12);
}

#[test]
fn a_passphrase_opens_the_store_and_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("store.yaml"), "key: passphrase\n").unwrap();
    let with = |ask| UserStore::new(folder.path(), ask);
    let alone = with(nobody()).identity_or_new().unwrap_err();
    assert_eq!(
        alone.to_string(),
        "there is no passphrase: nobody is there to ask"
    );
    let asked = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let counted = Arc::clone(&asked);
    let store = with(Arc::new(move |which| {
        counted[usize::from(which == Passphrase::New)].fetch_add(1, Ordering::Relaxed);
        Ok(Secret::new("correct horse"))
    }));
    let (identity, _) = store.identity_or_new().unwrap();
    assert_eq!(recipient(&store), identity.recipient().to_string());
    let asked: Vec<_> = asked.iter().map(|n| n.load(Ordering::Relaxed)).collect();
    assert_eq!(asked, [1, 1], "known and new");
    assert_eq!(names(folder.path()), [".flowrun", "secrets", "store.yaml"]);

    let place = store.path().display().to_string();
    assert_eq!(
        message(&with(person("wrong horse"))),
        format!(
            "{place}: the key does not fit: this store was sealed with another one (a \
             passphrase); nothing was changed"
        )
    );
    let text = fs::read_to_string(store.path()).unwrap();
    assert!(text.contains(r#""argon2id":{"memory_kib":65536,"passes":3,"salt":""#));
    // Neither all memory nor hours are taken before it is found to be wrong.
    for (from, to) in [
        ("65536", "1048577"),
        ("65536", "0"),
        ("\"passes\":3", "\"passes\":17"),
        ("\"passes\":3", "\"passes\":0"),
        ("\"salt\":\"", "\"salt\":\"00"),
    ] {
        fs::write(store.path(), text.replacen(from, to, 1)).unwrap();
        let message = message(&with(person("correct horse")));
        let expect = "the store is damaged: the numbers for Argon2id are out of bounds";
        assert!(message.contains(expect), "{message}");
    }
    fs::write(store.path(), text).unwrap();

    fs::write(folder.path().join("store.yaml"), "").unwrap();
    assert_eq!(
        message(&with(person("correct horse"))),
        format!(
            "{place}: this store is sealed with a passphrase, and {} says the key file; write \
             there what fits",
            folder.path().join("store.yaml").display()
        )
    );
}

#[cfg(unix)]
#[test]
fn a_command_gives_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("store.yaml");
    let store = UserStore::new(folder.path(), nobody());
    fs::write(&config, "key_command: [printf, a key of some words]\n").unwrap();
    let (identity, _) = store.identity_or_new().unwrap();
    assert_eq!(recipient(&store), identity.recipient().to_string());
    fs::write(&config, "key_command: [printf, other words]\n").unwrap();
    let expect = "this store was sealed with another one (a key_command); nothing was changed";
    assert!(message(&store).ends_with(expect));
    fs::write(&config, "key_command: ['false']\n").unwrap();
    assert_eq!(
        message(&store),
        "the key_command `false` gave no key: it ended with exit status: 1"
    );
}

#[test]
fn a_configuration_that_leaves_a_doubt_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("store.yaml");
    let source = || KeySource::read(&config).map_err(|error| error.to_string());
    assert_eq!(source(), Ok(KeySource::File));
    let words = |n: usize| format!("key_command: [{}]", vec!["x"; n].join(", "));
    for (text, expect) in [
        ("# nothing\n".to_owned(), Ok(KeySource::File)),
        ("key: file\n".to_owned(), Ok(KeySource::File)),
        ("key: passphrase\n".to_owned(), Ok(KeySource::Passphrase)),
        (words(32), Ok(KeySource::Command(vec!["x".to_owned(); 32]))),
        (words(33), Err("`key_command` is a list of 1 to 32 words")),
        (words(0), Err("`key_command` is a list of 1 to 32 words")),
        (
            "key: file\nkey_command: [x]\n".to_owned(),
            Err("`key` and `key_command` say two things; keep one"),
        ),
        (
            "keys: file\n".to_owned(),
            Err(
                "this is no configuration of the store: unknown field `keys`, expected `key` or \
                 `key_command`",
            ),
        ),
    ] {
        fs::write(&config, &text).unwrap();
        let expect = expect.map_err(|error| format!("{}: {error}", config.display()));
        assert_eq!(source(), expect, "{text}");
    }
    fs::write(&config, "#".repeat(16 * 1024 + 1)).unwrap();
    assert!(
        source()
            .unwrap_err()
            .ends_with("the file has more than 16384 bytes")
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(&config, "key: file\n").unwrap();
        for mode in [0o620, 0o602] {
            fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
            let place = config.display();
            assert_eq!(
                source(),
                Err(format!(
                    "{place}: others can write this file (its mode is {mode:04o}), so it is not \
                     used; keep it to yourself with `chmod 600 {place}`"
                ))
            );
        }
    }
}
