//! Proof of `permissions()`: under roles that may do exactly what a card says it needs, the card
//! works; with any one action taken away, it is denied, and the error names that action.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod support;

use std::collections::BTreeSet;

use flowrun_card::{
    Entry, ErrorKind, Partial, PartialConnection, Permission, Permissions, Registry,
};
use flowrun_iam::Policy;
use flowrun_sandbox::Seed;
use serde_json::{Value as Json, json};
use support::{
    World, bytes,
    sandbox::{Server, role, seed},
    value,
};

/// Of the actions that a card needs, the one that only a failure calls for.
const ON_FAILURE: &str = "s3:AbortMultipartUpload";

/// Calls of every card. The connections in them are those under test: `r` and `w`.
fn rows() -> Vec<(&'static str, Json)> {
    let there = |more: Json| {
        merge(
            json!({ "connection": "r", "bucket": "plain", "key": "there" }),
            more,
        )
    };
    vec![
        (
            "s3.list_objects",
            json!({ "connection": "r", "bucket": "plain", "prefix": "a/" }),
        ),
        ("s3.head_object", there(json!({}))),
        ("s3.head_object", there(json!({ "version_id": "null" }))),
        ("s3.upload", there(json!({ "key": "a*b?c", "text": "abc" }))),
        ("s3.upload", there(json!({ "key": "big", "file": "big" }))),
        (
            "s3.upload_folder",
            json!({ "connection": "r", "folder": "folder", "bucket": "plain", "prefix": "f/" }),
        ),
        ("s3.download", there(json!({ "to": "file" }))),
        (
            "s3.download",
            there(json!({ "to": "file", "version_id": "null" })),
        ),
        (
            "s3.copy",
            json!({
                "source": { "connection": "r", "bucket": "plain", "key": "there" },
                "destination": { "connection": "r", "bucket": "versioned", "key": "copy" },
            }),
        ),
        (
            "s3.copy",
            json!({
                "source": {
                    "connection": "r", "bucket": "plain", "key": "there", "version_id": "null",
                },
                "destination": { "connection": "w", "bucket": "versioned", "key": "copy" },
            }),
        ),
        ("s3.delete_object", there(json!({ "key": "gone" }))),
        (
            "s3.delete_object",
            there(json!({ "key": "gone", "version_id": "null" })),
        ),
        (
            "s3.put_object_legal_hold",
            there(json!({ "bucket": "locked", "legal_hold": true })),
        ),
        (
            "s3.create_bucket",
            json!({ "connection": "r", "bucket": "created" }),
        ),
        (
            "s3.create_bucket",
            json!({ "connection": "r", "bucket": "created-lock", "object_lock_enabled": true }),
        ),
        (
            "s3.put_bucket_versioning",
            json!({ "connection": "r", "bucket": "versioned", "versioning": "Enabled" }),
        ),
    ]
}

fn merge(mut base: Json, more: Json) -> Json {
    let fields = base.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    base
}

fn permissions(world: &World, card: &str, input: &Json) -> Vec<Permission> {
    let mut permissions = Permissions::default();
    let (card, _) = world.card(card);
    card.permissions(&Partial::Known(value(input.clone())), &mut permissions);
    permissions.into_vec()
}

/// The policy of one connection, with an action left out.
fn policy(permissions: &[Permission], nickname: &str, without: Option<&str>) -> String {
    let of_it: Vec<Permission> = permissions
        .iter()
        .filter(|permission| match &permission.connection {
            Some(PartialConnection::Known(connection)) => connection.nickname() == nickname,
            other => panic!("{other:?}"),
        })
        .map(|permission| Permission {
            actions: permission
                .actions
                .iter()
                .copied()
                .filter(|action| Some(*action) != without)
                .collect(),
            ..permission.clone()
        })
        // A role must have some policy, and a policy some statement.
        .chain([Permission {
            connection: None,
            actions: vec!["s3:ListAllMyBuckets"],
            resource: flowrun_card::Resource::every("s3"),
        }])
        .collect();
    Policy::of_permissions(&of_it, "aws").to_value().to_string()
}

/// A call under roles of its own.
struct Case {
    card: &'static str,
    input: Json,
    without: Option<&'static str>,
    /// The names of the roles behind `r` and `w`.
    roles: [String; 2],
}

impl Case {
    /// The input with the roles' connections.
    fn input(&self) -> Json {
        let text = self.input.to_string();
        let text = text.replace(
            r#""connection":"r""#,
            &format!(r#""connection":"{}""#, self.roles[0]),
        );
        let text = text.replace(
            r#""connection":"w""#,
            &format!(r#""connection":"{}""#, self.roles[1]),
        );
        serde_json::from_str(&text).unwrap()
    }
}

fn cases(seed: Seed) -> (Vec<Case>, Seed) {
    let world = World::new();
    let mut seed = seed;
    let mut cases = Vec::new();
    for (card, input) in rows() {
        let permissions = permissions(&world, card, &input);
        let actions: BTreeSet<&'static str> = permissions
            .iter()
            .flat_map(|permission| permission.actions.iter().copied())
            .collect();
        assert!(!actions.is_empty(), "{card}");
        for without in [None].into_iter().chain(actions.into_iter().map(Some)) {
            let number = cases.len();
            let roles = [format!("r{number}"), format!("w{number}")];
            for (name, nickname) in roles.iter().zip(["r", "w"]) {
                seed = role(seed, name, &policy(&permissions, nickname, without));
            }
            cases.push(Case {
                card,
                input: input.clone(),
                without,
                roles,
            });
        }
    }
    (cases, seed)
}

#[test]
fn every_card_has_a_row() {
    let mut registry = Registry::new();
    flowrun_card_s3::register(&mut registry).unwrap();
    let cards: BTreeSet<&str> = registry.iter().map(Entry::name).collect();
    let rows: BTreeSet<&str> = rows().into_iter().map(|(card, _)| card).collect();
    assert_eq!(cards, rows);
}

#[tokio::test]
async fn exactly_the_permissions_of_a_card_let_it_run() {
    let (cases, seed) = cases(seed());
    let mut names: Vec<&str> = cases
        .iter()
        .flat_map(|case| &case.roles)
        .map(String::as_str)
        .collect();
    names.push("admin");
    let server = Server::start(seed, &names).await;
    let world = server.world();
    world.write("big", &bytes(16 * 1_024 * 1_024));
    world.write("folder/a", b"abc");
    for bucket in ["plain", "locked"] {
        let there =
            json!({ "connection": "admin", "bucket": bucket, "key": "there", "text": "abc" });
        world.run("s3.upload", there).await.unwrap();
    }
    for case in &cases {
        let (card, without) = (case.card, case.without);
        let result = world.run(card, case.input()).await;
        match (without, result) {
            // That of a failure is proven by `an_abort_that_is_denied_is_told`.
            (None | Some(ON_FAILURE), result) => {
                assert!(
                    result.is_ok(),
                    "{card} with {without:?} left out: {result:?}"
                );
            }
            (Some(action), Ok(output)) => {
                panic!("{card} works without {action}, which is too much then: {output}");
            }
            (Some(action), Err(error)) => {
                assert_eq!(
                    error.kind,
                    ErrorKind::PermissionDenied,
                    "{card}, {action}: {error:?}"
                );
                assert!(
                    error
                        .message
                        .contains(&format!("{action} on arn:aws:s3:::")),
                    "{card}, {action}: {}",
                    error.message
                );
            }
        }
    }
}

/// A card that fails in the middle of an upload needs `s3:AbortMultipartUpload`: with it, nothing
/// is left behind; without it, the error names it.
#[tokio::test]
async fn an_abort_that_is_denied_is_told() {
    let allow = |actions: Json| {
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": "*" }],
        })
        .to_string()
    };
    let seed = role(
        seed(),
        "with",
        &allow(json!(["s3:PutObject", "s3:AbortMultipartUpload"])),
    );
    let seed = role(seed, "without", &allow(json!(["s3:PutObject"])));
    let server = Server::start(seed, &["with", "without"]).await;
    for (connection, named) in [("with", false), ("without", true)] {
        let world = server.world();
        world.write("big", &bytes(16 * 1_024 * 1_024));
        let input =
            json!({ "connection": connection, "bucket": "plain", "key": "k", "file": "big" });
        let cancel = async {
            while world.marks.0.lock().unwrap().is_empty() {
                tokio::task::yield_now().await;
            }
            world.cancellation.cancel();
        };
        let (result, ()) = tokio::join!(world.run("s3.upload", input), cancel);
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cancelled);
        let help = error.help.unwrap_or_default();
        assert_eq!(
            help.contains("s3:AbortMultipartUpload on arn:aws:s3:::plain/k"),
            named,
            "{help}"
        );
    }
}
