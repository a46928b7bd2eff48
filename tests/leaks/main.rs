//! Canaries that go the way of secrets through the real binary, and are then looked for in all that
//! it printed and wrote, in every form that they could have there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test that fails panics"
)]
#![allow(clippy::print_stdout, reason = "a child process tells the test by it")]

mod canaries;
mod cards;
mod commands;
#[path = "../common/mod.rs"]
mod common;
mod functions;
mod given;
mod panics;
mod server;
