//! Why a policy is as wide as it is: which line of a flow made a wildcard, and what counts as known.

use std::fmt::Write as _;

use super::gather::{Flows, Needed};
use crate::{
    args,
    render::{DIM, WARNING, plain},
};

/// Says of each wildcard which expression made it.
pub(super) fn wildcards(needed: &Needed, flows: &Flows) {
    let mut told = Vec::new();
    for from in &needed.from {
        let Some(source) = flows.source(from) else {
            continue;
        };
        let permission = &from.needed.permission;
        for span in from.needed.dynamic() {
            let at = source.position(span.start);
            let actions = permission.actions.join(", ");
            let line = format!("{actions} on {}", permission.resource);
            let place = format!(
                "{}:{}:{}: {} in card `{}`",
                source.name(),
                at.line,
                at.column,
                source.slice(span).trim(),
                from.needed.card
            );
            if !told.contains(&(line.clone(), place.clone())) {
                told.push((line, place));
            }
        }
    }
    if told.is_empty() {
        return;
    }
    let mut text = format!(
        "{WARNING}wide{WARNING:#}: before a run these are not known, so that a wildcard stands for \
         them"
    );
    let mut last = "";
    for (line, place) in &told {
        if line != last {
            write!(text, "\n  {line}").ok();
            last = line;
        }
        write!(text, "\n    {DIM}{place}{DIM:#}").ok();
    }
    plain::print(&text);
}

/// Says which inputs count as their defaults.
pub(super) fn defaults(flows: &Flows, arguments: &args::Policy) {
    if arguments.flows.len() > 1 {
        return;
    }
    for (source, name, value) in flows.defaults() {
        let value = serde_json::to_string(value).unwrap_or_default();
        plain::print(&format!(
            "{DIM}{}: input `{name}` counts as its default {value}: `--input {name}=…` gives another, \
             `--any {name}` leaves it open{DIM:#}",
            source.name()
        ));
    }
}
