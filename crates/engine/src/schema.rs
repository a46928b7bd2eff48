//! The JSON Schema of a flow file, for editors: keys, card names, and the inputs of every card.
//!
//! It is written by hand, beside the reader of the same keys (`flow`), and a test holds the two
//! together. Where an input may be an expression, the schema takes any text that has braces.

use flowrun_card::{Entry, ErrorKind, Field, Format, ParameterKind, Registry, Type, TypeKind};
use serde_json::{Map, Value as Json, json};

/// The JSON Schema (draft 2020-12) of a flow file over a catalogue.
pub(crate) fn flow_schema(registry: &Registry) -> Json {
    let mut definitions = Map::new();
    let mut actions = Vec::new();
    for entry in registry.iter() {
        let name = entry.name();
        let mut is_function = false;
        let (title, description, input, has_required) = match entry {
            Entry::Card { card, types } => {
                let spec = card.spec();
                let required = required(&types.input);
                (
                    spec.title,
                    spec.description,
                    of_input(&types.input),
                    required,
                )
            }
            Entry::Function(function) => {
                let input = function.input();
                let required = required(&input);
                is_function = true;
                (
                    function.title,
                    function.description,
                    of_function(function),
                    required,
                )
            }
            _ => continue,
        };
        let key = format!("with.{name}");
        definitions.insert(key.clone(), input);
        let mut properties = json!({ "with": { "$ref": format!("#/$defs/{key}") } });
        if is_function {
            insert(&mut properties, "connection", json!(false));
            insert(&mut properties, "retry", json!(false));
        }
        let mut then = json!({ "properties": properties });
        if has_required {
            insert(&mut then, "required", json!(["with"]));
        }
        actions.push((
            name,
            format!("{title}: {}", first_sentence(description)),
            then,
        ));
    }
    let names: Vec<Json> = actions
        .iter()
        .map(|(name, description, _)| json!({ "const": name, "description": description }))
        .collect();
    let conditions: Vec<Json> = actions
        .iter()
        .map(|(name, _, then)| {
            json!({
                "if": { "properties": { "card": { "const": name } }, "required": ["card"] },
                "then": then,
            })
        })
        .collect();
    definitions.insert("card".to_owned(), card(names, &conditions));
    definitions.insert(
        "cards".to_owned(),
        json!({
            "description": "What runs, by id. A card follows the cards that it reads.",
            "type": "object",
            "propertyNames": { "pattern": ID },
            "additionalProperties": { "$ref": "#/$defs/card" },
        }),
    );
    definitions.insert("input".to_owned(), input());
    definitions.insert("retry".to_owned(), retry());
    definitions.insert("after".to_owned(), after());
    definitions.insert(
        "duration".to_owned(),
        json!({
            "description": "A duration, such as `500ms`, `30s`, `1h30m`, `2d`.",
            "type": "string",
            "minLength": 1,
            "pattern": "^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        }),
    );
    definitions.insert(
        "expression".to_owned(),
        json!({
            "description": "An expression, with or without braces.",
            "type": ["string", "boolean"],
        }),
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowrun flow",
        "type": "object",
        "required": ["flow", "cards"],
        "additionalProperties": false,
        "properties": {
            "flow": { "description": "The flow's id.", "type": "string", "pattern": FLOW_ID },
            "language": { "description": "The version of the language.", "const": 1 },
            "description": { "description": "What the flow is for.", "type": "string" },
            "inputs": {
                "description": "What the flow takes, by name.",
                "type": "object",
                "propertyNames": { "pattern": ID },
                "additionalProperties": { "$ref": "#/$defs/input" },
            },
            "secrets": {
                "description": "Secrets, by name: each says where it is read from, once, before the first card.",
                "type": "object",
                "propertyNames": { "pattern": ID },
                "additionalProperties": {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": false,
                    "properties": {
                        "env": { "description": "An environment variable.", "type": "string" },
                        "file": { "description": "A file; a relative path starts at the flow's folder.", "type": "string" },
                    },
                },
            },
            "connections": {
                "description": "Aliases of connections: each a nickname, a set whose members `for_each` walks, or the kind that the caller supplies.",
                "type": "object",
                "propertyNames": { "pattern": ID },
                "additionalProperties": {
                    "oneOf": [
                        { "type": "string" },
                        {
                            "type": "object",
                            "required": ["kind"],
                            "additionalProperties": false,
                            "properties": { "kind": { "type": "string" } },
                        },
                        {
                            "type": "object",
                            "required": ["set"],
                            "additionalProperties": false,
                            "properties": { "set": { "type": "string" } },
                        },
                    ],
                },
            },
            "vars": {
                "description": "Values with names, computed once at the start, each over inputs and the vars before it.",
                "type": "object",
                "propertyNames": { "pattern": ID },
            },
            "defaults": {
                "description": "What cards have that say nothing themselves.",
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "retry": { "$ref": "#/$defs/retry" },
                    "timeout": { "$ref": "#/$defs/duration" },
                    "connection": { "type": "string" },
                },
            },
            "max_parallel": parallel("How many cards run at once; 64 by default."),
            "cards": { "$ref": "#/$defs/cards" },
            "outputs": { "description": "What the flow gives, by name.", "type": "object", "propertyNames": { "pattern": ID } },
        },
        "$defs": definitions,
    })
}

const FLOW_ID: &str = "^[a-z][a-z0-9_-]{0,62}$";
const ID: &str = FLOW_ID;

fn insert(object: &mut Json, key: &str, value: Json) {
    if let Json::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

fn parallel(description: &str) -> Json {
    json!({ "description": description, "type": "integer", "minimum": 1, "maximum": 1024 })
}

fn card(names: Vec<Json>, conditions: &[Json]) -> Json {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "card": { "description": "A card of the catalogue.", "oneOf": names },
            "with": { "description": "The card's inputs.", "type": "object" },
            "connection": { "description": "An alias of a connection, or an expression in braces that yields one.", "type": "string" },
            "cards": { "$ref": "#/$defs/cards" },
            "outputs": { "description": "What the group gives, by name.", "type": "object", "propertyNames": { "pattern": ID } },
            "when": { "description": "Decided once, when the card is ready. False: the card is skipped.", "$ref": "#/$defs/expression" },
            "for_each": { "description": "Runs the card once for each item of a list, or for each `{ key, value }` of an object.", "type": "string" },
            "as": { "description": "What the item is called; `item` by default.", "type": "string", "pattern": ID },
            "where": { "description": "Leaves items out.", "$ref": "#/$defs/expression" },
            "max_parallel": parallel("How many items are in flight at once; 8 by default."),
            "tolerate": {
                "description": "How many items may fail.",
                "oneOf": [
                    { "type": "integer", "minimum": 0 },
                    { "type": "string", "pattern": "^([0-9]+|(100|[0-9]{1,2})%|all)$" },
                ],
            },
            "retry": { "$ref": "#/$defs/retry" },
            "timeout": { "$ref": "#/$defs/duration" },
            "after": {
                "description": "Order without data: those cards must have succeeded.",
                "oneOf": [
                    { "$ref": "#/$defs/after" },
                    { "type": "array", "items": { "$ref": "#/$defs/after" } },
                ],
            },
        },
        "oneOf": [{ "required": ["card"] }, { "required": ["cards"] }],
        "dependentRequired": {
            "with": ["card"],
            "connection": ["card"],
            "retry": ["card"],
            "outputs": ["cards"],
            "as": ["for_each"],
            "where": ["for_each"],
            "max_parallel": ["for_each"],
            "tolerate": ["for_each"],
        },
        "allOf": conditions,
    })
}

fn input() -> Json {
    json!({
        "description": "A declared input.",
        "type": "object",
        "required": ["type"],
        "additionalProperties": false,
        "properties": {
            "type": {
                "enum": [
                    "string", "integer", "number", "boolean", "date", "datetime", "duration",
                    "size", "list", "object", "file", "connection", "secret", "any",
                ],
            },
            "default": { "description": "The value where none is given: a literal, or an expression over `run`." },
            "required": { "type": "boolean" },
            "enum": { "type": "array", "minItems": 1 },
            "minimum": { "type": ["number", "string"] },
            "maximum": { "type": ["number", "string"] },
            "pattern": { "type": "string" },
            "items": { "$ref": "#/$defs/input" },
            "properties": { "type": "object", "additionalProperties": { "$ref": "#/$defs/input" } },
            "description": { "type": "string" },
        },
    })
}

fn retry() -> Json {
    let kinds: Vec<&str> = ErrorKind::ALL.iter().map(|kind| kind.name()).collect();
    json!({
        "description": "When to try again.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "attempts": { "description": "All of them, the first included; 3 by default.", "type": "integer", "minimum": 1, "maximum": 100 },
            "delay": { "$ref": "#/$defs/duration" },
            "backoff": { "enum": ["constant", "exponential"] },
            "max_delay": { "$ref": "#/$defs/duration" },
            "kinds": { "description": "Kinds that are tried again even though they are not transient.", "type": "array", "items": { "enum": kinds } },
        },
    })
}

fn after() -> Json {
    json!({
        "description": "A card that must have succeeded, or may also have been skipped.",
        "oneOf": [
            { "type": "string", "pattern": ID },
            {
                "type": "object",
                "required": ["card"],
                "additionalProperties": false,
                "properties": {
                    "card": { "type": "string", "pattern": ID },
                    "or_skipped": { "type": "boolean" },
                },
            },
        ],
    })
}

fn first_sentence(text: &str) -> &str {
    let end = text
        .find(". ")
        .or_else(|| {
            text.find(
                ".
",
            )
        })
        .unwrap_or(text.len());
    text.get(..end).unwrap_or(text).trim_end_matches('.')
}

/// Whether a card's `with` must be there: an input that is neither optional nor a connection.
fn required(input: &Type) -> bool {
    match &input.kind {
        TypeKind::Object { fields, .. } => fields.values().any(must_be_written),
        _ => false,
    }
}

/// A connection may come from the card's own `connection`.
fn must_be_written(field: &Field) -> bool {
    field.required && !matches!(field.ty.kind, TypeKind::Connection { .. })
}

fn of_input(input: &Type) -> Json {
    match &input.kind {
        TypeKind::Object { .. } => plain(input),
        _ => json!({ "type": "object" }),
    }
}

fn of_function(function: &flowrun_card::Function) -> Json {
    let mut schema = of_input(&function.input());
    // An expression over elements stands without braces.
    for parameter in function.parameters {
        if parameter.kind == ParameterKind::Lambda
            && let Some(property) = schema.pointer_mut(&format!("/properties/{}", parameter.name))
        {
            *property = json!({
                "description": format!("{} An expression over `it`.", parameter.description),
                "type": ["string", "boolean"],
            });
        }
    }
    schema
}

/// The schema of a slot: its type, or an expression.
fn slot(ty: &Type) -> Json {
    match &ty.kind {
        TypeKind::Any => json!(true),
        TypeKind::Connection { .. } => json!({ "type": "string" }),
        TypeKind::Secret => json!({ "type": "string", "pattern": "\\{\\{" }),
        TypeKind::String {
            options,
            format: None,
            pattern: None,
            ..
        } if options.is_empty() => {
            // A plain number, boolean or date in a slot of text keeps its text.
            json!({ "type": ["string", "number", "boolean"] })
        }
        _ => json!({ "anyOf": [plain(ty), { "type": "string", "pattern": "\\{\\{" }] }),
    }
}

/// The schema of a type's literals. As deep as a declared type can be.
fn plain(ty: &Type) -> Json {
    match &ty.kind {
        TypeKind::Null => json!({ "type": "null" }),
        TypeKind::Boolean => json!({ "type": "boolean" }),
        TypeKind::Integer { minimum, maximum } => {
            let mut schema = json!({ "type": "integer" });
            let bound = |bound: i128| i64::try_from(bound).ok().map(Json::from);
            if let Some(minimum) = minimum.and_then(bound) {
                insert(&mut schema, "minimum", minimum);
            }
            if let Some(maximum) = maximum.and_then(bound) {
                insert(&mut schema, "maximum", maximum);
            }
            schema
        }
        TypeKind::Number { minimum, maximum } => {
            let mut schema = json!({ "type": "number" });
            if let Some(minimum) = minimum {
                insert(&mut schema, "minimum", json!(minimum));
            }
            if let Some(maximum) = maximum {
                insert(&mut schema, "maximum", json!(maximum));
            }
            schema
        }
        TypeKind::String {
            options,
            format,
            pattern,
            min_length,
            max_length,
        } => {
            if !options.is_empty() {
                return json!({ "enum": options });
            }
            let mut schema = match format {
                // A plain number is a size in bytes.
                Some(Format::Size) => json!({ "type": ["string", "integer"] }),
                Some(Format::Duration) => json!({ "$ref": "#/$defs/duration" }),
                _ => json!({ "type": ["string", "number", "boolean"] }),
            };
            if let Some(pattern) = pattern {
                insert(&mut schema, "pattern", json!(pattern));
            }
            if let Some(min) = min_length {
                insert(&mut schema, "minLength", json!(min));
            }
            if let Some(max) = max_length {
                insert(&mut schema, "maxLength", json!(max));
            }
            schema
        }
        TypeKind::List { items, .. } => json!({ "type": "array", "items": slot(items) }),
        TypeKind::Object { fields, additional } => {
            let mut properties = Map::new();
            let mut required = Vec::new();
            for (name, field) in fields {
                let mut schema = slot(&field.ty);
                if schema == json!(true) {
                    schema = json!({});
                }
                if !field.description.is_empty() {
                    insert(&mut schema, "description", json!(field.description));
                }
                if let Some(default) = &field.default
                    && !default.is_null()
                {
                    insert(&mut schema, "default", default.clone());
                }
                properties.insert(name.clone(), schema);
                if must_be_written(field) {
                    required.push(name.as_str());
                }
            }
            let additional = additional.as_ref().map_or(json!(false), |ty| slot(ty));
            json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": additional,
            })
        }
        TypeKind::OneOf(types) => {
            let any: Vec<Json> = types.iter().map(plain).collect();
            json!({ "anyOf": any })
        }
        _ => json!(true),
    }
}
