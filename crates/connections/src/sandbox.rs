//! How a program gives connections of the embedded sandbox their endpoint.

use std::path::Path;

use flowrun_card::{BoxFuture, Secret};

/// Starts the embedded sandbox when a connection with `endpoint: sandbox` is first opened.
pub trait SandboxPort: Send + Sync + 'static {
    /// Starts the sandbox of a folder, which is the one that holds the `connections.yaml`, or joins
    /// the one that runs there. Asked once for each folder of a store, unless it fails.
    ///
    /// # Errors
    /// Why it does not start: one sentence, lower case, no full stop, no secret.
    fn start<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, Result<SandboxEndpoint, String>>;
}

/// A sandbox that runs.
#[derive(Clone, Debug)]
pub struct SandboxEndpoint {
    /// Where it listens, such as `http://127.0.0.1:40123`.
    pub url: String,
    /// The access key that connections with `base: sandbox` start from.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// The region, where the connection names none.
    pub region: String,
}
