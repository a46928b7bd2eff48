//! The file that a download becomes: whole or not at all, and never outside its folder.

use std::{
    io,
    path::{Component, Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use flowrun_card::{CardError, Ctx};
use tokio::{fs::File, io::AsyncWriteExt};

use super::blocking::blocking;
use crate::error::file_error;

/// Whether a path stays below the folder that it starts in, as far as its text says.
pub(crate) fn stays_below(path: &str) -> bool {
    let mut names = 0_u32;
    for component in Path::new(path).components() {
        match component {
            Component::Normal(_) => names = names.saturating_add(1),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    // `Path` forgets a slash at the end, which asks for a folder.
    names > 0 && !path.ends_with('/') && !path.ends_with("/.") && !path.contains('\0')
}

/// A temporary file beside the target. Dropped before it is kept, it is removed.
pub(crate) struct Target {
    parent: Dir,
    temporary: String,
    name: String,
    path: PathBuf,
    file: File,
    kept: bool,
}

impl Target {
    /// Makes the folders that are missing and the temporary file, `.flowrun-` and 16 hexadecimal
    /// digits, in the folder of the target.
    ///
    /// `to` must [stay below](stays_below) `folder`; a symbolic link on the way that leads out of
    /// `folder` is refused, and one in the target's own place is replaced, not followed.
    pub(crate) async fn create(ctx: &Ctx, folder: &Path, to: &str) -> Result<Self, CardError> {
        let temporary = format!(".flowrun-{:016x}", ctx.random());
        let folder = folder.to_owned();
        let to = PathBuf::from(to);
        blocking(move || Self::create_now(&folder, &to, temporary)).await
    }

    fn create_now(folder: &Path, to: &Path, temporary: String) -> Result<Self, CardError> {
        let path: PathBuf = folder.join(to).components().collect();
        let failed = |error: io::Error| file_error("write the file", &path, &error);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut parent = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
        let name = to
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name else {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        };
        if let Some(below) = to.parent().filter(|below| !below.as_os_str().is_empty()) {
            parent = match parent.open_dir(below) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    parent.create_dir_all(below).map_err(failed)?;
                    parent.open_dir(below).map_err(failed)?
                }
                opened => opened.map_err(failed)?,
            };
        }
        // Asked before the download, not found out after it.
        if parent
            .symlink_metadata(&name)
            .is_ok_and(|metadata| metadata.is_dir())
        {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        let file = parent
            .open_with(&temporary, OpenOptions::new().write(true).create_new(true))
            .map_err(failed)?;
        Ok(Self {
            parent,
            temporary,
            name,
            file: File::from_std(file.into_std()),
            path,
            kept: false,
        })
    }

    /// The absolute path of the target.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), CardError> {
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| file_error("write the file", &self.path, &error))
    }

    /// Puts the file in the target's place: content on disk, then the name, then the name on disk.
    pub(crate) async fn keep(mut self) -> Result<(), CardError> {
        let failed = |error: io::Error| file_error("write the file", &self.path, &error);
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        blocking(move || {
            let failed = |error: io::Error| file_error("write the file", &self.path, &error);
            self.parent
                .rename(&self.temporary, &self.parent, &self.name)
                .map_err(failed)?;
            self.kept = true;
            let folder = self.parent.open(".").map_err(failed)?;
            folder.sync_all().map_err(failed)
        })
        .await
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = self.parent.remove_file(&self.temporary)
        {
            tracing::warn!(path = %self.path.display(), %error, "a temporary file is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_are_taken() {
        let check = |path: &str, expect: bool| assert_eq!(stays_below(path), expect, "{path:?}");
        check("a", true);
        check("a/b.csv", true);
        check("./a//b", true);
        check("..a/b..", true);
        check("", false);
        check(".", false);
        check("a/", false);
        check("a/.", false);
        check("..", false);
        check("a/../b", false);
        check("/etc/passwd", false);
        check("a\0b", false);
    }
}
