//! How it is told what flows lack of a connection: a line for each need, and what to do.

use std::{collections::BTreeSet, fmt::Write as _};

use flowrun_card::{CardError, ErrorKind};
use flowrun_card_s3::ask::{Answer, Asked, Denial, Layer, NotAsked};
use flowrun_connections::{ClockDrift, Connection};
use serde_json::{Value as Json, json};

use super::{Needs, OfOne};
use crate::{
    commands::connections::test,
    render::{self, DIM, ERROR, GOOD, WARNING, plain},
};

impl Needs {
    /// Adds what came of it to the data of a proof, if flows were named.
    pub(in crate::commands::connections) fn add_to(
        &self,
        connection: &Connection,
        data: &mut Json,
    ) {
        let Some(data) = data.as_object_mut().filter(|_| !self.flows.is_empty()) else {
            return;
        };
        let mut needs = Vec::new();
        for one in &self.asked {
            let asked = one.asked.iter();
            needs.extend(asked.map(|asked| need_json(connection, one, asked)));
            for (key, actions) in &one.keys {
                for action in *actions {
                    needs.push(json!({
                        "flow": one.file,
                        "action": action,
                        "resource": key,
                        "answer": "not_asked",
                        "policy": null,
                        "reason": KEYS,
                        "region": null,
                        "request_id": null,
                    }));
                }
            }
        }
        let failures = self.asked.iter().filter_map(|one| one.failure.as_ref());
        let failures: Vec<Json> = failures.map(test::error_json).collect();
        let foreign: BTreeSet<&String> = self.asked.iter().flat_map(|one| &one.foreign).collect();
        let drift = self.asked.iter().find_map(|one| one.drift);
        let needs = match self.was_asked {
            true => Json::Array(needs),
            false => Json::Null,
        };
        data.insert("needs".to_owned(), needs);
        data.insert("needs_errors".to_owned(), json!(failures));
        data.insert("foreign_buckets".to_owned(), json!(foreign));
        data.insert(
            "clock_drift_seconds".to_owned(),
            json!(drift.map(|drift| drift.seconds)),
        );
    }

    /// A line for each, and at the end what to do about those that are missing.
    pub(in crate::commands::connections) fn tell(&self, connection: &Connection) {
        if self.flows.is_empty() {
            return;
        }
        if !self.was_asked {
            plain::print(&format!(
                "{DIM}what the flows need is asked once the connection is proven{DIM:#}"
            ));
            return;
        }
        let mut text = String::new();
        for one in &self.asked {
            writeln!(text, "{GOOD}{}{GOOD:#}", one.file).ok();
            for asked in &one.asked {
                text.push_str(&line(connection, one, asked));
            }
            for (key, actions) in &one.keys {
                let actions = actions.join(" and ");
                writeln!(
                    text,
                    "  {WARNING}?{WARNING:#} {actions} on {key}: not asked, {KEYS}"
                )
                .ok();
            }
            for bucket in &one.foreign {
                let account = self.account.as_deref().unwrap_or_default();
                writeln!(
                    text,
                    "  {WARNING}?{WARNING:#} the bucket {bucket} is not of the account {account}: \
                     make sure that you know whose it is"
                )
                .ok();
            }
            if let Some(drift) = one.drift {
                writeln!(
                    text,
                    "  {ERROR}✗{ERROR:#} the clock of this machine is {drift} that of S3"
                )
                .ok();
            }
        }
        if self.asked.is_empty() {
            writeln!(
                text,
                "the flows need nothing under `{}`",
                connection.nickname
            )
            .ok();
        }
        render::print(&text);
        for one in &self.asked {
            let unclear = one.asked.iter().find_map(|asked| match &asked.answer {
                Answer::Unclear(failure) => Some(failure),
                _ => None,
            });
            for failure in one.failure.iter().chain(unclear) {
                plain::print(&plain::card_failure(failure));
            }
        }
        if let Some(failure) = self.failure(connection) {
            plain::print(&plain::card_failure(&failure));
        }
    }

    /// That something is missing, and what to do about it.
    fn failure(&self, connection: &Connection) -> Option<CardError> {
        let missing: usize = self.asked.iter().map(OfOne::missing).sum();
        let drift = self.asked.iter().find_map(|one| one.drift);
        let mut failure = match (missing, drift) {
            (0, None) => return None,
            (0, Some(drift)) => CardError::new(
                ErrorKind::Connection,
                format!("the clock of this machine is {drift} that of S3"),
            ),
            (missing, _) => {
                let all: usize = self.asked.iter().map(|one| one.asked.len()).sum();
                let is_denied = |(_, asked): (_, &Asked)| matches!(asked.answer, Answer::Denied(_));
                let kind = match self.each().any(is_denied) {
                    true => ErrorKind::PermissionDenied,
                    false => ErrorKind::Connection,
                };
                CardError::new(
                    kind,
                    format!("needs of the flows that are not met: {missing} of {all}"),
                )
            }
        };
        failure = failure.context("connection", connection.nickname.as_str());
        let role = connection.aws().and_then(|aws| aws.role_arn.clone());
        if let Some(role) = role {
            failure = failure.context("role_arn", role.as_str());
        }
        let mut help = Vec::new();
        let mut say = |words: String| {
            if !help.contains(&words) {
                help.push(words);
            }
        };
        for (one, asked) in self.each() {
            let words = match &asked.answer {
                Answer::Denied(_) if one.is_own(asked) => format!(
                    "`session_policy: off` in connection `{}` uses the whole role, and `flowrun -v \
                     {}` shows the session policy by which flowrun narrows it: that policy is \
                     wrong, please report it",
                    connection.nickname, one.file
                ),
                Answer::Denied(denial) => self.denied_help(connection, denial),
                Answer::NoBucket => {
                    "check the names of the buckets, or let a flow make them".to_owned()
                }
                Answer::Elsewhere(region) => format!(
                    "write `region: {region}` in the connection, which has one region: for buckets \
                     of several, make one for each"
                ),
                _ => continue,
            };
            say(words);
        }
        if drift.is_some() {
            say(ClockDrift::HELP.to_owned());
        }
        Some(match help.as_slice() {
            [] => failure,
            help => failure.help(help.join("; ")),
        })
    }

    fn each(&self) -> impl Iterator<Item = (&OfOne, &Asked)> {
        let flows = self.asked.iter();
        flows.flat_map(|one| one.asked.iter().map(move |asked| (one, asked)))
    }

    fn denied_help(&self, connection: &Connection, denial: &Denial) -> String {
        if let Some((action, key)) = &denial.instead
            && action.starts_with("kms:")
        {
            return format!(
                "allow the use of the key {key} in its key policy and in the policy of the role, \
                 to which `--kms-key` of `flowrun policy` adds it"
            );
        }
        let flows: Vec<String> = self
            .flows
            .iter()
            .map(|flow| flow.display().to_string())
            .collect();
        let policy = format!(
            "`flowrun policy {} --for {}` prints",
            flows.join(" "),
            connection.nickname
        );
        match &denial.layer {
            Some(Layer::Identity) if denial.is_explicit => {
                "take the deny out of the permission policy".to_owned()
            }
            Some(Layer::Identity) => {
                format!("{policy} the permission policy that its role or user needs")
            }
            Some(Layer::Resource) if denial.is_explicit => {
                "ask the bucket's owner to take the deny out of the bucket policy".to_owned()
            }
            Some(Layer::Resource) => {
                "ask the bucket's owner to allow it in the bucket policy, which a bucket of another \
                 account needs beside the policy of the role"
                    .to_owned()
            }
            Some(Layer::Session) => {
                "start from base credentials that no session policy narrows".to_owned()
            }
            Some(Layer::Other(name)) => format!("ask who administers the account for the {name}"),
            _ => format!(
                "S3 does not say which policy is in the way: {policy} what the permission policy \
                 has to allow, and a bucket of another account has to allow it, too"
            ),
        }
    }
}

/// Why no use of a key is asked.
const KEYS: &str = "it would take an object that the key encrypts; both the key policy and the \
                    policy of the role have to allow it";

/// How an answer ends.
struct Told {
    name: &'static str,
    /// The policy in the way.
    policy: Option<String>,
    reason: Option<String>,
    region: Option<String>,
}

fn told(connection: &Connection, one: &OfOne, asked: &Asked) -> Told {
    let plain = |name, reason: Option<String>| Told {
        name,
        policy: None,
        reason,
        region: None,
    };
    match &asked.answer {
        Answer::Allowed => plain("allowed", None),
        Answer::Denied(_) if one.is_own(asked) => Told {
            policy: Some("flowrun_session".to_owned()),
            ..plain(
                "denied",
                Some(
                    "the session policy by which flowrun narrows the role leaves it out, and the \
                     role allows it"
                        .to_owned(),
                ),
            )
        },
        Answer::Denied(denial) => denied(connection, denial),
        Answer::NoBucket => plain("no_bucket", Some("the bucket does not exist".to_owned())),
        Answer::Elsewhere(region) => Told {
            region: Some(region.clone()),
            ..plain("elsewhere", Some(elsewhere(one, region)))
        },
        Answer::NotAsked(NotAsked::Hidden) => plain(
            "not_asked",
            Some(format!("cannot be told: {}", NotAsked::Hidden)),
        ),
        Answer::NotAsked(why) => plain("not_asked", Some(format!("not asked, {why}"))),
        Answer::Unclear(failure) => plain(
            "unclear",
            Some(format!("no clear answer, {}", failure.message)),
        ),
        _ => plain("unclear", None),
    }
}

fn elsewhere(one: &OfOne, region: &str) -> String {
    match &one.region {
        Some(own) => format!("the bucket is in {region}, and the connection in {own}"),
        None => format!("the bucket is in {region}, and the connection is not"),
    }
}

fn denied(connection: &Connection, denial: &Denial) -> Told {
    let has_role = connection.aws().is_some_and(|aws| aws.role_arn.is_some());
    let (policy, whose) = match (&denial.layer, has_role) {
        (Some(Layer::Identity), true) => ("role", "the permission policy of the role"),
        (Some(Layer::Identity), false) => ("identity", "the permission policy of the identity"),
        (Some(Layer::Resource), _) if denial.is_of_a_key() => ("key", "the key policy"),
        (Some(Layer::Resource), _) => ("bucket", "the bucket policy"),
        (Some(Layer::Session), _) => ("session", "a session policy"),
        (Some(Layer::Other(name)), _) => (name.as_str(), name.as_str()),
        _ => ("", ""),
    };
    let what = match &denial.instead {
        Some((action, on)) => format!("{action} on {on}"),
        None => "it".to_owned(),
    };
    let reason = match (whose, denial.is_explicit) {
        ("", _) => format!("S3 denies {what} and does not say by which policy"),
        (whose, true) => format!("{whose} denies {what}"),
        (whose, false) => format!("{whose} does not allow {what}"),
    };
    Told {
        name: "denied",
        policy: Some(policy.to_owned()).filter(|policy| !policy.is_empty()),
        reason: Some(reason),
        region: None,
    }
}

fn line(connection: &Connection, one: &OfOne, asked: &Asked) -> String {
    let told = told(connection, one, asked);
    let mark = match &asked.answer {
        Answer::Allowed => format!("{GOOD}✓{GOOD:#}"),
        Answer::NotAsked(_) | Answer::Unclear(_) => format!("{WARNING}?{WARNING:#}"),
        _ => format!("{ERROR}✗{ERROR:#}"),
    };
    let reason = told.reason.map(|reason| format!(": {reason}"));
    let request = asked.request_id.as_ref();
    let request = request.map(|id| format!("  {DIM}request_id: {id}{DIM:#}"));
    format!(
        "  {mark} {} on {}{}{}\n",
        asked.need.action,
        asked.need.resource,
        reason.unwrap_or_default(),
        request.unwrap_or_default()
    )
}

fn need_json(connection: &Connection, one: &OfOne, asked: &Asked) -> Json {
    let told = told(connection, one, asked);
    json!({
        "flow": one.file,
        "action": asked.need.action,
        "resource": asked.need.resource.to_string(),
        "answer": told.name,
        "policy": told.policy,
        "reason": told.reason,
        "region": told.region,
        "request_id": asked.request_id,
    })
}
