//! Test support: servers and builders. Development only.

mod sandbox;

pub use sandbox::TestSandbox;
