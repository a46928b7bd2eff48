//! Making, proving and managing connections, through the real binary against the embedded sandbox.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use common::Folder;
use insta::assert_snapshot;

/// Roles that trust in many ways: `TRUST` is a statement's condition, or nothing.
const SANDBOX: &str = r#"
region: eu-central-1
account: "111111111111"
operator: flowrun
administrator: administrator
accounts:
  "111111111111":
    users:
      flowrun:
        policy:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: "sts:*", Resource: "*" }]
      administrator:
        policy:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
  "222222222222":
    buckets:
      reports: {}
    roles:
"#;

const CONNECTIONS: &str = "\
# Ours, by hand.
careful:          # asks for its ID
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/careful
  external_id: careful-id
  endpoint: sandbox
  base: sandbox

careless: { type: aws_s3, role_arn: 'arn:aws:iam::222222222222:role/careless', external_id: some-id, endpoint: sandbox, base: sandbox }
wide:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/wide
  external_id: flowrun-mine
  endpoint: sandbox
  base: sandbox
own:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/own
  trust: principal
  endpoint: sandbox
  base: sandbox
plain: { type: aws_s3, endpoint: sandbox, base: sandbox }
";

const FLOW: &str = "\
flow: look

connections:
  source: careless

cards:
  list:
    card: s3.list_objects
    with: { bucket: reports }
    connection: source
";

/// A role that trusts the sandbox's account under a condition.
fn role(name: &str, condition: &str) -> String {
    format!(
        r#"      {name}:
        trust:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Principal: {{ AWS: "arn:aws:iam::111111111111:root" }}
              Action: sts:AssumeRole
              Condition: {{ {condition} }}
        policy:
          Version: "2012-10-17"
          Statement: [{{ Effect: Allow, Action: "s3:*", Resource: "*" }}]
"#
    )
}

fn asks_for(id: &str) -> String {
    format!(r#"StringEquals: {{ "sts:ExternalId": {id} }}"#)
}

fn folder() -> Folder {
    let folder = Folder::empty();
    let own = r#"ArnEquals: { "aws:PrincipalArn": "arn:aws:iam::111111111111:user/flowrun" }"#;
    folder.write(
        "sandbox.yaml",
        [
            SANDBOX.to_owned(),
            role("careful", &asks_for("careful-id")),
            role("careless", "").replace("              Condition: {  }\n", ""),
            role("wide", r#"StringLike: { "sts:ExternalId": "flowrun-*" }"#),
            role("own", own),
        ]
        .concat(),
    );
    folder.write("connections.yaml", CONNECTIONS);
    folder
}

/// Adds a role to the sandbox.
fn add_role(folder: &Folder, name: &str, condition: &str) {
    let seed = folder.read("sandbox.yaml");
    folder.write("sandbox.yaml", seed + &role(name, condition));
}

/// The External ID that a key of a connection has, the only one that flowrun made.
fn made(folder: &Folder, key: &str) -> String {
    let text = folder.read("connections.yaml");
    let start = format!("  {key}: flowrun-");
    let line = text.lines().find(|line| {
        line.strip_prefix(&start)
            .is_some_and(|rest| rest.len() == 32)
    });
    line.unwrap_or_else(|| panic!("{text}"))
        .split(": ")
        .nth(1)
        .unwrap()
        .to_owned()
}

#[test]
fn roles_are_proven() {
    let folder = folder();
    assert_snapshot!(folder.flowrun("connections test careful"), @"
    exit 0
    -- stdout
    careful
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/careful/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    ");
    assert_snapshot!(folder.flowrun("connections test careless"), @"
    exit 4
    -- stdout
    careless
      ✓ assumed with its External ID  request_id: REQUEST
      ✗ assumed without an External ID  request_id: REQUEST
      ✗ assumed with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role is unsafe: it is assumed without an External ID and with a random one
      connection: careless
      role_arn: arn:aws:iam::222222222222:role/careless
    help: ask its owner for a trust policy with `StringEquals` on `sts:ExternalId`, then test again; no flow uses the role until then, or until the connection says why it shall: `accept_unsafe: SENTENCE`; `flowrun connections show careless` shows the External ID
    ");
    assert_snapshot!(folder.flowrun("connections test wide"), @"
    exit 4
    -- stdout
    wide
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✗ assumed with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role is unsafe: it is assumed with a random External ID
      connection: wide
      role_arn: arn:aws:iam::222222222222:role/wide
    help: ask its owner for a trust policy with `StringEquals` on `sts:ExternalId`, then test again; no flow uses the role until then, or until the connection says why it shall: `accept_unsafe: SENTENCE`; `flowrun connections show wide` shows the External ID
    ");
    assert_snapshot!(folder.flowrun("connections test own"), @"
    exit 0
    -- stdout
    own
      ✓ assumed as ourselves  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/own/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ trusted by principal: that the role names no others, only its owner sees
    ");
    assert_snapshot!(folder.flowrun("connections test plain"), @"
    exit 0
    -- stdout
    plain
      identity  arn:aws:iam::111111111111:user/flowrun
      account   111111111111
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ opens: it has no role, so there is nothing to prove
    ");
    assert_snapshot!(folder.flowrun("connections test careless --json"), @r#"
    exit 4
    -- stdout
    {
      "nickname": "careless",
      "verdict": "unsafe",
      "accept_unsafe": null,
      "when": "WHEN",
      "probes": [
        {
          "probe": "own_id",
          "outcome": "assumed",
          "request_id": "REQUEST"
        },
        {
          "probe": "no_id",
          "outcome": "assumed",
          "request_id": "REQUEST"
        },
        {
          "probe": "random_id",
          "outcome": "assumed",
          "request_id": "REQUEST"
        }
      ],
      "identity": null,
      "account": null,
      "region": "eu-central-1",
      "endpoint": "http://127.0.0.1:PORT",
      "error": {
        "kind": "connection",
        "message": "the role is unsafe: it is assumed without an External ID and with a random one",
        "code": null,
        "help": "ask its owner for a trust policy with `StringEquals` on `sts:ExternalId`, then test again; no flow uses the role until then, or until the connection says why it shall: `accept_unsafe: SENTENCE`; `flowrun connections show careless` shows the External ID"
      }
    }
    "#);
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    careful   aws_s3  222222222222  -  verified      WHEN
    careless  aws_s3  222222222222  -  unsafe        WHEN
    wide      aws_s3  222222222222  -  unsafe        WHEN
    own       aws_s3  222222222222  -  by principal  WHEN
    plain     aws_s3  -             -  no role       WHEN
    ");
    // The wrong External ID, and a role that is gone.
    folder.replace(
        "connections.yaml",
        "external_id: careful-id",
        "external_id: another-id",
    );
    assert_snapshot!(folder.flowrun("connections test careful"), @"
    exit 4
    -- stdout
    careful
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/careful
      code: AccessDenied
      connection: careful
      role_arn: arn:aws:iam::222222222222:role/careful
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    ");
    folder.replace("connections.yaml", "role/own", "role/gone");
    assert_snapshot!(folder.flowrun("connections test own"), @"
    exit 4
    -- stdout
    own
      ✗ denied as ourselves  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/gone
      code: AccessDenied
      connection: own
      role_arn: arn:aws:iam::222222222222:role/gone
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that it asks for no `sts:ExternalId`, because the connection has no `external_id` to send, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    ");
    // What was proven before is not of the edited ones.
    assert_snapshot!(folder.flowrun("connections list"), @"
    exit 0
    -- stdout
    careful   aws_s3  222222222222  -  not verified  WHEN
    careless  aws_s3  222222222222  -  unsafe        WHEN
    wide      aws_s3  222222222222  -  unsafe        WHEN
    own       aws_s3  222222222222  -  not verified  WHEN
    plain     aws_s3  -             -  no role       WHEN
    ");
    assert_snapshot!(folder.flowrun("connections list --json").stdout(), @r#"
    [
      {
        "nickname": "careful",
        "type": "aws_s3",
        "description": null,
        "role_arn": "arn:aws:iam::222222222222:role/careful",
        "account": "222222222222",
        "region": null,
        "health": "not_verified",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "file": "FOLDER/connections.yaml"
      },
      {
        "nickname": "careless",
        "type": "aws_s3",
        "description": null,
        "role_arn": "arn:aws:iam::222222222222:role/careless",
        "account": "222222222222",
        "region": null,
        "health": "unsafe",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "file": "FOLDER/connections.yaml"
      },
      {
        "nickname": "wide",
        "type": "aws_s3",
        "description": null,
        "role_arn": "arn:aws:iam::222222222222:role/wide",
        "account": "222222222222",
        "region": null,
        "health": "unsafe",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "file": "FOLDER/connections.yaml"
      },
      {
        "nickname": "own",
        "type": "aws_s3",
        "description": null,
        "role_arn": "arn:aws:iam::222222222222:role/gone",
        "account": "222222222222",
        "region": null,
        "health": "not_verified",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "file": "FOLDER/connections.yaml"
      },
      {
        "nickname": "plain",
        "type": "aws_s3",
        "description": null,
        "role_arn": null,
        "account": null,
        "region": null,
        "health": "not_applicable",
        "accept_unsafe": null,
        "proven_at": "WHEN",
        "file": "FOLDER/connections.yaml"
      }
    ]
    "#);
}

#[test]
fn no_flow_uses_an_unsafe_role_until_a_person_says_so() {
    let folder = folder();
    folder.write("look.yaml", FLOW);
    // Nobody has tried yet.
    assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(0));
    assert_eq!(folder.flowrun("connections test careless").code, Some(4));
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the role is unsafe: others than this connection can assume it
      card: list
      at: look.yaml:7:3
      connection: careless
      role_arn: arn:aws:iam::222222222222:role/careless
    help: ask the role's owner for a trust policy with the External ID and run `flowrun connections test careless`; or say in the connection why it is used all the same: `accept_unsafe: SENTENCE`
    ");
    assert_snapshot!(folder.flowrun_with(&["connections", "edit", "careless", "--accept-unsafe", "yes"]), @"
    exit 2
    -- stderr
    error: invalid value 'yes' for '--accept-unsafe <SENTENCE>': `accept_unsafe` says in one sentence why the role is used although it lets others in, with at least three words

    For more information, try '--help'.
    ");
    let words = "its owner mends it in May";
    assert_snapshot!(folder.flowrun_with(&["connections", "edit", "careless", "--accept-unsafe", words]), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    ");
    assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(0));
    assert_snapshot!(folder.flowrun("connections test careless"), @"
    exit 4
    -- stdout
    careless
      ✓ assumed with its External ID  request_id: REQUEST
      ✗ assumed without an External ID  request_id: REQUEST
      ✗ assumed with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role is unsafe: it is assumed without an External ID and with a random one
      connection: careless
      role_arn: arn:aws:iam::222222222222:role/careless
    help: flows use it all the same, because: its owner mends it in May
    ");
    // Accepted is the role that was looked at, and no other.
    folder.replace(
        "connections.yaml",
        "external_id: some-id",
        "external_id: other-id",
    );
    assert!(
        folder
            .flowrun("connections list")
            .stdout
            .contains("careless  aws_s3  222222222222  -  not proven")
    );
}

#[test]
fn a_connection_waits_for_its_role() {
    let folder = folder();
    let new = folder.flowrun_with(&[
        "connections",
        "new",
        "vault",
        "--endpoint",
        "sandbox",
        "--description",
        "what: for",
    ]);
    assert_snapshot!(new, @r#"
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
    -- stderr
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    `vault` is saved as pending; once the role has that trust policy:
      flowrun connections finish vault --role-arn ARN
    "#);
    let id = made(&folder, "external_id");
    assert!(new.stdout.contains(&id));
    assert!(
        folder.read("connections.yaml").starts_with(CONNECTIONS),
        "the rest stays"
    );

    folder.write("look.yaml", FLOW.replace("careless", "vault"));
    assert_eq!(folder.flowrun("validate look.yaml").code, Some(0));
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the connection `vault` is not finished: it has no role yet
      card: list
      at: look.yaml:7:3
      connection: vault
    help: run `flowrun connections finish vault --role-arn ARN`
    ");
    assert_snapshot!(folder.flowrun("connections test vault"), @"
    exit 4
    -- stderr
    error[connection]: the connection `vault` is not finished: it has no role yet
      connection: vault
    help: run `flowrun connections finish vault --role-arn ARN`
    ");
    assert_snapshot!(folder.flowrun("connections new vault"), @"
    exit 2
    -- stderr
    error: there is a connection `vault` already, in FOLDER/connections.yaml
    ");

    let finish = "connections finish vault --role-arn arn:aws:iam::222222222222:role/vault";
    // The role is not there yet; then it trusts everybody; then it is right.
    assert_snapshot!(folder.flowrun(finish), @r#"
    exit 4
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
    -- stderr
    vault
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/vault
      code: AccessDenied
      connection: vault
      role_arn: arn:aws:iam::222222222222:role/vault
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    `vault` is saved as pending; once the role has that trust policy:
      flowrun connections finish vault --role-arn ARN
    "#);
    let careless = "connections finish vault --role-arn arn:aws:iam::222222222222:role/careless";
    assert_eq!(folder.flowrun(careless).code, Some(4));
    assert!(
        folder
            .flowrun("connections list")
            .stdout
            .contains("pending")
    );
    add_role(&folder, "vault", &asks_for(&id));
    assert_snapshot!(folder.flowrun(finish), @"
    exit 0
    -- stderr
    vault
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/vault/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    ✓ saved in FOLDER/connections.yaml
    ");
    assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(0));
    assert_snapshot!(folder.flowrun(finish), @"
    exit 2
    -- stderr
    error: the connection `vault` is not pending
    help: `flowrun connections edit` gives it another role
    ");
    let file = folder.read("connections.yaml");
    let added = file.strip_prefix(CONNECTIONS).unwrap();
    assert_snapshot!(added.replace(&id, "ID"), @r#"
    vault:
      type: aws_s3
      description: "what: for"
      role_arn: arn:aws:iam::222222222222:role/vault
      external_id: ID
      endpoint: sandbox
      base: sandbox
    "#);
}

#[test]
fn every_answer_has_a_flag() {
    let folder = folder();
    std::fs::remove_file(folder.path().join("connections.yaml")).unwrap();
    let new = |arguments: &str| folder.flowrun(&format!("connections new {arguments}"));
    assert_snapshot!(new(""), @"
    exit 2
    -- stderr
    error: the nickname is missing
    help: give it: `flowrun connections new NICKNAME`
    ");
    assert_snapshot!(new("a/b"), @"
    exit 2
    -- stderr
    error: `a/b` is not a nickname, which has up to 128 letters, digits and characters of `_.-` and starts with a letter or digit
    ");
    assert_snapshot!(new("a --role-arn arn:aws:iam::1:role/x"), @"
    exit 2
    -- stderr
    error: invalid value 'arn:aws:iam::1:role/x' for '--role-arn <ARN>': `arn:aws:iam::1:role/x` is not the ARN of a role, which looks like `arn:aws:iam::111122223333:role/NAME`

    For more information, try '--help'.
    ");
    assert_snapshot!(new("a --region cn-north-1 --role-arn arn:aws:iam::222222222222:role/careful"), @"
    exit 2
    -- stderr
    error: the role is in the partition `aws`, and the region `cn-north-1` in `aws-cn`; sessions do not cross partitions
    ");
    assert_snapshot!(new("a --trust principal --adopt-external-id careful-id"), @"
    exit 2
    -- stderr
    error: `trust: principal` is for a role that asks for no External ID, and there is an `external_id`
    ");
    assert_snapshot!(new("a --endpoint sandbox --base environment"), @"
    exit 2
    -- stderr
    error: `endpoint: sandbox` needs `base: sandbox`, because AWS credentials never go to the sandbox
    ");
    // No credentials, so that nobody knows who we are.
    assert_snapshot!(new("a --region eu-central-1 --base environment"), @"
    exit 4
    -- stderr
    error[connection]: the base `environment` gives no AWS credentials: environment variable not set
      connection: a
    help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary credentials AWS_SESSION_TOKEN; or give your account by hand: `--account-id ID`
    ");
    assert!(!folder.path().join("connections.yaml").exists());

    let arn = "arn:aws:iam::222222222222:role/careful";
    assert_snapshot!(new(&format!("careful --endpoint sandbox --adopt-external-id careful-id --role-arn {arn}")), @"
    exit 0
    -- stderr
    careful
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/careful/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    ✓ saved in FOLDER/connections.yaml
    ");
    assert_snapshot!(new(&format!("again --endpoint sandbox --adopt-external-id careful-id --role-arn {arn}")), @"
    exit 2
    -- stderr
    error: this External ID is that of the connection `careful`; each has its own
    ");
    assert_snapshot!(new("plain --endpoint sandbox --no-role"), @"
    exit 0
    -- stderr
    plain
      identity  arn:aws:iam::111111111111:user/flowrun
      account   111111111111
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ opens: it has no role, so there is nothing to prove
    ✓ saved in FOLDER/connections.yaml
    ");
    assert_snapshot!(new("own --endpoint sandbox --trust principal --role-arn arn:aws:iam::222222222222:role/own"), @"
    exit 0
    -- stderr
    own
      ✓ assumed as ourselves  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/own/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ trusted by principal: that the role names no others, only its owner sees
    ✓ saved in FOLDER/connections.yaml
    ");
    assert_snapshot!(new("by-hand --profile me --region us-gov-west-1 --account-id 111111111111"), @r#"
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
    -- stderr
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    `by-hand` is saved as pending; once the role has that trust policy:
      flowrun connections finish by-hand --role-arn ARN
    "#);
    assert_snapshot!(new("narrow --base environment --region eu-west-1 --principal arn:aws:iam::111111111111:role/ci --principal arn:aws:iam::111111111111:user/me"), @r#"
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
            },
            "ArnEquals": {
              "aws:PrincipalArn": [
                "arn:aws:iam::111111111111:role/ci",
                "arn:aws:iam::111111111111:user/me"
              ]
            }
          }
        }
      ]
    }
    -- stderr
      External ID       EXTERNAL-ID
    the trust policy of the role:
    `narrow` is saved as pending; once the role has that trust policy:
      flowrun connections finish narrow --role-arn ARN
    "#);
    assert_snapshot!(new("wrong --base environment --region eu-west-1 --account-id 123"), @"
    exit 2
    -- stderr
    error: `123` is not an account id, which has twelve digits
    ");
    let file = folder.read("connections.yaml");
    let made: Vec<&str> = file
        .split(' ')
        .filter(|word| word.starts_with("flowrun-"))
        .collect();
    assert!(
        made.len() == 2 && made[0] != made[1],
        "each has its own: {file}"
    );
    let id = regex::Regex::new("flowrun-[0-9a-f]{32}").unwrap();
    assert_snapshot!(id.replace_all(&file, "ID"), @"
    # The connections that flows name. There is no secret in this file: it is meant for git.

    careful:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/careful
      external_id: careful-id
      endpoint: sandbox
      base: sandbox

    plain:
      type: aws_s3
      endpoint: sandbox
      base: sandbox

    own:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/own
      trust: principal
      endpoint: sandbox
      base: sandbox

    by-hand:
      type: aws_s3
      external_id: ID
      region: us-gov-west-1
      base: { profile: me }

    narrow:
      type: aws_s3
      external_id: ID
      region: eu-west-1
      base: environment
    ");
}

#[test]
fn connections_are_managed_and_the_rest_of_the_file_stays() {
    let folder = folder();
    folder.write("flows/look.yaml", FLOW);
    folder.write(
        "flows/broken.yaml",
        "flow: broken\ncards:\n  a: [ careless\n",
    );
    folder.write("flows/other.yaml", FLOW.replace("careless", "careful"));
    assert_snapshot!(folder.flowrun("connections used-by careless"), @"
    exit 0
    -- stdout
    flows/broken.yaml:3
    flows/look.yaml:4
    ");
    assert_snapshot!(folder.flowrun("connections used-by plain"), @"
    exit 0
    -- stderr
    error: no flow under `.` names `plain`
    ");
    assert_snapshot!(folder.flowrun("connections used-by nobody"), @"
    exit 4
    -- stderr
    error: there is no connection `nobody`
    help: `flowrun connections list` lists those that there are
    ");
    assert_snapshot!(folder.flowrun("connections delete careless"), @"
    exit 2
    -- stderr
    error: flows name the connection `careless`:
      flows/broken.yaml:3
      flows/look.yaml:4
    help: change them first, or delete it all the same with `--force`
    ");
    assert_eq!(folder.read("connections.yaml"), CONNECTIONS);
    assert_snapshot!(folder.flowrun("connections delete careless --force"), @"
    exit 0
    -- stderr
    ✓ `careless` is deleted
    the role `arn:aws:iam::222222222222:role/careless` still trusts us: its owner ends that by deleting it or its trust policy
    ");
    assert_snapshot!(folder.flowrun("connections delete plain"), @"
    exit 0
    -- stderr
    ✓ `plain` is deleted
    ");

    assert_eq!(folder.flowrun("connections test careful").code, Some(0));
    assert_snapshot!(folder.flowrun("connections rename careful wide"), @"
    exit 2
    -- stderr
    error: FOLDER/connections.yaml: there is a connection `wide` already
    ");
    assert_snapshot!(folder.flowrun("connections rename careful prudent"), @"
    exit 0
    -- stderr
    ✓ `careful` is `prudent` now
    warning: flows still name `careful`:
      flows/other.yaml:4
    ");
    // It is the same role: what was proven of it still is.
    assert!(
        folder
            .flowrun("connections list")
            .stdout
            .starts_with("prudent  aws_s3  222222222222  -  verified")
    );
    assert_snapshot!(folder.flowrun("connections edit prudent"), @"
    exit 2
    -- stderr
    error: there is nothing to change
    help: `flowrun connections edit --help` lists what can be
    ");
    assert_snapshot!(folder.flowrun("connections edit prudent --region eu-west-1 --description reports"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    ");
    assert_snapshot!(folder.flowrun("connections edit prudent --role-arn arn:aws:iam::222222222222:role/wide"), @"
    exit 0
    -- stderr
    ✓ changed in FOLDER/connections.yaml
    prove it anew: flowrun connections test prudent
    ");
    assert_snapshot!(folder.read("connections.yaml"), @"
    # Ours, by hand.
    prudent:          # asks for its ID
      type: aws_s3
      description: reports
      role_arn: arn:aws:iam::222222222222:role/wide
      external_id: careful-id
      region: eu-west-1
      endpoint: sandbox
      base: sandbox

    wide:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/wide
      external_id: flowrun-mine
      endpoint: sandbox
      base: sandbox
    own:
      type: aws_s3
      role_arn: arn:aws:iam::222222222222:role/own
      trust: principal
      endpoint: sandbox
      base: sandbox
    ");
}

#[test]
fn an_external_id_is_rotated_without_a_gap() {
    let folder = folder();
    folder.write("look.yaml", FLOW.replace("careless", "careful"));
    let runs = || assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(0));
    assert_snapshot!(folder.flowrun("connections rotate careful"), @r#"
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
              "sts:ExternalId": [
                "careful-id",
                "EXTERNAL-ID"
              ]
            }
          }
        }
      ]
    }
    -- stderr
      Account ID        111111111111
      External ID       careful-id
      next External ID  EXTERNAL-ID
    the trust policy of the role:
    runs go on with the old External ID; once the role has that trust policy:
      flowrun connections rotate careful
    "#);
    let next = made(&folder, "next_external_id");
    runs();
    // The role does not know it yet.
    assert_snapshot!(folder.flowrun("connections rotate careful"), @r#"
    exit 4
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
              "sts:ExternalId": [
                "careful-id",
                "EXTERNAL-ID"
              ]
            }
          }
        }
      ]
    }
    -- stderr
    under the new External ID:
    careful
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/careful
      code: AccessDenied
      connection: careful
      role_arn: arn:aws:iam::222222222222:role/careful
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
      Account ID        111111111111
      External ID       careful-id
      next External ID  EXTERNAL-ID
    the trust policy of the role:
    "#);
    runs();
    folder.replace(
        "sandbox.yaml",
        r#""sts:ExternalId": careful-id"#,
        &format!(r#""sts:ExternalId": [careful-id, {next}]"#),
    );
    runs();
    assert_snapshot!(folder.flowrun("connections rotate careful"), @r#"
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
    -- stderr
    under the new External ID:
    careful
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/careful/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    ✓ the new External ID is in use; once every copy of the file has it, that trust policy ends the old one
    "#);
    assert_eq!(
        folder.read("connections.yaml"),
        CONNECTIONS.replace("careful-id", &next)
    );
    runs();
    folder.replace("sandbox.yaml", "[careful-id, ", "[");
    runs();
    assert_eq!(folder.flowrun("connections test careful").code, Some(0));
    assert_snapshot!(folder.flowrun("connections rotate own"), @"
    exit 2
    -- stderr
    error: the connection `own` has no role with an External ID
    ");
}
