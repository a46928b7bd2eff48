//! `flowrun sandbox`: serves the sandbox in the foreground, for other S3 clients.

use std::path::{Path, PathBuf};

use flowrun_sandbox::{Sandbox, State};

use crate::{args, context, exit::Exit, render, sandbox::read_seed};

/// Where the seed is looked for.
const SEEDS: [&str; 2] = ["sandbox.yaml", "flows/sandbox.yaml"];

pub(crate) fn run(arguments: &args::Sandbox) -> Exit {
    match serve(arguments) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

fn serve(arguments: &args::Sandbox) -> Result<(), Exit> {
    let seed = match &arguments.seed {
        Some(seed) => seed.clone(),
        None => found_seed().ok_or_else(|| {
            invalid(
                "there is no `sandbox.yaml` here or in `flows/`",
                Some("name the accounts, roles and buckets to begin with: `--seed FILE`"),
            )
        })?,
    };
    let seed = read_seed(&seed).map_err(|message| invalid(&message, None))?;
    let state = match &arguments.state {
        Some(folder) => State::Dir(folder.clone()),
        None => State::Memory,
    };
    context::runtime()?.block_on(async {
        let sandbox = Sandbox::start_on(seed, state, arguments.listen)
            .await
            .map_err(|error| invalid(&error.to_string(), None))?;
        if sandbox.is_joined() {
            return Err(invalid(
                &format!("another process serves this state at {}", sandbox.url()),
                Some("use that one, or another `--state` folder"),
            ));
        }
        let administrator = sandbox.administrator();
        render::print(&format!(
            "export AWS_ENDPOINT_URL={}\nexport AWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY={}\nexport AWS_REGION={}\n",
            sandbox.url(),
            administrator.access_key_id(),
            // The keys of an endpoint that only this machine reaches, printed because they were
            // asked for.
            administrator.secret_access_key().expose(),
            sandbox.region(),
        ));
        super::run::signal().await;
        sandbox.shutdown().await;
        Ok(())
    })
}

fn invalid(message: &str, help: Option<&str>) -> Exit {
    render::error(message, help);
    Exit::Invalid
}

fn found_seed() -> Option<PathBuf> {
    SEEDS
        .into_iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .map(Path::to_owned)
}
