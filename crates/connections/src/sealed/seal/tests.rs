//! Tests of secrets sealed into connection files.

use std::{fs, sync::Arc};

use tempfile::TempDir;

use super::*;
use crate::{
    RECIPIENTS_FILE, SealedSecrets as _, SecretPlace, UserStore, file,
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
