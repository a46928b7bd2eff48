//! What runs of flows do: their outputs, errors, events and what the cards saw. Time is the
//! runtime's own and paused, so that no timing decides a test.

mod cancel;
mod embedding;
mod events;
mod failures;
mod inputs;
mod journal;
mod outputs;
mod secrets;

use crate::support::flow;

/// How a run of a flow ends, with its outputs or its error.
async fn end(text: &str) -> String {
    flow(text).run().await.end()
}
