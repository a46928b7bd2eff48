//! Sets of connections: adding accounts to one, and what is done with all its members at once.

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use flowrun_connections::{
    AwsS3Definition, Base, Connection, ConnectionSet, Edit, Endpoint, MAX_MEMBERS, OwnValues,
    Proof, RolePattern, Trust, file_for, move_proofs, new_external_id,
};
use serde_json::Value as Json;

use super::{
    Asker, change, list,
    needs::{Asking, Needs},
    new::{external_id_failed, invalid},
    new_http::OF_HTTP,
    rotate, say_done, test,
    trust::{Instructions, Wanted},
    used_by::Use,
    write,
};
use crate::{
    args::{AddMember, EditConnection, PolicyFormat, RotateConnection, TrustBy},
    exit::Exit,
    render::{self, DIM, ERROR, GOOD, WARNING, plain},
};

/// The members of a set, in its order; none where the name is that of no set.
pub(super) fn members<'a>(asker: &'a Asker, name: &'a str) -> Option<Vec<&'a Connection>> {
    let members: Vec<&Connection> = asker.store.members(name).collect();
    (!members.is_empty()).then_some(members)
}

/// Adds accounts to a set, which is made where there is none, and shows whom their roles have to
/// trust.
pub(super) fn add(asker: &Asker, arguments: &AddMember) -> Result<Exit, Exit> {
    let members = members(asker, &arguments.set).unwrap_or_default();
    let file = match members.first() {
        Some(first) => first.file.clone(),
        None => file_for(&asker.folder, asker.environment.as_ref()).map_err(|error| {
            render::error(&error.to_string(), None);
            Exit::Connection
        })?,
    };
    let set = match members.first().and_then(|first| first.member.as_ref()) {
        Some(member) => {
            refuse_what_holds_for_all(arguments)?;
            Arc::clone(&member.set)
        }
        None => Arc::new(new_set(asker, arguments)?),
    };
    let region = match members.is_empty() {
        true => None,
        false => arguments.place.region.clone(),
    };
    let mut changes = Vec::new();
    let mut seen = HashSet::new();
    for account in &arguments.accounts {
        if !seen.insert(account) {
            return Err(invalid(&format!("the account `{account}` is named twice")));
        }
        let nickname = set.nickname(account);
        let old = members.iter().find(|member| member.nickname == nickname);
        let new = match old {
            Some(old) if !old.is_pending() => {
                return Err(invalid(&format!("there is a member `{nickname}` already")));
            }
            Some(old) => {
                let mut new = Connection::clone(old);
                super::aws_mut(&mut new)?.external_id = external_id(&set)?;
                new
            }
            None => {
                let own = OwnValues {
                    external_id: external_id(&set)?,
                    region: region.clone(),
                    ..OwnValues::default()
                };
                set.member(account, own, &file)
                    .map_err(|problem| invalid(&problem))?
            }
        };
        new.check().map_err(|problem| invalid(&problem))?;
        changes.push((old, new));
    }
    let added = changes.iter().filter(|(old, _)| old.is_none()).count();
    if members.len().saturating_add(added) > MAX_MEMBERS {
        return Err(invalid(&format!("a set has up to {MAX_MEMBERS} members")));
    }
    let mut instructions = Vec::new();
    for (_, new) in &changes {
        instructions.push(Instructions::of(asker, new, &arguments.by)?);
    }
    for (old, new) in &changes {
        match old {
            Some(old) => write(&file, &Edit::Replace { old, new })?,
            None => write(&file, &Edit::Add(new))?,
        }
    }
    for (index, ((_, new), instructions)) in changes.iter().zip(&instructions).enumerate() {
        plain::print(&format!("{GOOD}{}{GOOD:#}", new.nickname));
        if let Some(role) = super::aws(new)?.role_arn.as_ref() {
            plain::print(&format!("  {DIM}role ARN        {DIM:#}  {role}"));
        }
        // One template is for all accounts, each with its own parameter.
        if arguments.format != PolicyFormat::Cloudformation || index == 0 {
            instructions.show(&Wanted {
                form: arguments.format,
                is_for_many: true,
                ..Wanted::default()
            })?;
        }
    }
    if arguments.format == PolicyFormat::Cloudformation {
        plain::print("as a StackSet, an instance for each account:");
        for (_, new) in &changes {
            tell_instance(new);
        }
    }
    let test = match changes.as_slice() {
        [(_, only)] => &only.nickname,
        _ => &set.name,
    };
    plain::print(&format!(
        "saved in {}; once the roles have those trust policies:\n  {}",
        file.display(),
        asker.next_command(&format!("test {test}"))
    ));
    Ok(Exit::Done)
}

/// The command that makes the role of a member by a StackSet.
fn tell_instance(connection: &Connection) {
    let (Some(member), Some(aws)) = (&connection.member, connection.aws()) else {
        return;
    };
    let id = aws
        .external_id
        .as_ref()
        .map(|id| format!(" --parameter-overrides ParameterKey=ExternalId,ParameterValue={id}"));
    plain::print(&format!(
        "  aws cloudformation create-stack-instances --stack-set-name NAME --regions REGION \
         --accounts {}{}",
        member.account,
        id.unwrap_or_default()
    ));
}

fn external_id(set: &ConnectionSet) -> Result<Option<String>, Exit> {
    match set.common.trust {
        Trust::Principal => Ok(None),
        Trust::ExternalId => new_external_id()
            .map(Some)
            .map_err(|error| external_id_failed(&error)),
    }
}

fn new_set(asker: &Asker, arguments: &AddMember) -> Result<ConnectionSet, Exit> {
    let name = &arguments.set;
    if let Some(taken) = asker.store.list().find(|known| known.nickname == *name) {
        return Err(invalid(&format!(
            "there is a connection `{name}` already, in {}",
            taken.file.display()
        )));
    }
    let Some(role_arn) = arguments.role_arn.clone() else {
        render::error(
            &format!("there is no set `{name}`"),
            Some(
                "to make it, give the role that each account has: `--role-arn \
                 'arn:aws:iam::{account}:role/NAME'`",
            ),
        );
        return Err(Exit::Invalid);
    };
    let mut common = AwsS3Definition {
        trust: match arguments.trust {
            Some(TrustBy::Principal) => Trust::Principal,
            _ => Trust::ExternalId,
        },
        ..AwsS3Definition::default()
    };
    if arguments.place.endpoint == Some(Endpoint::Sandbox) {
        common.base = Base::Sandbox;
    }
    change::place_at(&mut common, &arguments.place)?;
    Ok(ConnectionSet {
        name: name.clone(),
        description: None,
        role_arn,
        common,
    })
}

fn refuse_what_holds_for_all(arguments: &AddMember) -> Result<(), Exit> {
    let is_any = arguments.role_arn.is_some()
        || arguments.trust.is_some()
        || arguments.place.is_beyond_region();
    if !is_any {
        return Ok(());
    }
    render::error(
        &format!(
            "there is a set `{}` already, and what holds for all its members stands in it",
            arguments.set
        ),
        Some(&format!(
            "a new member has a region of its own at most: `--region`; `flowrun connections edit {}` \
             changes the set",
            arguments.set
        )),
    );
    Err(Exit::Invalid)
}

/// Proves all members, and ends as the worst of them.
pub(super) fn prove(
    asker: &Asker,
    members: &[&Connection],
    asking: &Asking,
    as_data: bool,
) -> Exit {
    let mut proven = Vec::new();
    for member in members {
        let proof = asker.prove(member);
        let mut needs = Needs::default();
        if let Ok(proof) = &proof {
            test::remember(member, proof);
            needs = asking.ask(asker, member, proof);
        }
        if !as_data {
            tell(member, &proof);
            if !needs.are_met() {
                needs.tell(member);
            }
        }
        proven.push((member, proof, needs));
    }
    let good = proven
        .iter()
        .filter(|(member, proof, needs)| {
            let verdict = proof.as_ref().map(|proof| &proof.verdict);
            let is_good =
                verdict.is_ok_and(|verdict| verdict.is_good() || verdict.is_accepted(member));
            is_good && needs.are_met()
        })
        .count();
    if as_data {
        let told = proven.iter().map(|(member, proof, needs)| match proof {
            Ok(proof) => {
                let mut data = test::as_json(member, proof);
                needs.add_to(member, &mut data);
                data
            }
            Err(failure) => test::failure_json(member, failure),
        });
        render::print(&format!("{:#}\n", Json::Array(told.collect())));
    } else {
        plain::print(&format!("{good} of {} are good", proven.len()));
    }
    match good == proven.len() {
        true => Exit::Done,
        false => Exit::Connection,
    }
}

/// A good member in a line, and all that is known of another.
fn tell(member: &Connection, proof: &Result<Proof, flowrun_card::CardError>) {
    match proof {
        Ok(proof) if proof.verdict.is_good() => {
            let health = proof.verdict.health().name().replace('_', " ");
            render::print(&format!(
                "{GOOD}✓{GOOD:#} {}  {DIM}{health}{DIM:#}\n",
                member.nickname
            ));
        }
        Ok(proof) => {
            render::print(&test::told(member, proof));
            test::tell_problem(member, &proof.verdict);
        }
        Err(failure) => {
            render::print(&format!("{ERROR}✗{ERROR:#} {}\n", member.nickname));
            plain::print(&plain::card_failure(failure));
        }
    }
}

/// Begins or ends the rotation of each member; ends as the worst of them.
pub(super) fn rotate(asker: &Asker, members: &[&Connection], arguments: &RotateConnection) -> Exit {
    let mut worst = Exit::Done;
    for member in members {
        plain::print(&format!("{GOOD}{}{GOOD:#}", member.nickname));
        if let Err(exit) = rotate::run(asker, member, arguments)
            && worst != Exit::Invalid
        {
            worst = exit;
        }
    }
    worst
}

/// Changes what holds for all members of a set.
pub(super) fn edit(
    asker: &Asker,
    members: &[&Connection],
    arguments: &EditConnection,
) -> Result<Exit, Exit> {
    let Some((first, was)) = first_of(members) else {
        return Err(Exit::Invalid);
    };
    if arguments.http.is_any() {
        return Err(invalid(OF_HTTP));
    }
    if arguments.accept_unsafe.is_some() {
        render::error(
            "what is accepted of an unsafe role is a member's own",
            Some(&format!(
                "name the member: `{}`",
                asker.next_command(&format!("edit {} --accept-unsafe SENTENCE", first.nickname))
            )),
        );
        return Err(Exit::Invalid);
    }
    let mut set = ConnectionSet::clone(was);
    if arguments.description.is_some() {
        set.description.clone_from(&arguments.description);
    }
    if let Some(role) = &arguments.role_arn {
        set.role_arn = RolePattern::parse(role).map_err(|problem| invalid(&problem))?;
    }
    change::place_at(&mut set.common, &arguments.place)?;
    if set == **was {
        return Err(change::nothing_to_change());
    }
    let leads = |set: &ConnectionSet| {
        let common = &set.common;
        let (endpoint, base) = (common.endpoint.clone(), common.base.clone());
        (
            set.role_arn.clone(),
            endpoint,
            base,
            common.access_key_id.clone(),
        )
    };
    let is_other = leads(&set) != leads(was);
    replace(members, set, is_other)?;
    say_done(&format!("changed in {}", first.file.display()));
    if is_other {
        plain::print(&format!(
            "prove all members anew: {}",
            asker.next_command(&format!("test {}", was.name))
        ));
    }
    Ok(Exit::Done)
}

/// Gives a set another name, and keeps what was proven of its members.
pub(super) fn rename(members: &[&Connection], name: &str, uses: &[Use]) -> Result<Exit, Exit> {
    let Some((first, was)) = first_of(members) else {
        return Err(Exit::Invalid);
    };
    let set = ConnectionSet {
        name: name.to_owned(),
        ..ConnectionSet::clone(was)
    };
    let new = replace(members, set, false)?;
    let moves: Vec<(&str, Option<&str>)> = members
        .iter()
        .zip(&new)
        .map(|(old, new)| (old.nickname.as_str(), Some(new.nickname.as_str())))
        .collect();
    if let Err(error) = move_proofs(&first.file, &moves) {
        plain::print(&format!("{WARNING}warning{WARNING:#}: {error}"));
    }
    change::say_renamed(&was.name, name, uses);
    Ok(Exit::Done)
}

fn first_of<'m>(members: &[&'m Connection]) -> Option<(&'m Connection, &'m Arc<ConnectionSet>)> {
    let first = members.first()?;
    Some((first, &first.member.as_ref()?.set))
}

/// Writes a set in the place of what it was, with the members as they are. Where they lead
/// elsewhere, what a person accepted of their roles is gone.
fn replace(
    members: &[&Connection],
    set: ConnectionSet,
    is_other: bool,
) -> Result<Vec<Connection>, Exit> {
    let set = Arc::new(set);
    let mut new = Vec::new();
    for old in members {
        let (Some(member), Some(aws)) = (&old.member, old.aws()) else {
            continue;
        };
        let is_own = aws.region != member.set.common.region;
        let own = OwnValues {
            description: old.description.clone(),
            external_id: aws.external_id.clone(),
            next_external_id: aws.next_external_id.clone(),
            accept_unsafe: aws.accept_unsafe.clone().filter(|_| !is_other),
            region: aws.region.clone().filter(|_| is_own),
        };
        let member = set.member(&member.account, own, &old.file);
        new.push(member.map_err(|problem| invalid(&problem))?);
    }
    if let Some(first) = members.first() {
        let edit = Edit::ReplaceSet {
            old: members,
            new: &new,
        };
        write(&first.file, &edit)?;
    }
    Ok(new)
}

/// Deletes a set that no flow walks.
pub(super) fn delete(name: &str, members: &[&Connection], uses: &[Use]) -> Result<Exit, Exit> {
    change::refuse_used(&format!("the set `{name}`"), uses)?;
    if let Some(first) = members.first() {
        write(&first.file, &Edit::RemoveSet(members))?;
    }
    for member in members {
        change::forget(member, None);
    }
    say_done(&format!(
        "`{name}` is deleted, with {} members; their roles still trust us",
        members.len()
    ));
    Ok(Exit::Done)
}

/// What holds for all members, and each of them.
pub(super) fn show(members: &[&Connection]) -> String {
    let Some((first, set)) = members
        .first()
        .and_then(|first| Some((*first, &first.member.as_ref()?.set)))
    else {
        return String::new();
    };
    let common = &set.common;
    let rows = [
        ("description", set.description.clone()),
        ("type", Some(first.kind().name.to_owned())),
        ("role ARN", Some(set.role_arn.to_string())),
        (
            "trust",
            (common.trust == Trust::Principal).then(|| "principal".to_owned()),
        ),
        ("region", common.region.clone()),
        ("endpoint", Some(common.endpoint.to_string())),
        ("base credentials", Some(common.base.to_string())),
        ("defined in", Some(first.file.display().to_string())),
    ];
    let mut text = format!("{GOOD}{}{GOOD:#}\n", set.name);
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(text, "  {DIM}{name:16}{DIM:#}  {value}").ok();
        }
    }
    text + &list::table_of(members)
}
