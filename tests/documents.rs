//! The commands that the documentation shows: each is one of the binary's, with options that it has.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::{fs, path::Path};

use common::Folder;

/// The lines of the `sh` blocks of a document that call flowrun, without their comments.
fn calls(document: &str) -> Vec<String> {
    let mut in_block = false;
    let mut calls = Vec::new();
    for line in document.lines() {
        if line.starts_with("```") {
            in_block = line == "```sh";
        } else if in_block && line.starts_with("flowrun ") {
            calls.push(line.split(" #").next().unwrap().trim().to_owned());
        }
    }
    calls
}

/// What is wrong with a call: a command that there is none of, or an option that it has not.
fn problem(folder: &Folder, call: &str) -> Option<String> {
    let words: Vec<&str> = call.split_whitespace().skip(1).collect();
    let commands: Vec<&str> = words
        .iter()
        .copied()
        .take_while(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
        .take_while(|word| !word.starts_with('-'))
        .take(match words.get(..2) {
            Some(["connections", "share"]) => 3,
            Some(["connections", _]) => 2,
            _ => 1,
        })
        .collect();
    let commands = if commands.is_empty() {
        vec!["run"]
    } else {
        commands
    };
    let help = folder.flowrun_with(&[commands.as_slice(), &["--help"]].concat());
    if help.code != Some(0) {
        return Some(format!("there is no `{}`", commands.join(" ")));
    }
    let known = |option: &&&str| {
        help.stdout
            .split(|c: char| c.is_whitespace() || ",<[=".contains(c))
            .any(|word| word == **option)
    };
    let unknown = words
        .iter()
        .filter(|word| word.starts_with("--"))
        .find(|option| !known(option));
    unknown.map(|option| format!("`{}` has no `{option}`", commands.join(" ")))
}

#[test]
fn the_commands_of_documents_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = Folder::empty();
    let mut documents = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for entry in fs::read_dir(root.join("docs")).unwrap() {
        documents.push(entry.unwrap().path());
    }
    let mut found = 0;
    for path in documents.iter().filter(|path| path.is_file()) {
        for call in calls(&fs::read_to_string(path).unwrap()) {
            found += 1;
            let problem = problem(&folder, &call);
            assert_eq!(problem, None, "{}: {call}", path.display());
        }
    }
    assert!(found >= 15, "only {found} commands were found");
}

#[test]
fn a_command_that_does_not_exist_is_reported() {
    let folder = Folder::empty();
    let of = |call| problem(&folder, call);
    assert_eq!(of("flowrun FLOW --json"), None);
    assert_eq!(of("flowrun connections list --folder flows"), None);
    assert_eq!(
        of("flowrun connections lst").as_deref(),
        Some("there is no `connections lst`")
    );
    assert_eq!(
        of("flowrun graph FLOW --colour").as_deref(),
        Some("`graph` has no `--colour`")
    );
}
