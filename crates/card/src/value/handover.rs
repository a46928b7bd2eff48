//! Passing a [`Value`] through serde unchanged.
//!
//! serde's data model has no files and no connections, so a value that crosses from our own
//! serializer or deserializer into a `Value` field is handed over beside it: the newtype name
//! below announces it, and it waits in a thread-local place between two adjacent calls on one
//! thread. Foreign formats ignore the name and see plain data.

use std::cell::{Cell, RefCell};

use super::Value;

/// The newtype name that announces a handover.
pub(super) const NATIVE: &str = "$flowrun::Value";

thread_local! {
    static PLACE: RefCell<Option<Value>> = const { RefCell::new(None) };
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

pub(super) fn put(value: Value) {
    PLACE.with(|place| *place.borrow_mut() = Some(value));
}

pub(super) fn take() -> Option<Value> {
    PLACE.with(|place| place.borrow_mut().take())
}

/// Our serializer announces that the next `Value` shall hand itself over.
pub(super) fn want() {
    WANTED.with(|wanted| wanted.set(true));
}

/// Whether our serializer asked for this `Value`; answers yes once.
pub(super) fn wanted() -> bool {
    WANTED.with(|wanted| wanted.replace(false))
}
