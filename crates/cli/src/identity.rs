//! Which identity opens the sealed secrets of this process, by the environment.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use flowrun_card::Secret;
use flowrun_connections::{Identities, Passphrase, UserStore, read_private};

use crate::hidden;

/// The file of an age identity, for machines.
const IDENTITY_FILE: &str = "FLOWRUN_IDENTITY_FILE";
/// The file of the passphrase of the user's store, where nobody can be asked.
const PASSPHRASE_FILE: &str = "FLOWRUN_PASSPHRASE_FILE";

/// The user's configuration folder, by the XDG base directory specification.
pub(crate) fn user_folder() -> Option<PathBuf> {
    variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")))
        .map(|config| config.join("flowrun"))
}

/// The identities of this process: that of the file that the environment names, else that of the
/// user's store. Nothing is read before the first secret is opened.
pub(crate) fn identities() -> Arc<Identities> {
    static IDENTITIES: LazyLock<Arc<Identities>> = LazyLock::new(|| {
        Arc::new(match (variable(IDENTITY_FILE), user_folder()) {
            (Some(file), _) => Identities::of_file(file),
            (None, Some(folder)) => Identities::of_user(UserStore::new(folder, Arc::new(ask))),
            (None, None) => Identities::none(),
        })
    });
    Arc::clone(&IDENTITIES)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn ask(passphrase: Passphrase) -> Result<Secret, String> {
    if let Some(file) = variable(PASSPHRASE_FILE) {
        return read_private(Path::new(&file)).map_err(|error| error.to_string());
    }
    let ask = |question: &str| {
        hidden::ask(question).map_err(|problem| {
            format!("{problem}; where nobody can be asked, name its file in {PASSPHRASE_FILE}")
        })
    };
    match passphrase {
        Passphrase::Known => ask("passphrase of your secrets"),
        Passphrase::New => {
            let first = ask("a passphrase for your secrets")?;
            if first.expose().is_empty() {
                return Err("the passphrase is empty".to_owned());
            }
            if first == ask("the same again")? {
                Ok(first)
            } else {
                Err("the two are not the same".to_owned())
            }
        }
    }
}
