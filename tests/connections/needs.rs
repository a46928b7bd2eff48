//! What flows need of a connection, asked without changing anything, and where what is missing is
//! missing.

use insta::assert_snapshot;

use super::*;

/// An account with a role of few rights, a bucket that denies some, and another account's buckets.
pub(crate) const SEED: &str = r#"
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
          Statement: [{ Effect: Allow, Action: ["sts:*", "s3:GetObject"], Resource: "*" }]
      administrator:
        policy:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: "*", Resource: "*" }]
  "222222222222":
    buckets:
      reports:
        policy:
          Version: "2012-10-17"
          Statement:
            - Effect: Deny
              Principal: "*"
              Action: s3:GetObject
              Resource: arn:aws:s3:::reports/secret/*
            - Effect: Allow
              Principal: { AWS: "111111111111" }
              Action: s3:GetObject
              Resource: arn:aws:s3:::reports/daily/*
      vault: {}
    roles:
      few:
        trust:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Principal: { AWS: "arn:aws:iam::111111111111:root" }
              Action: sts:AssumeRole
              Condition: { StringEquals: { "sts:ExternalId": few-id } }
        policy:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Action: ["s3:ListBucket", "s3:GetObject", "s3:AbortMultipartUpload"]
              Resource: "*"
            - Effect: Deny
              Action: s3:GetBucketObjectLockConfiguration
              Resource: "*"
      all:
        trust:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Principal: { AWS: "arn:aws:iam::111111111111:root" }
              Action: sts:AssumeRole
              Condition: { StringEquals: { "sts:ExternalId": all-id } }
        policy:
          Version: "2012-10-17"
          Statement: [{ Effect: Allow, Action: "s3:*", Resource: "*" }]
  "333333333333":
    buckets:
      closed: {}
      open:
        policy:
          Version: "2012-10-17"
          Statement:
            - Effect: Allow
              Principal: { AWS: "arn:aws:iam::222222222222:role/few" }
              Action: ["s3:ListBucket", "s3:GetObject"]
              Resource: ["arn:aws:s3:::open", "arn:aws:s3:::open/*"]
"#;

pub(crate) const ROLES: &str = "\
few:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/few
  external_id: few-id
  endpoint: sandbox
  base: sandbox
all:
  type: aws_s3
  role_arn: arn:aws:iam::222222222222:role/all
  external_id: all-id
  endpoint: sandbox
  base: sandbox
plain: { type: aws_s3, endpoint: sandbox, base: sandbox }
api: { type: http, url: 'http://127.0.0.1:9' }
";

fn asked() -> Folder {
    let folder = Folder::empty();
    folder.write("sandbox.yaml", SEED);
    folder.write("connections.yaml", ROLES);
    folder
}

#[test]
fn what_flows_need_is_asked_and_nothing_is_done() {
    let folder = asked();
    folder.write(
        "good.yaml",
        "flow: good
inputs: { bucket: { type: string } }
connections: { from: all }
cards:
  list: { card: s3.list_objects, connection: from, with: { bucket: reports } }
  head:
    for_each: cards.list.objects
    card: s3.head_object
    connection: from
    with: { bucket: reports, key: 'daily/{{ item.key }}' }
  store: { card: s3.upload, connection: from, with: { bucket: vault, key: a.txt, text: a } }
  gone: { card: s3.delete_object, connection: from, with: { bucket: vault, key: a.txt, version_id: x } }
  new: { card: s3.create_bucket, connection: from, with: { bucket: fresh } }
  first: { card: s3.upload, connection: from, with: { bucket: fresh, key: a.txt, text: a } }
  any: { card: s3.list_objects, connection: from, with: { bucket: '{{ inputs.bucket }}' } }
",
    );
    assert_snapshot!(folder.flowrun("connections test all --flow good.yaml"), @"
    exit 0
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    good.yaml
      ✓ s3:ListBucket on arn:aws:s3:::reports  request_id: REQUEST
      ✓ s3:GetObject on arn:aws:s3:::reports/daily/*  request_id: REQUEST
      ✓ s3:PutObject on arn:aws:s3:::vault/a.txt  request_id: REQUEST
      ✓ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt  request_id: REQUEST
      ? s3:DeleteObjectVersion on arn:aws:s3:::vault/a.txt: not asked, it cannot be tried without doing it
      ? s3:CreateBucket on arn:aws:s3:::fresh: not asked, it cannot be tried without doing it
      ? s3:PutObject on arn:aws:s3:::fresh/a.txt: not asked, the bucket is not there yet, and the flow makes it  request_id: REQUEST
      ? s3:AbortMultipartUpload on arn:aws:s3:::fresh/a.txt: not asked, the bucket is not there yet, and the flow makes it
      ? s3:ListBucket on arn:aws:s3:::*: not asked, which bucket it is, only a run tells
    ");
    // Nothing was stored, and no upload begun.
    folder.write(
        "look.yaml",
        "flow: look
connections: { vault: all }
cards:
  found: { card: s3.list_objects, connection: vault, with: { bucket: vault } }
outputs: { found: '{{ cards.found.objects }}' }
",
    );
    let found = folder.flowrun("look.yaml --json").stdout;
    assert!(found.contains(r#""outputs":{"found":[]}"#), "{found}");
}

const LACKING: &str = "flow: lacking
connections: { from: few }
cards:
  list: { card: s3.list_objects, connection: from, with: { bucket: reports } }
  head: { card: s3.head_object, connection: from, with: { bucket: reports, key: secret/a.txt } }
  store: { card: s3.upload, connection: from, with: { bucket: vault, key: a.txt, text: a } }
  lock: { card: s3.create_bucket, connection: from, with: { bucket: vault, object_lock_enabled: true } }
  theirs: { card: s3.head_object, connection: from, with: { bucket: closed, key: a.txt } }
  other: { card: s3.list_objects, connection: from, with: { bucket: open } }
  none: { card: s3.list_objects, connection: from, with: { bucket: nowhere } }
";

#[test]
fn what_is_missing_is_told_with_the_policy_that_is_in_the_way() {
    let folder = asked();
    folder.write("lacking.yaml", LACKING);
    assert_snapshot!(folder.flowrun("connections test few --flow lacking.yaml"), @"
    exit 4
    -- stdout
    few
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/few/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    lacking.yaml
      ✓ s3:ListBucket on arn:aws:s3:::reports  request_id: REQUEST
      ✗ s3:GetObject on arn:aws:s3:::reports/secret/a.txt: the bucket policy denies it  request_id: REQUEST
      ✗ s3:PutObject on arn:aws:s3:::vault/a.txt: the permission policy of the role does not allow it  request_id: REQUEST
      ✓ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt  request_id: REQUEST
      ? s3:CreateBucket on arn:aws:s3:::vault: not asked, it cannot be tried without doing it
      ? s3:PutBucketObjectLockConfiguration on arn:aws:s3:::vault: not asked, it cannot be tried without doing it
      ? s3:PutBucketVersioning on arn:aws:s3:::vault: not asked, it cannot be tried without doing it
      ✗ s3:GetBucketObjectLockConfiguration on arn:aws:s3:::vault: the permission policy of the role denies it  request_id: REQUEST
      ✗ s3:GetObject on arn:aws:s3:::closed/a.txt: the bucket policy does not allow it  request_id: REQUEST
      ✓ s3:ListBucket on arn:aws:s3:::open  request_id: REQUEST
      ✗ s3:ListBucket on arn:aws:s3:::nowhere: the bucket does not exist  request_id: REQUEST
      ? the bucket open is not of the account 222222222222: make sure that you know whose it is
    -- stderr
    error[permission_denied]: needs of the flows that are not met: 5 of 11
      connection: few
      role_arn: arn:aws:iam::222222222222:role/few
    help: ask the bucket's owner to take the deny out of the bucket policy; `flowrun policy lacking.yaml --for few` prints the permission policy that its role or user needs; take the deny out of the permission policy; ask the bucket's owner to allow it in the bucket policy, which a bucket of another account needs beside the policy of the role; check the names of the buckets, or let a flow make them
    ");
    folder.write(
        "short.yaml",
        "flow: short
connections: { from: few }
cards:
  store: { card: s3.upload, connection: from, with: { bucket: vault, key: a.txt, text: a } }
  any: { card: s3.delete_object, connection: from, with: { bucket: vault, key: a.txt } }
  other: { card: s3.list_objects, connection: from, with: { bucket: open } }
",
    );
    assert_snapshot!(folder.flowrun("connections test few --flow short.yaml --json"), @r#"
    exit 4
    -- stdout
    {
      "nickname": "few",
      "verdict": "verified",
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
          "outcome": "denied",
          "request_id": "REQUEST"
        },
        {
          "probe": "random_id",
          "outcome": "denied",
          "request_id": "REQUEST"
        },
        {
          "probe": "account",
          "outcome": "same_account",
          "request_id": "REQUEST"
        }
      ],
      "identity": "arn:aws:sts::222222222222:assumed-role/few/flowrun-test",
      "account": "222222222222",
      "region": "eu-central-1",
      "endpoint": "http://127.0.0.1:PORT",
      "error": null,
      "needs": [
        {
          "flow": "short.yaml",
          "action": "s3:PutObject",
          "resource": "arn:aws:s3:::vault/a.txt",
          "answer": "denied",
          "policy": "role",
          "reason": "the permission policy of the role does not allow it",
          "region": null,
          "request_id": "REQUEST"
        },
        {
          "flow": "short.yaml",
          "action": "s3:AbortMultipartUpload",
          "resource": "arn:aws:s3:::vault/a.txt",
          "answer": "allowed",
          "policy": null,
          "reason": null,
          "region": null,
          "request_id": "REQUEST"
        },
        {
          "flow": "short.yaml",
          "action": "s3:DeleteObject",
          "resource": "arn:aws:s3:::vault/a.txt",
          "answer": "not_asked",
          "policy": null,
          "reason": "not asked, it cannot be tried without doing it",
          "region": null,
          "request_id": null
        },
        {
          "flow": "short.yaml",
          "action": "s3:ListBucket",
          "resource": "arn:aws:s3:::open",
          "answer": "allowed",
          "policy": null,
          "reason": null,
          "region": null,
          "request_id": "REQUEST"
        }
      ],
      "needs_errors": [],
      "foreign_buckets": [
        "open"
      ],
      "clock_drift_seconds": null
    }
    "#);
}

#[test]
fn connections_without_a_role_are_asked_too() {
    let folder = asked();
    folder.write(
        "read.yaml",
        "flow: read
connections: { from: plain }
cards:
  may: { card: s3.head_object, connection: from, with: { bucket: reports, key: daily/a.txt } }
  not: { card: s3.head_object, connection: from, with: { bucket: reports, key: weekly/a.txt } }
  store: { card: s3.upload, connection: from, with: { bucket: vault, key: a.txt, text: a } }
",
    );
    assert_snapshot!(folder.flowrun("connections test plain --flow read.yaml"), @"
    exit 4
    -- stdout
    plain
      identity  arn:aws:iam::111111111111:user/flowrun
      account   111111111111
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ opens: it has no role, so there is nothing to prove
    read.yaml
      ✓ s3:GetObject on arn:aws:s3:::reports/daily/a.txt  request_id: REQUEST
      ✗ s3:GetObject on arn:aws:s3:::reports/weekly/a.txt: the bucket policy does not allow it  request_id: REQUEST
      ✗ s3:PutObject on arn:aws:s3:::vault/a.txt: the permission policy of the identity does not allow it  request_id: REQUEST
      ✗ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt: the permission policy of the identity does not allow it  request_id: REQUEST
      ? the bucket reports is not of the account 111111111111: make sure that you know whose it is
    -- stderr
    error[permission_denied]: needs of the flows that are not met: 3 of 4
      connection: plain
    help: ask the bucket's owner to allow it in the bucket policy, which a bucket of another account needs beside the policy of the role; `flowrun policy read.yaml --for plain` prints the permission policy that its role or user needs
    ");
}

#[test]
fn what_cannot_be_asked_is_refused_or_said() {
    let folder = asked();
    folder.write("lacking.yaml", LACKING);
    assert_snapshot!(folder.flowrun("connections test api --flow lacking.yaml"), @"
    exit 2
    -- stderr
    error: `--flow` asks S3, and the connection `api` is of type `http`
    ");
    assert_snapshot!(folder.flowrun("connections test all --flow lacking.yaml"), @"
    exit 2
    -- stderr
    error: the flows use no connection `all`
    ");
    folder.write(
        "idle.yaml",
        "flow: idle\nconnections: { from: all }\ncards: {}\n",
    );
    assert_snapshot!(folder.flowrun("connections test all --flow idle.yaml"), @"
    exit 0
    -- stdout
    all
      ✓ assumed with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      ✓ in the account of the role's ARN  request_id: REQUEST
      identity  arn:aws:sts::222222222222:assumed-role/all/flowrun-test
      account   222222222222
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    ✓ verified: the role lets nobody in without the External ID
    the flows need nothing under `all`
    ");
    // Another folder, in which the nickname is another connection.
    folder.write("other/connections.yaml", ROLES);
    folder.write("other/lacking.yaml", LACKING);
    assert_snapshot!(folder.flowrun("connections test few --flow other/lacking.yaml"), @"
    exit 2
    -- stderr
    error: the flows use the connection `few` of FOLDER/other/connections.yaml, and this is that of FOLDER/connections.yaml
    help: name the folder of the flows: `--folder FOLDER`
    ");
    // Nothing is asked of a role that is not proven.
    folder.replace("connections.yaml", "few-id", "wrong-id");
    assert_snapshot!(folder.flowrun("connections test few --flow lacking.yaml"), @"
    exit 4
    -- stdout
    few
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::222222222222:role/few
      code: AccessDenied
      connection: few
      role_arn: arn:aws:iam::222222222222:role/few
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    what the flows need is asked once the connection is proven
    ");
    let told = folder.flowrun("connections test few --flow lacking.yaml --json");
    let told: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["needs"], serde_json::Value::Null);
}

#[test]
fn the_members_of_a_set_are_asked_each() {
    let folder = asked();
    folder.write(
        "connections.yaml",
        "team:
  type: aws_s3
  role_arn: 'arn:aws:iam::{account}:role/few'
  endpoint: sandbox
  base: sandbox
  members:
    - { account: '222222222222', external_id: few-id }
    - { account: '444444444444', external_id: other-id }
",
    );
    folder.write(
        "walk.yaml",
        "flow: walk
connections: { team: { set: team } }
cards:
  store:
    for_each: connections.team
    card: s3.upload
    connection: '{{ item }}'
    with: { bucket: vault, key: a.txt, text: a }
",
    );
    assert_snapshot!(folder.flowrun("connections test team --flow walk.yaml"), @"
    exit 4
    -- stdout
    ✓ team/222222222222  verified
    walk.yaml
      ✗ s3:PutObject on arn:aws:s3:::vault/a.txt: the permission policy of the role does not allow it  request_id: REQUEST
      ✓ s3:AbortMultipartUpload on arn:aws:s3:::vault/a.txt  request_id: REQUEST
    team/444444444444
      ✗ denied with its External ID  request_id: REQUEST
      ✓ denied without an External ID  request_id: REQUEST
      ✓ denied with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    error[permission_denied]: needs of the flows that are not met: 1 of 2
      connection: team/222222222222
      role_arn: arn:aws:iam::222222222222:role/few
    help: `flowrun policy walk.yaml --for team/222222222222` prints the permission policy that its role or user needs
    error[connection]: the role may not be assumed by arn:aws:iam::111111111111:user/flowrun: User: arn:aws:iam::111111111111:user/flowrun is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::444444444444:role/few
      code: AccessDenied
      connection: team/444444444444
      role_arn: arn:aws:iam::444444444444:role/few
      request_id: REQUEST
      identity: arn:aws:iam::111111111111:user/flowrun
    help: check that the role exists, that its trust policy names arn:aws:iam::111111111111:user/flowrun or its account, that its `sts:ExternalId` equals the connection's `external_id`, which was sent, and that the policies of arn:aws:iam::111111111111:user/flowrun allow `sts:AssumeRole` on the role; what was changed in IAM a moment ago takes up to a minute to be seen
    0 of 2 are good
    ");
}

#[test]
fn flows_too_wide_for_one_session_are_asked_card_by_card_or_not_at_all() {
    let folder = asked();
    let wide = |cards: usize| {
        let cards: String = (0..cards)
            .map(|number| {
                format!(
                    "  c{number}: {{ card: s3.list_objects, connection: from, with: {{ bucket: \
                     a-bucket-with-a-name-that-leaves-no-room-for-others-{number:02} }} }}\n"
                )
            })
            .collect();
        format!("flow: wide\nconnections: {{ from: all }}\ncards:\n{cards}")
    };
    folder.write("wide.yaml", wide(40));
    let told = folder.flowrun("connections test all --flow wide.yaml");
    assert_eq!(told.code, Some(4), "{told}");
    let lines = told.stdout.lines();
    let asked = lines.filter(|line| line.contains(": the bucket does not exist"));
    assert_eq!(asked.count(), 40, "{told}");
    // A run is refused this, too.
    folder.write("wide.yaml", wide(65));
    let told = folder.flowrun("connections test all --flow wide.yaml");
    assert_eq!(told.code, Some(4), "{told}");
    assert_snapshot!(told.stderr(), @"
    error[connection]: the session policy for what the flow needs has 4645 characters or more even with whole buckets, and STS takes at most 2048
      connection: all
    help: split the flow, so that a run uses fewer buckets under connection `all`; or use the whole role with `session_policy: off` in the connection
    ");
}
