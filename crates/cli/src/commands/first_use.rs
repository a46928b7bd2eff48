//! A connection that a flow names and nobody has made yet: on a terminal it is chosen or made, and
//! the flow goes on; elsewhere the commands that make it are told.

use std::path::{Path, PathBuf};

use flowrun_card::ConnectionKind as _;
use flowrun_connections::{AwsS3, ConnectionStore};
use flowrun_engine::Engine;

use super::{
    connections::{
        Asker, ask,
        new::{self, Made},
        next_command,
        trust::Wanted,
    },
    policy,
};
use crate::{
    args::{NewConnection, Run},
    context::{self, Context},
    exit::Exit,
    render::{DIM, plain},
};

/// A connection that is not there.
struct Missing {
    alias: String,
    nickname: String,
    is_set: bool,
}

/// Supplies the connections that are missing, as far as somebody is there to ask: the aliases that
/// others shall stand for in this run. `None` where nothing was supplied.
pub(super) fn supply(
    context: &Context,
    engine: &Engine,
    arguments: &Run,
) -> Result<Option<Vec<(String, String)>>, Exit> {
    if !ask::is_possible() || arguments.json || arguments.quiet {
        return Ok(None);
    }
    let folder = context::folder_of(&arguments.flow);
    let mut store = context.open_connections(&folder)?;
    let mut missing = missing(engine, &store, arguments)?;
    // What a set is made of is more than a few questions.
    missing.retain(|one| !one.is_set);
    if missing.is_empty() {
        return Ok(None);
    }
    let typed = typed_folder(&arguments.flow);
    let mut chosen = Vec::new();
    for one in &missing {
        // Two aliases may have one nickname.
        if store.list().any(|known| known.nickname == one.nickname) {
            continue;
        }
        match choose(&store, one)? {
            Some(nickname) => {
                plain::print(&format!(
                    "{DIM}for this run; for all, write `{}: {nickname}` under `connections:` in {}{DIM:#}",
                    one.alias,
                    arguments.flow.display()
                ));
                chosen.push((one.alias.clone(), nickname));
            }
            None => {
                make(context, arguments, store, one, &typed)?;
                store = context.open_connections(&folder)?;
            }
        }
    }
    Ok(Some(chosen))
}

/// Those that the flow names and the store does not know, where it would run with them.
fn missing(
    engine: &Engine,
    store: &ConnectionStore,
    arguments: &Run,
) -> Result<Vec<Missing>, Exit> {
    let connections = &arguments.connections;
    let checked = context::check_before_connections(engine, &arguments.flow, connections)?;
    let Some(plan) = checked.plan else {
        return Ok(Vec::new());
    };
    let is_known = |nickname: &str, is_set: bool| match is_set {
        true => store.members(nickname).next().is_some(),
        false => store.list().any(|known| known.nickname == nickname),
    };
    Ok(plan
        .connections()
        .filter(|one| one.kind.is_none_or(|kind| kind == AwsS3::NAME))
        .filter_map(|one| {
            let is_missing = |nickname: &&str| !is_known(nickname, one.is_set);
            let nickname = one.nickname.filter(is_missing)?;
            Some(Missing {
                alias: one.alias.to_owned(),
                nickname: nickname.to_owned(),
                is_set: one.is_set,
            })
        })
        .collect())
}

/// The folder of a flow as it was typed.
fn typed_folder(flow: &Path) -> PathBuf {
    match flow.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Tells the commands that make those that are missing.
pub(super) fn tell(context: &Context, engine: &Engine, arguments: &Run) -> Result<(), Exit> {
    if arguments.json {
        return Ok(());
    }
    let store = context.open_connections(&context::folder_of(&arguments.flow))?;
    let missing = missing(engine, &store, arguments)?;
    if missing.is_empty() {
        return Ok(());
    }
    let folder = typed_folder(&arguments.flow);
    let mut lines =
        vec!["to make it, and to show what its role has to trust and allow:".to_owned()];
    for one in &missing {
        let nickname = &one.nickname;
        // The flow knows its own nicknames only.
        let is_own = arguments
            .connections
            .iter()
            .all(|(alias, _)| *alias != one.alias);
        let flow = match is_own {
            true => format!(" --flow {}", arguments.flow.display()),
            false => String::new(),
        };
        let words = match one.is_set {
            true => vec![format!(
                "add-member {nickname} --role-arn 'arn:aws:iam::{{account}}:role/NAME' --account ID"
            )],
            false => vec![
                format!("new {nickname}{flow}"),
                format!("finish {nickname} --role-arn ARN"),
            ],
        };
        for words in words {
            let line = format!(
                "  {}",
                next_command(&folder, context.environment.as_ref(), &words)
            );
            // Two aliases may have one nickname.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    plain::print(&lines.join("\n"));
    Ok(())
}

/// Another connection that shall stand for it, or none where it is to be made.
fn choose(store: &ConnectionStore, missing: &Missing) -> Result<Option<String>, Exit> {
    let nickname = &missing.nickname;
    plain::print(&format!(
        "the flow names the connection `{nickname}`, and there is none"
    ));
    let others: Vec<_> = store
        .list()
        .filter(|other| other.kind().name == AwsS3::NAME && !other.is_pending())
        .collect();
    if others.is_empty() {
        return Ok(None);
    }
    plain::print("there are:");
    for other in &others {
        let description = other.description.as_deref().unwrap_or_default();
        plain::print(&format!(
            "  {:20}  {DIM}{description}{DIM:#}",
            other.nickname
        ));
    }
    let question = format!("which shall stand for it (Enter: make `{nickname}`)");
    ask::ask_until(&question, |text| {
        let is_there = others.iter().any(|other| other.nickname == text);
        match text {
            "" => Ok(None),
            text if is_there => Ok(Some(text.to_owned())),
            text => Err(format!("`{text}` is none of these")),
        }
    })
}

/// Makes it, with what the flow needs of its role.
fn make(
    context: &Context,
    arguments: &Run,
    store: ConnectionStore,
    missing: &Missing,
    folder: &Path,
) -> Result<(), Exit> {
    let flows = [arguments.flow.clone()];
    let request = policy::Request {
        flows: &flows,
        inputs: &arguments.inputs,
        connections: &arguments.connections,
        ..policy::Request::default()
    };
    let needed = policy::Flows::read(context, &request)?.needed()?;
    let needed = needed.into_iter().find(|one| one.name == missing.nickname);
    let wanted = Wanted {
        permissions: needed.map(|one| one.permissions),
        ..Wanted::default()
    };
    let connection = NewConnection {
        nickname: Some(missing.nickname.clone()),
        ..NewConnection::default()
    };
    let asker = Asker::new(store, context, folder)?;
    match new::make(&asker, &connection, &wanted)? {
        Made::Ready => Ok(()),
        Made::Pending(_) => {
            plain::print("then run the flow again");
            Err(Exit::Connection)
        }
    }
}
