//! The JSON functions.

use flowrun_card::{Arguments, Function, FunctionError, FunctionExample, Parameter, Type, Value};

use crate::{
    bounds::{MAX_TEXT, TextWriter},
    types,
};

pub(crate) const FUNCTIONS: &[&Function] = &[&STRINGIFY, &PARSE];

const STRINGIFY: Function = Function {
    name: "json.stringify",
    title: "Write JSON",
    description: "Writes a value as JSON on one line. Fields keep their order; a file is written \
                  as an object that describes it, and a connection as its nickname. At most \
                  16 MiB.",
    parameters: &[Parameter::required(
        "value",
        types::any,
        "The value; null is written as `null`.",
    )],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: "json.stringify (text.split 'a,b' ',')",
            result: r#""[\"a\",\"b\"]""#,
        },
        FunctionExample {
            call: "json.stringify 'a'",
            result: r#""\"a\"""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["to json", "encode", "serialize", "compose"],
    body: |arguments| {
        let mut writer = TextWriter::default();
        let written = serde_json::to_writer(&mut writer, &arguments.value(0));
        writer.finish(written)
    },
};

const PARSE: Function = Function {
    name: "json.parse",
    title: "Read JSON",
    description: "Reads a JSON text. At most 16 MiB, 1,000,000 values and 64 levels of lists and \
                  objects. A key that stands twice in one object is an error, and so is an \
                  integer outside of −2⁶³ to 2⁶⁴−1: neither loses anything silently.",
    parameters: &[Parameter::required("text", Type::string, "The JSON text.")],
    returns: |_| Type::ANY,
    examples: &[
        FunctionExample {
            call: "json.parse '[1, 2.5, null]'",
            result: "[1,2.5,null]",
        },
        FunctionExample {
            call: r#"json.parse '{"key": "a.csv", "size": 18446744073709551615}'"#,
            result: r#"{"key":"a.csv","size":18446744073709551615}"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["from json", "decode", "deserialize", "read"],
    body: parse,
};

fn parse(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let text = arguments.text(0);
    if text.len() > MAX_TEXT {
        return Err(FunctionError::new("the JSON text is longer than 16 MiB"));
    }
    Value::from_json(&text).map_err(|error| FunctionError::new(error.to_string()))
}
