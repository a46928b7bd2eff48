//! `flowrun cards [NAME]`: the catalogue, and the reference of one card.

use std::{collections::BTreeSet, fmt::Write as _};

use flowrun_card::{DynCard, Entry, Field, Function, Partial, Permissions, Span, Type, TypeKind};
use serde_json::{Value as Json, json};

use crate::{
    args::Cards,
    context::Context,
    exit::Exit,
    files,
    render::{self, DIM, GOOD, HELP},
};

pub(crate) fn run(context: &Context, arguments: &Cards) -> Exit {
    let registry = &context.registry;
    let Some(name) = &arguments.name else {
        let entries: Vec<&Entry> = registry.iter().collect();
        show_list(&entries, arguments.json);
        return Exit::Done;
    };
    if let Some(entry) = registry.get(name) {
        if arguments.json {
            render::print(&format!("{:#}\n", as_json(entry)));
        } else {
            render::print(&reference(entry));
        }
        return Exit::Done;
    }
    let found: Vec<&Entry> = registry
        .iter()
        .filter(|entry| speaks_of(entry, name))
        .collect();
    if found.is_empty() {
        let near = files::nearest(name, registry.iter().map(Entry::name))
            .map(|near| format!("did you mean `{near}`?"));
        render::error(
            &format!("no card speaks of `{name}`"),
            Some(near.as_deref().unwrap_or("`flowrun cards` lists all cards")),
        );
        return Exit::Invalid;
    }
    show_list(&found, arguments.json);
    Exit::Done
}

/// Whether a card's name, title, first sentence or search terms have the word.
fn speaks_of(entry: &Entry, word: &str) -> bool {
    let word = word.to_lowercase();
    let about = About::of(entry);
    [about.name, about.title, first_sentence(about.description)]
        .into_iter()
        .chain(about.search_terms.iter().copied())
        .any(|text| text.to_lowercase().contains(&word))
}

/// What cards and functions have in common.
struct About {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    since: &'static str,
    search_terms: &'static [&'static str],
    input: Type,
    output: Option<Type>,
}

impl About {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Card { card, types } => {
                let spec = *card.spec();
                Self {
                    name: spec.name,
                    title: spec.title,
                    description: spec.description,
                    since: spec.since,
                    search_terms: spec.search_terms,
                    input: types.input.clone(),
                    output: Some(types.output.clone()),
                }
            }
            Entry::Function(function) => Self {
                name: function.name,
                title: function.title,
                description: function.description,
                since: function.since,
                search_terms: function.search_terms,
                input: function.input(),
                output: Some(result_of(function)),
            },
            _ => Self {
                name: entry.name(),
                title: "",
                description: "",
                since: "",
                search_terms: &[],
                input: Type::ANY,
                output: None,
            },
        }
    }
}

/// What a function yields for arguments of its declared types.
fn result_of(function: &Function) -> Type {
    let types: Vec<Type> = function
        .parameters
        .iter()
        .map(|parameter| (parameter.ty)())
        .collect();
    (function.returns)(&types)
}

fn show_list(entries: &[&Entry], as_data: bool) {
    if as_data {
        let list: Vec<Json> = entries.iter().map(|entry| as_json(entry)).collect();
        render::print(&format!("{:#}\n", Json::Array(list)));
        return;
    }
    let width = entries
        .iter()
        .map(|entry| entry.name().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        let about = About::of(entry);
        writeln!(
            text,
            "{GOOD}{:width$}{GOOD:#}  {}",
            about.name,
            first_sentence(about.description)
        )
        .ok();
    }
    render::print(&text);
}

/// The reference of one card.
fn reference(entry: &Entry) -> String {
    let about = About::of(entry);
    let mut text = format!(
        "{GOOD}{}{GOOD:#} — {}\n\n{}\n",
        about.name, about.title, about.description
    );
    match entry {
        Entry::Card { card, .. } => {
            let spec = card.spec();
            writeln!(
                text,
                "\n{DIM}effect:{DIM:#} {}; {}\n{DIM}since:{DIM:#} {}",
                spec.effect.name(),
                spec.idempotency.describe(),
                about.since
            )
            .ok();
        }
        _ => {
            writeln!(
                text,
                "\n{DIM}effect:{DIM:#} pure; a card, and a helper in expressions\n{DIM}since:{DIM:#} {}",
                about.since
            ).ok();
        }
    }
    fields(&mut text, "Inputs", &about.input, true);
    match &about.output {
        Some(output) if matches!(output.kind, TypeKind::Object { .. }) => {
            fields(&mut text, "Outputs", output, false);
        }
        Some(output) => {
            writeln!(text, "\n{HELP}Output{HELP:#}\n  {output}").ok();
        }
        None => {}
    }
    match entry {
        Entry::Card { card, .. } => {
            let permissions = permissions(&**card);
            if !permissions.is_empty() {
                writeln!(text, "\n{HELP}Permissions{HELP:#}").ok();
                for permission in permissions {
                    writeln!(text, "  {permission}").ok();
                }
            }
            for example in card.examples() {
                writeln!(text, "\n{HELP}Example{HELP:#}: {}\n", example.title).ok();
                for line in example.flow.trim().lines() {
                    writeln!(text, "  {line}").ok();
                }
            }
        }
        Entry::Function(function) => {
            writeln!(text, "\n{HELP}Examples{HELP:#}").ok();
            for example in function.examples {
                writeln!(
                    text,
                    "  {{{{ {} }}}}  {DIM}→{DIM:#} {}",
                    example.call, example.result
                )
                .ok();
            }
        }
        _ => {}
    }
    text
}

fn fields(text: &mut String, title: &str, ty: &Type, is_input: bool) {
    let mut rows = Vec::new();
    rows_of(&mut rows, "", ty, is_input);
    if rows.is_empty() {
        return;
    }
    writeln!(text, "\n{HELP}{title}{HELP:#}").ok();
    let name_width = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    let type_width = rows
        .iter()
        .map(|row| row.ty.chars().count())
        .max()
        .unwrap_or(0)
        .min(32);
    for row in rows {
        let Row {
            name,
            ty,
            note,
            description,
        } = row;
        writeln!(
            text,
            "  {GOOD}{name:name_width$}{GOOD:#}  {ty:type_width$}  {DIM}{note}{DIM:#}{description}"
        )
        .ok();
    }
}

struct Row {
    name: String,
    ty: String,
    note: String,
    description: String,
}

/// The rows of an object's fields, those of nested objects below their own.
fn rows_of(rows: &mut Vec<Row>, path: &str, ty: &Type, is_input: bool) {
    let TypeKind::Object { fields, .. } = &ty.kind else {
        return;
    };
    for (name, field) in fields {
        let name = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        rows.push(Row {
            ty: field.ty.to_string(),
            note: note(field, is_input, path.is_empty()),
            description: field.description.lines().collect::<Vec<_>>().join(" "),
            name: name.clone(),
        });
        match &field.ty.kind {
            TypeKind::Object { .. } => rows_of(rows, &name, &field.ty, is_input),
            TypeKind::List { items, .. } => rows_of(rows, &format!("{name}[]"), items, is_input),
            _ => {}
        }
    }
}

fn note(field: &Field, is_input: bool, is_top: bool) -> String {
    // Within an input, the card's own connection stands in for one that is left out.
    if !is_top && matches!(field.ty.kind, TypeKind::Connection { .. }) {
        return String::new();
    }
    match (&field.default, is_input) {
        (Some(default), true) if !default.is_null() => format!("default {default}  "),
        (_, true) if field.required => "required  ".to_owned(),
        (_, false) if field.ty.nullable || !field.required => "may be null  ".to_owned(),
        _ => String::new(),
    }
}

/// The permissions that a call may need, where nothing is known of its input.
fn permissions(card: &dyn DynCard) -> Vec<String> {
    let mut needed = Permissions::default();
    let anywhere = Span::default();
    card.permissions(&Partial::Unknown(anywhere), &mut needed);
    let lines: BTreeSet<String> = needed
        .into_vec()
        .into_iter()
        .flat_map(|permission| {
            let on = permission.resource.to_string();
            permission
                .actions
                .into_iter()
                .map(move |action| format!("{action} on {on}"))
        })
        .collect();
    lines.into_iter().collect()
}

fn as_json(entry: &Entry) -> Json {
    let about = About::of(entry);
    let mut json = json!({
        "name": about.name,
        "title": about.title,
        "description": about.description,
        "since": about.since,
        "search_terms": about.search_terms,
    });
    let extra = match entry {
        Entry::Card { card, types } => {
            let examples: Vec<Json> = card
                .examples()
                .iter()
                .map(|example| json!({ "title": example.title, "flow": example.flow }))
                .collect();
            json!({
                "kind": "card",
                "effect": card.spec().effect.name(),
                "inputs": types.input_schema,
                "outputs": types.output_schema,
                "permissions": permissions(&**card),
                "examples": examples,
            })
        }
        Entry::Function(function) => {
            let parameters: Vec<Json> = function
                .parameters
                .iter()
                .map(|parameter| {
                    json!({
                        "name": parameter.name,
                        "description": parameter.description,
                        "type": (parameter.ty)().to_string(),
                        "optional": parameter.optional,
                    })
                })
                .collect();
            let examples: Vec<Json> = function
                .examples
                .iter()
                .map(|example| json!({ "call": example.call, "result": example.result }))
                .collect();
            json!({
                "kind": "function",
                "effect": "pure",
                "parameters": parameters,
                "output": result_of(function).to_string(),
                "examples": examples,
            })
        }
        _ => json!({}),
    };
    if let (Json::Object(json), Json::Object(extra)) = (&mut json, extra) {
        json.extend(extra);
    }
    json
}

fn first_sentence(text: &str) -> &str {
    let end = [". ", ".\n"]
        .into_iter()
        .filter_map(|end| text.find(end))
        .min()
        .map_or(text.len(), |at| at + 1);
    text.get(..end).unwrap_or(text).trim_end()
}
