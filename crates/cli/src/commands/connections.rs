//! `flowrun connections`: what connections there are, and whether they open.

use std::fmt::Write as _;

use flowrun_connections::{Base, Connection, ConnectionStore, Endpoint};

use crate::{
    args::{Connections, ConnectionsCommand},
    context::{open_connections, reason},
    exit::Exit,
    render::{self, DIM, GOOD, plain},
};

pub(crate) fn run(arguments: &Connections) -> Exit {
    let store = match open_connections(&arguments.folder) {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    match &arguments.command {
        ConnectionsCommand::List => list(&store),
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

fn list(store: &ConnectionStore) -> Exit {
    let connections: Vec<&Connection> = store.list().collect();
    if connections.is_empty() {
        render::error(
            "there are no connections",
            Some("describe them in a `connections.yaml` beside your flows"),
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

fn find<'s>(store: &'s ConnectionStore, nickname: &str) -> Result<&'s Connection, Exit> {
    if let Some(connection) = store
        .list()
        .find(|connection| connection.nickname == nickname)
    {
        return Ok(connection);
    }
    let near = store
        .list()
        .map(|connection| {
            let name = connection.nickname.as_str();
            (strsim::damerau_levenshtein(name, nickname), name)
        })
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min()
        .map(|(_, name)| format!("did you mean `{name}`?"));
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
