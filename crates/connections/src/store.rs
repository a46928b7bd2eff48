//! The connections that a flow sees, and the sessions that its runs hold.

use std::{
    any::Any,
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use flowrun_card::{
    BoxFuture, CardError, ConnectionInfo, ConnectionRef, Connections, ErrorKind, Permission,
    Redactor, RunIdentity, Scope, SessionInfo, SessionRequest,
};
use indexmap::IndexMap;

use crate::{
    AwsConnection, AwsSession, AwsSessionParts, Connection, Environment, SandboxPort,
    SealedSecrets, StoreError,
    base::{Bases, Loaded},
    credentials::{Renewing, Source},
    file::{self, FILE_NAME},
    flight::Flight,
    gate,
    kind::{Opening, Session},
    narrow::SessionPolicy,
    session_name::session_name,
    sts::{Role, Sts},
};

/// The most sessions that a store keeps; beyond that the oldest is forgotten and, when it is asked
/// for again, opened again.
const MAX_SESSIONS: usize = 1_000;

/// The connections of a flow's folder and of the user, and their sessions.
///
/// A session belongs to a connection, a scope and a run, and is opened by one caller for all that
/// ask for it meanwhile. It lasts an hour and renews itself five minutes before its end. A failure
/// to open is told to all who waited and is not kept.
///
/// A role is proven before its first session, as by [`ConnectionStore::prove`], and again where that
/// is more than 30 days ago; what came of it is recorded beside the file of the connection.
///
/// Of a connection with a role, the scope narrows the session, unless it narrows to permissions and
/// the connection says `session_policy: off`. One without a role uses the base credentials as they
/// are, which nothing can narrow: permissions are not looked at there, and a scope with a policy is
/// an error.
pub struct ConnectionStore {
    connections: IndexMap<String, Arc<Connection>>,
    pub(crate) bases: Bases,
    sessions: Mutex<IndexMap<SessionKey, Arc<Flight<Session>>>>,
    /// By nickname; see [`ConnectionStore::admit`].
    proofs: Mutex<IndexMap<String, Arc<Flight<gate::Known>>>>,
    pub(crate) time: SharedTimeSource,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct SessionKey {
    run_id: String,
    nickname: String,
    scope: Scope,
}

/// The files that are read.
pub(crate) struct Files {
    near: Option<PathBuf>,
    user: Option<PathBuf>,
}

impl Files {
    pub(crate) fn of(
        flow_folder: &Path,
        user_folder: Option<&Path>,
        environment: Option<&Environment>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            near: file::find_above(flow_folder, environment)?,
            user: match user_folder {
                Some(folder) => file::find_in(folder, environment)?,
                None => None,
            },
        })
    }
}

impl ConnectionStore {
    /// Reads the connections that flows in a folder see: those of the `connections.yaml` there or
    /// in the nearest folder above, then those of the one in the user's configuration folder. A
    /// nickname in the first hides the same one in the second, and so does the name of a set. Without either file the store is
    /// empty.
    ///
    /// The environment is not looked at: the caller says where the user's folder is, usually
    /// `~/.config/flowrun`. `sandbox` serves connections with `endpoint: sandbox`; it is started
    /// when the first of them is opened.
    ///
    /// # Errors
    /// Where a file cannot be read or says something that is not known for certain, with line and
    /// column.
    pub fn open(
        flow_folder: &Path,
        user_folder: Option<&Path>,
        sandbox: Option<Arc<dyn SandboxPort>>,
    ) -> Result<Self, StoreError> {
        Self::open_at(
            Files::of(flow_folder, user_folder, None)?,
            sandbox,
            SharedTimeSource::default(),
        )
    }

    /// As [`ConnectionStore::open`], but in an environment: the `connections.NAME.yaml` beside the
    /// nearest `connections.yaml`, or in the nearest folder that has one, and the one in the
    /// user's folder take the place of both files, as a whole.
    ///
    /// # Errors
    /// As [`ConnectionStore::open`], and where there is no file of the environment.
    pub fn open_in(
        environment: &Environment,
        flow_folder: &Path,
        user_folder: Option<&Path>,
        sandbox: Option<Arc<dyn SandboxPort>>,
    ) -> Result<Self, StoreError> {
        let files = Files::of(flow_folder, user_folder, Some(environment))?;
        if files.near.is_none() && files.user.is_none() {
            return Err(StoreError::NoEnvironment {
                path: file::file_for(flow_folder, Some(environment))?,
                environment: environment.clone(),
            });
        }
        Self::open_at(files, sandbox, SharedTimeSource::default())
    }

    /// As [`ConnectionStore::open_in`], but for the first connection of an environment: where it
    /// has no file yet, the store is empty.
    ///
    /// # Errors
    /// As [`ConnectionStore::open`].
    pub fn begin_in(
        environment: &Environment,
        flow_folder: &Path,
        user_folder: Option<&Path>,
        sandbox: Option<Arc<dyn SandboxPort>>,
    ) -> Result<Self, StoreError> {
        let files = Files::of(flow_folder, user_folder, Some(environment))?;
        Self::open_at(files, sandbox, SharedTimeSource::default())
    }

    pub(crate) fn open_at(
        files: Files,
        sandbox: Option<Arc<dyn SandboxPort>>,
        time: SharedTimeSource,
    ) -> Result<Self, StoreError> {
        let mut connections = IndexMap::new();
        for path in files.near.into_iter().chain(files.user) {
            let taken: HashSet<String> = connections
                .values()
                .map(|known: &Arc<Connection>| known.entry().to_owned())
                .collect();
            for connection in file::read(&path)? {
                if !taken.contains(connection.entry()) {
                    connections.insert(connection.nickname.clone(), Arc::new(connection));
                }
            }
        }
        Ok(Self {
            connections,
            bases: Bases::new(sandbox, time.clone()),
            sessions: Mutex::default(),
            proofs: Mutex::default(),
            time,
        })
    }

    /// The same store, which opens sealed secrets by this port. Without one it opens none.
    #[must_use]
    pub fn with_sealed(mut self, sealed: Arc<dyn SealedSecrets>) -> Self {
        self.bases.secrets.sealed = Some(sealed);
        self
    }

    /// The same store, which tells this redactor of every secret that it reads and of all
    /// credentials that it gets, before anybody else has them.
    #[must_use]
    pub fn with_redactor(mut self, redactor: Redactor) -> Self {
        self.bases.secrets.redactor = redactor;
        self
    }

    /// The connections, those near the flow first, each with the file that defines it.
    pub fn list(&self) -> impl Iterator<Item = &Connection> {
        self.connections.values().map(Arc::as_ref)
    }

    /// The members of a set, in its order; none where there is no such set.
    pub fn members<'s>(&'s self, set: &'s str) -> impl Iterator<Item = &'s Connection> {
        self.list().filter(move |connection| {
            let member = connection.member.as_ref();
            member.is_some_and(|member| member.set.name == set)
        })
    }

    /// The base that a connection starts from.
    pub(crate) async fn base(&self, connection: AwsConnection<'_>) -> Result<Loaded, CardError> {
        self.bases
            .get(connection)
            .await
            .map_err(|failure| failure.context("connection", connection.nickname))
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.time.now()
    }

    fn find(&self, nickname: &str) -> Result<&Arc<Connection>, CardError> {
        self.connections.get(nickname).ok_or_else(|| {
            CardError::new(
                ErrorKind::Connection,
                format!("there is no connection `{nickname}`"),
            )
            .help(format!("describe it in a `{FILE_NAME}` beside the flow"))
        })
    }

    /// The flight of a session: the one that is there, or a new one.
    fn flight(&self, key: SessionKey) -> Arc<Flight<Session>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MAX_SESSIONS && !sessions.contains_key(&key) {
            sessions.shift_remove_index(0);
        }
        Arc::clone(sessions.entry(key).or_default())
    }

    /// The flight of a proof. There is one for a connection, of which a store has a bounded number.
    pub(crate) fn proof_flight(&self, nickname: &str) -> Arc<Flight<gate::Known>> {
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(proofs.entry(nickname.to_owned()).or_default())
    }

    /// Opens a session of a connection of kind `aws_s3`.
    pub(crate) async fn open_aws(
        &self,
        connection: AwsConnection<'_>,
        scope: &Scope,
        run: &RunIdentity,
    ) -> Result<Arc<AwsSession>, CardError> {
        self.admit(connection).await?;
        let policy = SessionPolicy::of(scope, connection)?.map(Arc::new);
        let (config, credentials) = self.credentials(connection, policy.clone(), run).await?;
        // What is wrong shows here, not in the first request of a card.
        credentials.get().await?;
        let parts = AwsSessionParts {
            nickname: connection.nickname.to_owned(),
            endpoint: config.endpoint_url().map(str::to_owned),
            config,
            session_name: connection.role_arn.as_ref().map(|_| session_name(run)),
            role_arn: connection.role_arn.as_ref().map(ToString::to_string),
        };
        Ok(Arc::new(AwsSession::narrowed(parts, policy)))
    }

    /// The credentials of a connection, and the configuration that has them. They are not asked
    /// for yet.
    async fn credentials(
        &self,
        connection: AwsConnection<'_>,
        policy: Option<Arc<SessionPolicy>>,
        run: &RunIdentity,
    ) -> Result<(SdkConfig, Arc<Renewing>), CardError> {
        let base = self.base(connection).await?;
        let Some(role_arn) = connection.role_arn.clone() else {
            return Ok((base.config, base.credentials));
        };
        let role = Role {
            sts: Sts::new(&base.config, connection),
            role_arn,
            external_id: connection.external_id.clone(),
            session_name: session_name(run),
            attribution: connection.attribution(run)?,
            policy,
        };
        let credentials = Renewing::new(
            Source::Role(role),
            self.time.clone(),
            self.bases.secrets.redactor.clone(),
        );
        let config = base
            .config
            .into_builder()
            .credentials_provider(credentials.provider())
            .build();
        Ok((config, credentials))
    }
}

impl Connections for ConnectionStore {
    fn info(&self, nickname: &str) -> Option<ConnectionInfo> {
        self.connections
            .get(nickname)
            .map(|connection| ConnectionInfo {
                kind: connection.kind().name.to_owned(),
            })
    }

    fn nicknames(&self) -> Vec<String> {
        self.connections.keys().cloned().collect()
    }

    fn members(&self, set: &str) -> Option<Vec<String>> {
        let members = ConnectionStore::members(self, set);
        let members: Vec<String> = members.map(|member| member.nickname.clone()).collect();
        (!members.is_empty()).then_some(members)
    }

    fn sets(&self) -> Vec<String> {
        let members = self.list().filter_map(|known| known.member.as_ref());
        let mut sets: Vec<String> = members.map(|member| member.set.name.clone()).collect();
        sets.dedup();
        sets
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        Box::pin(async move {
            let nickname = request.connection.nickname();
            let connection = self.find(nickname)?;
            let kind = connection.kind().name;
            if request.connection.kind() != kind {
                return Err(CardError::new(
                    ErrorKind::Connection,
                    format!(
                        "the connection `{nickname}` is of kind `{kind}`, and `{}` is asked for",
                        request.connection.kind()
                    ),
                ));
            }
            let flight = self.flight(SessionKey {
                run_id: request.run.run_id.clone(),
                nickname: nickname.to_owned(),
                scope: request.scope.clone(),
            });
            let opening = Opening {
                store: self,
                connection,
                scope: &request.scope,
                run: &request.run,
            };
            flight
                .get(|_| true, connection.definition.open(opening))
                .await
        })
    }

    fn holds(&self, connection: &ConnectionRef, permissions: &[Permission]) -> bool {
        let known = self.connections.get(connection.nickname());
        let aws = known.and_then(|known| known.aws());
        aws.is_none_or(|aws| SessionPolicy::holds(permissions, aws))
    }

    fn sessions(&self, run_id: &str) -> Vec<SessionInfo> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = IndexMap::new();
        for (key, flight) in sessions.iter().filter(|(key, _)| key.run_id == run_id) {
            let Some(session) = flight.latest() else {
                continue;
            };
            let aws = session.downcast_ref::<AwsSession>();
            found.entry(&key.nickname).or_insert_with(|| SessionInfo {
                connection: key.nickname.clone(),
                role_arn: aws.and_then(|aws| Some(aws.role_arn()?.to_owned())),
                session_name: aws.and_then(|aws| Some(aws.session_name()?.to_owned())),
            });
        }
        found.into_values().collect()
    }

    fn release(&self, run_id: &str) {
        self.sessions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, _| key.run_id != run_id);
    }
}

/// Shows nicknames only.
impl fmt::Debug for ConnectionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionStore")
            .field("connections", &self.nicknames())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod environment_tests;
#[cfg(test)]
mod tests;
