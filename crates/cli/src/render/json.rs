//! A run as JSON, one event a line: the wire format for other programs, version 1.

use std::{collections::HashMap, sync::Arc, time::Duration};

use flowrun_card::Progress;
use flowrun_engine::{RunError, RunEvent, RunReport};
use serde_json::{Map, Value as Json, json};

/// The version of the format; fields may be added to it, never renamed or removed.
const VERSION: u32 = 1;

/// Turns events into lines.
#[derive(Debug, Default)]
pub(crate) struct Events {
    progress: HashMap<String, Arc<Progress>>,
}

impl Events {
    /// The line of an event, without its line break.
    pub(crate) fn line(&mut self, event: &RunEvent) -> Option<String> {
        let line = match event {
            RunEvent::RunStarted {
                run_id,
                flow,
                environment,
                at,
            } => json!({
                "event": "run_started",
                "version": VERSION,
                "run_id": run_id,
                "flow": flow,
                "environment": environment,
                "at": at.to_string(),
            }),
            RunEvent::LoopStarted { address, items } => json!({
                "event": "loop_started",
                "address": address,
                "items": items,
            }),
            RunEvent::CardStarted {
                address,
                card,
                attempt,
                progress,
            } => {
                self.progress.insert(address.clone(), Arc::clone(progress));
                json!({
                    "event": "card_started",
                    "address": address,
                    "card": card,
                    "attempt": attempt,
                })
            }
            RunEvent::CardWaiting {
                address,
                attempt,
                error,
                delay,
            } => json!({
                "event": "card_waiting",
                "address": address,
                "attempt": attempt,
                "error": error_of(error),
                "delay_ms": millis(*delay),
            }),
            RunEvent::CardEnded {
                address,
                state,
                error,
                duration,
            } => {
                let mut line = Map::new();
                line.insert("event".to_owned(), json!("card_ended"));
                line.insert("address".to_owned(), json!(address));
                line.insert("state".to_owned(), json!(state.name()));
                line.insert("duration_ms".to_owned(), millis(*duration));
                if let Some(progress) = self.progress.remove(address) {
                    let counts = progress.snapshot();
                    line.insert("items".to_owned(), json!(counts.items));
                    line.insert("bytes".to_owned(), json!(counts.bytes));
                }
                if let Some(error) = error {
                    line.insert("error".to_owned(), error_of(error));
                }
                Json::Object(line)
            }
            RunEvent::RunEnded(report) => ended(report),
            // Kinds of events that this build does not know have no line yet.
            _ => return None,
        };
        Some(line.to_string())
    }
}

fn ended(report: &RunReport) -> Json {
    let counts = report.counts;
    let mut line = Map::new();
    line.insert("event".to_owned(), json!("run_ended"));
    line.insert("run_id".to_owned(), json!(report.run_id));
    line.insert("flow".to_owned(), json!(report.flow));
    line.insert("status".to_owned(), json!(report.status.name()));
    line.insert("duration_ms".to_owned(), millis(report.duration));
    line.insert(
        "cards".to_owned(),
        json!({
            "succeeded": counts.succeeded,
            "failed": counts.failed,
            "skipped": counts.skipped,
            "cancelled": counts.cancelled,
        }),
    );
    line.insert("outputs".to_owned(), json!(report.outputs));
    if let Some(error) = &report.error {
        line.insert("error".to_owned(), error_of(error));
    }
    Json::Object(line)
}

fn error_of(error: &RunError) -> Json {
    json!(error)
}

fn millis(duration: Duration) -> Json {
    json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
