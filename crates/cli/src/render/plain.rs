//! A run in plain lines on standard error, where nobody watches a terminal: a line a card as it
//! ends, loops as a whole, and what failed in full.

use std::{collections::HashMap, fmt::Write as _, io::Write as _, sync::Arc, time::Duration};

use flowrun_card::{CardError, Progress, ProgressSnapshot};
use flowrun_engine::{CardState, RunError, RunEvent, RunReport, RunStatus, Source};

use crate::render::{
    DIM, ERROR, GOOD, HELP, WARNING, redactor,
    text::{bytes, count, duration},
};

/// What is remembered of what runs.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    started: HashMap<String, Started>,
    loops: HashMap<String, u64>,
    every_item: bool,
}

#[derive(Debug)]
struct Started {
    card: &'static str,
    progress: Arc<Progress>,
}

impl Lines {
    /// Shows the items of loops one by one too where `every_item` says so.
    pub(crate) fn new(every_item: bool) -> Self {
        Self {
            every_item,
            ..Self::default()
        }
    }

    /// The lines of an event, if it has any.
    pub(crate) fn lines(&mut self, event: &RunEvent) -> Option<String> {
        match event {
            RunEvent::RunStarted {
                run_id,
                flow,
                environment,
                ..
            } => {
                let place = match environment {
                    Some(environment) => format!(" {DIM}in{DIM:#} {environment}"),
                    None => String::new(),
                };
                Some(format!(
                    "{DIM}run{DIM:#} {flow}{place} {DIM}{run_id}{DIM:#}"
                ))
            }
            RunEvent::LoopStarted { address, items } => {
                self.loops.insert(address.clone(), *items);
                None
            }
            RunEvent::CardStarted {
                address,
                card,
                progress,
                ..
            } => {
                self.started.insert(
                    address.clone(),
                    Started {
                        card,
                        progress: Arc::clone(progress),
                    },
                );
                None
            }
            RunEvent::CardWaiting {
                address,
                attempt,
                error,
                delay,
            } => Some(format!(
                "  {WARNING}retry{WARNING:#} {address}: attempt {attempt} failed: {} {DIM}(again in {}){DIM:#}",
                error.message,
                duration(*delay)
            )),
            RunEvent::CardEnded {
                address,
                state,
                duration,
                ..
            } => self.ended(address, *state, *duration),
            _ => None,
        }
    }

    fn ended(&mut self, address: &str, state: CardState, took: Duration) -> Option<String> {
        let started = self.started.remove(address);
        let items = self.loops.remove(address);
        // An item of a loop, or a card within one.
        if address.contains('[') && !self.every_item && state != CardState::Failed {
            return None;
        }
        let mut facts = Vec::new();
        if let Some(items) = items {
            facts.push(count(items, "item"));
        }
        if let Some(started) = &started {
            facts.extend(done(started.progress.snapshot()));
        }
        if !took.is_zero() || started.is_some() || items.is_some() {
            facts.push(duration(took));
        }
        let card = started.map_or("", |started| started.card);
        let mark = match state {
            CardState::Succeeded => format!("{GOOD}✓{GOOD:#}"),
            CardState::Failed => format!("{ERROR}✗{ERROR:#}"),
            CardState::Skipped => format!("{DIM}-{DIM:#}"),
            CardState::Cancelled => format!("{WARNING}■{WARNING:#}"),
        };
        let word = match state {
            CardState::Succeeded => String::new(),
            other => format!(" {other}"),
        };
        let mut line = format!("  {mark} {address}{word}");
        if !card.is_empty() {
            write!(line, " {DIM}{card}{DIM:#}").ok();
        }
        if !facts.is_empty() {
            write!(line, " {DIM}({}){DIM:#}", facts.join(", ")).ok();
        }
        Some(line)
    }
}

/// What a card has done, in words.
pub(crate) fn done(progress: ProgressSnapshot) -> Vec<String> {
    let mut facts = Vec::new();
    match (progress.items, progress.total_items) {
        (0, 0) => {}
        (items, 0) => facts.push(count(items, "item")),
        (items, total) if items >= total => facts.push(count(items, "item")),
        (items, total) => facts.push(format!("{items} of {}", count(total, "item"))),
    }
    match (progress.bytes, progress.total_bytes) {
        (0, 0) => {}
        (moved, total) if total == 0 || moved >= total => facts.push(bytes(moved)),
        (moved, total) => facts.push(format!("{} of {}", bytes(moved), bytes(total))),
    }
    facts
}

/// Prints lines on standard error.
pub(crate) fn print(lines: &str) {
    let lines = redactor().text(lines);
    writeln!(anstream::stderr().lock(), "{lines}").ok();
}

/// How a run ended, with what to do where it failed.
pub(crate) fn summary(report: &RunReport, source: &Source) -> String {
    let counts = report.counts;
    let parts: Vec<String> = [
        (counts.succeeded, "succeeded"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.cancelled, "cancelled"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, word)| format!("{number} {word}"))
    .collect();
    let cards = if parts.is_empty() {
        "no cards".to_owned()
    } else {
        parts.join(", ")
    };
    let took = duration(report.duration);
    match report.status {
        RunStatus::Succeeded => {
            format!("{GOOD}succeeded{GOOD:#} {DIM}in {took}: {cards}{DIM:#}")
        }
        RunStatus::Cancelled => {
            format!("{WARNING}cancelled{WARNING:#} {DIM}after {took}: {cards}{DIM:#}")
        }
        RunStatus::Failed => {
            let mut text = format!("{ERROR}failed{ERROR:#} {DIM}after {took}: {cards}{DIM:#}");
            if let Some(error) = &report.error {
                text.push('\n');
                text.push_str(&failure(error, source));
            }
            text
        }
    }
}

/// An error in full: what, where, and what to do.
pub(crate) fn failure(error: &RunError, source: &Source) -> String {
    let mut text = format!(
        "{ERROR}error{ERROR:#}[{}]: {}",
        error.kind,
        printable(&error.message)
    );
    if let Some(card) = &error.card {
        write!(text, "\n  {DIM}card:{DIM:#} {card}").ok();
        if error.attempts > 1 {
            write!(text, " {DIM}({} attempts){DIM:#}", error.attempts).ok();
        }
    }
    if let Some(span) = error.span {
        let at = source.position(span.start);
        write!(
            text,
            "\n  {DIM}at:{DIM:#} {}:{}:{}",
            source.name(),
            at.line,
            at.column
        )
        .ok();
    }
    details(
        &mut text,
        error.code.as_deref(),
        &error.context,
        error.help.as_deref(),
    );
    text
}

/// An error outside a run.
pub(crate) fn card_failure(error: &CardError) -> String {
    let mut text = format!(
        "{ERROR}error{ERROR:#}[{}]: {}",
        error.kind,
        printable(&error.message)
    );
    details(
        &mut text,
        error.code.as_deref(),
        &error.context,
        error.help.as_deref(),
    );
    text
}

fn details(
    text: &mut String,
    code: Option<&str>,
    context: &[(&'static str, String)],
    help: Option<&str>,
) {
    if let Some(code) = code {
        write!(text, "\n  {DIM}code:{DIM:#} {}", printable(code)).ok();
    }
    for (name, value) in context {
        write!(text, "\n  {DIM}{name}:{DIM:#} {}", printable(value)).ok();
    }
    if let Some(help) = help {
        write!(text, "\n{HELP}help{HELP:#}: {help}").ok();
    }
}

/// Text from the world with its control characters spelled out, so that it cannot move the cursor.
fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown: Vec<char> = if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            };
            shown
        })
        .collect()
}
