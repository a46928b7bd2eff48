use std::collections::BTreeSet;

use flowrun_card::{Entry, Function, ParameterKind, RegistryError};

use super::*;

fn functions() -> Vec<&'static Function> {
    registry()
        .iter()
        .map(|entry| match entry {
            Entry::Function(function) => *function,
            other => panic!("{} is no function", other.name()),
        })
        .collect()
}

fn is_sentence(text: &str) -> bool {
    text.starts_with(|c: char| c.is_uppercase() || c == '`') && text.ends_with('.')
}

#[test]
fn the_catalogue() {
    let names: Vec<&str> = functions().iter().map(|function| function.name).collect();
    assert_eq!(
        names,
        [
            "date.add",
            "date.difference",
            "date.format",
            "date.parse",
            "date.subtract",
            "json.parse",
            "json.stringify",
            "list.filter",
            "list.first",
            "list.join",
            "list.last",
            "list.length",
            "list.map",
            "list.slice",
            "list.sort_by",
            "list.sum",
            "logic.if",
            "number.add",
            "number.divide",
            "number.max",
            "number.min",
            "number.multiply",
            "number.round",
            "number.subtract",
            "text.lower",
            "text.replace",
            "text.slice",
            "text.split",
            "text.trim",
            "text.upper",
            "yaml.parse",
            "yaml.stringify",
        ]
    );
}

#[test]
fn every_function_is_described() {
    let mut titles = BTreeSet::new();
    for function in functions() {
        let name = function.name;
        assert!(titles.insert(function.title), "two titles of {name}");
        assert!(is_sentence(function.description), "{name}");
        assert_eq!(function.since, "0.1.0", "{name}");
        assert!(!function.search_terms.is_empty(), "{name}");
        let mut parameters = BTreeSet::new();
        let mut optional = false;
        for parameter in function.parameters {
            assert!(parameters.insert(parameter.name), "{name}");
            assert!(
                is_sentence(parameter.description),
                "{name} {}",
                parameter.name
            );
            // Arguments stand in declared order, so none may follow one that was left out.
            assert!(parameter.optional || !optional, "{name}");
            optional = parameter.optional;
        }
    }
}

#[test]
fn every_function_has_examples() {
    for function in functions() {
        assert!(function.examples.len() >= 2, "{}", function.name);
        for example in function.examples {
            assert!(
                example.call.contains(function.name),
                "{}: {}",
                function.name,
                example.call
            );
            assert!(
                example.call.matches('(').count() == example.call.matches(')').count(),
                "{}",
                example.call
            );
            serde_json::from_str::<Value>(example.result).expect(example.call);
        }
    }
}

#[test]
fn the_result_of_an_example_is_of_the_declared_type() {
    for function in functions() {
        let types: Vec<Type> = function
            .parameters
            .iter()
            .map(|parameter| (parameter.ty)())
            .collect();
        let ty = (function.returns)(&types);
        for example in function.examples {
            let result = ty.conform(json(example.result));
            assert_eq!(result, Ok(json(example.result)), "{}", example.call);
        }
    }
}

#[test]
fn expressions_are_not_values() {
    let names: Vec<_> = functions()
        .iter()
        .flat_map(|function| {
            function
                .parameters
                .iter()
                .filter(|parameter| parameter.kind != ParameterKind::Value)
                .map(|parameter| (function.name, parameter.name, parameter.kind))
        })
        .collect();
    assert_eq!(
        names,
        [
            ("list.filter", "where", ParameterKind::Lambda),
            ("list.map", "each", ParameterKind::Lambda),
            ("list.sort_by", "by", ParameterKind::Lambda),
            ("logic.if", "then", ParameterKind::Lazy),
            ("logic.if", "else", ParameterKind::Lazy),
        ]
    );
}

#[test]
fn functions_are_registered_once() {
    let mut registry = registry();
    assert_eq!(
        crate::register(&mut registry),
        Err(RegistryError::Duplicate { name: "text.upper" })
    );
}
