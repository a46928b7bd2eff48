//! The value store of a run: what cards gave, by the frame of the body that they stand in, and the
//! items and results of the loops in flight. A frame's values go when its body ends.

use std::{collections::HashMap, sync::Arc};

use flowrun_card::{ErrorKind, List, Object, Value};

use super::error::RunError;
use crate::{
    expression::Bound,
    machine::{Address, BodyId, CardId, FrameId, Handle, Place},
    plan::Plan,
};

/// What a card of a body has given so far.
#[derive(Clone, Debug, Default)]
pub(super) enum Output {
    #[default]
    Pending,
    Value(Value),
    Skipped,
}

#[derive(Debug)]
struct Frame {
    body: BodyId,
    /// Where the group is executed that this body belongs to; none for the flow.
    place: Option<Place>,
    /// The address of what the body belongs to.
    address: Address,
    outputs: Vec<Output>,
    /// Errors of cards of this body that are not the one the body fails with.
    errors: Vec<Handle>,
}

/// A loop in flight.
#[derive(Debug)]
struct Loop {
    items: List,
    results: Vec<Option<Value>>,
    /// The failed item with the lowest index: its error is what the loop may fail with.
    first_failed: Option<(u64, Handle)>,
}

/// The values of a run.
#[derive(Debug)]
pub(super) struct Store {
    plan: Arc<Plan>,
    frames: HashMap<FrameId, Frame>,
    loops: HashMap<(FrameId, CardId), Loop>,
    /// Lists whose length was evaluated and whose loop has not begun.
    lists: HashMap<(FrameId, CardId), List>,
    values: HashMap<Handle, Value>,
    errors: HashMap<Handle, RunError>,
    /// Errors of the body that was closed last.
    closed: Vec<Handle>,
    last: u64,
}

impl Store {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            frames: HashMap::new(),
            loops: HashMap::new(),
            lists: HashMap::new(),
            values: HashMap::new(),
            errors: HashMap::new(),
            closed: Vec::new(),
            last: 0,
        }
    }

    fn handle(&mut self) -> Handle {
        self.last = self.last.wrapping_add(1);
        Handle(self.last)
    }

    pub(super) fn put(&mut self, value: Value) -> Handle {
        let handle = self.handle();
        self.values.insert(handle, value);
        handle
    }

    pub(super) fn get(&self, handle: Handle) -> Option<&Value> {
        self.values.get(&handle)
    }

    pub(super) fn take(&mut self, handle: Handle) -> Value {
        self.values.remove(&handle).unwrap_or_default()
    }

    /// Drops a value or an error that nobody took over.
    pub(super) fn discard(&mut self, handle: Handle) {
        self.values.remove(&handle);
        self.errors.remove(&handle);
    }

    pub(super) fn put_error(&mut self, error: RunError) -> Handle {
        let handle = self.handle();
        self.errors.insert(handle, error);
        handle
    }

    pub(super) fn error(&self, handle: Handle) -> Option<&RunError> {
        self.errors.get(&handle)
    }

    pub(super) fn take_error(&mut self, handle: Handle) -> RunError {
        self.errors
            .remove(&handle)
            .unwrap_or_else(|| RunError::new(ErrorKind::Unexpected, "an error was lost", None))
    }

    pub(super) fn open_frame(&mut self, frame: FrameId, body: BodyId, place: Option<Place>) {
        let address = place.map_or_else(Address::flow, |place| self.address(place));
        let cards = self.plan.body(body).map_or(0, |body| body.cards.len());
        self.frames.insert(
            frame,
            Frame {
                body,
                place,
                address,
                outputs: vec![Output::Pending; cards],
                errors: Vec::new(),
            },
        );
    }

    /// Drops a body's values, and its errors but the one that it fails with.
    pub(super) fn close_frame(&mut self, frame: FrameId) {
        let Some(frame) = self.frames.remove(&frame) else {
            return;
        };
        self.closed = frame.errors;
    }

    /// Drops the errors of what ended within a card or item that ends now, but the one that it
    /// failed with.
    pub(super) fn drop_errors(&mut self, place: Place, but: Option<Handle>) {
        let mut errors = std::mem::take(&mut self.closed);
        if place.index.is_none()
            && let Some(state) = self.loops.get_mut(&(place.frame, place.card))
        {
            errors.extend(state.first_failed.take().map(|(_, handle)| handle));
        }
        for handle in errors {
            if Some(handle) != but {
                self.errors.remove(&handle);
            }
        }
    }

    /// Whether all is gone but the error that the run failed with, as it must be at the end.
    pub(super) fn holds_only(&self, error: Option<Handle>) -> bool {
        let unused = |handle: &Handle| Some(*handle) != error && !self.closed.contains(handle);
        self.values.is_empty()
            && self.frames.is_empty()
            && self.loops.is_empty()
            && self.lists.is_empty()
            && !self.errors.keys().any(unused)
    }

    /// The address of a card or item.
    pub(super) fn address(&self, place: Place) -> Address {
        let card = self.plan.card(place.card);
        match (self.frames.get(&place.frame), card) {
            (Some(frame), Some(card)) => frame.address.child(Arc::clone(&card.id), place.index),
            _ => Address::flow(),
        }
    }

    /// Keeps the list of a loop until the loop opens; an object is walked as `{ key, value }`.
    pub(super) fn keep_list(&mut self, place: Place, list: List) {
        self.lists.insert((place.frame, place.card), list);
    }

    pub(super) fn open_loop(&mut self, place: Place, length: u64) {
        let items = self
            .lists
            .remove(&(place.frame, place.card))
            .unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let mut results = Vec::new();
        results.resize(length.min(items.len()), None);
        self.loops.insert(
            (place.frame, place.card),
            Loop {
                items,
                results,
                first_failed: None,
            },
        );
    }

    /// The results of a loop in item order, without the items that `where` left out.
    pub(super) fn results(&mut self, place: Place) -> Value {
        let results = self
            .loops
            .get_mut(&(place.frame, place.card))
            .map(|state| std::mem::take(&mut state.results))
            .unwrap_or_default();
        Value::List(results.into_iter().flatten().collect::<List>())
    }

    /// Records what a card or an item of a loop gave.
    pub(super) fn set_output(&mut self, place: Place, output: Output) {
        match place.index {
            Some(index) => {
                let state = self.loops.get_mut(&(place.frame, place.card));
                if let (Some(state), Output::Value(value), Ok(index)) =
                    (state, output, usize::try_from(index))
                    && let Some(result) = state.results.get_mut(index)
                {
                    *result = Some(value);
                }
            }
            None => {
                self.loops.remove(&(place.frame, place.card));
                self.lists.remove(&(place.frame, place.card));
                let position = self.plan.program.position(place.card);
                if let Some(frame) = self.frames.get_mut(&place.frame)
                    && let Some(position) = position
                    && let Some(slot) = frame.outputs.get_mut(position as usize)
                {
                    *slot = output;
                }
            }
        }
    }

    /// Records a failed item: `{ error, item, index }` in its place. Of the errors of failed items
    /// only that of the first by index is kept: the loop may fail with it.
    pub(super) fn set_failed(
        &mut self,
        place: Place,
        index: u64,
        error: &RunError,
        handle: Option<Handle>,
    ) {
        let item = self.item(place.frame, place.card, index);
        let failed: Object = [
            ("error", error.to_value()),
            ("item", item.unwrap_or_default()),
            ("index", Value::from(index)),
        ]
        .into_iter()
        .collect();
        self.set_output(place, Output::Value(Value::Object(failed)));
        let (Some(handle), Some(state)) = (handle, self.loops.get_mut(&(place.frame, place.card)))
        else {
            return;
        };
        let unused = match state.first_failed {
            Some((first, _)) if first <= index => Some(handle),
            other => {
                state.first_failed = Some((index, handle));
                other.map(|(_, later)| later)
            }
        };
        if let Some(unused) = unused {
            self.errors.remove(&unused);
        }
    }

    /// Remembers that a card of a body failed with this error.
    pub(super) fn note_error(&mut self, frame: FrameId, handle: Handle) {
        if let Some(frame) = self.frames.get_mut(&frame) {
            frame.errors.push(handle);
        }
    }

    /// The item of a loop in flight.
    pub(super) fn item(&self, frame: FrameId, card: CardId, index: u64) -> Option<Value> {
        let index = usize::try_from(index).ok()?;
        self.loops.get(&(frame, card))?.items.get(index)
    }

    /// What a card gave, as seen from a frame: the card stands in that frame's body or in one
    /// around it.
    pub(super) fn output(&self, mut frame: FrameId, card: CardId) -> Bound {
        let (Some(body), Some(position)) = (
            self.plan.program.card(card).map(|card| card.body),
            self.plan.program.position(card),
        ) else {
            return Bound::Missing;
        };
        loop {
            let Some(state) = self.frames.get(&frame) else {
                return Bound::Missing;
            };
            if state.body == body {
                return match state.outputs.get(position as usize) {
                    Some(Output::Value(value)) => Bound::Value(value.clone()),
                    Some(Output::Skipped) => Bound::Skipped,
                    Some(Output::Pending) | None => Bound::Missing,
                };
            }
            match state.place {
                Some(place) => frame = place.frame,
                None => return Bound::Missing,
            }
        }
    }

    /// Which item of a loop a place is in: that of the place itself, or of a frame around it.
    pub(super) fn index_of(&self, place: Place, card: CardId) -> Option<(FrameId, u64)> {
        let mut place = place;
        loop {
            if place.card == card
                && let Some(index) = place.index
            {
                return Some((place.frame, index));
            }
            place = self.frames.get(&place.frame)?.place?;
        }
    }

    /// Where the owner of a frame is executed.
    pub(super) fn owner(&self, frame: FrameId) -> Option<Place> {
        self.frames.get(&frame)?.place
    }
}
