//! Files that hold keys: read only where nobody else can.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use flowrun_card::Secret;
use zeroize::Zeroizing;

use super::SealedError;
use crate::MAX_SECRET_BYTES;

/// Reads a file that holds a key, up to a limit; none where there is none.
///
/// # Errors
/// Where it is a link or no regular file, where its group or others have any right to it, where it
/// is too long, or cannot be read.
pub(super) fn read_if_there(
    path: &Path,
    limit: u64,
) -> Result<Option<Zeroizing<Vec<u8>>>, SealedError> {
    let failed = |source| SealedError::KeyFile {
        path: path.to_owned(),
        source,
    };
    let no_file = || SealedError::KeyFileIsNoFile {
        path: path.to_owned(),
    };
    let file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // What Linux and macOS say of a link that is not to be followed.
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(no_file());
        }
        Err(error) => return Err(failed(error)),
    };
    // Of the file that was opened, not of what stands under its name by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(no_file());
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SealedError::KeyFileIsOpen {
                path: path.to_owned(),
                mode,
            });
        }
    }
    // With all its room at once: a buffer that grows leaves copies behind.
    let room = usize::try_from(limit)
        .unwrap_or_default()
        .saturating_add(64);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(SealedError::KeyFileTooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(Some(bytes))
}

/// Reads a secret from a file that nobody else has a right to. A line end at its end is left out.
///
/// # Errors
/// Where the file is a link or no regular file, its group or others have any right to it, it is
/// longer than [`MAX_SECRET_BYTES`], no UTF-8 text, or cannot be read.
pub fn read_private(path: &Path) -> Result<Secret, SealedError> {
    let bytes = read(path, MAX_SECRET_BYTES as u64)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| SealedError::KeyFile {
        path: path.to_owned(),
        source: io::ErrorKind::InvalidData.into(),
    })?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Secret::new(text.strip_suffix('\r').unwrap_or(text)))
}

/// As [`read_if_there`], where the file must be there.
pub(super) fn read(path: &Path, limit: u64) -> Result<Zeroizing<Vec<u8>>, SealedError> {
    read_if_there(path, limit)?.ok_or_else(|| SealedError::KeyFile {
        path: path.to_owned(),
        source: io::ErrorKind::NotFound.into(),
    })
}

/// Opens a file without following a link and without waiting for the writer of a pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
    }
    options.open(path)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn only_a_file_of_ones_own_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let place = path.display();
        let message = |path: &Path| read(path, 4).unwrap_err().to_string();
        assert!(read_if_there(&path, 4).unwrap().is_none());
        assert_eq!(
            message(&path),
            format!("{place}: the key file cannot be read: entity not found")
        );

        fs::write(&path, "1234").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(
                message(&path),
                format!(
                    "{place}: others can read or write this file (its mode is {mode:04o}), so it \
                     is not used; keep it to yourself with `chmod 600 {place}`"
                )
            );
        }
        for mode in [0o600, 0o400, 0o700] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read(&path, 4).unwrap().as_slice(), b"1234");
        }
        assert_eq!(
            read(&path, 3).unwrap_err().to_string(),
            format!("{place}: the key file has more than 3 bytes")
        );

        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for path in [&link, folder.path()] {
            assert_eq!(
                message(path),
                format!(
                    "{}: the key file is a link or no regular file; name the file itself",
                    path.display()
                )
            );
        }
    }
}
