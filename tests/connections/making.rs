//! `connections new`, `finish` and `rotate`.

use insta::assert_snapshot;

use super::*;

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
    help: run `flowrun connections finish vault --role-arn ARN --folder FOLDER`
    ");
    assert_snapshot!(folder.flowrun("connections test vault"), @"
    exit 4
    -- stderr
    error[connection]: the connection `vault` is not finished: it has no role yet
      connection: vault
    help: run `flowrun connections finish vault --role-arn ARN --folder FOLDER`
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
    # The connections that flows name. A secret stands here sealed or not at all: the file is meant for git.

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

/// What a person has accepted in words stands in no way: a new External ID is a step to mend it.
#[test]
fn an_unsafe_role_that_is_accepted_is_rotated_with_a_warning() {
    let folder = folder();
    let accept = [
        "connections",
        "edit",
        "careless",
        "--accept-unsafe",
        "its owner mends it in May",
    ];
    assert_eq!(folder.flowrun_with(&accept).code, Some(0));
    let begun = folder.flowrun("connections rotate careless");
    assert_eq!(begun.code, Some(0), "{begun}");
    let ended = folder.flowrun("connections rotate careless");
    assert_eq!(ended.code, Some(0), "{ended}");
    let warning = "warning: the role is unsafe: it is assumed without an External ID and with a \
                   random one\nhelp: flows use it all the same, because: its owner mends it in May\n";
    assert!(ended.stderr.contains(warning), "{ended}");
    let file = folder.read("connections.yaml");
    assert!(!file.contains("next_external_id"), "{file}");
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

/// What a flow needs stands beside the trust policy, and a sandbox that has it can be made.
#[test]
fn the_role_is_told_as_a_flow_needs_it() {
    let folder = folder();
    folder.write("shop.yaml", FLOW.replace("careless", "shop"));
    let new = |more: &str| {
        folder.flowrun(&format!(
            "connections new shop --account-id 111111111111 --flow {more}"
        ))
    };
    assert_snapshot!(new("none.yaml"), @"
    exit 2
    -- stderr
    error: cannot read `none.yaml`: no such file or directory
    ");
    folder.write("other.yaml", FLOW.replace("careless", "other"));
    assert_snapshot!(new("other.yaml"), @"
    exit 2
    -- stderr
    error: the flows use no connection `shop`
    ");
    assert_snapshot!(folder.flowrun("connections new --flow shop.yaml"), @"
    exit 2
    -- stderr
    error: the nickname is missing, by which the flows name it
    help: give it: `flowrun connections new NICKNAME`
    ");
    assert_snapshot!(new("shop.yaml"), @r#"
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
          "Action": "s3:ListBucket",
          "Resource": "arn:aws:s3:::reports"
        }
      ]
    }
    -- stderr
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the trust policy of the role:
    and its permissions, the least that the flow needs:
    `shop` is saved as pending; once the role has that trust policy:
      flowrun connections finish shop --role-arn ARN
    "#);
    assert_snapshot!(folder.flowrun("connections finish shop --account-id 111111111111 --flow shop.yaml --format terraform"), @r#"
    exit 2
    -- stdout
    resource "aws_iam_role" "flowrun-shop" {
      name               = "flowrun-shop"
      assume_role_policy = <<-JSON
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
      JSON
    }

    resource "aws_iam_role_policy" "flowrun-shop" {
      name   = "flowrun"
      role   = aws_iam_role.flowrun-shop.name
      policy = <<-JSON
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Effect": "Allow",
              "Action": "s3:ListBucket",
              "Resource": "arn:aws:s3:::reports"
            }
          ]
        }
      JSON
    }

    output "flowrun-shop_arn" {
      value = aws_iam_role.flowrun-shop.arn
    }
    -- stderr
      Account ID        111111111111
      External ID       EXTERNAL-ID
    the role:
    error: the role is missing
    help: give it: `--role-arn ARN`
    "#);
}

#[test]
fn a_sandbox_with_the_role_is_made_once() {
    let folder = Folder::empty();
    folder.write(
        "shop.yaml",
        "flow: shop\nconnections: { shelf: shop }\ncards:\n  made:\n    card: s3.create_bucket\n    \
         connection: shelf\n    with: { bucket: shop-new }\n  put:\n    card: s3.upload\n    \
         connection: shelf\n    after: [made]\n    with: { bucket: shop-old, key: a.txt, text: a }\n",
    );
    let new = "connections new shop --make-sandbox --flow shop.yaml";
    assert_snapshot!(folder.flowrun(new), @"
    exit 2
    -- stderr
    error: `--make-sandbox` is for a connection with `--endpoint sandbox`
    help: give the role: `--role-arn ARN`
    ");
    let outcome = folder.flowrun(&format!("{new} --endpoint sandbox"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let seed = folder.read("sandbox.yaml");
    // The bucket that the flow makes is not there before it.
    assert!(
        seed.contains("shop-old: {}") && !seed.contains("shop-new: {}"),
        "{seed}"
    );
    let run = folder.flowrun("shop.yaml -q");
    assert_eq!(run.code, Some(0), "{run}");
    assert_snapshot!(folder.flowrun("connections new store --make-sandbox --endpoint sandbox"), @"
    exit 2
    -- stderr
    error: there is a `FOLDER/sandbox.yaml` already
    help: give the role: `--role-arn ARN`
    ");
    assert_eq!(folder.read("sandbox.yaml"), seed);
}
