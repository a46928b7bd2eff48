//! Function cards, fields of what cards give, and the types that modifiers need.

use insta::assert_snapshot;

use crate::support::check;

#[test]
fn function_cards() {
    let call = |name: &str, arguments: &str| {
        check(&format!(
            r#"flow: f
connections: {{ shelf: demo-reports }}
cards:
  found: {{ card: test.list, connection: shelf }}
  one:
    card: {name}
    with: {arguments}
"#
        ))
    };
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found.objects }}", where: gt it.size 0 }"#), @"ok");
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found.objects }}", where: "{{ gt it.size 0 }}" }"#), @"ok");
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found.objects }}", where: gt it.sise 0 }"#), @"
        f:7:61: error[unknown-field]: `it` has no field `sise`
          help: did you mean `size`?
        ");
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found.objects }}", where: it.size }"#), @"
    f:7:55: error[expression-type]: expected a boolean, and the expression yields an integer
      help: compare it: `eq a b`, `gt a b`, `is_empty a`, `not (…)`
    ");
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found.objects }}" }"#), @"
    f:6:11: error[missing-input]: `list.filter` needs `where`
      help: add `where:`, whether the item `it` stays
    ");
    assert_snapshot!(call("list.filter", r#"{ list: "{{ cards.found }}", where: gt it 0, how: x, wher: y }"#), @"
    f:7:19: error[expression-type]: expected a list, and the expression yields an object
      help: name the list in it, such as `cards.found.objects`
    f:7:56: error[unknown-input]: `list.filter` has no input `how`
      help: it has `list`, `where`
    f:7:64: error[unknown-input]: `list.filter` has no input `wher`
      help: did you mean `where`?
    ");
    assert_snapshot!(call("list.filter", r#"{ list: [1, 2], where: [gt it 0] }"#), @"
    f:7:34: error[wrong-type]: expected an expression over the elements
      help: write it without brackets, such as `gt it.size 0`
    ");
    assert_snapshot!(call("list.length", "{ list: 3 }"), @"
    f:7:19: error[wrong-type]: expected a list, found an integer
      help: write a list: `[a, b]`
    ");
    assert_snapshot!(call("text.upper", r#"{ text: "{{ it }}" }"#), @"
        f:7:23: error[root-not-here]: there is no `it` here
          help: `it` is the element in an argument of a function over elements, such as `list.filter inputs.names (starts_with it 'A')`; the item of a loop is `item` or what `as` names
        ");
    assert_snapshot!(call("logic.if", r#"{ condition: "{{ is_empty cards.found.objects }}", then: 1, else: "{{ cards.found.objekts }}" }"#), @"
        f:7:93: error[unknown-field]: `cards.found` has no field `objekts`
          help: did you mean `objects`?
        ");
    assert_snapshot!(call("logic.if", r#"{ condition: yes, then: 1, else: 2 }"#), @"
        f:7:24: error[wrong-type]: expected a boolean, found a string
          help: write `true`
        ");
    assert_snapshot!(call("list.filter", "[1]"), @"
    f:7:11: error[wrong-type]: expected a map of inputs, found a list
      help: write `{ NAME: VALUE }`, or each in a line of its own
    ");
}

#[test]
fn fields_through_loops_and_groups() {
    let flow = |rest: &str| {
        check(&format!(
            r#"flow: f
connections: {{ shelf: demo-reports }}
cards:
  found: {{ card: test.list, connection: shelf }}
  loop:
    for_each: cards.found.objects
    cards:
      in: {{ card: test.typed, with: {{ text: "{{{{ item.key }}}}" }} }}
    outputs: {{ key: "{{{{ item.key }}}}", text: "{{{{ cards.in.text }}}}" }}
{rest}"#
        ))
    };
    assert_snapshot!(flow("outputs: { a: \"{{ cards.loop.key }}\" }\n"), @"
        f:10:30: error[unknown-field]: `cards.loop` is a list, so it has no field `key`
          help: to read it of every item, loop with `for_each: cards.loop`, or write `list.map cards.loop it.key`
        ");
    assert_snapshot!(flow("  two:\n    for_each: cards.loop\n    card: text.upper\n    with: { text: \"{{ item.kee }}\" }\n"), @"
        f:13:28: error[unknown-field]: `item` has no field `kee`
          help: did you mean `key`?
        ");
    assert_snapshot!(flow("  two:\n    card: list.map\n    with: { list: \"{{ cards.loop }}\", to: it.text }\n"), @"
    f:11:11: error[missing-input]: `list.map` needs `each`
      help: add `each:`, what stands in the place of the item `it`
    f:12:39: error[unknown-input]: `list.map` has no input `to`
      help: it has `list`, `each`
    ");
    assert_snapshot!(flow("    tolerate: all\n  two:\n    for_each: cards.loop\n    card: text.upper\n    with: { text: \"{{ item.key }}\" }\n"), @"ok");
    assert_snapshot!(flow("    tolerate: all\n  two:\n    for_each: cards.loop\n    card: text.upper\n    with: { text: \"{{ default item.key item.error.message }}\" }\n"), @"ok");
    assert_snapshot!(flow("    tolerate: 1\n  two:\n    for_each: cards.loop\n    card: text.upper\n    with: { text: \"{{ item.nothing }}\" }\n"), @"
        f:14:28: error[unknown-field]: `item` has no field `nothing`
          help: it has `key`, `text`, `error`, `item`, `index`
        ");
    assert_snapshot!(flow("  two: { card: text.upper, with: { text: \"{{ cards.found.objects.key }} {{ cards.found.token }} {{ cards.found.tokn }}\" } }\n"), @"
        f:10:66: error[unknown-field]: `cards.found.objects` is a list, so it has no field `key`
          help: to read it of every item, loop with `for_each: cards.found.objects`, or write `list.map cards.found.objects it.key`
        f:10:112: error[unknown-field]: `cards.found` has no field `tokn`
          help: did you mean `token`?
        ");
    assert_snapshot!(flow("  two: { for_each: cards.found.objects, card: text.upper, with: { text: \"{{ item.owner.name }}\" } }\n"), @"ok");
    assert_snapshot!(flow("  two: { for_each: cards.found.objects, card: text.upper, with: { text: \"{{ item.owner.nam }} {{ item.size.x }}\" } }\n"), @"
        f:10:88: error[unknown-field]: `item.owner` has no field `nam`
          help: did you mean `name`?
        f:10:108: error[unknown-field]: `item.size` is an integer, so it has no field `x`
          help: write `item.size`
        ");
}

#[test]
fn skippable_cards_in_outputs() {
    assert_snapshot!(
        check(r#"flow: f
inputs: { go: { type: boolean, default: false } }
cards:
  a: { when: inputs.go, card: text.upper, with: { text: x } }
  b: { card: text.upper, with: { text: "{{ cards.a }}" } }
  c: { card: text.upper, with: { text: "{{ default cards.a 'y' }}" } }
outputs: { a: "{{ cards.a }}", b: "is {{ cards.b }}", c: "is {{ cards.c }}" }
"#),
        @"ok"
    );
}

#[test]
fn conditions_and_lists_of_loops() {
    let card = |modifier: &str| {
        check(&format!(
            r#"flow: f
inputs: {{ text: {{ type: string, default: a }}, list: {{ type: list, items: {{ type: integer }}, default: [1] }}, any: {{ type: any, default: 1 }} }}
cards:
  one:
    {modifier}
    card: text.upper
    with: {{ text: a }}
"#
        ))
    };
    assert_snapshot!(card("when: inputs.text"), @"
        f:5:11: error[expression-type]: `when` needs a boolean, and this yields a string
          help: compare it: `eq a b`, `gt a b`, `is_empty a`, `not (…)`
        ");
    assert_snapshot!(card(r#"when: "{{ eq inputs.text 'a' }}""#), @"ok");
    assert_snapshot!(card(r#"when: "yes {{ eq inputs.text 'a' }}""#), @"
        f:5:12: error[expression-syntax]: one expression belongs here, not a text with expressions in it
          help: write it without braces, such as `eq inputs.mode 'fast'`, or all of it in one pair of braces
        ");
    assert_snapshot!(card("when: inputs.any"), @"ok");
    assert_snapshot!(card("when: true"), @"ok");
    assert_snapshot!(card("when: gt inputs.text 3"), @"
        f:5:11: error[expression-type]: `gt` cannot compare a string with an integer
          help: write the number as a text: `'3'`
        ");
    assert_snapshot!(card("for_each: inputs.text"), @"
    f:5:15: error[expression-type]: `for_each` needs a list or an object, and this yields a string
      help: name a list, such as `cards.found.objects`; `text.split` makes one of a text
    ");
    assert_snapshot!(card("for_each: inputs.any"), @"ok");
    assert_snapshot!(card("for_each: inputs.list\n    where: item"), @"
        f:6:12: error[expression-type]: `where` needs a boolean, and this yields an integer
          help: compare it: `eq a b`, `gt a b`, `is_empty a`, `not (…)`
        ");
    assert_snapshot!(card("for_each: inputs.list\n    where: gt item 'a'"), @"
        f:6:12: error[expression-type]: `gt` cannot compare an integer with a string
          help: compare values of one kind
        ");
    assert_snapshot!(card("for_each: inputs"), @"
        f:5:15: error[unknown-name]: `inputs` holds values and is none itself
          help: name one of them: `inputs.NAME`
        ");
    assert_snapshot!(card("after: [on, { card: nothing, or_skipped: true }]"), @"
    f:5:13: error[unknown-name]: there is no card `on` here
      help: did you mean `one`?
    f:5:25: error[unknown-name]: there is no card `nothing` here
      help: name a card that stands beside this one or around it
    ");
}

#[test]
fn words_for_booleans() {
    for word in ["yes", "On", "TRUE"] {
        let flow = format!(
            "flow: f\ncards:\n  one: {{ when: {word}, card: text.upper, with: {{ text: a }} }}\n"
        );
        let said = check(&flow);
        assert!(said.ends_with("help: write `true`"), "{said}");
    }
}
