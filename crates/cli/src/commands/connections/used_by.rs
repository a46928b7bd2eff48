//! `flowrun connections used-by`: which flows name a connection, and where.

use std::{
    any::Any,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, ConnectionKind as _, Connections, ErrorKind,
    SessionRequest,
};
use flowrun_connections::{AwsS3, Connection};
use flowrun_engine::{CheckOptions, Checked, Code, Engine};

use crate::{
    context::{self, Context, reason},
    exit::Exit,
    files::{self, Kind},
    render,
};

/// A place that names a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    file: PathBuf,
    line: usize,
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

pub(super) fn run(nickname: &str, folder: &Path, uses: &[Use]) -> Exit {
    if uses.is_empty() {
        render::error(
            &format!("no flow under `{}` names `{nickname}`", folder.display()),
            None,
        );
    }
    for place in uses {
        render::print(&format!("{place}\n"));
    }
    Exit::Done
}

/// The folder whose flows may name a connection, with all below: that of its file, where it is
/// above the folder that was named, because every flow below the file sees it.
pub(super) fn folder_of_flows(folder: &Path, connection: &Connection) -> PathBuf {
    let of_file = connection.file.parent();
    match (of_file, std::path::absolute(folder)) {
        (Some(of_file), Ok(named)) if named != of_file && named.starts_with(of_file) => {
            of_file.to_owned()
        }
        _ => folder.to_owned(),
    }
}

/// The places in the flows of a folder, and of those in it, that name a connection.
pub(super) fn uses(context: &Context, folder: &Path, nickname: &str) -> Result<Vec<Use>, Exit> {
    let flows = files::in_folder(folder).map_err(|error| {
        render::error(
            &format!("cannot search `{}`: {}", folder.display(), reason(&error)),
            None,
        );
        Exit::Invalid
    })?;
    // A flow that names the connection is one that misses it where all others are there.
    let engine = Engine::builder()
        .registry(context.registry.clone())
        .connections(AllBut(nickname.into()))
        .build();
    let mut uses = Vec::new();
    for file in flows {
        if Kind::of(&file) != Kind::Flow {
            continue;
        }
        let checked = engine
            .check_file(&file, &CheckOptions::default())
            .map_err(|error| context::unreadable(&file, &error))?;
        for line in lines(&checked, nickname) {
            uses.push(Use {
                file: file.clone(),
                line,
            });
        }
    }
    Ok(uses)
}

fn lines(checked: &Checked, nickname: &str) -> Vec<usize> {
    let mut lines: Vec<usize> = checked
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.code == Code::CONNECTION_NOT_FOUND)
        .map(|diagnostic| checked.source.position(diagnostic.primary.span.start).line)
        .map(|line| line as usize)
        .collect();
    lines.dedup();
    // A flow that cannot be read may name it all the same.
    if lines.is_empty() && checked.has_errors() {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
        let mut all = checked.source.text().lines();
        let named = all.position(|line| line.split(|c| !is_name(c)).any(|word| word == nickname));
        lines.extend(named.map(|index| index + 1));
    }
    lines
}

/// A store of every connection and set but one, and where that is a set, but its members.
struct AllBut(Arc<str>);

impl Connections for AllBut {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        let is_other = match nickname.strip_prefix(&*self.0) {
            Some(rest) => !(rest.is_empty() || rest.starts_with('/')),
            None => true,
        };
        is_other.then(|| ConnectionInfo {
            kind: AwsS3::NAME.to_owned(),
        })
    }

    fn members(&self, set: &str) -> Option<Vec<String>> {
        (*set != *self.0).then(|| vec![format!("{set}/member")])
    }

    fn nicknames(&self) -> Vec<String> {
        Vec::new()
    }

    fn session(
        &self,
        _: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(async {
            Err(CardError::new(
                ErrorKind::Connection,
                "this only checks flows",
            ))
        })
    }
}
