//! What to write instead: the helps of values that do not fit their slots.

use flowrun_card::{Format, Type, TypeKind};

use crate::{
    suggest,
    syntax::{Scalar, Style},
};

/// Names in a sentence.
pub(super) fn names<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The help for an input that is missing; of its description, the first sentence.
pub(super) fn add(name: &str, description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    let sentence = line.split(". ").next().unwrap_or_default();
    let sentence = sentence.trim_end_matches('.');
    let mut characters = sentence.chars();
    let Some(first) = characters.next() else {
        return format!("add `{name}:`");
    };
    let rest = characters.as_str();
    // `S3` and `ETag` stay as they are.
    let is_word = rest
        .chars()
        .next()
        .is_none_or(|c| c.is_lowercase() || c == ' ');
    if is_word {
        format!("add `{name}:`, {}{rest}", first.to_lowercase())
    } else {
        format!("add `{name}:`, {sentence}")
    }
}

/// How a value of a type is written, where it may not be known.
pub(super) fn form_of(expected: &Type) -> Option<String> {
    Some(match &expected.kind {
        TypeKind::List { .. } => "write a list: `[a, b]`".to_owned(),
        TypeKind::Object { fields, .. } if !fields.is_empty() => {
            let fields: Vec<String> = fields
                .iter()
                .filter(|(_, field)| field.required)
                .map(|(name, _)| format!("{name}: …"))
                .collect();
            format!("write an object: `{{ {} }}`", fields.join(", "))
        }
        TypeKind::Object { .. } => "write an object: `{ key: value }`".to_owned(),
        TypeKind::Boolean => "write `true` or `false`".to_owned(),
        TypeKind::Integer { .. } => "write an integer, such as `3`".to_owned(),
        TypeKind::Number { .. } => "write a number, such as `1.5`".to_owned(),
        TypeKind::String { format, .. } => match format.as_ref()? {
            Format::Date => "write a date: `2026-11-23`".to_owned(),
            Format::DateTime => "write a datetime: `2026-11-23T10:00:00Z`".to_owned(),
            Format::Duration => {
                "write a duration: `500ms`, `30s`, `1h30m`, `2d` or `1w`".to_owned()
            }
            Format::Size => "write a size: `64MiB`, `5GB` or a number of bytes".to_owned(),
            _ => return None,
        },
        TypeKind::Secret => "declare it at the top of the flow, `secrets: { NAME: { env: VARIABLE } }`, and write `{{ secrets.NAME }}` here".to_owned(),
        TypeKind::File => "a file comes from a card or an input: `{{ inputs.NAME }}`".to_owned(),
        _ => return None,
    })
}

/// The option that was probably meant.
pub(super) fn near_option(expected: &Type, scalar: &Scalar) -> Option<String> {
    let text = &*scalar.text;
    match &expected.kind {
        TypeKind::String { options, .. } => {
            suggest::among(text, options.iter().map(String::as_str))
        }
        TypeKind::Boolean if matches!(text, "yes" | "on" | "Yes" | "On" | "TRUE") => {
            Some("write `true`".to_owned())
        }
        TypeKind::Boolean if matches!(text, "no" | "off" | "No" | "Off" | "FALSE") => {
            Some("write `false`".to_owned())
        }
        TypeKind::Boolean if scalar.style != Style::Plain && matches!(text, "true" | "false") => {
            Some("a boolean stands without quotes".to_owned())
        }
        TypeKind::Integer { .. } | TypeKind::Number { .. }
            if scalar.style != Style::Plain && text.parse::<f64>().is_ok() =>
        {
            Some("a number stands without quotes".to_owned())
        }
        TypeKind::Integer { .. } | TypeKind::Number { .. }
            if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            let digits = text.trim_start_matches('0');
            let number = if digits.is_empty() { "0" } else { digits };
            (number != text)
                .then(|| format!("digits with a leading zero are a string: write `{number}`"))
        }
        _ => None,
    }
}

/// What makes the found type fit, where there is a usual way.
pub(super) fn help_for(expected: &Type, found: &Type) -> Option<String> {
    match (&expected.kind, &found.kind) {
        (TypeKind::String { .. }, TypeKind::List { items, .. })
            if Type::string().accepts(items) && !items.is_any() =>
        {
            Some("`list.join` makes a text of it, `json.stringify` its JSON".to_owned())
        }
        (TypeKind::String { .. }, TypeKind::List { .. } | TypeKind::Object { .. }) => {
            Some("`json.stringify` makes a text of it".to_owned())
        }
        (TypeKind::Connection { .. }, TypeKind::Connection { .. }) => {
            Some("name a connection of the kind that is needed".to_owned())
        }
        (TypeKind::Connection { .. }, TypeKind::List { items, .. })
            if matches!(items.kind, TypeKind::Connection { .. }) =>
        {
            Some("a set is walked by `for_each`, whose `item` is one connection of it".to_owned())
        }
        (TypeKind::Connection { .. }, _) => Some(
            "only `connections.ALIAS` or an input of type `connection` yields a connection"
                .to_owned(),
        ),
        (TypeKind::Secret, _) => {
            Some("only `secrets.NAME` or an input of type `secret` yields a secret".to_owned())
        }
        (TypeKind::Integer { .. } | TypeKind::Number { .. }, TypeKind::String { .. }) => Some(
            "a text is no number, whatever it holds: `json.parse` reads one from it".to_owned(),
        ),
        (TypeKind::Boolean, _) => Some(CONDITION.to_owned()),
        (TypeKind::List { .. }, TypeKind::Object { .. }) => {
            Some("name the list in it, such as `cards.found.objects`".to_owned())
        }
        _ => None,
    }
}

/// How a condition is made of what is none.
pub(super) const CONDITION: &str = "compare it: `eq a b`, `gt a b`, `is_empty a`, `not (…)`";
