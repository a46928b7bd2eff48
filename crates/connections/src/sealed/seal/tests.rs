//! Tests of secrets sealed into connection files.

use std::{fs, sync::Arc};

use tempfile::TempDir;

use super::*;
use crate::{
    ConnectionSet, OwnValues, RECIPIENTS_FILE, SealedSecrets as _, SecretPlace, UserStore,
    add_to_file,
    disk::kill,
    edit_file, file,
    sealed::{identity::Identity, share_add},
};

const TEXT: &str = "\
# Ours.
minio:
  type: aws_s3
  endpoint: http://127.0.0.1:9000
  access_key_id: AKIAEXAMPLE
  secret_access_key: { env: KEY } # from the vault
role: { type: aws_s3 }
api:
  type: http
  url: https://api.example.com/v1
  auth:
    oauth2_client_credentials:
      token_url: https://login.example.com/token
      client_id: us
      client_secret: { env: KEY }
";

fn project() -> (TempDir, Identities) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("connections.yaml"), TEXT).unwrap();
    let ask = Arc::new(|_| Err("nobody is there to ask".to_owned()));
    let store = UserStore::new(folder.path().join("user"), ask);
    (folder, Identities::of_user(store))
}

fn read(folder: &TempDir, nickname: &str) -> Connection {
    let path = folder.path().join("connections.yaml");
    let mut found = file::read(&path).unwrap().into_iter();
    found.find(|one| one.nickname == nickname).unwrap()
}

fn opened(connection: &Connection, identities: &Identities) -> Result<String, String> {
    let mut connection = connection.clone();
    let (file, nickname) = (connection.file.clone(), connection.nickname.clone());
    let secret = connection.secrets().remove(0);
    let SecretSource::Sealed(text) = &*secret.source else {
        panic!("it is not sealed: {secret:?}");
    };
    let place = SecretPlace {
        file: &file,
        nickname: &nickname,
        field: secret.field,
        destination: &secret.destination,
    };
    let secret = identities.open(&place, text);
    secret
        .map(|secret| secret.expose().to_owned())
        .map_err(|error| error.to_string())
}

#[test]
fn a_secret_is_sealed_into_its_place_and_follows_its_connection() {
    let (folder, identities) = project();
    let minio = read(&folder, "minio");
    let secret = Secret::new("canary");
    let recipients = seal_field(&minio, "secret_access_key", &secret, &identities).unwrap();
    let (own, _) = identities.own_recipient().unwrap();
    assert_eq!(recipients.keys(), [&own]);
    assert_eq!(Recipients::beside(&minio.file).unwrap(), recipients);
    let text = fs::read_to_string(&minio.file).unwrap();
    assert!(!text.contains("canary"));
    let (before, _) = TEXT.split_once("{ env").unwrap();
    let (_, after) = TEXT.split_once("KEY }").unwrap();
    assert!(text.starts_with(before) && text.ends_with(after), "{text}");

    let sealed = read(&folder, "minio");
    assert_eq!(opened(&sealed, &identities).as_deref(), Ok("canary"));
    rename_file_entry(&sealed, "store", &identities).unwrap();
    let renamed = read(&folder, "store");
    assert_eq!(opened(&renamed, &identities).as_deref(), Ok("canary"));
    // One that is taken changes nothing.
    let before = fs::read(&minio.file).unwrap();
    rename_file_entry(&renamed, "role", &identities).unwrap_err();
    assert_eq!(fs::read(&minio.file).unwrap(), before);

    // Another server does not get it, by whatever hand it comes into the file.
    let text = fs::read_to_string(&minio.file).unwrap();
    fs::write(
        &minio.file,
        text.replace("http://127.0.0.1:9000", "http://127.0.0.1:9001"),
    )
    .unwrap();
    assert_eq!(
        opened(&read(&folder, "store"), &identities),
        Err(
            "`secret_access_key` of the connection `store` was sealed for http://127.0.0.1:9000, \
             and the connection leads to http://127.0.0.1:9001; if the change is meant, seal the \
             secret anew with `flowrun connections seal store secret_access_key`"
                .to_owned()
        )
    );
}

/// The place that a kind names is the one that is found in the file, and what a token is good for is
/// a part of it.
#[test]
fn a_secret_within_a_key_is_sealed_and_shared_too() {
    let (folder, identities) = project();
    let field = "auth.oauth2_client_credentials.client_secret";
    let (api, secret) = (read(&folder, "api"), Secret::new("canary"));
    seal_field(&api, field, &secret, &identities).unwrap();
    let other = Identity::generate().recipient();
    let shared = share_add(&api.file, &other, None, &identities).unwrap();
    let file = fs::canonicalize(&api.file).unwrap();
    assert_eq!(shared.files, [(file, 1)]);
    assert_eq!(
        opened(&read(&folder, "api"), &identities).as_deref(),
        Ok("canary")
    );
    let text = fs::read_to_string(&api.file).unwrap();
    for (from, to, now) in [
        (
            "api.example.com",
            "evil.example.com",
            "https://login.example.com for https://evil.example.com",
        ),
        (
            "login.example.com",
            "evil.example.com",
            "https://evil.example.com for https://api.example.com",
        ),
    ] {
        fs::write(&api.file, text.replace(from, to)).unwrap();
        assert_eq!(
            opened(&read(&folder, "api"), &identities),
            Err(format!(
                "`{field}` of the connection `api` was sealed for https://login.example.com for \
                 https://api.example.com, and the connection leads to {now}; if the change is \
                 meant, seal the secret anew with `flowrun connections seal api {field}`"
            ))
        );
    }
}

#[test]
fn what_is_no_secret_of_the_connection_is_not_sealed() {
    let (folder, identities) = project();
    let secret = Secret::new("canary");
    let (minio, role) = (read(&folder, "minio"), read(&folder, "role"));
    let message = |connection, field| {
        seal_field(connection, field, &secret, &identities)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(&minio, "region"),
        "the connection `minio` has no secret `region`; it has `secret_access_key`"
    );
    assert_eq!(
        message(&role, "secret_access_key"),
        "the connection `role` has no secret `secret_access_key`; it has none at all"
    );
    #[cfg(unix)]
    {
        let real = folder.path().join("team.yaml");
        fs::rename(&minio.file, &real).unwrap();
        std::os::unix::fs::symlink(&real, &minio.file).unwrap();
        assert_eq!(
            message(&minio, "secret_access_key"),
            format!(
                "{}: secrets are sealed in files that are named `connections.yaml` or \
                 `connections.NAME.yaml`, so that a change of recipients finds them",
                fs::canonicalize(&real).unwrap().display()
            )
        );
    }
    assert!(!folder.path().join(RECIPIENTS_FILE).exists());
}

/// Whoever can change the file of authorities, or name another one, could stand in for the server.
#[test]
fn a_secret_does_not_open_under_other_authorities() {
    let (folder, identities) = project();
    let path = folder.path().join("connections.yaml");
    let text = TEXT
        .replace(
            "http://127.0.0.1:9000",
            "https://127.0.0.1:9000\n  ca: ca.pem",
        )
        .replace("/v1\n", "/v1\n  ca: ca.pem\n");
    fs::write(&path, text).unwrap();
    fs::write(folder.path().join("ca.pem"), "ours").unwrap();
    fs::write(folder.path().join("other.pem"), "theirs").unwrap();
    let secret = Secret::new("canary");
    let fields = [
        ("minio", "secret_access_key", "https://127.0.0.1:9000"),
        (
            "api",
            "auth.oauth2_client_credentials.client_secret",
            "https://login.example.com for https://api.example.com",
        ),
    ];
    for (nickname, field, server) in fields {
        seal_field(&read(&folder, nickname), field, &secret, &identities).unwrap();
        let opened = || opened(&read(&folder, nickname), &identities);
        assert_eq!(opened().as_deref(), Ok("canary"));
        let refused = |now: &str| {
            let error = opened().unwrap_err();
            let (before, rest) = error.split_once("sha256:").unwrap();
            assert_eq!(
                before,
                format!(
                    "`{field}` of the connection `{nickname}` was sealed for {server} with the \
                     authorities of "
                )
            );
            assert_eq!(rest.find(','), Some(64));
            assert!(rest.contains(&format!("leads to {server}{now}")), "{error}");
        };
        let sealed = fs::read_to_string(&path).unwrap();
        fs::write(&path, sealed.replace("ca: ca.pem", "ca: other.pem")).unwrap();
        refused(" with the authorities of sha256:");
        fs::write(&path, sealed.replace("ca: ca.pem", "ca: missing.pem")).unwrap();
        refused(" with authorities that cannot be read;");
        fs::write(&path, sealed.replace("  ca: ca.pem\n", "")).unwrap();
        refused("; if");
        fs::write(&path, &sealed).unwrap();
        fs::write(folder.path().join("ca.pem"), "theirs").unwrap();
        refused(" with the authorities of sha256:");
        fs::write(folder.path().join("ca.pem"), "ours").unwrap();
        // A change of readers keeps it as it is.
        let other = Identity::generate().recipient();
        share_add(&path, &other, None, &identities).unwrap();
        assert_eq!(opened().as_deref(), Ok("canary"));
    }
}

/// A change of the file, and whether the file says it.
type Change = (
    &'static str,
    fn(&TempDir, &Identities),
    fn(&TempDir, &Identities) -> bool,
);

const SET: &str = "\
org: # all of ours
  type: aws_s3
  role_arn: arn:aws:iam::{account}:role/Backup
  members:
    - { account: \"000000000001\", external_id: one }
    - { account: \"000000000002\", external_id: two }
";

fn all(folder: &TempDir) -> Vec<Connection> {
    file::read(&folder.path().join("connections.yaml")).unwrap()
}

fn has(folder: &TempDir, nickname: &str) -> bool {
    all(folder).iter().any(|one| one.nickname == nickname)
}

fn replace_set(folder: &TempDir, change: fn(&mut ConnectionSet)) {
    let all = all(folder);
    let old: Vec<&Connection> = all.iter().filter(|one| one.member.is_some()).collect();
    let mut set = ConnectionSet::clone(&old[0].member.as_ref().unwrap().set);
    change(&mut set);
    let set = Arc::new(set);
    let new: Vec<Connection> = old
        .iter()
        .map(|old| {
            let own = OwnValues {
                external_id: old.aws().unwrap().external_id.clone(),
                ..OwnValues::default()
            };
            let account = &old.member.as_ref().unwrap().account;
            set.member(account, own, &old.file).unwrap()
        })
        .collect();
    let edit = Edit::ReplaceSet {
        old: &old,
        new: &new,
    };
    edit_file(&old[0].file, &edit).unwrap();
}

#[test]
fn a_kill_at_any_step_of_a_change_leaves_the_old_file_or_the_new_one() {
    let changes: [Change; 11] = [
        (
            "seal",
            |folder, identities| {
                let secret = Secret::new("canary");
                let field = "secret_access_key";
                seal_field(&read(folder, "minio"), field, &secret, identities).unwrap();
            },
            |folder, identities| {
                let minio = read(folder, "minio");
                let is_sealed = !fs::read_to_string(&minio.file)
                    .unwrap()
                    .contains("{ env: KEY } # from");
                is_sealed && opened(&minio, identities).as_deref() == Ok("canary")
            },
        ),
        (
            "add with a secret",
            |folder, identities| {
                let new = Connection {
                    nickname: "new".to_owned(),
                    ..read(folder, "minio")
                };
                let secret = Secret::new("canary");
                save_sealed(None, &new, &[("secret_access_key", &secret)], identities).unwrap();
            },
            |folder, identities| {
                has(folder, "new")
                    && opened(&read(folder, "new"), identities).as_deref() == Ok("canary")
            },
        ),
        (
            "rename with a secret",
            |folder, identities| {
                rename_file_entry(&read(folder, "vault"), "store", identities).unwrap()
            },
            |folder, identities| {
                has(folder, "store")
                    && !has(folder, "vault")
                    && opened(&read(folder, "store"), identities).as_deref() == Ok("canary-2")
            },
        ),
        (
            "rename",
            |folder, identities| {
                rename_file_entry(&read(folder, "role"), "other", identities).unwrap()
            },
            |folder, _| has(folder, "other") && !has(folder, "role"),
        ),
        (
            "change",
            |folder, _| {
                let old = read(folder, "role");
                let mut new = old.clone();
                new.description = Some("changed".to_owned());
                edit_file(
                    &old.file,
                    &Edit::Replace {
                        old: &old,
                        new: &new,
                    },
                )
                .unwrap();
            },
            |folder, _| read(folder, "role").description.as_deref() == Some("changed"),
        ),
        (
            "remove",
            |folder, _| {
                let old = read(folder, "role");
                edit_file(&old.file, &Edit::Remove(&old)).unwrap();
            },
            |folder, _| !has(folder, "role"),
        ),
        (
            "add many",
            |folder, _| {
                let new = ["x", "y"].map(|nickname| Connection {
                    nickname: nickname.to_owned(),
                    ..read(folder, "role")
                });
                add_to_file(&new[0].file, &new).unwrap();
            },
            |folder, _| has(folder, "x") && has(folder, "y"),
        ),
        (
            "add a member",
            |folder, _| {
                let one = read(folder, "org/000000000001");
                let set = &one.member.as_ref().unwrap().set;
                let new = set
                    .member("000000000003", OwnValues::default(), &one.file)
                    .unwrap();
                edit_file(&one.file, &Edit::Add(&new)).unwrap();
            },
            |folder, _| has(folder, "org/000000000003"),
        ),
        (
            "rename a set",
            |folder, _| replace_set(folder, |set| set.name = "team".to_owned()),
            |folder, _| {
                has(folder, "team/000000000001")
                    && has(folder, "team/000000000002")
                    && !has(folder, "org/000000000001")
            },
        ),
        (
            "change a set",
            |folder, _| {
                replace_set(folder, |set| {
                    set.common.region = Some("eu-west-1".to_owned())
                })
            },
            |folder, _| {
                all(folder)
                    .iter()
                    .filter(|one| one.member.is_some())
                    .all(|one| one.aws().unwrap().region.as_deref() == Some("eu-west-1"))
            },
        ),
        (
            "remove a set",
            |folder, _| {
                let all = all(folder);
                let old: Vec<&Connection> = all.iter().filter(|one| one.member.is_some()).collect();
                edit_file(&old[0].file, &Edit::RemoveSet(&old)).unwrap();
            },
            |folder, _| !all(folder).iter().any(|one| one.member.is_some()),
        ),
    ];
    for (name, change, is_made) in changes {
        let mut step = 0;
        loop {
            let (folder, identities) = project();
            let path = folder.path().join("connections.yaml");
            let more =
                "vault: { type: aws_s3, access_key_id: AKIA, secret_access_key: { env: KEY } }\n";
            fs::write(&path, format!("{TEXT}{SET}{more}")).unwrap();
            let secret = Secret::new("canary-2");
            let sealed = matches!(name, "rename with a secret");
            if sealed {
                let vault = read(&folder, "vault");
                seal_field(&vault, "secret_access_key", &secret, &identities).unwrap();
            } else {
                identities.own_recipient().unwrap();
            }
            let before = fs::read(&path).unwrap();
            let was_killed = kill::at(step, || change(&folder, &identities));
            let is_old = fs::read(&path).unwrap() == before;
            let is_new = is_made(&folder, &identities);
            assert!(is_old != is_new, "{name}, step {step}: {is_old} {is_new}");
            // Who reads is known, or nobody is yet.
            Recipients::beside(&path).unwrap();
            if is_old {
                change(&folder, &identities);
            }
            assert!(is_made(&folder, &identities), "{name}, step {step}");
            let left = fs::read_dir(folder.path()).unwrap();
            let left: Vec<String> = left
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name.ends_with(".new"))
                .collect();
            assert_eq!(left, [""; 0], "{name}, step {step}");
            if !was_killed {
                break;
            }
            step += 1;
        }
        // Six steps a file: the recipients are one more, where nobody read before.
        let is_first = ["seal", "add with a secret"].contains(&name);
        assert_eq!(step, if is_first { 12 } else { 6 }, "{name}");
    }
}
