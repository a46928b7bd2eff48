//! A run as JSON, one event a line: the wire format for other programs, version 1.

use std::{collections::HashMap, sync::Arc, time::Duration};

use flowrun_card::{Progress, Requests};
use flowrun_engine::{RunError, RunEvent, RunReport};
use serde_json::{Map, Value as Json, json};

/// The version of the format; fields may be added to it, never renamed or removed.
const VERSION: u32 = 1;

/// Turns events into lines.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// What the latest attempt of a card has done and asked, by address.
    doing: HashMap<String, (Arc<Progress>, Arc<Requests>)>,
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
                requests,
            } => {
                let doing = (Arc::clone(progress), Arc::clone(requests));
                self.doing.insert(address.clone(), doing);
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
                if let Some((progress, requests)) = self.doing.remove(address) {
                    let counts = progress.snapshot();
                    line.insert("items".to_owned(), json!(counts.items));
                    line.insert("bytes".to_owned(), json!(counts.bytes));
                    if let Some(requests) = requests_of(&requests) {
                        line.insert("requests".to_owned(), requests);
                    }
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
    let sessions: Vec<Json> = report
        .sessions
        .iter()
        .map(|session| {
            json!({
                "connection": session.connection,
                "role_arn": session.role_arn,
                "session_name": session.session_name,
            })
        })
        .collect();
    line.insert("sessions".to_owned(), json!(sessions));
    line.insert("outputs".to_owned(), json!(report.outputs));
    if let Some(error) = &report.error {
        line.insert("error".to_owned(), error_of(error));
    }
    Json::Object(line)
}

/// What services answered an attempt: how often, and the latest of it, oldest first.
fn requests_of(requests: &Requests) -> Option<Json> {
    let (count, latest) = requests.snapshot();
    let latest: Vec<Json> = latest
        .iter()
        .map(|request| {
            json!({
                "service": request.service,
                "operation": request.operation,
                "status": request.status,
                "request_id": request.request_id,
            })
        })
        .collect();
    (count > 0).then(|| json!({ "count": count, "latest": latest }))
}

fn error_of(error: &RunError) -> Json {
    json!(error)
}

fn millis(duration: Duration) -> Json {
    json!(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
