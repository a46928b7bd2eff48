//! The inputs of a run: what was given, fitted to what the flow declares.

use std::{collections::BTreeMap, fmt, fs, io, path::Path};

use flowrun_card::{ConnectionRef, Connections, FileRef, TypeKind, Value, ValueError, shorten};

use super::{
    evaluate::{Globals, View, guarded},
    secrets::{self, how_to_give},
};
use crate::{
    plan::{Plan, PlannedInput},
    suggest,
};

/// The most characters of a given text that a message repeats.
const MAX_SHOWN: usize = 80;

/// What a caller gives to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// An input.
    Input,
    /// A connection, by its alias.
    Connection,
    /// A secret.
    Secret,
}

/// `input`, `connection` or `secret`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Subject::Input => "input",
            Subject::Connection => "connection",
            Subject::Secret => "secret",
        })
    }
}

/// An input, connection or secret that the run cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputProblem {
    /// What it is.
    pub subject: Subject,
    /// The input or alias.
    pub name: String,
    /// What is wrong with it.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Every input, connection and secret that the run cannot use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidInputs {
    /// Connections, then secrets, then inputs, each in the order of the flow and unknown ones last.
    pub problems: Vec<InputProblem>,
}

impl fmt::Display for InvalidInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidInputs {}

impl fmt::Display for InputProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.subject, self.name, self.message)
    }
}

impl std::error::Error for InputProblem {}

/// Fits what was given, fills in defaults, and finds files and connections.
pub(super) fn resolve(
    declared: &[PlannedInput],
    mut given: BTreeMap<String, Value>,
    globals: &Globals,
    folder: &Path,
    connections: &dyn Connections,
) -> Result<Vec<Value>, InvalidInputs> {
    let mut problems = Vec::new();
    let mut values = Vec::with_capacity(declared.len());
    for input in declared {
        let value = match given.remove(&*input.name) {
            Some(value) => Ok(value),
            None => match &input.default {
                Some(slot) => guarded(|| View::of_globals(globals).slot(slot))
                    .map_err(|error| (error.message, error.help)),
                None if input.required && input.ty.kind == TypeKind::Secret => {
                    Err(("missing".to_owned(), Some(how_to_give(&input.name))))
                }
                None if input.required => Err((
                    "missing".to_owned(),
                    Some(match &input.description {
                        Some(description) => {
                            format!("add `--input {}=VALUE` — {description}", input.name)
                        }
                        None => format!("add `--input {}=VALUE`", input.name),
                    }),
                )),
                None => Ok(Value::Null),
            },
        };
        let value = value
            .map_err(|problem| problem_of(input, problem))
            .and_then(|value| fit(input, value, folder, connections));
        values.push(value.unwrap_or_else(|problem| {
            problems.push(problem);
            Value::Null
        }));
    }
    problems.extend(unknown(declared, given.keys()));
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(InvalidInputs { problems })
    }
}

/// Fits what was given for an input to its declaration.
pub(super) fn fit(
    input: &PlannedInput,
    value: Value,
    folder: &Path,
    connections: &dyn Connections,
) -> Result<Value, InputProblem> {
    let value =
        refer(input, value, folder, connections).map_err(|problem| problem_of(input, problem))?;
    if value.is_null() && !input.required {
        return Ok(value);
    }
    input.ty.conform(value).map_err(|mismatches| {
        let problems: Vec<String> = mismatches
            .iter()
            .map(|mismatch| match mismatch.location().as_str() {
                "" => mismatch.message.clone(),
                location => format!("`{location}`: {}", mismatch.message),
            })
            .collect();
        problem_of(input, (problems.join("; "), None))
    })
}

/// The given names that no input has.
pub(super) fn unknown<'a>(
    declared: &[PlannedInput],
    given: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = InputProblem> {
    let names = || declared.iter().map(|input| &*input.name);
    given
        .filter(move |name| names().all(|declared| declared != *name))
        .map(move |name| InputProblem {
            subject: Subject::Input,
            name: name.clone(),
            message: "the flow has no such input".to_owned(),
            help: suggest::among(name, names()),
        })
}

fn problem_of(input: &PlannedInput, (message, help): (String, Option<String>)) -> InputProblem {
    InputProblem {
        subject: Subject::Input,
        name: input.name.to_string(),
        message,
        help,
    }
}

/// A path, nickname or secret text that a caller gave becomes the file, connection or secret. Only a
/// caller's text does: within a flow, text never becomes one of them.
fn refer(
    input: &PlannedInput,
    value: Value,
    folder: &Path,
    connections: &dyn Connections,
) -> Result<Value, (String, Option<String>)> {
    match (&input.ty.kind, &value) {
        (TypeKind::Secret, Value::String(text)) => {
            secrets::given(&input.name, text).map_err(|message| (message, None))
        }
        (TypeKind::File, Value::String(path)) => {
            let path = folder.join(&**path);
            let metadata = fs::metadata(&path).map_err(|error| {
                let message = format!("cannot read `{}`: {}", path.display(), reason(&error));
                let help = "name a file that this user can read".to_owned();
                (message, Some(help))
            })?;
            if !metadata.is_file() {
                let message = format!("`{}` is no file", path.display());
                return Err((message, Some("name a file, not a folder".to_owned())));
            }
            Ok(Value::File(FileRef::new(path, metadata.len(), None)))
        }
        (TypeKind::Connection { .. }, Value::String(nickname)) => {
            match connections.info(nickname) {
                Some(info) => Ok(Value::Connection(ConnectionRef::new(
                    info.kind,
                    &**nickname,
                ))),
                None => Err((
                    format!("there is no connection `{nickname}`"),
                    suggest::among(nickname, connections.nicknames().iter().map(String::as_str)),
                )),
            }
        }
        _ => Ok(value),
    }
}

/// An operating system's error as part of a message: without its number and its capital.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .split_once(" (os error")
        .map_or(&*text, |(reason, _)| reason);
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}

impl Plan {
    /// Reads the text of an input, as given on a command line, by its declaration: numbers and
    /// booleans as JSON writes them, lists and objects as JSON, all else as it is. JSON is read as
    /// [`Value::from_json`] reads it. The path of a
    /// file starts at `folder`, where it is relative.
    ///
    /// # Errors
    /// Text that is no value of the declared type, a secret of any text, JSON that cannot be read whole, and an input that the flow does not have.
    pub fn read_input(&self, name: &str, text: &str, folder: &Path) -> Result<Value, InputProblem> {
        let problem = |message: String, help: Option<String>| InputProblem {
            subject: Subject::Input,
            name: name.to_owned(),
            message,
            help,
        };
        let Some(input) = self.inputs.iter().find(|input| *input.name == *name) else {
            let names = self.inputs.iter().map(|input| &*input.name);
            return Err(problem(
                "the flow has no such input".to_owned(),
                suggest::among(name, names),
            ));
        };
        let value = match &input.ty.kind {
            TypeKind::Secret => {
                return Err(problem(
                    "a secret is never written on a command line, where other programs can read it"
                        .to_owned(),
                    Some(how_to_give(name)),
                ));
            }
            TypeKind::Boolean
            | TypeKind::Integer { .. }
            | TypeKind::Number { .. }
            | TypeKind::List { .. }
            | TypeKind::Object { .. } => Value::from_json(text).map_err(|error| match error {
                ValueError::NotJson { .. } => {
                    let example = match &input.ty.kind {
                        TypeKind::Boolean => "true",
                        TypeKind::Integer { .. } => "42",
                        TypeKind::Number { .. } => "4.2",
                        TypeKind::List { .. } => r#"["a","b"]"#,
                        _ => r#"{"a":1}"#,
                    };
                    let shown = shorten(text, MAX_SHOWN);
                    problem(
                        format!("expected {}, found `{shown}`", input.ty),
                        Some(format!("write it as JSON, such as `{example}`")),
                    )
                }
                error => problem(error.to_string(), None),
            })?,
            TypeKind::File => Value::string(folder.join(text).to_string_lossy()),
            TypeKind::Any => match Value::from_json(text) {
                Err(ValueError::NotJson { .. }) => Value::from(text),
                read => read.map_err(|error| problem(error.to_string(), None))?,
            },
            _ => Value::from(text),
        };
        Ok(value)
    }
}
