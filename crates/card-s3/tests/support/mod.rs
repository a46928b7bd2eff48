//! What the tests of cards share: a context, connections to a server, and ways to run a card.
#![allow(dead_code, reason = "each test file uses a part of this")]

pub(crate) mod sandbox;
pub(crate) mod scripted;

use std::{
    any::Any,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_s3::config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_types::SdkConfig;
use flowrun_card::{
    BoxFuture, CardError, CardTypes, Clock, ConnectionInfo, ConnectionKind, ConnectionRef,
    Connections, Ctx, CtxParts, DynCard, Entry, Marks, NamedSecret, Object, Progress, Registry,
    RunIdentity, Secret, SessionRequest, Value,
};
use flowrun_connections::{AwsS3, AwsSession, AwsSessionParts};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// A configuration for a server on the loopback.
pub(crate) fn config(url: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Connections by nickname.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Arc<AwsSession>>>>);

impl Sessions {
    pub(crate) fn add(&self, nickname: &str, config: SdkConfig, role_arn: Option<String>) {
        let endpoint = config.endpoint_url().map(str::to_owned);
        let session = AwsSession::new(AwsSessionParts {
            nickname: nickname.to_owned(),
            config,
            role_arn,
            session_name: None,
            endpoint,
        });
        let mut sessions = self.0.lock().unwrap();
        sessions.insert(nickname.to_owned(), Arc::new(session));
    }
}

impl Sessions {
    pub(crate) fn get(&self, nickname: &str) -> Arc<AwsSession> {
        Arc::clone(&self.0.lock().unwrap()[nickname])
    }
}

impl Connections for Sessions {
    fn info(&self, _: &str) -> Option<ConnectionInfo> {
        None
    }

    fn nicknames(&self) -> Vec<String> {
        Vec::new()
    }

    fn session(
        &self,
        request: SessionRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Any + Send + Sync>, CardError>> {
        let session = self.0.lock().unwrap()[request.connection.nickname()].clone();
        Box::pin(async move { Ok(session as Arc<dyn Any + Send + Sync>) })
    }
}

/// The time stands still, and random numbers count up.
struct Still(AtomicU64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Marks in memory, in order.
#[derive(Clone, Default)]
pub(crate) struct Kept(pub(crate) Arc<Mutex<Vec<(String, Value)>>>);

impl Marks for Kept {
    fn mark<'a>(&'a self, name: &'a str, value: Value) -> BoxFuture<'a, Result<(), CardError>> {
        self.0.lock().unwrap().push((name.to_owned(), value));
        Box::pin(async { Ok(()) })
    }

    fn find(&self, name: &str) -> Option<Value> {
        let marks = self.0.lock().unwrap();
        let found = marks.iter().rev().find(|(marked, _)| marked == name);
        found.map(|(_, value)| value.clone())
    }
}

/// A world for cards.
pub(crate) struct World {
    pub(crate) sessions: Sessions,
    pub(crate) marks: Kept,
    pub(crate) progress: Arc<Progress>,
    pub(crate) cancellation: CancellationToken,
    folder: tempfile::TempDir,
    registry: Registry,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Sessions::default())
    }

    pub(crate) fn with(sessions: Sessions) -> Self {
        let mut registry = Registry::new();
        flowrun_card_s3::register(&mut registry).unwrap();
        Self {
            sessions,
            marks: Kept::default(),
            progress: Arc::default(),
            cancellation: CancellationToken::new(),
            folder: tempfile::tempdir().unwrap(),
            registry,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file in the folder.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn ctx(&self) -> Ctx {
        self.ctx_with(Arc::new(self.sessions.clone()))
    }

    fn ctx_with(&self, connections: Arc<dyn Connections>) -> Ctx {
        let scratch = self.folder().join(".scratch");
        Ctx::new(CtxParts {
            run: RunIdentity {
                run_id: "run".to_owned(),
                flow: "test".to_owned(),
            },
            address: "card".to_owned(),
            attempt: 1,
            connections,
            clock: Arc::new(Still(AtomicU64::new(1))),
            marks: Arc::new(self.marks.clone()),
            progress: Arc::clone(&self.progress),
            cancellation: self.cancellation.clone(),
            folder: self.folder().to_owned(),
            scratch: Arc::new(move || {
                std::fs::create_dir_all(&scratch)?;
                Ok(scratch.clone())
            }),
        })
    }

    pub(crate) fn card(&self, name: &str) -> (Arc<dyn DynCard>, Arc<CardTypes>) {
        match self.registry.get(name) {
            Some(Entry::Card { card, types }) => (Arc::clone(card), Arc::clone(types)),
            _ => panic!("there is no card `{name}`"),
        }
    }

    /// Runs a card, and holds its output to the type that it declares. A text under `connection`
    /// is a nickname.
    pub(crate) async fn run(
        &self,
        name: &str,
        input: serde_json::Value,
    ) -> Result<serde_json::Value, CardError> {
        let connections = Arc::new(self.sessions.clone());
        self.run_with(name, input, connections).await
    }

    /// The same over other connections.
    pub(crate) async fn run_with(
        &self,
        name: &str,
        input: serde_json::Value,
        connections: Arc<dyn Connections>,
    ) -> Result<serde_json::Value, CardError> {
        let (card, types) = self.card(name);
        let ctx = self.ctx_with(connections);
        let output = card.run(value(input), &ctx).await?;
        let mismatches = types.output.conform(output.clone()).err();
        assert_eq!(mismatches, None, "{name}: {output}");
        Ok(serde_json::to_value(output).unwrap())
    }

    /// Every entry of the folder, without its own scratch folder.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.folder()).unwrap();
                    files.push(below.to_str().unwrap().to_owned());
                }
            }
        }
        files.sort();
        files
    }
}

/// An input; a text under `connection` is a nickname, and one under `sse_customer_key` a secret.
pub(crate) fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| {
                let field = match field {
                    serde_json::Value::String(nickname) if name == "connection" => {
                        Value::Connection(ConnectionRef::new(AwsS3::NAME, nickname))
                    }
                    serde_json::Value::String(key) if name == "sse_customer_key" => {
                        Value::Secret(NamedSecret::new("key", Secret::new(key)))
                    }
                    field => value(field),
                };
                (name, field)
            });
            Value::Object(fields.collect::<Object>())
        }
        json => serde_json::from_value(json).unwrap(),
    }
}

/// Bytes that do not repeat soon.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
