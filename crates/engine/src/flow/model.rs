//! What an author wrote, typed: names, literals and texts, with their spans. Whether names exist
//! and expressions make sense is for the planner to say.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use flowrun_card::{Span, Type};

use crate::{
    machine::{RetryPolicy, Tolerate},
    run::SecretSource,
    syntax::{Node, Scalar},
};

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// An id.
pub(crate) type Named = Spanned<Arc<str>>;

/// A whole flow.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) id: Named,
    pub(crate) description: Option<String>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) secrets: Vec<Secret>,
    /// In source order; a var may read those before it.
    pub(crate) vars: Vec<(Named, Node)>,
    pub(crate) defaults: Defaults,
    pub(crate) max_parallel: Option<NonZeroU32>,
    pub(crate) cards: Vec<Card>,
    pub(crate) outputs: Vec<(Named, Node)>,
}

/// A declared input. `enum`, bounds, `pattern`, `items` and `properties` are in its type.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) name: Named,
    pub(crate) ty: Type,
    /// `required:`, or whether there is no default.
    pub(crate) required: bool,
    /// A literal that fits, or an expression over `run`.
    pub(crate) default: Option<Node>,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) name: Named,
    /// None that can be read; a diagnostic says why. The secret is declared all the same.
    pub(crate) source: Option<SecretSource>,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) alias: Named,
    pub(crate) source: ConnectionSource,
}

#[derive(Clone, Debug)]
pub(crate) enum ConnectionSource {
    Nickname(Named),
    /// The caller must supply one of this kind.
    Caller {
        kind: Named,
    },
    /// The members of a set, as a list.
    Set {
        name: Named,
    },
    /// None that can be read; a diagnostic says why. The alias is declared all the same.
    Broken,
}

/// What cards have that say nothing themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defaults {
    pub(crate) retry: Option<RetryPolicy>,
    pub(crate) timeout: Option<Duration>,
    /// An alias, or an expression in braces.
    pub(crate) connection: Option<Spanned<Scalar>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Card {
    pub(crate) id: Named,
    pub(crate) when: Option<Spanned<Scalar>>,
    pub(crate) for_each: Option<ForEach>,
    pub(crate) retry: Option<Spanned<RetryPolicy>>,
    pub(crate) timeout: Option<Spanned<Duration>>,
    pub(crate) after: Vec<After>,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// `card:`, `with:`, `connection:`.
    Card {
        name: Named,
        /// None where `with` is missing or null; what is no map was reported.
        with: Option<Node>,
        connection: Option<Spanned<Scalar>>,
    },
    /// `cards:`, `outputs:`.
    Group(Group),
    /// None that can be read; a diagnostic says why.
    Broken,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Group {
    pub(crate) cards: Vec<Card>,
    pub(crate) outputs: Option<Vec<(Named, Node)>>,
}

#[derive(Clone, Debug)]
pub(crate) struct ForEach {
    pub(crate) list: Spanned<Scalar>,
    /// `as:`.
    pub(crate) name: Option<Named>,
    /// `where:`.
    pub(crate) filter: Option<Spanned<Scalar>>,
    pub(crate) max_parallel: Option<NonZeroU32>,
    pub(crate) tolerate: Tolerate,
}

/// A card that must have ended.
#[derive(Clone, Debug)]
pub(crate) struct After {
    pub(crate) card: Named,
    pub(crate) or_skipped: bool,
}
