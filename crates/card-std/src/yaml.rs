//! The YAML functions.

use flowrun_card::{
    Arguments, Function, FunctionError, FunctionExample, Parameter, Type, Value, ValueError,
};
use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::{bounds::TextWriter, types};

pub(crate) const FUNCTIONS: &[&Function] = &[&STRINGIFY, &PARSE];

/// The longest YAML text that is read. Its parser keeps an event of some hundred bytes for every
/// two bytes of text at worst, and no more than one value comes of them.
const MAX_YAML: usize = 1 << 20;

/// How deep lists and objects may stand in each other, as in a flow.
const MAX_DEPTH: usize = 64;

const STRINGIFY: Function = Function {
    name: "yaml.stringify",
    title: "Write YAML",
    description: "Writes a value as YAML 1.2, with a line end at the end. Fields keep their order; \
                  texts that would be read as something else are quoted. A file is written as \
                  an object that describes it, and a connection as its nickname. At most 16 MiB.",
    parameters: &[Parameter::required(
        "value",
        types::any,
        "The value; null is written as `null`.",
    )],
    returns: |_| Type::string(),
    examples: &[
        FunctionExample {
            call: r#"yaml.stringify (json.parse '{"key":"a","tags":["x","7"]}')"#,
            result: r#""key: a\ntags:\n- x\n- '7'\n""#,
        },
        FunctionExample {
            call: "yaml.stringify 7",
            result: r#""7\n""#,
        },
    ],
    since: "0.1.0",
    search_terms: &["to yaml", "encode", "serialize", "compose"],
    body: |arguments| {
        let mut writer = TextWriter::default();
        let written = serde_yaml::to_writer(&mut writer, &arguments.value(0));
        writer.finish(written)
    },
};

const PARSE: Function = Function {
    name: "yaml.parse",
    title: "Read YAML",
    description: "Reads one YAML document; an empty text is null. At most 1 MiB of YAML and 64 levels \
                  of lists and objects. Keys are text as they are written. As in a flow, anchors, \
                  aliases, merge keys and tags are errors, and so are a key that stands twice in \
                  one object and an integer outside of −2⁶³ to 2⁶⁴−1.",
    parameters: &[Parameter::required("text", Type::string, "The YAML text.")],
    returns: |_| Type::ANY,
    examples: &[
        FunctionExample {
            call: "yaml.parse '{ key: a.csv, size: 7 }'",
            result: r#"{"key":"a.csv","size":7}"#,
        },
        FunctionExample {
            call: "yaml.parse '[on, 012, 1.5, ~]'",
            result: r#"["on","012",1.5,null]"#,
        },
    ],
    since: "0.1.0",
    search_terms: &["from yaml", "decode", "deserialize", "read"],
    body: parse,
};

fn parse(arguments: &Arguments<'_>) -> Result<Value, FunctionError> {
    let text = arguments.text(0);
    if text.len() > MAX_YAML {
        return Err(FunctionError::new("the YAML text is longer than 1 MiB"));
    }
    let refuse =
        |message: String| FunctionError::new(format!("the text is no YAML to read: {message}"));
    survey(&text).map_err(refuse)?;
    serde_yaml::from_str(&text).map_err(|error| refuse(error.to_string()))
}

/// Refuses what the codec would not: it takes quadratic time over deep nesting, follows tags and
/// aliases, reads merge keys as keys, and turns integers of many digits into floating point numbers.
fn survey(text: &str) -> Result<(), String> {
    // The lists and objects that are open; of an object, whether a key is next.
    let mut open: Vec<Option<bool>> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let mut is_key = false;
        if let Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) = event
            && let Some(Some(key_next)) = open.last_mut()
        {
            is_key = *key_next;
            *key_next = !is_key;
        }
        let problem = match event {
            Event::Alias(_)
            | Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => {
                Some("anchors (`&name`) and aliases (`*name`) are not read".to_owned())
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => Some("tags (`!name`) are not read".to_owned()),
            Event::Scalar(word, ScalarStyle::Plain, ..) if is_key && word == "<<" => {
                Some("merge keys (`<<`) are not read".to_owned())
            }
            // Digits with a leading zero are text.
            Event::Scalar(word, ScalarStyle::Plain, ..)
                if !word.trim_start_matches(['-', '+']).starts_with('0') =>
            {
                ValueError::of_lost_integer(&word).map(|error| error.to_string())
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                open.push(matches!(event, Event::MappingStart(..)).then_some(true));
                (open.len() > MAX_DEPTH).then(|| "nested more than 64 levels deep".to_owned())
            }
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                None
            }
            _ => None,
        };
        if let Some(problem) = problem {
            let (line, column) = (span.start.line(), span.start.col().saturating_add(1));
            return Err(format!("{problem} at line {line} column {column}"));
        }
    }
    Ok(())
}
