//! Retries and time limits.

use std::{num::NonZeroU32, time::Duration};

use flowrun_card::ErrorKind;

use super::{keys, read::Reader};
use crate::{
    diagnostic::Code,
    machine::{Backoff, RetryPolicy},
    syntax::{Entry, Node},
};

const MAX_ATTEMPTS: u32 = 100;
const DEFAULT_ATTEMPTS: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
const DEFAULT_MAX_DELAY: Duration = Duration::from_secs(60);

impl Reader<'_> {
    pub(super) fn retry(&mut self, node: &Node) -> Option<RetryPolicy> {
        if node.type_name() == "an integer" {
            let diagnostic = self
                .wrong_type(node, "a map")
                .help("write `retry: { attempts: N }`");
            self.errors.push(diagnostic);
            return None;
        }
        let mut policy = RetryPolicy {
            attempts: DEFAULT_ATTEMPTS,
            delay: DEFAULT_DELAY,
            backoff: Backoff::Exponential,
            max_delay: DEFAULT_MAX_DELAY,
            kinds: Vec::new(),
        };
        let mut delay = None;
        for Entry { key, value } in self.map(node, "a map")? {
            match &*key.name {
                "attempts" => {
                    if let Some(attempts) = self.count(value, MAX_ATTEMPTS) {
                        policy.attempts = attempts;
                    }
                }
                "delay" => {
                    delay = self.duration(value).map(|delay| (delay, value.span));
                    policy.delay = delay.map_or(DEFAULT_DELAY, |(delay, _)| delay);
                }
                "backoff" => {
                    let names = ["constant", "exponential"];
                    match self.one_of(value, "a backoff", &names) {
                        Some("constant") => policy.backoff = Backoff::Constant,
                        _ => policy.backoff = Backoff::Exponential,
                    }
                }
                "max_delay" => {
                    if let Some(max_delay) = self.duration(value) {
                        policy.max_delay = max_delay;
                    }
                }
                "kinds" => policy.kinds = self.kinds(value),
                _ => self.unknown_key(&keys::RETRY, key),
            }
        }
        if let Some((delay, span)) = delay
            && delay > policy.max_delay
        {
            self.error_with_help(
                Code::WRONG_VALUE,
                span,
                "`delay` is longer than `max_delay`",
                "`max_delay` is `1m` where it is not given: give a longer one",
            );
        }
        Some(policy)
    }

    fn kinds(&mut self, node: &Node) -> Vec<ErrorKind> {
        let names = ErrorKind::ALL.map(ErrorKind::name);
        let mut kinds = Vec::new();
        for item in self.list(node, "a list of error kinds").unwrap_or_default() {
            let name = self.one_of(item, "an error kind", &names);
            kinds.extend(name.and_then(ErrorKind::from_name));
        }
        kinds
    }

    pub(super) fn timeout(&mut self, node: &Node) -> Option<Duration> {
        let timeout = self.duration(node)?;
        if timeout.is_zero() {
            let message = "a timeout is longer than zero";
            let help = "remove it where there shall be none";
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
            return None;
        }
        Some(timeout)
    }
}
