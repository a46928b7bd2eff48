//! The syntax tree of a flow file: YAML with the span of every node.

mod between;
mod literal;
mod node;
mod parse;
mod positions;
mod slips;
mod spans;
mod text;
mod tree;

pub(crate) use self::{
    node::{Entry, Key, Kind, Node, Scalar, Style},
    parse::{MAX_DEPTH, parse},
};

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
