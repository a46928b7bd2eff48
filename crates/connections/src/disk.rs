//! Files that are written whole or not at all, one process after another.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::StoreError;

/// What flowrun keeps for itself beside a connection file.
const STATE_FOLDER: &str = ".flowrun";
const LOCK_FILE: &str = "connections.lock";
/// How often a lock is tried, and how long it is waited for in between.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The folder beside a connection file that holds what is not for git.
pub(crate) fn state_folder(connection_file: &Path) -> PathBuf {
    connection_file
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .join(STATE_FOLDER)
}

/// Keeps other processes from writing a connection file, and what belongs to it, until it is
/// dropped. Readers need none: a file is there whole, old or new.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Locked for as long as it is open.
    _file: File,
}

impl Lock {
    /// Waits up to ten seconds for the lock of a connection file. Makes the folder that the lock
    /// is in, with a `.gitignore` that keeps it out of git.
    ///
    /// # Errors
    /// Where the folder or the lock cannot be written, or another process keeps the lock.
    pub(crate) fn of(connection_file: &Path) -> Result<Self, StoreError> {
        let folder = state_folder(connection_file);
        make_state_folder(&folder)?;
        let path = folder.join(LOCK_FILE);
        let failed = |source| StoreError::Write {
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
        Err(StoreError::Locked {
            path,
            seconds: LOCK_PAUSE.saturating_mul(LOCK_TRIES).as_secs(),
        })
    }
}

fn make_state_folder(folder: &Path) -> Result<(), StoreError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let ignore = folder.join(".gitignore");
    match File::options().create_new(true).write(true).open(&ignore) {
        Ok(mut file) => file.write_all(b"*\n").map_err(failed(&ignore)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(&ignore)(error)),
    }
}

/// Puts a file in the place of another one, or makes it: after a crash at any moment the old one
/// is there, or the new one, whole. The caller holds the lock of the folder.
///
/// # Errors
/// Where the folder or the file cannot be written. The old one is left then.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, bytes, 0o666)
}

/// As [`replace`], for a file that nobody else shall read, from its first byte on.
pub(crate) fn replace_private(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, bytes, 0o600)
}

/// The mode is that of a new file, less what the umask takes.
fn replace_with_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), StoreError> {
    let failed = |source| StoreError::Write {
        path: path.to_owned(),
        source,
    };
    // A link stays a link.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".new");
    let new = target.with_file_name(name);
    let written = write_new(&new, &target, bytes, mode).and_then(|()| fs::rename(&new, &target));
    if written.is_err() {
        fs::remove_file(&new).ok();
    }
    killed_here();
    written.and_then(|()| sync_folder(&target)).map_err(failed)
}

fn write_new(new: &Path, target: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // What a process that was killed left behind: nobody else writes while the lock is held.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    killed_here();
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(new)?;
    killed_here();
    if let Ok(old) = fs::metadata(target) {
        file.set_permissions(old.permissions())?;
    }
    // A process can be killed while it writes, too.
    let (first, rest) = bytes
        .split_at_checked(bytes.len() / 2)
        .unwrap_or((bytes, &[]));
    file.write_all(first)?;
    killed_here();
    file.write_all(rest)?;
    killed_here();
    file.sync_all()?;
    killed_here();
    Ok(())
}

/// Where tests end a write as a kill would: at once, with nothing tidied up.
#[cfg(not(test))]
fn killed_here() {}

#[cfg(test)]
pub(crate) use self::kill::killed_here;

#[cfg(test)]
pub(crate) mod kill {
    use std::{cell::Cell, panic};

    thread_local! {
        static STEPS_LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(crate) fn killed_here() {
        let left = STEPS_LEFT.get();
        if left == Some(0) {
            STEPS_LEFT.set(None);
            panic::resume_unwind(Box::new("killed"));
        }
        STEPS_LEFT.set(left.map(|left| left - 1));
    }

    /// Does something that is killed at a step of its writing, counted from 0; whether it was, and
    /// did not end before.
    pub(crate) fn at(step: usize, f: impl FnOnce()) -> bool {
        STEPS_LEFT.set(Some(step));
        let result = panic::catch_unwind(panic::AssertUnwindSafe(f));
        STEPS_LEFT.set(None);
        result.is_err_and(|cause| {
            cause.downcast_ref() == Some(&"killed") || panic::resume_unwind(cause)
        })
    }
}

/// Makes the rename itself last. <https://man7.org/linux/man-pages/man2/fsync.2.html>
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        File::open(folder)?.sync_all()
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_with_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connections.yaml");
        // What a killed process left.
        fs::write(folder.path().join(".connections.yaml.new"), "torn").unwrap();
        replace(&path, b"one").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let link = folder.path().join("link.yaml");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            replace(&link, b"two").unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o640
            );
            fs::remove_file(&link).unwrap();
        }
        replace(&path, b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        let names: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["connections.yaml"]);
    }

    #[test]
    fn the_lock_is_held_by_one_and_kept_out_of_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("connections.yaml");
        let lock = Lock::of(&path).unwrap();
        let file = File::open(folder.path().join(".flowrun/connections.lock")).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        drop(lock);
        file.try_lock().unwrap();
        let ignore = fs::read(folder.path().join(".flowrun/.gitignore")).unwrap();
        assert_eq!(ignore, b"*\n");
    }
}
