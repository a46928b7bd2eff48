//! Every function of the language: none takes a secret, and what a service or a person gave as data
//! is hidden where a function leaves it whole.

use std::collections::BTreeSet;

use flowrun_card::{Entry, Function};

use super::{
    canaries::{BASE_KEY, FLOW_SECRET, Search},
    cards::registry,
    common::Folder,
};

/// Functions that are part of the language, and how many arguments they have.
const BUILTINS: [(&str, usize); 18] = [
    ("eq", 2),
    ("ne", 2),
    ("gt", 2),
    ("gte", 2),
    ("lt", 2),
    ("lte", 2),
    ("and", 2),
    ("or", 2),
    ("not", 1),
    ("in", 2),
    ("contains", 2),
    ("is_empty", 1),
    ("starts_with", 2),
    ("ends_with", 2),
    ("matches", 2),
    ("glob", 2),
    ("default", 2),
    ("size", 1),
];

fn functions() -> Vec<&'static Function> {
    let registry = registry();
    let functions = registry.iter().filter_map(|entry| match entry {
        Entry::Function(function) => Some(*function),
        _ => None,
    });
    functions.collect()
}

const HEAD: &str = "flow: leaks\ninputs: { any: { type: any } }\nsecrets: { key: { env: KEY } }\n";

/// A call with the secret in one place.
fn call(name: &str, arguments: usize, place: usize) -> String {
    let arguments = (0..arguments).map(|at| match at == place {
        true => " secrets.key",
        false => " inputs.any",
    });
    format!("{name}{}", arguments.collect::<String>())
}

/// The code of what is wrong in each line of a flow, from which a secret would go into a function.
fn refused(flow: &str) -> Vec<String> {
    let folder = Folder::empty();
    folder.write("leaks.yaml", format!("{HEAD}{flow}"));
    let output = folder
        .command(&["validate", "leaks.yaml", "--format", "json"])
        .env("KEY", FLOW_SECRET.1)
        .output()
        .unwrap();
    Search::new(&[FLOW_SECRET]).none_in("validate", &output.stdout);
    let told = String::from_utf8(output.stdout).unwrap();
    let of_line = |number: usize| {
        let diagnostics = told.lines().map(serde_json::from_str::<serde_json::Value>);
        let codes = diagnostics.map(Result::unwrap).filter_map(|diagnostic| {
            let is_here = diagnostic["primary"]["line"] == number;
            is_here.then(|| diagnostic["code"].as_str().unwrap().to_owned())
        });
        codes
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let with_secrets = (1..).zip(HEAD.lines().chain(flow.lines()));
    let with_secrets = with_secrets.filter(|(_, line)| line.contains("secrets.key"));
    with_secrets.map(|(number, _)| of_line(number)).collect()
}

#[test]
fn no_function_takes_a_secret() {
    for function in functions() {
        let count = function.parameters.len();
        let card = |place: usize| {
            let with = function.parameters.iter().zip(0..).map(|(parameter, at)| {
                let value = if at == place {
                    "secrets.key"
                } else {
                    "inputs.any"
                };
                format!("{}: \"{{{{ {value} }}}}\"", parameter.name)
            });
            let with: Vec<String> = with.collect();
            let name = function.name;
            format!(
                "  c{place}: {{ card: {name}, with: {{ {} }} }}\n",
                with.join(", ")
            )
        };
        let output = |place| {
            format!(
                "  o{place}: \"{{{{ {} }}}}\"\n",
                call(function.name, count, place)
            )
        };
        let cards: String = (0..count).map(card).collect();
        let outputs: String = (0..count).map(output).collect();
        let refused = refused(&format!("cards:\n{cards}outputs:\n{outputs}"));
        assert_eq!(refused, vec!["secret-use"; 2 * count], "{}", function.name);
    }
    for (name, count) in BUILTINS {
        let output = |place| format!("  o{place}: \"{{{{ {} }}}}\"\n", call(name, count, place));
        let outputs: String = (0..count).map(output).collect();
        let refused = refused(&format!("cards: {{}}\noutputs:\n{outputs}"));
        assert_eq!(refused.len(), count, "{name}");
        let is_refused = |codes: &String| codes.contains("secret-use");
        assert!(refused.iter().all(is_refused), "{name} {refused:?}");
    }
}

/// What a call makes of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is in the output, but for the mask.
    Whole,
    /// It is no such value: the error may repeat it.
    Refused,
    /// Something is computed from it, which is not looked for.
    Computed,
}

/// A call of each function with a text that somebody gave as data, and is a secret of the flow, too.
const CALLS: [(&str, Fate); 32] = [
    ("date.add inputs.any '1d'", Fate::Refused),
    (
        "date.difference inputs.any '2026-11-24' 'days'",
        Fate::Refused,
    ),
    ("date.format '2026-11-24' inputs.any", Fate::Whole),
    ("date.parse inputs.any '%Y'", Fate::Refused),
    ("date.subtract inputs.any '1d'", Fate::Refused),
    ("json.parse inputs.json", Fate::Whole),
    ("json.stringify inputs.any", Fate::Whole),
    ("list.filter inputs.list (eq it inputs.any)", Fate::Whole),
    ("list.first inputs.list", Fate::Whole),
    ("list.join inputs.list '-'", Fate::Whole),
    ("list.last inputs.list", Fate::Whole),
    ("list.length inputs.list", Fate::Computed),
    ("list.map inputs.list it", Fate::Whole),
    ("list.slice inputs.list 0 1", Fate::Whole),
    ("list.sort_by inputs.list it", Fate::Whole),
    ("list.sum inputs.list", Fate::Refused),
    ("logic.if true inputs.any 'other'", Fate::Whole),
    ("number.add inputs.any 1", Fate::Refused),
    ("number.divide inputs.any 1", Fate::Refused),
    ("number.max inputs.any 1", Fate::Refused),
    ("number.min inputs.any 1", Fate::Refused),
    ("number.multiply inputs.any 1", Fate::Refused),
    ("number.round inputs.any", Fate::Refused),
    ("number.subtract inputs.any 1", Fate::Refused),
    ("text.lower inputs.any", Fate::Computed),
    ("text.replace 'a' 'a' inputs.any", Fate::Whole),
    ("text.slice inputs.any 0 30", Fate::Computed),
    ("text.split inputs.any ','", Fate::Whole),
    ("text.trim inputs.any", Fate::Whole),
    ("text.upper inputs.any", Fate::Computed),
    ("yaml.parse inputs.any", Fate::Whole),
    ("yaml.stringify inputs.any", Fate::Whole),
];

#[test]
fn what_a_function_leaves_whole_is_hidden() {
    let of_calls: Vec<&str> = CALLS
        .iter()
        .map(|(call, _)| call.split(' ').next().unwrap())
        .collect();
    let names: Vec<&str> = functions().iter().map(|function| function.name).collect();
    assert_eq!(of_calls, names, "each function has a call");
    let search = Search::new(&[BASE_KEY]);
    let folder = Folder::empty();
    let (text, json) = (
        BASE_KEY.1,
        serde_json::json!({ "a": BASE_KEY.1 }).to_string(),
    );
    let inputs = serde_json::json!({ "any": text, "json": json, "list": [text, text] });
    folder.write("inputs.secret", inputs.to_string());
    for (call, fate) in CALLS {
        folder.write(
            "leaks.yaml",
            format!(
                "flow: leaks\nsecrets: {{ key: {{ env: KEY }} }}\ninputs: {{ any: {{ type: any }}, json: {{ type: string }}, list: {{ type: list }} }}\ncards: {{}}\noutputs:\n  one: \"{{{{ {call} }}}}\"\n"
            ),
        );
        for way in ["-vv", "--json"] {
            let output = folder
                .command(&["run", "leaks.yaml", "--inputs", "inputs.secret", way])
                .env("KEY", text)
                .env("RUST_LOG", "trace")
                .output()
                .unwrap();
            let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let code = i32::from(fate == Fate::Refused);
            assert_eq!(output.status.code(), Some(code), "{call} {told}");
            let is_there = fate == Fate::Whole;
            assert!(!is_there || told.contains("***"), "{call} {told}");
            if fate != Fate::Computed {
                search.none_in(call, told.as_bytes());
            }
        }
    }
}
