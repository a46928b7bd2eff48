//! Every function through the catalogue, as an engine calls it: arguments fitted to their types.

mod bounds;
mod catalogue;
mod codec;
mod date;
mod list;
mod number;
mod text;

use flowrun_card::{Arguments, FunctionCall, FunctionError, Registry, Type, Value};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    crate::register(&mut registry).unwrap();
    registry
}

/// Calls a function with values and expressions.
fn call(name: &str, mut arguments: Vec<FunctionCall<'_>>) -> Result<Value, FunctionError> {
    let function = registry().find_function(name).unwrap();
    for (argument, parameter) in arguments.iter_mut().zip(function.parameters) {
        if let FunctionCall::Value(value) = argument
            && !(value.is_null() && parameter.optional)
        {
            *value = (parameter.ty)().conform(value.clone()).unwrap();
        }
    }
    (function.body)(&Arguments::new(&arguments))
}

fn call_values(name: &str, values: &[Value]) -> Result<Value, FunctionError> {
    call(
        name,
        values.iter().cloned().map(FunctionCall::Value).collect(),
    )
}

/// Checks a call with values: `arguments` is a JSON list, `expect` is JSON or the error.
#[track_caller]
fn check(name: &str, arguments: &str, expect: Result<&str, &str>) {
    let values: Vec<Value> = json(arguments).as_list().unwrap().iter().collect();
    compare(call_values(name, &values), expect, arguments);
}

#[track_caller]
fn compare(yielded: Result<Value, FunctionError>, expect: Result<&str, &str>, what: &str) {
    let yielded = yielded
        .map(|value| value.to_string())
        .map_err(|error| error.to_string());
    assert_eq!(yielded.as_deref().map_err(String::as_str), expect, "{what}");
}

/// What a function says it yields for arguments of these types.
fn returns(name: &str, types: &[Type]) -> Type {
    (registry().find_function(name).unwrap().returns)(types)
}
