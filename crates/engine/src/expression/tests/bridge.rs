//! Our parser and the `handlebars` crate agree on what is written.

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use proptest::prelude::*;

use super::{
    super::ast::{Call, Expr, ExprKind, dotted},
    *,
};

/// The structure of an expression: `call(a.b, 'x', name=(1))`, names of functions with colons.
fn ours(expression: &Expr) -> String {
    match &expression.kind {
        ExprKind::Literal(value) => value.to_string(),
        ExprKind::Path(names) => dotted(names),
        ExprKind::Call(Call {
            name, arguments, ..
        }) => {
            let mut parts: Vec<String> = Vec::new();
            let mut named: Vec<String> = Vec::new();
            for argument in arguments {
                let value = ours(&argument.value);
                match &argument.name {
                    Some(name) => named.push(format!("{}={value}", name.text)),
                    None => parts.push(value),
                }
            }
            named.sort();
            parts.extend(named);
            format!("{}({})", dotted(name).replace('.', ":"), parts.join(", "))
        }
        ExprKind::Text(_) => panic!("a text"),
    }
}

fn theirs(template: &HelperTemplate) -> String {
    if template.params.is_empty() && template.hash.is_empty() {
        return parameter(&template.name);
    }
    let mut parts: Vec<String> = template.params.iter().map(parameter).collect();
    let mut named: Vec<String> = template
        .hash
        .iter()
        .map(|(name, value)| format!("{name}={}", parameter(value)))
        .collect();
    named.sort();
    parts.extend(named);
    format!("{}({})", template.name.as_name().unwrap(), parts.join(", "))
}

fn parameter(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Literal(json) => json.to_string(),
        // Where the crate expects a name it takes a literal for one.
        Parameter::Name(name) => literal_or(name),
        Parameter::Path(_) => literal_or(parameter.as_name().unwrap()),
        Parameter::Subexpression(sub) => match sub.as_element() {
            TemplateElement::Expression(template) => theirs(template),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn literal_or(name: &str) -> String {
    match serde_json::from_str::<Value>(name) {
        Ok(value) => value.to_string(),
        Err(_) => name.to_owned(),
    }
}

/// What both make of an expression; `None` where one of them refuses it. For the crate, functions
/// have a colon for the dot.
fn both(for_us: &str, for_them: &str) -> Option<(String, String)> {
    let parsed = parse_bare(for_us, &spans(for_us), &mut Diagnostics::default())?;
    let template = Template::compile(&format!("{{{{{for_them}}}}}")).ok()?;
    match template.elements.as_slice() {
        [TemplateElement::Expression(one)] => Some((ours(&parsed.root), theirs(one))),
        _ => None,
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z_][a-zA-Z0-9_é-]{0,4}".prop_filter("a word of the language", |name| {
        !["this", "else", "as", "true", "false", "null"].contains(&name.as_str())
    })
}

/// An expression as we write it and as the crate takes it.
fn written() -> impl Strategy<Value = (String, String)> {
    let same = |text: String| (text.clone(), text);
    let path = prop::collection::vec(name(), 1..4).prop_map(|names| names.join("."));
    let leaf = prop_oneof![
        path.prop_map(same),
        "'[^'\\\\\\p{Cc}]{0,6}'".prop_map(same),
        "\"[^\"\\\\\\p{Cc}]{0,6}\"".prop_map(same),
        any::<i64>().prop_map(move |number| same(number.to_string())),
        (1_i32..1_000_000).prop_map(move |number| same(format!("{}", f64::from(number) / 64.0))),
        prop::sample::select(vec!["true", "false", "null"])
            .prop_map(move |word| same(word.to_owned())),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let nested = inner.prop_map(|(ours, theirs)| {
            if ours.contains([' ', '\n', '\t']) && !ours.starts_with(['\'', '"']) {
                (format!("({ours})"), format!("({theirs})"))
            } else {
                (ours, theirs)
            }
        });
        let arguments = prop::collection::vec(nested.clone(), 1..4);
        let named = prop::collection::btree_map(name(), nested, 0..3);
        (name(), name(), "[ \n\t]{1,2}", arguments, named).prop_map(
            |(group, function, space, arguments, named)| {
                let mut ours = format!("{group}.{function}");
                let mut theirs = format!("{group}:{function}");
                for (one, other) in arguments {
                    ours += &format!("{space}{one}");
                    theirs += &format!("{space}{other}");
                }
                for (name, (one, other)) in named {
                    ours += &format!("{space}{name}={one}");
                    theirs += &format!("{space}{name}={other}");
                }
                (ours, theirs)
            },
        )
    })
}

/// Parts of expressions, put together without sense.
fn soup() -> impl Strategy<Value = String> {
    let words = vec![
        "a",
        "b.c",
        "f",
        "eq",
        "x-y",
        "12",
        "-3",
        "1.5",
        "'t'",
        "\"u\"",
        "n=a",
        "n = 'v'",
        "(a)",
        "(f a)",
        "(f n=a 1)",
        "true",
        "null",
        "true.x",
        "5a",
        "_",
        "é",
        "as",
        "else",
    ];
    let odd = vec![
        "", "\n", "\u{a0}", "(", ")", "=", ".", "-", ",", "/", "[0]", "'",
    ];
    let between = prop_oneof![9 => Just(" "), 1 => prop::sample::select(odd)];
    let part = (prop::sample::select(words), between);
    prop::collection::vec(part, 1..6).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(word, after)| [word, after])
            .collect()
    })
}

proptest! {
    #[test]
    fn expressions_have_one_structure((for_us, for_them) in written()) {
        let whole = both(&for_us, &for_them);
        // At the top the crate takes only names and calls.
        let literal = for_us.starts_with(['\'', '"']);
        prop_assert!(whole.is_some() || literal, "{}", for_us);
        if let Some((ours, theirs)) = whole {
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn what_both_accept_has_one_structure(text in soup()) {
        if let Some((ours, theirs)) = both(&text, &text) {
            prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}

/// A text with blocks: what is written, and what it gives.
#[derive(Clone, Debug)]
struct Text {
    source: String,
    result: String,
}

fn pieces() -> impl Strategy<Value = Text> {
    let plain = |source: &str, result: &str| Text {
        source: source.to_owned(),
        result: result.to_owned(),
    };
    let leaf = prop_oneof![
        "[ ab}'\"é~!#/-]{1,4}".prop_map(|text| Text {
            source: text.clone(),
            result: text,
        }),
        Just(plain("{{ inputs.name }}", "ada")),
        Just(plain("{{inputs.count}}", "3")),
        Just(plain("{{ '}}' }}", "}}")),
        Just(plain("{{! c }}", "")),
        Just(plain("{ \\{{ x", "{ {{ x")),
        Just(plain("{\\{{ ", "{{{ ")),
        Just(plain("\\{{{{", "{{{{")),
        Just(plain("\\\\{{ inputs.name }}", "\\ada")),
        Just(plain("\\\\\\{{ inputs.name }}", "\\\\ada")),
    ];
    let texts = |text| {
        prop::collection::vec(text, 0..4).prop_map(|texts: Vec<Text>| Text {
            source: texts.iter().map(|text| text.source.as_str()).collect(),
            result: texts.iter().map(|text| text.result.as_str()).collect(),
        })
    };
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let body = texts(inner);
        prop_oneof![
            (any::<bool>(), any::<bool>(), body.clone(), body.clone()).prop_map(
                |(unless, holds, then, otherwise)| {
                    let name = if unless { "unless" } else { "if" };
                    let taken = if unless != holds { &then } else { &otherwise };
                    Text {
                        source: format!(
                            "{{{{#{name} {holds}}}}}{}{{{{else}}}}{}{{{{/{name}}}}}",
                            then.source, otherwise.source
                        ),
                        result: taken.result.clone(),
                    }
                }
            ),
            (
                prop::collection::vec((any::<bool>(), body.clone()), 1..4),
                body.clone()
            )
                .prop_map(|(branches, otherwise)| {
                    let mut source = String::new();
                    for (index, (holds, body)) in branches.iter().enumerate() {
                        let tag = if index == 0 { "#if" } else { "else if" };
                        source += &format!("{{{{{tag} {holds}}}}}{}", body.source);
                    }
                    source += &format!("{{{{else}}}}{}{{{{/if}}}}", otherwise.source);
                    let taken = branches.iter().find(|(holds, _)| *holds);
                    Text {
                        source,
                        result: taken.map_or(otherwise.result, |(_, body)| body.result.clone()),
                    }
                }),
            (body, any::<bool>()).prop_map(|(body, index)| {
                let index = if index { " i" } else { "" };
                Text {
                    source: format!(
                        "{{{{#each inputs.names as |n{index}|}}}}{}{{{{n}}}}{{{{/each}}}}",
                        body.source
                    ),
                    result: format!("{0}Ada{0}Grace", body.result),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn blocks_give_what_their_branches_give(text in pieces()) {
        // With something before and after, no tag is alone on its line.
        let source = format!("<{}>", text.source);
        match run(parse_scalar, &source) {
            Ok((_, result)) => {
                let expect = format!("<{}>", text.result);
                prop_assert_eq!(result, Ok(Value::from(expect)), "{}", source);
            }
            Err(lines) => prop_assert!(lines.contains("expression-too-large"), "{}: {}", source, lines),
        }
    }
}
