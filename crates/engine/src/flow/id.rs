//! The form of ids: a lower-case letter, then lower-case letters, digits, `_` or `-`, at most 63
//! in all. Flows, cards, inputs, connections, secrets, vars, items and outputs are named alike.

use flowrun_card::shorten;

/// The most characters of an id.
const MAX_LENGTH: usize = 63;

/// Names that expressions start with, and words that they read as something else.
pub(super) const RESERVED: &[&str] = &[
    "inputs",
    "vars",
    "cards",
    "secrets",
    "connections",
    "env",
    "run",
    "it",
    "item",
    "index",
    "result",
    "error",
    "trigger",
    "true",
    "false",
    "null",
    "this",
];

/// What is named.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Flow,
    Card,
    Input,
    Connection,
    Secret,
    Var,
    Item,
    Output,
}

impl What {
    fn noun(self) -> &'static str {
        match self {
            What::Flow => "flow",
            What::Card => "card",
            What::Input => "input",
            What::Connection => "connection",
            What::Secret => "secret",
            What::Var => "var",
            What::Item => "item",
            What::Output => "output",
        }
    }
}

pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// What is wrong with an id, if something is.
pub(super) fn problem(id: &str, what: What) -> Option<Problem> {
    if what == What::Item && RESERVED.contains(&id) {
        return Some(Problem {
            message: format!("`{id}` is reserved: it means something else in expressions"),
            help: Some(match id {
                "item" => "an item is called `item` without `as`".to_owned(),
                _ => "choose another name".to_owned(),
            }),
        });
    }
    let reason = reason(id)?;
    let shown = shorten(id, MAX_LENGTH);
    Some(Problem {
        message: format!("`{shown}` is no id: {reason}"),
        help: suggestion(id, what).map(|id| format!("write `{id}`")),
    })
}

fn reason(id: &str) -> Option<String> {
    let Some(first) = id.chars().next() else {
        return Some("it is empty".to_owned());
    };
    if !first.is_ascii_lowercase() {
        return Some("it must start with a lower-case letter".to_owned());
    }
    if let Some(bad) = id.chars().find(|c| !is_allowed(*c)) {
        return Some(format!(
            "it has lower-case letters, digits, `_` and `-`, and no `{bad}`"
        ));
    }
    (id.len() > MAX_LENGTH).then(|| format!("it is longer than {MAX_LENGTH} characters"))
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')
}

/// The nearest text that is an id.
fn suggestion(id: &str, what: What) -> Option<String> {
    let mut near = String::new();
    let mut after_lower = false;
    for c in id.chars() {
        if c.is_ascii_uppercase() && after_lower {
            near.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        let c = c.to_ascii_lowercase();
        if is_allowed(c) {
            near.push(c);
        } else if !near.ends_with('_') {
            near.push('_');
        }
    }
    let near = near.trim_matches(['_', '-']);
    let near = match near.chars().next() {
        None => return None,
        Some(first) if first.is_ascii_lowercase() => near.to_owned(),
        Some(_) => format!("{}_{near}", what.noun()),
    };
    Some(near.chars().take(MAX_LENGTH).collect())
}
