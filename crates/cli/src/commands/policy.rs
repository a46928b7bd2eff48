//! `flowrun policy FLOW…`: the least IAM policy that the roles behind flows need, in the forms that
//! people make roles with, or how an existing policy compares with it.
//!
//! What is to be pasted or piped goes to standard output; why it is so wide goes to standard error.

mod compare;
mod explain;
mod gather;

use flowrun_connections::{Endpoint, partition_of};
use flowrun_iam::{MANAGED_POLICY_CHARS, Policy, format};

pub(super) use self::gather::{Flows, Needed, OfFlow, Request};
use super::connections::{
    Asker,
    trust::{self, Instructions},
};
use crate::{
    args::{self, PolicyFormat},
    context::Context,
    exit::Exit,
    render::{self, DIM, plain},
};

/// The name of a role's policy.
pub(super) const POLICY_NAME: &str = "flowrun";

pub(crate) fn run(context: &Context, arguments: &args::Policy) -> Exit {
    match execute(context, arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn execute(context: &Context, arguments: &args::Policy) -> Result<Exit, Exit> {
    let flows = Flows::read(
        context,
        &Request {
            flows: &arguments.flows,
            inputs: &arguments.inputs,
            any: &arguments.any,
            connections: &arguments.connections,
        },
    )?;
    let mut needed = chosen(flows.needed()?, arguments)?;
    if !arguments.trust {
        join_members(&mut needed);
    }
    if let Some(path) = &arguments.check {
        let [one] = needed.as_slice() else {
            return Err(choose(&needed, "a policy is compared for one connection"));
        };
        let partition = partition(one, arguments)?;
        return compare::run(path, one, &partition, &flows, arguments.json);
    }
    if arguments.format == PolicyFormat::Cloudformation && needed.len() > 1 {
        return Err(choose(&needed, "a template is for one connection"));
    }
    let several = needed.len() > 1;
    for one in &needed {
        let document = document(context, one, arguments)?;
        if several || !one.alike.is_empty() {
            plain::print(&format!("{}:", one.name));
        }
        if !one.alike.is_empty() {
            plain::print(&format!(
                "{DIM}and {} more of its set, with the same{DIM:#}",
                one.alike.len()
            ));
        }
        render::print(&document);
        explain::wildcards(one, &flows);
        hint_at_keys(one, arguments);
    }
    explain::defaults(&flows, arguments);
    Ok(Exit::Done)
}

/// The connections that are asked for: those of AWS that any card needs.
fn chosen(needed: Vec<Needed>, arguments: &args::Policy) -> Result<Vec<Needed>, Exit> {
    let Some(only) = &arguments.only else {
        let (needed, idle): (Vec<_>, Vec<_>) = needed
            .into_iter()
            .filter(|one| one.has_policy())
            .partition(|one| !one.permissions.is_empty());
        for one in idle {
            plain::print(&format!("no card needs anything under `{}`", one.name));
        }
        if needed.is_empty() {
            plain::print("no card needs a permission");
        }
        return Ok(needed);
    };
    let names: Vec<String> = needed.iter().map(|one| one.name.clone()).collect();
    let (set, needed): (Vec<_>, Vec<_>) = needed
        .into_iter()
        .partition(|one| one.member().is_some_and(|member| member.set.name == *only));
    if !set.is_empty() {
        return Ok(set);
    }
    match needed.into_iter().find(|one| one.name == *only) {
        Some(one) if one.has_policy() => Ok(vec![one]),
        Some(one) => {
            let message = format!("`{}` is a connection of kind `{}`", one.name, one.kind);
            render::error(&message, Some("only those of AWS have a policy"));
            Err(Exit::Invalid)
        }
        None => {
            let help = match names.as_slice() {
                [] => "they use none".to_owned(),
                names => format!("they use {}", listed(names)),
            };
            render::error(
                &format!("the flows use no connection `{only}`"),
                Some(&help),
            );
            Err(Exit::Invalid)
        }
    }
}

/// Keeps of the members of a set that need the same only the first: their policy is one.
fn join_members(needed: &mut Vec<Needed>) {
    let mut kept: Vec<Needed> = Vec::with_capacity(needed.len());
    for one in needed.drain(..) {
        let same = kept.iter_mut().find(|other| other.is_alike(&one));
        match same {
            Some(other) => other.alike.push(one.name),
            None => kept.push(one),
        }
    }
    *needed = kept;
}

fn choose(needed: &[Needed], message: &str) -> Exit {
    let names: Vec<String> = needed.iter().map(|one| one.name.clone()).collect();
    let help = match names.as_slice() {
        [] => "the flows need none".to_owned(),
        names => format!("choose with `--for`: {}", listed(names)),
    };
    render::error(message, Some(&help));
    Exit::Invalid
}

fn listed(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The partition: that of the role, else that of the region, else what the caller says.
fn partition(needed: &Needed, arguments: &args::Policy) -> Result<String, Exit> {
    let aws = needed.aws();
    let known = aws
        .as_ref()
        .and_then(|aws| match (&aws.role_arn, &aws.region) {
            (Some(role), _) => Some(role.partition()),
            (None, region) => region.as_deref().map(partition_of),
        });
    match (known, &arguments.partition) {
        (Some(known), Some(asked)) if known != asked => {
            render::error(
                &format!(
                    "connection `{}` is in the partition `{known}`, not in `{asked}`",
                    needed.name
                ),
                Some("leave `--partition` out: role and region tell it"),
            );
            Err(Exit::Invalid)
        }
        (Some(known), _) => Ok(known.to_owned()),
        (None, Some(asked)) => Ok(asked.clone()),
        (None, None) => Ok("aws".to_owned()),
    }
}

fn document(context: &Context, needed: &Needed, arguments: &args::Policy) -> Result<String, Exit> {
    let partition = partition(needed, arguments)?;
    let policy = policy(needed, &partition, arguments)?;
    if arguments.format == PolicyFormat::Json && !arguments.trust {
        return documents(&policy);
    }
    let trust = match arguments.trust {
        true => Some(trust_policy(context, needed, arguments)?),
        false => None,
    };
    let role = format::Role::new(&role_name(needed, arguments), trust, POLICY_NAME, &policy)
        .map_err(|error| invalid(&error.to_string()))?;
    Ok(in_form(&role, arguments.format))
}

/// A role in the form that its owner makes roles with.
pub(super) fn in_form(role: &format::Role, form: PolicyFormat) -> String {
    match form {
        PolicyFormat::Json => format::json(role),
        PolicyFormat::Terraform => format::terraform(role),
        PolicyFormat::Cloudformation => format::cloudformation(role),
        PolicyFormat::Cli => format::cli(role),
    }
}

fn policy(needed: &Needed, partition: &str, arguments: &args::Policy) -> Result<Policy, Exit> {
    let keys: Vec<&str> = arguments.kms_keys.iter().map(String::as_str).collect();
    let of_keys = Policy::of_keys(&needed.permissions, &keys, partition)
        .map_err(|error| invalid(&error.to_string()))?;
    let policy = Policy::of_permissions(&needed.permissions, partition);
    Ok(match of_keys {
        Some(of_keys) => policy.and(of_keys),
        None => policy,
    })
}

/// The policy as it is pasted: one document, or as many managed policies as it takes.
fn documents(policy: &Policy) -> Result<String, Exit> {
    let parts = policy
        .split(MANAGED_POLICY_CHARS)
        .map_err(|error| invalid(&error.to_string()))?;
    if parts.len() > 1 {
        plain::print(&format!(
            "too long for one managed policy: these are {}",
            parts.len()
        ));
    }
    let text = parts.iter().map(|part| format!("{part:#}\n"));
    Ok(text.collect())
}

/// The trust policy of the role, for which its connection has to be there.
fn trust_policy(
    context: &Context,
    needed: &Needed,
    arguments: &args::Policy,
) -> Result<flowrun_iam::TrustPolicy, Exit> {
    let (Some(connection), Some(aws)) = (&needed.connection, needed.aws()) else {
        let help = format!(
            "its External ID stands in the trust policy, so make it first: `flowrun connections \
             new {}`",
            needed.name
        );
        render::error(
            &format!("there is no connection `{}`", needed.name),
            Some(&help),
        );
        return Err(Exit::Connection);
    };
    if aws.external_id.is_none() && aws.role_arn.is_none() {
        render::error(
            &format!("the connection `{}` has no role", needed.name),
            Some("leave `--trust` out: the policy belongs to the identity behind it"),
        );
        return Err(Exit::Invalid);
    }
    let store = context.open_connections(&needed.folder)?;
    let asker = Asker::new(store, context, &needed.folder)?;
    Ok(Instructions::of(&asker, connection, &arguments.by)?.into_policy())
}

fn role_name(needed: &Needed, arguments: &args::Policy) -> String {
    let given = arguments.role_name.as_deref();
    match needed.aws() {
        Some(connection) => trust::role_name(connection, given),
        None => given.map_or_else(|| format!("flowrun-{}", needed.name), str::to_owned),
    }
}

/// What a flow cannot say: whether its objects are encrypted with a key of the customer's.
fn hint_at_keys(needed: &Needed, arguments: &args::Policy) {
    let is_aws = needed
        .aws()
        .is_none_or(|connection| connection.endpoint == Endpoint::Aws);
    let uses_keys = Policy::of_keys(&needed.permissions, &["*"], "aws").is_ok_and(|p| p.is_some());
    if is_aws && uses_keys && arguments.kms_keys.is_empty() {
        plain::print(&format!(
            "{DIM}objects that a KMS key encrypts need the use of that key, too: `--kms-key ARN` \
             adds it{DIM:#}"
        ));
    }
}

fn invalid(problem: &str) -> Exit {
    render::error(problem, None);
    Exit::Invalid
}
