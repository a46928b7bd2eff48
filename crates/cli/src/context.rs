//! What every command that looks at flows needs: the catalogue, connections, and the engine over
//! both.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use flowrun_card::Registry;
use flowrun_connections::{ConnectionStore, Environment, StoreError};
use flowrun_engine::{CheckOptions, Checked, Engine};

use crate::{
    args::{self, Format},
    exit::Exit,
    files,
    identity::{identities, user_folder},
    render::{self, diagnostics},
    sandbox::EmbeddedSandbox,
};

/// The catalogue and how much to say.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) registry: Registry,
    pub(crate) verbose: u8,
    /// Whose connections are meant; none for those of `connections.yaml`.
    pub(crate) environment: Option<Environment>,
    /// How what is wrong with files is printed.
    pub(crate) format: Format,
}

impl Context {
    pub(crate) fn new(
        registry: Registry,
        verbose: u8,
        environment: Option<Environment>,
        format: Format,
    ) -> Self {
        render::panics();
        render::logging(verbose);
        Self {
            registry,
            verbose,
            environment,
            format,
        }
    }

    /// The engine for flows in a folder.
    pub(crate) fn engine(&self, folder: &Path) -> Result<Engine, Exit> {
        let store = self.open_connections(folder)?;
        Ok(Engine::builder()
            .registry(self.registry.clone())
            .connections(store)
            .redactor(render::redactor().clone())
            .build())
    }

    /// The connections that a folder sees: `connections.yaml` there or above, then the user's own;
    /// in an environment, that one's files.
    pub(crate) fn open_connections(&self, folder: &Path) -> Result<ConnectionStore, Exit> {
        open_connections(folder, self.environment.as_ref(), self.format)
    }
}

pub(crate) fn open_connections(
    folder: &Path,
    environment: Option<&Environment>,
    format: Format,
) -> Result<ConnectionStore, Exit> {
    let (user, sandbox) = (user_folder(), Arc::new(EmbeddedSandbox::default()));
    let opened = match environment {
        None => ConnectionStore::open(folder, user.as_deref(), Some(sandbox)),
        Some(name) => ConnectionStore::open_in(name, folder, user.as_deref(), Some(sandbox)),
    };
    let opened = opened.map_err(|error| {
        let help = match &error {
            StoreError::NoEnvironment { environment, .. } => Some(format!(
                "make its first connection: `flowrun connections new --environment {environment}`"
            )),
            _ => None,
        };
        diagnostics::of_store(&error, help.as_deref(), format);
        Exit::Connection
    })?;
    Ok(equipped(opened))
}

/// A store that opens sealed secrets, and tells the redactor of every one that it reads.
fn equipped(store: ConnectionStore) -> ConnectionStore {
    store
        .with_sealed(identities())
        .with_redactor(render::redactor().clone())
}

/// As [`Context::open_connections`], to make the first connection of an environment, too.
pub(crate) fn begin_connections(context: &Context, folder: &Path) -> Result<ConnectionStore, Exit> {
    let Some(environment) = &context.environment else {
        return context.open_connections(folder);
    };
    let (user, sandbox) = (user_folder(), Arc::new(EmbeddedSandbox::default()));
    let begun = ConnectionStore::begin_in(environment, folder, user.as_deref(), Some(sandbox));
    let begun = begun.map_err(|error| {
        render::error(&error.to_string(), None);
        Exit::Connection
    })?;
    Ok(equipped(begun))
}

/// The folder that a flow's relative paths start from: its own.
pub(crate) fn folder_of(flow: &Path) -> PathBuf {
    let folder = match flow.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// Reads and checks a flow file.
pub(crate) fn check(
    engine: &Engine,
    flow: &Path,
    connections: &[(String, String)],
) -> Result<Checked, Exit> {
    check_with(engine, flow, connections, false)
}

/// As [`check`], but connections that are yet to be made are no error.
pub(crate) fn check_before_connections(
    engine: &Engine,
    flow: &Path,
    connections: &[(String, String)],
) -> Result<Checked, Exit> {
    check_with(engine, flow, connections, true)
}

fn check_with(
    engine: &Engine,
    flow: &Path,
    connections: &[(String, String)],
    allow_missing_connections: bool,
) -> Result<Checked, Exit> {
    let options = CheckOptions {
        connections: connections.iter().cloned().collect(),
        allow_missing_connections,
    };
    engine
        .check_file(flow, &options)
        .map_err(|error| unreadable(flow, &error))
}

/// Says why a file that was named cannot be read, and which one may have been meant.
pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Exit {
    let help = match (error.kind(), file.to_str()) {
        (std::io::ErrorKind::NotFound, Some(text)) if !text.contains(['/', '.']) => {
            Some(args::suggest_command(text))
        }
        (std::io::ErrorKind::NotFound, _) => {
            files::near_file(file).map(|near| format!("did you mean `{}`?", near.display()))
        }
        (std::io::ErrorKind::IsADirectory, _) => Some("name a flow file in it".to_owned()),
        _ => None,
    };
    render::error(
        &format!("cannot read `{}`: {}", file.display(), reason(error)),
        help.as_deref(),
    );
    Exit::Invalid
}

/// The runtime that a command waits in.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Exit> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            render::error(&format!("cannot start: {}", reason(&error)), None);
            Exit::Failed
        })
}

/// An operating system's error without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => lower_first(reason),
        None => lower_first(&text),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
