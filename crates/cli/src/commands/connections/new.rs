//! `flowrun connections new` and `finish`: a connection from its nickname to its proof.
//!
//! One with a role is saved as pending before its role is proven, so that its External ID is not
//! lost, whatever comes between.

use std::{path::Path, time::Duration};

use flowrun_card::CardError;
use flowrun_connections::{
    AwsS3Definition, Base, Connection, ConnectionStore, Edit, Endpoint, Health, Outcome, ProbeKind,
    Proof, RoleArn, SecretSource, Trust, check_access_key_id, check_region, file_for,
    new_external_id,
};

use clap::ValueEnum as _;

use super::{
    Asker, ask, aws_mut, new_http, say_done, seed, test,
    trust::{Instructions, Wanted},
    write,
};
use crate::{
    args::{
        BaseName, FinishConnection, KindName, NewConnection, PlaceArguments, PolicyFormat, TrustBy,
    },
    context::reason,
    exit::Exit,
    render::{self, plain},
};

/// How far a new connection came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands) enum Made {
    /// It is proven and saved.
    Ready,
    /// It is saved as pending; how the command ends.
    Pending(Exit),
}

pub(super) fn new(asker: &Asker, arguments: &NewConnection, wanted: &Wanted) -> Result<Exit, Exit> {
    Ok(match make(asker, arguments, wanted)? {
        Made::Ready => Exit::Done,
        Made::Pending(exit) => exit,
    })
}

/// Makes a connection, as far as that is possible now.
pub(in crate::commands) fn make(
    asker: &Asker,
    arguments: &NewConnection,
    wanted: &Wanted,
) -> Result<Made, Exit> {
    if arguments.kind == KindName::Http {
        return new_http::make(asker, arguments);
    }
    if arguments.http.url.is_some() {
        return Err(invalid(
            "`--url` is for `--kind http`; a server that speaks S3 has an `--endpoint`",
        ));
    }
    if arguments.http.is_any() {
        return Err(invalid(new_http::OF_HTTP));
    }
    let connection = described(asker, arguments)?;
    if arguments.no_role {
        return without_role(asker, &connection);
    }
    let role = match &arguments.role_arn {
        Some(role) => Some(role.clone()),
        None => seed::offer(&connection, arguments.make_sandbox, wanted)?,
    };
    if let Some(role) = role {
        write(&connection.file, &Edit::Add(&connection))?;
        if prove(asker, &connection, &role, None)? {
            return Ok(Made::Ready);
        }
        Instructions::of(asker, &connection, &arguments.by)?.show(wanted)?;
        return Ok(wait(asker, &connection, Exit::Connection));
    }
    let instructions = Instructions::of(asker, &connection, &arguments.by)?;
    write(&connection.file, &Edit::Add(&connection))?;
    instructions.show(wanted)?;
    if ask::is_possible() {
        return ask_role(asker, &connection, &instructions, wanted);
    }
    Ok(wait(asker, &connection, Exit::Done))
}

pub(super) fn finish(
    asker: &Asker,
    connection: &Connection,
    arguments: &FinishConnection,
    wanted: &Wanted,
) -> Result<Exit, Exit> {
    if let Some(member) = &connection.member {
        render::error(
            &format!("the role of `{}` is known", connection.nickname),
            Some(&format!(
                "`{}` gives a member its External ID",
                asker.next_command(&format!(
                    "add-member {} --account {}",
                    member.set.name, member.account
                ))
            )),
        );
        return Err(Exit::Invalid);
    }
    if !connection.is_pending() {
        render::error(
            &format!("the connection `{}` is not pending", connection.nickname),
            Some("`flowrun connections edit` gives it another role"),
        );
        return Err(Exit::Invalid);
    }
    if let Some(role) = &arguments.role_arn {
        if prove(asker, connection, role, arguments.accept_unsafe.as_ref())? {
            return Ok(Exit::Done);
        }
        Instructions::of(asker, connection, &arguments.by)?.show(wanted)?;
        wait(asker, connection, Exit::Connection);
        return Ok(Exit::Connection);
    }
    let instructions = Instructions::of(asker, connection, &arguments.by)?;
    instructions.show(wanted)?;
    if ask::is_possible() {
        return Ok(match ask_role(asker, connection, &instructions, wanted)? {
            Made::Ready => Exit::Done,
            Made::Pending(exit) => exit,
        });
    }
    render::error("the role is missing", Some("give it: `--role-arn ARN`"));
    Err(Exit::Invalid)
}

/// The connection as the arguments, and where somebody is there the answers, describe it; with a
/// role, it is pending.
fn described(asker: &Asker, arguments: &NewConnection) -> Result<Connection, Exit> {
    let mut connection = begun(asker, arguments)?;
    let mut definition = AwsS3Definition::default();
    definition.endpoint = match &arguments.place.endpoint {
        Some(endpoint) => endpoint.clone(),
        None if ask::is_possible() => {
            let question =
                "where (Enter: AWS; `sandbox`; or the URL of another server that speaks S3)";
            ask::ask_until(question, |text| match text {
                "" => Ok(Endpoint::Aws),
                text => Endpoint::parse(text),
            })?
        }
        None => Endpoint::Aws,
    };
    definition.base = match base(&arguments.place) {
        Some(base) => base,
        // It needs this one.
        None if definition.endpoint == Endpoint::Sandbox => Base::Sandbox,
        None => Base::Default,
    };
    definition.region.clone_from(&arguments.place.region);
    apply(&arguments.place, &mut definition)?;
    if definition.region.is_none() && definition.endpoint != Endpoint::Sandbox && ask::is_possible()
    {
        let question = "region, such as eu-central-1 (Enter: that of the base credentials)";
        definition.region = ask::ask_until(question, |text| match text {
            "" => Ok(None),
            text => check_region(text).map(Some),
        })?;
    }
    if !arguments.no_role {
        match arguments.trust {
            TrustBy::Principal => definition.trust = Trust::Principal,
            TrustBy::ExternalId => {}
        }
        definition.external_id = external_id(&asker.store, arguments)?;
    }
    connection.definition = AwsS3Definition {
        role_arn: arguments.role_arn.clone(),
        ..definition.clone()
    }
    .into();
    connection.check().map_err(|problem| invalid(&problem))?;
    connection.definition = definition.into();
    Ok(connection)
}

/// A connection of the nickname that is given or asked for, and the description, with nothing else
/// set.
pub(super) fn begun(asker: &Asker, arguments: &NewConnection) -> Result<Connection, Exit> {
    let file = file_for(&asker.folder, asker.environment.as_ref()).map_err(|error| {
        render::error(&error.to_string(), None);
        Exit::Connection
    })?;
    let check = |nickname: &str| named(&asker.store, nickname, &file);
    let mut connection = match &arguments.nickname {
        Some(nickname) => check(nickname).map_err(|problem| invalid(&problem))?,
        None if ask::is_possible() => ask::ask_until("nickname", check)?,
        None => {
            render::error(
                "the nickname is missing",
                Some("give it: `flowrun connections new NICKNAME`"),
            );
            return Err(Exit::Invalid);
        }
    };
    connection.description.clone_from(&arguments.description);
    Ok(connection)
}

fn named(store: &ConnectionStore, nickname: &str, file: &Path) -> Result<Connection, String> {
    let connection = Connection::new(nickname, file, AwsS3Definition::default());
    connection.check()?;
    if let Some(member) = store.members(nickname).next() {
        return Err(format!(
            "there is a set `{nickname}` already, in {}; `flowrun connections add-member {nickname} \
             --account ID` adds a member to it",
            member.file.display()
        ));
    }
    match store.list().find(|other| other.nickname == nickname) {
        Some(other) => Err(format!(
            "there is a connection `{nickname}` already, in {}",
            other.file.display()
        )),
        None => Ok(connection),
    }
}

/// A new External ID, or the adopted one; none for a role that is trusted by principal.
fn external_id(store: &ConnectionStore, arguments: &NewConnection) -> Result<Option<String>, Exit> {
    let Some(adopted) = &arguments.adopt_external_id else {
        if arguments.trust == TrustBy::Principal {
            return Ok(None);
        }
        return new_external_id()
            .map(Some)
            .map_err(|error| external_id_failed(&error));
    };
    let shared = store
        .list()
        .filter_map(Connection::aws)
        .find(|other| other.external_id.as_ref() == Some(adopted));
    match shared {
        // Who may use the one could use the other.
        Some(other) => Err(invalid(&format!(
            "this External ID is that of the connection `{}`; each has its own",
            other.nickname
        ))),
        None => Ok(Some(adopted.clone())),
    }
}

/// Says why there is no External ID.
pub(super) fn external_id_failed(error: &std::io::Error) -> Exit {
    render::error(
        &format!("this machine gives no random bytes: {}", reason(error)),
        None,
    );
    Exit::Failed
}

/// The base that the arguments name.
pub(super) fn base(arguments: &PlaceArguments) -> Option<Base> {
    if let Some(name) = &arguments.profile {
        return Some(Base::Profile(name.clone()));
    }
    arguments.base.map(|base| match base {
        BaseName::Default => Base::Default,
        BaseName::Environment => Base::Environment,
        BaseName::Sandbox => Base::Sandbox,
    })
}

/// Where a secret is, as an argument says it.
pub(super) fn source(argument: &Option<String>) -> Result<Option<SecretSource>, Exit> {
    argument
        .as_deref()
        .map(SecretSource::parse_argument)
        .transpose()
        .map_err(|problem| invalid(&problem))
}

/// Puts into a definition what the arguments say of servers and access keys.
pub(super) fn apply(
    arguments: &PlaceArguments,
    definition: &mut AwsS3Definition,
) -> Result<(), Exit> {
    if let Some(id) = &arguments.access_key_id {
        let id = check_access_key_id(id).map_err(|problem| invalid(&problem))?;
        definition.access_key_id = Some(id);
        definition.base = Base::Keys;
    }
    if let Some(secret) = source(&arguments.secret_access_key)? {
        definition.secret_access_key = Some(secret);
    }
    if let Some(token) = source(&arguments.session_token)? {
        definition.session_token = Some(token);
    }
    if arguments.ca.is_some() {
        definition.ca.clone_from(&arguments.ca);
    }
    if !arguments.allow.is_empty() {
        definition.allow.clone_from(&arguments.allow);
    }
    definition.fips |= arguments.fips;
    definition.dual_stack |= arguments.dual_stack;
    Ok(())
}

fn without_role(asker: &Asker, connection: &Connection) -> Result<Made, Exit> {
    let proof = asker.prove(connection).map_err(|failure| {
        plain::print(&plain::card_failure(&failure));
        Exit::Connection
    })?;
    write(&connection.file, &Edit::Add(connection))?;
    test::remember(connection, &proof);
    plain::print(test::told(connection, &proof).trim_end());
    say_saved(connection);
    Ok(Made::Ready)
}

/// Asks for the role of a pending connection, which is saved by now, until one is proven, or for as
/// long as somebody wants to.
fn ask_role(
    asker: &Asker,
    connection: &Connection,
    instructions: &Instructions,
    wanted: &Wanted,
) -> Result<Made, Exit> {
    enum Answer {
        Later,
        Role(RoleArn),
        Form(PolicyFormat),
    }
    say_done(&format!(
        "saved as pending in {}",
        connection.file.display()
    ));
    plain::print("the role in another form: answer `terraform`, `cloudformation` or `cli`");
    loop {
        let question = "role ARN (Enter: later)";
        let answer = ask::ask_until(question, |text| match PolicyFormat::from_str(text, false) {
            Ok(form) => Ok(Answer::Form(form)),
            Err(_) if text.is_empty() => Ok(Answer::Later),
            Err(_) => RoleArn::parse(text).map(Answer::Role),
        })?;
        match answer {
            Answer::Later => return Ok(wait(asker, connection, Exit::Done)),
            Answer::Form(form) => instructions.show(&wanted.with_form(form))?,
            Answer::Role(role) if prove(asker, connection, &role, None)? => return Ok(Made::Ready),
            Answer::Role(_) => plain::print("mend the role and give its ARN again"),
        }
    }
}

/// Proves the role of a pending connection, tells what came of it, and saves it where that is good,
/// or is accepted in words.
fn prove(
    asker: &Asker,
    pending: &Connection,
    role: &RoleArn,
    accept_unsafe: Option<&String>,
) -> Result<bool, Exit> {
    let mut finished = pending.clone();
    let definition = aws_mut(&mut finished)?;
    definition.role_arn = Some(role.clone());
    if let Err(problem) = finished.check() {
        render::error(&problem, None);
        return Ok(false);
    }
    let proof = match prove_when_seen(asker, &finished) {
        Ok(proof) => proof,
        Err(failure) => {
            plain::print(&plain::card_failure(&failure));
            return Ok(false);
        }
    };
    plain::print(test::told(&finished, &proof).trim_end());
    if let Some(failure) = test::failure_of(&finished, &proof.verdict) {
        plain::print(&plain::card_failure(&failure));
        if proof.verdict.health() != Health::Unsafe || accept_unsafe.is_none() {
            return Ok(false);
        }
        aws_mut(&mut finished)?.accept_unsafe = accept_unsafe.cloned();
    }
    write(
        &pending.file,
        &Edit::Replace {
            old: pending,
            new: &finished,
        },
    )?;
    test::remember(&finished, &proof);
    say_saved(&finished);
    Ok(true)
}

/// Proves the role; on a terminal, for as long as it may be too new to be seen.
///
/// What is changed in IAM takes up to a minute to be seen everywhere.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
fn prove_when_seen(asker: &Asker, connection: &Connection) -> Result<Proof, CardError> {
    /// How long it is waited before each further try, in seconds. Mostly it takes ten.
    const PAUSES: [u64; 3] = [3, 5, 8];
    for seconds in PAUSES {
        let proof = asker.prove(connection)?;
        let denied = proof.probes.first().is_some_and(|probe| {
            probe.kind == ProbeKind::OwnId && probe.outcome == Outcome::Denied
        });
        // A role that lets others in is wrong and not too new.
        if !denied || proof.verdict.health() == Health::Unsafe || !ask::is_possible() {
            return Ok(proof);
        }
        plain::print(&format!(
            "the role does not let us in yet, as it may be for a minute after it was made; once \
             more in {seconds} s (Ctrl-C stops; the connection stays pending)"
        ));
        std::thread::sleep(Duration::from_secs(seconds));
    }
    asker.prove(connection)
}

pub(super) fn say_saved(connection: &Connection) {
    say_done(&format!("saved in {}", connection.file.display()));
}

/// Says how to go on with a pending connection.
fn wait(asker: &Asker, connection: &Connection, exit: Exit) -> Made {
    let nickname = &connection.nickname;
    let finish = format!("finish {nickname} --role-arn ARN");
    plain::print(&format!(
        "`{nickname}` is saved as pending; once the role has that trust policy:\n  {}",
        asker.next_command(&finish)
    ));
    Made::Pending(exit)
}

pub(super) fn invalid(problem: &str) -> Exit {
    render::error(problem, None);
    Exit::Invalid
}
