//! What roles are proven to do, and which of them flows may use.

use insta::assert_snapshot;

use super::*;

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
        "environment": null,
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
        "environment": null,
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
        "environment": null,
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
        "environment": null,
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
        "environment": null,
        "file": "FOLDER/connections.yaml"
      }
    ]
    "#);
}

#[test]
fn no_flow_uses_an_unsafe_role_until_a_person_says_so() {
    let folder = folder();
    folder.write("look.yaml", FLOW);
    assert_eq!(folder.flowrun("look.yaml --quiet").code, Some(4));
    assert_eq!(folder.flowrun("connections test careless").code, Some(4));
    // Nobody has tested it.
    std::fs::remove_file(folder.path().join(".flowrun/connections.json")).unwrap();
    assert_snapshot!(folder.flowrun("look.yaml --quiet"), @"
    exit 4
    -- stderr
    failed after TIME: 1 failed
    error[connection]: the role is unsafe: others than this connection can assume it
      card: list
      at: look.yaml:7:3
      connection: careless
      role_arn: arn:aws:iam::222222222222:role/careless
    help: ask the role's owner for a trust policy with the External ID and run `flowrun connections test careless --folder FOLDER`; or say in the connection why it is used all the same: `accept_unsafe: SENTENCE`
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
    exit 0
    -- stdout
    careless
      ✓ assumed with its External ID  request_id: REQUEST
      ✗ assumed without an External ID  request_id: REQUEST
      ✗ assumed with a random External ID  request_id: REQUEST
      region    eu-central-1
      endpoint  http://127.0.0.1:PORT
    -- stderr
    warning: the role is unsafe: it is assumed without an External ID and with a random one
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
