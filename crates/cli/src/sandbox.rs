//! The embedded sandbox behind connections with `endpoint: sandbox`: started when the first session
//! asks for it, and kept until the process ends.

use std::{path::Path, sync::Mutex};

use flowrun_card::BoxFuture;
use flowrun_connections::{SandboxEndpoint, SandboxPort};
use flowrun_sandbox::{Sandbox, Seed, State};

use crate::context::reason;

/// The largest seed file, in bytes.
const MAX_SEED: u64 = 1 << 20;

/// Starts the sandbox of a folder: `sandbox.yaml` beside its connection file is what it begins
/// with, `.flowrun/sandbox/` there is where it keeps its objects.
#[derive(Debug, Default)]
pub(crate) struct EmbeddedSandbox {
    running: Mutex<Vec<Sandbox>>,
}

impl SandboxPort for EmbeddedSandbox {
    fn start<'a>(&'a self, folder: &'a Path) -> BoxFuture<'a, Result<SandboxEndpoint, String>> {
        Box::pin(async move {
            let seed = read_seed(&folder.join("sandbox.yaml"))?;
            let state = State::Dir(folder.join(".flowrun").join("sandbox"));
            let sandbox = Sandbox::start(seed, state)
                .await
                .map_err(|error| error.to_string())?;
            let operator = sandbox.operator();
            let endpoint = SandboxEndpoint {
                url: sandbox.url().to_owned(),
                access_key_id: operator.access_key_id().to_owned(),
                secret_access_key: operator.secret_access_key().clone(),
                region: sandbox.region().to_owned(),
            };
            self.running
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(sandbox);
            Ok(endpoint)
        })
    }
}

/// Reads a seed file; the message names the file.
pub(crate) fn read_seed(path: &Path) -> Result<Seed, String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_SEED).read_to_string(&mut text))
        .map_err(|error| {
            format!(
                "cannot read the sandbox's seed `{}`: {}",
                path.display(),
                reason(&error)
            )
        })?;
    Seed::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
}
