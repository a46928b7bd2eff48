//! Which files a person means: the flows of a folder, connection and seed files among them, and the
//! file that a mistyped name is near to.

use std::{
    ffi::OsStr,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use flowrun_connections::Environment;

/// How deep folders are searched.
const MAX_DEPTH: usize = 16;
/// How many files a search finds at most.
const MAX_FILES: usize = 10_000;
/// How much of a file is searched for a flow's first key, in bytes.
const MAX_SEARCHED: u64 = 16 << 20;

/// What a file that was named holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Flow,
    Connections,
    Seed,
}

impl Kind {
    pub(crate) fn of(path: &Path) -> Self {
        match path.file_name().and_then(|name| name.to_str()) {
            Some("connections.yaml") => Kind::Connections,
            _ if Environment::of_file(path).is_some() => Kind::Connections,
            Some("sandbox.yaml") => Kind::Seed,
            _ => Kind::Flow,
        }
    }
}

/// The files of a folder, and of those in it, that hold flows, connections or a seed, by name.
/// Hidden folders and links are left out, and so is YAML without a line that begins with `flow:`.
///
/// # Errors
///
/// Where a folder cannot be read, folders are nested deeper than 16, or hold more than 10,000 such
/// files.
pub(crate) fn in_folder(folder: &Path) -> io::Result<Vec<PathBuf>> {
    search(folder, MAX_FILES)
}

fn search(folder: &Path, most: usize) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_hidden(&entry.file_name()) {
                if depth == MAX_DEPTH {
                    return Err(io::Error::other(format!(
                        "folders are nested deeper than {MAX_DEPTH} at `{}`",
                        path.display()
                    )));
                }
                folders.push((path, depth + 1));
            } else if kind.is_file()
                && is_yaml(&path)
                && (Kind::of(&path) != Kind::Flow || looks_like_a_flow(&path))
            {
                if found.len() == most {
                    return Err(io::Error::other(format!("it holds more than {most} flows")));
                }
                found.push(path.strip_prefix(".").map(Path::to_owned).unwrap_or(path));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A file that cannot be read is taken for a flow, so that its check says why.
fn looks_like_a_flow(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(MAX_SEARCHED).read_to_end(&mut bytes));
    read.is_err()
        || bytes
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(b"flow:"))
}

/// The name that one was most likely meant for: at most a third of its letters differ.
pub(crate) fn nearest<'n>(
    wanted: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .filter(|(distance, name)| {
            let letters = name.chars().count();
            *distance <= (letters / 3).max(1) && *distance < letters
        })
        .min()
        .map(|(_, name)| name)
}

/// The YAML file beside a missing one that it was most likely meant for.
pub(crate) fn near_file(missing: &Path) -> Option<PathBuf> {
    let wanted = missing.file_stem()?.to_str()?;
    let parent = missing.parent()?;
    let folder = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .take(MAX_FILES)
        .filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())))
        .filter(|file| is_yaml(file))
        .collect();
    let stems = files.iter().filter_map(|file| file.file_stem()?.to_str());
    let near = nearest(wanted, stems)?;
    let found = files
        .iter()
        .find(|file| file.file_stem().is_some_and(|stem| stem == near))?;
    Some(parent.join(found))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_search_has_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let deepest = folder.path().join(["a"; MAX_DEPTH].join("/"));
        fs::create_dir_all(&deepest).unwrap();
        for at in [folder.path(), &deepest] {
            fs::write(at.join("flow.yaml"), "flow: a\n").unwrap();
        }
        assert_eq!(in_folder(folder.path()).unwrap().len(), 2);
        let message = search(folder.path(), 1).unwrap_err().to_string();
        assert_eq!(message, "it holds more than 1 flows");
        fs::create_dir(deepest.join("a")).unwrap();
        let message = in_folder(folder.path()).unwrap_err().to_string();
        assert!(
            message.starts_with("folders are nested deeper than 16"),
            "{message}"
        );
    }

    #[test]
    fn only_near_names_are_proposed() {
        let names = ["s3.upload", "s3.copy", "list.join", "x"];
        for (wanted, expect) in [
            ("s3.uplod", Some("s3.upload")),
            ("list.jion", Some("list.join")),
            ("y", None),
            ("s3.nothing", None),
            ("", None),
        ] {
            assert_eq!(nearest(wanted, names), expect, "{wanted}");
        }
    }
}
