//! An embedded AWS-shaped endpoint: S3 and STS with IAM enforced.
//!
//! For demos and tests. It serves a loopback port, and a client meets there what it meets on AWS:
//! signed requests, roles that have to be assumed with the right External ID, sessions that
//! expire, and policies that are evaluated on every request.
//!
//! ```no_run
//! use flowrun_sandbox::{Sandbox, Seed, State};
//!
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! let seed = Seed::parse(&std::fs::read_to_string("flows/sandbox.yaml")?)?;
//! let sandbox = Sandbox::start(seed, State::Memory).await?;
//! println!("{} {}", sandbox.url(), sandbox.operator().access_key_id());
//! sandbox.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod caller;
mod enforce;
mod error;
mod form;
mod identity;
mod keys;
mod s3;
mod sandbox;
mod seed;
mod server;
mod state;
mod store;
mod sts;

pub use error::SandboxError;
pub use keys::Keys;
pub use sandbox::{Sandbox, State};
pub use seed::{BucketOptions, Seed, SeedError};
