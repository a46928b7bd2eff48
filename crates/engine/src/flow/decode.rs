//! The top level of a flow: what stands beside its cards.

use flowrun_card::Value;

use super::{Connection, ConnectionSource, Defaults, Flow, Named, id, keys, read::Reader};
use crate::{
    diagnostic::{Code, Diagnostics},
    syntax::{Entry, Kind, Node},
};

/// The version of the language that this build reads.
const LANGUAGE: i64 = 1;

/// The largest `max_parallel`.
pub(super) const MAX_PARALLEL: u32 = 1024;

/// Reads the authored model. Errors do not end it: what can be read of the flow is given, so that
/// what the planner finds is told in the same go. None where there is no map, or no `cards` in it.
pub(crate) fn decode(root: &Node, diagnostics: &mut Diagnostics) -> Option<Flow> {
    let mut reader = Reader {
        errors: diagnostics,
    };
    reader.flow(root)
}

impl Reader<'_> {
    fn flow(&mut self, root: &Node) -> Option<Flow> {
        let Kind::Map(entries) = &root.kind else {
            let diagnostic = self
                .wrong_type(root, "a flow")
                .help("a flow is a map that starts with `flow: NAME`");
            self.errors.push(diagnostic);
            return None;
        };
        let mut id = None;
        let mut cards = None;
        let mut flow = Flow {
            id: Named {
                value: "flow".into(),
                span: root.span.at_start(),
            },
            description: None,
            inputs: Vec::new(),
            connections: Vec::new(),
            secrets: Vec::new(),
            vars: Vec::new(),
            defaults: Defaults::default(),
            max_parallel: None,
            cards: Vec::new(),
            outputs: Vec::new(),
        };
        for Entry { key, value } in entries {
            match &*key.name {
                "flow" => {
                    id = Some(key);
                    if let Some(text) = self.text(value, "the flow's id") {
                        flow.id = self.name(&text.value, text.span, id::What::Flow);
                    }
                }
                "language" => self.language(value),
                "description" => flow.description = self.description(value),
                "inputs" => flow.inputs = self.inputs(value),
                "connections" => flow.connections = self.connections(value),
                "secrets" => flow.secrets = self.secrets(value),
                "vars" => flow.vars = self.named_values(value, "a map of vars", id::What::Var),
                "defaults" => flow.defaults = self.defaults(value),
                "max_parallel" => flow.max_parallel = self.count(value, MAX_PARALLEL),
                "cards" => {
                    cards = Some(key);
                    flow.cards = self.cards(value)?;
                }
                "outputs" => {
                    flow.outputs = self.named_values(value, "a map of outputs", id::What::Output);
                }
                _ => self.unknown_key(&keys::FLOW, key),
            }
        }
        let at_start = root.span.at_start();
        if id.is_none() && !Self::was_meant(entries, &keys::FLOW, "flow") {
            self.error_with_help(
                Code::MISSING_KEY,
                at_start,
                "the flow has no id",
                "start with `flow: NAME`",
            );
        }
        if cards.is_none() {
            if Self::was_meant(entries, &keys::FLOW, "cards") {
                return None;
            }
            self.error_with_help(
                Code::MISSING_KEY,
                at_start,
                "the flow has no cards",
                "write `cards:`, and below it a card by its id",
            );
            return None;
        }
        Some(flow)
    }

    fn language(&mut self, node: &Node) {
        let version = match &node.kind {
            Kind::Scalar(scalar) => scalar.literal().ok(),
            _ => None,
        };
        match version {
            Some(Value::Integer(version)) if version.as_i64() == Some(LANGUAGE) => {}
            Some(Value::Integer(version)) => {
                let message = format!("version {version} of the language is not supported");
                let help = format!("this build reads version {LANGUAGE}");
                self.error_with_help(Code::NOT_SUPPORTED, node.span, message, help);
            }
            _ => {
                let diagnostic = self
                    .wrong_type(node, "a version of the language")
                    .help(format!("write `language: {LANGUAGE}`"));
                self.errors.push(diagnostic);
            }
        }
    }

    fn connections(&mut self, node: &Node) -> Vec<Connection> {
        let mut connections = Vec::new();
        for Entry { key, value } in self.optional_map(node, "a map of connections") {
            let alias = self.name(&key.name, key.span, id::What::Connection);
            let source = self.connection_source(value);
            connections.push(Connection { alias, source });
        }
        connections
    }

    fn connection_source(&mut self, node: &Node) -> ConnectionSource {
        const WHAT: &str = "the nickname of a connection";
        let Kind::Map(entries) = &node.kind else {
            return self
                .fixed_text(node, WHAT)
                .map_or(ConnectionSource::Broken, ConnectionSource::Nickname);
        };
        let mut found = None;
        let mut refused = false;
        for Entry { key, value } in entries {
            let source = match &*key.name {
                _ if found.is_some() => {
                    self.error_with_help(
                        Code::WRONG_VALUE,
                        key.span,
                        "a connection has a kind or is a set, and not both",
                        "a set has the kind of its members: leave `kind` out",
                    );
                    None
                }
                "kind" => self
                    .fixed_text(value, "a kind of connection")
                    .map(|kind| ConnectionSource::Caller { kind }),
                "set" => self
                    .fixed_text(value, "the name of a set of connections")
                    .map(|name| ConnectionSource::Set { name }),
                _ => {
                    self.unknown_key(&keys::CONNECTION, key);
                    None
                }
            };
            refused |= source.is_none();
            found = found.or(source);
        }
        if found.is_none() && !refused {
            self.error_with_help(
                Code::MISSING_KEY,
                node.span,
                "the connection has no kind",
                "write its nickname, `{ set: NAME }` for the members of a set, or `{ kind: KIND }` \
                 where the caller supplies it",
            );
        }
        found.unwrap_or(ConnectionSource::Broken)
    }

    fn defaults(&mut self, node: &Node) -> Defaults {
        let mut defaults = Defaults::default();
        for Entry { key, value } in self.optional_map(node, "a map of defaults") {
            match &*key.name {
                "retry" => defaults.retry = self.retry(value),
                "timeout" => defaults.timeout = self.timeout(value),
                "connection" => defaults.connection = self.connection(value),
                _ => self.unknown_key(&keys::DEFAULTS, key),
            }
        }
        defaults
    }

    /// Names with values of any kind.
    pub(super) fn named_values(
        &mut self,
        node: &Node,
        map: &str,
        what: id::What,
    ) -> Vec<(Named, Node)> {
        let entries = self.optional_map(node, map);
        let mut values = Vec::with_capacity(entries.len());
        for Entry { key, value } in entries {
            values.push((self.name(&key.name, key.span, what), value.clone()));
        }
        values
    }
}
