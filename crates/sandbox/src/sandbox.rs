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
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    Keys, SandboxError, Seed,
    access::{Authentication, Authorization},
    identity::Directory,
    keys::request_id,
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
    /// Objects and the users' keys outlive the process; sessions of roles do not.
    Dir(PathBuf),
}

/// A running sandbox: S3 and STS on one loopback port, with IAM enforced on every request.
///
/// There is no way to turn the enforcement off. It ends when it is dropped; [`Sandbox::shutdown`]
/// lets requests under way end first. It runs as tasks of the tokio runtime that started it.
pub struct Sandbox {
    endpoint: Joined,
    server: Option<Server>,
}

struct Server {
    stop: CancellationToken,
    task: JoinHandle<()>,
    directory: Arc<Directory>,
}

impl Sandbox {
    /// Starts a sandbox on a free loopback port, or joins the one that serves the state folder.
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
                    let server = None;
                    return Ok(Self { endpoint, server });
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
        let listener = server::listen(address).await?;
        let address = listener
            .local_addr()
            .map_err(|source| SandboxError::Listen { address, source })?;
        let users = users(seed);
        let keys = match &held {
            Some(held) => held.keys(&users)?,
            None => generate(&users)?,
        };
        let directory = Arc::new(Directory::new(seed, &keys)?);
        let location = match &held {
            Some(held) => Location::Dir(held.store()),
            None => Location::Memory,
        };
        let store = open(seed, location)
            .await
            .map_err(|error| SandboxError::Store(error.to_string()))?;

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
        let stop = CancellationToken::new();
        let serving = server::serve(
            listener,
            assemble(seed, &directory, store, &instance),
            stop.clone(),
        );
        let task = tokio::spawn(async move {
            serving.await;
            // Only now may another process have the state.
            drop(held);
        });
        Ok(Self {
            endpoint,
            server: Some(Server {
                stop,
                task,
                directory,
            }),
        })
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

    /// Whether another sandbox serves the state, and this one only points to it.
    pub fn is_joined(&self) -> bool {
        self.server.is_none()
    }

    /// Ends every session of a role that this sandbox issued, as if its time were over: whoever
    /// uses one is told `ExpiredToken`. Tells nothing to a sandbox that this one joined.
    pub fn expire_sessions(&self) {
        if let Some(server) = &self.server {
            server.directory.sessions().expire_all(Timestamp::now());
        }
    }

    /// Ends it: requests under way may end, for five seconds at most.
    pub async fn shutdown(mut self) {
        if let Some(server) = &mut self.server {
            server.stop.cancel();
            if let Err(error) = (&mut server.task).await {
                tracing::warn!(%error, "the sandbox's server failed");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
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

async fn open(seed: &Seed, location: Location) -> Result<Store, StoreError> {
    let store = Store::open(location).await?;
    for (number, account) in seed.accounts() {
        for (name, bucket) in &account.buckets {
            let bucket = BucketSeed {
                name: name.clone(),
                owner_account: number.clone(),
                region: seed.region().to_owned(),
                versioning: bucket.versioning,
                object_lock: bucket.object_lock,
            };
            store.ensure_bucket(bucket).await?;
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
