//! What the machine refuses. Each of these is a mistake of whoever calls it, or a
//! snapshot that does not fit; a run that fails is no error of the machine.

use super::command::{InstanceId, TimerId};
use super::event::Slot;
use super::program::{BodyId, CardId, Fingerprint, Program};

/// What the machine refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The program names a body that it does not have.
    #[error("card {card} names body {body}, and the program has only {bodies}")]
    UnknownBody {
        /// The card that names it.
        card: CardId,
        /// What it names.
        body: BodyId,
        /// How many bodies there are.
        bodies: u32,
    },
    /// The program names a card that it does not have.
    #[error("card {card} names card {other}, which the program does not have")]
    UnknownCard {
        /// The card that names it.
        card: CardId,
        /// What it names.
        other: CardId,
    },
    /// A program has no body, or more cards or bodies than 32 bits count.
    #[error("a program has at least one body, and at most 2^32 - 1 cards and bodies")]
    ProgramSize,
    /// Bodies do not form a tree whose root is body 0.
    #[error("body {body} is not the group of exactly one card that body 0 leads to")]
    BodyTree {
        /// The body that is out of place.
        body: BodyId,
    },
    /// Bodies are nested too deep.
    #[error("body {body} is nested more than {} deep", Program::MAX_DEPTH)]
    TooDeep {
        /// The first body that is too deep.
        body: BodyId,
    },
    /// A card has an id that the flow language does not allow.
    #[error("card {card} has no proper id: it must match [a-z][a-z0-9_-]{{0,62}}")]
    CardName {
        /// The card.
        card: CardId,
    },
    /// Two cards of one body have the same id.
    #[error("cards {first} and {second} of one body have the same id")]
    DuplicateName {
        /// The first of the two.
        first: CardId,
        /// The second of the two.
        second: CardId,
    },
    /// A card waits for a card of another body.
    #[error("card {card} waits for card {other}, which stands in another body")]
    ForeignWait {
        /// The card that waits.
        card: CardId,
        /// What it waits for.
        other: CardId,
    },
    /// A card requires a card that nothing waits for.
    #[error(
        "card {card} requires card {other}, but neither it nor a group around it waits for that one"
    )]
    UnorderedRequirement {
        /// The card that requires it.
        card: CardId,
        /// What it requires.
        other: CardId,
    },
    /// Cards wait for each other in a circle.
    #[error("card {card} waits for itself, directly or through others")]
    Cycle {
        /// A card that can never start.
        card: CardId,
    },
    /// A card has a setting that means nothing for it.
    #[error("card {card}: {what}")]
    Setting {
        /// The card.
        card: CardId,
        /// What is wrong.
        what: &'static str,
    },
    /// A text is not an address.
    #[error("`{text}` is not an address such as copied[12].copy")]
    Address {
        /// The text, shortened.
        text: String,
    },
    /// An event came before the run was started.
    #[error("the run has not been started")]
    NotStarted,
    /// An event names an instance that was never created.
    #[error("there never was an instance {instance}")]
    UnknownInstance {
        /// What the event names.
        instance: InstanceId,
    },
    /// An event names an attempt that was never started.
    #[error("attempt {attempt} of instance {instance} was never started")]
    UnknownAttempt {
        /// What the event names.
        instance: InstanceId,
        /// The attempt that it names.
        attempt: u32,
    },
    /// An event names a timer that was never set.
    #[error("timer {} of instance {instance} was never set", timer.0)]
    UnknownTimer {
        /// What the event names.
        instance: InstanceId,
        /// The timer that it names.
        timer: TimerId,
    },
    /// An evaluation was answered that nobody asked for.
    #[error("instance {instance} did not ask for {slot:?}")]
    NotAsked {
        /// What the event names.
        instance: InstanceId,
        /// What it answers.
        slot: Slot,
    },
    /// An evaluation was answered with a fact of another type.
    #[error("the answer for {slot:?} of instance {instance} is of the wrong type")]
    WrongAnswer {
        /// Who asked.
        instance: InstanceId,
        /// What was asked.
        slot: Slot,
    },
    /// A snapshot was taken of a run of another program.
    #[error("the snapshot is of a run of program {found}, not of program {expected}")]
    OtherProgram {
        /// The program given.
        expected: Fingerprint,
        /// The program that the snapshot names.
        found: Fingerprint,
    },
    /// A snapshot contradicts itself or its program.
    #[error("the snapshot is damaged: {what}")]
    DamagedSnapshot {
        /// What does not fit.
        what: &'static str,
    },
}
