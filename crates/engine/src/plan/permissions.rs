//! The permissions that a flow needs, connection by connection, as far as its values are known
//! before any card has run.

use std::sync::Arc;

use flowrun_card::{
    ConnectionRef, Object, Partial, PartialConnection, Permission, Permissions, Piece, Span, Type,
    TypeKind, Value,
};
use indexmap::IndexMap;

use super::{Plan, PlannedAction, Slot};
use crate::{
    expression::{Binding, Compiled, Foresight, RunField, foresee},
    machine::{BodyId, CardId},
};

/// What the cards of a flow need under one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionPermissions {
    /// The aliases of the flow that stand for it, in the order of the flow. None where it comes
    /// from an input.
    pub aliases: Vec<Arc<str>>,
    /// The nickname by which the connection store knows it. `None` where only the caller of the run
    /// says which connection it is.
    pub nickname: Option<Arc<str>>,
    /// The name of its kind.
    pub kind: Arc<str>,
    /// What it is needed for: in the order of the flow, each card by itself.
    pub permissions: Vec<CardPermission>,
}

/// What a card needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardPermission {
    /// The card's address in the flow, such as `copied.copy`: for every item of its loops.
    pub card: Arc<str>,
    /// The actions, and on what.
    pub permission: Permission,
    pub(crate) id: CardId,
}

impl CardPermission {
    /// The expressions that are not known before the run, each once: the one that chooses the
    /// connection, and those behind the wildcards of the resource.
    pub fn dynamic(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        if let Some(PartialConnection::Unknown(span)) = self.permission.connection {
            spans.push(span);
        }
        for piece in &self.permission.resource.pieces {
            if let Piece::Any(Some(span)) = piece
                && !spans.contains(span)
            {
                spans.push(*span);
            }
        }
        spans
    }
}

/// What is known of a run before its first card.
#[derive(Debug)]
pub(crate) struct Outlook {
    /// By place; `None` where an input is not known.
    pub(crate) inputs: Vec<Option<Partial>>,
    pub(crate) vars: Vec<Partial>,
    /// By place, each a [`Value::Connection`], or for a set a list of them.
    pub(crate) connections: Vec<Partial>,
    pub(crate) flow: Partial,
    pub(crate) run_id: Option<Partial>,
    pub(crate) started_at: Option<Partial>,
}

impl Foresight for Outlook {
    fn get(&self, binding: Binding) -> Option<&Partial> {
        match binding {
            Binding::Input(index) => self.inputs.get(index as usize)?.as_ref(),
            Binding::Var(index) => self.vars.get(index as usize),
            Binding::Connection(index) => self.connections.get(index as usize),
            Binding::Run(RunField::Flow) => Some(&self.flow),
            Binding::Run(RunField::Id) => self.run_id.as_ref(),
            Binding::Run(RunField::StartedAt) => self.started_at.as_ref(),
            Binding::Secret(_)
            | Binding::Card(_)
            | Binding::Item(_)
            | Binding::Index(_)
            | Binding::Element(_) => None,
        }
    }
}

impl Outlook {
    /// What a slot that belongs to no card yields.
    pub(crate) fn slot(&self, slot: &Slot) -> Partial {
        Foreseen::new(self).slot(slot, &Type::ANY)
    }
}

impl Plan {
    /// What the flow needs, as far as that is known.
    pub(crate) fn needs(&self, outlook: &Outlook) -> Vec<ConnectionPermissions> {
        let mut needs = Needs {
            plan: self,
            outlook,
            found: IndexMap::new(),
        };
        for (planned, partial) in self.connections.iter().zip(&outlook.connections) {
            for connection in connections_of(partial) {
                // The kind of a set that is yet to be made is that of its cards.
                if !connection.kind().is_empty() {
                    let alias = Arc::clone(&planned.alias);
                    needs.connection(&connection).aliases.push(alias);
                }
            }
        }
        for input in outlook.inputs.iter().flatten() {
            if let Partial::Known(value) = input {
                needs.connections_in(value);
            }
        }
        needs.body(BodyId::FLOW, "");
        needs.found.into_values().collect()
    }
}

/// The connections behind an alias: one, or the members of a set.
fn connections_of(partial: &Partial) -> Vec<ConnectionRef> {
    let one = |value: &Value| match value {
        Value::Connection(connection) => Some(connection.clone()),
        _ => None,
    };
    match partial {
        Partial::Known(Value::List(members)) => {
            members.iter().filter_map(|member| one(&member)).collect()
        }
        Partial::Known(value) => one(value).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Gathers what the cards need.
struct Needs<'a> {
    plan: &'a Plan,
    outlook: &'a Outlook,
    /// By kind and nickname.
    found: IndexMap<(Arc<str>, Option<Arc<str>>), ConnectionPermissions>,
}

impl Needs<'_> {
    fn connection(&mut self, connection: &ConnectionRef) -> &mut ConnectionPermissions {
        self.entry(connection.kind(), Some(connection.nickname()))
    }

    fn entry(&mut self, kind: &str, nickname: Option<&str>) -> &mut ConnectionPermissions {
        let kind = Arc::<str>::from(kind);
        let nickname = nickname.map(Arc::<str>::from);
        self.found
            .entry((Arc::clone(&kind), nickname.clone()))
            .or_insert_with(|| ConnectionPermissions {
                aliases: Vec::new(),
                nickname,
                kind,
                permissions: Vec::new(),
            })
    }

    /// The connections that a value of the caller's holds. As deep as a value can be nested.
    fn connections_in(&mut self, value: &Value) {
        match value {
            Value::Connection(connection) => {
                self.connection(connection);
            }
            Value::List(items) => items.iter().for_each(|item| self.connections_in(&item)),
            Value::Object(fields) => fields
                .iter()
                .for_each(|(_, field)| self.connections_in(field)),
            _ => {}
        }
    }

    /// The cards of a body. As deep as a flow file can be nested.
    fn body(&mut self, body: BodyId, path: &str) {
        let plan = self.plan;
        let cards = plan.body(body).map_or(&[][..], |body| &body.cards);
        for (id, card) in cards.iter().filter_map(|id| Some((*id, plan.card(*id)?))) {
            let never = card.when.as_ref().is_some_and(|when| {
                foresee(when, self.outlook) == Partial::Known(Value::Boolean(false))
            });
            if never {
                continue;
            }
            let address = match path {
                "" => card.id.to_string(),
                path => format!("{path}.{}", card.id),
            };
            match &card.action {
                PlannedAction::Group(body) => self.body(*body, &address),
                PlannedAction::Function { .. } => {}
                PlannedAction::Card { card, types, input } => {
                    if kinds(&types.input).is_empty() {
                        continue;
                    }
                    let mut foreseen = Foreseen::new(self.outlook);
                    foreseen.plan = Some(plan);
                    let input = foreseen.slot(input, &types.input);
                    let mut needed = Permissions::default();
                    card.permissions(&input, &mut needed);
                    let address = Arc::from(address);
                    for permission in needed.into_vec() {
                        self.add((id, &address), permission, &foreseen);
                    }
                }
            }
        }
    }

    fn add(
        &mut self,
        (id, card): (CardId, &Arc<str>),
        permission: Permission,
        foreseen: &Foreseen<'_>,
    ) {
        let needed = CardPermission {
            card: Arc::clone(card),
            permission,
            id,
        };
        match &needed.permission.connection {
            Some(PartialConnection::Known(connection)) => {
                let connection = connection.clone();
                self.connection(&connection).permissions.push(needed);
            }
            Some(PartialConnection::Unknown(span)) if foreseen.members.contains_key(span) => {
                let Some((alias, members)) = foreseen.members.get(span) else {
                    return;
                };
                for member in members {
                    let mut needed = needed.clone();
                    needed.permission.connection = Some(PartialConnection::Known(member.clone()));
                    let found = self.connection(member);
                    found.permissions.push(needed);
                    if found.aliases.is_empty() {
                        found.aliases.push(Arc::clone(alias));
                    }
                }
            }
            Some(PartialConnection::Unknown(span)) => {
                let kinds: Vec<&Option<String>> = foreseen
                    .dynamic
                    .iter()
                    .filter(|(from, _)| from == span)
                    .flat_map(|(_, kinds)| kinds)
                    .collect();
                let is_meant = |kind: &str| {
                    let is_it = |wanted: &&Option<String>| {
                        wanted.as_deref().is_none_or(|wanted| wanted == kind)
                    };
                    kinds.is_empty() || kinds.iter().any(is_it)
                };
                let meant = self
                    .found
                    .values_mut()
                    .filter(|known| is_meant(&known.kind));
                let mut nobody = true;
                for known in meant {
                    known.permissions.push(needed.clone());
                    nobody = false;
                }
                // Only an input can bring one.
                if nobody {
                    for kind in kinds {
                        let kind = kind.as_deref().unwrap_or_default();
                        self.entry(kind, None).permissions.push(needed.clone());
                    }
                }
            }
            // The card has a connection that need not be given, and none was.
            None => {}
        }
    }
}

/// Kinds of connections; `None` is any kind.
type Kinds = Vec<Option<String>>;

/// The kinds of connections that a type has somewhere.
fn kinds(ty: &Type) -> Kinds {
    let mut found = Vec::new();
    collect_kinds(ty, &mut found);
    found
}

/// As deep as the type of a card.
fn collect_kinds(ty: &Type, found: &mut Kinds) {
    match &ty.kind {
        TypeKind::Connection { kind } if found.contains(kind) => {}
        TypeKind::Connection { kind } => found.push(kind.clone()),
        TypeKind::List { items, .. } => collect_kinds(items, found),
        TypeKind::Object { fields, additional } => {
            let fields = fields.values().map(|field| &field.ty);
            fields
                .chain(additional.as_deref())
                .for_each(|ty| collect_kinds(ty, found));
        }
        TypeKind::OneOf(types) => types.iter().for_each(|ty| collect_kinds(ty, found)),
        _ => {}
    }
}

/// Reads slots as far as they are known.
struct Foreseen<'a> {
    outlook: &'a Outlook,
    /// Says what loops walk, where there are some around.
    plan: Option<&'a Plan>,
    /// The expressions that are not known, with the kinds of connections that they may yield.
    dynamic: Vec<(Span, Kinds)>,
    /// The expressions that yield each member of a set in turn, with the alias of the set and its
    /// members.
    members: IndexMap<Span, (Arc<str>, Vec<ConnectionRef>)>,
}

impl<'a> Foreseen<'a> {
    fn new(outlook: &'a Outlook) -> Self {
        Self {
            outlook,
            plan: None,
            dynamic: Vec::new(),
            members: IndexMap::new(),
        }
    }

    /// The members that an expression yields, where it is the item of a loop over a set. A set
    /// that is yet to be made has the kind that is needed.
    fn members(&self, expression: &Compiled, ty: &Type) -> Option<(Arc<str>, Vec<ConnectionRef>)> {
        let TypeKind::Connection { kind } = &ty.kind else {
            return None;
        };
        let Binding::Item(card) = expression.binding()? else {
            return None;
        };
        let plan = self.plan?;
        let walked = &plan.card(CardId(card))?.for_each.as_ref()?.list;
        let binding @ Binding::Connection(index) = walked.binding()? else {
            return None;
        };
        let alias = &plan.connections.get(index as usize)?.alias;
        let of_kind = |member: ConnectionRef| match (member.kind(), kind) {
            ("", Some(kind)) => ConnectionRef::new(kind.as_str(), member.nickname()),
            _ => member,
        };
        let members = connections_of(self.outlook.get(binding)?).into_iter();
        Some((Arc::clone(alias), members.map(of_kind).collect()))
    }

    /// As deep as a flow file can be nested.
    fn slot(&mut self, slot: &Slot, ty: &Type) -> Partial {
        match slot {
            Slot::Constant(value) => Partial::Known(value.clone()),
            Slot::Connection(index) => {
                let known = self.outlook.connections.get(*index as usize);
                known.cloned().unwrap_or(Partial::Absent)
            }
            Slot::Expression(expression) => {
                if let Some(members) = self.members(expression, ty) {
                    self.members.insert(expression.span(), members);
                }
                self.fit(foresee(expression, self.outlook), ty, expression.span())
            }
            Slot::List(slots) => {
                let item = ty.items().unwrap_or(Type::ANY);
                let items: Vec<Partial> = slots.iter().map(|slot| self.slot(slot, &item)).collect();
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    match whole(item) {
                        Ok(value) => values.push(value),
                        Err(Some(span)) => return self.unknown(span, ty),
                        Err(None) => {}
                    }
                }
                Partial::Known(values.into_iter().collect())
            }
            Slot::Object(fields) => {
                let fields = fields.iter().map(|(name, slot)| {
                    let ty = field(ty, name);
                    (name.to_string(), self.slot(slot, &ty))
                });
                Partial::Object(fields.collect())
            }
        }
    }

    /// Fits what an expression yields to its slot, as the run does; what does not fit fails there.
    fn fit(&mut self, partial: Partial, ty: &Type, span: Span) -> Partial {
        match partial {
            Partial::Known(value) if value.is_null() => Partial::Known(value),
            Partial::Known(value) => match ty.conform(value) {
                Ok(value) => Partial::Known(value),
                Err(_) => self.unknown(span, ty),
            },
            Partial::Unknown(span) => self.unknown(span, ty),
            // A var that is known in part.
            Partial::Object(fields) => {
                let fields = fields.into_iter().map(|(name, partial)| {
                    let partial = self.fit(partial, &field(ty, &name), span);
                    (name, partial)
                });
                Partial::Object(fields.collect())
            }
            partial => partial,
        }
    }

    fn unknown(&mut self, span: Span, ty: &Type) -> Partial {
        self.dynamic.push((span, kinds(ty)));
        match ty.kind {
            TypeKind::Connection { .. } => Partial::AnyConnection(span),
            _ => Partial::Unknown(span),
        }
    }
}

/// The value of what is known in whole, or why it is not: the first expression that is not known,
/// and none for what is not there.
fn whole(partial: Partial) -> Result<Value, Option<Span>> {
    match partial {
        Partial::Known(value) => Ok(value),
        Partial::Absent => Err(None),
        Partial::Prefix(_, span) | Partial::Unknown(span) | Partial::AnyConnection(span) => {
            Err(Some(span))
        }
        Partial::Object(fields) => {
            let fields = fields
                .into_iter()
                .map(|(name, field)| Ok((Arc::<str>::from(name), whole(field)?)));
            Ok(Value::Object(
                fields.collect::<Result<Object, Option<Span>>>()?,
            ))
        }
    }
}

/// The type of a field; anything where the type does not say.
fn field(ty: &Type, name: &str) -> Type {
    match &ty.kind {
        TypeKind::Object { fields, additional } => match (fields.get(name), additional) {
            (Some(field), _) => field.ty.clone(),
            (None, Some(additional)) => Type::clone(additional),
            (None, None) => Type::ANY,
        },
        TypeKind::OneOf(types) => {
            let objects = types
                .iter()
                .filter(|ty| matches!(ty.kind, TypeKind::Object { .. }));
            let mut of: Vec<Type> = objects.map(|ty| field(ty, name)).collect();
            match (of.pop(), of.is_empty()) {
                (Some(only), true) => only,
                (Some(last), false) => {
                    of.push(last);
                    Type::new(TypeKind::OneOf(of)).nullable()
                }
                (None, _) => Type::ANY,
            }
        }
        _ => Type::ANY,
    }
}
