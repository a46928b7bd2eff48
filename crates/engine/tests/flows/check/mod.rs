//! What the checker says of flows: whole lists, in source order.

mod connections;
mod expressions;
mod inputs;
mod names;
mod secrets;

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::support::check;

/// One card with this input, on line 6.
fn with(card: &str, with: &str) -> String {
    check(&format!(
        r#"flow: f
inputs: {{ text: {{ type: string, default: a }}, list: {{ type: list, default: [1] }}, maybe: {{ type: string, required: false }} }}
connections: {{ shelf: demo-reports }}
cards:
  one:
    with: {with}
    card: {card}
    after: []
"#
    ))
}

#[test]
fn several_errors_in_source_order() {
    assert_snapshot!(
        check(r#"flow: f
connections: { shelf: nowhere }
vars: { a: "{{ inputs.x }}" }
cards:
  z: { card: test.nothing }
  y: { card: text.upper, with: { text: "{{ cards.x }}" } }
  x: { card: text.upper, with: { txt: "{{ cards.y }}" } }
  w:
    when: vars.b
    for_each: vars.c
    where: vars.d
    cards:
      in: { card: test.typed, with: { count: a } }
    outputs: { a: "{{ cards.out }}" }
    colour: red
outputs: { a: "{{ cards.q }}" }
"#),
        @"
    f:2:23: error[connection-not-found]: there is no connection `nowhere`
      help: `flowrun connections list` lists those that there are
    f:3:23: error[unknown-name]: the flow has no input `x`
      help: declare it: `inputs: { x: { type: string } }` at the top of the flow
    f:5:14: error[unknown-card]: there is no card `test.nothing`
      help: `flowrun cards` lists all cards
    f:6:3: error[cycle]: these cards wait for each other: `y` → `x` → `y`
      7:3: part of the cycle
      help: a card waits for every card that it reads and that its `after` names
    f:7:14: error[missing-input]: `text.upper` needs `text`
      help: add `text:`, the text
    f:7:34: error[unknown-input]: `text.upper` has no input `txt`
      help: did you mean `text`?
    f:9:16: error[unknown-name]: the flow has no var `b`
      help: it has `a`
    f:10:20: error[unknown-name]: the flow has no var `c`
      help: it has `a`
    f:11:17: error[unknown-name]: the flow has no var `d`
      help: it has `a`
    f:13:19: error[missing-input]: `test.typed` needs `text`
      help: add `text:`, a text
    f:13:46: error[wrong-type]: expected an integer, found a string
      help: write an integer, such as `3`
    f:14:29: error[unknown-name]: there is no card `out` here
      help: the cards seen from here are `in`, `z`, `y`, `x`, `w`
    f:15:5: error[unknown-key]: a card has no key `colour`
      help: its keys are `card`, `with`, `connection`, `cards`, `outputs`, `when`, `for_each`, `as`, `where`, `max_parallel`, `tolerate`, `retry`, `timeout`, `after`
    f:16:25: error[unknown-name]: there is no card `q` here
      help: the cards seen from here are `z`, `y`, `x`, `w`
    "
    );
}

#[test]
fn a_flood_of_errors_ends() {
    let mut flow = "flow: f\ncards:\n".to_owned();
    let mut expected = Vec::new();
    for number in 0..600 {
        writeln!(flow, "  c{number}: {{ card: test.nothing }}").unwrap();
        let (line, column) = (number + 3, format!("  c{number}: {{ card: ").len() + 1);
        expected.push(format!(
            "f:{line}:{column}: error[unknown-card]: there is no card `test.nothing`\n  help: `flowrun cards` lists all cards"
        ));
    }
    expected.truncate(500);
    expected.push(
        "f:603:1: error[too-many-errors]: there are more than 500 errors\n  help: repair these first"
            .to_owned(),
    );
    assert_eq!(check(&flow), expected.join("\n"));
}

/// The distance of two names takes as long as their lengths multiplied.
#[test]
fn long_names_cost_no_suggestion() {
    let name = |end: char| format!("{}{end}", "x".repeat(200_000));
    let flow = format!(
        "flow: f\nconnections: {{ ? {}\n : demo-reports }}\ncards: {{ one: {{ card: test.list, connection: {} }} }}\n",
        name('a'),
        name('b')
    );
    let said = check(&flow);
    assert_eq!(said.matches("error[").count(), 2);
    assert!(!said.contains("did you mean"));
}

/// One mistake is told once, without what follows from it.
#[test]
fn one_mistake_is_one_error() {
    let card = |card: &str| check(&format!("flow: f\ncards:\n  one: {{ {card} }}\n"));
    assert_snapshot!(
        check("flow: f\ninputs: { n: { type: integer, default: a } }\ncards: {}\noutputs: { n: \"{{ inputs.n }}\" }\n"),
        @"f:2:40: error[wrong-type]: expected an integer, found a string"
    );
    assert_snapshot!(check("flow: f\nsteps: {}\n"), @"
    f:2:1: error[unknown-key]: a flow has no key `steps`
      help: did you mean `cards`?
    ");
    assert_snapshot!(check("flwo: f\ncards: {}\n"), @"
    f:1:1: error[unknown-key]: a flow has no key `flwo`
      help: did you mean `flow`?
    ");
    assert_snapshot!(card("uses: text.upper"), @"
    f:3:10: error[unknown-key]: a card has no key `uses`
      help: did you mean `card`?
    ");
    assert_snapshot!(card("card: test.typed, with: [a]"), @"
    f:3:34: error[wrong-type]: expected a map of inputs, found a list
      help: write `{ NAME: VALUE }`, or each in a line of its own
    ");
    assert_snapshot!(card("card: text.upper, with: [a]"), @"
    f:3:34: error[wrong-type]: expected a map of inputs, found a list
      help: write `{ NAME: VALUE }`, or each in a line of its own
    ");
    assert_snapshot!(check("flow: f\nvars: { x: &x { a: 1 } }\ncards: *x\n"), @"
    f:2:12: error[yaml-feature]: flows have no YAML anchors
      help: write the value where it is needed, or name it in `vars`
    f:3:8: error[yaml-feature]: flows have no YAML aliases
      help: write the value again, or name it in `vars`
    ");
    assert_snapshot!(check("flow: f\nvars: { x: &x { a: 1 }, y: { <<: *x } }\ncards: {}\n"), @"
    f:2:12: error[yaml-feature]: flows have no YAML anchors
      help: write the value where it is needed, or name it in `vars`
    f:2:30: error[yaml-feature]: flows have no YAML merge keys
      help: write the keys out, or name the value in `vars`
    ");
    assert_snapshot!(check("flow: f\nvars: { y: { <<: *x } }\ncards: {}\n"), @"
    f:2:14: error[yaml-feature]: flows have no YAML merge keys
      help: write the keys out, or name the value in `vars`
    ");
}

#[test]
fn retry_of_a_function() {
    assert_snapshot!(
        check("flow: f\ndefaults: { retry: { attempts: 5 } }\ncards:\n  one: { card: text.upper, with: { text: a }, retry: { attempts: 5 } }\n  two: { card: text.upper, with: { text: a } }\n"),
        @"
    f:4:54: error[misplaced-modifier]: `text.upper` is a function, and is not tried again
      help: remove `retry:`: a function that failed fails again on the same input
    "
    );
}
