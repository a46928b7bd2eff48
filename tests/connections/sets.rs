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
            "  \"{index:012}\":\n    buckets: {{ reports-{index:012}: {{}} }}\n    roles:\n{role}"
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
    with: { bucket: \"reports-{{ item.account }}\" }
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
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
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

#[test]
fn a_set_is_made_and_grows() {
    let folder = of_accounts(2);
    folder.write("connections.yaml", "");
    assert_snapshot!(folder.flowrun("look.yaml"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no set of connections `org-members`
     --> look.yaml:3:19
      |
    3 |   members: { set: org-members }
      |                   ^^^^^^^^^^^
      |
      = help: `flowrun connections list` lists those that there are

    1 error in look.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections add-member org-members --role-arn 'arn:aws:iam::{account}:role/NAME' --account ID
    ");
    assert_snapshot!(folder.flowrun("connections add-member org --account 000000000000"), @"
    exit 2
    -- stderr
    error: there is no set `org`
    help: to make it, give the role that each account has: `--role-arn 'arn:aws:iam::{account}:role/NAME'`
    ");
    let made = folder.flowrun(
        "connections add-member org --account 000000000000 --account 000000000001 --endpoint sandbox \
         --account-id 111111111111 --role-arn arn:aws:iam::{account}:role/Backup",
    );
    assert_snapshot!(made, @r#"
    exit 0
    -- stdout
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Principal": {
            "AWS": "111111111111"
          },
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "sts:ExternalId": "EXTERNAL-ID"
            }
          }
        }
      ]
    }
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Principal": {
            "AWS": "111111111111"
          },
          "Action": "sts:AssumeRole",
          "Condition": {
            "StringEquals": {
              "sts:ExternalId": "EXTERNAL-ID"
            }
          }
        }
      ]
    }
    -- stderr
    org/000000000000
      role ARN          arn:aws:iam::000000000000:role/Backup
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    org/000000000001
      role ARN          arn:aws:iam::000000000001:role/Backup
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    saved in FOLDER/connections.yaml; once the roles have those trust policies:
      flowrun connections test org
    "#);
    assert_snapshot!(masked(&folder), @r#"
    org:
      type: aws_s3
      role_arn: "arn:aws:iam::{account}:role/Backup"
      endpoint: sandbox
      base: sandbox
      members:
        - { account: "000000000000", external_id: ID }
        - { account: "000000000001", external_id: ID }
    "#);
    let made = ids(&folder);
    assert_ne!(made[0], made[1]);

    // One that somebody wrote by hand waits for its External ID.
    let by_hand = folder.read("connections.yaml") + "    - account: \"000000000005\"\n";
    folder.write("connections.yaml", by_hand);
    assert_snapshot!(folder.flowrun("connections show org"), @"
    exit 0
    -- stdout
    org
      type              aws_s3
      role ARN          arn:aws:iam::{account}:role/Backup
      endpoint          sandbox
      base credentials  sandbox
      defined in        FOLDER/connections.yaml
    org/000000000000  aws_s3  000000000000  -  not proven
    org/000000000001  aws_s3  000000000001  -  not proven
    org/000000000005  aws_s3  000000000005  -  pending
    ");
    assert_snapshot!(folder.flowrun("connections finish org/000000000005 --role-arn arn:aws:iam::000000000005:role/Backup").stderr(), @"
    error: the role of `org/000000000005` is known
    help: `flowrun connections add-member org --account 000000000005` gives a member its External ID
    ");
    let given = folder
        .flowrun("connections add-member org --account 000000000005 --account-id 111111111111");
    assert_eq!(given.code, Some(0), "{given}");
    assert_eq!(ids(&folder).len(), 3);

    let mut told = String::new();
    for wrong in [
        "add-member org --account 000000000001",
        "add-member org --account 000000000007 --account 000000000007",
        "add-member org --account 1234",
        "add-member org --account 000000000007 --endpoint sandbox",
        "new org --no-role",
        "edit org",
        "edit org --role-arn arn:aws:iam::111122223333:role/x",
        "edit org --url https://a.example.com",
        "edit org --base environment",
        "edit org/000000000001 --base environment",
        "edit org/000000000001 --ca ca.pem",
        "rename org/000000000001 other",
        "rename org org",
        "rename org a/b",
    ] {
        let outcome = folder.flowrun(&format!("connections {wrong}"));
        assert_eq!(outcome.code, Some(2), "{wrong}: {outcome}");
        writeln!(told, "{wrong}\n{}", outcome.stderr()).unwrap();
    }
    assert_snapshot!(told, @"
    add-member org --account 000000000001
    error: there is a member `org/000000000001` already

    add-member org --account 000000000007 --account 000000000007
    error: the account `000000000007` is named twice

    add-member org --account 1234
    error: invalid value '1234' for '--account <ID>': `1234` is not an account, which has twelve digits

    For more information, try '--help'.

    add-member org --account 000000000007 --endpoint sandbox
    error: there is a set `org` already, and what holds for all its members stands in it
    help: a new member has a region of its own at most: `--region`; `flowrun connections edit org` changes the set

    new org --no-role
    error: there is a set `org` already, in FOLDER/connections.yaml; `flowrun connections add-member org --account ID` adds a member to it

    edit org
    error: there is nothing to change
    help: `flowrun connections edit --help` lists what can be

    edit org --role-arn arn:aws:iam::111122223333:role/x
    error: `arn:aws:iam::111122223333:role/x` is not the role of a set, which looks like `arn:aws:iam::{account}:role/NAME`

    edit org --url https://a.example.com
    error: options of URLs, `--auth` and certificates are for connections of kind `http`

    edit org --base environment
    error: `org/000000000000`: `endpoint: sandbox` needs `base: sandbox`, because AWS credentials never go to the sandbox

    edit org/000000000001 --base environment
    error: all but description, region and `accept_unsafe` of `org/000000000001` is that of its set
    help: change them for all members: `flowrun connections edit org`

    edit org/000000000001 --ca ca.pem
    error: all but description, region and `accept_unsafe` of `org/000000000001` is that of its set
    help: change them for all members: `flowrun connections edit org`

    rename org/000000000001 other
    error: `org/000000000001` is named by its set and account
    help: give the set another name: `flowrun connections rename org NAME`

    rename org org
    error: `org` has that name

    rename org a/b
    error: `a/b` is not a nickname, which has up to 128 letters, digits and characters of `_.-` and starts with a letter or digit
    ");
    let words = [
        "connections",
        "edit",
        "org",
        "--accept-unsafe",
        "it is only a test",
    ];
    assert_snapshot!(folder.flowrun_with(&words), @"
    exit 2
    -- stderr
    error: what is accepted of an unsafe role is a member's own
    help: name the member: `flowrun connections edit org/000000000000 --accept-unsafe SENTENCE`
    ");
    let one = folder.flowrun("connections edit org/000000000001 --region eu-west-1");
    assert_eq!(one.code, Some(0), "{one}");
    let deleted = folder.flowrun("connections delete org/000000000005");
    assert_eq!(deleted.code, Some(0), "{deleted}");
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    org/000000000000  aws_s3  000000000000  -          not proven
    org/000000000001  aws_s3  000000000001  eu-west-1  not proven
    ");
}

#[test]
fn a_set_is_edited_and_renamed_as_a_whole() {
    let folder = of_accounts(3);
    let proven = folder.flowrun("connections test org-members");
    assert_eq!(proven.code, Some(0), "{proven}");
    folder.write("connections.yaml", {
        let text = folder.read("connections.yaml");
        text + "vault: { type: aws_s3 }\n"
    });
    folder.write(
        "walk.yaml",
        "flow: walk\nconnections: { members: { set: org-members }, one: org-members/000000000001 }\n\
         cards:\n  all:\n    for_each: connections.members\n    card: s3.list_objects\n    \
         connection: \"{{ item }}\"\n    with: { bucket: b }\n  one:\n    card: s3.list_objects\n    \
         connection: one\n    with: { bucket: b }\n",
    );
    assert_snapshot!(folder.flowrun("connections rename org-members vault"), @"
    exit 2
    -- stderr
    error: FOLDER/connections.yaml: there is a connection `vault` already
    ");
    assert_snapshot!(folder.flowrun("connections rename vault org-members"), @"
    exit 2
    -- stderr
    error: FOLDER/connections.yaml: there is a set `org-members` already
    ");
    assert_snapshot!(folder.flowrun("connections rename org-members team"), @"
    exit 0
    -- stderr
    ✓ `org-members` is `team` now
    warning: flows still name `org-members`:
      look.yaml:3
      walk.yaml:2
    ");
    // What was proven of its members stays.
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    team/000000000000  aws_s3  000000000000  -  verified  WHEN
    team/000000000001  aws_s3  000000000001  -  verified  WHEN
    team/000000000002  aws_s3  000000000002  -  verified  WHEN
    vault              aws_s3  -             -  no role
    ");
    let edit = "connections edit team --region eu-west-1 --description ours";
    assert_snapshot!(folder.flowrun(edit), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    ");
    let edit = "connections edit team --role-arn arn:aws:iam::{account}:role/other";
    assert_snapshot!(folder.flowrun(edit), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove all members anew: flowrun connections test team
    ");
    assert_snapshot!(masked(&folder), @r#"
    # Every account of the organisation.
    team:
      type: aws_s3
      description: ours
      role_arn: "arn:aws:iam::{account}:role/other"
      region: eu-west-1
      endpoint: sandbox
      base: sandbox
      members:
        - { account: "000000000000", external_id: id-000 }
        - { account: "000000000001", external_id: id-001 }
        - { account: "000000000002", external_id: id-002 }
    vault: { type: aws_s3 }
    "#);
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    team/000000000000  aws_s3  000000000000  eu-west-1  not proven
    team/000000000001  aws_s3  000000000001  eu-west-1  not proven
    team/000000000002  aws_s3  000000000002  eu-west-1  not proven
    vault              aws_s3  -             -          no role
    ");
}

/// The file with words in place of its External IDs.
fn masked(folder: &Folder) -> String {
    let text = folder.read("connections.yaml");
    ids(folder)
        .iter()
        .fold(text, |text, id| text.replace(id, "ID"))
}

/// The External IDs of a file.
fn ids(folder: &Folder) -> Vec<String> {
    let text = folder.read("connections.yaml");
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words
        .filter(|word| word.starts_with("flowrun-"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_set_is_proven_and_rotated_as_a_whole() {
    let folder = of_accounts(3);
    assert_snapshot!(folder.flowrun("connections test org-members"), @"
    exit 0
    -- stdout
    ✓ org-members/000000000000  verified
    ✓ org-members/000000000001  verified
    ✓ org-members/000000000002  verified
    -- stderr
    3 of 3 are good
    ");
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    org-members/000000000000  aws_s3  000000000000  -  verified  WHEN
    org-members/000000000001  aws_s3  000000000001  -  verified  WHEN
    org-members/000000000002  aws_s3  000000000002  -  verified  WHEN
    ");
    folder.replace("connections.yaml", "id-001", "id-00x");
    assert_snapshot!(folder.flowrun("connections test org-members"), @"
    exit 4
    -- stdout
    ✓ org-members/000000000000  verified
    org-members/000000000001
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ org-members/000000000002  verified
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::000000000001:role/Backup
      code: AccessDenied
      connection: org-members/000000000001
      role_arn: arn:aws:iam::000000000001:role/Backup
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    2 of 3 are good
    ");
    let json = folder.flowrun("connections test org-members --json");
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let verdicts: Vec<_> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["nickname"], &one["verdict"]))
        .collect();
    assert_snapshot!(format!("{verdicts:?}"), @r#"[(String("org-members/000000000000"), String("verified")), (String("org-members/000000000001"), String("not_verified")), (String("org-members/000000000002"), String("verified"))]"#);
    folder.replace("connections.yaml", "id-00x", "id-001");

    // The proof of a member is its own.
    folder.replace("look.yaml", "    card:", "    max_parallel: 1\n    card:");
    folder.replace(
        "sandbox.yaml",
        "StringEquals: { \"sts:ExternalId\": id-002 }",
        "Bool: { \"aws:SecureTransport\": false }",
    );
    assert_eq!(
        folder
            .flowrun("connections test org-members/000000000002")
            .code,
        Some(4)
    );
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 2 succeeded, 1 failed
    error[connection]: the role is unsafe: others than this connection can assume it
      card: list[2]
      at: look.yaml:5:3
      connection: org-members/000000000002
      role_arn: arn:aws:iam::000000000002:role/Backup
    help: ask the role's owner for a trust policy with the External ID and run `flowrun connections test org-members/000000000002 --folder FOLDER`; or say in the connection why it is used all the same: `accept_unsafe: SENTENCE`
    ");

    assert_snapshot!(folder.flowrun("connections used-by org-members"), @"
    exit 0
    -- stdout
    look.yaml:3
    ");
    assert_snapshot!(folder.flowrun("connections used-by org-members/000000000001"), @"
    exit 0
    -- stdout
    look.yaml:3
    ");
    assert_snapshot!(folder.flowrun("connections delete org-members"), @"
    exit 2
    -- stderr
    error: flows name the set `org-members`:
      look.yaml:3
    help: change them first, or delete it all the same with `--force`
    ");

    let begun = folder.flowrun("connections rotate org-members --account-id 111111111111");
    assert_eq!(begun.code, Some(0), "{begun}");
    assert_eq!(
        folder
            .read("connections.yaml")
            .matches("next_external_id: flowrun-")
            .count(),
        3
    );
    let next = ids(&folder);
    let (first, second) = (&next[0], &next[1]);
    folder.replace(
        "sandbox.yaml",
        ": id-000 }",
        &format!(": [id-000, {first}] }}"),
    );
    // Only the first role has the new one: only it goes over.
    let ended = folder.flowrun("connections rotate org-members --account-id 111111111111");
    assert_eq!(ended.code, Some(4), "{ended}");
    let text = folder.read("connections.yaml");
    assert!(
        text.contains(&format!("\"000000000000\", external_id: {first} }}")),
        "{text}"
    );
    assert!(
        text.contains(&format!(
            "external_id: id-001, next_external_id: {second} }}"
        )),
        "{text}"
    );

    assert_eq!(
        folder
            .flowrun("connections delete org-members --force")
            .code,
        Some(0)
    );
    assert_eq!(
        folder.read("connections.yaml"),
        "# Every account of the organisation.\n"
    );
}

#[test]
fn the_caller_supplies_a_connection_or_another_set() {
    let folder = of_accounts(2);
    let text = folder.read("connections.yaml");
    let other = text.replace("org-members", "others");
    let (_, other) = other.split_once('\n').unwrap();
    folder.write("connections.yaml", [&text, other].concat());
    folder.write(
        "one.yaml",
        "flow: one\nconnections: { source: { kind: aws_s3 } }\ncards:\n  list: { card: s3.list_objects, \
         connection: source, with: { bucket: reports-000000000001 } }\n",
    );
    assert_snapshot!(folder.flowrun("one.yaml"), @"
    exit 2
    -- stderr
    error: connection `source`: missing: the flow leaves it to its caller, and needs one of kind `aws_s3`
    help: add `--connection source=NICKNAME`
    ");
    let supplied = folder.flowrun("one.yaml --connection source=org-members/000000000001");
    assert_eq!(supplied.code, Some(0), "{supplied}");
    assert_snapshot!(folder.flowrun("one.yaml --connection source=org-members"), @r#"
    exit 2
    -- stderr
    error[wrong-connection]: `org-members` is a set of connections, and not one connection
     --> one.yaml:2:32
      |
    2 | connections: { source: { kind: aws_s3 } }
      |                                ^^^^^^
      |
      = help: write `source: { set: org-members }`, and walk it: `for_each: connections.source`, and in it `connection: "{{ item }}"`

    1 error in one.yaml
    "#);
    let walked = folder.flowrun("look.yaml --connection members=others -v");
    assert_eq!(walked.code, Some(0), "{walked}");
    assert_snapshot!(folder.flowrun("look.yaml --connection members=others/000000000001"), @"
    exit 2
    -- stderr
    error[wrong-connection]: `others/000000000001` is one connection and no set
     --> look.yaml:3:19
      |
    3 |   members: { set: org-members }
      |                   ^^^^^^^^^^^
      |
      = help: write `members: others/000000000001`, and give it to a card as `connection: members`

    1 error in look.yaml
    ");
    assert_snapshot!(folder.flowrun("look.yaml --connection members=other"), @"
    exit 4
    -- stderr
    error[connection-not-found]: there is no set of connections `other`, which shall stand for `members`
     --> look.yaml:3:19
      |
    3 |   members: { set: org-members }
      |                   ^^^^^^^^^^^
      |
      = help: did you mean `others`?

    1 error in look.yaml
    to make it, and to show what its role has to trust and allow:
      flowrun connections add-member other --role-arn 'arn:aws:iam::{account}:role/NAME' --account ID
    ");
}

#[test]
fn the_roles_of_a_set_are_told_as_one() {
    let folder = of_accounts(3);
    assert_snapshot!(folder.flowrun("policy look.yaml"), @r#"
    exit 0
    -- stdout
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::reports-*"
        }
      ]
    }
    -- stderr
    org-members/000000000000:
    and 2 more of its set, with the same
    wide: before a run these are not known, so that a wildcard stands for them
      s3:ListBucket on arn:aws:s3:::reports-*
        look.yaml:9:33: item.account in card `list`
    "#);
    let one = folder.flowrun("policy look.yaml --for org-members/000000000002");
    assert_eq!(
        one.stdout,
        folder.flowrun("policy look.yaml --for org-members").stdout,
        "{one}"
    );
    let made = folder.flowrun(
        "connections add-member org-members --account 000000000008 --account 000000000009 \
         --account-id 111111111111 --format cloudformation",
    );
    assert_eq!(
        made.stdout.matches("AWSTemplateFormatVersion").count(),
        1,
        "{made}"
    );
    assert_snapshot!(made.stderr(), @"
    org-members/000000000008
      role ARN          arn:aws:iam::000000000008:role/Backup
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the role:
    org-members/000000000009
      role ARN          arn:aws:iam::000000000009:role/Backup
    as a StackSet, an instance for each account:
      aws cloudformation create-stack-instances --stack-set-name NAME --regions REGION --accounts 000000000008 --parameter-overrides ParameterKey=ExternalId,ParameterValue=EXTERNAL-ID
      aws cloudformation create-stack-instances --stack-set-name NAME --regions REGION --accounts 000000000009 --parameter-overrides ParameterKey=ExternalId,ParameterValue=EXTERNAL-ID
    saved in FOLDER/connections.yaml; once the roles have those trust policies:
      flowrun connections test org-members
    ");
}

#[test]
fn the_set_and_the_flow_of_the_documentation_are_right() {
    let page = include_str!("../../docs/connections/sets.md");
    let block = |start: &str| {
        let (_, rest) = page.split_once(&format!("```yaml\n{start}")).unwrap();
        format!("{start}{}", rest.split_once("```").unwrap().0)
    };
    let folder = Folder::empty();
    folder.write("connections.yaml", block("org-members:"));
    folder.write("inventory.yaml", block("flow: inventory"));
    assert_snapshot!(folder.flowrun("validate ."), @"
    exit 0
    -- stdout
    connections.yaml: ok
    inventory.yaml: ok
    ");
}

#[test]
fn a_set_is_made_with_all_that_holds_for_its_members() {
    let folder = Folder::empty();
    let made = folder.flowrun(
        "connections add-member org --account 111122223333 --role-arn \
         arn:aws:iam::{account}:role/Backup --access-key-id AKIAEXAMPLE --secret-access-key \
         env:KEY --region eu-west-1 --dual-stack --account-id 999988887777",
    );
    assert_eq!(made.code, Some(0), "{made}");
    let written = folder.read("connections.yaml");
    let (_, set) = written.split_once("\n\n").unwrap();
    let (set, _) = set.split_once(", external_id").unwrap();
    assert_snapshot!(set, @r#"
    org:
      type: aws_s3
      role_arn: "arn:aws:iam::{account}:role/Backup"
      region: eu-west-1
      dual_stack: true
      access_key_id: AKIAEXAMPLE
      secret_access_key: { env: KEY }
      members:
        - { account: "111122223333"
    "#);
    assert_snapshot!(folder.flowrun("connections add-member org --account 111122223334 --fips"), @"
    exit 2
    -- stderr
    error: there is a set `org` already, and what holds for all its members stands in it
    help: a new member has a region of its own at most: `--region`; `flowrun connections edit org` changes the set
    ");
}
