//! The state folder: one process holds its lock and serves; others find it through the folder and
//! join.
//!
//! - `lock`: locked by the process that serves, for as long as it does. The system unlocks it when
//!   that process dies.
//! - `endpoint.json`: where it serves and under which keys; readable by the owner alone.
//! - `keys.json`: the users' access keys, so that they outlive the process; likewise.
//! - `seal.json`: the secret that sessions of roles are sealed with, so that they do, too; likewise.
//! - `s3/`: the object store.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use flowrun_card::Secret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    SandboxError,
    keys::{Keys, generate_seal},
    server::INSTANCE_HEADER,
};

/// How long to wait for a process that holds the lock to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait between two looks at the folder.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest file that is read, and the longest answer to the question who is there, in bytes.
const MAX_FILE: u64 = 1 << 20;
const MAX_ANSWER: u64 = 16 * 1024;

/// A folder whose lock this process holds, until this is dropped. The object store has it, too: work
/// that it has begun ends under the lock, whatever becomes of the server.
#[derive(Debug)]
pub(crate) struct Held {
    dir: PathBuf,
    _lock: File,
}

/// A sandbox that another one runs, in this process or another.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) url: String,
    pub(crate) region: String,
    pub(crate) seed: String,
    pub(crate) operator: Keys,
    pub(crate) administrator: Keys,
}

/// Who serves a state folder.
#[derive(Debug)]
pub(crate) enum Claim {
    Held(Held),
    Joined(Joined),
}

#[derive(Serialize, Deserialize)]
struct EndpointFile {
    url: String,
    /// Told in every answer, so that whoever else listens on the port is not taken for it.
    instance: String,
    region: String,
    seed: String,
    operator: KeysFile,
    administrator: KeysFile,
}

#[derive(Serialize, Deserialize)]
struct KeysFile {
    access_key_id: String,
    secret_access_key: String,
}

#[derive(Serialize, Deserialize)]
struct SealFile {
    secret: String,
}

impl KeysFile {
    fn of(keys: &Keys) -> Self {
        Self {
            access_key_id: keys.access_key_id().to_owned(),
            secret_access_key: keys.secret_access_key().expose().to_owned(),
        }
    }

    fn keys(self) -> Keys {
        Keys::new(self.access_key_id, Secret::new(self.secret_access_key))
    }
}

/// Takes the lock of a state folder, or finds who has it. Waits at most five seconds for a holder
/// that is starting or ending.
pub(crate) async fn claim(dir: &Path) -> Result<Claim, SandboxError> {
    create_dir(dir)?;
    let mut lock = Lock::open(dir)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        lock = match lock.take()? {
            Ok(held) => return Ok(Claim::Held(held)),
            Err(lock) => lock,
        };
        let endpoint = dir.join("endpoint.json");
        if let Some(file) = read::<EndpointFile>(&endpoint)?
            && answers(&file, deadline).await
        {
            return Ok(Claim::Joined(Joined {
                url: file.url,
                region: file.region,
                seed: file.seed,
                operator: file.operator.keys(),
                administrator: file.administrator.keys(),
            }));
        }
        if Instant::now() >= deadline {
            return Err(SandboxError::Unanswered {
                path: dir.to_owned(),
            });
        }
        sleep(PAUSE).await;
    }
}

/// Waits until whoever serves the folder has ended, and takes the lock.
pub(crate) async fn succeed(dir: &Path) -> Result<Held, SandboxError> {
    let mut lock = Lock::open(dir)?;
    loop {
        lock = match lock.take()? {
            Ok(held) => return Ok(held),
            Err(lock) => lock,
        };
        sleep(PAUSE).await;
    }
}

/// The lock file, not locked.
struct Lock {
    dir: PathBuf,
    file: File,
}

impl Lock {
    fn open(dir: &Path) -> Result<Self, SandboxError> {
        let path = dir.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(fault("open", &path))?;
        let dir = dir.to_owned();
        Ok(Self { dir, file })
    }

    /// Locks it, unless another one has.
    fn take(self) -> Result<Result<Held, Self>, SandboxError> {
        match self.file.try_lock() {
            Ok(()) => {
                let held = Held {
                    dir: self.dir,
                    _lock: self.file,
                };
                // What a holder that died left behind says where nobody serves any more.
                held.withdraw()?;
                Ok(Ok(held))
            }
            Err(TryLockError::WouldBlock) => Ok(Err(self)),
            Err(TryLockError::Error(source)) => Err(fault("lock", &self.dir.join("lock"))(source)),
        }
    }
}

impl Held {
    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the object store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join("s3")
    }

    /// The keys of these users, by ARN: those of the folder, and new ones for who has none.
    pub(crate) fn keys(&self, users: &[String]) -> Result<HashMap<String, Keys>, SandboxError> {
        let path = self.dir.join("keys.json");
        let mut files: BTreeMap<String, KeysFile> = read(&path)?.unwrap_or_default();
        let known = files.len();
        for user in users {
            if !files.contains_key(user) {
                files.insert(user.clone(), KeysFile::of(&Keys::generate("AKIA")?));
            }
        }
        if files.len() != known {
            write(&path, &files)?;
        }
        // A user who left the seed keeps the keys in the file, and nobody asks for them.
        Ok(files
            .into_iter()
            .map(|(user, file)| (user, file.keys()))
            .collect())
    }

    /// The secret that sessions are sealed with: that of the folder, or a new one.
    pub(crate) fn seal(&self) -> Result<Secret, SandboxError> {
        let path = self.dir.join("seal.json");
        if let Some(file) = read::<SealFile>(&path)? {
            return Ok(Secret::new(file.secret));
        }
        let seal = generate_seal()?;
        let secret = seal.expose().to_owned();
        write(&path, &SealFile { secret })?;
        Ok(seal)
    }

    /// Tells other processes where this one serves.
    pub(crate) fn announce(&self, joined: &Joined, instance: &str) -> Result<(), SandboxError> {
        let file = EndpointFile {
            url: joined.url.clone(),
            instance: instance.to_owned(),
            region: joined.region.clone(),
            seed: joined.seed.clone(),
            operator: KeysFile::of(&joined.operator),
            administrator: KeysFile::of(&joined.administrator),
        };
        write(&self.dir.join("endpoint.json"), &file)
    }

    fn withdraw(&self) -> Result<(), SandboxError> {
        let path = self.dir.join("endpoint.json");
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(fault("remove", &path)(source))
            }
            _ => Ok(()),
        }
    }
}

/// Whoever holds the lock next removes what stays behind here.
impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.withdraw() {
            tracing::warn!(%error, "the sandbox's endpoint file stays behind");
        }
    }
}

/// Whether the sandbox that wrote the file answers at its address, before the deadline.
async fn answers(file: &EndpointFile, deadline: Instant) -> bool {
    let ask = async {
        let address = file.url.strip_prefix("http://")?;
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("HEAD / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream
            .take(MAX_ANSWER)
            .read_to_string(&mut answer)
            .await
            .ok()?;
        let is_instance = |line: &str| {
            line.split_once(':').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case(INSTANCE_HEADER) && value.trim() == file.instance
            })
        };
        answer.lines().any(is_instance).then_some(())
    };
    matches!(timeout_at(deadline, ask).await, Ok(Some(())))
}

/// The folder holds keys: only its owner may look into it.
fn create_dir(dir: &Path) -> Result<(), SandboxError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(fault("create", dir))
}

/// The content of a file; none where there is no file.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SandboxError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(fault("open", path)(source)),
    };
    let mut text = String::new();
    file.take(MAX_FILE)
        .read_to_string(&mut text)
        .map_err(fault("read", path))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| SandboxError::Corrupt {
            path: path.to_owned(),
            // Not the error itself, which may quote a secret.
            message: format!("line {}, column {}", error.line(), error.column()),
        })
}

/// Replaces a file as a whole: nobody ever sees half of it. A temporary file is readable by its
/// owner alone, and stays so.
fn write<T: Serialize>(path: &Path, content: &T) -> Result<(), SandboxError> {
    let replace = || {
        let dir = path.parent().unwrap_or_else(|| Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        file.write_all(serde_json::to_string_pretty(content)?.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(dir)?.sync_all()
    };
    replace().map_err(fault("write", path))
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SandboxError {
    let path = path.to_owned();
    move |source| SandboxError::State {
        action,
        path,
        source,
    }
}
