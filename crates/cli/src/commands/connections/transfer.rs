//! `flowrun connections export` and `import`: connections from one project to another.
//!
//! An External ID is good for one connection of one owner. Whoever sends a file could have put the
//! ID of somebody else's role there, which is no secret, and would have us enter that role. So what
//! is imported gets an ID of its own, and waits until the role's owner has put that into the role.

use std::path::Path;

use flowrun_connections::{
    AwsS3Definition, Connection, ConnectionStore, EditError, Trust, add_to_file, file_for,
    new_external_id, read_file, to_text,
};

use super::{Asker, find, say_done, where_it_is};
use crate::{
    context::reason,
    exit::Exit,
    render::{self, plain},
};

pub(super) fn export(store: &ConnectionStore, nicknames: &[String]) -> Result<Exit, Exit> {
    let mut connections = Vec::new();
    for nickname in nicknames {
        let connection = find(store, nickname)?;
        refuse_member(connection)?;
        connections.push(connection.clone());
    }
    render::print(&to_text(&connections).map_err(|error| told(&error))?);
    Ok(Exit::Done)
}

pub(super) fn import(asker: &Asker, file: &Path, adopt: bool) -> Result<Exit, Exit> {
    let store = &asker.store;
    let connections = read_file(file).map_err(|error| told(&error.into()))?;
    let into =
        file_for(&asker.folder, asker.environment.as_ref()).map_err(|error| told(&error.into()))?;
    let mut imported = Vec::new();
    for connection in connections {
        refuse_member(&connection)?;
        if let Some(known) = store
            .list()
            .find(|known| known.nickname == connection.nickname)
        {
            let problem = format!(
                "there is a connection `{}` already, in {}",
                connection.nickname,
                known.file.display()
            );
            return Err(refused(
                &problem,
                "rename one of the two; nothing was imported",
            ));
        }
        imported.push(owned(store, &imported, connection, adopt)?);
    }
    if imported.is_empty() {
        let problem = format!("there is no connection in {}", file.display());
        return Err(refused(
            &problem,
            "`flowrun connections export` makes such files",
        ));
    }
    let connections: Vec<Connection> = imported.iter().map(|one| one.connection.clone()).collect();
    add_to_file(&into, &connections).map_err(|error| told(&error))?;
    say_done(&format!("imported into {}", into.display()));
    for one in &imported {
        plain::print(&one.told(asker));
    }
    Ok(Exit::Done)
}

/// What a set says is about all of its members: none of them goes from file to file alone.
fn refuse_member(connection: &Connection) -> Result<(), Exit> {
    match &connection.member {
        None => Ok(()),
        Some(_) => Err(refused(
            &format!("`{}` is the member of a set", connection.nickname),
            "copy the set by hand; each member needs an External ID of its own",
        )),
    }
}

/// A connection as it is imported.
struct Imported {
    connection: Connection,
    /// The role that it had, where it waits for it now.
    role: Option<String>,
}

impl Imported {
    /// What it is, and what is left to do.
    fn told(&self, asker: &Asker) -> String {
        let nickname = &self.connection.nickname;
        let next = |words: String| asker.next_command(&words);
        let mut known = self.connection.clone();
        let secrets: String = known
            .secrets()
            .iter()
            .map(|secret| {
                let place = where_it_is(secret.source);
                format!(
                    "sends its `{}`, {place}, to {}; ",
                    secret.field, secret.destination
                )
            })
            .collect();
        let left = match &self.role {
            Some(role) => format!(
                "waits for {role} to accept its new External ID: {}",
                next(format!("finish {nickname} --role-arn {role}"))
            ),
            None => format!("prove it: {}", next(format!("test {nickname}"))),
        };
        format!("  {nickname}: {secrets}{left}")
    }
}

/// The connection as one of ours.
fn owned(
    store: &ConnectionStore,
    others: &[Imported],
    mut connection: Connection,
    adopt: bool,
) -> Result<Imported, Exit> {
    let mut role = None;
    if let Some(definition) = connection.aws_mut() {
        // What a person accepted elsewhere, nobody accepted here.
        definition.accept_unsafe = None;
        if adopt {
            refuse_shared(store, others, &connection)?;
        } else if definition.trust == Trust::ExternalId
            && (definition.role_arn.is_some() || definition.external_id.is_some())
        {
            role = wait(definition)?;
        }
    }
    Ok(Imported { connection, role })
}

/// Takes its role from a connection, and gives it a new External ID to wait for it with.
fn wait(definition: &mut AwsS3Definition) -> Result<Option<String>, Exit> {
    let id = new_external_id().map_err(|error| {
        let problem = format!("this machine gives no random bytes: {}", reason(&error));
        render::error(&problem, None);
        Exit::Failed
    })?;
    definition.external_id = Some(id);
    definition.next_external_id = None;
    Ok(definition.role_arn.take().map(|role| role.to_string()))
}

/// An External ID stands for one connection alone.
fn refuse_shared(
    store: &ConnectionStore,
    others: &[Imported],
    connection: &Connection,
) -> Result<(), Exit> {
    let Some(aws) = connection.aws() else {
        return Ok(());
    };
    let ids = [&aws.external_id, &aws.next_external_id];
    let others = others.iter().map(|other| &other.connection);
    let shared = store.list().chain(others).find(|other| {
        other.aws().is_some_and(|other| {
            let theirs = [&other.external_id, &other.next_external_id];
            ids.iter().any(|id| id.is_some() && theirs.contains(id))
        })
    });
    let Some(shared) = shared else { return Ok(()) };
    Err(refused(
        &format!(
            "the External ID of `{}` is that of the connection `{}`, and is good for one alone",
            connection.nickname, shared.nickname
        ),
        "import it without `--adopt-external-id`; nothing was imported",
    ))
}

fn refused(problem: &str, help: &str) -> Exit {
    render::error(problem, Some(help));
    Exit::Invalid
}

fn told(error: &EditError) -> Exit {
    render::error(&error.to_string(), None);
    match error {
        EditError::Store(_) => Exit::Connection,
        _ => Exit::Invalid,
    }
}
