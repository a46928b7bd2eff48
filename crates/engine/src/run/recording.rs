//! What a run appends to its journal, and when it waits for that to be durable.

use std::sync::Arc;

use flowrun_card::{Object, Value};

use super::{
    driver::{Driver, Halt},
    journal::Record,
};
use crate::machine::{Evaluation, Event, EventKind};

impl Driver {
    pub(super) fn record_start(&mut self) {
        let names = self.plan.inputs.iter().map(|input| Arc::clone(&input.name));
        let inputs: Object = names.zip(self.globals.inputs.iter().cloned()).collect();
        let ticket = self.world.journal.append(&[Record::Started {
            run_id: &self.world.identity.run_id,
            flow: &self.world.identity.flow,
            program: self.plan.program.fingerprint(),
            inputs: &Value::Object(inputs),
        }]);
        self.ticket = ticket;
    }

    /// Appends an event, and the value that it brings, to the journal.
    pub(super) fn record(&mut self, event: &Event) {
        let handle = match &event.kind {
            EventKind::Finished { output, .. } => Some(*output),
            EventKind::Evaluated {
                result: Evaluation::Value(handle),
                ..
            } => Some(*handle),
            _ => None,
        };
        let value = handle.and_then(|handle| Some((handle, self.store.get(handle)?)));
        let ticket = match value {
            Some((handle, value)) => self
                .world
                .journal
                .append(&[Record::Value { handle, value }, Record::Event(event)]),
            None => self.world.journal.append(&[Record::Event(event)]),
        };
        if ticket.is_some() {
            // Records become durable in order: the last ticket speaks for all before it.
            self.ticket = ticket;
        }
    }

    /// Waits until all that was recorded is durable. A killed run does not wait.
    pub(super) async fn durable(&mut self) -> Result<(), Halt> {
        let Some(ticket) = self.ticket.take() else {
            return Ok(());
        };
        tokio::select! {
            biased;
            () = self.controls.kill.cancelled() => Err(Halt::Killed),
            durable = ticket => Ok(durable?),
        }
    }
}
