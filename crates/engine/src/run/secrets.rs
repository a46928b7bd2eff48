//! The secrets of a run: given by the caller, or read from where the flow says, once, before its
//! first card.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use flowrun_card::{NamedSecret, Redactor, Secret, TypeKind, Value};

use super::inputs::{InputProblem, Subject, reason};
use crate::{plan::Plan, suggest};

/// The largest secret, in bytes.
pub(super) const MAX_SECRET: usize = 16 << 10;

/// How a caller gives a secret.
pub(super) fn how_to_give(name: &str) -> String {
    format!("give it with `--secret {name}=env:VARIABLE` or `--secret {name}=file:PATH`")
}

/// Where a secret is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable of this process.
    Env(String),
    /// A file.
    File(PathBuf),
}

/// Reads `env:VARIABLE` or `file:PATH`.
impl FromStr for SecretSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(SecretSource::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(SecretSource::File(path.into())),
            // What was written may be the secret itself: the message does not repeat it.
            _ => Err("write where it is read from: `env:VARIABLE` or `file:PATH`".to_owned()),
        }
    }
}

impl SecretSource {
    /// Reads the secret: at most 16 KiB of UTF-8, and not empty. The path of a file starts at
    /// `folder` where it is relative; one line break at the end of a file is no part of the secret.
    ///
    /// # Errors
    /// What is wrong, without any part of the secret.
    pub fn read(&self, folder: &Path) -> Result<Secret, String> {
        match self {
            SecretSource::Env(name) => {
                let text = env::var(name).map_err(|error| match error {
                    env::VarError::NotPresent => {
                        format!("the environment variable `{name}` is not set")
                    }
                    env::VarError::NotUnicode(_) => {
                        format!("the environment variable `{name}` is no UTF-8 text")
                    }
                })?;
                whole(text)
                    .map_err(|problem| format!("the environment variable `{name}` {problem}"))
            }
            SecretSource::File(path) => {
                let path = folder.join(path);
                let shown = path.display();
                let text = read(&path)
                    .map_err(|error| format!("cannot read `{shown}`: {}", reason(&error)))?;
                whole(text).map_err(|problem| format!("the file `{shown}` {problem}"))
            }
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let limit = u64::try_from(MAX_SECRET).unwrap_or(u64::MAX);
    let mut text = String::new();
    // The line break at the end, and one byte more to see that it is too large.
    fs::File::open(path)?
        .take(limit.saturating_add(3))
        .read_to_string(&mut text)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// A secret of a size that it can have.
fn whole(text: String) -> Result<Secret, &'static str> {
    let secret = Secret::new(text);
    match secret.expose().len() {
        0 => Err("is empty"),
        length if length > MAX_SECRET => Err("is larger than 16 KiB"),
        _ => Ok(secret),
    }
}

/// A text that a caller gave for an input of type `secret`.
pub(super) fn given(name: &str, text: &str) -> Result<Value, String> {
    let secret = whole(text.to_owned()).map_err(|problem| format!("the secret {problem}"))?;
    Ok(Value::Secret(NamedSecret::new(name, secret)))
}

/// What a run has of secrets.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// By their place in the plan.
    pub(super) values: Vec<Value>,
    pub(super) problems: Vec<InputProblem>,
}

/// The secrets of a plan: those that were given, and those that are read. What was given under the
/// name of an input goes to the inputs.
pub(super) fn resolve(
    plan: &Plan,
    mut given: BTreeMap<String, Secret>,
    inputs: &mut BTreeMap<String, Value>,
    folder: &Path,
) -> Secrets {
    let mut found = Secrets::default();
    for input in &plan.inputs {
        if matches!(input.ty.kind, TypeKind::Secret)
            && let Some(secret) = given.remove(&*input.name)
        {
            let value = Value::Secret(NamedSecret::new(Arc::clone(&input.name), secret));
            inputs.insert(input.name.to_string(), value);
        }
    }
    let problem = |name: &str, message: String, help: Option<String>| InputProblem {
        subject: Subject::Secret,
        name: name.to_owned(),
        message,
        help,
    };
    for secret in &plan.secrets {
        let read = match given.remove(&*secret.name) {
            Some(secret) => Ok(secret),
            None => secret.source.read(folder),
        };
        found.values.push(match read {
            Ok(text) => Value::Secret(NamedSecret::new(Arc::clone(&secret.name), text)),
            Err(message) => {
                let help = match &secret.source {
                    SecretSource::Env(_) => "set it, or ",
                    SecretSource::File(_) => "",
                };
                let help = format!("{help}{}", how_to_give(&secret.name));
                found
                    .problems
                    .push(problem(&secret.name, message, Some(help)));
                Value::Null
            }
        });
    }
    for name in given.keys() {
        let secrets = plan.secrets.iter().map(|secret| &*secret.name);
        let inputs = plan.inputs.iter();
        let of_secrets = inputs
            .filter(|input| matches!(input.ty.kind, TypeKind::Secret))
            .map(|input| &*input.name);
        let help = suggest::among(name, secrets.chain(of_secrets));
        let message = "the flow has no such secret, and no such input of type `secret`".to_owned();
        found.problems.push(problem(name, message, help));
    }
    found
}

/// Tells the redactor of every secret among the values. Gives the names of those that are too short
/// to be looked for.
pub(super) fn register<'v>(
    redactor: &Redactor,
    values: impl IntoIterator<Item = &'v Value>,
) -> Vec<String> {
    let mut short = Vec::new();
    for value in values {
        if let Value::Secret(named) = value
            && !redactor.add(named.secret())
        {
            short.push(named.name().to_owned());
        }
    }
    short
}
