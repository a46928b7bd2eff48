//! The keys of the language: which stand where, and what to say of the others.

use crate::{
    diagnostic::{Code, Diagnostic},
    suggest,
    syntax::Key,
};

/// A place that has keys.
pub(super) struct Place {
    /// As messages name it: `a flow`, `a card`.
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    /// Part of the language, and not of this version.
    pub(super) later: &'static [&'static str],
    /// What other tools call the same: `(theirs, ours)`.
    pub(super) synonyms: &'static [(&'static str, &'static str)],
}

pub(super) const FLOW: Place = Place {
    name: "a flow",
    keys: &[
        "flow",
        "language",
        "description",
        "inputs",
        "connections",
        "secrets",
        "vars",
        "defaults",
        "max_parallel",
        "cards",
        "outputs",
    ],
    later: &["env", "triggers", "deadline", "finally", "concurrency"],
    synonyms: &[
        ("id", "flow"),
        ("name", "flow"),
        ("version", "language"),
        ("on", "triggers"),
        ("params", "inputs"),
        ("parameters", "inputs"),
        ("variables", "vars"),
        ("steps", "cards"),
        ("tasks", "cards"),
        ("jobs", "cards"),
        ("actions", "cards"),
    ],
};

pub(super) const DEFAULTS: Place = Place {
    name: "`defaults`",
    keys: &["retry", "timeout", "connection"],
    later: &[],
    synonyms: &[("retries", "retry")],
};

pub(super) const CARD: Place = Place {
    name: "a card",
    keys: &[
        "card",
        "with",
        "connection",
        "cards",
        "outputs",
        "when",
        "for_each",
        "as",
        "where",
        "max_parallel",
        "tolerate",
        "retry",
        "timeout",
        "after",
    ],
    later: &["flow", "switch", "repeat", "catch"],
    synonyms: &[
        ("uses", "card"),
        ("type", "card"),
        ("action", "card"),
        ("task", "card"),
        ("call", "card"),
        ("inputs", "with"),
        ("args", "with"),
        ("params", "with"),
        ("parameters", "with"),
        ("if", "when"),
        ("condition", "when"),
        ("runIf", "when"),
        ("loop", "for_each"),
        ("foreach", "for_each"),
        ("each", "for_each"),
        ("with_items", "for_each"),
        ("filter", "where"),
        ("concurrency", "max_parallel"),
        ("needs", "after"),
        ("depends_on", "after"),
        ("dependsOn", "after"),
        ("steps", "cards"),
        ("tasks", "cards"),
        ("retries", "retry"),
        ("until", "repeat"),
        ("on_error", "catch"),
        ("errors", "catch"),
        ("subflow", "flow"),
    ],
};

pub(super) const RETRY: Place = Place {
    name: "`retry`",
    keys: &["attempts", "delay", "backoff", "max_delay", "kinds"],
    later: &[],
    synonyms: &[
        ("max_attempts", "attempts"),
        ("max", "attempts"),
        ("interval", "delay"),
        ("errors", "kinds"),
        ("on", "kinds"),
    ],
};

pub(super) const AFTER: Place = Place {
    name: "an item of `after`",
    keys: &["card", "or_skipped"],
    later: &[],
    synonyms: &[],
};

pub(super) const CONNECTION: Place = Place {
    name: "a connection",
    keys: &["kind", "set"],
    later: &[],
    synonyms: &[("type", "kind")],
};

pub(super) const SECRET: Place = Place {
    name: "a secret",
    keys: &["env", "file"],
    later: &[],
    synonyms: &[
        ("environment", "env"),
        ("variable", "env"),
        ("var", "env"),
        ("path", "file"),
    ],
};

pub(super) const INPUT: Place = Place {
    name: "an input",
    keys: &[
        "type",
        "default",
        "required",
        "enum",
        "minimum",
        "maximum",
        "pattern",
        "items",
        "properties",
        "description",
    ],
    later: &[],
    synonyms: &[
        ("min", "minimum"),
        ("max", "maximum"),
        ("regex", "pattern"),
        ("options", "enum"),
        ("values", "enum"),
        ("fields", "properties"),
        ("optional", "required"),
    ],
};

pub(super) const PROPERTY: Place = Place {
    name: "a property",
    keys: &[
        "type",
        "required",
        "enum",
        "minimum",
        "maximum",
        "pattern",
        "items",
        "properties",
        "description",
    ],
    later: &[],
    synonyms: INPUT.synonyms,
};

pub(super) const ITEMS: Place = Place {
    name: "`items`",
    keys: &[
        "type",
        "enum",
        "minimum",
        "maximum",
        "pattern",
        "items",
        "properties",
        "description",
    ],
    later: &[],
    synonyms: INPUT.synonyms,
};

impl Place {
    /// What to say of a key that does not stand here.
    pub(super) fn refuse(&self, key: &Key) -> Diagnostic {
        let name = &*key.name;
        if self.later.contains(&name) {
            return not_supported(key);
        }
        let message = format!("{} has no key `{name}`", self.name);
        let diagnostic = Diagnostic::error(Code::UNKNOWN_KEY, key.span, message);
        diagnostic.help(self.advice(name))
    }

    /// The key of this place that was most likely meant by one that does not stand here.
    pub(super) fn meant(&self, name: &str) -> Option<&'static str> {
        let synonym = self.synonyms.iter().find(|(theirs, _)| *theirs == name);
        match synonym {
            Some((_, ours)) => Some(*ours),
            None => suggest::nearest(name, self.keys.iter().copied()),
        }
    }

    fn advice(&self, name: &str) -> String {
        if let Some((key, value)) = name.split_once(':')
            && self.keys.contains(&key)
        {
            return format!("write a space after the colon: `{key}: {value}`");
        }
        match self.meant(name) {
            Some(ours) if self.later.contains(&ours) => {
                format!("`{ours}` will do that, and is not supported yet")
            }
            Some(ours) => format!("did you mean `{ours}`?"),
            None => format!("its keys are {}", list(self.keys)),
        }
    }
}

pub(super) fn not_supported(key: &Key) -> Diagnostic {
    let instead = match &*key.name {
        "env" => Some("declare an input, and give it with `--input`"),
        "triggers" => Some("start the flow with `flowrun run`, from a scheduler for instance"),
        "deadline" => Some("give a `timeout` to cards and groups"),
        "flow" => Some("copy its cards into a group: `cards:`"),
        "switch" => Some("make each branch a card with a `when`"),
        "repeat" => Some("`retry` tries a card again while it fails"),
        "catch" => Some("in a loop, `tolerate` lets items fail"),
        "set" => Some("declare each connection under an alias of its own"),
        _ => None,
    };
    Diagnostic::error(
        Code::NOT_SUPPORTED,
        key.span,
        format!("`{}` is not supported yet", key.name),
    )
    .maybe_help(instead.map(str::to_owned))
}

/// Names in a sentence.
pub(super) fn list(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
