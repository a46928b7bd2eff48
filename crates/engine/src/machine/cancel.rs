//! Backwards: what has not started is skipped, what runs is told to stop, and
//! nothing ends before all within it has.

use super::command::{Command, End, FrameId, InstanceId, Place, Skip};
use super::failure::{Cause, Failure};
use super::frame::{CardState, Leaf, LeafState, Phase, Stage, Task};
use super::turn::Turn;

impl Turn<'_> {
    /// Stops an instance because it is cancelled, or because the whole of it took
    /// too long.
    pub(super) fn stop(&mut self, id: InstanceId, phase: Phase) {
        let ended = match self.run.stage(id) {
            None => return,
            Some(&Stage::Leaf(leaf)) => return self.cancel_leaf(id, leaf),
            Some(&Stage::Body(frame)) => return self.stop_body(frame, phase),
            Some(Stage::Loop(_)) => return self.stop_loop(id, phase),
            Some(Stage::When | Stage::ForEach | Stage::Where) => End::Skipped(Skip::Stopped),
            Some(Stage::Outputs(_) | Stage::Results) => End::Cancelled,
        };
        // An answer still under way will come late, and be ignored.
        match phase {
            Phase::TimedOut => self.fail(id, Failure::timeout()),
            Phase::Running | Phase::Failing | Phase::Cancelling => self.end(id, ended),
        }
    }

    /// Nothing new starts in this body, and what runs in it is cancelled.
    pub(super) fn stop_body(&mut self, id: FrameId, phase: Phase) {
        let Some(owner) = self.owner(id) else { return };
        let Some(frame) = self.run.state.frames.get_mut(id) else {
            return;
        };
        if frame.phase != Phase::Running {
            return;
        }
        frame.phase = phase;
        let was_open = frame.open > 0;
        for (state, &card) in frame.cards.iter_mut().zip(self.program.cards(frame.body)) {
            match *state {
                CardState::Pending(_) => {
                    *state = CardState::Skipped;
                    frame.open = frame.open.saturating_sub(1);
                    self.commands.push(Command::Ended {
                        instance: None,
                        place: Place {
                            frame: id,
                            card,
                            index: None,
                        },
                        end: End::Skipped(Skip::Stopped),
                    });
                }
                CardState::Active(instance) => {
                    self.run.tasks.push_back(Task::Cancel(instance));
                }
                CardState::Succeeded
                | CardState::Failed
                | CardState::Skipped
                | CardState::Cancelled => {}
            }
        }
        if was_open && frame.open == 0 {
            self.run.tasks.push_back(Task::BodyEnded(owner));
        }
        self.clear_timer(owner);
    }

    /// Ends what was cancelled and in which all has ended. What failed on its own
    /// before it could be cancelled is not lost: `first` is the failure that the
    /// body or loop would have failed with, and it counts in what stands around it
    /// as that of a leaf would. A run that was cancelled ends as cancelled all the
    /// same.
    pub(super) fn end_cancelled(&mut self, id: InstanceId, first: Option<Box<Cause>>) {
        match first {
            Some(cause) if self.run.state.flow != Some(id) => self.end(id, End::Failed(cause)),
            _ => self.end(id, End::Cancelled),
        }
    }

    fn cancel_leaf(&mut self, id: InstanceId, leaf: Leaf) {
        if leaf.state == LeafState::Queued {
            let order = self.order(id);
            self.run.queue.remove(&order);
        }
        match leaf.state {
            LeafState::Queued | LeafState::Input if leaf.attempt == 0 => {
                self.end(id, End::Skipped(Skip::Stopped));
            }
            LeafState::Queued | LeafState::Input | LeafState::Waiting => {
                self.end(id, End::Cancelled);
            }
            LeafState::Running {
                timed_out,
                cancelled,
            } => {
                let state = LeafState::Running {
                    timed_out,
                    cancelled: true,
                };
                self.run.set_stage(id, Stage::Leaf(Leaf { state, ..leaf }));
                self.clear_timer(id);
                if !timed_out && !cancelled {
                    self.commands.push(Command::Cancel {
                        instance: id,
                        attempt: leaf.attempt,
                    });
                }
            }
        }
    }
}
