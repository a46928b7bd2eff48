//! What flows need, connection by connection.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use flowrun_card::{ConnectionKind as _, Permission, Value};
use flowrun_connections::{AwsConnection, AwsS3, Connection, ConnectionStore, Member};
use flowrun_engine::{CardPermission, Checked, Plan, Source};

use crate::{
    args,
    commands::validate,
    context::{self, Context},
    exit::Exit,
    files::Kind,
    render::{self, diagnostics, plain},
};

/// Which flows, and what is known of their runs.
#[derive(Debug, Default)]
pub(in crate::commands) struct Request<'a> {
    /// Flow files, or folders of them.
    pub(in crate::commands) flows: &'a [PathBuf],
    /// The inputs that are given.
    pub(in crate::commands) inputs: &'a [(String, String)],
    /// The inputs that may be anything, whatever their default.
    pub(in crate::commands) any: &'a [String],
    /// Other connections for aliases of the flows.
    pub(in crate::commands) connections: &'a [(String, String)],
}

/// The checked flows.
pub(in crate::commands) struct Flows {
    flows: Vec<Flow>,
}

struct Flow {
    source: Source,
    plan: Arc<Plan>,
    folder: PathBuf,
    /// The inputs that count as known.
    inputs: BTreeMap<String, Value>,
    /// The names of those among them that are defaults.
    defaults: Vec<String>,
    store: Arc<ConnectionStore>,
}

/// What the flows need under one connection.
pub(in crate::commands) struct Needed {
    /// Its nickname; where only the caller of a run says which it is, its alias.
    pub(in crate::commands) name: String,
    /// The name of its kind.
    pub(super) kind: String,
    /// As the store defines it; `None` where it is yet to be made.
    pub(in crate::commands) connection: Option<Connection>,
    /// The folder that sees it.
    pub(super) folder: PathBuf,
    /// What the cards need.
    pub(in crate::commands) permissions: Vec<Permission>,
    /// Which card of which flow, for each permission.
    pub(super) from: Vec<From>,
    /// Other members of its set that need the same.
    pub(super) alike: Vec<String>,
}

/// What one flow needs under a connection.
pub(in crate::commands) struct OfFlow<'f> {
    /// Its file, as it was named.
    pub(in crate::commands) file: &'f str,
    /// Its id.
    pub(in crate::commands) flow: &'f str,
    pub(in crate::commands) needed: Vec<CardPermission>,
}

/// Where a permission comes from.
pub(super) struct From {
    flow: usize,
    pub(super) needed: CardPermission,
}

impl Needed {
    /// The connection, where it is there and of AWS.
    pub(super) fn aws(&self) -> Option<AwsConnection<'_>> {
        self.connection.as_ref()?.aws()
    }

    /// Its place in a set.
    pub(super) fn member(&self) -> Option<&Member> {
        self.connection.as_ref()?.member.as_ref()
    }

    /// Whether both are members of one set and need the same.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let needs = |one: &Permission| (one.actions.clone(), one.resource.clone());
        let (Some(own), Some(others)) = (self.member(), other.member()) else {
            return false;
        };
        own.set == others.set
            && self.permissions.len() == other.permissions.len()
            && self
                .permissions
                .iter()
                .map(needs)
                .eq(other.permissions.iter().map(needs))
    }

    /// Whether IAM has a policy for it.
    pub(super) fn has_policy(&self) -> bool {
        self.kind == AwsS3::NAME
    }
}

impl Flows {
    /// Reads and checks the flows, which may name connections that are yet to be made.
    pub(in crate::commands) fn read(
        context: &Context,
        request: &Request<'_>,
    ) -> Result<Self, Exit> {
        let mut files = Vec::new();
        for named in request.flows {
            let found = validate::files_of(named)?.into_iter();
            files.extend(found.filter(|file| Kind::of(file) == Kind::Flow));
        }
        if files.len() > 1 && !(request.inputs.is_empty() && request.any.is_empty()) {
            render::error("inputs belong to one flow", Some("name one flow"));
            return Err(Exit::Invalid);
        }
        let mut flows: Vec<Flow> = Vec::new();
        for file in files {
            flows.push(flow(context, &file, request)?);
        }
        if let Some(unknown) = request.any.iter().find(|name| {
            let is_default = |flow: &Flow| {
                let mut defaults = flow.plan.default_inputs();
                defaults.any(|(default, _)| default == *name)
            };
            !flows.iter().any(is_default)
        }) {
            render::error(
                &format!("the flow has no input `{unknown}` with a default"),
                Some("an input without a default may be anything unless `--input` gives it"),
            );
            return Err(Exit::Invalid);
        }
        Ok(Self { flows })
    }

    /// What they need, in their order.
    pub(in crate::commands) fn needed(&self) -> Result<Vec<Needed>, Exit> {
        let mut found: Vec<Needed> = Vec::new();
        for (index, flow) in self.flows.iter().enumerate() {
            let permissions = flow.plan.permissions(&flow.inputs, &*flow.store);
            let permissions = permissions.map_err(|invalid| {
                for problem in &invalid.problems {
                    render::error(&problem.to_string(), problem.help.as_deref());
                }
                Exit::Invalid
            })?;
            for connection in permissions {
                let name = match (&connection.nickname, connection.aliases.first()) {
                    (Some(name), _) | (None, Some(name)) => name.to_string(),
                    (None, None) => "an input".to_owned(),
                };
                let known = flow.store.list().find(|known| known.nickname == name);
                let one = Needed {
                    name,
                    kind: connection.kind.to_string(),
                    connection: known.cloned(),
                    folder: flow.folder.clone(),
                    permissions: Vec::new(),
                    from: Vec::new(),
                    alike: Vec::new(),
                };
                let at = found
                    .iter()
                    .position(|other| {
                        (&other.name, &other.connection) == (&one.name, &one.connection)
                    })
                    .unwrap_or_else(|| {
                        found.push(one);
                        found.len().saturating_sub(1)
                    });
                if let Some(needed) = found.get_mut(at) {
                    for permission in connection.permissions {
                        needed.permissions.push(permission.permission.clone());
                        needed.from.push(From {
                            flow: index,
                            needed: permission,
                        });
                    }
                }
            }
        }
        Ok(found)
    }

    /// What is needed, flow by flow.
    pub(in crate::commands) fn of(&self, needed: &Needed) -> Vec<OfFlow<'_>> {
        let flows = self.flows.iter().enumerate().map(|(index, flow)| OfFlow {
            file: flow.source.name(),
            flow: flow.plan.id(),
            needed: needed
                .from
                .iter()
                .filter(|from| from.flow == index)
                .map(|from| from.needed.clone())
                .collect(),
        });
        flows.filter(|flow| !flow.needed.is_empty()).collect()
    }

    /// The source that a permission's spans point into.
    pub(super) fn source(&self, from: &From) -> Option<&Source> {
        self.flows.get(from.flow).map(|flow| &flow.source)
    }

    /// The inputs that count as their defaults: the flow, the input and the value.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (&Source, &str, &Value)> {
        self.flows.iter().flat_map(|flow| {
            let defaults = flow.defaults.iter();
            defaults.filter_map(|name| {
                let value = flow.inputs.get(name)?;
                Some((&flow.source, name.as_str(), value))
            })
        })
    }
}

fn flow(context: &Context, file: &Path, request: &Request<'_>) -> Result<Flow, Exit> {
    let folder = context::folder_of(file);
    let engine = context.engine(&folder)?;
    let checked = context::check_before_connections(&engine, file, request.connections)?;
    let Checked {
        source,
        plan,
        diagnostics,
    } = checked;
    let Some(plan) = plan else {
        let text = diagnostics::render(&source, &diagnostics, context.format);
        match context.format {
            args::Format::Text => plain::print(text.trim_end()),
            _ => render::print(&text),
        }
        return Err(Exit::of_diagnostics(&diagnostics));
    };
    let (inputs, defaults) = inputs(&plan, request)?;
    Ok(Flow {
        source,
        plan,
        inputs,
        defaults,
        store: Arc::new(context.open_connections(&folder)?),
        folder,
    })
}

/// The inputs that are given, and the defaults of the others.
fn inputs(
    plan: &Plan,
    request: &Request<'_>,
) -> Result<(BTreeMap<String, Value>, Vec<String>), Exit> {
    let folder = std::env::current_dir().unwrap_or_default();
    let mut inputs = BTreeMap::new();
    for (name, text) in request.inputs {
        let value = plan.read_input(name, text, &folder).map_err(|problem| {
            render::error(&problem.to_string(), problem.help.as_deref());
            Exit::Invalid
        })?;
        inputs.insert(name.clone(), value);
    }
    let mut defaults = Vec::new();
    for (name, value) in plan.default_inputs() {
        let is_open = request.any.iter().any(|any| any == name);
        if !is_open && !inputs.contains_key(name) && !value.is_null() {
            inputs.insert(name.to_owned(), value.clone());
            defaults.push(name.to_owned());
        }
    }
    Ok((inputs, defaults))
}
