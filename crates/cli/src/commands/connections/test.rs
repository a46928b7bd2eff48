//! `flowrun connections test`: proves a connection, tells what came of it, and remembers that.

use std::fmt::Write as _;

use flowrun_card::{CardError, ErrorKind};
use flowrun_connections::{
    Connection, Health, Outcome, Probe, ProbeKind, Proof, Trust, Verdict, record_proof,
};
use serde_json::{Value as Json, json};

use super::{
    Asker,
    needs::{Asking, Needs},
};
use crate::{
    exit::Exit,
    render::{self, DIM, ERROR, GOOD, WARNING, plain},
};

pub(super) fn run(
    asker: &Asker,
    connection: &Connection,
    asking: &Asking,
    as_data: bool,
) -> Result<Exit, Exit> {
    let proof = match asker.prove(connection) {
        Ok(proof) => proof,
        Err(failure) => {
            tell_failure(connection, &failure, as_data);
            return Err(Exit::Connection);
        }
    };
    remember(connection, &proof);
    if as_data {
        let needs = asking.ask(asker, connection, &proof);
        let mut data = as_json(connection, &proof);
        needs.add_to(connection, &mut data);
        render::print(&format!("{data:#}\n"));
        return Ok(exit_of(connection, &proof.verdict, &needs));
    }
    render::print(&told(connection, &proof));
    tell_problem(connection, &proof.verdict);
    let needs = asking.ask(asker, connection, &proof);
    needs.tell(connection);
    Ok(exit_of(connection, &proof.verdict, &needs))
}

/// Says what is wrong with a role; of one that a person has accepted, as a warning.
pub(super) fn tell_problem(connection: &Connection, verdict: &Verdict) {
    match failure_of(connection, verdict) {
        Some(failure) if verdict.is_accepted(connection) => {
            render::warning(&failure.message, failure.help.as_deref());
        }
        Some(failure) => plain::print(&plain::card_failure(&failure)),
        None => {}
    }
}

fn exit_of(connection: &Connection, verdict: &Verdict, needs: &Needs) -> Exit {
    let is_good = verdict.is_good() || verdict.is_accepted(connection);
    if is_good && needs.are_met() {
        Exit::Done
    } else {
        Exit::Connection
    }
}

/// Writes the proof down. Where that fails the proof still stands, so it is only said.
pub(super) fn remember(connection: &Connection, proof: &Proof) {
    if let Err(error) = record_proof(connection, proof) {
        plain::print(&format!(
            "{WARNING}warning{WARNING:#}: the proof is not remembered: {error}"
        ));
    }
}

/// The probes, and the verdict where it is good, for people.
pub(super) fn told(connection: &Connection, proof: &Proof) -> String {
    let mut text = format!("{GOOD}{}{GOOD:#}\n", connection.nickname);
    for probe in &proof.probes {
        text.push_str(&line(connection, probe));
    }
    let identity = proof.identity.as_ref();
    let rows = [
        ("identity", identity.map(|identity| identity.arn.as_str())),
        (
            "account",
            identity.map(|identity| identity.account.as_str()),
        ),
        ("region", proof.region.as_deref()),
        ("endpoint", proof.endpoint.as_deref()),
    ];
    for (name, value) in rows {
        if let Some(value) = value {
            writeln!(text, "  {DIM}{name:8}{DIM:#}  {value}").ok();
        }
    }
    if proof.verdict.is_good() {
        let words = match proof.verdict.health() {
            Health::TrustedByPrincipal => {
                "trusted by principal: that the role names no others, only its owner sees"
            }
            Health::Works => "works: the server answers, and takes what it knows us by",
            Health::NotApplicable => "opens: it has no role, so there is nothing to prove",
            _ => "verified: the role lets nobody in without the External ID",
        };
        writeln!(text, "{GOOD}✓{GOOD:#} {words}").ok();
    }
    text
}

/// A probe as a line.
fn line(connection: &Connection, probe: &Probe) -> String {
    let aws = connection.aws();
    let with = match probe.kind {
        ProbeKind::OwnId if aws.is_some_and(|aws| aws.external_id.is_some()) => {
            "with its External ID"
        }
        ProbeKind::OwnId if aws.is_some_and(|aws| aws.trust == Trust::Principal) => "as ourselves",
        ProbeKind::OwnId => "as the connection says",
        ProbeKind::NoId => "without an External ID",
        ProbeKind::RandomId => "with a random External ID",
        ProbeKind::Account | ProbeKind::Answer => "",
    };
    let is_right = match probe.kind {
        ProbeKind::OwnId => probe.outcome == Outcome::Assumed,
        ProbeKind::NoId | ProbeKind::RandomId => probe.outcome == Outcome::Denied,
        ProbeKind::Account => probe.outcome == Outcome::SameAccount,
        ProbeKind::Answer => probe.outcome == Outcome::Answered,
    };
    let words = match (probe.kind, probe.outcome) {
        (_, Outcome::Answered) => "answered".to_owned(),
        (ProbeKind::Answer, Outcome::Denied) => "denied".to_owned(),
        (ProbeKind::Answer, Outcome::Inconclusive) => "no answer that it works".to_owned(),
        (_, Outcome::Assumed) => format!("assumed {with}"),
        (_, Outcome::Denied) => format!("denied {with}"),
        (_, Outcome::SameAccount) => "in the account of the role's ARN".to_owned(),
        (_, Outcome::OtherAccount) => "not in the account of the role's ARN".to_owned(),
        (ProbeKind::Account, Outcome::Inconclusive) => "no answer whose session it is".to_owned(),
        (_, Outcome::Inconclusive) => format!("no clear answer {with}"),
    };
    let mark = match (is_right, probe.outcome) {
        (true, _) => format!("{GOOD}✓{GOOD:#}"),
        (false, Outcome::Inconclusive) => format!("{WARNING}?{WARNING:#}"),
        (false, _) => format!("{ERROR}✗{ERROR:#}"),
    };
    let request = probe
        .request_id
        .as_ref()
        .map(|id| format!("  {DIM}request_id: {id}{DIM:#}"))
        .unwrap_or_default();
    format!("  {mark} {words}{request}\n")
}

/// What is wrong, and what to do next; none where the verdict is good.
pub(super) fn failure_of(connection: &Connection, verdict: &Verdict) -> Option<CardError> {
    let entered = match verdict {
        Verdict::Unsafe { entered } => entered,
        Verdict::NotVerified { failure, .. } => return Some(failure.clone()),
        _ => return None,
    };
    let aws = connection.aws()?;
    let how = match entered.as_slice() {
        [ProbeKind::NoId] => "without an External ID",
        [ProbeKind::RandomId] => "with a random External ID",
        _ => "without an External ID and with a random one",
    };
    let mut failure = CardError::new(
        ErrorKind::Connection,
        format!("the role is unsafe: it is assumed {how}"),
    )
    .context("connection", connection.nickname.as_str());
    if let Some(role) = &aws.role_arn {
        failure = failure.context("role_arn", role.as_str());
    }
    if let Some(words) = &aws.accept_unsafe {
        return Some(failure.help(format!("flows use it all the same, because: {words}")));
    }
    let help = if aws.external_id.is_some() {
        format!(
            "ask its owner for a trust policy with `StringEquals` on `sts:ExternalId`, then test \
             again; no flow uses the role until then, or until the connection says why it shall: \
             `accept_unsafe: SENTENCE`; `flowrun connections show {}` shows the External ID",
            connection.nickname
        )
    } else {
        "give the connection an `external_id` that the role asks for; or, for a role of your own \
         organisation that names whom it trusts, `trust: principal`"
            .to_owned()
    };
    Some(failure.help(help))
}

fn tell_failure(connection: &Connection, failure: &CardError, as_data: bool) {
    if as_data {
        render::print(&format!("{:#}\n", failure_json(connection, failure)));
    } else {
        plain::print(&plain::card_failure(failure));
    }
}

/// That nothing could be asked, as JSON.
pub(super) fn failure_json(connection: &Connection, failure: &CardError) -> Json {
    json!({
        "nickname": connection.nickname,
        "verdict": Health::NotVerified.name(),
        "error": error_json(failure),
    })
}

/// A proof as JSON.
pub(super) fn as_json(connection: &Connection, proof: &Proof) -> Json {
    let probes: Vec<Json> = proof
        .probes
        .iter()
        .map(|probe| {
            json!({
                "probe": probe.kind.name(),
                "outcome": probe.outcome.name(),
                "request_id": probe.request_id,
            })
        })
        .collect();
    json!({
        "nickname": connection.nickname,
        "verdict": proof.verdict.health().name(),
        "accept_unsafe": connection.aws().and_then(|aws| aws.accept_unsafe.clone()),
        "when": proof.when.to_string(),
        "probes": probes,
        "identity": proof.identity.as_ref().map(|identity| &identity.arn),
        "account": proof.identity.as_ref().map(|identity| &identity.account),
        "region": proof.region,
        "endpoint": proof.endpoint,
        "error": failure_of(connection, &proof.verdict).as_ref().map(error_json),
    })
}

pub(super) fn error_json(failure: &CardError) -> Json {
    json!({
        "kind": failure.kind.name(),
        "message": failure.message,
        "code": failure.code,
        "help": failure.help,
    })
}
