//! The arguments of every command.

mod connections;
mod policy;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use flowrun_connections::Environment;

pub(crate) use self::connections::{
    AddMember, AuthName, BaseName, ByHand, Connections, ConnectionsCommand, EditConnection,
    FinishConnection, HttpArguments, KindName, NewConnection, PlaceArguments, RoleArguments,
    RotateConnection, ShareCommand, TrustBy,
};
pub(crate) use self::policy::{Policy, PolicyFormat};
use crate::files;

const ABOUT: &str = "Runs workflows of cards, written in YAML";

const AFTER: &str = "\
Examples:
  flowrun flows/backup.yaml                     run a flow
  flowrun flows/backup.yaml --input day=2026-11-23
  flowrun validate flows                        check flows without running them
  flowrun cards s3.copy                         what a card takes, gives and may do
  flowrun policy flows/backup.yaml              what its roles must allow, and nothing else
  flowrun connections list                      the connections that flows can name

Exit codes: 0 done, 1 the run failed, 2 the flow or the call is invalid, 3 cancelled,
4 a connection or credentials.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "flowrun", version, about = ABOUT, after_help = AFTER, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(override_usage = "flowrun [OPTIONS] <FLOW>\n       flowrun [OPTIONS] <COMMAND>")]
pub(crate) struct Cli {
    /// Say more about what happens: -v for decisions, -vv for details
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Use the connections of `connections.NAME.yaml`, and no others
    #[arg(long, global = true, value_name = "NAME", env = "FLOWRUN_ENVIRONMENT")]
    #[arg(value_parser = Environment::parse)]
    pub(crate) environment: Option<Environment>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a flow; `flowrun FLOW` is short for it
    Run(Run),
    /// Check flows without running them
    Validate(Validate),
    /// Draw a flow as text for Mermaid or Graphviz
    Graph(Graph),
    /// List the cards, or show one: inputs, outputs, permissions, examples
    Cards(Cards),
    /// Print the JSON Schema of flow files, or of connection files, for editors
    Schema(Schema),
    /// Print the least IAM policy that flows need, or compare an existing one with it
    Policy(Policy),
    /// Make, prove and manage connections
    Connections(Box<Connections>),
    /// Serve the sandbox: S3 and STS on this machine, with IAM enforced
    Sandbox(Sandbox),
}

impl Command {
    /// How what is wrong with files is printed.
    pub(crate) fn format(&self) -> Format {
        match self {
            Command::Validate(validate) => validate.format,
            Command::Run(Run { json: true, .. }) | Command::Policy(Policy { json: true, .. }) => {
                Format::Json
            }
            _ => Format::Text,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The flow file
    #[arg(value_name = "FLOW")]
    pub(crate) flow: PathBuf,
    /// An input of the flow, read by its declared type; repeatable
    #[arg(short, long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) inputs: Vec<(String, String)>,
    /// A YAML or JSON file of inputs; `--input` wins over it
    #[arg(long = "inputs", value_name = "FILE")]
    pub(crate) inputs_file: Option<PathBuf>,
    /// A secret, read from `env:VARIABLE` or `file:PATH`; repeatable
    #[arg(long = "secret", value_name = "NAME=SOURCE")]
    pub(crate) secrets: Vec<String>,
    /// Use another connection for an alias of the flow; repeatable
    #[arg(short, long = "connection", value_name = "ALIAS=NICKNAME", value_parser = pair)]
    pub(crate) connections: Vec<(String, String)>,
    /// Print one JSON event a line on standard output, and nothing else
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
    /// Print nothing but the outputs, and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Flow files, or folders of them; `connections.yaml` and `sandbox.yaml` are checked too
    #[arg(value_name = "FLOW", required = true)]
    pub(crate) flows: Vec<PathBuf>,
    /// Use another connection for an alias of the flow; repeatable
    #[arg(short, long = "connection", value_name = "ALIAS=NICKNAME", value_parser = pair)]
    pub(crate) connections: Vec<(String, String)>,
    /// How to print what was found
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// How diagnostics are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// With the source, for people
    Text,
    /// `file:line:column: severity[code]: message`, one a line
    Short,
    /// One JSON object a line
    Json,
    /// Annotations of GitHub Actions
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The flow file
    #[arg(value_name = "FLOW")]
    pub(crate) flow: PathBuf,
    /// The language of the drawing
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub(crate) format: GraphFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Mermaid,
    Dot,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Of which files
    #[arg(value_enum, value_name = "FILES", default_value_t = SchemaOf::Flow)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Flow files
    Flow,
    /// `connections.yaml`, and those of environments
    Connections,
}

#[derive(Debug, Args)]
pub(crate) struct Cards {
    /// A card's name, or a word to look for
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sandbox {
    /// Where to listen: an address of this machine; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Where objects are kept; in memory and a temporary folder where not given
    #[arg(long, value_name = "FOLDER")]
    pub(crate) state: Option<PathBuf>,
    /// Accounts, roles and buckets to begin with; `sandbox.yaml` here or in `flows/` where not given
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
}

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// The names of the commands.
pub(crate) const COMMANDS: [&str; 9] = [
    "run",
    "validate",
    "graph",
    "cards",
    "schema",
    "policy",
    "connections",
    "sandbox",
    "help",
];

/// `flowrun FLOW` is `flowrun run FLOW`: where the first argument is no command and asks for no
/// help, `run` goes before it.
pub(crate) fn with_default_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let explicit = |argument: &OsString| {
        argument.to_str().is_some_and(|argument| {
            COMMANDS.contains(&argument) || matches!(argument, "-h" | "--help" | "-V" | "--version")
        })
    };
    let first = arguments
        .iter()
        .skip(1)
        .position(|argument| !is_verbose(argument))
        .map(|at| at + 1);
    if let Some(at) = first
        && arguments
            .get(at)
            .is_some_and(|argument| !explicit(argument))
    {
        arguments.insert(at, OsString::from("run"));
    }
    arguments
}

/// A first argument that looks like a mistyped command: a bare word that is no file.
pub(crate) fn mistyped_command(arguments: &[OsString]) -> Option<&str> {
    let word = arguments
        .iter()
        .skip(1)
        .find(|argument| !is_verbose(argument))?
        .to_str()?;
    let bare = !word.contains(['/', '.']) && !word.starts_with('-');
    (bare && !COMMANDS.contains(&word) && !Path::new(word).exists()).then_some(word)
}

/// What may have been meant by a word that is no command.
pub(crate) fn suggest_command(word: &str) -> String {
    files::nearest(word, COMMANDS).map_or_else(
        || "`flowrun help` lists the commands".to_owned(),
        |command| format!("did you mean `flowrun {command}`?"),
    )
}

/// `-v`, `-vv`, `--verbose`: global, so that they may stand before the command.
fn is_verbose(argument: &OsString) -> bool {
    argument.to_str().is_some_and(|argument| {
        argument == "--verbose"
            || argument
                .strip_prefix('-')
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c == 'v'))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[track_caller]
    fn check(typed: &str, expect: &str) {
        let arguments = typed.split(' ').map(OsString::from);
        let found = with_default_command(arguments);
        let found: Vec<_> = found.iter().map(|a| a.to_str().unwrap()).collect();
        assert_eq!(found.join(" "), expect);
    }

    #[test]
    fn a_flow_alone_is_run() {
        check("flowrun a.yaml", "flowrun run a.yaml");
        check("flowrun --json a.yaml", "flowrun run --json a.yaml");
        check("flowrun -v a.yaml", "flowrun -v run a.yaml");
        check("flowrun run a.yaml", "flowrun run a.yaml");
        check("flowrun -vv validate a.yaml", "flowrun -vv validate a.yaml");
        check("flowrun --help", "flowrun --help");
        check("flowrun -V", "flowrun -V");
        check("flowrun", "flowrun");
    }

    #[test]
    fn the_commands_are_those_of_the_command_line() {
        let mut command = Cli::command();
        command.build();
        let names: Vec<_> = command.get_subcommands().map(|c| c.get_name()).collect();
        assert_eq!(names, COMMANDS);
        command.debug_assert();
    }
}
