//! Holds the direction of the crates: a crate may use only those above it in the table of
//! ARCHITECTURE.md. Dev-dependencies are exempt.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value as Json;

/// What each crate may use.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("flowrun-card", &[]),
    ("flowrun-iam", &["flowrun-card"]),
    ("flowrun-engine", &["flowrun-card"]),
    ("flowrun-connections", &["flowrun-card", "flowrun-iam"]),
    (
        "flowrun-card-s3",
        &["flowrun-card", "flowrun-iam", "flowrun-connections"],
    ),
    ("flowrun-card-std", &["flowrun-card"]),
    ("flowrun-sandbox", &["flowrun-card", "flowrun-iam"]),
    (
        "flowrun-cli",
        &[
            "flowrun-card",
            "flowrun-iam",
            "flowrun-engine",
            "flowrun-connections",
            "flowrun-card-s3",
            "flowrun-card-std",
            "flowrun-sandbox",
        ],
    ),
    ("flowrun-testkit", &["flowrun-sandbox"]),
];

/// Packages of others that must stay out of a crate.
const REFUSED: [(&str, &[&str]); 3] = [
    ("flowrun-card", &["tokio", "serde_yaml"]),
    ("flowrun-iam", &["tokio"]),
    ("flowrun-engine", &["clap", "hyper", "tracing-subscriber"]),
];

#[test]
fn crates_use_only_those_above_them() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Json = serde_json::from_slice(&output.stdout).unwrap();
    let uses: BTreeMap<&str, Vec<&str>> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .map(|dependency| dependency["name"].as_str().unwrap())
                .collect();
            (package["name"].as_str().unwrap(), dependencies)
        })
        .collect();
    assert_eq!(
        uses.len(),
        ALLOWED.len(),
        "a crate is missing from the table"
    );
    for (name, allowed) in ALLOWED {
        for used in uses[name]
            .iter()
            .filter(|used| used.starts_with("flowrun-"))
        {
            assert!(allowed.contains(used), "{name} must not use {used}");
        }
        let aws = uses[name].iter().any(|used| used.starts_with("aws-"));
        let may = ["flowrun-connections", "flowrun-card-s3"].contains(&name);
        assert!(may || !aws, "{name} must not use the AWS SDK");
    }
    for (name, refused) in REFUSED {
        for package in refused {
            assert!(
                !uses[name].contains(package),
                "{name} must not use {package}"
            );
        }
    }
}
