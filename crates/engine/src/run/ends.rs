//! How cards and items end: their outputs are kept, their errors described, and whoever watches is
//! told.

use flowrun_card::ErrorKind;

use super::{
    driver::Driver,
    error::RunError,
    event::{CardState, RunEvent},
    store::Output,
};
use crate::{
    machine::{BodyId, Cause, End, Place, Skip},
    plan::PlannedAction,
};

impl Driver {
    /// Keeps what a card or item gave, and tells how it ended.
    pub(super) fn ended(&mut self, place: Place, end: End) {
        let planned = self.plan.card(place.card);
        let is_leaf = planned.is_some_and(|card| !matches!(card.action, PlannedAction::Group(_)));
        let is_loop = planned.is_some_and(|card| card.for_each.is_some());
        let counted = is_leaf && (place.index.is_some() || !is_loop);
        let kept = match &end {
            End::Failed(cause) => cause.failure.error,
            _ => None,
        };
        self.store.drop_errors(place, kept);
        let mut error = None;
        let state = match end {
            End::Succeeded { output } => {
                let value = self.store.take(output);
                self.store.set_output(place, Output::Value(value));
                CardState::Succeeded
            }
            End::Failed(cause) => {
                let told = self.describe(&cause);
                match place.index {
                    Some(index) => {
                        self.store
                            .set_failed(place, index, &told, cause.failure.error);
                    }
                    None => {
                        if let Some(handle) = cause.failure.error {
                            self.store.note_error(place.frame, handle);
                        }
                        self.store.set_output(place, Output::Skipped);
                    }
                }
                error = Some(told);
                CardState::Failed
            }
            End::Skipped(Skip::Where) => return,
            End::Skipped(_) => {
                self.store.set_output(place, Output::Skipped);
                CardState::Skipped
            }
            End::Cancelled => {
                self.store.set_output(place, Output::Skipped);
                CardState::Cancelled
            }
        };
        if counted {
            let count = match state {
                CardState::Succeeded => &mut self.counts.succeeded,
                CardState::Failed => &mut self.counts.failed,
                CardState::Skipped => &mut self.counts.skipped,
                CardState::Cancelled => &mut self.counts.cancelled,
            };
            *count = count.saturating_add(1);
        }
        if self.watch.is_some() {
            let begun = self.begun.remove(&place);
            let address = self.store.address(place).to_string();
            self.tell(RunEvent::CardEnded {
                address,
                state,
                error,
                duration: begun.map(|begun| begun.elapsed()).unwrap_or_default(),
            });
        }
    }

    pub(super) fn tell(&mut self, event: RunEvent) {
        if let Some(watch) = &mut self.watch {
            watch(&event);
        }
    }

    /// The error of the card that failed on its own.
    pub(super) fn describe(&self, cause: &Cause) -> RunError {
        let mut error = match cause
            .failure
            .error
            .and_then(|handle| self.store.error(handle))
        {
            Some(error) => error.clone(),
            None => untold(cause.failure.kind),
        };
        if error.span.is_none() {
            error.span = self.span_of(cause);
        }
        // The flow's own outputs are no card's.
        error.card = (!cause.address.steps().is_empty()).then(|| cause.address.to_string());
        error.attempts = cause.attempts;
        error
    }

    /// Where in the flow file the card stands that failed on its own.
    fn span_of(&self, cause: &Cause) -> Option<flowrun_card::Span> {
        let mut body = BodyId::FLOW;
        let mut span = None;
        for step in cause.address.steps() {
            let planned = self.plan.body(body)?;
            let id = planned
                .cards
                .iter()
                .copied()
                .find(|id| self.plan.card(*id).is_some_and(|card| card.id == step.card))?;
            let card = self.plan.card(id)?;
            span = Some(card.span);
            if let PlannedAction::Group(inner) = card.action {
                body = inner;
            }
        }
        span
    }
}

/// The error of a failure that comes from the machine, not from a card.
pub(super) fn untold(kind: ErrorKind) -> RunError {
    match kind {
        ErrorKind::Timeout => RunError::new(kind, "took longer than its `timeout`", None),
        _ => RunError::new(kind, format!("ended with an error of kind `{kind}`"), None),
    }
}

pub(super) fn unplanned() -> RunError {
    RunError::new(
        ErrorKind::Unexpected,
        "the run asked for something that its plan does not have",
        None,
    )
}
