//! `connections seal` and `share`, `rename` and `edit` of what is sealed, and the user's store.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use insta::assert_snapshot;

use super::common::{Folder, Outcome};

/// A server that is not there: whether a secret opens shows before it is asked.
const FILE: &str = "\
# Ours.
minio:
  type: aws_s3
  endpoint: http://127.0.0.1:1
  region: us-east-1
  access_key_id: AKIAEXAMPLE
  secret_access_key: { env: KEY } # see the vault
vault: { type: aws_s3, role_arn: 'arn:aws:iam::222222222222:role/vault', external_id: some-id }
";
const CANARY: &str = "canary-4f1c0a52";

fn project() -> Folder {
    let folder = Folder::empty();
    folder.write("connections.yaml", FILE);
    folder
}

/// Runs `flowrun` as somebody with a home of their own.
fn by(person: &str, folder: &Folder, arguments: &str) -> Outcome {
    folder.outcome(&command(person, folder, arguments).output().unwrap())
}

fn command(person: &str, folder: &Folder, arguments: &str) -> Command {
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let mut command = folder.command(&arguments);
    command.env("HOME", folder.path().join(person));
    command
}

fn seal(person: &str, folder: &Folder, arguments: &str, secret: &str) -> Outcome {
    let mut child = command(person, folder, &format!("connections seal {arguments}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(secret.as_bytes())
        .unwrap();
    let outcome = folder.outcome(&child.wait_with_output().unwrap());
    assert!(!outcome.stderr.contains("canary"), "{outcome}");
    outcome
}

fn recipient(person: &str, folder: &Folder) -> String {
    let outcome = by(person, folder, "connections share me");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    outcome.stdout.trim().to_owned()
}

/// What the test of a connection comes to, with the recipients of people in words.
fn shown(folder: &Folder, outcome: &Outcome) -> String {
    ["ann", "bob"]
        .iter()
        .fold(outcome.to_string(), |text, person| {
            text.replace(&recipient(person, folder), &format!("age1{person}"))
        })
}

/// Whether somebody can open the secret: what fails then is the network.
fn opens(person: &str, folder: &Folder) -> bool {
    let outcome = by(person, folder, "connections test minio");
    assert_eq!(outcome.code, Some(4), "{outcome}");
    outcome.stderr.contains("cannot be reached")
}

#[test]
fn a_secret_is_sealed_shared_and_taken_back() {
    let folder = project();
    recipient("ann", &folder);
    recipient("bob", &folder);
    let outcome = seal(
        "ann",
        &folder,
        "minio secret_access_key",
        &format!("{CANARY}\r\n"),
    );
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 0
    -- stderr
    ✓ `secret_access_key` of `minio` is sealed in FOLDER/connections.yaml
    age1ann can read it
    others can after `flowrun connections share add RECIPIENT`
    ");
    let text = folder.read("connections.yaml");
    let (before, _) = FILE.split_once("{ env").unwrap();
    let (_, after) = FILE.split_once("KEY }").unwrap();
    assert!(text.starts_with(before) && text.ends_with(after), "{text}");
    assert!(!text.contains(CANARY));
    assert!(opens("ann", &folder) && !opens("bob", &folder));

    let bob = recipient("bob", &folder);
    let outcome = by(
        "ann",
        &folder,
        &format!("connections share add {bob} --name Bob"),
    );
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 0
    -- stderr
    ✓ Bob can read what is sealed beside FOLDER/connections.yaml
    1 secret sealed anew in FOLDER/connections.yaml
    age1ann, Bob can read
    ");
    assert!(opens("ann", &folder) && opens("bob", &folder));
    let outcome = by("bob", &folder, "connections share list");
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 0
    -- stdout
    age1ann
    age1bob  Bob

    minio  secret_access_key sealed in the connection file
    vault  no secret: its role trusts us by who we are
    ");
    let outcome = by("bob", &folder, "connections list");
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 0
    -- stdout
    minio  aws_s3  -             us-east-1  no role
    vault  aws_s3  222222222222  -          not proven
    what is sealed in FOLDER/connections.yaml is read by age1ann, Bob
    ");

    let before = folder.read("connections.yaml");
    let ann = recipient("ann", &folder);
    let outcome = by("bob", &folder, &format!("connections share remove {ann}"));
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 0
    -- stderr
    ✓ age1ann cannot read what is sealed from now on
    1 secret sealed anew in FOLDER/connections.yaml
    Bob can read
    warning: what was sealed before still opens for them, as in the history of git: change the secrets where they come from, and seal the new ones
    ");
    assert!(!opens("ann", &folder) && opens("bob", &folder));
    let outcome = by("ann", &folder, "connections test minio");
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 4
    -- stderr
    error[connection]: `secret_access_key` of the connection `minio` is not sealed for age1ann; somebody who can read it gives it to you with `flowrun connections share add age1ann`
      connection: minio
    ");
    // She cannot let herself in again.
    let outcome = by("ann", &folder, &format!("connections share add {ann}"));
    assert_snapshot!(shown(&folder, &outcome), @"
    exit 4
    -- stderr
    error: `secret_access_key` of the connection `minio` is not sealed for age1ann; somebody who can read it gives it to you with `flowrun connections share add age1ann`
    ");
    // What was sealed before opens for her, as the warning says.
    folder.write("connections.yaml", before);
    assert!(opens("ann", &folder));
}

#[test]
fn a_sealed_secret_follows_a_new_nickname_and_not_a_new_server() {
    let folder = project();
    seal("ann", &folder, "minio secret_access_key", CANARY);
    assert_snapshot!(by("ann", &folder, "connections rename minio store"), @"
    exit 0
    -- stderr
    ✓ `minio` is `store` now
    ");
    assert_snapshot!(by("ann", &folder, "connections test store"), @"
    exit 4
    -- stderr
    error[connection]: STS at http://127.0.0.1:PORT cannot be reached: connection refused
      connection: store
    help: check the network, the region and the endpoint
    ");
    assert_snapshot!(by("ann", &folder, "connections edit store --endpoint http://127.0.0.1:2"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove it anew: flowrun connections test store
    `secret_access_key` is sealed for the server that the connection led to: seal it anew: flowrun connections seal store secret_access_key
    ");
    assert_snapshot!(by("ann", &folder, "connections test store"), @"
    exit 4
    -- stderr
    error[connection]: `secret_access_key` of the connection `store` was sealed for http://127.0.0.1:PORT, and the connection leads to http://127.0.0.1:PORT; if the change is meant, seal the secret anew with `flowrun connections seal store secret_access_key`
      connection: store
    ");
    // Swapped by hand.
    folder.replace("connections.yaml", "store:", "other:");
    folder.replace("connections.yaml", "127.0.0.1:2", "127.0.0.1:1");
    assert_snapshot!(by("ann", &folder, "connections test other"), @"
    exit 4
    -- stderr
    error[connection]: the sealed text of `secret_access_key` of the connection `other` in connections.yaml was sealed for `secret_access_key` of `store` in connections.yaml, and is opened nowhere else; if the change is meant, seal the secret anew with `flowrun connections seal other secret_access_key`
      connection: other
    ");
    assert_snapshot!(seal("ann", &folder, "vault secret_access_key", CANARY), @"
    exit 2
    -- stderr
    error: the connection `vault` has no secret `secret_access_key`; it has none at all
    ");
    assert_snapshot!(seal("ann", &folder, "other secret_access_key", ""), @"
    exit 2
    -- stderr
    error: a secret has 1 to 65536 bytes, and this one has 0
    ");
}

#[test]
fn a_machine_opens_with_an_identity_file() {
    let folder = project();
    folder.write("identity.txt", "# CI\nnot an identity\n");
    let as_machine = |arguments: &str| {
        let mut command = command("nobody", &folder, arguments);
        command.env("FLOWRUN_IDENTITY_FILE", "identity.txt");
        folder.outcome(&command.output().unwrap())
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join("identity.txt");
        let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        set(0o644);
        assert_snapshot!(as_machine("connections share me"), @"
        exit 4
        -- stderr
        error: identity.txt: others can read or write this file (its mode is 0644), so it is not used; keep it to yourself with `chmod 600 identity.txt`
        ");
        set(0o600);
    }
    assert_snapshot!(as_machine("connections share me"), @"
    exit 4
    -- stderr
    error: identity.txt:2: this is no age identity, which starts with `AGE-SECRET-KEY-1`
    ");
    // It does not fall back to a store, nor make one.
    assert!(!folder.path().join("nobody").exists());
}

#[test]
fn a_store_that_many_make_at_once_is_one() {
    let folder = project();
    let children: Vec<_> = (0..6)
        .map(|_| {
            let mut command = command("ann", &folder, "connections share me");
            command
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut printed: Vec<_> = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap().stdout)
        .collect();
    printed.dedup();
    assert_eq!(
        printed,
        [format!("{}\n", recipient("ann", &folder)).into_bytes()]
    );

    // So is a project that many share at once.
    seal("ann", &folder, "minio secret_access_key", CANARY);
    let people = ["p1", "p2", "p3", "p4"];
    let children: Vec<_> = people
        .iter()
        .map(|person| {
            let other = recipient(person, &folder);
            command("ann", &folder, &format!("connections share add {other}"))
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(
        people
            .iter()
            .chain(&["ann"])
            .all(|person| opens(person, &folder))
    );
}

#[test]
fn a_lost_key_is_not_made_anew() {
    let folder = project();
    seal("ann", &folder, "minio secret_access_key", CANARY);
    fs::remove_file(folder.path().join("ann/.config/flowrun/secrets.key")).unwrap();
    assert_snapshot!(by("ann", &folder, "connections test minio"), @"
    exit 4
    -- stderr
    error[connection]: FOLDER/ann/.config/flowrun/secrets.key: the key of FOLDER/ann/.config/flowrun/secrets is gone; put the file back from a backup, or, if it is lost, put the store away too and make a new identity with `flowrun connections share me`
      connection: minio
    ");
    assert_snapshot!(by("ann", &folder, "connections share me"), @"
    exit 4
    -- stderr
    error: FOLDER/ann/.config/flowrun/secrets.key: the key of FOLDER/ann/.config/flowrun/secrets is gone; put the file back from a backup, or, if it is lost, put the store away too and make a new identity with `flowrun connections share me`
    ");
    assert!(
        !folder
            .path()
            .join("ann/.config/flowrun/secrets.key")
            .exists()
    );
}

#[test]
fn a_passphrase_comes_from_a_file_where_nobody_can_be_asked() {
    let folder = project();
    folder.write("ann/.config/flowrun/store.yaml", "key: passphrase\n");
    folder.write("passphrase", "correct horse\n");
    let with = |arguments: &str| {
        let mut command = command("ann", &folder, arguments);
        command.env("FLOWRUN_PASSPHRASE_FILE", "passphrase");
        folder.outcome(&command.output().unwrap())
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join("passphrase");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let first = with("connections share me");
    assert_eq!(first.code, Some(0), "{first}");
    assert_eq!(with("connections share me").stdout, first.stdout);
    folder.write("passphrase", "wrong horse\n");
    assert_snapshot!(with("connections share me"), @"
    exit 4
    -- stderr
    error: FOLDER/ann/.config/flowrun/secrets: the key does not fit: this store was sealed with another one (a passphrase); nothing was changed
    ");
}

/// What a set seals would hold for all of its members, and is bound to none.
#[test]
fn the_secrets_of_a_set_are_not_sealed() {
    let folder = Folder::empty();
    folder.write(
        "connections.yaml",
        "s:\n  type: aws_s3\n  role_arn: arn:aws:iam::{account}:role/a\n  access_key_id: AKIAEXAMPLE\n  \
         secret_access_key: { env: X }\n  members: [{ account: \"000000000001\", external_id: ab }]\n",
    );
    assert_snapshot!(folder.flowrun("connections seal s/000000000001 secret_access_key"), @"
    exit 2
    -- stderr
    error: the secrets of `s/000000000001` are those of its set
    help: say where they are in the set: `{ env: NAME }` or `{ file: PATH }`
    ");
}

/// An environment may have the only connection file, and that in a folder above.
#[test]
fn what_an_environment_seals_is_shared_where_its_file_is() {
    let folder = Folder::empty();
    folder.write(
        "connections.prod.yaml",
        "minio: { type: aws_s3, endpoint: 'http://127.0.0.1:1', access_key_id: AKIAEXAMPLE, \
         secret_access_key: { env: X } }\n",
    );
    folder.write("below/flow.yaml", "");
    let recipient = "age1gl3shqfkhspn6kdtfzxzqfkzvs4v76q24jsyzzzmjc80x0wjaqas3f4zsj";
    let add = format!("connections share add {recipient} --folder below --environment prod");
    let added = folder.flowrun(&add);
    assert_eq!(added.code, Some(0), "{added}");
    assert!(folder.read("connections.recipients").contains(recipient));
    assert!(!folder.path().join("below/connections.recipients").exists());
}
