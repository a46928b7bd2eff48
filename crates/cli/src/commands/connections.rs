//! `flowrun connections`: what connections there are, whether they are safe, and making them.

pub(super) mod ask;
mod change;
mod health;
mod list;
mod needs;
pub(super) mod new;
mod new_http;
mod rotate;
mod seed;
mod sets;
mod share;
mod test;
mod transfer;
pub(super) mod trust;
mod used_by;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use flowrun_card::CardError;
use flowrun_connections::{
    AwsConnection, AwsS3Definition, Base, Connection, ConnectionStore, Edit, EditError, Endpoint,
    Environment, HttpDefinition, Identity, Proof, SecretSource, SourceIdentity, Trust, edit_file,
    is_own_external_id,
};

use self::{health::Conditions, trust::Wanted};
use super::policy;
use crate::{
    args::{Connections, ConnectionsCommand, RoleArguments},
    context::{self, Context},
    exit::Exit,
    files,
    render::{self, DIM, GOOD, plain},
};

pub(crate) fn run(context: &Context, arguments: &Connections) -> Exit {
    match execute(context, arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn execute(context: &Context, arguments: &Connections) -> Result<Exit, Exit> {
    let folder = &arguments.folder;
    let store = match &arguments.command {
        ConnectionsCommand::New(_) | ConnectionsCommand::AddMember(_) => {
            context::begin_connections(context, folder)?
        }
        _ => context.open_connections(folder)?,
    };
    let asker = Asker::new(store, context, folder)?;
    let store = &asker.store;
    match &arguments.command {
        ConnectionsCommand::New(new) => {
            let wanted = wanted(context, new.nickname.as_deref(), &new.role)?;
            new::new(&asker, new, &wanted)
        }
        ConnectionsCommand::Finish(finish) => {
            let connection = find(store, &finish.nickname)?;
            let wanted = wanted(context, Some(&finish.nickname), &finish.role)?;
            new::finish(&asker, connection, finish, &wanted)
        }
        ConnectionsCommand::List { json } => list::run(&asker, *json),
        ConnectionsCommand::AddMember(add) => sets::add(&asker, add),
        ConnectionsCommand::Show { nickname } => {
            render::print(&match sets::members(&asker, nickname) {
                Some(members) => sets::show(&members),
                None => show(find(store, nickname)?),
            });
            Ok(Exit::Done)
        }
        ConnectionsCommand::Test {
            nickname,
            flows,
            json,
        } => {
            let members = sets::members(&asker, nickname);
            let tested = match &members {
                Some(members) => members.as_slice(),
                None => &[find(store, nickname)?],
            };
            let asking = needs::Asking::read(context, nickname, flows, tested)?;
            match &members {
                Some(members) => Ok(sets::prove(&asker, members, &asking, *json)),
                None => test::run(&asker, find(store, nickname)?, &asking, *json),
            }
        }
        ConnectionsCommand::Edit(edit) => match sets::members(&asker, &edit.nickname) {
            Some(members) => sets::edit(&asker, &members, edit),
            None => change::edit(&asker, find(store, &edit.nickname)?, edit),
        },
        ConnectionsCommand::Rename {
            nickname,
            new_nickname,
        } => {
            let members = sets::members(&asker, nickname);
            let first = match members.as_ref().and_then(|members| members.first()) {
                Some(first) => first,
                None => find(store, nickname)?,
            };
            if nickname == new_nickname {
                return Err(new::invalid(&format!("`{nickname}` has that name")));
            }
            let flows = used_by::folder_of_flows(folder, first);
            let uses = used_by::uses(context, &flows, nickname)?;
            match &members {
                Some(members) => sets::rename(members, new_nickname, &uses),
                None => change::rename(first, new_nickname, &uses),
            }
        }
        ConnectionsCommand::Delete(delete) => {
            let name = &delete.nickname;
            let members = sets::members(&asker, name);
            let first = match members.as_ref().and_then(|members| members.first()) {
                Some(first) => first,
                None => find(store, name)?,
            };
            let uses = if delete.force {
                Vec::new()
            } else {
                let flows = used_by::folder_of_flows(folder, first);
                used_by::uses(context, &flows, name)?
            };
            match &members {
                Some(members) => sets::delete(name, members, &uses),
                None => change::delete(first, &uses),
            }
        }
        ConnectionsCommand::UsedBy { nickname } => {
            let set = nickname.split_once('/').map_or(&**nickname, |(set, _)| set);
            let known = store.list().find(|known| known.entry() == set);
            let flows = known.map_or_else(
                || folder.clone(),
                |known| used_by::folder_of_flows(folder, known),
            );
            let mut uses = used_by::uses(context, &flows, nickname)?;
            if set != nickname {
                // A flow that walks the set uses each of its members.
                uses.extend(used_by::uses(context, &flows, set)?);
                uses.sort();
                uses.dedup();
            }
            // A connection that is gone may still be named.
            if uses.is_empty() && sets::members(&asker, nickname).is_none() {
                find(store, nickname)?;
            }
            Ok(used_by::run(nickname, &flows, &uses))
        }
        ConnectionsCommand::Export { nicknames } => transfer::export(store, nicknames),
        ConnectionsCommand::Import {
            file,
            adopt_external_id,
        } => transfer::import(&asker, file, *adopt_external_id),
        ConnectionsCommand::Share { command } => share::run(&asker, command),
        ConnectionsCommand::Seal { nickname, field } => {
            share::seal(&asker, find(store, nickname)?, field)
        }
        ConnectionsCommand::Rotate(rotate) => match sets::members(&asker, &rotate.nickname) {
            Some(members) => Ok(sets::rotate(&asker, &members, rotate)),
            None => rotate::run(&asker, find(store, &rotate.nickname)?, rotate),
        },
    }
}

/// What the role of a connection shall be able to do, by the flows that are named.
fn wanted(
    context: &Context,
    nickname: Option<&str>,
    arguments: &RoleArguments,
) -> Result<Wanted, Exit> {
    let mut wanted = Wanted {
        form: arguments.format,
        ..Wanted::default()
    };
    if arguments.flows.is_empty() {
        return Ok(wanted);
    }
    let Some(nickname) = nickname else {
        render::error(
            "the nickname is missing, by which the flows name it",
            Some("give it: `flowrun connections new NICKNAME`"),
        );
        return Err(Exit::Invalid);
    };
    let request = policy::Request {
        flows: &arguments.flows,
        ..policy::Request::default()
    };
    let needed = policy::Flows::read(context, &request)?.needed()?;
    let Some(one) = needed.into_iter().find(|one| one.name == nickname) else {
        render::error(&format!("the flows use no connection `{nickname}`"), None);
        return Err(Exit::Invalid);
    };
    wanted.permissions = Some(one.permissions);
    Ok(wanted)
}

/// The connections, and what is asked about them. There is one runtime a command, because the
/// embedded sandbox lives in the one that started it.
pub(super) struct Asker {
    store: ConnectionStore,
    /// The folder that was named.
    folder: PathBuf,
    environment: Option<Environment>,
    runtime: tokio::runtime::Runtime,
}

impl Asker {
    pub(super) fn new(
        store: ConnectionStore,
        context: &Context,
        folder: &Path,
    ) -> Result<Self, Exit> {
        Ok(Self {
            store,
            folder: folder.to_owned(),
            environment: context.environment.clone(),
            runtime: context::runtime()?,
        })
    }

    /// A command to type next, which looks where this one looked.
    fn next_command(&self, words: &str) -> String {
        next_command(&self.folder, self.environment.as_ref(), words)
    }

    fn prove(&self, connection: &Connection) -> Result<Proof, CardError> {
        self.runtime.block_on(self.store.prove(connection))
    }

    fn base_identity(&self, connection: AwsConnection<'_>) -> Result<Identity, CardError> {
        self.runtime.block_on(self.store.base_identity(connection))
    }
}

/// A command to type next, which looks in that folder and environment.
pub(super) fn next_command(
    folder: &Path,
    environment: Option<&Environment>,
    words: &str,
) -> String {
    let mut command = format!("flowrun connections {words}");
    if folder != Path::new(".") {
        write!(command, " --folder {}", folder.display()).ok();
    }
    if let Some(environment) = environment {
        write!(command, " --environment {environment}").ok();
    }
    command
}

/// Changes a connection file, and says why where it does not.
fn write(path: &Path, edit: &Edit<'_>) -> Result<(), Exit> {
    edit_file(path, edit).map_err(|error| {
        render::error(&error.to_string(), None);
        match error {
            EditError::Store(_) => Exit::Connection,
            _ => Exit::Invalid,
        }
    })
}

/// Says on standard error that something was done.
fn say_done(words: &str) {
    plain::print(&format!("{GOOD}✓{GOOD:#} {words}"));
}

fn find<'s>(store: &'s ConnectionStore, nickname: &str) -> Result<&'s Connection, Exit> {
    if let Some(connection) = store
        .list()
        .find(|connection| connection.nickname == nickname)
    {
        return Ok(connection);
    }
    if let Some(member) = store.members(nickname).next() {
        render::error(
            &format!("`{nickname}` is a set of connections"),
            Some(&format!(
                "name a member of it, such as `{}`",
                member.nickname
            )),
        );
        return Err(Exit::Invalid);
    }
    let names = store
        .list()
        .flat_map(|connection| [connection.nickname.as_str(), connection.entry()]);
    let near = files::nearest(nickname, names).map(|name| format!("did you mean `{name}`?"));
    let help = match store.list().next() {
        Some(_) => "`flowrun connections list` lists those that there are",
        None => "there is none here; `--folder FOLDER` names the folder of the flows that use it",
    };
    render::error(
        &format!("there is no connection `{nickname}`"),
        Some(near.as_deref().unwrap_or(help)),
    );
    Err(Exit::Connection)
}

/// A connection of kind `aws_s3`, or why what was asked for is not for this one.
fn aws(connection: &Connection) -> Result<AwsConnection<'_>, Exit> {
    connection.aws().ok_or_else(|| without_role(connection))
}

/// The same for changes.
fn aws_mut(connection: &mut Connection) -> Result<&mut AwsS3Definition, Exit> {
    if connection.aws().is_none() {
        return Err(without_role(connection));
    }
    connection.aws_mut().ok_or(Exit::Invalid)
}

fn without_role(connection: &Connection) -> Exit {
    render::error(
        &format!(
            "the connection `{}` is of type `{}`, which has no role",
            connection.nickname,
            connection.kind().name
        ),
        None,
    );
    Exit::Invalid
}

fn show(connection: &Connection) -> String {
    let condition = Conditions::default().of(connection);
    let mut rows = vec![
        ("description", connection.description.clone()),
        ("health", Some(condition.words(connection).to_owned())),
        (
            "last proven",
            condition.when().map(|when| format!("{when:.0}")),
        ),
        ("type", Some(connection.kind().name.to_owned())),
    ];
    if let Some(aws) = connection.aws() {
        rows.extend(aws_rows(aws));
    }
    if let Some(http) = connection.http() {
        rows.extend(http_rows(http));
    }
    rows.push(("defined in", Some(connection.file.display().to_string())));
    let mut text = format!("{GOOD}{}{GOOD:#}\n", connection.nickname);
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(text, "  {DIM}{name:16}{DIM:#}  {value}").ok();
        }
    }
    text
}

/// Where a secret is.
fn where_it_is(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("in the environment variable {name}"),
        SecretSource::File(path) => format!("in the file {}", path.display()),
        _ => "sealed in the connection file".to_owned(),
    }
}

type Row = (&'static str, Option<String>);

fn aws_rows(connection: AwsConnection<'_>) -> [Row; 16] {
    let endpoint = match &connection.endpoint {
        Endpoint::Aws => "AWS".to_owned(),
        Endpoint::Url(url) => url.clone(),
        Endpoint::Sandbox => "the sandbox of this folder".to_owned(),
    };
    let base = match &connection.base {
        Base::Default => "AWS's default chain".to_owned(),
        Base::Environment => "the environment".to_owned(),
        Base::Profile(profile) => format!("profile {profile}"),
        Base::Keys => {
            let id = connection.access_key_id.as_deref().unwrap_or_default();
            format!("the access key {id}")
        }
        Base::Sandbox => "the sandbox".to_owned(),
    };
    let allow: Vec<String> = connection.allow.iter().map(ToString::to_string).collect();
    let variants = [
        ("FIPS", connection.fips),
        ("dual-stack", connection.dual_stack),
    ];
    let variants: Vec<&str> = variants
        .iter()
        .filter_map(|(name, is_on)| is_on.then_some(*name))
        .collect();
    let external_id = connection.external_id.as_ref().map(|id| {
        if is_own_external_id(id) {
            id.clone()
        } else {
            format!("{id} {DIM}(not made by flowrun){DIM:#}")
        }
    });
    [
        (
            "role ARN",
            connection.role_arn.as_ref().map(ToString::to_string),
        ),
        ("External ID", external_id),
        ("next External ID", connection.next_external_id.clone()),
        (
            "trust",
            (connection.trust == Trust::Principal).then(|| "principal".to_owned()),
        ),
        ("unsafe accepted", connection.accept_unsafe.clone()),
        (
            "session policy",
            (!connection.session_policy).then(|| "off: runs use the whole role".to_owned()),
        ),
        (
            "source identity",
            connection
                .source_identity
                .as_ref()
                .map(|identity| match identity {
                    SourceIdentity::Text(text) => text.clone(),
                    SourceIdentity::Env(name) => format!("what {name} says"),
                }),
        ),
        (
            "session tags",
            (!connection.session_tags.is_empty()).then(|| {
                let tags = connection.session_tags.iter();
                let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
                tags.join(", ")
            }),
        ),
        ("region", connection.region.clone()),
        ("endpoint", Some(endpoint)),
        (
            "endpoint variant",
            (!variants.is_empty()).then(|| variants.join(", ")),
        ),
        (
            "authorities",
            connection
                .ca
                .as_ref()
                .map(|path| path.display().to_string()),
        ),
        ("allowed", (!allow.is_empty()).then(|| allow.join(", "))),
        ("base credentials", Some(base)),
        (
            "its secret",
            connection.secret_access_key.as_ref().map(where_it_is),
        ),
        (
            "its session token",
            connection.session_token.as_ref().map(where_it_is),
        ),
    ]
}

fn http_rows(definition: &HttpDefinition) -> Vec<Row> {
    let path = |path: &PathBuf| path.display().to_string();
    let allow: Vec<String> = definition.allow.iter().map(ToString::to_string).collect();
    let who = definition.auth.who();
    let mut rows = vec![
        ("URL", Some(definition.url.clone())),
        ("known by", Some(definition.auth.name().to_owned())),
        ("as", who.map(str::to_owned)),
        ("certificate", definition.certificate.as_ref().map(path)),
        ("authorities", definition.ca.as_ref().map(path)),
        ("allowed", (!allow.is_empty()).then(|| allow.join(", "))),
        ("test path", definition.test_path.clone()),
    ];
    let mut definition = definition.clone();
    for field in definition.secrets() {
        let name = field.field.rsplit('.').next().unwrap_or_default();
        rows.push((name, Some(where_it_is(field.source))));
    }
    rows
}
