//! The number functions: exact over integers, floating point as soon as one side has a fraction.

use std::cmp::Ordering;

use flowrun_card::{
    Arguments, Function, FunctionError, FunctionExample, Integer, Parameter, Type, Value,
};

use crate::types;

pub(crate) const FUNCTIONS: &[&Function] =
    &[&ADD, &SUBTRACT, &MULTIPLY, &DIVIDE, &ROUND, &MIN, &MAX];

const LEFT: Parameter = Parameter::required("left", Type::number, "The first number.");
const RIGHT: Parameter = Parameter::required("right", Type::number, "The second number.");

const ADD: Function = Function {
    name: "number.add",
    title: "Add",
    description: "Adds two numbers. Two integers give an exact integer, and one that is out of \
                  range is an error; anything else gives a number.",
    parameters: &[LEFT, RIGHT],
    returns: types::arithmetic,
    examples: &[
        FunctionExample {
            call: "number.add 1 2",
            result: "3",
        },
        FunctionExample {
            call: "number.add 1 0.5",
            result: "1.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["plus", "sum", "increment", "math"],
    body: |arguments| calculate(arguments, "plus", i128::checked_add, |a, b| a + b),
};

const SUBTRACT: Function = Function {
    name: "number.subtract",
    title: "Subtract",
    description: "Takes the second number from the first. Two integers give an exact integer, and \
                  one that is out of range is an error; anything else gives a number.",
    parameters: &[LEFT, RIGHT],
    returns: types::arithmetic,
    examples: &[
        FunctionExample {
            call: "number.subtract 1 2",
            result: "-1",
        },
        FunctionExample {
            call: "number.subtract 1 0.5",
            result: "0.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["minus", "difference", "decrement", "math"],
    body: |arguments| calculate(arguments, "minus", i128::checked_sub, |a, b| a - b),
};

const MULTIPLY: Function = Function {
    name: "number.multiply",
    title: "Multiply",
    description: "Multiplies two numbers. Two integers give an exact integer, and one that is out \
                  of range is an error; anything else gives a number.",
    parameters: &[LEFT, RIGHT],
    returns: types::arithmetic,
    examples: &[
        FunctionExample {
            call: "number.multiply 6 7",
            result: "42",
        },
        FunctionExample {
            call: "number.multiply 3 0.5",
            result: "1.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["times", "product", "math"],
    body: |arguments| calculate(arguments, "times", i128::checked_mul, |a, b| a * b),
};

const DIVIDE: Function = Function {
    name: "number.divide",
    title: "Divide",
    description: "Divides the first number by the second. Integers that divide without a \
                  remainder give an exact integer, anything else a number: 6 by 3 is `2`, 7 by 2 \
                  is `3.5`. Use `number.round` where an integer is needed. Division by zero is an \
                  error.",
    parameters: &[LEFT, RIGHT],
    returns: |_| Type::number(),
    examples: &[
        FunctionExample {
            call: "number.divide 7 2",
            result: "3.5",
        },
        FunctionExample {
            call: "number.round (number.divide 7 3)",
            result: "2",
        },
    ],
    since: "0.1.0",
    search_terms: &["quotient", "ratio", "percent", "math"],
    body: divide,
};

const ROUND: Function = Function {
    name: "number.round",
    title: "Round",
    description: "Gives the nearest integer; halves go away from zero. A number too large for an \
                  integer is an error.",
    parameters: &[Parameter::required("number", Type::number, "The number.")],
    returns: |_| Type::integer(),
    examples: &[
        FunctionExample {
            call: "number.round 2.5",
            result: "3",
        },
        FunctionExample {
            call: "number.round -2.4",
            result: "-2",
        },
    ],
    since: "0.1.0",
    search_terms: &["nearest", "integer", "whole", "math"],
    body: round,
};

const MIN: Function = Function {
    name: "number.min",
    title: "Smaller number",
    description: "Gives the smaller of two numbers, compared by value; the first where they are \
                  equal.",
    parameters: &[LEFT, RIGHT],
    returns: types::arithmetic,
    examples: &[
        FunctionExample {
            call: "number.min 3 2",
            result: "2",
        },
        FunctionExample {
            call: "number.min 1 1.5",
            result: "1",
        },
    ],
    since: "0.1.0",
    search_terms: &["minimum", "least", "smallest", "at most", "math"],
    body: |arguments| choose(arguments, Ordering::Greater),
};

const MAX: Function = Function {
    name: "number.max",
    title: "Larger number",
    description: "Gives the larger of two numbers, compared by value; the first where they are \
                  equal.",
    parameters: &[LEFT, RIGHT],
    returns: types::arithmetic,
    examples: &[
        FunctionExample {
            call: "number.max 3 2",
            result: "3",
        },
        FunctionExample {
            call: "number.max 1 1.5",
            result: "1.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["maximum", "greatest", "largest", "at least", "math"],
    body: |arguments| choose(arguments, Ordering::Less),
};

/// The number as floating point; the nearest one for integers past 2^53.
fn to_f64(value: &Value) -> Result<f64, FunctionError> {
    match value {
        Value::Integer(integer) => Ok(integer.to_f64()),
        Value::Number(number) => Ok(*number),
        other => Err(not_a_number(other)),
    }
}

pub(crate) fn not_a_number(value: &Value) -> FunctionError {
    FunctionError::new(format!("expected a number, found {}", value.type_name()))
}

/// An exact integer, or an error that says what was too large.
pub(crate) fn integer(
    exact: Option<i128>,
    what: impl FnOnce() -> String,
) -> Result<Value, FunctionError> {
    let integer = exact.and_then(Integer::from_i128).ok_or_else(|| {
        FunctionError::new(format!(
            "{} is no integer between {} and {}",
            what(),
            i64::MIN,
            u64::MAX
        ))
    })?;
    Ok(Value::Integer(integer))
}

/// A finite number, or an error that says what was too large.
pub(crate) fn finite(number: f64, what: impl FnOnce() -> String) -> Result<Value, FunctionError> {
    Value::number(number)
        .map_err(|_| FunctionError::new(format!("{} is too large for a number", what())))
}

fn calculate(
    arguments: &Arguments<'_>,
    word: &str,
    exact: fn(i128, i128) -> Option<i128>,
    inexact: fn(f64, f64) -> f64,
) -> Result<Value, FunctionError> {
    let (left, right) = (arguments.value(0), arguments.value(1));
    let what = || format!("{left} {word} {right}");
    if let (Value::Integer(left), Value::Integer(right)) = (&left, &right) {
        return integer(exact(left.as_i128(), right.as_i128()), what);
    }
    finite(inexact(to_f64(&left)?, to_f64(&right)?), what)
}

fn divide(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let (left, right) = (arguments.value(0), arguments.value(1));
    let (dividend, divisor) = (to_f64(&left)?, to_f64(&right)?);
    if divisor == 0.0 {
        return Err(FunctionError::new(format!("{left} is divided by zero")));
    }
    let what = || format!("{left} divided by {right}");
    if let (Value::Integer(left), Value::Integer(right)) = (&left, &right) {
        let (left, right) = (left.as_i128(), right.as_i128());
        if left.checked_rem(right) == Some(0) {
            return integer(left.checked_div(right), what);
        }
    }
    finite(dividend / divisor, what)
}

fn round(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    match arguments.value(0) {
        value @ Value::Integer(_) => Ok(value),
        // The cast saturates, and its ends are no integers of a flow.
        Value::Number(number) => integer(Some(number.round() as i128), || number.to_string()),
        other => Err(not_a_number(&other)),
    }
}

/// The second number where the first compares to it in this way, else the first.
fn choose(arguments: &Arguments<'_>, second: Ordering) -> Result<Value, FunctionError> {
    let (left, right) = (arguments.value(0), arguments.value(1));
    Ok(if compare(&left, &right)? == second {
        right
    } else {
        left
    })
}

/// Compares by value, exactly, an integer with a fraction too.
pub(crate) fn compare(left: &Value, right: &Value) -> Result<Ordering, FunctionError> {
    Ok(match (left, right) {
        (Value::Integer(left), Value::Integer(right)) => left.cmp(right),
        (Value::Integer(left), Value::Number(right)) => compare_mixed(*left, *right),
        (Value::Number(left), Value::Integer(right)) => compare_mixed(*right, *left).reverse(),
        // Numbers are never NaN, and the two zeros are equal.
        _ => to_f64(left)?
            .partial_cmp(&to_f64(right)?)
            .unwrap_or(Ordering::Equal),
    })
}

/// An integer as floating point would lose what is past 2^53, so the whole parts are compared as
/// integers. The cast saturates far outside the integers of a flow.
fn compare_mixed(integer: Integer, number: f64) -> Ordering {
    let whole = integer.as_i128().cmp(&(number.trunc() as i128));
    whole.then_with(|| {
        0.0_f64
            .partial_cmp(&number.fract())
            .unwrap_or(Ordering::Equal)
    })
}
