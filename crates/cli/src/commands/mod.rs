//! The commands, one file each.

pub(crate) mod cards;
pub(crate) mod connections;
mod first_use;
pub(crate) mod graph;
pub(crate) mod policy;
pub(crate) mod run;
pub(crate) mod sandbox;
pub(crate) mod schema;
pub(crate) mod validate;
