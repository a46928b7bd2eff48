//! Leaf actions: their turn, their attempts, and the time between them.

use std::time::Duration;

use super::command::{Command, End, InstanceId};
use super::error::MachineError;
use super::event::{Handle, Slot, milliseconds};
use super::failure::{ErrorKind, Failure, Retry};
use super::frame::{Leaf, LeafState, Stage};
use super::program::{self, Action, Backoff, RetryPolicy};
use super::turn::Turn;

/// The longest that a server's own advice puts off the next attempt.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// How an attempt ended.
pub(super) enum AttemptEnd {
    Succeeded(Handle),
    Failed(Failure),
}

impl RetryPolicy {
    /// How many milliseconds to wait after this failure of attempt `attempt`; none
    /// when it was the last one or trying again does not help.
    fn delay(&self, attempt: u32, failure: &Failure, random: u64) -> Option<u64> {
        let after = match failure.retry {
            Retry::Transient { after } => after,
            Retry::Permanent => None,
        };
        let transient = matches!(failure.retry, Retry::Transient { .. });
        if attempt >= self.attempts.get() || !(transient || self.kinds.contains(&failure.kind)) {
            return None;
        }
        let after = milliseconds(after.unwrap_or_default().min(MAX_RETRY_AFTER));
        Some(after.max(jitter(self.backoff(attempt), random)))
    }

    /// The most that the backoff after attempt `attempt` can be, in milliseconds.
    fn backoff(&self, attempt: u32) -> u64 {
        let factor = match self.backoff {
            Backoff::Constant => 1,
            Backoff::Exponential => {
                let doublings = attempt.saturating_sub(1);
                1u64.checked_shl(doublings).unwrap_or(u64::MAX)
            }
        };
        let delay = milliseconds(self.delay).saturating_mul(factor);
        delay.min(milliseconds(self.max_delay))
    }
}

/// Full jitter: any number from 0 to `limit`, each as likely as any other.
/// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>
fn jitter(limit: u64, random: u64) -> u64 {
    ((u128::from(random) * (u128::from(limit) + 1)) >> 64) as u64
}

impl Turn<'_> {
    pub(super) fn queue_leaf(&mut self, id: InstanceId, leaf: Leaf) {
        self.run.set_stage(id, Stage::Leaf(leaf));
        self.run.queue.insert(self.order(id), id);
    }

    /// A place is free for this leaf.
    pub(super) fn take_turn(&mut self, id: InstanceId) {
        let Some(&Stage::Leaf(leaf)) = self.run.stage(id) else {
            return;
        };
        match leaf.input {
            Some(input) => self.start_attempt(id, input),
            None => {
                let state = LeafState::Input;
                self.ask(id, Slot::Input, Stage::Leaf(Leaf { state, ..leaf }));
            }
        }
    }

    pub(super) fn start_attempt(&mut self, id: InstanceId, input: Handle) {
        let Some(&Stage::Leaf(leaf)) = self.run.stage(id) else {
            return;
        };
        let Some(place) = self.run.outwards(id).next() else {
            return;
        };
        let attempt = leaf.attempt.saturating_add(1);
        let leaf = Leaf {
            state: LeafState::Running {
                timed_out: false,
                cancelled: false,
            },
            attempt,
            input: Some(input),
        };
        self.run.set_stage(id, Stage::Leaf(leaf));
        self.commands.push(Command::Start {
            instance: id,
            place,
            attempt,
            input,
        });
        if let Some(timeout) = self.leaf(id).and_then(|leaf| leaf.timeout) {
            self.set_timer(id, self.at.after(timeout));
        }
    }

    pub(super) fn attempt_ended(
        &mut self,
        id: InstanceId,
        attempt: u32,
        end: AttemptEnd,
    ) -> Result<(), MachineError> {
        let unknown = MachineError::UnknownAttempt {
            instance: id,
            attempt,
        };
        let leaf = match self.addressee(id)?.map(|instance| &instance.stage) {
            None => return Ok(()),
            Some(Stage::Leaf(leaf)) if (1..=leaf.attempt).contains(&attempt) => *leaf,
            Some(_) => return Err(unknown),
        };
        let LeafState::Running {
            timed_out,
            cancelled,
        } = leaf.state
        else {
            return Ok(());
        };
        if attempt < leaf.attempt {
            return Ok(());
        }
        self.clear_timer(id);
        let failure = match end {
            AttemptEnd::Succeeded(output) => {
                self.end(id, End::Succeeded { output });
                return Ok(());
            }
            AttemptEnd::Failed(failure) => failure,
        };
        let failure = match failure.kind {
            ErrorKind::Cancelled if timed_out => Failure::timeout(),
            ErrorKind::Cancelled if cancelled => {
                self.end(id, End::Cancelled);
                return Ok(());
            }
            _ => failure,
        };
        let policy = self.leaf(id).and_then(|leaf| leaf.retry.as_ref());
        match policy.and_then(|policy| policy.delay(attempt, &failure, self.random)) {
            None => self.fail(id, failure),
            // Its next attempt is what was cancelled.
            Some(_) if cancelled => self.end(id, End::Cancelled),
            Some(delay) => self.wait(id, leaf, failure, delay),
        }
        Ok(())
    }

    fn wait(&mut self, id: InstanceId, leaf: Leaf, failure: Failure, delay: u64) {
        let Some(place) = self.run.outwards(id).next() else {
            return;
        };
        let state = LeafState::Waiting;
        self.run.set_stage(id, Stage::Leaf(Leaf { state, ..leaf }));
        let until = self.at.after(Duration::from_millis(delay));
        self.commands.push(Command::Waiting {
            instance: id,
            place,
            attempt: leaf.attempt,
            failure,
            until,
        });
        self.set_timer(id, until);
    }

    pub(super) fn leaf_timer_fired(&mut self, id: InstanceId) {
        let Some(&Stage::Leaf(leaf)) = self.run.stage(id) else {
            return;
        };
        match leaf.state {
            LeafState::Waiting => {
                let state = LeafState::Queued;
                self.queue_leaf(id, Leaf { state, ..leaf });
            }
            LeafState::Running { cancelled, .. } => {
                let state = LeafState::Running {
                    timed_out: true,
                    cancelled,
                };
                self.run.set_stage(id, Stage::Leaf(Leaf { state, ..leaf }));
                self.commands.push(Command::Cancel {
                    instance: id,
                    attempt: leaf.attempt,
                });
            }
            LeafState::Queued | LeafState::Input => {}
        }
    }

    fn leaf(&self, id: InstanceId) -> Option<&program::Leaf> {
        match &self.card(id)?.action {
            Action::Leaf(leaf) => Some(leaf),
            Action::Group(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn policy(backoff: Backoff) -> RetryPolicy {
        RetryPolicy {
            attempts: NonZeroU32::new(100).unwrap(),
            delay: Duration::from_millis(500),
            backoff,
            max_delay: Duration::from_secs(30),
            kinds: vec![ErrorKind::NotFound],
        }
    }

    #[test]
    fn backoff_grows_to_its_limit() {
        let most = |backoff, attempt| policy(backoff).backoff(attempt);
        let exponential: Vec<_> = (1..9).map(|a| most(Backoff::Exponential, a)).collect();
        assert_eq!(
            exponential,
            [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
        );
        assert_eq!(most(Backoff::Exponential, u32::MAX), 30000);
        assert_eq!(most(Backoff::Constant, 7), 500);
    }

    #[test]
    fn jitter_spans_the_whole_range() {
        for (limit, random, expect) in [
            (500, 0, 0),
            (500, u64::MAX, 500),
            (500, u64::MAX / 2, 250),
            (0, u64::MAX, 0),
            (u64::MAX, u64::MAX, u64::MAX),
        ] {
            assert_eq!(jitter(limit, random), expect);
        }
    }

    #[test]
    fn the_servers_advice_is_a_least_time_within_reason() {
        let delay = |kind, retry, random| {
            let failure = Failure {
                kind,
                retry,
                error: None,
            };
            policy(Backoff::Constant).delay(1, &failure, random)
        };
        let after = |seconds| Retry::Transient {
            after: Some(Duration::from_secs(seconds)),
        };
        use ErrorKind::{Failed, NotFound};
        assert_eq!(delay(Failed, after(7), u64::MAX), Some(7000));
        assert_eq!(delay(Failed, after(0), u64::MAX), Some(500));
        assert_eq!(delay(Failed, after(u64::MAX), 0), Some(3_600_000));
        assert_eq!(delay(Failed, Retry::Permanent, 0), None);
        assert_eq!(delay(NotFound, Retry::Permanent, 0), Some(0));
    }
}
