//! Whether a policy allows a need, as far as it tells.

use std::collections::BTreeSet;

use super::{Doubt, Existing, Need, Reason, existing::Known};
use crate::{Actions, Effect, Pattern, Resources, Statement};

/// How much of a need a statement is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    /// Some, or perhaps all.
    Some,
    All,
}

impl Need<'_> {
    /// Why it is missing, if it is; what is not certain goes to the doubts.
    pub(super) fn judge(
        &self,
        existing: &Existing,
        doubts: &mut BTreeSet<(usize, Doubt)>,
    ) -> Option<Reason> {
        let (permission, action) = (self.permission, || self.action.to_owned());
        let mut is_allowed = false;
        let mut allowing_partly = Vec::new();
        let mut conditional = Vec::new();
        let mut denied = None;
        let mut partly_denied = None;
        let mut may_be_denied = Vec::new();
        for known in &existing.statements {
            let Known {
                number,
                statement,
                is_conditional,
            } = known;
            let (number, is_plain) = (*number, !is_conditional);
            let part = self.part_of(statement);
            match (statement.effect, part) {
                (_, Part::None) => {}
                (Effect::Allow, Part::All) if is_plain => is_allowed = true,
                (Effect::Allow, Part::All) => conditional.push(number),
                (Effect::Allow, Part::Some) => allowing_partly.push(number),
                (Effect::Deny, Part::All) if is_plain => denied = denied.or(Some(number)),
                (Effect::Deny, Part::Some) if is_plain && !has_not_resource(statement) => {
                    partly_denied = partly_denied.or(Some(number));
                }
                (Effect::Deny, _) => may_be_denied.push(number),
            }
        }
        let reason = if let Some(statement) = denied {
            Some(Reason::Denied { statement })
        } else if let Some(statement) = partly_denied {
            Some(Reason::PartlyDenied { statement })
        } else if is_allowed || !conditional.is_empty() {
            None
        } else if allowing_partly.is_empty() {
            Some(Reason::NotAllowed)
        } else {
            Some(Reason::PartlyAllowed {
                statements: allowing_partly,
            })
        };
        if reason.is_none() {
            if !is_allowed {
                doubts.extend(conditional.into_iter().map(|statement| {
                    let action = action();
                    (
                        statement,
                        Doubt::AllowedUnderCondition { permission, action },
                    )
                }));
            }
            doubts.extend(may_be_denied.into_iter().map(|statement| {
                let action = action();
                (statement, Doubt::MayBeDenied { permission, action })
            }));
        }
        reason
    }

    fn part_of(&self, statement: &Statement) -> Part {
        let has_action = match &statement.actions {
            Actions::AnyOf(any) => any.iter().any(|one| one.covers(&self.pattern)),
            Actions::NoneOf(none) => !none.iter().any(|one| one.covers(&self.pattern)),
        };
        if !has_action {
            return Part::None;
        }
        match &statement.resources {
            None => Part::All,
            Some(Resources::AnyOf(any)) => self.part_within(any),
            Some(Resources::NoneOf(none)) => match self.part_within(none) {
                Part::None => Part::All,
                Part::Some => Part::Some,
                Part::All => Part::None,
            },
        }
    }

    /// Whether the resource is some of what is needed.
    pub(super) fn touches(&self, resource: &Pattern) -> bool {
        self.part_within(std::slice::from_ref(resource)) != Part::None
    }

    fn part_within(&self, resources: &[Pattern]) -> Part {
        if resources.iter().any(|one| one.covers(&self.resource)) {
            Part::All
        } else if !self.has_no_resource && resources.iter().any(|one| one.overlaps(&self.resource))
        {
            Part::Some
        } else {
            Part::None
        }
    }
}

fn has_not_resource(statement: &Statement) -> bool {
    matches!(statement.resources, Some(Resources::NoneOf(_)))
}
