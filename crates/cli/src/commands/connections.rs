//! `flowrun connections`: what connections there are, and whether they open.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use flowrun_connections::{Base, Connection, ConnectionStore, Endpoint};

use crate::{
    args::{Connections, ConnectionsCommand},
    context::{open_connections, reason},
    exit::Exit,
    files,
    render::{self, DIM, GOOD, plain},
};

pub(crate) fn run(arguments: &Connections) -> Exit {
    let store = match open_connections(&arguments.folder) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    match &arguments.command {
        ConnectionsCommand::List => list(&store, &arguments.folder),
        ConnectionsCommand::Show { nickname } => match find(&store, nickname) {
            Ok(connection) => {
                render::print(&show(connection));
                Exit::Done
            }
            Err(exit) => exit,
        },
        ConnectionsCommand::Test { nickname } => match find(&store, nickname) {
            Ok(_) => test(&store, nickname),
            Err(exit) => exit,
        },
    }
}

fn list(store: &ConnectionStore, folder: &Path) -> Exit {
    let connections: Vec<&Connection> = store.list().collect();
    if connections.is_empty() {
        let help = folder_with_connections(folder).map_or_else(
            || "describe them in a `connections.yaml` beside your flows".to_owned(),
            |folder| format!("`--folder {}` sees some", folder.display()),
        );
        render::error(
            "there are no connections in this folder, in those above it, or in the user's own",
            Some(&help),
        );
        return Exit::Done;
    }
    let rows: Vec<[String; 5]> = connections
        .iter()
        .map(|connection| {
            [
                connection.nickname.clone(),
                "aws_s3".to_owned(),
                connection
                    .role_arn
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |role| role.account().to_owned()),
                connection.region.clone().unwrap_or_else(|| "-".to_owned()),
                connection.description.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let widths: Vec<usize> = (0..4)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            write!(line, "{cell:width$}  ").ok();
        }
        match row.last() {
            Some(description) if !description.is_empty() => {
                writeln!(text, "{line}{DIM}{description}{DIM:#}").ok();
            }
            _ => {
                writeln!(text, "{}", line.trim_end()).ok();
            }
        }
    }
    render::print(&text);
    Exit::Done
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

fn find<'s>(store: &'s ConnectionStore, nickname: &str) -> Result<&'s Connection, Exit> {
    if let Some(connection) = store
        .list()
        .find(|connection| connection.nickname == nickname)
    {
        return Ok(connection);
    }
    let names = store.list().map(|connection| connection.nickname.as_str());
    let near = files::nearest(nickname, names).map(|name| format!("did you mean `{name}`?"));
    render::error(
        &format!("there is no connection `{nickname}`"),
        Some(
            near.as_deref()
                .unwrap_or("`flowrun connections list` lists those that there are"),
        ),
    );
    Err(Exit::Connection)
}

fn show(connection: &Connection) -> String {
    let endpoint = match &connection.endpoint {
        Endpoint::Aws => "AWS".to_owned(),
        Endpoint::Url(url) => url.clone(),
        Endpoint::Sandbox => "the sandbox of this folder".to_owned(),
    };
    let base = match &connection.base {
        Base::Default => "AWS's default chain".to_owned(),
        Base::Environment => "the environment".to_owned(),
        Base::Profile(profile) => format!("profile {profile}"),
        Base::Sandbox => "the sandbox".to_owned(),
    };
    let rows = [
        ("description", connection.description.clone()),
        ("type", Some("aws_s3".to_owned())),
        (
            "role ARN",
            connection
                .role_arn
                .as_ref()
                .map(|role| role.as_str().to_owned()),
        ),
        ("External ID", connection.external_id.clone()),
        ("region", connection.region.clone()),
        ("endpoint", Some(endpoint)),
        ("base credentials", Some(base)),
        ("defined in", Some(connection.file.display().to_string())),
    ];
    let mut text = format!("{GOOD}{}{GOOD:#}\n", connection.nickname);
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(text, "  {DIM}{name:16}{DIM:#}  {value}").ok();
        }
    }
    text
}

fn test(store: &ConnectionStore, nickname: &str) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            render::error(&format!("cannot start: {}", reason(&error)), None);
            return Exit::Failed;
        }
    };
    match runtime.block_on(store.test(nickname)) {
        Ok(report) => {
            let mut text = format!("{GOOD}✓{GOOD:#} {nickname} opens\n");
            let rows = [
                ("identity", Some(report.identity)),
                ("account", Some(report.account)),
                ("region", report.region),
                ("endpoint", report.endpoint),
                ("expires", report.expires.map(|expires| expires.to_string())),
            ];
            for (name, value) in rows {
                if let Some(value) = value {
                    writeln!(text, "  {DIM}{name:8}{DIM:#}  {value}").ok();
                }
            }
            render::print(&text);
            Exit::Done
        }
        Err(error) => {
            plain::print(&plain::card_failure(&error));
            Exit::Connection
        }
    }
}
