//! Declared inputs: a type with its options, and a default that fits it.

use std::sync::Arc;

use flowrun_card::{Field, Format, Integer, Span, Type, TypeKind, Value};

use super::{
    Input, id,
    keys::{self, Place},
    read::Reader,
};
use crate::{
    diagnostic::Code,
    expression::check_regex,
    suggest,
    syntax::{Entry, Kind, Node},
};

const TYPES: &[&str] = &[
    "string",
    "integer",
    "number",
    "boolean",
    "date",
    "datetime",
    "duration",
    "size",
    "list",
    "object",
    "file",
    "connection",
    "secret",
    "any",
];

/// What other languages call the same.
const SYNONYMS: &[(&str, &str)] = &[
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("double", "number"),
    ("decimal", "number"),
    ("bool", "boolean"),
    ("array", "list"),
    ("map", "object"),
    ("dict", "object"),
    ("json", "any"),
    ("timestamp", "datetime"),
    ("bytes", "size"),
    ("path", "file"),
];

/// The options of a type, and where they stand.
#[derive(Default)]
struct Options<'n> {
    ty: Option<&'n Node>,
    options: Option<(Span, &'n Node)>,
    minimum: Option<(Span, &'n Node)>,
    maximum: Option<(Span, &'n Node)>,
    pattern: Option<(Span, &'n Node)>,
    items: Option<(Span, &'n Node)>,
    properties: Option<(Span, &'n Node)>,
    required: Option<bool>,
    default: Option<&'n Node>,
    description: Option<String>,
}

impl Reader<'_> {
    pub(super) fn inputs(&mut self, node: &Node) -> Vec<Input> {
        let entries = self.optional_map(node, "a map of inputs");
        let mut inputs = Vec::with_capacity(entries.len());
        for entry in entries {
            inputs.push(self.input(entry));
        }
        inputs
    }

    fn input(&mut self, Entry { key, value }: &Entry) -> Input {
        let name = self.name(&key.name, key.span, id::What::Input);
        let Some((mut options, ty)) = self.declaration(value, key.span, &keys::INPUT) else {
            return Input {
                name,
                ty: Type::ANY,
                required: false,
                default: None,
                description: None,
            };
        };
        if let (Some(true), Some(default)) = (options.required, options.default) {
            self.error_with_help(
                Code::WRONG_VALUE,
                default.span,
                "a required input has no default",
                "remove `required`, or the default",
            );
        }
        if let (TypeKind::Secret, Some(default)) = (&ty.kind, options.default) {
            self.error_with_help(
                Code::WRONG_VALUE,
                default.span,
                "a secret has no default: a flow never holds one",
                "declare it under `secrets:`, where the flow says what it is read from",
            );
            options.default = None;
        }
        let fits = options
            .default
            .is_none_or(|default| default.has_expression() || self.default(default, &ty));
        let required = options
            .required
            .unwrap_or_else(|| options.default.is_none());
        let ty = if required || options.default.is_some() {
            ty
        } else {
            ty.nullable()
        };
        Input {
            name,
            ty,
            required,
            default: options.default.filter(|_| fits).cloned(),
            description: options.description,
        }
    }

    /// Whether a default that is a literal fits.
    fn default(&mut self, node: &Node, ty: &Type) -> bool {
        if node.is_null() && !ty.nullable {
            let diagnostic = self
                .wrong_type(node, &ty.to_string())
                .help("an input that may be left out says `required: false`, and has no default");
            self.errors.push(diagnostic);
            return false;
        }
        self.fitting(node, ty).is_some()
    }

    /// Recursion ends at the depth that the parser allows.
    fn declaration<'n>(
        &mut self,
        node: &'n Node,
        name: Span,
        place: &Place,
    ) -> Option<(Options<'n>, Type)> {
        let Kind::Map(entries) = &node.kind else {
            let diagnostic = self.wrong_type(node, "a map with a `type`");
            let is_type =
                matches!(&node.kind, Kind::Scalar(scalar) if TYPES.contains(&&*scalar.text));
            let help = match &node.kind {
                Kind::Scalar(scalar) if is_type => format!("write `{{ type: {} }}`", scalar.text),
                _ => "write `{ type: string }`, or another type".to_owned(),
            };
            self.errors.push(diagnostic.help(help));
            return None;
        };
        let mut options = Options::default();
        for Entry { key, value } in entries {
            if !place.keys.contains(&&*key.name) {
                self.unknown_key(place, key);
                continue;
            }
            let given = Some((key.span, value));
            match &*key.name {
                "type" => options.ty = Some(value),
                "enum" => options.options = given,
                "minimum" => options.minimum = given,
                "maximum" => options.maximum = given,
                "pattern" => options.pattern = given,
                "items" => options.items = given,
                "properties" => options.properties = given,
                "required" => options.required = self.boolean(value),
                "default" => options.default = Some(value),
                "description" => options.description = self.description(value),
                _ => {}
            }
        }
        let Some(ty) = options.ty else {
            if Self::was_meant(entries, place, "type") {
                return Some((options, Type::ANY));
            }
            self.error_with_help(
                Code::MISSING_KEY,
                name,
                format!("{} has no type", place.name),
                format!("types are {}", keys::list(TYPES)),
            );
            return Some((options, Type::ANY));
        };
        let span = ty.span;
        let ty = self.ty(ty, &options);
        if ty.kind == TypeKind::Secret && !std::ptr::eq(place, &keys::INPUT) {
            self.error_with_help(
                Code::WRONG_VALUE,
                span,
                format!("{} is no secret", place.name),
                "a secret is an input of its own",
            );
            return Some((options, Type::ANY));
        }
        Some((options, ty))
    }

    fn ty(&mut self, node: &Node, options: &Options<'_>) -> Type {
        let Some(name) = self.text(node, "a type") else {
            return Type::ANY;
        };
        let formatted = |format| (Type::formatted(format), Takes::ENUM);
        let (mut ty, takes) = match &*name.value {
            "string" => (Type::string(), Takes::TEXT),
            "integer" => (Type::integer(), Takes::BOUNDS),
            "number" => (Type::number(), Takes::BOUNDS),
            "boolean" => (Type::boolean(), Takes::NOTHING),
            "date" => formatted(Format::Date),
            "datetime" => formatted(Format::DateTime),
            "duration" => formatted(Format::Duration),
            "size" => formatted(Format::Size),
            "list" => (Type::list(Type::ANY), Takes::ITEMS),
            "object" => (Type::map(Type::ANY), Takes::PROPERTIES),
            "file" => (Type::new(TypeKind::File), Takes::NOTHING),
            "connection" => (
                Type::new(TypeKind::Connection { kind: None }),
                Takes::NOTHING,
            ),
            "any" => (Type::ANY, Takes::NOTHING),
            "secret" => (Type::new(TypeKind::Secret), Takes::NOTHING),
            unknown => {
                let synonym = SYNONYMS.iter().find(|(theirs, _)| *theirs == unknown);
                let help = match synonym {
                    Some((_, ours)) => format!("did you mean `{ours}`?"),
                    None => suggest::among(unknown, TYPES.iter().copied())
                        .unwrap_or_else(|| format!("types are {}", keys::list(TYPES))),
                };
                let message = format!("there is no type `{unknown}`");
                self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
                return Type::ANY;
            }
        };
        self.misfits(&name.value, takes, options);
        self.refine(&mut ty, takes, options);
        ty
    }

    /// Options that the type does not have.
    fn misfits(&mut self, ty: &str, takes: Takes, options: &Options<'_>) {
        let given = [
            ("enum", Takes::ENUM, options.options),
            ("minimum", Takes::BOUNDS, options.minimum),
            ("maximum", Takes::BOUNDS, options.maximum),
            ("pattern", Takes::PATTERN, options.pattern),
            ("items", Takes::ITEMS, options.items),
            ("properties", Takes::PROPERTIES, options.properties),
        ];
        for (option, needs, given) in given {
            if let Some((span, _)) = given
                && !takes.has(needs)
            {
                let message = format!("`{option}` does not go with the type `{ty}`");
                let help = match option {
                    "enum" => "it lists texts",
                    "minimum" | "maximum" => "they go with `integer` and `number`",
                    "pattern" => "it goes with `string`",
                    "items" => "it goes with `list`",
                    _ => "it goes with `object`",
                };
                self.error_with_help(Code::WRONG_VALUE, span, message, help);
            }
        }
    }

    fn refine(&mut self, ty: &mut Type, takes: Takes, given: &Options<'_>) {
        let plain = ty.clone();
        match &mut ty.kind {
            TypeKind::String {
                options, pattern, ..
            } => {
                if let Some((_, node)) = given.options {
                    *options = self.options(node, &plain);
                }
                if let Some((_, node)) = given.pattern
                    && takes.has(Takes::PATTERN)
                {
                    *pattern = self.pattern(node);
                }
            }
            TypeKind::Integer { minimum, maximum } => {
                let mut bound = |given: Option<(Span, &Node)>| match self.fitting(given?.1, &plain)
                {
                    Some(Value::Integer(integer)) => Some(integer.as_i128()),
                    _ => None,
                };
                *minimum = bound(given.minimum);
                *maximum = bound(given.maximum);
                let empty = minimum.zip(*maximum).is_some_and(|(min, max)| min > max);
                self.refuse_empty(empty, given);
            }
            TypeKind::Number { minimum, maximum } => {
                let mut bound = |given: Option<(Span, &Node)>| match self.fitting(given?.1, &plain)
                {
                    Some(Value::Integer(integer)) => Some(Integer::to_f64(integer)),
                    Some(Value::Number(number)) => Some(number),
                    _ => None,
                };
                *minimum = bound(given.minimum);
                *maximum = bound(given.maximum);
                let empty = minimum.zip(*maximum).is_some_and(|(min, max)| min > max);
                self.refuse_empty(empty, given);
            }
            TypeKind::List { items, .. } => {
                if let Some((span, node)) = given.items
                    && let Some((_, ty)) = self.declaration(node, span, &keys::ITEMS)
                {
                    *items = Arc::new(ty);
                }
            }
            TypeKind::Object { fields, additional } => {
                let Some((_, node)) = given.properties else {
                    return;
                };
                *additional = None;
                for Entry { key, value } in self.optional_map(node, "a map of properties") {
                    let Some((options, ty)) = self.declaration(value, key.span, &keys::PROPERTY)
                    else {
                        continue;
                    };
                    let field = Field {
                        ty,
                        required: options.required.unwrap_or(true),
                        description: options.description.unwrap_or_default(),
                        default: None,
                    };
                    fields.insert(key.name.to_string(), field);
                }
            }
            _ => {}
        }
    }

    fn refuse_empty(&mut self, empty: bool, given: &Options<'_>) {
        if empty && let Some((span, _)) = given.minimum {
            self.error_with_help(
                Code::WRONG_VALUE,
                span,
                "`minimum` is larger than `maximum`",
                "exchange the two",
            );
        }
    }

    fn options(&mut self, node: &Node, ty: &Type) -> Vec<String> {
        let items = self
            .list(node, "a list of the allowed values")
            .unwrap_or_default();
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            let message = "`enum` lists no value";
            let help = "list the allowed values, or remove `enum`";
            self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
        }
        let mut options = Vec::with_capacity(items.len());
        for item in items {
            if let Some(Value::String(option)) = self.fitting(item, ty) {
                options.push(option.to_string());
            }
        }
        options
    }

    fn pattern(&mut self, node: &Node) -> Option<String> {
        let pattern = self.text(node, "a regular expression")?.value;
        match check_regex(&pattern) {
            Ok(()) => Some(pattern.to_string()),
            Err(message) => {
                let help = "a backslash before a sign takes it as it is: `\\(`";
                self.error_with_help(Code::WRONG_VALUE, node.span, message, help);
                None
            }
        }
    }
}

/// Which options a type takes.
#[derive(Clone, Copy)]
struct Takes(u8);

impl Takes {
    const NOTHING: Takes = Takes(0);
    const ENUM: Takes = Takes(1);
    const PATTERN: Takes = Takes(2);
    const TEXT: Takes = Takes(1 | 2);
    const BOUNDS: Takes = Takes(4);
    const ITEMS: Takes = Takes(8);
    const PROPERTIES: Takes = Takes(16);

    fn has(self, other: Takes) -> bool {
        self.0 & other.0 != 0
    }
}
