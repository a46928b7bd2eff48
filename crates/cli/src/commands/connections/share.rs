//! `flowrun connections share` and `seal`: secrets that stand in connection files, encrypted to
//! those who may read them.

use std::{fmt::Write as _, path::Path};

use flowrun_card::Secret;
use flowrun_connections::{
    Connection, ConnectionStore, RECIPIENTS_FILE, Recipient, Recipients, Resealed, SealedError,
    SecretSource, SharedWith, file_for, seal_field, share_add, share_remove,
};

use super::{Asker, next_command, say_done, where_it_is};
use crate::{
    args::ShareCommand,
    exit::Exit,
    hidden,
    identity::identities,
    render::{self, DIM, WARNING, plain},
};

pub(super) fn run(asker: &Asker, command: &ShareCommand) -> Result<Exit, Exit> {
    let file =
        || file_for(&asker.folder, asker.environment.as_ref()).map_err(|error| told(&error.into()));
    match command {
        ShareCommand::Add { recipient, name } => {
            let file = file()?;
            let shared = share_add(&file, recipient, name.as_deref(), &identities());
            let shared = shared.map_err(|error| told(&error))?;
            say_done(&format!(
                "{} can read what is sealed beside {}",
                called(&shared.changed, shared.name.as_deref()),
                file.display()
            ));
            say_files(&shared);
        }
        ShareCommand::Remove { recipient } => {
            let file = file()?;
            let shared = share_remove(&file, recipient, &identities());
            let shared = shared.map_err(|error| told(&error))?;
            say_done(&format!(
                "{} cannot read what is sealed from now on",
                called(&shared.changed, shared.name.as_deref())
            ));
            say_files(&shared);
            if !shared.files.is_empty() {
                plain::print(&format!(
                    "{WARNING}warning{WARNING:#}: what was sealed before still opens for them, as \
                     in the history of git: change the secrets where they come from, and seal the \
                     new ones"
                ));
            }
        }
        ShareCommand::List => render::print(&list(&asker.store, &file()?)?),
        ShareCommand::Me => {
            let (recipient, is_new) = identities().own_recipient().map_err(|error| told(&error))?;
            render::print(&format!("{recipient}\n"));
            if is_new {
                plain::print(&format!(
                    "a new identity is in your own store; others let you read with `{}`",
                    next_command(Path::new("."), None, &format!("share add {recipient}"))
                ));
            }
        }
    }
    Ok(Exit::Done)
}

/// Reads a secret from the terminal or from standard input, and seals it into the file.
pub(super) fn seal(asker: &Asker, connection: &Connection, field: &str) -> Result<Exit, Exit> {
    if connection.member.is_some() {
        render::error(
            &format!(
                "the secrets of `{}` are those of its set",
                connection.nickname
            ),
            Some("say where they are in the set: `{ env: NAME }` or `{ file: PATH }`"),
        );
        return Err(Exit::Invalid);
    }
    let mut known = connection.clone();
    if known.secrets().iter().all(|secret| secret.field != field) {
        let known = known.secrets().iter().map(|secret| secret.field).collect();
        return Err(told(&SealedError::NoSuchField {
            connection: connection.nickname.clone(),
            field: field.escape_debug().to_string(),
            known,
        }));
    }
    let question = format!("`{field}` of `{}`", connection.nickname);
    let secret = typed(&question)?;
    let readers = seal_field(connection, field, &secret, &identities());
    let readers = readers.map_err(|error| told(&error))?;
    say_done(&format!(
        "{question} is sealed in {}",
        connection.file.display()
    ));
    say_readers(asker, &readers);
    Ok(Exit::Done)
}

/// Says who can read what was sealed.
pub(super) fn say_readers(asker: &Asker, readers: &Recipients) {
    plain::print(&format!("{} can read it", names(readers)));
    if let [_] = readers.list() {
        plain::print(&format!(
            "others can after `{}`",
            asker.next_command("share add RECIPIENT")
        ));
    }
}

/// A secret from the terminal or from standard input.
pub(super) fn typed(question: &str) -> Result<Secret, Exit> {
    hidden::read_secret(question).map_err(|problem| {
        render::error(&problem, None);
        match problem.as_str() {
            "cancelled" => Exit::Cancelled,
            _ => Exit::Invalid,
        }
    })
}

/// Who can read what is sealed in the files of some connections, a line for each folder; nothing
/// where nothing is sealed.
pub(super) fn readers<'c>(
    connections: impl Iterator<Item = &'c Connection>,
) -> Result<String, Exit> {
    let mut text = String::new();
    let mut seen = Vec::new();
    for connection in connections {
        let is_sealed = connection.clone().secrets().iter().any(is_sealed);
        let folder = connection.file.parent().map(Path::to_owned);
        if !is_sealed || seen.contains(&folder) {
            continue;
        }
        let readers = Recipients::beside(&connection.file).map_err(|error| told(&error))?;
        writeln!(
            text,
            "{DIM}what is sealed in {} is read by{DIM:#} {}",
            connection.file.display(),
            names(&readers)
        )
        .ok();
        seen.push(folder);
    }
    Ok(text)
}

fn is_sealed(secret: &flowrun_connections::SecretField<'_>) -> bool {
    matches!(secret.source, SecretSource::Sealed(_))
}

fn list(store: &ConnectionStore, file: &Path) -> Result<String, Exit> {
    let recipients = Recipients::beside(file).map_err(|error| told(&error))?;
    let mut text = String::new();
    for SharedWith {
        recipient, name, ..
    } in recipients.list()
    {
        match name {
            Some(name) => writeln!(text, "{recipient}  {DIM}{name}{DIM:#}").ok(),
            None => writeln!(text, "{recipient}").ok(),
        };
    }
    if recipients.list().is_empty() {
        writeln!(text, "nobody is listed in {RECIPIENTS_FILE}").ok();
    }
    text.push('\n');
    for connection in store.list() {
        let mut known = connection.clone();
        let secrets: Vec<String> = known
            .secrets()
            .iter()
            .map(|secret| format!("{} {}", secret.field, where_it_is(secret.source)))
            .collect();
        let has_role = connection.aws().is_some_and(|aws| aws.role_arn.is_some());
        let words = if !secrets.is_empty() {
            secrets.join(", ")
        } else if has_role || connection.is_pending() {
            "no secret: its role trusts us by who we are".to_owned()
        } else {
            "no secret".to_owned()
        };
        writeln!(text, "{}  {DIM}{words}{DIM:#}", connection.nickname).ok();
    }
    Ok(text)
}

/// Says which files were sealed anew.
fn say_files(shared: &Resealed) {
    for (path, count) in &shared.files {
        let noun = if *count == 1 { "secret" } else { "secrets" };
        plain::print(&format!("{count} {noun} sealed anew in {}", path.display()));
    }
    plain::print(&format!("{} can read", names(&shared.recipients)));
}

fn names(recipients: &Recipients) -> String {
    let names = recipients
        .list()
        .iter()
        .map(|shared| called(&shared.recipient, shared.name.as_deref()));
    names.collect::<Vec<_>>().join(", ")
}

fn called(recipient: &Recipient, name: Option<&str>) -> String {
    name.map_or_else(|| recipient.to_string(), str::to_owned)
}

/// Says why nothing was sealed or opened.
pub(super) fn told(error: &SealedError) -> Exit {
    render::error(&error.to_string(), None);
    match error {
        SealedError::NoSuchField { .. }
        | SealedError::NoSuchRecipient { .. }
        | SealedError::ManyOfThatName { .. }
        | SealedError::LastRecipient { .. }
        | SealedError::RecipientName { .. }
        | SealedError::SecretLength { .. }
        | SealedError::Edit(_) => Exit::Invalid,
        _ => Exit::Connection,
    }
}
