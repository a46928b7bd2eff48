//! `flowrun policy`: what it prints for flows, why that is so wide, how an existing policy compares,
//! and that a sandbox whose roles have exactly that runs the flow.

#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use common::{Folder, Outcome};
use insta::assert_snapshot;
use regex::Regex;
use serde_json::Value as Json;

#[test]
fn each_connection_has_its_own_policy() {
    let folder = Folder::of_flows();
    assert_snapshot!(folder.flowrun("policy backup.yaml"));
}

#[test]
fn one_connection_in_each_form() {
    let folder = Folder::of_flows();
    for format in ["terraform", "cloudformation", "cli"] {
        let outcome = folder.flowrun(&format!(
            "policy backup.yaml --for demo-vault --format {format} --trust"
        ));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_snapshot!(format!("one_connection_in_{format}"), outcome.stdout());
    }
    assert_snapshot!(folder.flowrun("policy backup.yaml --format cloudformation"), @r"
    exit 2
    -- stderr
    error: a template is for one connection
    help: choose with `--for`: `demo-reports`, `demo-vault`
    ");
    assert_snapshot!(folder.flowrun("policy backup.yaml --for vault"), @r"
    exit 2
    -- stderr
    error: the flows use no connection `vault`
    help: they use `demo-reports`, `demo-vault`
    ");
}

#[test]
fn inputs_are_given_open_or_their_defaults() {
    let folder = Folder::of_flows();
    let resources = |arguments: &str| {
        let outcome = folder.flowrun(&format!("policy backup.yaml --for demo-vault {arguments}"));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let policy: Json = serde_json::from_str(&outcome.stdout).unwrap();
        policy.pointer("/Statement/0/Resource").unwrap().to_string()
    };
    assert_eq!(resources(""), r#""arn:aws:s3:::reports-vault/*""#);
    assert_eq!(
        resources("-i source=logs"),
        r#""arn:aws:s3:::logs-vault/*""#
    );
    assert_eq!(resources("--any source"), r#""arn:aws:s3:::*/*""#);
    assert_snapshot!(folder.flowrun("policy backup.yaml --any sauce"), @r"
    exit 2
    -- stderr
    error: the flow has no input `sauce` with a default
    help: an input without a default may be anything unless `--input` gives it
    ");
    assert_snapshot!(folder.flowrun("policy backup.yaml -i day=soon"), @"
    exit 2
    -- stderr
    error: input `day`: `soon` is no date
    ");
    assert_snapshot!(folder.flowrun("policy backup.yaml backup.yaml -i day=2026-01-01"), @"
    exit 2
    -- stderr
    error: inputs belong to one flow
    help: name one flow
    ");
}

/// Before the role is made there is no connection either.
#[test]
fn the_connection_may_be_missing() {
    let folder = Folder::empty();
    folder.write(
        "flow.yaml",
        "flow: clean\nconnections: { shelf: shop }\ncards:\n  gone:\n    card: s3.delete_object\n    \
         connection: shelf\n    with: { bucket: a, key: '50%*.csv' }\n  seen:\n    card: s3.head_object\n    \
         connection: shelf\n    with: { bucket: a, key: ü }\n",
    );
    assert_snapshot!(folder.flowrun("policy flow.yaml --kms-key arn:aws:kms:eu-central-1:111122223333:key/1"), @r#"
    exit 0
    -- stdout
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": "s3:DeleteObject",
          "Resource": "arn:aws:s3:::a/50%${*}.csv"
        },
        {
          "Effect": "Allow",
          "Action": "s3:GetObject",
          "Resource": "arn:aws:s3:::a/\u00fc"
        },
        {
          "Effect": "Allow",
          "Action": "kms:Decrypt",
          "Resource": "arn:aws:kms:eu-central-1:111122223333:key/1",
          "Condition": {
            "StringLike": {
              "kms:ViaService": "s3.*.amazonaws.com"
            }
          }
        }
      ]
    }
    "#);
    assert_snapshot!(folder.flowrun("policy flow.yaml --format cli --partition aws-cn"), @r#"
    exit 0
    -- stdout
    aws iam put-role-policy --role-name 'flowrun-shop' --policy-name 'flowrun' --policy-document '{
      "Version": "2012-10-17",
      "Statement": [
        {
          "Effect": "Allow",
          "Action": "s3:DeleteObject",
          "Resource": "arn:aws-cn:s3:::a/50%${*}.csv"
        },
        {
          "Effect": "Allow",
          "Action": "s3:GetObject",
          "Resource": "arn:aws-cn:s3:::a/\u00fc"
        }
      ]
    }'
    -- stderr
    objects that a KMS key encrypts need the use of that key, too: `--kms-key ARN` adds it
    "#);
    assert_snapshot!(folder.flowrun("policy flow.yaml --trust"), @"
    exit 4
    -- stderr
    error: there is no connection `shop`
    help: its External ID stands in the trust policy, so make it first: `flowrun connections new shop`
    ");
}

#[test]
fn what_has_no_policy_is_said() {
    let folder = Folder::empty();
    folder.write(
        "pure.yaml",
        "flow: pure\ncards:\n  one: { card: text.upper, with: { text: a } }\n",
    );
    assert_snapshot!(folder.flowrun("policy pure.yaml"), @"
    exit 0
    -- stderr
    no card needs a permission
    ");
    folder.write(
        "wrong.yaml",
        "flow: wrong\ncards:\n  one: { card: s3.upload }\n",
    );
    assert_snapshot!(folder.flowrun("policy wrong.yaml"), @"
    exit 2
    -- stderr
    error[missing-connection]: `s3.upload` needs a connection of kind `aws_s3`
     --> wrong.yaml:3:16
      |
    3 |   one: { card: s3.upload }
      |                ^^^^^^^^^
      |
      = help: add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow

    error[missing-input]: `s3.upload` needs `bucket`
     --> wrong.yaml:3:16
      |
    3 |   one: { card: s3.upload }
      |                ^^^^^^^^^
      |
      = help: add `bucket:`, the bucket

    error[missing-input]: `s3.upload` needs `key`
     --> wrong.yaml:3:16
      |
    3 |   one: { card: s3.upload }
      |                ^^^^^^^^^
      |
      = help: add `key:`, the key

    error[input-rule]: `s3.upload` needs one of `file`, `text`, `content`
     --> wrong.yaml:3:16
      |
    3 |   one: { card: s3.upload }
      |                ^^^^^^^^^
      |
      = help: add one of them to `with:`
    ");
    assert_snapshot!(folder.flowrun("policy missing.yaml"), @"
    exit 2
    -- stderr
    error: cannot read `missing.yaml`: no such file or directory
    ");
}

#[test]
fn a_crossing_of_partitions_is_refused() {
    let folder = Folder::of_flows();
    assert_snapshot!(folder.flowrun("policy backup.yaml --partition aws-cn --for demo-vault"), @"
    exit 2
    -- stderr
    error: connection `demo-vault` is in the partition `aws`, not in `aws-cn`
    help: leave `--partition` out: role and region tell it
    ");
}

/// What `--check` says of a policy on standard input.
fn check(folder: &Folder, policy: &str, more: &[&str]) -> Outcome {
    let arguments = [
        "policy",
        "backup.yaml",
        "--for",
        "demo-vault",
        "--check",
        "-",
    ];
    let mut command: Command = folder.command(&[&arguments, more].concat());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(policy.as_bytes())
        .unwrap();
    folder.outcome(&child.wait_with_output().unwrap())
}

#[test]
fn an_existing_policy_is_compared() {
    let folder = Folder::of_flows();
    let own = folder.flowrun("policy backup.yaml --for demo-vault").stdout;
    assert_snapshot!(check(&folder, &own, &[]), @"
    exit 0
    -- stdout
    ✓ the policy allows what `demo-vault` needs, and nothing else
    ");
    // As the AWS command line prints it.
    let printed = format!(r#"{{"RoleName": "demo-vault", "PolicyDocument": {own}}}"#);
    assert_eq!(check(&folder, &printed, &[]).code, Some(0));
    let other = r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::reports-vault/reports/*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::reports-vault/*",
         "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Effect": "Deny", "Action": "s3:PutObjectLegalHold", "Resource": "*"}
    ]}"#;
    assert_snapshot!(check(&folder, other, &[]), @"
    exit 1
    -- stdout
    missing: s3:AbortMultipartUpload on arn:aws:s3:::reports-vault/*
      card `copied.copy` of backup.yaml needs it; statement 1 allows it on some of these only
    missing: s3:PutObjectLegalHold on arn:aws:s3:::reports-vault/*
      card `copied.hold` of backup.yaml needs it; statement 3 denies it
    too much: s3:* on arn:aws:s3:::reports-vault/reports/*
      statement 1: needed there: s3:AbortMultipartUpload, s3:PutObject, s3:PutObjectLegalHold
    not judged: statement 2: it allows s3:PutObject under a condition only
    ");
    assert_snapshot!(check(&folder, other, &["--json"]), @r#"
    exit 1
    -- stdout
    {
      "connection": "demo-vault",
      "missing": [
        {
          "action": "s3:AbortMultipartUpload",
          "resource": "arn:aws:s3:::reports-vault/*",
          "flow": "backup.yaml",
          "card": "copied.copy",
          "reason": "statement 1 allows it on some of these only"
        },
        {
          "action": "s3:PutObjectLegalHold",
          "resource": "arn:aws:s3:::reports-vault/*",
          "flow": "backup.yaml",
          "card": "copied.hold",
          "reason": "statement 3 denies it"
        }
      ],
      "too_much": [
        {
          "statement": 1,
          "action": "s3:*",
          "resource": "arn:aws:s3:::reports-vault/reports/*",
          "reason": "needed there: s3:AbortMultipartUpload, s3:PutObject, s3:PutObjectLegalHold"
        }
      ],
      "unjudged": [
        {
          "statement": 2,
          "reason": "it allows s3:PutObject under a condition only"
        }
      ]
    }
    "#);
    assert_snapshot!(check(&folder, "no policy", &[]), @"
    exit 2
    -- stderr
    error: the policy on standard input: the policy is not well-formed JSON: expected ident at line 1 column 2
    ");
    folder.write("long.json", " ".repeat(2 << 20));
    assert_snapshot!(folder.flowrun("policy backup.yaml --for demo-vault --check long.json"), @"
    exit 2
    -- stderr
    error: policy `long.json`: the policy has 262145 bytes, and at most 262144 are read
    ");
    assert_snapshot!(folder.flowrun("policy backup.yaml --check backup.yaml"), @"
    exit 2
    -- stderr
    error: a policy is compared for one connection
    help: choose with `--for`: `demo-reports`, `demo-vault`
    ");
    assert_snapshot!(folder.flowrun("policy backup.yaml --for demo-vault --check none.json"), @"
    exit 2
    -- stderr
    error: cannot read `none.json`: no such file or directory
    ");
}

/// The policies that it prints are enough for the flow, on a sandbox whose roles have nothing else;
/// without one of their statements they are not.
#[test]
fn a_flow_runs_under_its_policies() {
    let folder = Folder::of_flows();
    let policies = ["demo-reports", "demo-vault"].map(|nickname| {
        let policy = folder.flowrun(&format!("policy backup.yaml --for {nickname}"));
        serde_json::from_str::<Json>(&policy.stdout).unwrap()
    });
    let seed = folder.read("sandbox.yaml");
    // JSON is YAML: each role's policy becomes the printed one, on one line.
    let with = |policies: &[Json]| {
        let mut seed = seed.clone();
        for (nickname, policy) in ["demo-reports", "demo-vault"].iter().zip(policies) {
            let role = format!(
                r"(?s)(\n      {nickname}:.*?\n        policy:).*?(\n\n|\n      \w|\n    \w|\n  \S|$)"
            );
            let role = Regex::new(&role).unwrap();
            assert!(role.is_match(&seed), "{nickname}");
            seed = role
                .replace(
                    &seed,
                    format!("$1 {}$2", policy.to_string().replace('$', "$$")),
                )
                .into_owned();
        }
        folder.write("sandbox.yaml", &seed);
        let outcome = folder.flowrun("backup.yaml -q");
        std::fs::remove_dir_all(folder.path().join(".flowrun")).unwrap();
        outcome
    };
    let outcome = with(&policies);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    for (which, policy) in policies.iter().enumerate() {
        let statements = policy.pointer("/Statement").unwrap().as_array().unwrap();
        for left_out in 0..statements.len() {
            let mut fewer = policies.clone();
            let list = fewer
                .get_mut(which)
                .unwrap()
                .pointer_mut("/Statement")
                .unwrap();
            list.as_array_mut().unwrap().remove(left_out);
            let outcome = with(&fewer);
            assert_ne!(
                outcome.code,
                Some(0),
                "statement {left_out} of {policy}: {outcome}"
            );
            assert!(outcome.stderr.contains("permission_denied"), "{outcome}");
        }
    }
}
