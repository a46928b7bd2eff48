//! The plan: a checked flow, ready to run any number of times. Pure data; nothing in it depends on
//! the time, the network or the environment.

mod actions;
mod build;
mod connections;
mod draft;
mod edges;
mod functions;
mod graph;
mod hints;
mod layout;
mod order;
mod permissions;
mod rules;
mod scope;
mod slots;

use std::sync::Arc;

pub use self::permissions::{CardPermission, ConnectionPermissions};
pub(crate) use self::{
    build::build,
    connections::{kind_of, mistaken, named},
    permissions::Outlook,
};

use flowrun_card::{CardTypes, DynCard, Function, Span, Type, Value};

use crate::{
    expression::Compiled,
    machine::{BodyId, CardId, Program},
    run::SecretSource,
};

/// A checked flow.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) id: Arc<str>,
    pub(crate) description: Option<String>,
    pub(crate) program: Arc<Program>,
    /// By [`CardId`].
    pub(crate) cards: Vec<PlannedCard>,
    /// By [`BodyId`].
    pub(crate) bodies: Vec<PlannedBody>,
    pub(crate) inputs: Vec<PlannedInput>,
    pub(crate) vars: Vec<PlannedVar>,
    pub(crate) connections: Vec<PlannedConnection>,
    pub(crate) secrets: Vec<PlannedSecret>,
    /// Leaf actions at once.
    pub(crate) max_parallel: u32,
}

/// A card with its expressions compiled.
#[derive(Clone, Debug)]
pub(crate) struct PlannedCard {
    pub(crate) id: Arc<str>,
    pub(crate) span: Span,
    pub(crate) when: Option<Compiled>,
    pub(crate) for_each: Option<PlannedLoop>,
    pub(crate) action: PlannedAction,
}

#[derive(Clone, Debug)]
pub(crate) struct PlannedLoop {
    pub(crate) list: Compiled,
    pub(crate) filter: Option<Compiled>,
}

#[derive(Clone)]
pub(crate) enum PlannedAction {
    Card {
        card: Arc<dyn DynCard>,
        types: Arc<CardTypes>,
        input: Slot,
    },
    Function {
        function: &'static Function,
        /// In declared order.
        arguments: Vec<Argument>,
    },
    Group(BodyId),
}

impl std::fmt::Debug for PlannedAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlannedAction::Card { card, .. } => write!(f, "Card({})", card.spec().name),
            PlannedAction::Function { function, .. } => write!(f, "Function({})", function.name),
            PlannedAction::Group(body) => write!(f, "Group({body})"),
        }
    }
}

/// An argument of a function card.
#[derive(Clone, Debug)]
pub(crate) enum Argument {
    Absent,
    Value {
        slot: Slot,
        ty: Type,
    },
    /// Evaluated when the function asks for it.
    Lazy {
        slot: Slot,
        ty: Type,
    },
    /// Evaluated by the function for each element, as `it`.
    Expression(Compiled),
}

/// What an input, an output or a var is made of: literals with expressions in them.
#[derive(Clone, Debug)]
pub(crate) enum Slot {
    Constant(Value),
    Expression(Compiled),
    /// A connection of the flow, by its place.
    Connection(u32),
    List(Vec<Slot>),
    Object(Vec<(Arc<str>, Slot)>),
}

#[derive(Clone, Debug)]
pub(crate) struct PlannedBody {
    /// The cards in source order.
    pub(crate) cards: Vec<CardId>,
    /// `outputs:`, or none for an object of all the cards' outputs.
    pub(crate) outputs: Option<Vec<(Arc<str>, Slot)>>,
}

/// An input that the flow declares.
#[derive(Clone, Debug)]
pub(crate) struct PlannedInput {
    pub(crate) name: Arc<str>,
    pub(crate) ty: Type,
    pub(crate) required: bool,
    /// A literal, or an expression over `run`.
    pub(crate) default: Option<Slot>,
    pub(crate) description: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlannedVar {
    pub(crate) slot: Slot,
}

/// A secret of the flow.
#[derive(Clone, Debug)]
pub(crate) struct PlannedSecret {
    pub(crate) name: Arc<str>,
    pub(crate) source: SecretSource,
}

/// A connection alias of the flow.
#[derive(Clone, Debug)]
pub(crate) struct PlannedConnection {
    pub(crate) alias: Arc<str>,
    /// Whether it is the list of a set's members; the nickname is the name of the set then.
    pub(crate) is_set: bool,
    /// `None` where the caller must supply it.
    pub(crate) nickname: Option<Arc<str>>,
    /// The kind that the cards under it need, where one is known.
    pub(crate) kind: Option<Arc<str>>,
    /// The kind that it has: known wherever the flow has no error.
    pub(crate) own_kind: Option<Arc<str>>,
}

/// A connection that a flow declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowConnection<'p> {
    /// The name that the flow's cards use.
    pub alias: &'p str,
    /// Whether it is a set: its cards use each of the members.
    pub is_set: bool,
    /// The name by which the connection store knows it; `None` where the caller must supply it.
    pub nickname: Option<&'p str>,
    /// The name of its kind: its own, or where the store does not know it, the one that the cards
    /// under it need. `None` where neither is known.
    pub kind: Option<&'p str>,
}

impl Plan {
    /// The flow's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The flow's description.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The connections that the flow declares, in its order.
    pub fn connections(&self) -> impl Iterator<Item = FlowConnection<'_>> {
        self.connections.iter().map(|planned| FlowConnection {
            alias: &planned.alias,
            is_set: planned.is_set,
            nickname: planned.nickname.as_deref(),
            kind: planned.own_kind.as_deref(),
        })
    }

    /// The inputs whose default is a literal, with that, in the order of the flow.
    pub fn default_inputs(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.inputs.iter().filter_map(|input| match &input.default {
            Some(Slot::Constant(value)) => Some((&*input.name, value)),
            _ => None,
        })
    }

    pub(crate) fn card(&self, id: CardId) -> Option<&PlannedCard> {
        self.cards.get(id.0 as usize)
    }

    pub(crate) fn body(&self, id: BodyId) -> Option<&PlannedBody> {
        self.bodies.get(id.0 as usize)
    }
}
