//! What holds for every file: maps give back the source, and trees are those of another parser.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Kind, Node, Scalar, parse, tests::json};
use crate::{diagnostic::Diagnostics, source::Source};

/// The first value of the map at the root.
fn scalar(text: &str) -> Option<(Source, Scalar)> {
    let source = Source::new("f", text.to_owned());
    let root = parse(&source, &mut Diagnostics::default())?;
    let Kind::Map(mut entries) = root.kind else {
        return None;
    };
    match entries.remove(0).value.kind {
        Kind::Scalar(scalar) => Some((source, scalar)),
        Kind::List(mut items) => match items.remove(0).kind {
            Kind::Scalar(scalar) => Some((source, scalar)),
            _ => None,
        },
        Kind::Map(_) => None,
    }
}

/// Each character of the text is mapped to itself, to its escape, or to the fold that it stands for.
fn is_mapped(text: &str) -> Result<(), TestCaseError> {
    let Some((source, scalar)) = scalar(text) else {
        return Err(TestCaseError::reject("no scalar"));
    };
    let mut last = 0;
    for (at, c) in scalar.text.char_indices() {
        let span = scalar.spans.span(at..at + c.len_utf8());
        let written = source.slice(span);
        let escape =
            written.starts_with('\\') && written.len() > 1 && !written.contains(['\n', '\r']);
        let fold = matches!(c, ' ' | '\n') && written.trim().is_empty();
        let same = written == c.to_string();
        prop_assert!(
            same || fold || (c == '\'' && written == "''") || (escape && unescape(written) == c),
            "{c:?} of {:?} is mapped to {written:?} in {text:?}",
            scalar.text
        );
        prop_assert!(span.start >= last, "out of order in {text:?}");
        last = span.start;
    }
    Ok(())
}

fn unescape(escape: &str) -> char {
    let text = format!("\"{escape}\"");
    let value: String = serde_yaml::from_str(&text).unwrap();
    value.chars().next().unwrap()
}

fn tokens(tokens: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(select(tokens), 0..12).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn double_quoted_scalars_are_mapped(
        inner in tokens(&[
            "a", "é", "😀", " ", "  ", "\n  ", " \n\n \n  ", "\r\n  ", "\\n", "\\\"", "\\\\", "\\u00e9", "\\x41",
            "\\U0001F600", "\\_", "\\L", "\\\n  ", "\\\n\n  ", "\\ ", "\\t", "\t", "'", "#", ": ", "{{ x }}",
        ]),
        before in select(&["é: ", "a:\n  ", "a: [", "a:\n- "]),
    ) {
        let after = if before.ends_with('[') { "]" } else { "" };
        is_mapped(&format!("{before}\"{inner}\"{after}"))?;
    }

    #[test]
    fn single_quoted_scalars_are_mapped(
        inner in tokens(&["a", "é", "😀", " ", "\n  ", " \n\n  ", "\r\n  ", "''", "\"", "\\", "\\n", "\t", "#", ": ", "{{ x }}"]),
        after in select(&["", " # c", "\nb: 1"]),
    ) {
        is_mapped(&format!("é: '{inner}'{after}"))?;
    }

    #[test]
    fn plain_scalars_are_mapped(
        inner in tokens(&["a", "é", "😀", " ", "  ", "\n  ", " \n\n  ", "\r\n  ", "'", "\"", "\\n", "-", "#", ":", "{{ x }}", "\t"]),
        after in select(&["", " # c", "\nb: 1"]),
    ) {
        is_mapped(&format!("é: a{inner}{after}"))?;
    }

    #[test]
    fn block_scalars_are_mapped(
        before in select(&["é: ", "a: # b | c\n\n ", "a:\n- ", "a: #é\n  "]),
        style in select(&["|", ">"]),
        indicators in select(&["", "-", "+", "3", "3-", "+3", " # c"]),
        lines in vec(select(&["", " ", "    ", "   a", "   é {{ x }}", "     b", "   \tc", "    d  ", "   e"]), 0..8),
        ending in select(&["\n", "\r\n"]),
        after in select(&["", "\n", "\nb: 1\n", "\n\n\nb: 1"]),
    ) {
        let lines: String = lines.iter().map(|line| format!("{ending}{line}")).collect();
        is_mapped(&format!("{before}{style}{indicators}{lines}{after}"))?;
    }

    #[test]
    fn no_text_panics_and_spans_fit(
        text in tokens(&[
            "a", "é", " ", "  ", "\n", "\n  ", ": ", ":", "- ", "? ", "{", "}", "[", "]", ", ", "\"", "'", "|", ">",
            "{{ ", " }}", "*a", "&a ", "!t ", "<<", "# ", "\t", "\r\n", "---\n", "...\n", "%", "\\", "\0", "\u{feff}",
        ]),
    ) {
        fn walk(source: &Source, node: &Node) {
            assert!(source.text().get(node.span.range()).is_some());
            match &node.kind {
                Kind::Scalar(scalar) => {
                    let whole = scalar.spans.whole();
                    assert!(source.text().get(whole.range()).is_some());
                    assert!(node.span.start <= whole.start);
                }
                Kind::List(items) => items.iter().for_each(|item| {
                    assert!(node.span.start <= item.span.start && item.span.end <= node.span.end);
                    walk(source, item);
                }),
                Kind::Map(entries) => entries.iter().for_each(|entry| {
                    assert!(node.span.start <= entry.key.span.start && entry.value.span.end <= node.span.end);
                    walk(source, &entry.value);
                }),
            }
        }
        let source = Source::new("f", text);
        let mut diagnostics = Diagnostics::default();
        let root = parse(&source, &mut diagnostics);
        prop_assert!(root.is_some() || !diagnostics.is_empty());
        for diagnostic in diagnostics.iter() {
            diagnostic.to_line(&source);
        }
        if let Some(root) = root {
            walk(&source, &root);
            crate::flow::decode(&root, &mut diagnostics);
        }
    }

    #[test]
    fn trees_are_those_of_another_parser(document in document()) {
        let mut text = String::new();
        document.write(0, &mut text);
        let source = Source::new("f", text.clone());
        let mut diagnostics = Diagnostics::default();
        let root = parse(&source, &mut diagnostics);
        prop_assert_eq!(&*diagnostics, &[], "{}", text);
        let theirs: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        prop_assert_eq!(json(&root.unwrap()), theirs, "{}", text);
    }
}

#[derive(Clone, Debug)]
enum Document {
    Scalar(&'static str),
    /// A header and lines.
    Block(&'static str, Vec<&'static str>),
    List(bool, Vec<Document>),
    Map(bool, Vec<Document>),
}

fn document() -> impl Strategy<Value = Document> {
    let scalar = select(&[
        "a",
        "b c",
        "it's",
        "é",
        "x#y",
        "a:b",
        "http://a",
        "1",
        "-5",
        "0",
        "18446744073709551615",
        "1.5",
        ".5",
        "-1e3",
        "0x1f",
        "0o17",
        "012",
        "1_000",
        "12:30",
        "2026-11-23",
        "true",
        "False",
        "yes",
        "on",
        "null",
        "~",
        "'a b'",
        "''",
        "'it''s'",
        "\"x\\ty\"",
        "\"\\u00e9 {{ x }}\"",
        "\"1\"",
    ]);
    let block = (
        select(&["|", "|-", "|+", ">", ">-", ">+"]),
        vec(
            select(&["x", "y: z", "", "  indented", "# no comment", "é"]),
            1..5,
        ),
    );
    let leaf = prop_oneof![
        4 => scalar.prop_map(Document::Scalar),
        1 => block.prop_map(|(header, mut lines)| {
            // The first line tells the indentation.
            lines.insert(0, "first");
            Document::Block(header, lines)
        }),
    ];
    let inner = leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            (any::<bool>(), vec(inner.clone(), 0..5))
                .prop_map(|(flow, items)| Document::List(flow, items)),
            (any::<bool>(), vec(inner, 0..5)).prop_map(|(flow, items)| Document::Map(flow, items)),
        ]
    });
    vec(inner, 1..6).prop_map(|items| Document::Map(false, items))
}

impl Document {
    fn write(&self, indent: usize, text: &mut String) {
        let pad = " ".repeat(indent);
        match self {
            Document::List(false, items) if !items.is_empty() => {
                for item in items {
                    text.push_str(&format!("{pad}-"));
                    item.write_value(indent, text);
                }
            }
            Document::Map(false, items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    text.push_str(&format!("{pad}k{index}:"));
                    item.write_value(indent, text);
                }
            }
            _ => self.write_value(indent, text),
        }
    }

    fn write_value(&self, indent: usize, text: &mut String) {
        match self {
            Document::Block(header, lines) => {
                let pad = " ".repeat(indent + 2);
                text.push_str(&format!(" {header}\n"));
                for line in lines {
                    text.push_str(&format!("{pad}{line}\n"));
                }
            }
            Document::List(false, items) | Document::Map(false, items) if !items.is_empty() => {
                text.push('\n');
                self.write(indent + 2, text);
            }
            _ => {
                text.push(' ');
                self.write_flow(text);
                text.push('\n');
            }
        }
    }

    fn write_flow(&self, text: &mut String) {
        match self {
            Document::Scalar(scalar) => text.push_str(scalar),
            Document::Block(_, lines) => text.push_str(&format!("'{}'", lines.concat())),
            Document::List(_, items) => {
                text.push('[');
                for item in items {
                    item.write_flow(text);
                    text.push_str(", ");
                }
                text.push(']');
            }
            Document::Map(_, items) => {
                text.push('{');
                for (index, item) in items.iter().enumerate() {
                    text.push_str(&format!(" k{index}: "));
                    item.write_flow(text);
                    text.push(',');
                }
                text.push('}');
            }
        }
    }
}
