//! Lists, opaque so that where their items are kept can change.

use std::sync::Arc;

use super::Value;

/// A list of values: push, iterate, length. Cloning is cheap; pushing to a shared one copies it
/// first.
#[derive(Clone, Debug, Default)]
pub struct List(Arc<Vec<Value>>);

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The item at an index, counted from 0.
    pub fn get(&self, index: usize) -> Option<Value> {
        self.0.get(index).cloned()
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: impl Into<Value>) {
        Arc::make_mut(&mut self.0).push(item.into());
    }

    /// The items in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Value> + '_ {
        self.0.iter().cloned()
    }
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl From<Vec<Value>> for List {
    fn from(items: Vec<Value>) -> Self {
        Self(Arc::new(items))
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self(Arc::new(items.into_iter().collect()))
    }
}
