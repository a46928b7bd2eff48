//! What is refused, and what is said of it.

use insta::assert_snapshot;

use super::{Kind, Node, parse};
use crate::{diagnostic::Diagnostics, source::Source};

/// The list of errors as somebody reads it, or the tree as JSON.
fn check(text: &str) -> String {
    let source = Source::new("f", text.to_owned());
    let mut diagnostics = Diagnostics::default();
    let root = parse(&source, &mut diagnostics);
    if diagnostics.is_empty() {
        return json(&root.unwrap()).to_string();
    }
    render(&source, diagnostics)
}

pub(crate) fn render(source: &Source, diagnostics: Diagnostics) -> String {
    let mut lines = Vec::new();
    for diagnostic in diagnostics.finish(source) {
        lines.push(diagnostic.to_line(source));
        for label in &diagnostic.secondary {
            let at = source.position(label.span.start);
            lines.push(format!("  {}:{}: {}", at.line, at.column, label.text));
        }
        lines.extend(diagnostic.help.map(|help| format!("  help: {help}")));
    }
    lines.join("\n")
}

pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.kind {
        Kind::Scalar(scalar) => serde_json::to_value(scalar.literal().unwrap()).unwrap(),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => entries
            .iter()
            .map(|entry| (entry.key.name.to_string(), json(&entry.value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[test]
fn a_file_without_a_document_is_empty() {
    assert_snapshot!(check(""), @r#"
    f:1:1: error[file-empty]: the file holds no flow
      help: a flow has an id and cards: `flow: NAME`, `cards: { … }`
    "#);
    assert_snapshot!(check("# nothing\n"), @r#"
    f:1:1: error[file-empty]: the file holds no flow
      help: a flow has an id and cards: `flow: NAME`, `cards: { … }`
    "#);
    assert_snapshot!(check("---\n"), @r#"
    f:1:1: error[file-empty]: the file holds no flow
      help: a flow has an id and cards: `flow: NAME`, `cards: { … }`
    "#);
}

#[test]
fn what_flows_do_not_have_is_refused_all_at_once() {
    assert_snapshot!(check("a: &x 1\nb: *x\nc: !!str 2\n<<: { d: 3 }\n? [e]\n: 4\n{ f: g }: 5\nh: 6\nh: 7\n"), @r#"
    f:1:4: error[yaml-feature]: flows have no YAML anchors
      help: write the value where it is needed, or name it in `vars`
    f:2:4: error[yaml-feature]: flows have no YAML aliases
      help: write the value again, or name it in `vars`
    f:3:4: error[yaml-feature]: flows have no YAML tags
      help: remove the tag; values have the type that they are written in
    f:4:1: error[yaml-feature]: flows have no YAML merge keys
      help: write the keys out, or name the value in `vars`
    f:5:3: error[yaml-feature]: a key must be text
    f:7:1: error[yaml-feature]: a key must be text
    f:9:1: error[yaml-duplicate-key]: the key `h` stands twice in this map
      8:1: it stands here first
    "#);
    assert_snapshot!(check("%YAML 1.2\n---\na: 1\n"), @r#"
    f:1:1: error[yaml-feature]: flows have no YAML directives
      help: remove this line
    "#);
    assert_snapshot!(check(": 1\n"), @r#"
    f:1:1: error[yaml-feature]: a key is missing before the `:`
      help: write `key: value`
    "#);
    assert_snapshot!(check("a: !t\n  b: 1\nc: &d # e\n  - f\n"), @r#"
    f:1:4: error[yaml-feature]: flows have no YAML tags
      help: remove the tag; values have the type that they are written in
    f:3:4: error[yaml-feature]: flows have no YAML anchors
      help: write the value where it is needed, or name it in `vars`
    "#);
    assert_snapshot!(check("\"{{ a }}\": 1\n{{ b }}: 2\n"), @r#"
    f:2:1: error[yaml-feature]: a key must be text
      help: names are fixed: no expression can stand in a key
    "#);
}

#[test]
fn a_second_document_is_refused() {
    assert_snapshot!(check("a: 1\n---\nb: 2\n---\nc: 3\n"), @r#"
    f:2:1: error[yaml-documents]: a second document starts here
      help: a file holds one flow: move this one to a file of its own
    "#);
    assert_snapshot!(check("---\na: 1\n...\n"), @r#"{"a":1}"#);
}

#[test]
fn every_repeated_key_points_at_the_first() {
    assert_snapshot!(check("a: 1\nb: { c: 1, c: 2 }\na: 3\n'a': 4\n"), @r#"
    f:2:12: error[yaml-duplicate-key]: the key `c` stands twice in this map
      2:6: it stands here first
    f:3:1: error[yaml-duplicate-key]: the key `a` stands twice in this map
      1:1: it stands here first
    f:4:1: error[yaml-duplicate-key]: the key `a` stands twice in this map
      1:1: it stands here first
    "#);
    let many: String = (0..20).map(|n| format!("k{n}: {n}\n")).collect();
    assert_snapshot!(check(&format!("{many}k3: 1\nk19: 1\n")), @r#"
    f:21:1: error[yaml-duplicate-key]: the key `k3` stands twice in this map
      4:1: it stands here first
    f:22:1: error[yaml-duplicate-key]: the key `k19` stands twice in this map
      20:1: it stands here first
    "#);
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| check(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(nested(64).starts_with("[[["));
    assert_snapshot!(nested(65), @"f:1:65: error[yaml-too-deep]: nested deeper than 64 levels");
    assert_snapshot!(nested(300), @"f:1:256: error[yaml-too-deep]: nested deeper than 64 levels");
    assert_snapshot!(check(&"- ".repeat(65)), @"f:1:129: error[yaml-too-deep]: nested deeper than 64 levels");
    assert_snapshot!(check(&format!("{{ {}", "a: {".repeat(65))), @"f:1:258: error[yaml-too-deep]: nested deeper than 64 levels");
    assert_snapshot!(check(&format!("? {}", "[".repeat(65))), @r#"
    f:1:3: error[yaml-feature]: a key must be text
    f:1:66: error[yaml-too-deep]: nested deeper than 64 levels
    "#);
}

#[test]
fn an_expression_without_quotes_gets_the_quoted_line() {
    assert_snapshot!(check("bucket: {{ inputs.source }}\nkey: {{ eq a \"b\" }}\n"), @r#"
    f:1:9: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ inputs.source }}"
    f:2:6: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write '{{ eq a "b" }}'
    "#);
    assert_snapshot!(check("bucket: {{ inputs.source }}-vault\n"), @r#"
    f:1:9: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ inputs.source }}-vault"
    "#);
    assert_snapshot!(check("with: { bucket: {{ inputs.source }}, key: x }\n"), @r#"
    f:1:17: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ inputs.source }}"
    "#);
    assert_snapshot!(check("with: { bucket: a-{{ inputs.source }}, key: x }\n"), @r#"
    f:1:17: error[yaml-unquoted]: a value with `{{` in it must be in quotes
      help: write "a-{{ inputs.source }}"
    "#);
    assert_snapshot!(check("with: { bucket: {{ a }}/{{ b }}, key: x }\n"), @r#"
    f:1:17: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ a }}/{{ b }}"
    "#);
    assert_snapshot!(check("- {{ a }}\n- b\n- {{ c }}\n"), @r#"
    f:1:3: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ a }}"
    f:3:3: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ c }}"
    "#);
    assert_snapshot!(check("- [{{ a }}, {{ b }}]\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ a }}"
    f:1:13: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ b }}"
    "#);
    assert_snapshot!(check("a: {{ b\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ b"
    "#);
    assert_snapshot!(check("a: {{ list.filter b (gt it.size [0]) }}\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ list.filter b (gt it.size [0]) }}"
    "#);
    assert_snapshot!(check("a: {{ text.upper \"it's: so\" }}\nb: 1\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write '{{ text.upper "it''s: so" }}'
    "#);
    assert_snapshot!(check("text: hello {{ name }} and {{ b }}\n"), @r#"{"text":"hello {{ name }} and {{ b }}"}"#);
    assert_snapshot!(check("text: {{#if a}}x{{/if}}\n"), @r#"
    f:1:7: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{#if a}}x{{/if}}"
    "#);
    assert_snapshot!(check("text: to: {{ name }}\n"), @r#"
    f:1:7: error[yaml-unquoted]: a value with `: ` in it must be in quotes
      help: write "to: {{ name }}"
    "#);
}

#[test]
fn quotes_inside_quotes_get_the_other_kind() {
    assert_snapshot!(check("a: \"{{ default a \"x\" }}\"\n"), @r#"
    f:1:4: error[yaml-unquoted]: an expression holds the quotes that its value stands in
      help: write "{{ default a 'x' }}"
    "#);
    assert_snapshot!(check("a: '{{ default a 'x' }}'\n"), @r#"
    f:1:4: error[yaml-unquoted]: an expression holds the quotes that its value stands in
      help: write '{{ default a "x" }}'
    "#);
    assert_snapshot!(check("a: { b: \"{{ default a \"x\" }}\", c: 1 }\n"), @r#"
    f:1:9: error[yaml-unquoted]: an expression holds the quotes that its value stands in
      help: write "{{ default a 'x' }}"
    "#);
    assert_snapshot!(check("a: \"b\" c\n"), @r#"
    f:1:8: error[yaml-syntax]: text stands after the closing quote
      help: put the whole value into quotes; inside, write `\"` in double quotes and `''` in single ones
    "#);
    assert_snapshot!(check("a: \"{{ b }}\" c\n"), @r#"
    f:1:14: error[yaml-syntax]: text stands after the closing quote
      help: put the whole value into quotes; inside, write `\"` in double quotes and `''` in single ones
    "#);
}

#[test]
fn stars_must_be_quoted() {
    assert_snapshot!(check("pattern: *.csv\nother: [*.txt, *.md] # all\nlast: *\n"), @r#"
    f:1:10: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*.csv"
    f:2:9: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*.txt"
    f:2:16: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*.md"
    f:3:7: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*"
    "#);
    assert_snapshot!(check("schedule: */5 * * * *\n"), @r#"
    f:1:11: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*/5 * * * *"
    "#);
    assert_snapshot!(check("a: [*]\n"), @r#"
    f:1:5: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*"
    "#);
    assert_snapshot!(check("*.csv: 1\n"), @r#"
    f:1:1: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*.csv: 1"
    "#);
}

#[test]
fn other_signs_must_be_quoted() {
    assert_snapshot!(check("a: @b\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `@` must be in quotes
      help: write "@b"
    "#);
    assert_snapshot!(check("a: `b`\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with a backquote must be in quotes
      help: write "`b`"
    "#);
    assert_snapshot!(check("a: %b\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `%` must be in quotes
      help: write "%b"
    "#);
    assert_snapshot!(check("a: & b\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `&` must be in quotes
      help: write "& b"
    "#);
    assert_snapshot!(check("a: !b!c\n"), @r#"
    f:1:4: error[yaml-feature]: flows have no YAML tags
      help: remove the tag, or quote the value if it is text
    "#);
    assert_snapshot!(check("description: one: two\n"), @r#"
    f:1:14: error[yaml-unquoted]: a value with `: ` in it must be in quotes
      help: write "one: two"
    "#);
    assert_snapshot!(check("a: >= 5\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `>` must be in quotes
      help: write ">= 5"
    "#);
}

#[test]
fn tabs_are_pointed_at() {
    assert_snapshot!(check("cards:\n\ta: 1\n"), @r#"
    f:2:1: error[yaml-tab]: a tab stands where YAML needs spaces
      help: use spaces only
    "#);
    assert_snapshot!(check("cards:\n  a: |\n\ttext\n"), @r#"
    f:3:1: error[yaml-tab]: a tab stands where YAML needs spaces
      help: use spaces only
    "#);
    assert_snapshot!(check("cards:\n  a:\n  \tb: 1\n  \tc: 1\n"), @r#"
    f:3:3: error[yaml-tab]: a tab stands where YAML needs spaces
      help: use spaces only
    "#);
    assert_snapshot!(check("a:\tb\n"), @r#"
    f:1:3: error[yaml-tab]: a tab stands where YAML needs spaces
      help: use spaces only
    "#);
    assert_snapshot!(check("a:\n  -\t- b\n"), @r#"
    f:2:4: error[yaml-tab]: a tab stands where YAML needs spaces
      help: use spaces only
    "#);
    assert_snapshot!(check("a: b\tc\n"), @r#"{"a":"b\tc"}"#);
}

#[test]
fn syntax_errors_are_told_in_plain_words() {
    assert_snapshot!(check("a: 1\n b: 2\n"), @r#"
    f:2:3: error[yaml-syntax]: a `:` stands where no key can be
      help: check the indentation of this line, and that the value before it is complete
    "#);
    assert_snapshot!(check("  a: 1\nb: 2\n"), @r#"
    f:2:1: error[yaml-syntax]: this does not fit what stands above
      help: the keys of a map stand in one column: check the indentation
    "#);
    assert_snapshot!(check("a:\n  b: 1\n c: 2\n"), @r#"
    f:3:2: error[yaml-syntax]: this does not fit what stands above
      help: the keys of a map stand in one column: check the indentation
    "#);
    assert_snapshot!(check("a\nb: 1\n"), @r#"
    f:2:2: error[yaml-syntax]: a `:` stands where no key can be
      help: check the indentation of this line, and that the value before it is complete
    "#);
    assert_snapshot!(check("a: 1\nb\n"), @r#"
    f:2:1: error[yaml-syntax]: expected a key with `:`
      help: write `key: value`
    "#);
    assert_snapshot!(check("a: { b: 1\nc: 2\n"), @r#"
    f:2:2: error[yaml-syntax]: expected `,` or `}`
      help: close the `{`, or quote the value before this
    "#);
    assert_snapshot!(check("a: [1, 2\nc: 2\n"), @r#"
    f:2:2: error[yaml-syntax]: expected `,` or `]`
      help: close the `[`, or quote the value before this
    "#);
    assert_snapshot!(check("a: [1 2]]\n"), @r#"
    f:1:9: error[yaml-syntax]: a bracket is closed that was not opened
      help: remove it, or quote the value
    "#);
    assert_snapshot!(check("a: }\n"), @r#"
    f:1:4: error[yaml-syntax]: a bracket is closed that was not opened
      help: remove it, or quote the value
    "#);
    assert_snapshot!(check("a: - b\n"), @r#"
    f:1:4: error[yaml-syntax]: a list cannot start here
      help: write the first `- ` on a line of its own
    "#);
    assert_snapshot!(check("a:\n  - b\n  c\n"), @r#"
    f:3:3: error[yaml-syntax]: expected a key with `:`
      help: write `key: value`
    "#);
    assert_snapshot!(check("a: \"b\nc: 1\n"), @r#"
    f:1:4: error[yaml-syntax]: a line of this text is indented less than its key
      help: indent its lines, or check that the quotes are closed
    "#);
    assert_snapshot!(check("a: 'b\n"), @r#"
    f:1:4: error[yaml-syntax]: the quotes that open here are not closed
      help: close them; inside, write `\"` in double quotes and `''` in single ones
    "#);
    assert_snapshot!(check("a: \"\\.csv\"\n"), @r#"
    f:1:5: error[yaml-syntax]: `\.` is no escape in double quotes
      help: write `\\` for a backslash, or put the text into single quotes
    "#);
    assert_snapshot!(check("a: \"\\xzz\"\n"), @r#"
    f:1:4: error[yaml-syntax]: an escape of this text names no character
      help: `\x` takes two hexadecimal digits, `\u` four and `\U` eight
    "#);
    assert_snapshot!(check("a: | b\n"), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `|` must be in quotes
      help: write "| b"
    "#);
    assert_snapshot!(check("a: |\n    b\n  c\n"), @r#"
    f:3:3: error[yaml-syntax]: this does not fit what stands above
      help: the keys of a map stand in one column: check the indentation
    "#);
    assert_snapshot!(check("a: b # c\n  d\n"), @r#"
    f:1:6: error[yaml-syntax]: a comment stands inside a text
      help: put the text into quotes, or the comment above it
    "#);
    assert_snapshot!(check("a: b\u{1b}[31m\n"), @r#"
    f:1:5: error[yaml-syntax]: the control character U+001B cannot stand in YAML
      help: in double quotes, write "\x1b"
    "#);
    assert_snapshot!(check("a: ,\n"), @r#"
    f:1:4: error[yaml-syntax]: expected a value
      help: write the value, or quote it if it starts with a sign
    "#);
    assert_snapshot!(check("a: [-]\n"), @r#"
    f:1:5: error[yaml-syntax]: a `-` stands alone
      help: quote it: "-"
    "#);
}

#[test]
fn errors_come_together_until_the_parser_gives_up() {
    assert_snapshot!(check("a: &x 1\na: 2\nb: *.csv\nc: {{ d }}\ne: { f\ng: *y\n"), @r#"
    f:1:4: error[yaml-feature]: flows have no YAML anchors
      help: write the value where it is needed, or name it in `vars`
    f:2:1: error[yaml-duplicate-key]: the key `a` stands twice in this map
      1:1: it stands here first
    f:3:4: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*.csv"
    f:4:4: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ d }}"
    f:6:4: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: write "*y"
    f:7:1: error[yaml-syntax]: expected `,` or `}`
      help: close the `{`, or quote the value before this
    "#);
}

#[test]
fn what_the_parser_would_hold_back_is_bounded() {
    let commas = "a,".repeat(260_000);
    assert!(!check(&format!("a: [{commas}{commas}]")).contains("error"));
    assert!(!check(&format!("- [{commas}]")).contains("error"));
    assert!(!check(&format!("a: |\n  {commas}\n")).contains("error"));
    assert_snapshot!(check(&format!("a: 1\nb:\n  - [{commas}{commas}]")), @r#"
    f:3:3: error[file-too-large]: the value after this has more than 500000 commas, colons and brackets
      help: move the data to a file of its own, or write it in lines: `- ITEM`, `KEY: VALUE`
    "#);
    assert_snapshot!(check(&format!("a: \"{commas}{commas}\"\nb: 1")), @r#"
    f:1:2: error[file-too-large]: the value after this has more than 500000 commas, colons and brackets
      help: move the data to a file of its own, or write it in lines: `- ITEM`, `KEY: VALUE`
    "#);
    assert_snapshot!(check(&format!("a: |\n  {commas}{commas}\nb: 1")), @r#"
    f:1:2: error[file-too-large]: the value after this has more than 500000 commas, colons and brackets
      help: move the data to a file of its own, or write it in lines: `- ITEM`, `KEY: VALUE`
    "#);
    assert_snapshot!(check(&format!("a: *{commas}{commas}")).replace("a,", ""), @r#"
    f:1:4: error[yaml-unquoted]: a value that starts with `*` must be in quotes
      help: put the whole value into quotes
    "#);
}

#[test]
fn a_flood_of_errors_ends() {
    let text: String = (0..600).map(|_| "a:\n").collect();
    let lines = check(&text);
    assert_eq!(lines.matches("error[yaml-duplicate-key]").count(), 500);
    let last: Vec<&str> = lines.lines().rev().take(2).collect();
    assert_snapshot!(last.join("\n"), @r#"
      help: repair these first
    f:601:1: error[too-many-errors]: there are more than 500 errors
    "#);
}

#[test]
fn scalars_have_the_types_of_the_core_schema() {
    assert_snapshot!(check("[null, Null, ~, true, FALSE, yes, on, nUll]"), @r#"[null,null,null,true,false,"yes","on","nUll"]"#);
    assert_snapshot!(check("[0, -0, +5, 18446744073709551615, -9223372036854775808, 0x1F, 0o17, 0b1, 1_000]"), @r#"[0,0,5,18446744073709551615,-9223372036854775808,31,15,"0b1","1_000"]"#);
    assert_snapshot!(check("[012, -012, 00, 0.5, 01.5, 1., .5, -.5e-3, 1e3, 1.2.3, 12:30, 2026-11-23, +, ., 1e, 0x, 0xg]"), @r#"["012","-012","00",0.5,1.5,1.0,0.5,-0.0005,1000.0,"1.2.3","12:30","2026-11-23","+",".","1e","0x","0xg"]"#);
    assert_snapshot!(check("['1', \"true\", ~x, 'null']"), @r#"["1","true","~x","null"]"#);
    assert_snapshot!(check("a:\nb: |\n  1\nc: ''\n"), @r#"{"a":null,"b":"1\n","c":""}"#);
}

#[test]
fn numbers_that_no_value_holds_are_refused() {
    let error = |text: &str| {
        let source = Source::new("f", text.to_owned());
        let root = parse(&source, &mut Diagnostics::default()).unwrap();
        render(&source, root.value(&flowrun_card::Type::ANY).unwrap_err())
    };
    assert_snapshot!(error("[18446744073709551616, -9223372036854775809, .inf, -.INF, .NaN, 1e999, 0xfffffffffffffffff]"), @r#"
    f:1:2: error[wrong-value]: `18446744073709551616` is no number that a flow can hold: an integer is between -9223372036854775808 and 18446744073709551615
      help: if it is text, quote it: "18446744073709551616"
    f:1:24: error[wrong-value]: `-9223372036854775809` is no number that a flow can hold: an integer is between -9223372036854775808 and 18446744073709551615
      help: if it is text, quote it: "-9223372036854775809"
    f:1:46: error[wrong-value]: `.inf` is no number that a flow can hold: a number must be finite
      help: if it is text, quote it: ".inf"
    f:1:52: error[wrong-value]: `-.INF` is no number that a flow can hold: a number must be finite
      help: if it is text, quote it: "-.INF"
    f:1:59: error[wrong-value]: `.NaN` is no number that a flow can hold: a number must be finite
      help: if it is text, quote it: ".NaN"
    f:1:65: error[wrong-value]: `1e999` is no number that a flow can hold: a number must be finite
      help: if it is text, quote it: "1e999"
    f:1:72: error[wrong-value]: `0xfffffffffffffffff` is no number that a flow can hold: an integer is between -9223372036854775808 and 18446744073709551615
      help: if it is text, quote it: "0xfffffffffffffffff"
    "#);
}

#[test]
fn text_slots_keep_the_source() {
    use flowrun_card::{Type, TypeKind};
    let value = |text: &str, ty: Type| {
        let source = Source::new("f", text.to_owned());
        let root = parse(&source, &mut Diagnostics::default()).unwrap();
        root.value(&ty).unwrap().to_string()
    };
    let texts = || Type::list(Type::string());
    assert_snapshot!(value("[1.10, on, 012345678901, 99999999999999999999, null, 'x', true]", texts()), @r#"["1.10","on","012345678901","99999999999999999999",null,"x","true"]"#);
    let either = Type::new(TypeKind::OneOf(vec![Type::integer(), Type::string()]));
    assert_snapshot!(value("[1, 1.10, true, null, x]", Type::list(either)), @r#"[1,"1.10","true",null,"x"]"#);
    let object = Type::object([
        ("a".to_owned(), Type::string()),
        ("b".to_owned(), Type::number()),
    ]);
    assert_snapshot!(value("{ a: 1.10, b: 1.10, c: 1.10 }", object), @r#"{"a":"1.10","b":1.1,"c":1.1}"#);
}

/// Every node with its span in the source, and each scalar with what its map points at.
fn spans(text: &str) -> String {
    fn walk(source: &Source, node: &Node, lines: &mut Vec<String>) {
        let at = source.position(node.span.start);
        let place = format!("{}:{} {:?}", at.line, at.column, source.slice(node.span));
        match &node.kind {
            Kind::Scalar(scalar) => {
                let whole = source.slice(scalar.spans.whole());
                lines.push(format!("{place} = {:?} <- {whole:?}", scalar.text));
            }
            Kind::List(items) => {
                lines.push(place);
                items.iter().for_each(|item| walk(source, item, lines));
            }
            Kind::Map(entries) => {
                lines.push(place);
                for entry in entries {
                    lines.push(format!("key {:?}", source.slice(entry.key.span)));
                    walk(source, &entry.value, lines);
                }
            }
        }
    }
    let source = Source::new("f", text.to_owned());
    let mut diagnostics = Diagnostics::default();
    let root = parse(&source, &mut diagnostics).unwrap();
    assert_eq!(*diagnostics, []);
    let mut lines = Vec::new();
    walk(&source, &root, &mut lines);
    lines.join("\n")
}

#[test]
fn spans_are_bytes_of_the_source() {
    assert_snapshot!(spans("\u{e9}: \"\u{fc}\"  # \u{e4}\nb:\n  - 'c'  # d\n  - { e: f, g: [h, i] }  # j\nk:\n"), @r#"
    1:1 "é: \"ü\"  # ä\nb:\n  - 'c'  # d\n  - { e: f, g: [h, i] }  # j\nk"
    key "é"
    1:4 "\"ü\"" = "ü" <- "ü"
    key "b"
    3:3 "- 'c'  # d\n  - { e: f, g: [h, i] }"
    3:5 "'c'" = "c" <- "c"
    4:5 "{ e: f, g: [h, i] }"
    key "e"
    4:10 "f" = "f" <- "f"
    key "g"
    4:16 "[h, i]"
    4:17 "h" = "h" <- "h"
    4:20 "i" = "i" <- "i"
    key "k"
    5:2 "" = "" <- ""
    "#);
    assert_snapshot!(spans("a:\n\n# b | c\nd: |2- # e\n    f\n   g\n\nh: >\n  i\n  j\n\n  k\nl: m\n"), @r#"
    1:1 "a:\n\n# b | c\nd: |2- # e\n    f\n   g\n\nh: >\n  i\n  j\n\n  k\nl: m"
    key "a"
    1:2 "" = "" <- ""
    key "d"
    4:4 "|2- # e\n    f\n   g" = "  f\n g" <- "  f\n   g"
    key "h"
    8:4 ">\n  i\n  j\n\n  k" = "i j\nk\n" <- "i\n  j\n\n  k\n"
    key "l"
    13:4 "m" = "m" <- "m"
    "#);
    assert_snapshot!(spans("- - a\n  - b: c\n    d: e\n- [f: g, { h: i }, j: { }]\n"), @r#"
    1:1 "- - a\n  - b: c\n    d: e\n- [f: g, { h: i }, j: { }]"
    1:3 "- a\n  - b: c\n    d: e"
    1:5 "a" = "a" <- "a"
    2:5 "b: c\n    d: e"
    key "b"
    2:8 "c" = "c" <- "c"
    key "d"
    3:8 "e" = "e" <- "e"
    4:3 "[f: g, { h: i }, j: { }]"
    4:4 "f: g"
    key "f"
    4:7 "g" = "g" <- "g"
    4:10 "{ h: i }"
    key "h"
    4:15 "i" = "i" <- "i"
    4:20 "j: { }"
    key "j"
    4:23 "{ }"
    "#);
    assert_snapshot!(spans("- |\n\n\n- >+\n\n- a\n  b\n\n  c\n- ''\n-\n- \"\"\n"), @r#"
    1:1 "- |\n\n\n- >+\n\n- a\n  b\n\n  c\n- ''\n-\n- \"\""
    1:3 "|" = "" <- ""
    4:3 ">+" = "\n" <- "\n"
    6:3 "a\n  b\n\n  c" = "a b\nc" <- "a\n  b\n\n  c"
    10:3 "''" = "" <- ""
    11:2 "" = "" <- ""
    12:3 "\"\"" = "" <- ""
    "#);
    assert_snapshot!(spans("? a\n: |\n  b\n? c\n: - d\n"), @r#"
    1:1 "? a\n: |\n  b\n? c\n: - d"
    key "a"
    2:3 "|\n  b" = "b\n" <- "b\n"
    key "c"
    5:3 "- d"
    5:5 "d" = "d" <- "d"
    "#);
    assert_snapshot!(spans("a: |\n  b\n\n  "), @r#"
    1:1 "a: |\n  b"
    key "a"
    1:4 "|\n  b" = "b\n" <- "b\n"
    "#);
    assert_snapshot!(spans("- { a: b, }\n- [c, ]\n- |+\n  d\n\n"), @r#"
    1:1 "- { a: b, }\n- [c, ]\n- |+\n  d"
    1:3 "{ a: b, }"
    key "a"
    1:8 "b" = "b" <- "b"
    2:3 "[c, ]"
    2:4 "c" = "c" <- "c"
    3:3 "|+\n  d" = "d\n\n" <- "d\n\n"
    "#);
    let wide = " ".repeat(40);
    assert_snapshot!(spans(&format!("a:\n{wide}b: |\n {wide}c\n\n {wide}d\n")), @r#"
    1:1 "a:\n                                        b: |\n                                         c\n\n                                         d"
    key "a"
    2:41 "b: |\n                                         c\n\n                                         d"
    key "b"
    2:44 "|\n                                         c\n\n                                         d" = "c\n\nd\n" <- "c\n\n                                         d\n"
    "#);
    assert_snapshot!(spans("a: |\r\n  b\r\n  c\r\nd: \"e\r\n  f\"\r\n"), @r#"
    1:1 "a: |\r\n  b\r\n  c\r\nd: \"e\r\n  f\""
    key "a"
    1:4 "|\r\n  b\r\n  c" = "b\nc\n" <- "b\r\n  c\r\n"
    key "d"
    4:4 "\"e\r\n  f\"" = "e f" <- "e\r\n  f"
    "#);
}
