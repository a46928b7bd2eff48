//! The text functions.

use flowrun_card::{
    Arguments, Function, FunctionError, FunctionExample, List, Parameter, Type, Value,
};

use crate::{
    bounds::{self, MAX_TEXT, MAX_VALUES},
    types,
};

pub(crate) const FUNCTIONS: &[&Function] = &[&UPPER, &LOWER, &TRIM, &SPLIT, &REPLACE, &SLICE];

const TEXT: Parameter = Parameter::required("text", Type::string, "The text.");

const UPPER: Function = Function {
    name: "text.upper",
    title: "Upper case",
    description: "Writes a text in capital letters. Every letter that Unicode has a capital for is \
                  changed, so the text may grow: `ß` becomes `SS`. At most 16 MiB.",
    parameters: &[TEXT],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "text.upper 'abc'",
            result: r#""ABC""#,
        },
        FunctionExample {
            call: "text.upper (text.trim ' straße ')",
            result: r#""STRASSE""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["uppercase", "capital", "to upper"],
    body: |arguments| bounds::text(arguments.text(0).to_uppercase()),
};

const LOWER: Function = Function {
    name: "text.lower",
    title: "Lower case",
    description: "Writes a text in small letters, as Unicode maps them. At most 16 MiB.",
    parameters: &[TEXT],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "text.lower 'ABC'",
            result: r#""abc""#,
        },
        FunctionExample {
            call: "text.lower 'Report-2026.CSV'",
            result: r#""report-2026.csv""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["lowercase", "small", "to lower"],
    body: |arguments| bounds::text(arguments.text(0).to_lowercase()),
};

const TRIM: Function = Function {
    name: "text.trim",
    title: "Trim",
    description: "Takes white space off both ends of a text: spaces, tabs, line ends and whatever \
                  else Unicode calls white space. What stands inside stays.",
    parameters: &[TEXT],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "text.trim '  abc '",
            result: r#""abc""#,
        },
        FunctionExample {
            call: "text.trim ' a  b '",
            result: r#""a  b""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["strip", "white space", "spaces"],
    body: |arguments| Ok(arguments.text(0).trim().into()),
};

const SPLIT: Function = Function {
    name: "text.split",
    title: "Split",
    description: "Cuts a text at each place where the separator stands and gives the list of \
                  pieces. The separator is text as it stands, not a pattern. Separators next to \
                  each other or at an end give empty pieces, and an empty text gives one empty \
                  piece, so that `list.join` with the same separator gives the text again. At \
                  most 1,000,000 pieces.",
    parameters: &[
        TEXT,
        Parameter::required(
            "separator",
            Type::string,
            "What stands between the pieces; not empty.",
        ),
    ],
    returns: |_| types::texts(),
    examples: &[
        FunctionExample {
            call: "text.split 'a,b,c' ','",
            result: r#"["a","b","c"]"#,
        },
        FunctionExample {
            call: "text.split 'daily//x' '/'",
            result: r#"["daily","","x"]"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["pieces", "separator", "delimiter", "cut", "lines"],
    body: split,
};

fn split(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let (text, separator) = (arguments.text(0), arguments.text(1));
    if separator.is_empty() {
        return Err(FunctionError::new(
            "`separator` is empty; give the text that stands between the pieces",
        ));
    }
    let mut pieces = List::new();
    for piece in text.split(&*separator) {
        if pieces.len() == MAX_VALUES {
            return Err(bounds::too_many());
        }
        pieces.push(piece);
    }
    Ok(pieces.into())
}

const REPLACE: Function = Function {
    name: "text.replace",
    title: "Replace",
    description: "Puts another text in every place where a text stands. Both are text as it \
                  stands, not patterns. Places are found from left to right and do not overlap; \
                  what was put in is not searched again. At most 16 MiB.",
    parameters: &[
        TEXT,
        Parameter::required("find", Type::string, "What is replaced; not empty."),
        Parameter::required(
            "replacement",
            Type::string,
            "What stands there instead; may be empty.",
        ),
    ],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "text.replace 'a/b/c' '/' '-'",
            result: r#""a-b-c""#,
        },
        FunctionExample {
            call: "text.replace 'report.csv' '.csv' ''",
            result: r#""report""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["substitute", "exchange", "remove", "delete"],
    body: replace,
};

fn replace(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let (text, find, replacement) = (arguments.text(0), arguments.text(1), arguments.text(2));
    if find.is_empty() {
        return Err(FunctionError::new(
            "`find` is empty; give the text that is to be replaced",
        ));
    }
    // The length is known before the text is made, so that a small text cannot grow past all
    // bounds.
    let places = text.matches(&*find).count();
    let removed = places.saturating_mul(find.len());
    let added = places.saturating_mul(replacement.len());
    if text.len().saturating_sub(removed).saturating_add(added) > MAX_TEXT {
        return Err(bounds::too_long());
    }
    Ok(text.replace(&*find, &replacement).into())
}

const SLICE: Function = Function {
    name: "text.slice",
    title: "Slice of a text",
    description: "Takes the characters from one position up to, and without, another. Positions \
                  count characters from 0; negative ones count from the end, and ones outside the \
                  text stand for its nearest end.",
    parameters: &[
        TEXT,
        Parameter::required("start", Type::integer, "The first character."),
        Parameter::optional(
            "end",
            Type::integer,
            "The character after the last; the end of the text if it is left out.",
        ),
    ],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "text.slice '2026-11-23' 0 4",
            result: r#""2026""#,
        },
        FunctionExample {
            call: "text.slice 'report.csv' -3",
            result: r#""csv""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["substring", "part", "left", "right", "truncate"],
    body: slice,
};

fn slice(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let text = arguments.text(0);
    let length = text.chars().count();
    let (start, end) = bounds::slice(length, &arguments.value(1), &arguments.value(2));
    let slice: String = text
        .chars()
        .skip(start)
        .take(end.saturating_sub(start))
        .collect();
    Ok(slice.into())
}
