//! Storage with generational keys: a key of a thing that is gone is told apart
//! from a key that was never given, and memory follows what is alive.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// A key into a [`Slab`].
pub(super) trait Key: Copy {
    fn new(slot: u32, generation: u32) -> Self;
    fn slot(self) -> u32;
    fn generation(self) -> u32;
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// A small dense number, unique among those alive at one time and
            /// given again later: an index into a table of what is alive.
            pub fn slot(self) -> u32 {
                (self.0 & 0xffff_ffff) as u32
            }

            /// How many holders this slot had before.
            pub fn generation(self) -> u32 {
                (self.0 >> 32) as u32
            }
        }

        impl super::slab::Key for $name {
            fn new(slot: u32, generation: u32) -> Self {
                Self(u64::from(generation) << 32 | u64::from(slot))
            }
            fn slot(self) -> u32 {
                self.slot()
            }
            fn generation(self) -> u32 {
                self.generation()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}.{}", self.slot(), self.generation())
            }
        }
    };
}
pub(super) use key;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry<T> {
    /// Of the holder, or of the last one when vacant.
    generation: u32,
    value: Option<T>,
}

/// What a key stands for.
pub(super) enum Lookup {
    Live,
    /// It was alive once.
    Gone,
    /// It was never given.
    Unknown,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Slab<K, T> {
    entries: Vec<Entry<T>>,
    /// Vacant slots, taken from the end: the order is part of the state, since
    /// the same events must give the same keys.
    vacant: Vec<u32>,
    live: usize,
    #[serde(skip)]
    key: PhantomData<fn() -> K>,
}

impl<K: Key, T> Slab<K, T> {
    pub(super) fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: Vec::new(),
            live: 0,
            key: PhantomData,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn insert(&mut self, value: T) -> K {
        self.live += 1;
        if let Some(slot) = self.vacant.pop()
            && let Some(entry) = self.entries.get_mut(slot as usize)
        {
            entry.generation = entry.generation.saturating_add(1);
            entry.value = Some(value);
            return K::new(slot, entry.generation);
        }
        // Memory ends long before 2^32 entries do.
        let slot = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(Entry {
            generation: 0,
            value: Some(value),
        });
        K::new(slot, 0)
    }

    pub(super) fn remove(&mut self, key: K) -> Option<T> {
        let entry = self.entry_mut(key)?;
        let value = entry.value.take()?;
        // A slot whose generations are used up is not given again.
        if entry.generation < u32::MAX {
            self.vacant.push(key.slot());
        }
        self.live = self.live.saturating_sub(1);
        Some(value)
    }

    pub(super) fn get(&self, key: K) -> Option<&T> {
        let entry = self.entries.get(key.slot() as usize)?;
        if entry.generation == key.generation() {
            entry.value.as_ref()
        } else {
            None
        }
    }

    pub(super) fn get_mut(&mut self, key: K) -> Option<&mut T> {
        self.entry_mut(key)?.value.as_mut()
    }

    pub(super) fn lookup(&self, key: K) -> Lookup {
        match self.entries.get(key.slot() as usize) {
            Some(entry) if entry.generation == key.generation() && entry.value.is_some() => {
                Lookup::Live
            }
            Some(entry) if entry.generation >= key.generation() => Lookup::Gone,
            _ => Lookup::Unknown,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (K, &T)> {
        self.entries.iter().zip(0u32..).filter_map(|(entry, slot)| {
            let value = entry.value.as_ref()?;
            Some((K::new(slot, entry.generation), value))
        })
    }

    /// Whether the lists agree with each other; asked of what was read back.
    pub(super) fn is_sound(&self) -> bool {
        let mut free = vec![false; self.entries.len()];
        for slot in &self.vacant {
            match (
                self.entries.get(*slot as usize),
                free.get_mut(*slot as usize),
            ) {
                (Some(entry), Some(seen)) if entry.value.is_none() && !*seen => *seen = true,
                _ => return false,
            }
        }
        self.live == self.entries.iter().filter(|e| e.value.is_some()).count()
    }

    fn entry_mut(&mut self, key: K) -> Option<&mut Entry<T>> {
        self.entries
            .get_mut(key.slot() as usize)
            .filter(|entry| entry.generation == key.generation())
    }
}
