//! A first `sandbox.yaml`, for a connection that leads to the sandbox: a customer's account with
//! the role, made as its owner would make it, and the buckets that the flow names.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    io::{ErrorKind, Write as _},
    path::Path,
};

use flowrun_card::{Permission, Piece, Resource};
use flowrun_connections::{AwsConnection, Connection, Endpoint, RoleArn, Trusted, trust_policy};
use flowrun_iam::Policy;
use serde_json::{Map, Value as Json, json};

use super::{
    ask, aws, say_done,
    trust::{Wanted, role_name},
};
use crate::{context::reason, exit::Exit, render};

/// The sandbox's own account, whom the role trusts.
const OURS: &str = "111111111111";
/// The account of the role.
const CUSTOMERS: &str = "222222222222";
const HEADER: &str = "\
# What the embedded sandbox starts with. `flowrun connections new` made it: the account that is us,
# and a customer's account with the role of a connection and the buckets of a flow.

";

/// Makes a seed with the role, where the connection leads to a sandbox that has none, and that is
/// wanted: the role then.
pub(super) fn offer(
    connection: &Connection,
    is_wanted: bool,
    wanted: &Wanted,
) -> Result<Option<RoleArn>, Exit> {
    let path = connection.file.with_file_name("sandbox.yaml");
    let connection = aws(connection)?;
    let is_missing = connection.endpoint == Endpoint::Sandbox && !path.exists();
    match (is_wanted, is_missing) {
        (true, false) => {
            let problem = match connection.endpoint {
                Endpoint::Sandbox => format!("there is a `{}` already", path.display()),
                _ => "`--make-sandbox` is for a connection with `--endpoint sandbox`".to_owned(),
            };
            render::error(&problem, Some("give the role: `--role-arn ARN`"));
            return Err(Exit::Invalid);
        }
        (true, true) => {}
        (false, true) if ask::is_possible() => {
            let question = format!(
                "there is no `{}`: make one that has the role (Enter: yes; n: no)",
                path.display()
            );
            let yes = ask::ask_until(&question, |text| match text {
                "" | "y" | "yes" => Ok(true),
                "n" | "no" => Ok(false),
                _ => Err("answer `y` or `n`".to_owned()),
            })?;
            if !yes {
                return Ok(None);
            }
        }
        _ => return Ok(None),
    }
    make(connection, wanted, &path).map(Some)
}

fn make(connection: AwsConnection<'_>, wanted: &Wanted, path: &Path) -> Result<RoleArn, Exit> {
    let failed = |message: String| {
        render::error(&message, None);
        Exit::Failed
    };
    let trusted = Trusted::Account(OURS.to_owned());
    let trust =
        trust_policy(&connection, trusted, "aws").map_err(|error| failed(error.to_string()))?;
    let policy = match &wanted.permissions {
        Some(permissions) => Policy::of_permissions(permissions, "aws").to_value(),
        None => json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }],
        }),
    };
    let name = role_name(connection, None);
    let buckets: Map<String, Json> = buckets(wanted.permissions.as_deref().unwrap_or_default())
        .into_iter()
        .map(|bucket| (bucket, json!({})))
        .collect();
    let operator = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:GetCallerIdentity"],
            "Resource": "*",
        }],
    });
    let administrator = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    });
    let region = connection.region.as_deref().unwrap_or("eu-central-1");
    let seed = json!({
        "region": region,
        "account": OURS,
        "operator": "flowrun",
        "administrator": "administrator",
        "accounts": {
            OURS: { "users": {
                "flowrun": { "policy": operator },
                "administrator": { "policy": administrator },
            } },
            CUSTOMERS: {
                "buckets": buckets,
                "roles": { name.as_str(): { "trust": trust.to_value(), "policy": policy } },
            },
        },
    });
    let yaml = serde_yaml::to_string(&seed).map_err(|error| failed(error.to_string()))?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .and_then(|mut file| file.write_all(format!("{HEADER}{yaml}").as_bytes()))
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => failed(format!("there is a `{}` already", path.display())),
            _ => failed(format!(
                "cannot write `{}`: {}",
                path.display(),
                reason(&error)
            )),
        })?;
    say_done(&format!("the role is in {}", path.display()));
    RoleArn::parse(&format!("arn:aws:iam::{CUSTOMERS}:role/{name}")).map_err(failed)
}

/// The buckets that are named in full.
fn buckets(permissions: &[Permission]) -> BTreeSet<String> {
    let name = |resource: &Resource| {
        let is_end = |piece: &&Piece| **piece != Piece::Literal("/".to_owned());
        let mut name = String::new();
        for piece in resource.pieces.iter().take_while(is_end) {
            match piece {
                Piece::Literal(text) => name.push_str(text),
                Piece::Any(_) => return None,
            }
        }
        Some(name)
    };
    let made = |permission: &Permission| permission.actions.contains(&"s3:CreateBucket");
    let named = |made_by_flow: bool| -> BTreeSet<String> {
        let these = permissions.iter().filter(|one| made(one) == made_by_flow);
        these.filter_map(|one| name(&one.resource)).collect()
    };
    // What the flow makes itself is not there yet.
    &named(false) - &named(true)
}
