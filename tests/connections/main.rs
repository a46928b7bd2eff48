//! Making, proving and managing connections, through the real binary against the embedded sandbox.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

#[path = "../common/mod.rs"]
mod common;
mod environments;
mod faults;
mod making;
mod managing;
mod needs;
mod other_servers;
mod proofs;
mod sealing;
mod sets;
mod transfer;

use common::Folder;

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
