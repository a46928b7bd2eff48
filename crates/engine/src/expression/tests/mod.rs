//! Tests of expressions: a scope made of JSON, and a few functions.

mod bridge;
mod errors;
mod properties;
mod references;
mod values;

use std::sync::OnceLock;

use flowrun_card::{
    Format, Function, FunctionError, Object, Parameter, Registry, SourceId, Span, Type, TypeKind,
    Value,
};

use super::*;
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    source::{Source, SpanMap},
    suggest,
};

/// What the tests read. The types are those of the values, except as [`type_of`] says.
const ROOTS: &str = r#"{
  "inputs": {
    "name": "ada", "note": null, "count": 3, "zero": 0, "ratio": 1.5, "flag": true, "off": false,
    "big": 18446744073709551615, "least": -9223372036854775808, "account": "012345678901",
    "names": ["Ada", "Grace"], "none": [], "empty": "", "mode_enum": "FAST",
    "day_on": "2026-11-23", "later_at": "2026-11-23T01:00:00+01:00", "wait_for": "90m",
    "min_size": "5MiB", "tags": { "env": "prod", "cost-center": "12" }
  },
  "vars": {
    "any": { "list": [1, "x", null], "when": "2026-11-23T01:00:00+01:00", "deep": { "null": null } },
    "any_text": "text"
  },
  "cards": {
    "found": {
      "objects": [
        { "key": "a.csv", "size": 7, "etag": null, "modified_at": "2026-11-23T00:00:00Z" },
        { "key": "b/c.csv", "size": 6442450944, "etag": "e", "modified_at": "2026-11-24T00:00:00Z" }
      ],
      "count": 2
    },
    "one": { "etag": null, "size": 1 },
    "skipped": { "key": "k" },
    "missing": { "key": "k" },
    "nothing": { "key": "k" }
  },
  "connections": { "source": null },
  "run": { "id": "r1" },
  "item": { "key": "item.csv", "file": null, "source": null },
  "index": 4
}"#;

fn roots() -> &'static Object {
    static ROOTS_READ: OnceLock<Object> = OnceLock::new();
    ROOTS_READ.get_or_init(|| {
        let value: Value = serde_json::from_str(ROOTS).unwrap();
        value.as_object().unwrap().clone()
    })
}

/// The type of a value, or what the end of its name says.
fn type_of(name: &str, value: &Value) -> Type {
    match name {
        "any" | "any_text" => return Type::ANY,
        "source" => return Type::new(TypeKind::Connection { kind: None }),
        "file" => return Type::new(TypeKind::File),
        _ => {}
    }
    for (end, format) in [
        ("_at", Format::DateTime),
        ("_on", Format::Date),
        ("_for", Format::Duration),
        ("_size", Format::Size),
    ] {
        if name.ends_with(end) {
            return Type::formatted(format);
        }
    }
    if name.ends_with("_enum") {
        return Type::new(TypeKind::String {
            format: None,
            options: vec!["FAST".to_owned(), "CAREFUL".to_owned()],
            pattern: None,
            min_length: None,
            max_length: None,
        });
    }
    match value {
        Value::Null => Type::string().nullable(),
        Value::Boolean(_) => Type::boolean(),
        Value::Integer(_) => Type::integer(),
        Value::Number(_) => Type::number(),
        Value::String(_) => Type::string(),
        Value::List(list) => Type::list(list.get(0).map_or(Type::ANY, |item| type_of("", &item))),
        Value::Object(object) => Type::object(
            object
                .iter()
                .map(|(name, value)| (name.to_string(), type_of(name, value))),
        ),
        _ => Type::ANY,
    }
}

struct TestScope;

const NAMESPACES: [Namespace; 5] = [
    Namespace::Inputs,
    Namespace::Vars,
    Namespace::Cards,
    Namespace::Connections,
    Namespace::Run,
];

fn fields(root: &str) -> &'static Object {
    roots().get(root).unwrap().as_object().unwrap()
}

impl Scope for TestScope {
    fn root(&self, name: &str) -> Root {
        if let Some(namespace) = NAMESPACES.into_iter().find(|one| one.name() == name) {
            return Root::Namespace(namespace);
        }
        match name {
            "item" => Root::Value {
                binding: Binding::Item(0),
                ty: type_of("", roots().get("item").unwrap()),
            },
            "index" => Root::Value {
                binding: Binding::Index(0),
                ty: Type::integer(),
            },
            _ => Root::Refused {
                code: Code::UNKNOWN_ROOT,
                message: format!("there is no `{name}`"),
                help: suggest::among(name, NAMESPACES.map(Namespace::name)),
            },
        }
    }

    fn member(&self, namespace: Namespace, name: &str) -> Member {
        let fields = fields(namespace.name());
        let Some(place) = fields.iter().position(|(field, _)| &**field == name) else {
            return Member::Refused {
                code: Code::UNKNOWN_NAME,
                message: format!("there is no `{name}` under `{}`", namespace.name()),
                help: suggest::among(name, fields.iter().map(|(field, _)| &**field)),
                also: None,
            };
        };
        let at = u32::try_from(place).unwrap();
        Member::Value {
            binding: match namespace {
                Namespace::Inputs => Binding::Input(at),
                Namespace::Vars => Binding::Var(at),
                Namespace::Cards => Binding::Card(at),
                Namespace::Connections => Binding::Connection(at),
                Namespace::Secrets => Binding::Secret(at),
                Namespace::Run => Binding::Run(RunField::Id),
            },
            ty: type_of(name, fields.get(name).unwrap()),
        }
    }
}

struct TestBindings;

impl Bindings for TestBindings {
    fn get(&self, binding: Binding) -> Bound {
        let nth = |root: &str, at: u32| {
            let (name, value) = fields(root).iter().nth(at as usize).unwrap();
            match &**name {
                "skipped" => Bound::Skipped,
                "missing" => Bound::Missing,
                "nothing" => Bound::Null,
                _ => Bound::Value(value.clone()),
            }
        };
        match binding {
            Binding::Input(at) => nth("inputs", at),
            Binding::Var(at) => nth("vars", at),
            Binding::Card(at) => nth("cards", at),
            Binding::Connection(_) | Binding::Secret(_) => Bound::Value(Value::from("a stand-in")),
            Binding::Run(_) => Bound::Value(Value::from("r1")),
            Binding::Item(_) => Bound::Value(roots().get("item").unwrap().clone()),
            Binding::Index(_) => Bound::Value(roots().get("index").unwrap().clone()),
            Binding::Element(0) => Bound::Value(Value::from("an element")),
            Binding::Element(_) => Bound::Missing,
        }
    }
}

fn integer() -> Type {
    Type::integer()
}

fn list() -> Type {
    Type::list(Type::ANY)
}

fn texts() -> Type {
    Type::list(Type::string())
}

fn date() -> Type {
    Type::formatted(Format::Date)
}

fn anything() -> Type {
    Type::ANY
}

/// A function that says little of itself.
const FUNCTION: Function = Function {
    name: "",
    title: "",
    description: "",
    parameters: &[],
    returns: |_| Type::string(),
    examples: &[],
    since: "0.1.0",
    search_terms: &[],
    body: |arguments| Ok(arguments.value(0)),
};

static FUNCTIONS: [Function; 9] = [
    Function {
        name: "text.upper",
        parameters: &[Parameter::required("text", Type::string, "")],
        body: |arguments| Ok(arguments.text(0).to_uppercase().into()),
        ..FUNCTION
    },
    Function {
        name: "text.slice",
        parameters: &[
            Parameter::required("text", Type::string, ""),
            Parameter::required("from", integer, ""),
            Parameter::optional("to", integer, ""),
        ],
        body: |arguments| {
            let text = arguments.text(0);
            let from = usize::try_from(arguments.value(1).as_u64().unwrap_or(0)).unwrap();
            let to = arguments
                .value(2)
                .as_u64()
                .map_or(text.len(), |to| to as usize);
            match text.get(from..to) {
                Some(part) => Ok(part.into()),
                None => Err(FunctionError::new("the text is shorter")),
            }
        },
        ..FUNCTION
    },
    Function {
        name: "text.join",
        parameters: &[Parameter::required("list", texts, "")],
        body: |arguments| {
            let list = arguments.list(0);
            let texts: Vec<String> = list
                .iter()
                .map(|item| item.as_str().unwrap().into())
                .collect();
            Ok(texts.join(",").into())
        },
        ..FUNCTION
    },
    Function {
        name: "date.weekday",
        parameters: &[Parameter::required("date", date, "")],
        ..FUNCTION
    },
    Function {
        name: "json.stringify",
        parameters: &[Parameter::required("value", anything, "")],
        body: |arguments| Ok(arguments.value(0).to_string().into()),
        ..FUNCTION
    },
    Function {
        name: "list.length",
        parameters: &[Parameter::required("list", list, "")],
        returns: |_| Type::integer(),
        body: |arguments| Ok((arguments.list(0).len() as u64).into()),
        ..FUNCTION
    },
    Function {
        name: "list.filter",
        parameters: &[
            Parameter::required("list", list, ""),
            Parameter::lambda("where", Type::boolean, ""),
        ],
        returns: |types| types[0].clone(),
        body: |arguments| {
            let mut kept = flowrun_card::List::new();
            for item in arguments.list(0).iter() {
                if arguments.apply(1, item.clone())?.as_bool().unwrap() {
                    kept.push(item);
                }
            }
            Ok(kept.into())
        },
        ..FUNCTION
    },
    Function {
        name: "list.map",
        parameters: &[
            Parameter::required("list", list, ""),
            Parameter::lambda("to", anything, ""),
        ],
        returns: |types| Type::list(types[1].clone()),
        body: |arguments| {
            let items: Result<Vec<Value>, _> = arguments
                .list(0)
                .iter()
                .map(|item| arguments.apply(1, item))
                .collect();
            Ok(Value::from_iter(items?))
        },
        ..FUNCTION
    },
    Function {
        name: "logic.if",
        parameters: &[
            Parameter::required("condition", Type::boolean, ""),
            Parameter::lazy("then", anything, ""),
            Parameter::lazy("else", anything, ""),
        ],
        returns: |types| types[1].clone(),
        body: |arguments| {
            let branch = if arguments.value(0) == Value::Boolean(true) {
                1
            } else {
                2
            };
            arguments.apply(branch, Value::Null)
        },
        ..FUNCTION
    },
];

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut registry = Registry::new();
        for function in &FUNCTIONS {
            registry.function(function).unwrap();
        }
        registry
    })
}

fn spans(text: &str) -> SpanMap {
    let end = u32::try_from(text.len()).unwrap();
    SpanMap::exact(Span::new(SourceId(0), 0, end))
}

type Parser = fn(&str, &SpanMap, &mut Diagnostics) -> Option<Parsed>;

/// Everything from text to value; `Err` with the diagnostics as lines.
fn run(parser: Parser, text: &str) -> Result<(Type, Result<Value, EvaluationError>), String> {
    let mut diagnostics = Diagnostics::default();
    let checked = parser(text, &spans(text), &mut diagnostics)
        .and_then(|parsed| check(&parsed, &TestScope, registry(), None, &mut diagnostics));
    match checked {
        Some(checked) => {
            assert_eq!(*diagnostics, [], "{text}");
            Ok((checked.ty, evaluate(&checked.compiled, &TestBindings)))
        }
        None => {
            assert!(!diagnostics.is_empty(), "{text}");
            let source = Source::new("f", text.to_owned());
            Err(diagnostics
                .finish(&source)
                .iter()
                .map(|one| render(one, &source))
                .collect())
        }
    }
}

fn render(diagnostic: &Diagnostic, source: &Source) -> String {
    let at = source.slice(diagnostic.primary.span);
    let help = diagnostic.help.as_deref().unwrap_or("-");
    format!(
        "{}\n  at `{at}`, help: {help}\n",
        diagnostic.to_line(source)
    )
}
