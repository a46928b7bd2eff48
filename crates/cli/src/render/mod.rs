//! Showing things to people and programs: diagnostics, runs, errors and logs.

pub(crate) mod diagnostics;
pub(crate) mod json;
pub(crate) mod live;
pub(crate) mod plain;
mod redact;
pub(crate) mod text;

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};

pub(crate) use self::redact::{panics, redactor};

/// The style of an error's first word.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of a warning's first word.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of what helps.
pub(crate) const HELP: Style = AnsiColor::Cyan.on_default().bold();
/// The style of what went well.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// The style of what matters less.
pub(crate) const DIM: Style = Style::new().dimmed();

/// Prints an error, and what to do, on standard error.
pub(crate) fn error(message: &str, help: Option<&str>) {
    say(&format!("{ERROR}error{ERROR:#}"), message, help);
}

/// Prints a warning, and what to do, on standard error.
pub(crate) fn warning(message: &str, help: Option<&str>) {
    say(&format!("{WARNING}warning{WARNING:#}"), message, help);
}

fn say(what: &str, message: &str, help: Option<&str>) {
    let mut out = anstream::stderr().lock();
    // Where standard error is gone there is nobody to tell.
    writeln!(out, "{what}: {}", redactor().text(message)).ok();
    if let Some(help) = help {
        writeln!(out, "{HELP}help{HELP:#}: {}", redactor().text(help)).ok();
    }
}

/// Prints on standard output. A closed pipe ends the output, not the program: `flowrun cards |
/// head` is no error. It is data: only secrets that are known are taken out.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    out.write_all(redactor().data(text).as_bytes())
        .and_then(|()| out.flush())
        .ok();
}

/// Whether standard error is a terminal that somebody watches.
pub(crate) fn is_watched() -> bool {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    std::io::stderr().is_terminal() && !dumb
}

/// Sends logs to standard error: nothing by default, more with each `-v`, or what `RUST_LOG` says.
pub(crate) fn logging(verbose: u8) {
    use tracing_subscriber::{EnvFilter, fmt};
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter,
        _ => match verbose {
            0 => return,
            1 => "warn,flowrun=info".to_owned(),
            _ => "info,flowrun=debug".to_owned(),
        },
    };
    // The S3 layer of the sandbox logs what clients send, signed URLs too.
    let filter = EnvFilter::new(format!("{filter},s3s=off"));
    // Already set where another program embeds this command line: its choice stands.
    fmt()
        .with_env_filter(filter)
        .with_writer(redact::LogLine::default)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .try_init()
        .ok();
}
