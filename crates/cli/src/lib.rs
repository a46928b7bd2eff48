//! The flowrun command line: arguments, rendering and exit codes.
//!
//! A binary with cards of its own calls [`run`] with a function that registers them:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     flowrun_cli::run(std::env::args_os(), |registry| {
//!         flowrun_card_std::register(registry)?;
//!         // Here stand the cards of your own.
//!         Ok(())
//!     })
//! }
//! ```

mod args;
mod commands;
mod context;
mod exit;
mod files;
mod hidden;
mod identity;
mod render;
mod sandbox;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;
use flowrun_card::{Registry, RegistryError};

use self::{
    args::{Cli, Command},
    context::Context,
    exit::Exit,
};

/// Runs the command line with the cards that `register` adds, and gives the process's exit code:
/// 0 done, 1 the run failed, 2 the flow or the call is invalid, 3 cancelled, 4 a connection or
/// credentials.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    register: impl FnOnce(&mut Registry) -> Result<(), RegistryError>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(args::with_default_command(arguments.iter().cloned())) {
        Ok(cli) => cli,
        Err(error) => {
            // What stands after a mistyped command is not wrong for that.
            if error.use_stderr()
                && let Some(word) = args::mistyped_command(&arguments)
            {
                let help = args::suggest_command(word);
                render::error(&format!("there is no command `{word}`"), Some(&help));
                return Exit::Invalid.into();
            }
            // Help and version are no errors; both go where clap sends them.
            error.print().ok();
            return if error.use_stderr() {
                Exit::Invalid
            } else {
                Exit::Done
            }
            .into();
        }
    };
    let mut registry = Registry::new();
    if let Err(error) = register(&mut registry) {
        render::error(&format!("the catalogue of cards is broken: {error}"), None);
        return Exit::Failed.into();
    }
    let context = Context::new(registry, cli.verbose, cli.environment, cli.command.format());
    let exit = match cli.command {
        Command::Run(arguments) => commands::run::run(context, &arguments),
        Command::Validate(arguments) => commands::validate::run(context, &arguments),
        Command::Graph(arguments) => commands::graph::run(context, &arguments),
        Command::Cards(arguments) => commands::cards::run(&context, &arguments),
        Command::Schema(schema) => commands::schema::run(context, &schema),
        Command::Policy(arguments) => commands::policy::run(&context, &arguments),
        Command::Connections(arguments) => commands::connections::run(&context, &arguments),
        Command::Sandbox(arguments) => commands::sandbox::run(&arguments),
    };
    exit.into()
}
