//! The files of a folder, found before anything is stored.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use cap_std::{ambient_authority, fs::Dir};
use flowrun_card::{CardError, ErrorKind};
use tokio::fs::File;

use crate::{
    error::file_error,
    fields::MAX_KEY_BYTES,
    transfer::{blocking::blocking, local::LocalFile},
};

/// Files of one folder.
const MAX_FILES: usize = 1_000_000;

/// A file to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The path below the folder, with `/` between names.
    pub(super) path: String,
    /// The key.
    pub(super) key: String,
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct Tree {
    root: Dir,
    folder: PathBuf,
    /// The files, by path in the order of its bytes.
    pub(super) files: Vec<Found>,
    /// What is left out, in the same order.
    pub(super) skipped: Vec<String>,
    /// Bytes of all files.
    pub(super) bytes: u64,
}

impl Tree {
    /// Opens a file. Through a symbolic link that took its place meanwhile, it can only lead to
    /// another file in the folder.
    pub(super) async fn open(&self, file: &Found) -> Result<LocalFile, CardError> {
        let path = self.folder.join(&file.path);
        let root = self
            .root
            .try_clone()
            .map_err(|error| file_error("open the file", &path, &error))?;
        let below = file.path.clone();
        let absolute = path.clone();
        let opened = blocking(move || {
            root.open(&below)
                .map_err(|error| file_error("open the file", &absolute, &error))
        })
        .await?;
        LocalFile::of(File::from_std(opened.into_std()), &path).await
    }
}

/// Finds every file. The folder's own path is followed, links in it are not.
pub(super) async fn walk(folder: PathBuf, prefix: String) -> Result<Tree, CardError> {
    blocking(move || walk_now(folder, &prefix, MAX_FILES)).await
}

fn walk_now(folder: PathBuf, prefix: &str, max_files: usize) -> Result<Tree, CardError> {
    let failed = |path: &Path, error: &std::io::Error| file_error("read the folder", path, error);
    let root = Dir::open_ambient_dir(&folder, ambient_authority())
        .map_err(|error| failed(&folder, &error))?;
    let mut tree = Tree {
        root,
        folder,
        files: Vec::new(),
        skipped: Vec::new(),
        bytes: 0,
    };
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        let path = tree.folder.join(&below);
        for entry in fs::read_dir(&path).map_err(|error| failed(&path, &error))? {
            let entry = entry.map_err(|error| failed(&path, &error))?;
            let name = utf8(entry.file_name(), &path)?;
            let below = match below.as_str() {
                "" => name,
                below => format!("{below}/{name}"),
            };
            let absolute = entry.path();
            // Of the entry itself: a link is not followed.
            let metadata = entry
                .metadata()
                .map_err(|error| failed(&absolute, &error))?;
            if metadata.is_dir() {
                folders.push(below);
            } else if metadata.is_file() {
                tree.bytes = tree.bytes.saturating_add(metadata.len());
                let key = key(prefix, &below, &absolute)?;
                tree.files.push(Found { path: below, key });
            } else {
                tree.skipped.push(below);
            }
            let found = [&tree.files.len(), &folders.len(), &tree.skipped.len()];
            if found.into_iter().any(|count| *count > max_files) {
                return Err(CardError::new(
                    ErrorKind::InvalidInput,
                    format!("a folder of more than {max_files} files is too much for one card"),
                )
                .context("folder", tree.folder.display().to_string())
                .help("upload its folders one by one"));
            }
        }
    }
    tree.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    tree.skipped.sort_unstable();
    Ok(tree)
}

fn utf8(name: OsString, folder: &Path) -> Result<String, CardError> {
    name.into_string().map_err(|name| {
        CardError::new(
            ErrorKind::InvalidInput,
            "the name of a file is not UTF-8, and keys are",
        )
        .context("path", folder.join(name).display().to_string())
        .help("rename the file")
    })
}

fn key(prefix: &str, below: &str, absolute: &Path) -> Result<String, CardError> {
    let key = format!("{prefix}{below}");
    let problem = if key.len() > MAX_KEY_BYTES {
        format!(
            "the key of a file would have {} bytes, and a key has at most {MAX_KEY_BYTES}",
            key.len()
        )
    } else if key.trim().is_empty() {
        "the key of a file would be white space alone, which is not supported".to_owned()
    } else {
        return Ok(key);
    };
    Err(CardError::new(ErrorKind::InvalidInput, problem)
        .context("path", absolute.display().to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::{ffi::OsStringExt, fs::symlink};

    use super::*;

    #[test]
    fn files_are_found_in_order_and_links_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("a/b")).unwrap();
        fs::create_dir_all(path.join("empty")).unwrap();
        for name in ["a/b/2", "a/1", "a.txt", "ä", "Z"] {
            fs::write(path.join(name), name).unwrap();
        }
        symlink("/etc/passwd", path.join("link")).unwrap();
        symlink("..", path.join("a/loop")).unwrap();
        let tree = walk_now(path.to_owned(), "p/", 100).unwrap();
        let found = |path: &str| Found {
            path: path.to_owned(),
            key: format!("p/{path}"),
        };
        assert_eq!(tree.files, ["Z", "a.txt", "a/1", "a/b/2", "ä"].map(found));
        assert_eq!(tree.skipped, ["a/loop", "link"]);
        assert_eq!(tree.bytes, 5 + 3 + 5 + 2 + 1);
    }

    #[test]
    fn what_cannot_be_a_key_is_an_error() {
        let check = |prefix: &str, name: OsString, max_files: usize, expect: &str| {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(&name), "").unwrap();
            let error = walk_now(folder.path().to_owned(), prefix, max_files).unwrap_err();
            assert_eq!(
                (error.kind, error.message.as_str()),
                (ErrorKind::InvalidInput, expect)
            );
        };
        check(
            "",
            OsString::from_vec(vec![b'a', 0xff]),
            10,
            "the name of a file is not UTF-8, and keys are",
        );
        check(
            &"p".repeat(1_024),
            "a".into(),
            10,
            "the key of a file would have 1025 bytes, and a key has at most 1024",
        );
        check(
            "",
            "a".into(),
            0,
            "a folder of more than 0 files is too much for one card",
        );
    }
}
