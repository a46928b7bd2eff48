//! The commands that the documentation shows: each is one of the binary's, with options that it has.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

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

/// Every page.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut documents: Vec<PathBuf> = Vec::new();
    for folder in ["", "docs", "docs/connections", "docs/errors"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            documents.push(entry.unwrap().path());
        }
    }
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents
}

/// A document without its blocks.
fn prose(document: &str) -> String {
    let mut in_block = false;
    let lines = document.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        in_block ^= is_fence;
        !in_block && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Where the relative links of a document lead: file and heading, each empty where it is left out.
fn links(document: &str) -> Vec<(String, String)> {
    let prose = prose(document);
    let targets = prose.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
        .map(|target| target.split_once('#').unwrap_or((target, "")))
        .map(|(file, heading)| (file.to_owned(), heading.to_owned()))
        .collect()
}

/// The headings of a document as links name them.
fn headings(document: &str) -> Vec<String> {
    prose(document)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| {
            heading
                .replace(' ', "-")
                .replace(|c: char| !(c.is_alphanumeric() || "-_".contains(c)), "")
        })
        .collect()
}

#[test]
fn the_links_of_documents_lead_somewhere() {
    let mut found = 0;
    for path in documents() {
        for (file, heading) in links(&fs::read_to_string(&path).unwrap()) {
            found += 1;
            let place = format!("{}: {file}#{heading}", path.display());
            let target = match file.as_str() {
                "" => path.clone(),
                file => path.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{place}");
            if !heading.is_empty() {
                let known = headings(&fs::read_to_string(&target).unwrap());
                assert!(known.contains(&heading), "{place}: {known:?}");
            }
        }
    }
    assert!(found >= 50, "only {found} links were found");
}

#[test]
fn the_commands_of_documents_exist() {
    let folder = Folder::empty();
    let mut found = 0;
    for path in documents() {
        for call in calls(&fs::read_to_string(&path).unwrap()) {
            found += 1;
            let problem = problem(&folder, &call);
            assert_eq!(problem, None, "{}: {call}", path.display());
        }
    }
    assert!(found >= 40, "only {found} commands were found");
}

#[test]
fn links_and_headings_are_found_outside_of_blocks() {
    let page = "# A `b`, c\n[x](y.md#z) and [w](https://example.com/#a) [v](#a-b-c)\n```\n# no\n[n](o)\n```\n";
    let of = |file: &str, heading: &str| (file.to_owned(), heading.to_owned());
    assert_eq!(links(page), [of("y.md", "z"), of("", "a-b-c")]);
    assert_eq!(headings(page), ["a-b-c"]);
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
