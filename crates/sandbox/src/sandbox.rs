//! A running sandbox: puts identities, store and server together.

use std::{
    collections::HashMap,
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use http::HeaderValue;
use jiff::Timestamp;
use s3s::{
    config::{S3Config, StaticConfigProvider},
    service::S3ServiceBuilder,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Keys, SandboxError, Seed,
    access::{Authentication, Authorization},
    identity::Directory,
    keys::{generate_seal, request_id},
    s3::S3Service,
    seed::user_arn,
    server::{self, Endpoint},
    state::{self, Claim, Held, Joined},
    store::{BucketSeed, Location, Store, StoreError},
    sts::Sts,
};

/// Where a sandbox keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// In memory, with objects in a temporary folder; gone when the sandbox ends.
    Memory,
    /// In this folder, which is made where there is none, readable by its owner alone. One process
    /// serves it at a time, and others join that one.
    ///
    /// Objects, the users' keys and the sessions of roles outlive the process.
    Dir(PathBuf),
}

/// A running sandbox: S3 and STS on one loopback port, with IAM enforced on every request.
///
/// There is no way to turn the enforcement off. It ends when it is dropped; [`Sandbox::shutdown`]
/// lets requests under way end first. It runs as tasks of the tokio runtime that started it.
pub struct Sandbox {
    endpoint: Joined,
    /// None where another one serves, or did at first.
    directory: Option<Arc<Directory>>,
    task: Task,
}

/// The server, or the wait to become it.
struct Task {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox on a free loopback port, or joins the one that serves the state folder. Where
    /// that one ends first, this one takes its place: on the same port, with the same keys, objects
    /// and sessions.
    ///
    /// # Errors
    ///
    /// Where the state cannot be used or is served with another seed, where a process that holds
    /// it does not answer for five seconds, or where no port can be had. Nothing stays behind half
    /// written.
    pub async fn start(seed: Seed, state: State) -> Result<Self, SandboxError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        match claim(&state).await? {
            Some((dir, Claim::Joined(endpoint))) => {
                if endpoint.seed == seed.fingerprint() {
                    return Ok(Self::follow(seed, dir, endpoint));
                }
                let url = endpoint.url;
                Err(SandboxError::OtherSeed { path: dir, url })
            }
            Some((_, Claim::Held(held))) => Self::serve(&seed, Some(held), address).await,
            None => Self::serve(&seed, None, address).await,
        }
    }

    /// Starts a sandbox on this loopback address; port 0 is a free port. It never joins another.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::start`], and where the address is not of the loopback, the port is taken, or
    /// the state is served by another process.
    pub async fn start_on(
        seed: Seed,
        state: State,
        listen: SocketAddr,
    ) -> Result<Self, SandboxError> {
        if !listen.ip().is_loopback() {
            return Err(SandboxError::NotLoopback(listen));
        }
        match claim(&state).await? {
            Some((dir, Claim::Joined(endpoint))) => {
                let url = endpoint.url;
                Err(SandboxError::Served { path: dir, url })
            }
            Some((_, Claim::Held(held))) => Self::serve(&seed, Some(held), listen).await,
            None => Self::serve(&seed, None, listen).await,
        }
    }

    async fn serve(
        seed: &Seed,
        held: Option<Held>,
        address: SocketAddr,
    ) -> Result<Self, SandboxError> {
        let stop = CancellationToken::new();
        let listener = server::listen(address).await?;
        let (endpoint, directory, serving) = prepare(seed, held, listener, stop.clone()).await?;
        Ok(Self {
            endpoint,
            directory: Some(directory),
            task: Task {
                stop,
                handle: tokio::spawn(serving),
            },
        })
    }

    /// Waits for the end of the sandbox that serves, and then takes its place.
    fn follow(seed: Seed, dir: PathBuf, endpoint: Joined) -> Self {
        let stop = CancellationToken::new();
        let (stopped, url) = (stop.clone(), endpoint.url.clone());
        let handle = tokio::spawn(async move {
            let succeed = async {
                let held = state::succeed(&dir).await?;
                let address = url.strip_prefix("http://").and_then(|it| it.parse().ok());
                let address =
                    address.ok_or_else(|| SandboxError::Unanswered { path: dir.clone() })?;
                let listener = server::listen_soon(address).await?;
                prepare(&seed, Some(held), listener, stopped.clone()).await
            };
            let prepared = tokio::select! {
                prepared = succeed => prepared,
                () = stopped.cancelled() => return,
            };
            match prepared {
                Ok((_, _, serving)) => serving.await,
                Err(error) => {
                    tracing::warn!(%error, "the sandbox ended, and this one cannot take its place")
                }
            }
        });
        Self {
            endpoint,
            directory: None,
            task: Task { stop, handle },
        }
    }

    /// Where it serves, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.endpoint.url
    }

    /// The region that it says it is.
    pub fn region(&self) -> &str {
        &self.endpoint.region
    }

    /// The keys of the user who is `base: sandbox`.
    pub fn operator(&self) -> &Keys {
        &self.endpoint.operator
    }

    /// The keys of the administrator of the sandbox's own account.
    pub fn administrator(&self) -> &Keys {
        &self.endpoint.administrator
    }

    /// Whether another sandbox served the state when this one started.
    pub fn is_joined(&self) -> bool {
        self.directory.is_none()
    }

    /// Ends every session of a role that was issued until now, as if its time were over: whoever
    /// uses one is told `ExpiredToken`. Does nothing in a sandbox that joined another one.
    pub fn expire_sessions(&self) {
        if let Some(directory) = &self.directory {
            directory.sessions().expire_all(Timestamp::now());
        }
    }

    /// Ends it: requests under way may end, for five seconds at most.
    pub async fn shutdown(mut self) {
        self.task.stop.cancel();
        if let Err(error) = (&mut self.task.handle).await {
            tracing::warn!(%error, "the sandbox's server failed");
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// Shows no keys.
impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("url", &self.endpoint.url)
            .field("joined", &self.is_joined())
            .finish_non_exhaustive()
    }
}

/// Gets everything ready to serve, and gives what serves until `stop`.
async fn prepare(
    seed: &Seed,
    held: Option<Held>,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(Joined, Arc<Directory>, impl Future<Output = ()> + use<>), SandboxError> {
    let held = held.map(Arc::new);
    let address = server::address(&listener)?;
    let users = users(seed);
    let (keys, seal) = match &held {
        Some(held) => (held.keys(&users)?, held.seal()?),
        None => (generate(&users)?, generate_seal()?),
    };
    let directory = Arc::new(Directory::new(seed, &keys, seal)?);
    let store = open(seed, held.as_ref()).await?;

    let endpoint = Joined {
        url: format!("http://{address}"),
        region: seed.region().to_owned(),
        seed: seed.fingerprint(),
        operator: key_of(&keys, &seed.operator_arn())?,
        administrator: key_of(&keys, &seed.administrator_arn())?,
    };
    let instance = request_id();
    if let Some(held) = &held {
        held.announce(&endpoint, &instance)?;
    }
    // The store keeps the lock: another process may have the state only once its work is done.
    let serving = server::serve(listener, assemble(seed, &directory, store, &instance), stop);
    Ok((endpoint, directory, serving))
}

async fn claim(state: &State) -> Result<Option<(PathBuf, Claim)>, SandboxError> {
    match state {
        State::Memory => Ok(None),
        State::Dir(dir) => Ok(Some((dir.clone(), state::claim(dir).await?))),
    }
}

fn assemble(seed: &Seed, directory: &Arc<Directory>, store: Store, instance: &str) -> Endpoint {
    let mut builder =
        S3ServiceBuilder::new(S3Service::new(store.clone(), seed.region().to_owned()));
    builder.set_auth(Authentication {
        directory: Arc::clone(directory),
    });
    builder.set_access(Authorization {
        directory: Arc::clone(directory),
        store,
        region: seed.region().to_owned(),
    });
    builder.set_route(Sts {
        directory: Arc::clone(directory),
        region: seed.region().to_owned(),
    });
    let mut config = S3Config::default();
    // Form uploads are denied to everybody, but `s3s` reads them before it asks.
    config.post_object_max_file_size = 0;
    config.form_max_fields_size = 64 * 1024;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    Endpoint {
        service: builder.build(),
        instance: HeaderValue::from_str(instance)
            .unwrap_or_else(|_| HeaderValue::from_static("unnamed")),
    }
}

async fn open(seed: &Seed, held: Option<&Arc<Held>>) -> Result<Store, SandboxError> {
    let location = match held {
        Some(held) => Location::Dir(held.store(), Some(Arc::clone(held))),
        None => Location::Memory,
    };
    let fault = |error: StoreError| match (error, held) {
        (StoreError::BucketExists { name, owner }, Some(held)) => SandboxError::BucketOwner {
            path: held.dir().to_owned(),
            bucket: name,
            owner,
        },
        (error, _) => SandboxError::Store(error.to_string()),
    };
    let store = Store::open(location).await.map_err(fault)?;
    for (number, account) in seed.accounts() {
        for (name, bucket) in &account.buckets {
            let bucket = BucketSeed {
                name: name.clone(),
                owner_account: number.clone(),
                region: seed.region().to_owned(),
                versioning: bucket.versioning,
                object_lock: bucket.object_lock,
            };
            store.ensure_bucket(bucket).await.map_err(fault)?;
        }
    }
    Ok(store)
}

/// The ARNs of a seed's users.
fn users(seed: &Seed) -> Vec<String> {
    let accounts = seed.accounts().iter();
    accounts
        .flat_map(|(number, account)| account.users.keys().map(|name| user_arn(number, name)))
        .collect()
}

fn generate(users: &[String]) -> Result<HashMap<String, Keys>, SandboxError> {
    let key = |user: &String| Ok((user.clone(), Keys::generate("AKIA")?));
    users.iter().map(key).collect()
}

fn key_of(keys: &HashMap<String, Keys>, arn: &str) -> Result<Keys, SandboxError> {
    match keys.get(arn) {
        Some(keys) => Ok(keys.clone()),
        // The seed was validated, so that there are keys of each of its users.
        None => Ok(Keys::generate("AKIA")?),
    }
}
