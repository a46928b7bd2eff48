//! How an existing policy compares with what flows need.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, Read},
    path::Path,
};

use flowrun_iam::{Check, Doubt, Excess, Existing, MAX_DOCUMENT_BYTES, Reason, check};
use serde_json::{Value as Json, json};

use super::gather::{Flows, Needed};
use crate::{
    context::{reason, unreadable},
    exit::Exit,
    render::{self, DIM, ERROR, GOOD, WARNING},
};

/// Compares, and says what is missing and what is too much. Either fails.
pub(super) fn run(
    path: &Path,
    needed: &Needed,
    partition: &str,
    flows: &Flows,
    json: bool,
) -> Result<Exit, Exit> {
    let check = check(&read(path)?, &needed.permissions, partition);
    render::print(&if json {
        format!("{:#}\n", data(&check, needed, flows))
    } else {
        text(&check, needed, flows)
    });
    let is_fine = check.missing.is_empty() && check.too_much.is_empty();
    Ok(if is_fine { Exit::Done } else { Exit::Failed })
}

/// The policy in a file: the document alone, or as `aws iam get-role-policy` and
/// `aws iam get-policy-version` print it.
fn read(path: &Path) -> Result<Existing, Exit> {
    let is_piped = path == Path::new("-");
    let invalid = |message: String| {
        let from = if is_piped {
            "the policy on standard input".to_owned()
        } else {
            format!("policy `{}`", path.display())
        };
        render::error(&format!("{from}: {message}"), None);
        Exit::Invalid
    };
    let mut text = String::new();
    let limit = u64::try_from(MAX_DOCUMENT_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    if is_piped {
        let stdin = io::stdin().lock();
        stdin
            .take(limit)
            .read_to_string(&mut text)
            .map_err(|error| invalid(reason(&error)))?;
    } else {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        file.take(limit)
            .read_to_string(&mut text)
            .map_err(|error| invalid(reason(&error)))?;
    }
    let wrapped = serde_json::from_str::<Json>(&text)
        .ok()
        .and_then(|printed| {
            let document = printed
                .get("PolicyDocument")
                .or_else(|| printed.pointer("/PolicyVersion/Document"));
            document.map(Json::to_string)
        });
    Existing::parse(wrapped.as_deref().unwrap_or(&text)).map_err(|error| invalid(error.to_string()))
}

fn text(check: &Check, needed: &Needed, flows: &Flows) -> String {
    let mut text = String::new();
    for missing in &check.missing {
        let why = why(&missing.reason);
        writeln!(
            text,
            "{ERROR}missing{ERROR:#}: {} on {}\n  {DIM}{}; {why}{DIM:#}",
            missing.action,
            missing.resource,
            card(needed, flows, missing.permission),
        )
        .ok();
    }
    for excess in &check.too_much {
        writeln!(
            text,
            "{WARNING}too much{WARNING:#}: {} on {}\n  {DIM}statement {}: {}{DIM:#}",
            excess.action,
            excess.resource,
            excess.statement,
            beyond(&excess.excess),
        )
        .ok();
    }
    for unjudged in &check.unjudged {
        writeln!(
            text,
            "{WARNING}not judged{WARNING:#}: statement {}: {}",
            unjudged.statement,
            doubt(&unjudged.doubt),
        )
        .ok();
    }
    if check.is_exact() {
        writeln!(
            text,
            "{GOOD}✓{GOOD:#} the policy allows what `{}` needs, and nothing else",
            needed.name
        )
        .ok();
    }
    text
}

fn data(check: &Check, needed: &Needed, flows: &Flows) -> Json {
    let missing = check.missing.iter().map(|missing| {
        let from = needed.from.get(missing.permission);
        json!({
            "action": missing.action,
            "resource": missing.resource,
            "flow": from.and_then(|from| flows.source(from)).map(|source| source.name()),
            "card": from.map(|from| &*from.needed.card),
            "reason": why(&missing.reason),
        })
    });
    let too_much = check.too_much.iter().map(|excess| {
        json!({
            "statement": excess.statement,
            "action": excess.action,
            "resource": excess.resource,
            "reason": beyond(&excess.excess),
        })
    });
    let unjudged = check.unjudged.iter().map(
        |unjudged| json!({ "statement": unjudged.statement, "reason": doubt(&unjudged.doubt) }),
    );
    json!({
        "connection": needed.name,
        "missing": missing.collect::<Vec<_>>(),
        "too_much": too_much.collect::<Vec<_>>(),
        "unjudged": unjudged.collect::<Vec<_>>(),
    })
}

/// The card that needs a permission.
fn card(needed: &Needed, flows: &Flows, permission: usize) -> String {
    let Some(from) = needed.from.get(permission) else {
        return String::new();
    };
    let flow = flows.source(from).map_or("", |source| source.name());
    format!("card `{}` of {flow} needs it", from.needed.card)
}

fn why(reason: &Reason) -> String {
    match reason {
        Reason::NotAllowed => "no statement allows it".to_owned(),
        Reason::PartlyAllowed { statements } => {
            format!(
                "{} on some of these only",
                numbered(statements, "allows it", "allow it")
            )
        }
        Reason::Denied { statement } => format!("statement {statement} denies it"),
        Reason::PartlyDenied { statement } => {
            format!("statement {statement} denies it on some of these")
        }
        _ => "it is not allowed".to_owned(),
    }
}

fn numbered(statements: &[usize], one: &str, some: &str) -> String {
    match statements {
        [number] => format!("statement {number} {one}"),
        numbers => {
            let numbers: Vec<String> = numbers.iter().map(usize::to_string).collect();
            format!("statements {} {some}", numbers.join(", "))
        }
    }
}

fn beyond(excess: &Excess) -> String {
    match excess {
        Excess::Unneeded => "nothing needs it".to_owned(),
        Excess::WiderAction { needed } => format!("needed there: {}", needed.join(", ")),
        Excess::WiderResource { needed } => format!("needed on {}", needed.join(", ")),
        _ => "it goes beyond what is needed".to_owned(),
    }
}

fn doubt(doubt: &Doubt) -> String {
    match doubt {
        Doubt::AllowedUnderCondition { action, .. } => {
            format!("it allows {action} under a condition only")
        }
        Doubt::MayBeDenied { action, .. } => format!("it may deny {action}"),
        Doubt::AllowsAllBut => {
            "it allows all but some, so that what is too much cannot be listed".to_owned()
        }
        Doubt::NarrowedByCondition => {
            "it allows more than is needed, but perhaps not under its condition".to_owned()
        }
        Doubt::Unread { problem } => format!("it is not understood: {problem}"),
        _ => "it cannot be judged".to_owned(),
    }
}
