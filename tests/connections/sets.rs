//! Sets: one entry of a connection file that is a connection for each account.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::*;

/// A sandbox of so many accounts, each with a bucket and a role that asks for its External ID, and
/// the set of them. No account can read the bucket of another.
fn of_accounts(count: usize) -> Folder {
    let folder = Folder::empty();
    let (ours, _) = SANDBOX.split_once("  \"222222222222\"").unwrap();
    let mut seed = ours.to_owned();
    let mut connections = "\
# Every account of the organisation.
org-members:
  type: aws_s3
  description: all of them
  role_arn: \"arn:aws:iam::{account}:role/Backup\"
  endpoint: sandbox
  base: sandbox
  members:
"
    .to_owned();
    for index in 0..count {
        let role = role("Backup", &asks_for(&format!("id-{index:03}")));
        writeln!(
            seed,
            "  \"{index:012}\":\n    buckets: {{ reports-{index}: {{}} }}\n    roles:\n{role}"
        )
        .unwrap();
        writeln!(
            connections,
            "    - {{ account: \"{index:012}\", external_id: id-{index:03} }}"
        )
        .unwrap();
    }
    folder.write("sandbox.yaml", seed);
    folder.write("connections.yaml", connections);
    folder.write(
        "look.yaml",
        "\
flow: look
connections:
  members: { set: org-members }
cards:
  list:
    for_each: connections.members
    card: s3.list_objects
    connection: \"{{ item }}\"
    with: { bucket: \"reports-{{ index }}\" }
outputs:
  count: \"{{ list.length cards.list }}\"
",
    );
    folder
}

#[test]
fn a_flow_walks_forty_accounts_in_the_order_of_the_file() {
    let folder = of_accounts(40);
    let outcome = folder.flowrun("look.yaml");
    assert_eq!(
        (outcome.code, &*outcome.stdout),
        (Some(0), "count: 40\n"),
        "{outcome}"
    );

    // The one that is wrong is named.
    folder.replace("look.yaml", "    card:", "    max_parallel: 1\n    card:");
    folder.replace("connections.yaml", "id-017", "id-018a");
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 17 succeeded, 1 failed
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::000000000017:role/Backup
      card: list[17]
      at: look.yaml:5:3
      code: AccessDenied
      connection: org-members/000000000017
      role_arn: arn:aws:iam::000000000017:role/Backup
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role
    ");
    folder.replace("connections.yaml", ", external_id: id-018a", "");
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 17 succeeded, 1 failed
    error[connection]: the connection `org-members/000000000017` is not finished: it has no External ID yet
      card: list[17]
      at: look.yaml:5:3
      connection: org-members/000000000017
      role_arn: arn:aws:iam::000000000017:role/Backup
    help: run `flowrun connections add-member org-members --account 000000000017 --folder FOLDER`
    ");
}
