//! Diagnostics: with their source for people, in a line for scripts, as JSON and as annotations of
//! GitHub Actions.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use flowrun_connections::StoreError;
use flowrun_engine::{Diagnostic, Severity, Source};
use serde_json::{Value as Json, json};

use crate::{args::Format, render::text::count};

/// The code of what is wrong with a connection file.
const CONNECTION_FILE: &str = "connection-file";

/// The diagnostics of a file, each ending with a line break.
pub(crate) fn render(source: &Source, diagnostics: &[Diagnostic], format: Format) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let shown = match format {
            Format::Text => format!("{}\n", with_source(source, diagnostic)),
            Format::Short => diagnostic.to_line(source),
            Format::Json => as_json(source, diagnostic).to_string(),
            Format::Github => annotation(source, diagnostic),
        };
        text.push_str(&shown);
        text.push('\n');
    }
    text
}

/// How many there are, such as `2 errors and 1 warning in flows/a.yaml`.
pub(crate) fn summary(source: &Source, diagnostics: &[Diagnostic]) -> String {
    let of = |severity| {
        let found = diagnostics
            .iter()
            .filter(|d| d.severity == severity)
            .count();
        u64::try_from(found).unwrap_or(u64::MAX)
    };
    let errors = count(of(Severity::Error), "error");
    match of(Severity::Warning) {
        0 => format!("{errors} in {}", source.name()),
        warnings => format!(
            "{errors} and {} in {}",
            count(warnings, "warning"),
            source.name()
        ),
    }
}

fn with_source(source: &Source, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    // Only the lines that are shown are given to the renderer, so that many diagnostics of a large
    // file stay cheap.
    let labels = || std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary);
    let first = labels().map(|label| label.span.start).min().unwrap_or(0) as usize;
    let last = labels().map(|label| label.span.end).max().unwrap_or(0) as usize;
    let whole = source.text();
    let start = whole
        .get(..first)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1);
    let end = whole
        .get(last..)
        .and_then(|after| after.find('\n'))
        .map_or(whole.len(), |at| last + at);
    let shown = whole.get(start..end).unwrap_or_default();
    let line = source.position(u32::try_from(start).unwrap_or(0)).line;
    let range = |label: &flowrun_engine::Label| {
        let from = (label.span.start as usize)
            .saturating_sub(start)
            .min(shown.len());
        let to = (label.span.end as usize)
            .saturating_sub(start)
            .min(shown.len());
        from..to.max(from)
    };
    let mut snippet = Snippet::source(shown)
        .line_start(line as usize)
        .path(source.name())
        .fold(true);
    for (index, label) in labels().enumerate() {
        let kind = if index == 0 {
            AnnotationKind::Primary
        } else {
            AnnotationKind::Context
        };
        let text = (!label.text.is_empty()).then_some(label.text.as_str());
        snippet = snippet.annotation(kind.span(range(label)).label(text));
    }
    let mut group = level
        .primary_title(diagnostic.message.as_str())
        .id(diagnostic.code.name())
        .element(snippet);
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    Renderer::styled().render(&[group])
}

/// Prints what is wrong with a connection file: for people on standard error, for programs as a
/// diagnostic.
pub(crate) fn of_store(error: &StoreError, help: Option<&str>, format: Format) {
    let (line, column) = error.position();
    let (file, message) = (error.path().display().to_string(), error.problem());
    let text = match format {
        Format::Text => return super::error(&error.to_string(), help),
        Format::Short => format!("{file}:{line}:{column}: error[{CONNECTION_FILE}]: {message}"),
        Format::Json => json!({
            "file": file,
            "code": CONNECTION_FILE,
            "severity": Severity::Error.name(),
            "message": message,
            "primary": {
                "line": line,
                "column": column,
                "end_line": line,
                "end_column": column,
                "text": "",
            },
            "secondary": [],
            "help": help,
        })
        .to_string(),
        Format::Github => workflow_command(&Command {
            severity: Severity::Error,
            file: &file,
            start: (line, column),
            end: (line, column),
            title: CONNECTION_FILE,
            message,
            help,
        }),
    };
    super::print(&format!("{text}\n"));
}

/// The wire format of a diagnostic; lines and columns count from 1.
fn as_json(source: &Source, diagnostic: &Diagnostic) -> Json {
    let label = |label: &flowrun_engine::Label| {
        let start = source.position(label.span.start);
        let end = source.position(label.span.end);
        json!({
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
            "text": label.text,
        })
    };
    json!({
        "file": source.name(),
        "code": diagnostic.code.name(),
        "severity": diagnostic.severity.name(),
        "message": diagnostic.message,
        "primary": label(&diagnostic.primary),
        "secondary": diagnostic.secondary.iter().map(label).collect::<Vec<_>>(),
        "help": diagnostic.help,
    })
}

fn annotation(source: &Source, diagnostic: &Diagnostic) -> String {
    let place = |at: u32| {
        let position = source.position(at);
        (position.line as usize, position.column as usize)
    };
    workflow_command(&Command {
        severity: diagnostic.severity,
        file: source.name(),
        start: place(diagnostic.primary.span.start),
        end: place(diagnostic.primary.span.end),
        title: diagnostic.code.name(),
        message: diagnostic.message.clone(),
        help: diagnostic.help.as_deref(),
    })
}

/// What an annotation says; lines and columns count from 1.
struct Command<'a> {
    severity: Severity,
    file: &'a str,
    start: (usize, usize),
    end: (usize, usize),
    title: &'a str,
    message: String,
    help: Option<&'a str>,
}

/// A [workflow command](https://docs.github.com/actions/reference/workflow-commands-for-github-actions)
/// of GitHub Actions.
fn workflow_command(command: &Command<'_>) -> String {
    let data = |text: &str| {
        text.replace('%', "%25")
            .replace('\r', "%0D")
            .replace('\n', "%0A")
    };
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let mut message = command.message.clone();
    if let Some(help) = command.help {
        write!(message, "\nhelp: {help}").ok();
    }
    format!(
        "::{} file={},line={},endLine={},col={},endColumn={},title={}::{}",
        command.severity.name(),
        property(command.file),
        command.start.0,
        command.end.0,
        command.start.1,
        command.end.1,
        command.title,
        data(&message)
    )
}
