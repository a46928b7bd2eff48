//! The list functions.

use std::{cmp::Ordering, sync::Arc};

use flowrun_card::{
    Arguments, Function, FunctionError, FunctionExample, List, Parameter, Type, Value,
};

use crate::{
    bounds::{self, MAX_TEXT},
    number, types,
};

pub(crate) const FUNCTIONS: &[&Function] = &[
    &LENGTH, &FILTER, &MAP, &FIRST, &LAST, &SLICE, &SORT_BY, &SUM, &JOIN,
];

const LIST: Parameter = Parameter::required("list", types::any_list, "The list.");

const LENGTH: Function = Function {
    name: "list.length",
    title: "Length of a list",
    description: "Counts the items of a list.",
    parameters: &[LIST],
    returns: |_| Type::integer(),
    examples: &[
        FunctionExample {
            call: "list.length (text.split 'a,b,c' ',')",
            result: "3",
        },
        FunctionExample {
            call: "list.length (json.parse '[]')",
            result: "0",
        },
    ],
    since: "0.1.0",
    search_terms: &["count", "size", "number of items", "len"],
    body: |arguments| {
        let length = u64::try_from(arguments.list(0).len()).unwrap_or(u64::MAX);
        Ok(length.into())
    },
};

const FILTER: Function = Function {
    name: "list.filter",
    title: "Filter",
    description: "Keeps the items for which an expression over `it` is true, in their order.",
    parameters: &[
        LIST,
        Parameter::lambda("where", Type::boolean, "Whether the item `it` stays."),
    ],
    returns: same_list,
    examples: &[
        FunctionExample {
            call: "list.filter (json.parse '[1,5,3]') (gt it 2)",
            result: "[5,3]",
        },
        FunctionExample {
            call: "list.filter (text.split 'a.csv,b.txt' ',') (ends_with it '.csv')",
            result: r#"["a.csv"]"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["where", "select", "find", "search", "keep"],
    body: filter,
};

fn filter(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let mut kept = List::new();
    for item in arguments.list(0).iter() {
        match arguments.apply(1, item.clone())? {
            Value::Boolean(true) => kept.push(item),
            Value::Boolean(false) => {}
            other => {
                return Err(FunctionError::new(format!(
                    "`where` yields {}, not a boolean",
                    other.type_name()
                )));
            }
        }
    }
    Ok(kept.into())
}

const MAP: Function = Function {
    name: "list.map",
    title: "Map",
    description: "Gives the list of what an expression over `it` yields for each item, in the \
                  items' order.",
    parameters: &[
        LIST,
        Parameter::lambda(
            "each",
            types::any,
            "What stands in the place of the item `it`.",
        ),
    ],
    returns: |types| Type::list(types::argument(types, 1)),
    examples: &[
        FunctionExample {
            call: "list.map (text.split 'a,b' ',') (text.upper it)",
            result: r#"["A","B"]"#,
        },
        FunctionExample {
            call: r#"list.map (json.parse '[{"key":"a"},{"key":"b"}]') it.key"#,
            result: r#"["a","b"]"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["transform", "each", "pluck", "convert"],
    body: |arguments| {
        let list = arguments.list(0);
        let items = list.iter().map(|item| arguments.apply(1, item));
        Ok(Value::List(items.collect::<Result<List, _>>()?))
    },
};

const FIRST: Function = Function {
    name: "list.first",
    title: "First item",
    description: "Gives the first item of a list, or null where the list is empty.",
    parameters: &[LIST],
    returns: |types| types::items(types, 0).nullable(),
    examples: &[
        FunctionExample {
            call: "list.first (text.split 'a,b' ',')",
            result: r#""a""#,
        },
        FunctionExample {
            call: "list.first (json.parse '[]')",
            result: "null",
        },
    ],
    since: "0.1.0",
    search_terms: &["head", "top", "one"],
    body: |arguments| Ok(arguments.list(0).get(0).unwrap_or_default()),
};

const LAST: Function = Function {
    name: "list.last",
    title: "Last item",
    description: "Gives the last item of a list, or null where the list is empty.",
    parameters: &[LIST],
    returns: |types| types::items(types, 0).nullable(),
    examples: &[
        FunctionExample {
            call: "list.last (text.split 'daily/2026/report.csv' '/')",
            result: r#""report.csv""#,
        },
        FunctionExample {
            call: "list.last (json.parse '[]')",
            result: "null",
        },
    ],
    since: "0.1.0",
    search_terms: &["tail", "end", "bottom"],
    body: |arguments| {
        let list = arguments.list(0);
        let last = list.len().checked_sub(1).and_then(|last| list.get(last));
        Ok(last.unwrap_or_default())
    },
};

const SLICE: Function = Function {
    name: "list.slice",
    title: "Slice of a list",
    description: "Takes the items from one position up to, and without, another. Positions count \
                  from 0; negative ones count from the end, and ones outside the list stand for \
                  its nearest end.",
    parameters: &[
        LIST,
        Parameter::required("start", Type::integer, "The first item."),
        Parameter::optional(
            "end",
            Type::integer,
            "The item after the last; the end of the list if it is left out.",
        ),
    ],
    returns: same_list,
    examples: &[
        FunctionExample {
            call: "list.slice (json.parse '[1,2,3,4]') 1 3",
            result: "[2,3]",
        },
        FunctionExample {
            call: "list.slice (json.parse '[1,2,3,4]') -2",
            result: "[3,4]",
        },
    ],
    since: "0.1.0",
    search_terms: &["take", "skip", "limit", "part", "top"],
    body: slice,
};

fn slice(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let list = arguments.list(0);
    let (start, end) = bounds::slice(list.len(), &arguments.value(1), &arguments.value(2));
    Ok(list
        .iter()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect())
}

const SORT_BY: Function = Function {
    name: "list.sort_by",
    title: "Sort",
    description: "Sorts a list by what an expression over `it` yields: numbers by value, \
                  datetimes and dates as instants, other texts by their characters' code points. \
                  Items that are equal keep their order. Texts and numbers in one list, and any \
                  other kind of value, are an error.",
    parameters: &[
        LIST,
        Parameter::lambda("by", types::sort_key, "What the item `it` is sorted by."),
        Parameter::optional(
            "descending",
            Type::boolean,
            "Whether the largest comes first; false if it is left out.",
        ),
    ],
    returns: same_list,
    examples: &[
        FunctionExample {
            call: "list.sort_by (json.parse '[3,1,2.5]') it",
            result: "[1,2.5,3]",
        },
        FunctionExample {
            call: "list.sort_by (text.split 'a,ccc,bb' ',') it descending=true",
            result: r#"["ccc","bb","a"]"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["order", "newest", "oldest", "latest", "rank"],
    body: sort_by,
};

/// What the items of one list are sorted by: keys of one kind.
enum Keys {
    Numbers(Vec<Value>),
    Instants(Vec<jiff::Timestamp>),
    Texts(Vec<Arc<str>>),
}

fn keys(values: Vec<Value>) -> Result<Keys, FunctionError> {
    if values
        .iter()
        .all(|value| matches!(value, Value::Integer(_) | Value::Number(_)))
    {
        return Ok(Keys::Numbers(values));
    }
    let mut texts = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        match value {
            Value::String(text) => texts.push(Arc::clone(text)),
            Value::Integer(_) | Value::Number(_) => {
                return Err(FunctionError::new(
                    "`by` yields numbers for some items and other values for others, which have no \
                     common order",
                ));
            }
            other => {
                return Err(FunctionError::new(format!(
                    "`by` yields {} for item {index}, which has no order; it must yield numbers \
                     or texts",
                    other.type_name()
                )));
            }
        }
    }
    // Either all are instants or none is taken for one: a mixed comparison would be no order.
    let instants: Option<Vec<_>> = values.iter().map(Value::as_timestamp).collect();
    Ok(instants.map_or(Keys::Texts(texts), Keys::Instants))
}

fn sort_by(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let list = arguments.list(0);
    let values = list
        .iter()
        .map(|item| arguments.apply(1, item))
        .collect::<Result<Vec<_>, _>>()?;
    let descending = arguments.value(2).as_bool().unwrap_or(false);
    Ok(match keys(values)? {
        Keys::Numbers(keys) => sorted(&list, keys, descending, |one, other| {
            number::compare(one, other).unwrap_or(Ordering::Equal)
        }),
        Keys::Instants(keys) => sorted(&list, keys, descending, Ord::cmp),
        Keys::Texts(keys) => sorted(&list, keys, descending, Ord::cmp),
    })
}

/// Stable in both directions.
fn sorted<K>(
    list: &List,
    keys: Vec<K>,
    descending: bool,
    compare: impl Fn(&K, &K) -> Ordering,
) -> Value {
    let mut items: Vec<(K, Value)> = keys.into_iter().zip(list.iter()).collect();
    items.sort_by(|(one, _), (other, _)| {
        if descending {
            compare(other, one)
        } else {
            compare(one, other)
        }
    });
    items.into_iter().map(|(_, item)| item).collect()
}

const SUM: Function = Function {
    name: "list.sum",
    title: "Sum",
    description: "Adds the numbers of a list. Integers alone give an exact integer, and one that \
                  is out of range is an error; with other numbers among them the sum is a number. \
                  The sum of an empty list is 0.",
    parameters: &[Parameter::required("list", types::numbers, "The numbers.")],
    returns: |types| types::arithmetic(&[types::items(types, 0)]),
    examples: &[
        FunctionExample {
            call: "list.sum (json.parse '[1,2,3]')",
            result: "6",
        },
        FunctionExample {
            call: r#"list.sum (list.map (json.parse '[{"size":1},{"size":2.5}]') it.size)"#,
            result: "3.5",
        },
    ],
    since: "0.1.0",
    search_terms: &["total", "add", "aggregate"],
    body: sum,
};

fn sum(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let mut integers: i128 = 0;
    let mut fractions: Option<f64> = None;
    for item in arguments.list(0).iter() {
        match item {
            // More items than memory holds would be needed to leave the range of `i128`.
            Value::Integer(integer) => integers = integers.saturating_add(integer.as_i128()),
            Value::Number(number) => fractions = Some(fractions.unwrap_or(0.0) + number),
            other => return Err(number::not_a_number(&other)),
        }
    }
    let what = || "the sum".to_owned();
    match fractions {
        None => number::integer(Some(integers), what),
        Some(fractions) => number::finite(integers as f64 + fractions, what),
    }
}

const JOIN: Function = Function {
    name: "list.join",
    title: "Join",
    description: "Writes the texts of a list one after the other, with a separator between them. \
                  Numbers and booleans are written as JSON writes them. At most 16 MiB.",
    parameters: &[
        Parameter::required("list", types::texts, "The texts."),
        Parameter::required(
            "separator",
            Type::string,
            "What stands between two texts; may be empty.",
        ),
    ],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "list.join (json.parse '[\"a\",\"b\",3]') ', '",
            result: r#""a, b, 3""#,
        },
        FunctionExample {
            call: "list.join (text.split 'a b c' ' ') ''",
            result: r#""abc""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["concatenate", "combine", "separator", "implode"],
    body: join,
};

fn join(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let separator = arguments.text(1);
    let mut joined = String::new();
    for (index, item) in arguments.list(0).iter().enumerate() {
        let text = item.to_text().ok_or_else(|| {
            FunctionError::new(format!(
                "item {index} is {}, which has no text; `json.stringify` gives it one",
                item.type_name()
            ))
        })?;
        let separator = if index == 0 { "" } else { &*separator };
        let length = joined.len().saturating_add(separator.len());
        if length.saturating_add(text.len()) > MAX_TEXT {
            return Err(bounds::too_long());
        }
        joined.push_str(separator);
        joined.push_str(&text);
    }
    Ok(joined.into())
}

/// A list of the items of the first argument.
fn same_list(types: &[Type]) -> Type {
    Type::list(types::items(types, 0))
}
