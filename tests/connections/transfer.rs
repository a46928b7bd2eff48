//! `connections export` and `import`.

use insta::assert_snapshot;

use super::common::Folder;

const FILE: &str = "\
# Ours.
vault:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/vault
  external_id: some-id
  next_external_id: other-id
  accept_unsafe: it goes away in May
own: { type: aws_s3, role_arn: 'arn:aws:iam::222222222222:role/own', trust: principal }
minio:
  type: aws_s3
  endpoint: http://127.0.0.1:1 # ours
  access_key_id: AKIAEXAMPLE
  secret_access_key: { env: KEY }
left: { type: aws_s3 }
";

#[test]
fn connections_go_from_one_project_to_another() {
    let folder = Folder::empty();
    folder.write("a/connections.yaml", FILE);
    folder.write("b/connections.yaml", "# Theirs.\nlocal: { type: aws_s3 }\n");
    let exported = folder.flowrun("connections export vault own minio --folder a");
    assert_snapshot!(exported, @"
    exit 0
    -- stdout
    vault:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/vault
      external_id: some-id
      next_external_id: other-id
      accept_unsafe: it goes away in May

    own:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/own
      trust: principal

    minio:
      type: aws_s3
      endpoint: http://127.0.0.1:PORT
      access_key_id: AKIAEXAMPLE
      secret_access_key: { env: KEY }
    ");
    folder.write("team.yaml", exported.stdout);
    let before = folder.read("b/connections.yaml");
    assert_snapshot!(folder.flowrun("connections import team.yaml --folder b"), @"
    exit 0
    -- stderr
    ✓ imported into FOLDER/b/connections.yaml
      vault: waits for arn:aws:iam::222222222222:role/vault to accept its new External ID: flowrun connections finish vault --role-arn arn:aws:iam::222222222222:role/vault --folder b
      own: prove it: flowrun connections test own --folder b
      minio: sends its `secret_access_key`, in the environment variable KEY, to http://127.0.0.1:PORT; prove it: flowrun connections test minio --folder b
    ");
    let after = folder.flowrun("connections export vault own minio --folder b");
    assert_snapshot!(after, @"
    exit 0
    -- stdout
    vault:
      type: aws_s3
      external_id: EXTERNAL-ID

    own:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/own
      trust: principal

    minio:
      type: aws_s3
      endpoint: http://127.0.0.1:PORT
      access_key_id: AKIAEXAMPLE
      secret_access_key: { env: KEY }
    ");
    assert!(folder.read("b/connections.yaml").starts_with(&before));

    // All or none.
    let whole = folder.read("b/connections.yaml");
    folder.write(
        "team.yaml",
        "new: { type: aws_s3 }\nvault: { type: aws_s3 }\n",
    );
    assert_snapshot!(folder.flowrun("connections import team.yaml --folder b"), @"
    exit 2
    -- stderr
    error: there is a connection `vault` already, in FOLDER/b/connections.yaml
    help: rename one of the two; nothing was imported
    ");
    folder.write("team.yaml", "# nothing\n");
    assert_snapshot!(folder.flowrun("connections import team.yaml --folder b"), @"
    exit 2
    -- stderr
    error: there is no connection in team.yaml
    help: `flowrun connections export` makes such files
    ");
    assert_snapshot!(folder.flowrun("connections import no.yaml --folder b"), @"
    exit 4
    -- stderr
    error: no.yaml: the file cannot be read: no such file or directory
    ");
    assert_eq!(folder.read("b/connections.yaml"), whole);
}

#[test]
fn an_external_id_is_adopted_by_one_connection_alone() {
    let folder = Folder::empty();
    folder.write("a/connections.yaml", FILE);
    let exported = folder.flowrun("connections export vault --folder a").stdout;
    folder.write("team.yaml", &exported);
    let adopted = folder.flowrun("connections import team.yaml --adopt-external-id --folder b");
    assert_snapshot!(adopted, @"
    exit 0
    -- stderr
    ✓ imported into FOLDER/b/connections.yaml
      vault: prove it: flowrun connections test vault --folder b
    ");
    assert_snapshot!(folder.read("b/connections.yaml"), @"
    # The connections that flows name. A secret stands here sealed or not at all: the file is meant for git.

    vault:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/vault
      external_id: some-id
      next_external_id: other-id
    ");
    folder.write("team.yaml", exported.replace("vault:", "again:"));
    let again = folder.flowrun("connections import team.yaml --adopt-external-id --folder b");
    assert_snapshot!(again, @"
    exit 2
    -- stderr
    error: the External ID of `again` is that of the connection `vault`, and is good for one alone
    help: import it without `--adopt-external-id`; nothing was imported
    ");
    // The rotated one is good for one, too, and a file does not have it twice.
    folder.write(
        "team.yaml",
        "x: { type: aws_s3, external_id: other-id }\ny: { type: aws_s3, external_id: an-id }\n",
    );
    let again = folder.flowrun("connections import team.yaml --adopt-external-id --folder b");
    assert_snapshot!(again, @"
    exit 2
    -- stderr
    error: the External ID of `x` is that of the connection `vault`, and is good for one alone
    help: import it without `--adopt-external-id`; nothing was imported
    ");
    folder.write(
        "team.yaml",
        "x: { type: aws_s3, external_id: an-id }\ny: { type: aws_s3, external_id: an-id }\n",
    );
    let twice = folder.flowrun("connections import team.yaml --adopt-external-id --folder b");
    assert_snapshot!(twice, @"
    exit 2
    -- stderr
    error: the External ID of `y` is that of the connection `x`, and is good for one alone
    help: import it without `--adopt-external-id`; nothing was imported
    ");
}

#[test]
fn a_member_of_a_set_stays_in_its_set() {
    let folder = Folder::empty();
    let set = "s:\n  type: aws_s3\n  role_arn: arn:aws:iam::{account}:role/a\n  members:\n    - { account: \"000000000001\", external_id: ab }\n";
    folder.write("connections.yaml", set);
    folder.write("other/connections.yaml", "");
    folder.write("sent.yaml", set);
    assert_snapshot!(folder.flowrun("connections export s/000000000001"), @"
    exit 2
    -- stderr
    error: `s/000000000001` is the member of a set
    help: copy the set by hand; each member needs an External ID of its own
    ");
    assert_snapshot!(folder.flowrun("connections import sent.yaml --folder other"), @"
    exit 2
    -- stderr
    error: `s/000000000001` is the member of a set
    help: copy the set by hand; each member needs an External ID of its own
    ");
    assert_eq!(folder.read("other/connections.yaml"), "");
}
