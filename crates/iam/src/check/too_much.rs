//! What a policy allows beyond the needs.

use std::collections::BTreeSet;

use super::{Doubt, Excess, Existing, Need, TooMuch, existing::Known};
use crate::{Actions, Effect, Pattern, Resources, access_level::s3_actions};

/// Gathers what an allowing statement allows beyond the needs; what is not certain goes to the
/// doubts.
pub(super) fn judge(
    existing: &Existing,
    known: &Known,
    needs: &[Need<'_>],
    too_much: &mut Vec<TooMuch>,
    doubts: &mut BTreeSet<(usize, Doubt)>,
) {
    let (number, statement) = (known.number, &known.statement);
    let (Actions::AnyOf(actions), Some(Resources::AnyOf(resources))) =
        (&statement.actions, &statement.resources)
    else {
        doubts.insert((number, Doubt::AllowsAllBut));
        return;
    };
    for action in actions {
        for resource in resources {
            if is_denied(existing, action, resource) {
                continue;
            }
            let Some(excess) = excess_of(action, resource, needs) else {
                continue;
            };
            if excess != Excess::Unneeded && known.is_conditional {
                doubts.insert((number, Doubt::NarrowedByCondition));
                continue;
            }
            too_much.push(TooMuch {
                statement: number,
                action: action.source().to_owned(),
                resource: resource.source().to_owned(),
                excess,
            });
        }
    }
}

/// Whether a plain Deny takes all of it away.
fn is_denied(existing: &Existing, action: &Pattern, resource: &Pattern) -> bool {
    existing.statements.iter().any(|known| {
        let statement = &known.statement;
        let (Effect::Deny, true, Actions::AnyOf(actions), Some(Resources::AnyOf(resources))) = (
            statement.effect,
            !known.is_conditional,
            &statement.actions,
            &statement.resources,
        ) else {
            return false;
        };
        actions.iter().any(|one| one.covers(action))
            && resources.iter().any(|one| one.covers(resource))
    })
}

fn excess_of(action: &Pattern, resource: &Pattern, needs: &[Need<'_>]) -> Option<Excess> {
    let touching: Vec<_> = needs
        .iter()
        .filter(|need| action.covers(&need.pattern) && need.touches(resource))
        .collect();
    if touching.is_empty() {
        return Some(Excess::Unneeded);
    }
    let needed_actions: BTreeSet<_> = touching.iter().map(|need| need.action).collect();
    if !are_all(action, &needed_actions) {
        return Some(Excess::WiderAction {
            needed: needed_actions.into_iter().map(str::to_owned).collect(),
        });
    }
    // Needed patterns have no `?` and their literal texts are finitely many, so that together
    // they cover a pattern only where one of them does.
    let is_needed_whole = needed_actions.iter().all(|name| {
        touching.iter().any(|need| {
            need.action == *name
                && (need.resource.covers(resource)
                    || need.has_no_resource && resource.source() == "*")
        })
    });
    if is_needed_whole {
        return None;
    }
    let resources: BTreeSet<_> = touching.iter().map(|need| need.resource.source()).collect();
    Some(Excess::WiderResource {
        needed: resources.into_iter().map(str::to_owned).collect(),
    })
}

/// Whether the pattern stands for no more than these actions, as far as AWS's list goes.
fn are_all(action: &Pattern, needed: &BTreeSet<&str>) -> bool {
    if action.is_literal() {
        return true;
    }
    let is_about_s3 = action.source().to_ascii_lowercase().starts_with("s3:");
    is_about_s3
        && s3_actions().all(|(name, _)| {
            let name = format!("s3:{name}");
            !action.matches(&name) || needed.iter().any(|one| one.eq_ignore_ascii_case(&name))
        })
}
