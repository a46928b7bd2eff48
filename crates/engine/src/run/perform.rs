//! What each command of the machine does: values are evaluated, attempts started and asked to end,
//! timers set.

use std::{sync::Arc, time::Duration};

use flowrun_card::{Effect, Value};
use tokio::time::Instant;

use super::{
    driver::{Driver, Halt},
    ends::{unplanned, untold},
    error::RunError,
    evaluate::{View, guarded},
    event::RunEvent,
};
use crate::{
    machine::{
        Command, Evaluation, EventKind, Failure, Handle, InstanceId, MachineError, Place, Retry,
        Slot,
    },
    plan::PlannedAction,
};

impl Driver {
    pub(super) async fn perform(&mut self, command: Command) -> Result<(), Halt> {
        match command {
            Command::OpenFrame {
                frame, body, place, ..
            } => {
                if let Some(place) = place.filter(|_| self.watch.is_some()) {
                    self.begun.entry(place).or_insert_with(Instant::now);
                }
                self.store.open_frame(frame, body, place);
            }
            Command::CloseFrame { frame } => self.store.close_frame(frame),
            Command::OpenLoop { place, length, .. } => {
                self.store.open_loop(place, length);
                if self.watch.is_some() {
                    self.begun.insert(place, Instant::now());
                    let address = self.store.address(place).to_string();
                    self.tell(RunEvent::LoopStarted {
                        address,
                        items: length,
                    });
                }
            }
            Command::Evaluate {
                instance,
                place,
                slot,
            } => {
                let result = match self.evaluate(instance, place, slot) {
                    Ok(result) => result,
                    Err(error) => self.refuse(error),
                };
                self.events.push_back(EventKind::Evaluated {
                    instance,
                    slot,
                    result,
                });
            }
            Command::EvaluateOutputs {
                instance,
                frame,
                body,
            } => {
                let view = View {
                    globals: &self.globals,
                    store: Some(&self.store),
                    frame: Some(frame),
                    place: self.store.owner(frame),
                    skipped_is_null: true,
                };
                let outputs = match self.plan.body(body) {
                    Some(body) => guarded(|| {
                        view.outputs(body, |card| {
                            self.plan.card(card).map(|card| Arc::clone(&card.id))
                        })
                    }),
                    None => Ok(Value::Null),
                };
                let result = match outputs {
                    Ok(value) => Evaluation::Value(self.store.put(value)),
                    Err(error) => self.refuse(error),
                };
                self.events.push_back(EventKind::Evaluated {
                    instance,
                    slot: Slot::Outputs,
                    result,
                });
            }
            Command::Start {
                instance,
                place,
                attempt,
                input,
            } => self.start(instance, place, attempt, input).await?,
            Command::Cancel { instance, .. } => self.tasks.cancel(instance),
            Command::Waiting {
                place,
                attempt,
                failure,
                until,
                ..
            } => {
                let error = match failure.error {
                    Some(handle) => self.store.take_error(handle),
                    None => untold(failure.kind),
                };
                if self.watch.is_some() {
                    let address = self.store.address(place).to_string();
                    let delay = Duration::from_millis(until.0.saturating_sub(self.now().0));
                    self.tell(RunEvent::CardWaiting {
                        address,
                        attempt,
                        error,
                        delay,
                    });
                }
            }
            Command::SetTimer {
                timer,
                instance,
                at,
            } => self.timers.set(timer, instance, at),
            Command::ClearTimer { timer } => self.timers.clear(timer),
            Command::Ended {
                instance,
                place,
                end,
            } => {
                if let Some(handle) = instance.and_then(|instance| self.inputs.remove(&instance)) {
                    self.store.take(handle);
                }
                self.ended(place, end);
            }
            Command::Finish { .. } => {}
        }
        Ok(())
    }

    fn refuse(&mut self, error: RunError) -> Evaluation {
        Evaluation::Error(Failure {
            kind: error.kind,
            retry: Retry::Permanent,
            error: Some(self.store.put_error(error)),
        })
    }

    fn evaluate(
        &mut self,
        instance: InstanceId,
        place: Place,
        slot: Slot,
    ) -> Result<Evaluation, RunError> {
        let plan = Arc::clone(&self.plan);
        let card = plan.card(place.card).ok_or_else(unplanned)?;
        let view = View {
            globals: &self.globals,
            store: Some(&self.store),
            frame: Some(place.frame),
            place: Some(place),
            skipped_is_null: false,
        };
        match slot {
            Slot::When => {
                let condition = card.when.as_ref().ok_or_else(unplanned)?;
                Ok(Evaluation::Boolean(guarded(|| {
                    view.condition(condition, card.span)
                })?))
            }
            Slot::ForEach => {
                let planned = card.for_each.as_ref().ok_or_else(unplanned)?;
                let list = guarded(|| view.items(&planned.list, card.span))?;
                let length = u64::try_from(list.len()).unwrap_or(u64::MAX);
                self.store.keep_list(place, list);
                Ok(Evaluation::Length(length))
            }
            Slot::Where => {
                let filter = card
                    .for_each
                    .as_ref()
                    .and_then(|planned| planned.filter.as_ref())
                    .ok_or_else(unplanned)?;
                Ok(Evaluation::Boolean(guarded(|| {
                    view.condition(filter, card.span)
                })?))
            }
            Slot::Input => {
                let value = match &card.action {
                    PlannedAction::Card { types, input, .. } => {
                        guarded(|| view.input(input, &types.input, card.span))?
                    }
                    // A function's arguments are evaluated when it is called.
                    PlannedAction::Function { .. } | PlannedAction::Group(_) => Value::Null,
                };
                let handle = self.store.put(value);
                self.inputs.insert(instance, handle);
                Ok(Evaluation::Value(handle))
            }
            Slot::Results => {
                let results = self.store.results(place);
                Ok(Evaluation::Value(self.store.put(results)))
            }
            Slot::Outputs => Err(unplanned()),
        }
    }

    async fn start(
        &mut self,
        instance: InstanceId,
        place: Place,
        attempt: u32,
        input: Handle,
    ) -> Result<(), Halt> {
        let plan = Arc::clone(&self.plan);
        if self.watch.is_some() {
            self.begun.entry(place).or_insert_with(Instant::now);
        }
        match plan.card(place.card).map(|card| (&card.action, card.span)) {
            Some((PlannedAction::Card { card, .. }, _)) => {
                if card.spec().effect != Effect::Pure {
                    self.durable().await?;
                }
                let address = self.store.address(place).to_string();
                let input = self.store.get(input).cloned().unwrap_or_default();
                let progress = self.tasks.start(
                    &self.world,
                    self.connections.of_card(place.card),
                    Arc::clone(card),
                    input,
                    address.clone(),
                    (instance, attempt),
                );
                self.tell_started(address, card.spec().name, attempt, progress);
            }
            Some((
                PlannedAction::Function {
                    function,
                    arguments,
                },
                span,
            )) => {
                if self.watch.is_some() {
                    let address = self.store.address(place).to_string();
                    self.tell_started(address, function.name, attempt, Default::default());
                }
                let view = View {
                    globals: &self.globals,
                    store: Some(&self.store),
                    frame: Some(place.frame),
                    place: Some(place),
                    skipped_is_null: false,
                };
                let event = match guarded(|| view.call(function, arguments, span)) {
                    Ok(value) => EventKind::Finished {
                        instance,
                        attempt,
                        output: self.store.put(value),
                    },
                    Err(error) => EventKind::Failed {
                        instance,
                        attempt,
                        failure: Failure {
                            kind: error.kind,
                            retry: Retry::Permanent,
                            error: Some(self.store.put_error(error)),
                        },
                    },
                };
                self.events.push_back(event);
            }
            Some((PlannedAction::Group(_), _)) | None => {
                return Err(Halt::Machine(MachineError::UnknownInstance { instance }));
            }
        }
        Ok(())
    }

    fn tell_started(
        &mut self,
        address: String,
        card: &'static str,
        attempt: u32,
        (progress, requests): (Arc<flowrun_card::Progress>, Arc<flowrun_card::Requests>),
    ) {
        self.tell(RunEvent::CardStarted {
            address,
            card,
            attempt,
            progress,
            requests,
        });
    }
}
