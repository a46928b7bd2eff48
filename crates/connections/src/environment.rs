//! Environments: for one flow another connection file, such as `connections.prod.yaml` in
//! production.

use std::{fmt, path::Path};

/// The most characters of the name of an environment.
const MAX_CHARS: usize = 32;

/// The name of an environment, such as `prod`.
///
/// Its connections stand in `connections.NAME.yaml`, which takes the place of `connections.yaml` as
/// a whole: what is not in it is not there. So no run in production uses a role that is not of
/// production because a nickname was forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

impl Environment {
    /// Reads a name: up to 32 small letters, digits and hyphens.
    ///
    /// # Errors
    /// The problem, where the text is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_fine = (1..=MAX_CHARS).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if is_fine {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "`{}` is not the name of an environment, which has up to {MAX_CHARS} small \
                 letters, digits and `-`",
                text.escape_debug()
            ))
        }
    }

    /// The environment that a connection file is of; none for `connections.yaml`.
    pub fn of_file(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_prefix("connections.")?.strip_suffix(".yaml")?;
        Self::parse(name).ok()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name.
impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
