//! A run on a terminal: a live line for each running card with what it has done so far, above it
//! the cards that have ended.

use std::{collections::HashMap, sync::Arc, time::Duration};

use flowrun_engine::RunEvent;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{
    plain::{self, Lines},
    redactor,
};

/// The most live lines; what runs beside them is counted in the line of its loop.
const MAX_LINES: usize = 12;

/// The live lines of a run.
#[derive(Debug)]
pub(crate) struct Live {
    screen: MultiProgress,
    bars: HashMap<String, ProgressBar>,
    /// Loops in flight, for the counts of their items.
    loops: HashMap<String, ProgressBar>,
    lines: Lines,
}

impl Live {
    pub(crate) fn new(every_item: bool) -> Self {
        Self {
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            bars: HashMap::new(),
            loops: HashMap::new(),
            lines: Lines::new(every_item),
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &RunEvent) {
        match event {
            RunEvent::LoopStarted { address, items } => {
                let bar = self.bar(address, "{pos}/{len} items");
                bar.set_length(*items);
                self.loops.insert(address.clone(), bar);
            }
            RunEvent::CardStarted {
                address,
                card,
                progress,
                ..
            } if self.bars.len() < MAX_LINES && !self.bars.contains_key(address) => {
                let progress = Arc::clone(progress);
                let style = style("{facts}").with_key(
                    "facts",
                    move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                        // A line that cannot be drawn is drawn at the next tick.
                        out.write_str(&plain::done(progress.snapshot()).join(", "))
                            .ok();
                    },
                );
                let bar = self
                    .screen
                    .add(ProgressBar::new_spinner().with_style(style));
                bar.set_prefix(address.clone());
                bar.set_message(*card);
                bar.enable_steady_tick(Duration::from_millis(100));
                self.bars.insert(address.clone(), bar);
            }
            RunEvent::CardEnded { address, .. } => {
                for bars in [&mut self.bars, &mut self.loops] {
                    if let Some(bar) = bars.remove(address) {
                        bar.finish_and_clear();
                        self.screen.remove(&bar);
                    }
                }
                // `copied[12]` is an item of `copied`.
                if let Some((owner, index)) = address.rsplit_once('[')
                    && index.ends_with(']')
                    && let Some(bar) = self.loops.get(owner)
                {
                    bar.inc(1);
                }
            }
            RunEvent::RunEnded(_) => self.clear(),
            _ => {}
        }
        if let Some(line) = self.lines.lines(event) {
            self.print(&line);
        }
    }

    /// Prints a line above the live ones.
    fn print(&self, line: &str) {
        let line = &*redactor().text(line);
        let line = match colored() {
            true => line.to_owned(),
            false => anstream::adapter::strip_str(line).to_string(),
        };
        // Where the terminal is gone there is nobody to show it to.
        self.screen.println(line).ok();
    }

    fn bar(&self, address: &str, facts: &str) -> ProgressBar {
        let bar = self
            .screen
            .add(ProgressBar::new(0).with_style(style(facts)));
        bar.set_prefix(address.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    fn clear(&mut self) {
        for (_, bar) in self.bars.drain().chain(self.loops.drain()) {
            bar.finish_and_clear();
        }
        self.screen.clear().ok();
    }
}

/// Whether standard error takes colours: `NO_COLOR` and its like are honoured.
fn colored() -> bool {
    anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

fn style(facts: &str) -> ProgressStyle {
    ProgressStyle::with_template(&format!("  {{spinner}} {{prefix}} {{msg:.dim}} {facts}"))
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
