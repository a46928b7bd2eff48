//! The catalogue: every card and function that flows can use, added by name.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    DynCard, Function, SchemaError, Type,
    card::{Card, CardTypes},
};

/// A card or a function of the catalogue.
#[derive(Clone)]
#[non_exhaustive]
pub enum Entry {
    /// A card.
    Card {
        /// The card.
        card: Arc<dyn DynCard>,
        /// Its types, read once.
        types: Arc<CardTypes>,
    },
    /// A pure function: card and helper.
    Function(&'static Function),
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.name()).finish()
    }
}

impl Entry {
    /// The name in flows.
    pub fn name(&self) -> &'static str {
        match self {
            Entry::Card { card, .. } => card.spec().name,
            Entry::Function(function) => function.name,
        }
    }
}

/// A catalogue that cannot be: a fault of the program, found when it starts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Two entries of one name.
    #[error("two cards are named `{name}`")]
    Duplicate {
        /// The name.
        name: &'static str,
    },
    /// A name that flows cannot write.
    #[error("`{name}` is no card name: it needs the form `group.name` in snake case")]
    Name {
        /// The name.
        name: &'static str,
    },
    /// A declared type that a flow cannot have.
    #[error("card `{name}`: {error}")]
    Schema {
        /// The card.
        name: &'static str,
        /// What is wrong.
        error: SchemaError,
    },
    /// A card's input is no object.
    #[error("card `{name}` must take an object")]
    Input {
        /// The card.
        name: &'static str,
    },
}

/// Every card and function that flows can use.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    entries: BTreeMap<&'static str, Entry>,
}

impl Registry {
    /// An empty catalogue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a card.
    ///
    /// # Errors
    /// A [`RegistryError`]: a fault of the card's declaration.
    pub fn card<C: Card>(&mut self, card: C) -> Result<&mut Self, RegistryError> {
        let name = C::SPEC.name;
        let types = DynCard::types(&card).map_err(|error| RegistryError::Schema { name, error })?;
        if !matches!(types.input.kind, crate::TypeKind::Object { .. }) {
            return Err(RegistryError::Input { name });
        }
        self.add(
            name,
            Entry::Card {
                card: Arc::new(card),
                types: Arc::new(types),
            },
        )
    }

    /// Adds a function.
    ///
    /// # Errors
    /// A [`RegistryError`]: a fault of the function's declaration.
    pub fn function(&mut self, function: &'static Function) -> Result<&mut Self, RegistryError> {
        self.add(function.name, Entry::Function(function))
    }

    fn add(&mut self, name: &'static str, entry: Entry) -> Result<&mut Self, RegistryError> {
        let valid = name.split('.').count() == 2
            && name.split('.').all(|part| {
                part.starts_with(|c: char| c.is_ascii_lowercase())
                    && part
                        .chars()
                        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            });
        if !valid {
            return Err(RegistryError::Name { name });
        }
        if self.entries.contains_key(name) {
            return Err(RegistryError::Duplicate { name });
        }
        self.entries.insert(name, entry);
        Ok(self)
    }

    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    /// The function of a name.
    pub fn find_function(&self, name: &str) -> Option<&'static Function> {
        match self.entries.get(name) {
            Some(Entry::Function(function)) => Some(function),
            _ => None,
        }
    }

    /// Every entry, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}

impl Function {
    /// The type of the function's `with`: an object of its arguments.
    pub fn input(&self) -> Type {
        let fields = self
            .parameters
            .iter()
            .map(|parameter| {
                let field = crate::Field {
                    ty: (parameter.ty)(),
                    required: !parameter.optional,
                    description: parameter.description.to_owned(),
                    default: None,
                };
                (parameter.name.to_owned(), field)
            })
            .collect();
        Type::new(crate::TypeKind::Object {
            fields,
            additional: None,
        })
    }
}
