//! The connections of a flow: what it declares against those that there are, and the aliases that
//! stand where a connection belongs.

use std::sync::Arc;

use flowrun_card::{ConnectionRef, Connections, Span, Type, TypeKind, Value};

use super::{
    PlannedConnection, Slot,
    hints::names,
    scope::{Table, connection},
    slots::{Checker, Filled},
};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    engine::CheckOptions,
    flow::{ConnectionSource, Flow},
    suggest,
};

/// The connections of a flow, checked against the store.
pub(super) fn connections(
    flow: &Flow,
    store: &dyn Connections,
    options: &CheckOptions,
    diagnostics: &mut Diagnostics,
) -> (Vec<PlannedConnection>, Table) {
    let mut planned = Vec::with_capacity(flow.connections.len());
    let mut table = Table::new();
    for (declared, index) in flow.connections.iter().zip(0..) {
        let alias = &declared.alias.value;
        let replaced = options.connections.get(&**alias);
        let (nickname, kind, span) = match &declared.source {
            ConnectionSource::Nickname(name) | ConnectionSource::Set { name } => {
                (Some(Arc::clone(&name.value)), None, name.span)
            }
            ConnectionSource::Caller { kind } => (None, Some(Arc::clone(&kind.value)), kind.span),
            ConnectionSource::Broken => (None, None, declared.alias.span),
        };
        let is_set = matches!(declared.source, ConnectionSource::Set { .. });
        let nickname = replaced
            .map(|nickname| Arc::from(nickname.as_str()))
            .or(nickname);
        let found = nickname
            .as_ref()
            .map(|nickname| named(nickname, is_set, store));
        let own_kind = match (&nickname, found) {
            (Some(nickname), Some(None)) => {
                let missing = Missing {
                    alias,
                    nickname,
                    is_set,
                    is_replaced: replaced.is_some(),
                };
                if let Some(diagnostic) = missing.diagnostic(span, store, options) {
                    diagnostics.push(diagnostic);
                }
                None
            }
            (Some(nickname), Some(Some(value))) => {
                let found = kind_of(&value);
                if let (Some(kind), Some(found)) = (&kind, &found)
                    && **kind != *found
                {
                    diagnostics.push(
                        Diagnostic::error(
                            Code::WRONG_CONNECTION,
                            span,
                            format!(
                                "connection `{nickname}` is of kind `{found}`, and `{alias}` needs `{kind}`",
                            ),
                        )
                        .help("give another with `--connection`"),
                    );
                }
                found.map(Arc::from)
            }
            _ => None,
        };
        let one = connection(own_kind.as_deref().or(kind.as_deref()));
        let is_mistaken = nickname.as_ref().is_some_and(|nickname| {
            own_kind.is_none() && mistaken(nickname, alias, is_set, store).is_some()
        });
        let ty = match &declared.source {
            // What was meant is said once.
            ConnectionSource::Broken => Type::ANY,
            _ if is_mistaken => Type::ANY,
            ConnectionSource::Set { .. } => Type::list(one),
            _ => one,
        };
        table.insert(Arc::clone(alias), (index, ty));
        planned.push(PlannedConnection {
            alias: Arc::clone(alias),
            is_set,
            nickname,
            // What the cards need of the members is what they are.
            kind: if is_set {
                own_kind.clone()
            } else {
                kind.clone()
            },
            own_kind: own_kind.or(kind),
        });
    }
    for (alias, nickname) in &options.connections {
        if !table.contains_key(alias.as_str()) {
            let aliases = planned.iter().map(|declared| &*declared.alias);
            diagnostics.push(
                Diagnostic::error(
                    Code::UNKNOWN_CONNECTION,
                    flow.id.span,
                    format!("the flow has no connection `{alias}` for `{nickname}` to stand for"),
                )
                .maybe_help(suggest::among(alias, aliases)),
            );
        }
    }
    (planned, table)
}

/// The connection of a nickname, or the members of a set as a list; `None` where there is none.
pub(crate) fn named(name: &str, is_set: bool, store: &dyn Connections) -> Option<Value> {
    let one = |nickname: &str| {
        let kind = store.info(nickname)?.kind;
        Some(Value::Connection(ConnectionRef::new(kind, nickname)))
    };
    if is_set {
        store
            .members(name)?
            .iter()
            .map(|member| one(member))
            .collect()
    } else {
        one(name)
    }
}

/// The kind of a connection, or of the members of a set.
pub(crate) fn kind_of(value: &Value) -> Option<String> {
    let kind = |value: &Value| match value {
        Value::Connection(connection) => Some(connection.kind().to_owned()),
        _ => None,
    };
    match value {
        Value::List(members) => kind(&members.iter().next()?),
        value => kind(value),
    }
}

/// What `name` is instead, where one connection was meant to be a set or a set one connection: in
/// words, and how the flow says that.
pub(crate) fn mistaken(
    name: &str,
    alias: &str,
    is_set: bool,
    store: &dyn Connections,
) -> Option<(String, String)> {
    if is_set {
        store.info(name)?;
        Some((
            format!("`{name}` is one connection and no set"),
            format!("write `{alias}: {name}`, and give it to a card as `connection: {alias}`"),
        ))
    } else {
        store.members(name)?;
        Some((
            format!("`{name}` is a set of connections, and not one connection"),
            format!(
                "write `{alias}: {{ set: {name} }}`, and walk it: {}",
                walk(alias)
            ),
        ))
    }
}

/// How a set is used.
pub(super) fn walk(alias: &str) -> String {
    format!("`for_each: connections.{alias}`, and in it `connection: \"{{{{ item }}}}\"`")
}

/// A name of a connection or set that the store does not have.
struct Missing<'a> {
    alias: &'a str,
    nickname: &'a str,
    is_set: bool,
    is_replaced: bool,
}

impl Missing<'_> {
    fn diagnostic(
        &self,
        span: Span,
        store: &dyn Connections,
        options: &CheckOptions,
    ) -> Option<Diagnostic> {
        let Self {
            alias,
            nickname,
            is_set,
            is_replaced,
        } = *self;
        if let Some((message, help)) = mistaken(nickname, alias, is_set, store) {
            return Some(Diagnostic::error(Code::WRONG_CONNECTION, span, message).help(help));
        }
        if options.allow_missing_connections {
            return None;
        }
        let (what, names) = match is_set {
            true => ("set of connections", store.sets()),
            false => ("connection", store.nicknames()),
        };
        let near = suggest::among(nickname, names.iter().map(String::as_str));
        let stands_for = match is_replaced {
            true => format!(", which shall stand for `{alias}`"),
            false => String::new(),
        };
        Some(
            Diagnostic::error(
                Code::CONNECTION_NOT_FOUND,
                span,
                format!("there is no {what} `{nickname}`{stands_for}"),
            )
            .help(near.unwrap_or_else(|| {
                "`flowrun connections list` lists those that there are".to_owned()
            })),
        )
    }
}

impl Checker<'_> {
    /// A connection by its alias.
    pub(super) fn alias(&mut self, alias: &str, span: Span, kind: Option<&str>) -> Option<Filled> {
        let Some((index, ty)) = self.known.connections.get(alias).cloned() else {
            let mut aliases: Vec<&str> = self
                .known
                .connections
                .keys()
                .map(|alias| &**alias)
                .collect();
            aliases.sort_unstable();
            let help = if let Some(own) = self.known.nicknames.get(alias) {
                format!("`{alias}` is the nickname behind the alias `{own}`: write `{own}`")
            } else if self.store.info(alias).is_some() {
                format!(
                    "give the nickname an alias: `connections: {{ ALIAS: {alias} }}` at the top of the flow, and write `ALIAS` here"
                )
            } else {
                suggest::among(alias, aliases).unwrap_or_else(|| {
                    format!(
                        "declare it: `connections: {{ {alias}: NICKNAME }}` at the top of the flow"
                    )
                })
            };
            self.report(
                Diagnostic::error(
                    Code::UNKNOWN_CONNECTION,
                    span,
                    format!("the flow has no connection `{alias}`"),
                )
                .help(help),
            );
            return None;
        };
        if matches!(ty.kind, TypeKind::List { .. }) {
            self.report(
                Diagnostic::error(
                    Code::WRONG_CONNECTION,
                    span,
                    format!("`{alias}` is a set of connections, and one is needed here"),
                )
                .help(format!("walk it: {}", walk(alias))),
            );
            return None;
        }
        if let (Some(kind), TypeKind::Connection { kind: Some(found) }) = (kind, &ty.kind)
            && kind != found
        {
            let help = self.connections_of(kind);
            self.report(
                Diagnostic::error(
                    Code::WRONG_CONNECTION,
                    span,
                    format!("connection `{alias}` is of kind `{found}`, and this needs `{kind}`"),
                )
                .help(help),
            );
            return None;
        }
        if let (Some(kind), Some(needed)) = (kind, self.needed_kinds.get_mut(index as usize)) {
            needed.get_or_insert_with(|| kind.into());
        }
        Some((Slot::Connection(index), ty))
    }

    /// Which connections of the flow are of a kind.
    fn connections_of(&self, kind: &str) -> String {
        let wanted = connection(Some(kind));
        let connections = self.known.connections.iter();
        let mut aliases: Vec<&str> = connections
            .filter(|(_, (_, ty))| *ty == wanted)
            .map(|(alias, _)| &**alias)
            .collect();
        aliases.sort_unstable();
        match aliases.as_slice() {
            [] => format!("declare one of kind `{kind}` under `connections:`"),
            [only] => format!("`{only}` is of that kind"),
            some => format!("of that kind are {}", names(some.iter().copied())),
        }
    }
}
