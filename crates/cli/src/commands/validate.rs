//! `flowrun validate FLOW…`: checks flows, and the connections and seeds beside them, without
//! running anything.

use std::path::{Path, PathBuf};

use flowrun_connections::Environment;
use flowrun_engine::Engine;

use crate::{
    args::{Format, Validate},
    context::{self, Context, reason},
    exit::Exit,
    files::{self, Kind},
    render::{self, diagnostics},
    sandbox::read_seed,
};

pub(crate) fn run(context: Context, arguments: &Validate) -> Exit {
    let mut exits = Vec::new();
    let mut engine = None;
    for named in &arguments.flows {
        let files = match files_of(named) {
            Ok(files) => files,
            Err(exit) => {
                exits.push(exit);
                continue;
            }
        };
        for file in files {
            let checked = match Kind::of(&file) {
                Kind::Flow => flow(&context, &mut engine, &file, arguments),
                Kind::Connections => connections(&file, arguments.format),
                Kind::Seed => seed(&file, arguments.format),
            };
            exits.push(match checked {
                Ok(exit) | Err(exit) => exit,
            });
        }
    }
    // What is wrong with a flow weighs more than a connection that is not there.
    [Exit::Failed, Exit::Invalid, Exit::Connection]
        .into_iter()
        .find(|exit| exits.contains(exit))
        .unwrap_or(Exit::Done)
}

/// A file is itself, a folder is what it holds.
pub(super) fn files_of(named: &Path) -> Result<Vec<PathBuf>, Exit> {
    if !named.is_dir() {
        return Ok(vec![named.to_owned()]);
    }
    let files = files::in_folder(named).map_err(|error| {
        render::error(
            &format!("cannot search `{}`: {}", named.display(), reason(&error)),
            None,
        );
        Exit::Invalid
    })?;
    if files.is_empty() {
        render::error(
            &format!("there is no flow in `{}`", named.display()),
            Some("a flow is a file that ends in `.yaml` and has a line that begins with `flow:`"),
        );
        return Err(Exit::Invalid);
    }
    Ok(files)
}

fn flow(
    context: &Context,
    engine: &mut Option<(PathBuf, Engine)>,
    file: &Path,
    arguments: &Validate,
) -> Result<Exit, Exit> {
    let folder = context::folder_of(file);
    // Flows of one folder see the same connections: the engine is made once for them.
    let engine = match engine {
        Some((made_for, engine)) if *made_for == folder => engine,
        _ => {
            let made = context.engine(&folder)?;
            &mut engine.insert((folder, made)).1
        }
    };
    let checked = context::check(engine, file, &arguments.connections)?;
    render::print(&diagnostics::render(
        &checked.source,
        &checked.diagnostics,
        arguments.format,
    ));
    if checked.has_errors() && arguments.format == Format::Text {
        let summary = diagnostics::summary(&checked.source, &checked.diagnostics);
        render::print(&format!("{summary}\n"));
    } else {
        say_ok(checked.source.name(), arguments.format);
    }
    Ok(Exit::of_diagnostics(&checked.diagnostics))
}

fn connections(file: &Path, format: Format) -> Result<Exit, Exit> {
    // A folder's own file is found before any other: what opens is this one.
    std::fs::metadata(file).map_err(|error| context::unreadable(file, &error))?;
    context::open_connections(
        &context::folder_of(file),
        Environment::of_file(file).as_ref(),
        format,
    )?;
    say_ok(&file.display().to_string(), format);
    Ok(Exit::Done)
}

fn seed(file: &Path, format: Format) -> Result<Exit, Exit> {
    read_seed(file).map_err(|message| {
        render::error(&message, None);
        Exit::Invalid
    })?;
    say_ok(&file.display().to_string(), format);
    Ok(Exit::Done)
}

/// Only people are told that nothing is wrong.
fn say_ok(name: &str, format: Format) {
    if format == Format::Text {
        render::print(&format!("{name}: ok\n"));
    }
}
