//! What is known of a run before its first card: of one that is about to start all that its
//! expressions can read but for what cards give, of one that may be started some inputs.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use flowrun_card::{ConnectionRef, Connections, Partial, PartialConnection, TypeKind, Value};

use super::{
    evaluate::Globals,
    inputs::{InvalidInputs, fit, unknown},
};
use crate::plan::{CardPermission, ConnectionPermissions, Outlook, Plan, named};

/// How the nickname of a connection starts that the caller supplies and that is not known. No
/// nickname of a store has a space.
const CALLERS: &str = "supplied by the caller as ";

impl Plan {
    /// What the flow needs, connection by connection, given some of its inputs as
    /// [`Plan::read_input`] gives them. Pure: the store is asked only for the kinds of
    /// connections, and for the members of sets.
    ///
    /// Known are literals, vars, and expressions over them and over the given inputs. Not known
    /// are outputs of cards, items of loops (but for one over the members of a set: each of them has
    /// the permission), and every input that is not given: one with a default
    /// too, because the caller of a run may give another. What is not known is a wildcard in the
    /// resources, so that no run needs more than this. Where the connection of a card is not
    /// known, every connection of its kind that the flow names may be meant, and has the
    /// permission. A card whose `when` is known to be false needs nothing.
    ///
    /// The connections come in the order of the flow, those of inputs last; one that no card needs
    /// has no permissions. Two aliases of one nickname are one connection.
    ///
    /// # Errors
    /// Every given input that the flow does not have or that does not fit its declaration.
    pub fn permissions(
        &self,
        inputs: &BTreeMap<String, Value>,
        connections: &dyn Connections,
    ) -> Result<Vec<ConnectionPermissions>, InvalidInputs> {
        let mut found = self.needs(&self.outlook(inputs, connections)?);
        for connection in &mut found {
            let supplied = connection
                .nickname
                .take_if(|nickname| nickname.starts_with(CALLERS));
            if supplied.is_none() {
                continue;
            }
            for CardPermission { permission, .. } in &mut connection.permissions {
                if let Some(PartialConnection::Known(_)) = permission.connection {
                    permission.connection = None;
                }
            }
        }
        Ok(found)
    }

    fn outlook(
        &self,
        given: &BTreeMap<String, Value>,
        connections: &dyn Connections,
    ) -> Result<Outlook, InvalidInputs> {
        let mut problems = Vec::new();
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let value = match (given.get(&*input.name), &input.ty.kind) {
                (None, _) => None,
                // Which file it is says nothing of permissions, and only the run looks at it.
                (Some(Value::String(_)), TypeKind::File) => None,
                (Some(value), _) => match fit(input, value.clone(), Path::new(""), connections) {
                    Ok(value) => Some(Partial::Known(value)),
                    Err(problem) => {
                        problems.push(problem);
                        None
                    }
                },
            };
            inputs.push(value);
        }
        problems.extend(unknown(&self.inputs, given.keys()));
        if !problems.is_empty() {
            return Err(InvalidInputs { problems });
        }
        let connections = self.connections.iter().map(|planned| {
            let known = planned.nickname.as_deref();
            let known = known.and_then(|nickname| named(nickname, planned.is_set, connections));
            Partial::Known(known.unwrap_or_else(|| {
                let kind = planned.own_kind.as_deref().unwrap_or_default();
                let nickname = match &planned.nickname {
                    Some(nickname) => nickname.to_string(),
                    None => format!("{CALLERS}{}", planned.alias),
                };
                let one = Value::Connection(ConnectionRef::new(kind, nickname));
                match planned.is_set {
                    true => [one].into_iter().collect(),
                    false => one,
                }
            }))
        });
        let mut outlook = Outlook {
            inputs,
            vars: Vec::with_capacity(self.vars.len()),
            connections: connections.collect(),
            flow: Partial::Known(Value::String(Arc::clone(&self.id))),
            run_id: None,
            started_at: None,
        };
        for var in &self.vars {
            let value = outlook.slot(&var.slot);
            outlook.vars.push(value);
        }
        Ok(outlook)
    }
}

/// Everything that is known of a run once its vars are.
pub(super) fn of_globals(globals: &Globals) -> Outlook {
    let known = |value: &Value| Partial::Known(value.clone());
    let text = |text: &Arc<str>| Partial::Known(Value::String(Arc::clone(text)));
    Outlook {
        inputs: globals
            .inputs
            .iter()
            .map(|value| Some(known(value)))
            .collect(),
        vars: globals.vars.iter().map(known).collect(),
        connections: globals.connections.iter().map(known).collect(),
        flow: text(&globals.flow),
        run_id: Some(text(&globals.run_id)),
        started_at: Some(text(&globals.started_at)),
    }
}
