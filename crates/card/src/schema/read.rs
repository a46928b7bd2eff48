//! From the JSON Schema that schemars derives to a [`Type`].

use std::sync::Arc;

use indexmap::IndexMap;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value as Json};

use super::{Field, Format, Type, TypeKind};

/// How deep a declared type may nest.
const MAX_DEPTH: usize = 32;

/// A declared type that a flow cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct SchemaError {
    /// Where in the type.
    pub path: String,
    /// What a flow's types do not have.
    pub problem: String,
}

impl Type {
    /// The type that a Rust type declares, and its JSON Schema with every definition in place.
    ///
    /// # Errors
    /// A type that refers to itself, nests too deep, or uses a part of JSON Schema that has no
    /// meaning in a flow.
    pub fn of<T: JsonSchema + ?Sized>(inputs: bool) -> Result<(Type, Json), SchemaError> {
        let mut settings = SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        if !inputs {
            settings = settings.for_serialize();
        }
        let schema = SchemaGenerator::new(settings)
            .into_root_schema_for::<T>()
            .to_value();
        let ty = Type::from_schema(&schema)?;
        Ok((ty, schema))
    }

    /// Reads a JSON Schema.
    ///
    /// # Errors
    /// As [`Type::of`].
    pub fn from_schema(schema: &Json) -> Result<Type, SchemaError> {
        read(schema, &mut Vec::new())
    }
}

fn read(schema: &Json, path: &mut Vec<String>) -> Result<Type, SchemaError> {
    if path.len() > MAX_DEPTH {
        return Err(problem(path, "the type nests too deep"));
    }
    let Json::Object(schema) = schema else {
        // `true` is the schema of anything.
        return Ok(Type::ANY);
    };
    if let Some(name) = schema.get("x-flowrun-type").and_then(Json::as_str) {
        return named(name, schema, path);
    }
    if schema.contains_key("$ref") {
        return Err(problem(path, "the type refers to itself"));
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Json::Array(parts)) = schema.get(key) {
            return union(parts, path);
        }
    }
    if let Some(constant) = schema.get("const").and_then(Json::as_str) {
        return Ok(options(vec![constant.to_owned()]));
    }
    if let Some(Json::Array(allowed)) = schema.get("enum") {
        let nullable = allowed.iter().any(Json::is_null);
        let texts = allowed
            .iter()
            .filter_map(|option| option.as_str().map(str::to_owned))
            .collect();
        return Ok(Type {
            nullable,
            ..options(texts)
        });
    }
    match schema.get("type") {
        None => Ok(Type::ANY),
        Some(Json::String(name)) => Ok(Type::new(kind(name, schema, path)?)),
        Some(Json::Array(names)) => {
            let mut kinds = Vec::new();
            let mut nullable = false;
            for name in names.iter().filter_map(Json::as_str) {
                match name {
                    "null" => nullable = true,
                    name => kinds.push(Type::new(kind(name, schema, path)?)),
                }
            }
            Ok(Type {
                nullable,
                ..one_of(kinds)
            })
        }
        Some(_) => Err(problem(
            path,
            "`type` is neither a name nor a list of names",
        )),
    }
}

fn named(name: &str, schema: &Map<String, Json>, path: &[String]) -> Result<Type, SchemaError> {
    match name {
        "file" => Ok(Type::new(TypeKind::File)),
        "connection" => Ok(Type::new(TypeKind::Connection {
            kind: schema
                .get("x-flowrun-kind")
                .and_then(Json::as_str)
                .map(str::to_owned),
        })),
        "secret" => Ok(Type::new(TypeKind::Secret)),
        other => Err(problem(path, &format!("there is no type `{other}`"))),
    }
}

fn union(parts: &[Json], path: &mut Vec<String>) -> Result<Type, SchemaError> {
    let mut types = Vec::new();
    let mut texts = Vec::new();
    let mut nullable = false;
    for part in parts {
        let ty = read(part, path)?;
        nullable |= ty.nullable;
        match ty.kind {
            TypeKind::Null => nullable = true,
            TypeKind::String {
                options,
                format: None,
                pattern: None,
                ..
            } if !options.is_empty() => texts.extend(options),
            kind => types.push(Type::new(kind)),
        }
    }
    if !texts.is_empty() {
        types.push(options(texts));
    }
    Ok(Type {
        nullable,
        ..one_of(types)
    })
}

fn one_of(mut types: Vec<Type>) -> Type {
    match types.len() {
        0 => Type::new(TypeKind::Null),
        1 => types.pop().unwrap_or(Type::ANY),
        _ if types.iter().any(Type::is_any) => Type::ANY,
        _ => Type::new(TypeKind::OneOf(types)),
    }
}

fn options(options: Vec<String>) -> Type {
    Type::new(TypeKind::String {
        format: None,
        options,
        pattern: None,
        min_length: None,
        max_length: None,
    })
}

fn kind(
    name: &str,
    schema: &Map<String, Json>,
    path: &mut Vec<String>,
) -> Result<TypeKind, SchemaError> {
    Ok(match name {
        "null" => TypeKind::Null,
        "boolean" => TypeKind::Boolean,
        "integer" => TypeKind::Integer {
            minimum: integer(schema, "minimum"),
            maximum: integer(schema, "maximum"),
        },
        "number" => TypeKind::Number {
            minimum: schema.get("minimum").and_then(Json::as_f64),
            maximum: schema.get("maximum").and_then(Json::as_f64),
        },
        "string" => TypeKind::String {
            format: format(schema),
            options: Vec::new(),
            pattern: schema
                .get("pattern")
                .and_then(Json::as_str)
                .map(str::to_owned),
            min_length: length(schema, "minLength"),
            max_length: length(schema, "maxLength"),
        },
        "array" => {
            let items = match schema.get("items") {
                Some(items) => {
                    path.push("[]".to_owned());
                    let items = read(items, path)?;
                    path.pop();
                    items
                }
                None => Type::ANY,
            };
            TypeKind::List {
                items: Arc::new(items),
                min_items: length(schema, "minItems"),
                max_items: length(schema, "maxItems"),
            }
        }
        "object" => object(schema, path)?,
        other => return Err(problem(path, &format!("there is no type `{other}`"))),
    })
}

fn object(schema: &Map<String, Json>, path: &mut Vec<String>) -> Result<TypeKind, SchemaError> {
    let required: Vec<&str> = match schema.get("required") {
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    };
    let mut fields = IndexMap::new();
    if let Some(Json::Object(properties)) = schema.get("properties") {
        for (name, property) in properties {
            path.push(name.clone());
            let ty = read(property, path)?;
            path.pop();
            let text = |key: &str| property.get(key).and_then(Json::as_str);
            let field = Field {
                required: required.contains(&name.as_str()),
                ty,
                description: text("description").unwrap_or_default().to_owned(),
                default: property.get("default").cloned(),
            };
            fields.insert(name.clone(), field);
        }
    }
    let additional = match schema.get("additionalProperties") {
        Some(Json::Bool(false)) => None,
        // A struct without `deny_unknown_fields` says nothing of further fields; a flow's types
        // are closed, so only a map, which declares no fields, is open.
        None | Some(Json::Bool(true)) if !fields.is_empty() => None,
        None | Some(Json::Bool(true)) => Some(Arc::new(Type::ANY)),
        Some(values) => {
            path.push("*".to_owned());
            let ty = read(values, path)?;
            path.pop();
            Some(Arc::new(ty))
        }
    };
    Ok(TypeKind::Object { fields, additional })
}

fn format(schema: &Map<String, Json>) -> Option<Format> {
    match schema.get("format").and_then(Json::as_str)? {
        "date" => Some(Format::Date),
        "date-time" => Some(Format::DateTime),
        "flowrun-duration" => Some(Format::Duration),
        "flowrun-size" => Some(Format::Size),
        _ => None,
    }
}

fn integer(schema: &Map<String, Json>, key: &str) -> Option<i128> {
    let bound = schema.get(key)?;
    bound
        .as_i64()
        .map(i128::from)
        .or_else(|| bound.as_u64().map(i128::from))
        // schemars writes bounds of macros such as `range` as floats.
        .or_else(|| bound.as_f64().map(|float| float as i128))
}

fn length(schema: &Map<String, Json>, key: &str) -> Option<usize> {
    usize::try_from(schema.get(key)?.as_u64()?).ok()
}

fn problem(path: &[String], problem: &str) -> SchemaError {
    SchemaError {
        path: if path.is_empty() {
            "the type".to_owned()
        } else {
            path.join(".")
        },
        problem: problem.to_owned(),
    }
}
