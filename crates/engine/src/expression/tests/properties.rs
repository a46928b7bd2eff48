//! No text makes anything panic, and what is refused is told.

use proptest::prelude::*;

use super::*;

/// Expressions and texts that mean something, to be broken.
const VALID: &[&str] = &[
    "{{ list.filter cards.found.objects (gt it.size (size '5GiB')) }}",
    "a {{ text.slice inputs.name from=1 to=2 }} \\{{ b }} \\\\{{ inputs.count }}",
    "{{#each inputs.names as |n i|}}{{#if (eq i 0)}}{{ n }}{{else if (gt i 5)}}x{{else}}y{{/if}}{{/each}}",
    "{{#unless inputs.flag}}\n{{! note }}\n{{else}}\n b {{~ inputs.ratio ~}} c\n{{/unless}}\n",
    "{{ default (and (matches inputs.name '^a') (glob 'a/b' \"**\")) cards.skipped.key }}",
    "eq vars.any.when '2026-11-23T00:00:00Z'",
    "list.map inputs.names (in it (list.map inputs.names it))",
];

/// Parts that mean something to the lexer, the parser or the crate.
const PARTS: &[&str] = &[
    "{{",
    "}}",
    "{",
    "}",
    "{{{",
    "}}}",
    "{{{{",
    "\\",
    "\\{{",
    "~",
    "{{~",
    "~}}",
    "#",
    "{{#if ",
    "{{#each ",
    "{{else}}",
    "{{else if ",
    "{{/if}}",
    "{{/each}}",
    "{{#unless ",
    "{{/unless}}",
    " as |n|}}",
    "|",
    "as",
    "!",
    "{{!",
    "--}}",
    ">",
    "&",
    "^",
    "/",
    "@",
    "[",
    "]",
    "(",
    ")",
    "'",
    "\"",
    "=",
    ".",
    "-",
    "1",
    "1e9",
    "$",
    "\n",
    " ",
    "\t",
    "\u{a0}",
    "é",
    "💥",
    "inputs.name",
    "inputs.names",
    "it",
    "this",
    "eq ",
    "list.map ",
    "default ",
    "true",
    "null",
    "\0",
    "\r\n",
];

fn soup() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PARTS), 0..24).prop_map(|parts| parts.concat())
}

/// A valid text with a part put in, taken out, or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let valid = prop::sample::select(VALID);
    let edits = prop::collection::vec(
        (
            any::<prop::sample::Index>(),
            0_usize..6,
            prop::option::of(prop::sample::select(PARTS)),
        ),
        1..4,
    );
    (valid, edits).prop_map(|(text, edits)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (place, removed, part) in edits {
            let at = place.index(chars.len() + 1);
            let end = (at + removed).min(chars.len());
            let part: Vec<char> = part.unwrap_or_default().chars().collect();
            chars.splice(at..end, part);
        }
        chars.into_iter().collect()
    })
}

/// Runs a text through everything; the helper sees that whatever is refused is told.
fn everything(text: &str) {
    for parser in [parse_scalar, parse_bare] {
        if let Err(lines) = run(parser, text) {
            assert!(!lines.is_empty());
        }
        let mut diagnostics = Diagnostics::default();
        if let Some(parsed) = parser(text, &spans(text), &mut diagnostics) {
            for reference in parsed.references() {
                assert!(text.get(reference.span.range()).is_some(), "{text}");
            }
        }
        for diagnostic in diagnostics.iter() {
            assert!(
                text.get(diagnostic.primary.span.range()).is_some(),
                "{text}: {diagnostic:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_texts(text in any::<String>()) {
        everything(&text);
    }

    #[test]
    fn parts_without_sense(text in soup()) {
        everything(&text);
        everything(&format!("{{{{ {text} }}}}"));
        everything(&format!("{{{{#if true}}}}{text}{{{{/if}}}}"));
    }

    #[test]
    fn valid_texts_that_were_edited(text in mutated()) {
        everything(&text);
    }

    #[test]
    fn a_literal_is_never_parsed(text in "[^']*") {
        let expression = format!("{{{{ '{text}' }}}}");
        if let Ok((_, value)) = run(parse_scalar, &expression) {
            prop_assert_eq!(value, Ok(Value::from(text)));
        } else {
            prop_assert!(expression.len() > 16 << 10);
        }
    }

    #[test]
    fn text_without_braces_is_itself(text in any::<String>()) {
        prop_assume!(!has_mustache(&text));
        let (_, value) = run(parse_scalar, &text).unwrap();
        prop_assert_eq!(value, Ok(Value::from(text)));
    }

    #[test]
    fn integers_and_numbers_have_one_order(
        integers in prop::collection::vec(prop_oneof![any::<i64>().prop_map(Value::from), any::<u64>().prop_map(Value::from)], 1..6),
        numbers in prop::collection::vec(prop::num::f64::NORMAL, 1..6),
    ) {
        use super::super::compare::{By, equal, order};
        let mut all: Vec<Value> = integers;
        all.extend(numbers.into_iter().map(|number| Value::number(number).unwrap()));
        all.sort_by(|a, b| order(By::Value, a, b).unwrap());
        for pair in all.windows(2) {
            let back = order(By::Value, &pair[1], &pair[0]).unwrap();
            prop_assert!(back.is_ge());
            prop_assert_eq!(back.is_eq(), equal(By::Value, &pair[0], &pair[1]).unwrap());
        }
    }
}
