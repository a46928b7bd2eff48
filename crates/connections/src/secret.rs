//! The secrets of connections: a connection file says where one stands, and never what it is.

use std::{
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use flowrun_card::{CardError, ErrorKind, Redactor, Secret};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::{
    base::without_number,
    file::scalar::{Scalar, one_of, yaml},
    kind::{Form, KeySpec, Pattern},
};

/// The longest secret that is read, in bytes: room for a certificate chain with its key.
pub const MAX_SECRET_BYTES: usize = 64 * 1024;
/// The longest sealed text in a connection file, in bytes.
pub(crate) const MAX_SEALED_BYTES: usize = 256 * 1024;

/// In an environment variable.
pub(crate) const IN_VARIABLE: KeySpec = KeySpec::required(
    "env",
    "the environment variable that says it",
    Form::Text(Pattern::new("^[A-Za-z_][A-Za-z0-9_]*$", 256)),
);
pub(crate) const PATH: Pattern = Pattern::new(r"\S", 4096);
/// The value of a key that is a secret: where that is, and never what.
pub(crate) const SECRET: Form = Form::OneKey(&[
    IN_VARIABLE,
    KeySpec::required(
        "file",
        "the file that it is in, from the folder of this one",
        Form::Scalar(PATH),
    ),
    KeySpec::required(
        "sealed",
        "it itself, encrypted by `flowrun connections seal`",
        Form::Scalar(Pattern::new("^[A-Za-z0-9+/=_-]+$", MAX_SEALED_BYTES)),
    ),
]);

/// Where the secret of a field stands.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SecretSource {
    /// `{ env: NAME }`: in an environment variable.
    Env(String),
    /// `{ file: PATH }`: in a file, relative to the folder of the connection file. One line end at
    /// its end does not count.
    File(PathBuf),
    /// `{ sealed: TEXT }`: in the connection file itself, encrypted.
    Sealed(String),
}

/// Opens the sealed secrets of connection files.
pub trait SealedSecrets: fmt::Debug + Send + Sync + 'static {
    /// The secret that a text holds, where it was sealed for this place.
    ///
    /// # Errors
    /// Why it does not open, with what to do.
    fn open(&self, place: &SecretPlace<'_>, sealed: &str) -> Result<Secret, CardError>;
}

/// Where a secret is used. What is sealed is bound to it, but for the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretPlace<'a> {
    /// The connection file.
    pub file: &'a Path,
    /// The connection.
    pub nickname: &'a str,
    /// The key that holds it, such as `secret_access_key`; of a key in a key, `auth.password`.
    pub field: &'a str,
    /// Whom it is sent to, or serves to sign for: the origin of a URL, such as
    /// `https://s3.example.com:9000`; `aws` or `sandbox`. Of a secret that a token is got for,
    /// both: `https://login.example.com for https://api.example.com`. Where a `ca:` file says who
    /// vouches for the server, its digest, too.
    pub destination: &'a str,
}

impl SecretSource {
    /// Reads `env:NAME` or `file:PATH`, as arguments of commands have it.
    ///
    /// # Errors
    /// The problem, which does not repeat the text: it may be the secret by mistake.
    pub fn parse_argument(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("env", name)) => check_variable(name).map(SecretSource::Env),
            Some(("file", path)) => check_path(path).map(SecretSource::File),
            _ => Err(
                "a secret is given by where it is, `env:NAME` or `file:PATH`, and never as it is, \
                 because other programs see arguments"
                    .to_owned(),
            ),
        }
    }
}

/// What reads the secrets of a store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets {
    pub(crate) sealed: Option<Arc<dyn SealedSecrets>>,
    /// Is told of every secret that is read.
    pub(crate) redactor: Redactor,
}

impl Secrets {
    /// Reads a secret.
    ///
    /// # Errors
    /// Where it is missing, empty or too long, or does not open.
    pub(crate) fn read(
        &self,
        source: &SecretSource,
        place: &SecretPlace<'_>,
    ) -> Result<Secret, CardError> {
        let SecretPlace { field, .. } = place;
        let failed = |message: String| CardError::new(ErrorKind::Connection, message);
        let secret = match source {
            SecretSource::Env(name) => {
                let missing = |problem: &str| {
                    failed(format!(
                        "the environment variable `{name}` of `{field}` {problem}"
                    ))
                    .help(format!("set {name} where flowrun runs"))
                };
                match std::env::var(name) {
                    Ok(text) => Secret::new(text),
                    Err(std::env::VarError::NotPresent) => return Err(missing("is not set")),
                    Err(std::env::VarError::NotUnicode(_)) => {
                        return Err(missing("is not UTF-8 text"));
                    }
                }
            }
            SecretSource::File(path) => {
                let path = beside(place.file, path);
                read_file(&path).map_err(|problem| {
                    failed(format!(
                        "the file `{}` of `{field}` {problem}",
                        path.display()
                    ))
                })?
            }
            SecretSource::Sealed(text) => match &self.sealed {
                Some(sealed) => sealed.open(place, text)?,
                None => {
                    return Err(failed(format!(
                        "the sealed secret of `{field}` cannot be opened by this program"
                    ))
                    .help("give the secret by `{ env: NAME }` or `{ file: PATH }`"));
                }
            },
        };
        if secret.expose().len() > MAX_SECRET_BYTES {
            return Err(failed(format!(
                "the secret of `{field}` has more than {MAX_SECRET_BYTES} bytes"
            )));
        }
        if secret.expose().is_empty() {
            return Err(failed(format!("the secret of `{field}` is empty")));
        }
        self.redactor.add(&secret);
        Ok(secret)
    }
}

/// A path of a connection file: relative ones start from its folder.
pub(crate) fn beside(file: &Path, path: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) => folder.join(path),
        None => path.to_owned(),
    }
}

/// The text of a file, of up to [`MAX_SECRET_BYTES`].
fn read_file(path: &Path) -> Result<Secret, String> {
    let bytes = read_bounded(path, MAX_SECRET_BYTES as u64)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        zeroize::Zeroizing::new(error.into_bytes());
        "is not UTF-8 text".to_owned()
    })?;
    let text = zeroize::Zeroizing::new(text);
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// The bytes of a regular file, or the problem as the end of a sentence.
pub(crate) fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| {
        format!(
            "cannot be read: {}",
            without_number(&error.to_string()).to_lowercase()
        )
    };
    // Looked at before it is opened: opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(format!("has more than {most} bytes"));
    }
    Ok(bytes)
}

/// As files write it: `{ env: NAME }`, `{ file: PATH }` or `{ sealed: TEXT }`.
impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => write!(f, "{{ env: {} }}", yaml(name)),
            SecretSource::File(path) => {
                write!(f, "{{ file: {} }}", yaml(&path.to_string_lossy()))
            }
            SecretSource::Sealed(text) => write!(f, "{{ sealed: {} }}", yaml(text)),
        }
    }
}

/// Shows no sealed text.
impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::Env(name) => f.debug_tuple("Env").field(name).finish(),
            SecretSource::File(path) => f.debug_tuple("File").field(path).finish(),
            SecretSource::Sealed(_) => f.write_str("Sealed(..)"),
        }
    }
}

/// Refuses what may be a secret that stands in the file as it is, by the `plain` of a visitor:
/// serde's own message would repeat it.
macro_rules! refuse_scalars {
    ($value:ty) => {
        refuse_scalars! { $value:
            visit_bool bool, visit_i64 i64, visit_i128 i128, visit_u64 u64, visit_u128 u128,
            visit_f64 f64, visit_str &str
        }
    };
    ($value:ty: $($visit:ident $scalar:ty),*) => {
        $(fn $visit<E: Error>(self, _: $scalar) -> Result<$value, E> {
            Err(self.plain())
        })*
    };
}
pub(crate) use refuse_scalars;

/// Reads a [`SecretSource`]. Whatever else stands there may be the secret, and is not repeated.
pub(crate) struct SecretSeed(pub(crate) &'static str);

impl SecretSeed {
    fn plain<E: Error>(&self) -> E {
        E::custom(format_args!(
            "`{0}` is a secret and does not stand here as it is; say where it is: `{0}: {{ env: \
             NAME }}` or `{0}: {{ file: PATH }}`",
            self.0
        ))
    }
}

impl<'de> DeserializeSeed<'de> for SecretSeed {
    type Value = SecretSource;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<SecretSource, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SecretSeed {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{ env: NAME }`, `{ file: PATH }` or `{ sealed: TEXT }`")
    }

    refuse_scalars!(SecretSource);

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<SecretSource, A::Error> {
        Err(self.plain())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SecretSource, A::Error> {
        const FORMS: [&str; 3] = ["env", "file", "sealed"];
        let key = entries.next_key_seed(Scalar::new("`env`, `file` or `sealed`", |text| {
            one_of(text, &FORMS, "where a secret can be").map_err(|_| {
                // What stands there may be a part of it.
                "a secret is in one of `env`, `file` and `sealed`".to_owned()
            })
        }))?;
        let source = match key {
            None => return Err(self.plain()),
            Some("env") => SecretSource::Env(
                entries.next_value_seed(Scalar::new("the name of a variable", check_variable))?,
            ),
            Some("file") => {
                SecretSource::File(entries.next_value_seed(Scalar::new("a path", check_path))?)
            }
            Some(_) => SecretSource::Sealed(
                entries.next_value_seed(Scalar::new("a sealed text", check_sealed))?,
            ),
        };
        match entries.next_entry::<IgnoredAny, IgnoredAny>()? {
            None => Ok(source),
            Some(_) => Err(A::Error::custom(
                "a secret is in one of `env`, `file` and `sealed`, and here is more than one",
            )),
        }
    }
}

pub(crate) fn check_variable(text: &str) -> Result<String, String> {
    let is_name = (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit());
    if is_name {
        Ok(text.to_owned())
    } else {
        // It may be the secret itself.
        Err(
            "the name of an environment variable has up to 256 letters, digits and `_`, and \
             starts with no digit"
                .to_owned(),
        )
    }
}

/// Checks a path of a connection file.
pub(crate) fn check_path(text: &str) -> Result<PathBuf, String> {
    if text.trim().is_empty() {
        Err("the path is empty".to_owned())
    } else if text.chars().any(char::is_control) || text.len() > 4096 {
        Err("the path has a control character or more than 4096 bytes".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

fn check_sealed(text: &str) -> Result<String, String> {
    let is_fine = (1..=MAX_SEALED_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b));
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a sealed text is base64 in one line, of up to {MAX_SEALED_BYTES} bytes"
        ))
    }
}
