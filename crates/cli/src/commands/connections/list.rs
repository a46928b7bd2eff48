//! `flowrun connections list`: the connections that a folder sees, and how healthy they are.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use anstyle::Style;
use flowrun_connections::{AwsConnection, Connection, Environment};
use serde_json::{Value as Json, json};

use super::{
    Asker,
    health::{Condition, Conditions},
    share::readers,
};
use crate::{
    exit::Exit,
    render::{self, DIM, ERROR, GOOD, WARNING, plain},
};

pub(super) fn run(asker: &Asker, as_data: bool) -> Result<Exit, Exit> {
    let (store, folder) = (&asker.store, &asker.folder);
    let mut conditions = Conditions::default();
    let connections: Vec<(&Connection, Condition)> = store
        .list()
        .map(|connection| (connection, conditions.of(connection)))
        .collect();
    for problem in conditions.problems() {
        render::error(
            &problem,
            Some("delete that file, and test the connections again"),
        );
    }
    if as_data {
        let list = connections
            .iter()
            .map(|(connection, condition)| as_json(connection, condition));
        render::print(&format!("{:#}\n", Json::Array(list.collect())));
    } else if connections.is_empty() && asker.environment.is_some() {
        render::error(
            "the environment has no connections",
            Some(&format!("make one: `{}`", asker.next_command("new"))),
        );
    } else if connections.is_empty() {
        let help = folder_with_connections(folder).map_or_else(
            || "make one with `flowrun connections new`".to_owned(),
            |folder| format!("`--folder {}` sees some", folder.display()),
        );
        render::error(
            "there are no connections in this folder, in those above it, or in the user's own",
            Some(&help),
        );
    } else {
        if let Some(environment) = &asker.environment {
            plain::print(&format!("{DIM}environment{DIM:#} {environment}"));
        }
        render::print(&table(&connections));
        render::print(&readers(store.list())?);
    }
    Ok(match conditions.problems().next() {
        Some(_) => Exit::Connection,
        None => Exit::Done,
    })
}

/// The table of some connections.
pub(super) fn table_of(connections: &[&Connection]) -> String {
    let mut conditions = Conditions::default();
    let connections: Vec<(&Connection, Condition)> = connections
        .iter()
        .map(|connection| (*connection, conditions.of(connection)))
        .collect();
    table(&connections)
}

fn table(connections: &[(&Connection, Condition)]) -> String {
    let rows: Vec<[String; 6]> = connections
        .iter()
        .map(|(connection, condition)| {
            let aws = connection.aws();
            [
                connection.nickname.clone(),
                connection.kind().name.to_owned(),
                aws.and_then(account).unwrap_or_else(|| "-".to_owned()),
                aws.and_then(|aws| aws.region.clone())
                    .unwrap_or_else(|| "-".to_owned()),
                condition.words(connection).to_owned(),
                condition
                    .when()
                    .map(|when| format!("{when:.0}"))
                    .unwrap_or_default(),
            ]
        })
        .collect();
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for (row, (connection, condition)) in rows.iter().zip(connections) {
        let description = connection.description.as_deref().unwrap_or_default();
        // What is empty at the end of a line takes no room.
        let used = match (row.iter().rposition(|cell| !cell.is_empty()), description) {
            (_, text) if !text.is_empty() => row.len(),
            (last, _) => last.map_or(0, |last| last + 1),
        };
        for (column, (cell, width)) in row.iter().zip(&widths).take(used).enumerate() {
            let is_last = column + 1 == used && description.is_empty();
            let width = if is_last { 0 } else { *width };
            let style = match (column, condition.is_good(connection)) {
                (4, Some(true)) => GOOD,
                (4, Some(false)) => ERROR,
                (4, None) => WARNING,
                _ => Style::new(),
            };
            write!(text, "{style}{cell:width$}{style:#}").ok();
            if width > 0 {
                text.push_str("  ");
            }
        }
        writeln!(text, "{DIM}{description}{DIM:#}").ok();
    }
    text
}

fn as_json(connection: &Connection, condition: &Condition) -> Json {
    let aws = connection.aws();
    json!({
        "nickname": connection.nickname,
        "type": connection.kind().name,
        "description": connection.description,
        "role_arn": aws.and_then(|aws| Some(aws.role_arn.as_ref()?.to_string())),
        "account": aws.and_then(account),
        "region": aws.and_then(|aws| aws.region.clone()),
        "health": condition.name(),
        "accept_unsafe": aws.and_then(|aws| aws.accept_unsafe.clone()),
        "proven_at": condition.when().map(|when| when.to_string()),
        "environment": Environment::of_file(&connection.file).map(|name| name.to_string()),
        "file": connection.file.display().to_string(),
    })
}

fn account(connection: AwsConnection<'_>) -> Option<String> {
    Some(connection.role_arn.as_ref()?.account().to_owned())
}

/// A folder right below that has a connection file, the first by name: where flows often are.
fn folder_with_connections(folder: &Path) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("connections.yaml").is_file())
        .collect();
    folders.sort();
    let found = folders.into_iter().next()?;
    Some(found.strip_prefix(".").map(Path::to_owned).unwrap_or(found))
}
