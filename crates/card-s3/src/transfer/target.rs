//! The file that a download becomes: whole or not at all, and never outside its folder.

use std::{
    io,
    path::{Path, PathBuf},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use flowrun_card::{CardError, Ctx};
use tokio::{fs::File, io::AsyncWriteExt};

use super::blocking::blocking;
use crate::error::file_error;

/// Whether a path stays below the folder that it starts in, as far as its text says, and is the
/// only way to write that file: `a//b` and `./a` are refused, because two keys must not become one
/// file.
pub(crate) fn stays_below(path: &str) -> bool {
    let is_name = |name: &str| !matches!(name, "" | "." | "..") && !name.contains('\0');
    path.split('/').all(is_name)
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
        make_folder(folder).map_err(failed)?;
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
                    make_folders_below(&parent, below).map_err(failed)?;
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
            sync(&self.parent).map_err(failed)
        })
        .await
    }
}

/// Makes a folder and those above it that are missing, their names on disk.
fn make_folder(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|above| !above.exists())
        .collect();
    std::fs::create_dir_all(folder)?;
    for made in missing {
        let Some(above) = made.parent() else { continue };
        let here = above.as_os_str().is_empty();
        let above = if here { Path::new(".") } else { above };
        std::fs::File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Makes the folders of a path below `folder` that are missing, their names on disk.
fn make_folders_below(folder: &Dir, below: &Path) -> io::Result<()> {
    folder.create_dir_all(below)?;
    sync(folder)?;
    for above in below.ancestors().skip(1) {
        if !above.as_os_str().is_empty() {
            sync(&folder.open_dir(above)?)?;
        }
    }
    Ok(())
}

/// Waits until the names in a folder are on disk.
fn sync(folder: &Dir) -> io::Result<()> {
    folder.open(".")?.sync_all()
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
        check("..a/b..", true);
        check(".flowrun", true);
        check("./a", false);
        check("a//b", false);
        check("a/./b", false);
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
