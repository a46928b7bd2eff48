//! The `flowrun` binary: flowrun's own cards under the command line of [`flowrun_cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    flowrun_cli::run(std::env::args_os(), |registry| {
        flowrun_card_std::register(registry)?;
        flowrun_card_s3::register(registry)
    })
}
