//! The authored model of a flow, decoded from the syntax tree by readers that collect every error.

mod card;
mod decode;
mod id;
mod input;
mod keys;
mod model;
mod read;
mod retry;
mod secret;

pub(crate) use self::{
    decode::decode,
    model::{
        Action, After, Card, Connection, ConnectionSource, Defaults, Flow, ForEach, Group, Input,
        Named, Secret, Spanned,
    },
};

#[cfg(test)]
mod tests;
