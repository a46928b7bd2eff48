//! The logic functions.

use flowrun_card::{Arguments, Function, FunctionError, FunctionExample, Parameter, Type, Value};

use crate::types;

pub(crate) const FUNCTIONS: &[&Function] = &[&IF];

const IF: Function = Function {
    name: "logic.if",
    title: "If",
    description: "Gives one value where a condition is true, and another where it is false. Only \
                  the one that is given is evaluated.",
    parameters: &[
        Parameter::required("condition", Type::boolean, "What decides."),
        Parameter::lazy("then", types::any, "The value where it is true."),
        Parameter::lazy("else", types::any, "The value where it is false."),
    ],
    returns: |types| types::either(types::argument(types, 1), types::argument(types, 2)),
    examples: &[
        FunctionExample {
            call: "logic.if true 'yes' 'no'",
            result: r#""yes""#,
        },
        FunctionExample {
            call: "logic.if (gt 1 2) 'more' (number.divide 1 2)",
            result: "0.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["choose", "condition", "ternary", "otherwise", "case"],
    body: decide,
};

fn decide(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let condition = arguments.value(0);
    match condition.as_bool() {
        Some(true) => arguments.apply(1, Value::Null),
        Some(false) => arguments.apply(2, Value::Null),
        None => Err(FunctionError::new(format!(
            "`condition` is {}, not a boolean",
            condition.type_name()
        ))),
    }
}
