//! What decodes, what is refused, and what is said of it.

use insta::assert_snapshot;

use super::{Action, Card, Flow, decode};
use crate::{
    diagnostic::Diagnostics,
    source::Source,
    syntax::{self, parse},
};

fn read(text: &str) -> (Option<Flow>, String) {
    let source = Source::new("f", text.to_owned());
    let mut diagnostics = Diagnostics::default();
    let flow = parse(&source, &mut diagnostics).and_then(|root| decode(&root, &mut diagnostics));
    (flow, syntax::tests::render(&source, diagnostics))
}

/// The list of errors as somebody reads it.
fn check(text: &str) -> String {
    read(text).1
}

/// The errors of a flow with these cards.
fn card(text: &str) -> String {
    let lines = text.replace('\n', "\n  ");
    check(&format!("flow: f\ncards:\n  {lines}"))
}

/// The errors of a flow with these inputs.
fn inputs(text: &str) -> String {
    let lines = text.replace('\n', "\n  ");
    check(&format!("cards: {{}}\nflow: f\ninputs:\n  {lines}"))
}

/// What a file gives, without its spans.
fn outline(text: &str) -> String {
    fn tree(cards: &[Card], indent: usize, lines: &mut Vec<String>) {
        for card in cards {
            let mut parts = vec![format!("{:indent$}{}:", "", card.id.value)];
            if let Some(when) = &card.when {
                parts.push(format!("when <{}>", when.value.text));
            }
            if let Some(each) = &card.for_each {
                parts.push(format!(
                    "for_each <{}> as {:?} where {:?} max_parallel {:?} tolerate {:?}",
                    each.list.value.text,
                    each.name.as_ref().map(|name| &*name.value),
                    each.filter.as_ref().map(|filter| &*filter.value.text),
                    each.max_parallel,
                    each.tolerate
                ));
            }
            if let Some(retry) = &card.retry {
                parts.push(format!("{:?}", retry.value));
            }
            if let Some(timeout) = &card.timeout {
                parts.push(format!("timeout {:?}", timeout.value));
            }
            for after in &card.after {
                parts.push(format!("after {} {}", after.card.value, after.or_skipped));
            }
            match &card.action {
                Action::Card {
                    name,
                    with,
                    connection,
                } => {
                    let connection = connection
                        .as_ref()
                        .map(|connection| &*connection.value.text);
                    parts.push(format!("card {} {connection:?}", name.value));
                    let with = with
                        .as_ref()
                        .map(|node| syntax::tests::json(node).to_string());
                    parts.extend(with);
                    lines.push(parts.join(" "));
                }
                Action::Group(group) => {
                    let outputs = group.outputs.iter().flatten();
                    let names: Vec<_> = outputs.map(|(name, _)| &*name.value).collect();
                    parts.push(format!("group {names:?}"));
                    lines.push(parts.join(" "));
                    tree(&group.cards, indent + 2, lines);
                }
                Action::Broken => {
                    parts.push("broken".to_owned());
                    lines.push(parts.join(" "));
                }
            }
        }
    }
    let (flow, errors) = read(text);
    let mut lines = Vec::new();
    if let Some(flow) = flow {
        lines.push(format!(
            "{} {:?} {:?}",
            flow.id.value, flow.description, flow.max_parallel
        ));
        for input in &flow.inputs {
            lines.push(format!(
                "input {}: {:?} required {} default {} {:?}",
                input.name.value,
                input.ty,
                input.required,
                input.default.is_some(),
                input.description
            ));
        }
        for connection in &flow.connections {
            let source = match &connection.source {
                super::ConnectionSource::Nickname(name) => format!("nickname {}", name.value),
                super::ConnectionSource::Set { name } => format!("set {}", name.value),
                super::ConnectionSource::Caller { kind } => format!("of kind {}", kind.value),
                super::ConnectionSource::Broken => "broken".to_owned(),
            };
            lines.push(format!("connection {}: {source}", connection.alias.value));
        }
        for (what, values) in [("var", &flow.vars), ("output", &flow.outputs)] {
            for (name, node) in values {
                let value = syntax::tests::json(node);
                lines.push(format!("{what} {}: {value}", name.value));
            }
        }
        let defaults = &flow.defaults;
        lines.push(format!(
            "defaults {:?} {:?} {:?}",
            defaults.retry,
            defaults.timeout,
            defaults
                .connection
                .as_ref()
                .map(|connection| &*connection.value.text)
        ));
        tree(&flow.cards, 0, &mut lines);
    }
    lines.push(errors);
    lines.join("\n")
}

#[test]
fn every_key_of_the_language_is_read() {
    assert_snapshot!(outline(r#"
flow: backup
language: 1
description: 1.10
max_parallel: 16
inputs:
  source: { type: string, default: reports, description: Bucket }
connections:
  source: demo-reports
  vault: { kind: aws_s3 }
vars:
  target: "{{ inputs.source }}-vault"
  list: [1, { a: null }]
defaults:
  retry: { attempts: 2 }
  timeout: 1h
  connection: source
cards:
  found:
    card: s3.list_objects
    connection: source
    with: { bucket: "{{ inputs.source }}", prefix: 012 }
    retry: { attempts: 5, delay: 500ms, backoff: constant, max_delay: 30s, kinds: [timeout, not_found] }
  copied:
    when: not (is_empty cards.found)
    for_each: "{{ cards.found.objects }}"
    as: object
    where: gt object.size 0
    max_parallel: 4
    tolerate: 10%
    timeout: 2d
    after: [found, { card: found, or_skipped: true }]
    cards:
      copy: { card: s3.copy, with: }
    outputs: { key: "{{ object.key }}" }
  all: { card: a, for_each: b, tolerate: all, after: found }
  some: { card: a, for_each: b, tolerate: 3 }
outputs:
  copied: "{{ list.length cards.copied }}"
"#), @r#"
    backup Some("1.10") Some(16)
    input source: Type { kind: String { format: None, options: [], pattern: None, min_length: None, max_length: None }, nullable: false } required false default true Some("Bucket")
    connection source: nickname demo-reports
    connection vault: of kind aws_s3
    var target: "{{ inputs.source }}-vault"
    var list: [1,{"a":null}]
    output copied: "{{ list.length cards.copied }}"
    defaults Some(RetryPolicy { attempts: 2, delay: 1s, backoff: Exponential, max_delay: 60s, kinds: [] }) Some(3600s) Some("source")
    found: RetryPolicy { attempts: 5, delay: 500ms, backoff: Constant, max_delay: 30s, kinds: [Timeout, NotFound] } card s3.list_objects Some("source") {"bucket":"{{ inputs.source }}","prefix":"012"}
    copied: when <not (is_empty cards.found)> for_each <{{ cards.found.objects }}> as Some("object") where Some("gt object.size 0") max_parallel Some(4) tolerate Percent(10) timeout 172800s after found false after found true group ["key"]
      copy: card s3.copy None
    all: for_each <b> as None where None max_parallel None tolerate All after found false card a None
    some: for_each <b> as None where None max_parallel None tolerate Count(3) card a None
    "#);
}

#[test]
fn inputs_have_types() {
    assert_snapshot!(outline(r#"
flow: f
inputs:
  a: { type: string, enum: [fast, 1.10], pattern: "^[a-z0-9.]+$", default: 1.10 }
  b: { type: integer, minimum: 1, maximum: 18446744073709551615 }
  c: { type: number, minimum: 0, maximum: 1.5, default: 1 }
  d: { type: date, default: "2026-11-23", enum: ["2026-11-23"] }
  e: { type: list, items: { type: list, items: { type: string } }, default: [[1.10]] }
  f: { type: object, properties: { g: { type: size, required: false, description: h }, i: { type: any } }, default: { i: null } }
  j: { type: file, required: false }
  k: { type: connection }
  l: { type: object }
  m: { type: duration, default: "{{ run.id }}" }
  n: { type: string, required: false, default: x }
cards: {}
"#), @r#"
    f None None
    input a: Type { kind: String { format: None, options: ["fast", "1.10"], pattern: Some("^[a-z0-9.]+$"), min_length: None, max_length: None }, nullable: false } required false default true None
    input b: Type { kind: Integer { minimum: Some(1), maximum: Some(18446744073709551615) }, nullable: false } required true default false None
    input c: Type { kind: Number { minimum: Some(0.0), maximum: Some(1.5) }, nullable: false } required false default true None
    input d: Type { kind: String { format: Some(Date), options: ["2026-11-23"], pattern: None, min_length: None, max_length: None }, nullable: false } required false default true None
    input e: Type { kind: List { items: Type { kind: List { items: Type { kind: String { format: None, options: [], pattern: None, min_length: None, max_length: None }, nullable: false }, min_items: None, max_items: None }, nullable: false }, min_items: None, max_items: None }, nullable: false } required false default true None
    input f: Type { kind: Object { fields: {"g": Field { ty: Type { kind: String { format: Some(Size), options: [], pattern: None, min_length: None, max_length: None }, nullable: false }, required: false, description: "h", default: None }, "i": Field { ty: Type { kind: Any, nullable: true }, required: true, description: "", default: None }}, additional: None }, nullable: false } required false default true None
    input j: Type { kind: File, nullable: true } required false default false None
    input k: Type { kind: Connection { kind: None }, nullable: false } required true default false None
    input l: Type { kind: Object { fields: {}, additional: Some(Type { kind: Any, nullable: true }) }, nullable: false } required true default false None
    input m: Type { kind: String { format: Some(Duration), options: [], pattern: None, min_length: None, max_length: None }, nullable: false } required false default true None
    input n: Type { kind: String { format: None, options: [], pattern: None, min_length: None, max_length: None }, nullable: false } required false default true None
    defaults None None None
    "#);
}

#[test]
fn a_flow_needs_an_id_and_cards() {
    assert_snapshot!(check("description: x\n"), @r#"
    f:1:1: error[missing-key]: the flow has no id
      help: start with `flow: NAME`
    f:1:1: error[missing-key]: the flow has no cards
      help: write `cards:`, and below it a card by its id
    "#);
    assert_snapshot!(check("- a\n"), @r#"
    f:1:1: error[wrong-type]: expected a flow, found a list
      help: a flow is a map that starts with `flow: NAME`
    "#);
    assert_snapshot!(check("flow\n"), @r#"
    f:1:1: error[wrong-type]: expected a flow, found a string
      help: a flow is a map that starts with `flow: NAME`
    "#);
    assert_snapshot!(check("flow: f\ncards:\n"), @r#"
    f:2:6: error[wrong-type]: expected a map of cards, found nothing
      help: each card stands below its id: `cards: { ID: { card: NAME, with: { … } } }`
    "#);
    assert_snapshot!(check("flow: f\ncards:\n  - card: a\n"), @r#"
    f:3:3: error[wrong-type]: expected a map of cards, found a list
      help: each card stands below its id: `cards: { ID: { card: NAME, with: { … } } }`
    "#);
    assert_snapshot!(outline("flow:\ncards: {}\n"), @r#"
    flow None None
    defaults None None None
    f:1:5: error[wrong-type]: expected the flow's id, found nothing
    "#);
}

#[test]
fn ids_have_a_form() {
    assert_snapshot!(check("flow: My Flow\nvars: { 2nd: 1, a.b: 2, '': 3, é: 4 }\nconnections: { Vault: x }\noutputs: { someThing: 1 }\ncards: {}\n"), @r#"
    f:1:7: error[invalid-id]: `My Flow` is no id: it must start with a lower-case letter
      help: write `my_flow`
    f:2:9: error[invalid-id]: `2nd` is no id: it must start with a lower-case letter
      help: write `var_2nd`
    f:2:17: error[invalid-id]: `a.b` is no id: it has lower-case letters, digits, `_` and `-`, and no `.`
      help: write `a_b`
    f:2:25: error[invalid-id]: `` is no id: it is empty
    f:2:32: error[invalid-id]: `é` is no id: it must start with a lower-case letter
    f:3:16: error[invalid-id]: `Vault` is no id: it must start with a lower-case letter
      help: write `vault`
    f:4:12: error[invalid-id]: `someThing` is no id: it has lower-case letters, digits, `_` and `-`, and no `T`
      help: write `some_thing`
    "#);
    assert_snapshot!(check(&format!("flow: {}\ncards: {{ a-b_c1: {{ card: x }}, X: {{ card: x }} }}\n", "a".repeat(64))), @"
    f:1:7: error[invalid-id]: `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…` is no id: it is longer than 63 characters
      help: write `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`
    f:2:31: error[invalid-id]: `X` is no id: it must start with a lower-case letter
      help: write `x`
    ");
    assert_snapshot!(card("a: { card: b, for_each: c, as: item }\nb: { card: b, for_each: c, as: it }\nc: { card: b, for_each: c, as: A }\n"), @"
    f:3:34: error[invalid-id]: `item` is reserved: it means something else in expressions
      help: an item is called `item` without `as`
    f:4:34: error[invalid-id]: `it` is reserved: it means something else in expressions
      help: choose another name
    f:5:34: error[invalid-id]: `A` is no id: it must start with a lower-case letter
      help: write `a`
    ");
}

#[test]
fn unknown_keys_are_named() {
    assert_snapshot!(check("flow: f\ninput: {}\nsteps: []\nnonsense: 1\ncards: {}\non: push\n"), @"
    f:2:1: error[unknown-key]: a flow has no key `input`
      help: did you mean `inputs`?
    f:3:1: error[unknown-key]: a flow has no key `steps`
      help: did you mean `cards`?
    f:4:1: error[unknown-key]: a flow has no key `nonsense`
      help: its keys are `flow`, `language`, `description`, `inputs`, `connections`, `secrets`, `vars`, `defaults`, `max_parallel`, `cards`, `outputs`
    f:6:1: error[unknown-key]: a flow has no key `on`
      help: `triggers` will do that, and is not supported yet
    ");
    assert_snapshot!(card("a:\n  card: b\n  wiht: {}\n  if: x\n  depends_on: c\n  foo: 1\n"), @r#"
    f:5:5: error[unknown-key]: a card has no key `wiht`
      help: did you mean `with`?
    f:6:5: error[unknown-key]: a card has no key `if`
      help: did you mean `when`?
    f:7:5: error[unknown-key]: a card has no key `depends_on`
      help: did you mean `after`?
    f:8:5: error[unknown-key]: a card has no key `foo`
      help: its keys are `card`, `with`, `connection`, `cards`, `outputs`, `when`, `for_each`, `as`, `where`, `max_parallel`, `tolerate`, `retry`, `timeout`, `after`
    "#);
    assert_snapshot!(card("a: { card:b }\n"), @"
    f:3:8: error[unknown-key]: a card has no key `card:b`
      help: write a space after the colon: `card: b`
    ");
    assert_snapshot!(card("a: { card: b, retry: { attempt: 1, max: 2 }, after: { id: x } }\n"), @r#"
    f:3:26: error[unknown-key]: `retry` has no key `attempt`
      help: did you mean `attempts`?
    f:3:38: error[unknown-key]: `retry` has no key `max`
      help: did you mean `attempts`?
    f:3:55: error[missing-key]: an item of `after` names no card
      help: write `{ card: ID, or_skipped: true }`
    f:3:57: error[unknown-key]: an item of `after` has no key `id`
      help: its keys are `card`, `or_skipped`
    "#);
    assert_snapshot!(check("flow: f\ndefaults: { retries: 1 }\nconnections: { a: { type: b } }\ninputs: { b: { type: string, min: 1 } }\ncards: {}\n"), @r#"
    f:2:13: error[unknown-key]: `defaults` has no key `retries`
      help: did you mean `retry`?
    f:3:21: error[unknown-key]: a connection has no key `type`
      help: did you mean `kind`?
    f:4:30: error[unknown-key]: an input has no key `min`
      help: did you mean `minimum`?
    "#);
}

#[test]
fn what_is_not_built_is_refused_by_name() {
    assert_snapshot!(check("flow: f\n\nenv: []\ntriggers: {}\ndeadline: 1h\nfinally: {}\nconcurrency: 1\ncards: {}\n"), @"
    f:3:1: error[not-supported]: `env` is not supported yet
      help: declare an input, and give it with `--input`
    f:4:1: error[not-supported]: `triggers` is not supported yet
      help: start the flow with `flowrun run`, from a scheduler for instance
    f:5:1: error[not-supported]: `deadline` is not supported yet
      help: give a `timeout` to cards and groups
    f:6:1: error[not-supported]: `finally` is not supported yet
    f:7:1: error[not-supported]: `concurrency` is not supported yet
    ");
    assert_snapshot!(card("a: { flow: b.yaml }\nc: { switch: {} }\nd: { card: e, repeat: {}, catch: {} }\n"), @"
    f:3:8: error[not-supported]: `flow` is not supported yet
      help: copy its cards into a group: `cards:`
    f:4:8: error[not-supported]: `switch` is not supported yet
      help: make each branch a card with a `when`
    f:5:17: error[not-supported]: `repeat` is not supported yet
      help: `retry` tries a card again while it fails
    f:5:29: error[not-supported]: `catch` is not supported yet
      help: in a loop, `tolerate` lets items fail
    ");
    assert_snapshot!(check("flow: f\nlanguage: 2\ncards: {}\n"), @"
    f:2:11: error[not-supported]: version 2 of the language is not supported
      help: this build reads version 1
    ");
    assert_snapshot!(check("flow: f\nlanguage: one\ncards: {}\n"), @r#"
    f:2:11: error[wrong-type]: expected a version of the language, found a string
      help: write `language: 1`
    "#);
}

#[test]
fn a_card_has_one_action() {
    assert_snapshot!(card("a: {}\nb: { card: x, cards: {} }\nc: { card: x, switch: {}, flow: y }\nd: { when: x }\n"), @r#"
    f:3:3: error[one-action]: card `a` has no action
      help: give it `card: NAME`, or `cards:` for a group
    f:4:3: error[one-action]: card `b` has 2 actions: `card`, `cards`
      4:8: one
      4:17: another
      help: a card has exactly one: make two cards of it
    f:5:3: error[one-action]: card `c` has 3 actions: `card`, `flow`, `switch`
      5:8: one
      5:29: another
      5:17: another
      help: a card has exactly one: make two cards of it
    f:6:3: error[one-action]: card `d` has no action
      help: give it `card: NAME`, or `cards:` for a group
    "#);
    assert_snapshot!(card("a: s3.copy\nb:\nc: { card: }\nd: { card: \"{{ x }}\" }\n"), @"
    f:3:6: error[wrong-type]: expected a card, found a string
      help: write `a: { card: NAME }`
    f:4:4: error[wrong-type]: expected a card, found nothing
      help: write `b: { card: NAME }`
    f:5:12: error[wrong-type]: expected the name of a card, found nothing
    f:6:14: error[wrong-value]: expected the name of a card, and no expression
      help: it is fixed before the run: write it out
    ");
}

#[test]
fn modifiers_have_their_place() {
    assert_snapshot!(card("a: { card: b, as: c, where: d, max_parallel: 1, tolerate: 1, outputs: {} }\n"), @r#"
    f:3:17: error[misplaced-modifier]: `as` means nothing without `for_each`
      help: add `for_each`, or remove it
    f:3:24: error[misplaced-modifier]: `where` means nothing without `for_each`
      help: add `for_each`, or remove it
    f:3:34: error[misplaced-modifier]: `max_parallel` means nothing without `for_each`
      help: add `for_each`, or remove it
    f:3:51: error[misplaced-modifier]: `tolerate` means nothing without `for_each`
      help: add `for_each`, or remove it
    f:3:64: error[misplaced-modifier]: `outputs` belongs to a group
      help: a card's outputs are those of the catalogue: read them as `cards.ID.NAME`
    "#);
    assert_snapshot!(card("a: { cards: {}, with: {}, connection: b, retry: {} }\n"), @r#"
    f:3:19: error[misplaced-modifier]: `with` belongs to a card, and not to a group
      help: give inputs to the cards inside
    f:3:29: error[misplaced-modifier]: `connection` belongs to a card, and not to a group
      help: name it on the cards inside
    f:3:44: error[misplaced-modifier]: `retry` belongs to a card, and not to a group
      help: put it on the cards inside
    "#);
}

#[test]
fn wrong_types_say_what_was_expected() {
    assert_snapshot!(card("a: { card: [b], with: [c], connection: {}, when: [d], for_each: [e], as: [], where: , max_parallel: x, tolerate: [], retry: 5, timeout: [], after: [[f]] }\n"), @"
    f:3:14: error[wrong-type]: expected the name of a card, found a list
    f:3:25: error[wrong-type]: expected a map of inputs, found a list
      help: write `{ NAME: VALUE }`, or each in a line of its own
    f:3:42: error[wrong-type]: expected an alias of `connections`, found a map
      help: write an alias, or an expression in braces that yields a connection
    f:3:52: error[wrong-type]: expected an expression, found a list
      help: write `when: EXPRESSION`
    f:3:67: error[wrong-type]: expected an expression, found a list
      help: name the list: write it into `vars`, and here `for_each: vars.NAME`
    f:3:76: error[wrong-type]: expected a name for the item, found a list
    f:3:85: error[wrong-type]: expected an expression, found nothing
      help: write `where: EXPRESSION`
    f:3:103: error[wrong-type]: expected an integer, found a string
    f:3:116: error[wrong-type]: expected how many items may fail, found a list
    f:3:127: error[wrong-type]: expected a map, found an integer
      help: write `retry: { attempts: N }`
    f:3:139: error[wrong-type]: expected a duration, found a list
    f:3:151: error[wrong-type]: expected the id of a card, found a list
    ");
    assert_snapshot!(card("a: { cards: [b], outputs: x }\n"), @"
    f:3:15: error[wrong-type]: expected a map of cards, found a list
      help: each card stands below its id: `cards: { ID: { card: NAME, with: { … } } }`
    f:3:29: error[wrong-type]: expected a map of outputs, found a string
      help: write `{ NAME: VALUE }`, or each in a line of its own
    ");
    assert_snapshot!(check("flow: [f]\ndescription: []\ninputs: []\nconnections: x\nvars: 1\ndefaults: true\nmax_parallel: 1.5\noutputs: x\ncards: {}\n"), @"
    f:1:7: error[wrong-type]: expected the flow's id, found a list
    f:2:14: error[wrong-type]: expected text, found a list
    f:3:9: error[wrong-type]: expected a map of inputs, found a list
      help: write `{ NAME: VALUE }`, or each in a line of its own
    f:4:14: error[wrong-type]: expected a map of connections, found a string
      help: write `{ NAME: VALUE }`, or each in a line of its own
    f:5:7: error[wrong-type]: expected a map of vars, found an integer
      help: write `{ NAME: VALUE }`, or each in a line of its own
    f:6:11: error[wrong-type]: expected a map of defaults, found a boolean
      help: write `{ NAME: VALUE }`, or each in a line of its own
    f:7:15: error[wrong-type]: expected an integer, found a number
    f:8:10: error[wrong-type]: expected a map of outputs, found a string
      help: write `{ NAME: VALUE }`, or each in a line of its own
    ");
    assert_snapshot!(check("flow: f\nconnections: { a: , b: [c], d: {}, e: '{{ x }}', f: { kind: [] } }\ncards: {}\n"), @"
    f:2:17: error[wrong-type]: expected the nickname of a connection, found nothing
    f:2:24: error[wrong-type]: expected the nickname of a connection, found a list
    f:2:32: error[missing-key]: the connection has no kind
      help: write its nickname, `{ set: NAME }` for the members of a set, or `{ kind: KIND }` where the caller supplies it
    f:2:39: error[wrong-value]: expected the nickname of a connection, and no expression
      help: it is fixed before the run: write it out
    f:2:61: error[wrong-type]: expected a kind of connection, found a list
    ");
    assert_snapshot!(card("a: { card: b, after: [{}, { card: x, or_skipped: yes }, { or_skipped: 'true' }] }\n"), @r#"
    f:3:25: error[missing-key]: an item of `after` names no card
      help: write `{ card: ID, or_skipped: true }`
    f:3:52: error[wrong-type]: expected a boolean, found a string
      help: write true
    f:3:59: error[missing-key]: an item of `after` names no card
      help: write `{ card: ID, or_skipped: true }`
    f:3:73: error[wrong-type]: expected a boolean, found a string
      help: write true
    "#);
    assert_snapshot!(inputs("a: string\nb: 5\nc: []\nd: {}\ne: { type: [string] }\nf: { type: string, required: 1, enum: x, pattern: [] }"), @"
    f:4:6: error[wrong-type]: expected a map with a `type`, found a string
      help: write `{ type: string }`
    f:5:6: error[wrong-type]: expected a map with a `type`, found an integer
      help: write `{ type: string }`, or another type
    f:6:6: error[wrong-type]: expected a map with a `type`, found a list
      help: write `{ type: string }`, or another type
    f:7:3: error[missing-key]: an input has no type
      help: types are `string`, `integer`, `number`, `boolean`, `date`, `datetime`, `duration`, `size`, `list`, `object`, `file`, `connection`, `secret`, `any`
    f:8:14: error[wrong-type]: expected a type, found a list
    f:9:32: error[wrong-type]: expected a boolean, found an integer
    f:9:41: error[wrong-type]: expected a list of the allowed values, found a string
      help: write `[a, b]`, or each in a line of its own after `- `
    f:9:53: error[wrong-type]: expected a regular expression, found a list
    ");
}

#[test]
fn literals_have_bounds() {
    assert_snapshot!(check("flow: f\nmax_parallel: 0\ndefaults: { timeout: 0s }\ncards: {}\n"), @"
    f:2:15: error[wrong-value]: 0 is not between 1 and 1024
      help: write an integer from 1 to 1024
    f:3:22: error[wrong-value]: a timeout is longer than zero
      help: remove it where there shall be none
    ");
    assert_snapshot!(card("a: { card: b, for_each: c, max_parallel: 1025, tolerate: 101%, timeout: 30, retry: { attempts: 101, delay: 5 minutes, backoff: linear, kinds: [timeouts, foo], max_delay: '{{ x }}' } }\n"), @"
    f:3:44: error[wrong-value]: 1025 is not between 1 and 1024
      help: write an integer from 1 to 1024
    f:3:60: error[wrong-value]: `101%` does not say how many items may fail
      help: write a number, a percentage up to `100%`, or `all`
    f:3:75: error[wrong-value]: `30` is no duration
      help: say the unit, such as `30s`
    f:3:98: error[wrong-value]: 101 is not between 1 and 100
      help: write an integer from 1 to 100
    f:3:110: error[wrong-value]: `5 minutes` is no duration
      help: a duration is written `500ms`, `30s`, `1h30m`, `2d` or `1w`
    f:3:130: error[wrong-value]: `linear` is no backoff
      help: write one of `constant`, `exponential`
    f:3:146: error[wrong-value]: `timeouts` is no error kind
      help: did you mean `timeout`?
    f:3:156: error[wrong-value]: `foo` is no error kind
      help: write one of `not_found`, `permission_denied`, `already_exists`, `precondition_failed`, `rate_limited`, `unavailable`, `timeout`, `invalid_input`, `integrity`, `expression`, `exhausted`, `connection`, `cancelled`, `failed`, `unexpected`
    f:3:173: error[wrong-value]: `{{ x }}` is no duration
      help: it is fixed before the run: no expression can stand here
    ");
    assert_snapshot!(card("a: { card: b, for_each: c, tolerate: -1 }\nb: { card: b, for_each: c, tolerate: +5% }\nc: { card: b, retry: { delay: 2m } }\n"), @r#"
    f:3:40: error[wrong-value]: `-1` does not say how many items may fail
      help: write a number, a percentage up to `100%`, or `all`
    f:4:40: error[wrong-value]: `+5%` does not say how many items may fail
      help: write a number, a percentage up to `100%`, or `all`
    f:5:33: error[wrong-value]: `delay` is longer than `max_delay`
      help: `max_delay` is `1m` where it is not given: give a longer one
    "#);
    assert_snapshot!(check("flow: f\nmax_parallel: 99999999999999999999\ncards: {}\n"), @r#"
    f:2:15: error[wrong-value]: `99999999999999999999` is no number that a flow can hold: an integer is between -9223372036854775808 and 18446744073709551615
      help: if it is text, quote it: "99999999999999999999"
    "#);
}

#[test]
fn input_declarations_are_checked() {
    assert_snapshot!(inputs("a: { type: strng }\nb: { type: int }\nc: { type: blob }"), @"
    f:4:14: error[wrong-value]: there is no type `strng`
      help: did you mean `string`?
    f:5:14: error[wrong-value]: there is no type `int`
      help: did you mean `integer`?
    f:6:14: error[wrong-value]: there is no type `blob`
      help: types are `string`, `integer`, `number`, `boolean`, `date`, `datetime`, `duration`, `size`, `list`, `object`, `file`, `connection`, `secret`, `any`
    ");
    assert_snapshot!(inputs("a: { type: integer, pattern: x, enum: [1], items: {}, properties: {} }\nb: { type: string, minimum: 1, maximum: 2 }"), @r#"
    f:4:23: error[wrong-value]: `pattern` does not go with the type `integer`
      help: it goes with `string`
    f:4:35: error[wrong-value]: `enum` does not go with the type `integer`
      help: it lists texts
    f:4:46: error[wrong-value]: `items` does not go with the type `integer`
      help: it goes with `list`
    f:4:57: error[wrong-value]: `properties` does not go with the type `integer`
      help: it goes with `object`
    f:5:22: error[wrong-value]: `minimum` does not go with the type `string`
      help: they go with `integer` and `number`
    f:5:34: error[wrong-value]: `maximum` does not go with the type `string`
      help: they go with `integer` and `number`
    "#);
    assert_snapshot!(inputs("a: { type: integer, minimum: 2, maximum: 1 }\nb: { type: number, minimum: x }\nc: { type: string, pattern: '(' }\nd: { type: string, enum: [] }\ne: { type: date, enum: [tomorrow] }"), @r"
    f:4:23: error[wrong-value]: `minimum` is larger than `maximum`
      help: exchange the two
    f:5:31: error[wrong-type]: expected a number, found a string
    f:6:31: error[wrong-value]: `(` is no regular expression: unclosed group
      help: a backslash before a sign takes it as it is: `\(`
    f:7:28: error[wrong-value]: `enum` lists no value
      help: list the allowed values, or remove `enum`
    f:8:27: error[wrong-value]: `tomorrow` is no date
    ");
    assert_snapshot!(inputs("a: { type: integer, default: x }\nb: { type: integer, maximum: 3, default: 5 }\nc: { type: date, default: 2026-13-01 }\nd: { type: string, enum: [a, b], default: c }\ne: { type: string, default: null }\nf: { type: string, required: true, default: x }\ng: { type: string, pattern: ^a, default: b }"), @r#"
    f:4:32: error[wrong-type]: expected an integer, found a string
    f:5:44: error[wrong-value]: 5 is not at most 3
    f:6:29: error[wrong-value]: `2026-13-01` is no date
    f:7:45: error[wrong-value]: expected one of `a`, `b`, found `c`
    f:8:31: error[wrong-type]: expected a string, found null
      help: an input that may be left out says `required: false`, and has no default
    f:9:47: error[wrong-value]: a required input has no default
      help: remove `required`, or the default
    f:10:44: error[wrong-value]: `b` does not match `^a`
    "#);
    assert_snapshot!(inputs("a: { type: list, items: { type: integer, default: 1 }, default: [1, x] }\nb: { type: object, properties: { c: { type: integer } }, default: { c: x, d: 1 } }\ne: { type: object, properties: { c: { type: integer, default: 1 }, D e: string } }\nf: { type: connection, default: x }\ng: { type: file, default: x }"), @r#"
    f:4:44: error[unknown-key]: `items` has no key `default`
      help: its keys are `type`, `enum`, `minimum`, `maximum`, `pattern`, `items`, `properties`, `description`
    f:4:71: error[wrong-type]: `[1]`: expected an integer, found a string
    f:5:74: error[wrong-type]: `c`: expected an integer, found a string
    f:5:80: error[wrong-value]: `d`: there is no such field
    f:6:56: error[unknown-key]: a property has no key `default`
      help: its keys are `type`, `required`, `enum`, `minimum`, `maximum`, `pattern`, `items`, `properties`, `description`
    f:6:75: error[wrong-type]: expected a map with a `type`, found a string
      help: write `{ type: string }`
    f:7:35: error[wrong-type]: expected a connection, found a string
    f:8:29: error[wrong-type]: expected a file, found a string
    "#);
}

#[test]
fn errors_do_not_end_the_reading() {
    assert_snapshot!(outline("flow: f\nfoo: 1\ncards:\n  a: { crd: x }\n  b: { cards: { c: { card: d }, e: 1 } }\n  f: { card: g, when: { a: 1 } }\n  h: {{ x }}\n"), @r#"
    f None None
    defaults None None None
    a: broken
    b: group []
      c: card d None
      e: broken
    f: card g None
    h: broken
    f:2:1: error[unknown-key]: a flow has no key `foo`
      help: its keys are `flow`, `language`, `description`, `inputs`, `connections`, `secrets`, `vars`, `defaults`, `max_parallel`, `cards`, `outputs`
    f:4:8: error[unknown-key]: a card has no key `crd`
      help: did you mean `card`?
    f:5:36: error[wrong-type]: expected a card, found an integer
      help: write `e: { card: NAME }`
    f:6:23: error[wrong-type]: expected an expression, found a map
      help: write `when: EXPRESSION`
    f:7:6: error[yaml-unquoted]: a value that starts with `{{` must be in quotes
      help: write "{{ x }}"
    f:7:6: error[wrong-type]: expected a card, found a string
      help: write `h: { card: NAME }`
    "#);
    let text: String = (0..600).map(|n| format!("k{n}: 1\n")).collect();
    let errors = check(&format!("{text}flow: f\ncards: {{}}\n"));
    assert_eq!(errors.matches("error[unknown-key]").count(), 500);
    assert!(errors.contains("f:603:1: error[too-many-errors]: there are more than 500 errors"));
}
