//! The connections of a flow: what it declares against those that there are, and the aliases that
//! stand where a connection belongs.

use std::sync::Arc;

use flowrun_card::{Connections, Span, TypeKind};

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
            ConnectionSource::Nickname(nickname) => {
                (Some(Arc::clone(&nickname.value)), None, nickname.span)
            }
            ConnectionSource::Caller { kind } => (None, Some(Arc::clone(&kind.value)), kind.span),
            ConnectionSource::Broken => (None, None, declared.alias.span),
        };
        let nickname = replaced
            .map(|nickname| Arc::from(nickname.as_str()))
            .or(nickname);
        let found = nickname.as_ref().map(|nickname| store.info(nickname));
        let known_kind = match (&nickname, found) {
            (Some(_), Some(None)) if options.allow_missing_connections => None,
            (Some(nickname), Some(None)) => {
                let nicknames = store.nicknames();
                let near = suggest::among(nickname, nicknames.iter().map(String::as_str));
                diagnostics.push(
                    Diagnostic::error(
                        Code::CONNECTION_NOT_FOUND,
                        span,
                        match replaced {
                            Some(_) => format!("there is no connection `{nickname}`, which shall stand for `{alias}`"),
                            None => format!("there is no connection `{nickname}`"),
                        },
                    )
                    .help(near.unwrap_or_else(|| {
                        "`flowrun connections list` lists those that there are".to_owned()
                    })),
                );
                None
            }
            (Some(nickname), Some(Some(info))) => {
                if let Some(kind) = &kind
                    && **kind != *info.kind
                {
                    diagnostics.push(
                        Diagnostic::error(
                            Code::WRONG_CONNECTION,
                            span,
                            format!(
                                "connection `{nickname}` is of kind `{}`, and `{alias}` needs `{kind}`",
                                info.kind
                            ),
                        )
                        .help("give another with `--connection`"),
                    );
                }
                Some(info.kind)
            }
            _ => None,
        };
        let ty = connection(known_kind.as_deref().or(kind.as_deref()));
        table.insert(Arc::clone(alias), (index, ty));
        planned.push(PlannedConnection {
            alias: Arc::clone(alias),
            nickname,
            own_kind: known_kind.map(Arc::from).or_else(|| kind.clone()),
            kind,
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
