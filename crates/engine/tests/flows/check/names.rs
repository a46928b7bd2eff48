//! Who waits for whom, which ids are seen from where, and which roots exist at which place.

use insta::assert_snapshot;

use super::with;
use crate::support::check;

#[test]
fn cycles_name_every_member() {
    let upper = |id: &str, text: &str| {
        format!("  {id}: {{ card: text.upper, with: {{ text: \"{text}\" }} }}\n")
    };
    let flow = |cards: &[String]| {
        check(&format!(
            r#"flow: f
cards:
{}"#,
            cards.concat()
        ))
    };
    assert_snapshot!(flow(&[upper("a", "{{ cards.a }}")]), @"
        f:3:3: error[cycle]: `a` waits for itself
          help: a card waits for every card that it reads and that its `after` names
        ");
    assert_snapshot!(flow(&[upper("a", "{{ cards.b }}"), upper("b", "{{ cards.a }}")]), @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          4:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        ");
    assert_snapshot!(flow(&[upper("a", "{{ cards.c }}"), upper("b", "{{ cards.a }}"), upper("c", "{{ cards.b }}"), upper("d", "{{ cards.c }}")]), @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `c` → `a`
          4:3: part of the cycle
          5:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        ");
    assert_snapshot!(flow(&[upper("a", "{{ cards.b }}"), upper("b", "{{ cards.a }}"), upper("c", "{{ cards.d }}"), upper("d", "{{ cards.c }}")]), @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          4:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        f:5:3: error[cycle]: these cards wait for each other: `c` → `d` → `c`
          6:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        ");
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    card: text.upper
    with: { text: x }
    after: [b]
  b:
    card: text.upper
    with: { text: "{{ cards.a }}" }
"#),
        @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          7:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        "
    );
    assert_snapshot!(check(r#"flow: f
cards:
  a:
    card: text.upper
    with: { text: x }
    after: [a]
"#), @"
        f:3:3: error[cycle]: `a` waits for itself
          help: a card waits for every card that it reads and that its `after` names
        ");
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    cards:
      in: { card: text.upper, with: { text: "{{ cards.b }}" } }
    outputs: { text: "{{ cards.in }}" }
  b:
    card: text.upper
    with: { text: "{{ cards.a.text }}" }
"#),
        @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          7:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    cards:
      in: { card: text.upper, with: { text: "{{ cards.a.in }}" } }
"#),
        @"
        f:3:3: error[cycle]: `a` waits for itself: it, or a card inside it, reads `cards.a` or names it in `after`
          help: a card waits for every card that it reads and that its `after` names
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    cards:
      in: { card: text.upper, with: { text: x } }
    outputs: { text: "{{ cards.a.text }}" }
"#),
        @"
        f:3:3: error[cycle]: `a` waits for itself: it, or a card inside it, reads `cards.a` or names it in `after`
          help: a card waits for every card that it reads and that its `after` names
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    when: eq cards.b 'x'
    card: text.upper
    with: { text: x }
  b:
    for_each: cards.a
    card: text.upper
    with: { text: x }
"#),
        @"
        f:3:3: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          7:3: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        f:4:11: error[expression-type]: `eq` cannot compare a list of strings with a string
          help: compare values of one kind
        "
    );
}

#[test]
fn a_card_after_the_group_around_it_is_a_cycle() {
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    cards:
      in: { card: text.upper, with: { text: x }, after: [a] }
"#),
        @"
        f:3:3: error[cycle]: `a` waits for itself: it, or a card inside it, reads `cards.a` or names it in `after`
          help: a card waits for every card that it reads and that its `after` names
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  o:
    cards:
      a: { card: text.upper, with: { text: "{{ cards.b }}" } }
      b: { card: text.upper, with: { text: "{{ cards.a }}" } }
"#),
        @"
        f:5:7: error[cycle]: these cards wait for each other: `a` → `b` → `a`
          6:7: part of the cycle
          help: a card waits for every card that it reads and that its `after` names
        "
    );
}

#[test]
fn ids_and_items_that_hide_others() {
    assert_snapshot!(
        check(r#"flow: f
cards:
  a: { card: text.upper, with: { text: x } }
  b:
    cards:
      a: { card: text.upper, with: { text: x } }
      b: { card: text.upper, with: { text: x } }
      c:
        cards:
          a: { card: text.upper, with: { text: x } }
  d:
    cards:
      c: { card: text.upper, with: { text: x } }
"#),
        @"
        f:6:7: error[shadowed-id]: the id `a` is used by a card around
          3:3: used here
          help: give one of the two another id: an inner card sees the cards around it
        f:7:7: error[shadowed-id]: the id `b` is used by a card around
          4:3: used here
          help: give one of the two another id: an inner card sees the cards around it
        f:10:11: error[shadowed-id]: the id `a` is used by a card around
          6:7: used here
          help: give one of the two another id: an inner card sees the cards around it
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    for_each: json.parse '[[1]]'
    cards:
      b:
        for_each: item
        card: json.stringify
        with: { value: "{{ item }}" }
"#),
        @"
        f:7:19: error[shadowed-id]: the loop around already calls its item `item`
          3:3: the loop around
          help: name the item of one of the two with `as: NAME`
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    for_each: json.parse '[[1]]'
    as: row
    cards:
      b:
        for_each: row
        as: row
        card: json.stringify
        with: { value: "{{ row }}" }
"#),
        @"
        f:9:13: error[shadowed-id]: the loop around already calls its item `row`
          3:3: the loop around
          help: name the item of one of the two with `as: NAME`
        "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    for_each: json.parse '[[1]]'
    as: row
    cards:
      b:
        for_each: row
        card: json.stringify
        with: { value: ["{{ row }}", "{{ item }}", "{{ index }}"] }
"#),
        @"ok"
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    for_each: json.parse '[1]'
    as: inputs
    card: json.stringify
    with: { value: 1 }
"#),
        @"
    f:5:9: error[invalid-id]: `inputs` is reserved: it means something else in expressions
      help: choose another name
    "
    );
}

#[test]
fn bodies_are_seen_through_their_outputs() {
    assert_snapshot!(
        check(r#"flow: f
cards:
  a:
    cards:
      in: { card: text.upper, with: { text: x } }
  b: { card: text.upper, with: { text: "{{ cards.in }}" } }
  c: { card: text.upper, with: { text: x }, after: [in] }
outputs: { x: "{{ cards.in }}", y: "{{ cards.a.in }}", z: "{{ cards.a.on }}" }
"#),
        @"
    f:6:50: error[out-of-reach]: the card `in` cannot be seen from here: it stands inside `a`
      5:7: `in` stands inside `a`
      help: give what you need to the `outputs:` of `a`, and read it from `cards.a`
    f:7:53: error[out-of-reach]: the card `in` cannot be seen from here: it stands inside `a`
      5:7: `in` stands inside `a`
      help: wait for `a`, which is over when its cards are
    f:8:25: error[out-of-reach]: the card `in` cannot be seen from here: it stands inside `a`
      5:7: `in` stands inside `a`
      help: give what you need to the `outputs:` of `a`, and read it from `cards.a`
    f:8:71: error[unknown-field]: `cards.a` has no field `on`
      help: did you mean `in`?
    "
    );
    assert_snapshot!(
        check(r#"flow: f
cards:
  o: { card: text.upper, with: { text: x } }
  a:
    cards:
      in: { card: text.upper, with: { text: "{{ cards.o }}" }, after: [o] }
    outputs: { text: "{{ cards.in }} {{ cards.o }}" }
outputs: { x: "{{ cards.a.text }}", y: "{{ cards.a.in }}" }
"#),
        @"
        f:8:52: error[unknown-field]: `cards.a` has no field `in`
          help: it has `text`
        "
    );
}

#[test]
fn roots_at_their_places() {
    assert_snapshot!(with("test.typed", r#"{ text: "{{ item }} {{ index }}" }"#), @"
        f:6:23: error[root-not-here]: `item` exists only in a loop
          help: it is the item of a `for_each`
        f:6:34: error[root-not-here]: `index` exists only in a loop
          help: it counts the items of a `for_each`
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ secrets.a }} {{ env.HOME }} {{ trigger.x }} {{ result }} {{ error }} {{ it }}" }"#), @"
    f:6:31: error[unknown-name]: the flow has no secret `a`
      help: declare it: `secrets: { a: { env: VARIABLE } }` at the top of the flow
    f:6:39: error[not-supported]: `env` is not supported yet
      help: declare an input, and give it with `--input`
    f:6:54: error[not-supported]: `trigger` is not supported yet
      help: declare an input, and give it with `--input`
    f:6:70: error[not-supported]: `result` exists only in a `repeat`, which is not supported yet
      help: read a card's output as `cards.ID`
    f:6:83: error[not-supported]: `error` exists only in a `catch`, which is not supported yet
      help: an item that failed under `tolerate` has an `error` field
    f:6:95: error[root-not-here]: there is no `it` here
      help: `it` is the element in an argument of a function over elements, such as `list.filter inputs.names (starts_with it 'A')`; the item of a loop is `item` or what `as` names
    ");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ text }} {{ shelf }} {{ inptus.text }} {{ bucket }}" }"#), @"
        f:6:23: error[unknown-root]: there is no `text` here
          help: did you mean `inputs.text`?
        f:6:34: error[unknown-root]: there is no `shelf` here
          help: did you mean `connections.shelf`?
        f:6:46: error[unknown-root]: there is no `inptus` here
          help: did you mean `inputs`?
        f:6:64: error[unknown-root]: there is no `bucket` here
          help: an expression starts with `inputs`, `vars`, `cards`, `connections`, `run`, or the item of a loop; text stands in quotes
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ inputs.txt }} {{ vars.a }} {{ cards.on }} {{ connections.shef }} {{ run.started }} {{ run.x }}" }"#), @"
    f:6:30: error[unknown-name]: the flow has no input `txt`
      help: did you mean `text`?
    f:6:45: error[unknown-name]: the flow has no var `a`
      help: declare it: `vars: { a: VALUE }` at the top of the flow
    f:6:59: error[unknown-name]: there is no card `on` here
      help: did you mean `one`?
    f:6:80: error[unknown-name]: the flow has no connection `shef`
      help: did you mean `shelf`?
    f:6:95: error[unknown-name]: `run` has no `started`
      help: did you mean `started_at`?
    f:6:113: error[unknown-name]: `run` has no `x`
      help: it has `id`, `flow` and `started_at`
    ");
    assert_snapshot!(
        check(r#"flow: f
inputs:
  a: { type: string, default: "{{ inputs.b }}" }
  b: { type: string, default: "{{ run.flow }}" }
  c: { type: string, default: "{{ cards.x }}" }
  d: { type: datetime, default: "{{ run.started_at }}" }
  e: { type: integer, default: "{{ run.id }}" }
cards:
  x: { card: text.upper, with: { text: x } }
"#),
        @"
    f:3:35: error[root-not-here]: `inputs` cannot be read here
      help: the default of an input reads `run` only
    f:5:35: error[root-not-here]: `cards` cannot be read here
      help: the default of an input reads `run` only
    f:7:32: error[expression-type]: expected an integer, and the expression yields a string
      help: a text is no number, whatever it holds: `json.parse` reads one from it
    "
    );
    assert_snapshot!(
        check(r#"flow: f
vars:
  a: "{{ vars.b }}"
  b: "{{ vars.b }}"
  c: "{{ vars.b }} {{ vars.d }} {{ cards.x }} {{ item }}"
  e: { f: ["{{ vars.c }}"] }
cards:
  x: { card: text.upper, with: { text: "{{ vars.e.g }}" } }
"#),
        @"
        f:3:15: error[unknown-name]: the var `b` comes later
          help: a var reads those above it
        f:4:15: error[unknown-name]: the var `b` reads itself
          help: a var reads those above it
        f:5:28: error[unknown-name]: the flow has no var `d`
          help: it has `a`, `b`, `c`, `e`
        f:5:36: error[root-not-here]: `cards` cannot be read here
          help: vars are computed before any card runs
        f:5:50: error[root-not-here]: `item` exists only in a loop
          help: it is the item of a `for_each`
        f:8:51: error[unknown-field]: `vars.e` has no field `g`
          help: it has `f`
        "
    );
    assert_snapshot!(
        check(r#"flow: f
inputs: { list: { type: list, default: [a] } }
cards:
  x:
    for_each: item
    when: eq index 0
    where: gt index 0
    as: word
    card: json.stringify
    with: { value: "{{ item }}" }
outputs: { a: "{{ word }}" }
"#),
        @"
        f:5:15: error[root-not-here]: `item` exists only in a loop
          help: it is the item of a `for_each`
        f:6:14: error[root-not-here]: `index` exists only in a loop
          help: it counts the items of a `for_each`
        f:10:24: error[root-not-here]: the item of this loop is called `word`
          help: write `word`
        f:11:19: error[unknown-root]: there is no `word` here
          help: an expression starts with `inputs`, `vars`, `cards`, `connections`, `run`, or the item of a loop; text stands in quotes
        "
    );
}
