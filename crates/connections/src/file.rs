//! Finds and reads a `connections.yaml`.

pub(crate) mod entries;
pub(crate) mod members;
pub(crate) mod scalar;

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::{Connection, Environment, StoreError};

/// The name of connection files.
pub const FILE_NAME: &str = "connections.yaml";
/// The longest connection file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The name of the connection file of an environment, or of none.
fn name_for(environment: Option<&Environment>) -> String {
    match environment {
        Some(environment) => format!("connections.{environment}.yaml"),
        None => FILE_NAME.to_owned(),
    }
}

/// Where a new connection of a folder is written: the file in the folder or in the nearest folder
/// above that has one; else one that is to be made in the folder. The file of an environment stands
/// beside the nearest `connections.yaml`, where there is one.
///
/// # Errors
/// Where a file of that name is there and cannot be looked at.
pub fn file_for(folder: &Path, environment: Option<&Environment>) -> Result<PathBuf, StoreError> {
    let place = match environment {
        Some(_) => nearest(folder, environment)?,
        None => None,
    };
    let place = match place {
        Some(place) => Some(place),
        None => nearest(folder, None)?,
    };
    match place {
        Some(place) => Ok(place.join(name_for(environment))),
        None => Ok(absolute(folder)?.join(name_for(environment))),
    }
}

/// The connection file of a folder: in the folder itself, or in the nearest folder above it. That
/// of an environment is not looked for above the nearest `connections.yaml`.
///
/// # Errors
/// Where a file of that name is there and cannot be looked at.
pub(crate) fn find_above(
    folder: &Path,
    environment: Option<&Environment>,
) -> Result<Option<PathBuf>, StoreError> {
    let place = nearest(folder, environment)?;
    Ok(place.map(|place| place.join(name_for(environment))))
}

/// The nearest folder that has the connection file of an environment, or of none; nothing where a
/// nearer one has a `connections.yaml` alone.
fn nearest(
    folder: &Path,
    environment: Option<&Environment>,
) -> Result<Option<PathBuf>, StoreError> {
    for folder in absolute(folder)?.ancestors() {
        if find_in(folder, environment)?.is_some() {
            return Ok(Some(folder.to_owned()));
        }
        if environment.is_some() && find_in(folder, None)?.is_some() {
            return Ok(None);
        }
    }
    Ok(None)
}

fn absolute(folder: &Path) -> Result<PathBuf, StoreError> {
    std::path::absolute(folder).map_err(|source| StoreError::Read {
        path: folder.to_owned(),
        source,
    })
}

/// The connection file in a folder.
///
/// # Errors
/// As [`find_above`].
pub(crate) fn find_in(
    folder: &Path,
    environment: Option<&Environment>,
) -> Result<Option<PathBuf>, StoreError> {
    let path = folder.join(name_for(environment));
    match path.try_exists() {
        Ok(true) => Ok(Some(path)),
        Ok(false) => Ok(None),
        // Below a regular file there is none; what is wrong there is not the connections.
        Err(source) if source.kind() == std::io::ErrorKind::NotADirectory => Ok(None),
        Err(source) => Err(StoreError::Read { path, source }),
    }
}

/// The connections of a file, in its order.
///
/// # Errors
/// Where the file cannot be read, or says something that is not known for certain.
pub fn read(path: &Path) -> Result<Vec<Connection>, StoreError> {
    entries::parse(&read_text(path)?, path)
}

/// The text of a connection file.
///
/// # Errors
/// Where the file cannot be read, or is no text of a fair size.
pub(crate) fn read_text(path: &Path) -> Result<String, StoreError> {
    let failed = |source| StoreError::Read {
        path: path.to_owned(),
        source,
    };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(StoreError::TooLong {
            path: path.to_owned(),
            limit: MAX_FILE_BYTES,
        });
    }
    String::from_utf8(bytes).map_err(|_| StoreError::NotUtf8 {
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_text_of_a_fair_size_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE_NAME);
        let place = path.display().to_string();
        let message = || read(&path).unwrap_err().to_string();

        std::fs::write(&path, b"a: \xff\n").unwrap();
        assert_eq!(message(), format!("{place}: the file is not UTF-8 text"));

        std::fs::write(&path, vec![b'#'; 1024 * 1024]).unwrap();
        assert_eq!(read(&path).unwrap(), []);
        std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
        assert_eq!(
            message(),
            format!("{place}: the file has more than 1048576 bytes")
        );

        let bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned()
            + &(0..25).fold(String::new(), |text, _| text + "b: [*a, *a, *a]\n");
        std::fs::write(&path, bomb).unwrap();
        assert!(
            message().starts_with(&format!("{place}:1:")),
            "{}",
            message()
        );

        std::fs::write(&path, "a: ".to_owned() + &"[".repeat(500_000)).unwrap();
        assert_eq!(
            message(),
            format!("{place}:1:104: more than 100 brackets are open here")
        );
        for deep in ["- ", "? ", "a: &a ", "!!x ", "a:\n "] {
            std::fs::write(&path, deep.repeat(150_000)).unwrap();
            assert!(message().starts_with(&place), "{}", message());
        }

        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(message(), format!("{place}: this is not a regular file"));
    }

    #[test]
    fn the_nearest_file_above_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        std::fs::create_dir_all(&deep).unwrap();
        let upper = folder.path().join("a").join(FILE_NAME);
        std::fs::write(&upper, "").unwrap();
        let found = |folder: &Path| find_above(folder, None).unwrap();
        assert_eq!(found(&deep), Some(upper.clone()));
        let near = deep.join(FILE_NAME);
        std::fs::write(&near, "").unwrap();
        assert_eq!(found(&deep), Some(near));
        assert_eq!(found(&folder.path().join("a")), Some(upper));
    }

    /// The file of an environment further up is of other flows.
    #[test]
    fn the_file_of_an_environment_is_beside_the_nearest_one() {
        let folder = tempfile::tempdir().unwrap();
        let (top, deep) = (folder.path().join("a"), folder.path().join("a/b/c"));
        std::fs::create_dir_all(&deep).unwrap();
        let prod = Environment::parse("prod").unwrap();
        let found = || find_above(&deep, Some(&prod)).unwrap();
        let wanted = || file_for(&deep, Some(&prod)).unwrap();
        assert_eq!(
            (found(), wanted()),
            (None, deep.join("connections.prod.yaml"))
        );
        std::fs::write(top.join("connections.prod.yaml"), "").unwrap();
        let upper = top.join("connections.prod.yaml");
        assert_eq!((found(), wanted()), (Some(upper.clone()), upper));
        let near = folder.path().join("a/b/connections.yaml");
        std::fs::write(&near, "").unwrap();
        let beside = near.with_file_name("connections.prod.yaml");
        assert_eq!((found(), wanted()), (None, beside.clone()));
        std::fs::write(&beside, "").unwrap();
        assert_eq!((found(), wanted()), (Some(beside.clone()), beside));
    }
}
