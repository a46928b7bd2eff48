//! Every example of every card and function, and every flow of `flows/`, at work.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::fmt::Write as _;

use common::{Folder, flows};
use flowrun_card::{Entry, Registry};
use flowrun_engine::{CheckOptions, Engine};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

fn registry() -> Registry {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry).unwrap();
    flowrun_card_s3::register(&mut registry).unwrap();
    registry
}

#[test]
fn the_examples_of_cards_run_and_run_again() {
    let folder = Folder::of_flows();
    let mut outputs = String::new();
    for entry in registry().iter() {
        let Entry::Card { card, .. } = entry else {
            continue;
        };
        let name = card.spec().name;
        assert!(!card.examples().is_empty(), "{name} has no example");
        for example in card.examples() {
            folder.write("example.yaml", example.flow);
            let validate = folder.flowrun("validate example.yaml");
            assert_eq!(
                validate.to_string(),
                "exit 0\n-- stdout\nexample.yaml: ok",
                "{name}"
            );
            let first = folder.flowrun("example.yaml");
            assert_eq!(first.code, Some(0), "{name}: {}\n{first}", example.title);
            let second = folder.flowrun("example.yaml");
            assert_eq!(second.code, Some(0), "{name}: {}\n{second}", example.title);
            assert_eq!(second.stderr(), first.stderr());
            writeln!(outputs, "{name}: {}\n{}", example.title, first.stdout()).unwrap();
        }
    }
    assert_snapshot!(outputs, @r"
    s3.copy: Copy a report into the vault of another account
    size: 10

    s3.copy: Copy within one connection
    size: 10

    s3.create_bucket: Make sure that a bucket is there
    bucket: flowrun-create-example

    s3.delete_object: Delete one version for good
    deleted: VERSION

    s3.download: Store a report and read it back into a file
    name: report.txt
    size: 10

    s3.head_object: Read the size and checksum of a report
    size: 10
    checksum: BowdOoUpF6Y=

    s3.list_objects: List what was uploaded
    keys:
    - key: daily/list/a.txt
      size: 10
      etag: 92c61b7c3f7aea27340bad51324fcd19
      last_modified: WHEN
      storage_class: STANDARD

    s3.put_bucket_versioning: Make a bucket that keeps versions
    versioning: Enabled

    s3.put_object_legal_hold: Store a report in the vault and hold it
    held: true

    s3.upload: Store a text
    etag: 5eb63bbbe01eeed093cb22bb8f5acdc3

    s3.upload: Store a value as JSON, with metadata
    size: 15

    s3.upload_folder: Store a folder under a day
    count: 3
    ");
    assert_eq!(folder.read("out/report.txt"), "one report");
}

#[tokio::test]
async fn the_examples_of_functions_yield_what_they_say() {
    let engine = Engine::builder().registry(registry()).build();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in registry().iter() {
        let Entry::Function(function) = entry else {
            continue;
        };
        assert!(
            !function.examples.is_empty(),
            "{} has no example",
            function.name
        );
        for example in function.examples {
            count += 1;
            let flow = json!({
                "flow": "example",
                "cards": { "one": { "card": "text.trim", "with": { "text": "a" } } },
                "outputs": { "x": format!("{{{{ {} }}}}", example.call) },
            });
            let flow = serde_yaml::to_string(&flow).unwrap();
            let checked = engine.check("example.yaml", flow.as_bytes(), &CheckOptions::default());
            let plan = match checked.into_plan() {
                Ok(plan) => plan,
                Err(error) => {
                    wrong.push(format!("{}: {error}", example.call));
                    continue;
                }
            };
            let report = engine.run(&plan, ".").start().unwrap().wait().await;
            let found = serde_json::to_value(&report.outputs).unwrap()["x"].clone();
            let expected: Json = serde_json::from_str(example.result).unwrap();
            if found != expected {
                wrong.push(format!(
                    "{}: {found}, not {expected} ({:?})",
                    example.call, report.error
                ));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(count >= 64, "only {count} examples");
}

#[test]
fn the_flows_of_the_checkout_run() {
    let folder = Folder::of_flows();
    let mut names: Vec<String> = std::fs::read_dir(flows())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .filter(|name| !["connections.yaml", "sandbox.yaml"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert!(names.contains(&"backup.yaml".to_owned()), "{names:?}");
    for name in names {
        let validate = folder.flowrun_with(&["validate", &name]);
        assert_eq!(
            validate.to_string(),
            format!("exit 0\n-- stdout\n{name}: ok")
        );
        for _ in 0..2 {
            let run = folder.flowrun_with(&[&name]);
            assert_eq!(run.code, Some(0), "{name}: {run}");
        }
    }
}
