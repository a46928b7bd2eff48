//! The inputs of cards: literals, objects and lists, rules, and expressions that do not fit.

use insta::assert_snapshot;

use super::with;
use crate::support::check;

#[test]
fn cards_and_their_inputs() {
    assert_snapshot!(with("test.typd", "{ text: a }"), @"
        f:7:11: error[unknown-card]: there is no card `test.typd`
          help: did you mean `test.typed`?
        ");
    assert_snapshot!(with("s3.upload", "{ text: a }"), @"
        f:7:11: error[unknown-card]: there is no card `s3.upload`
          help: `flowrun cards` lists all cards
        ");
    assert_snapshot!(with("test.typed", "{ text: a }"), @"ok");
    assert_snapshot!(with("test.typed", "{}"), @"
    f:7:11: error[missing-input]: `test.typed` needs `text`
      help: add `text:`, a text
    ");
    assert_snapshot!(with("test.typed", "{ text: a, tex: b }"), @"
        f:6:22: error[unknown-input]: `test.typed` has no input `tex`
          help: did you mean `text`?
        ");
    assert_snapshot!(with("test.typed", "{ text: a, bucket: b, region: c }"), @"
        f:6:22: error[unknown-input]: `test.typed` has no input `bucket`
          help: it has `text`, `mode`, `count`, `ratio`, `flag`, `tags`
        f:6:33: error[unknown-input]: `test.typed` has no input `region`
          help: it has `text`, `mode`, `count`, `ratio`, `flag`, `tags`
        ");
}

#[test]
fn a_card_without_with() {
    assert_snapshot!(check(r#"flow: f
cards:
  one:
    card: test.typed
"#), @"
    f:4:11: error[missing-input]: `test.typed` needs `text`
      help: add `text:`, a text
    ");
    assert_snapshot!(check(r#"flow: f
cards:
  one:
    card: test.block
"#), @"ok");
}

#[test]
fn an_unknown_card_hides_no_mistakes_in_what_it_reads() {
    assert_snapshot!(with("test.unknown", r#"{ text: "{{ inputs.txt }} {{ cards.two }}" }"#), @"
    f:6:30: error[unknown-name]: the flow has no input `txt`
      help: did you mean `text`?
    f:6:46: error[unknown-name]: there is no card `two` here
      help: the cards seen from here are `one`
    f:7:11: error[unknown-card]: there is no card `test.unknown`
      help: did you mean `test.unlock`?
    ");
}

#[test]
fn literals_of_the_wrong_type() {
    assert_snapshot!(with("test.typed", "{ text: [a] }"), @"
    f:6:19: error[wrong-type]: expected a string, found a list
      help: write one text: one that starts with `[` or `{` stands in quotes
    ");
    assert_snapshot!(with("test.typed", "{ text: { a: b } }"), @"
    f:6:19: error[wrong-type]: expected a string, found an object
      help: write one text: one that starts with `[` or `{` stands in quotes
    ");
    assert_snapshot!(with("test.typed", r#"{ text: a, count: "3" }"#), @"
        f:6:29: error[wrong-type]: expected an integer, found a string
          help: a number stands without quotes
        ");
    assert_snapshot!(with("test.typed", "{ text: a, count: 1.5 }"), @"
    f:6:29: error[wrong-type]: expected an integer, found a number
      help: write an integer, such as `3`
    ");
    assert_snapshot!(with("test.typed", "{ text: a, count: three }"), @"
    f:6:29: error[wrong-type]: expected an integer, found a string
      help: write an integer, such as `3`
    ");
    assert_snapshot!(with("test.typed", "{ text: a, count: 007 }"), @"
        f:6:29: error[wrong-type]: expected an integer, found a string
          help: digits with a leading zero are a string: write `7`
        ");
    assert_snapshot!(with("test.typed", "{ text: a, flag: yes }"), @"
        f:6:28: error[wrong-type]: expected a boolean, found a string
          help: write `true`
        ");
    assert_snapshot!(with("test.typed", "{ text: a, flag: Off }"), @"
        f:6:28: error[wrong-type]: expected a boolean, found a string
          help: write `false`
        ");
    assert_snapshot!(with("test.typed", r#"{ text: a, flag: "true" }"#), @"
        f:6:28: error[wrong-type]: expected a boolean, found a string
          help: a boolean stands without quotes
        ");
    assert_snapshot!(with("test.typed", "{ text: a, tags: b }"), @"
    f:6:28: error[wrong-type]: expected a list of strings, found a string
      help: write a list: `[a, b]`
    ");
    assert_snapshot!(with("test.typed", "{ text: a, tags: [b, [c], { d: e }] }"), @"
    f:6:32: error[wrong-type]: expected a string, found a list
      help: write one text: one that starts with `[` or `{` stands in quotes
    f:6:37: error[wrong-type]: expected a string, found an object
      help: write one text: one that starts with `[` or `{` stands in quotes
    ");
    assert_snapshot!(with("test.typed", "{ text: a, ratio: [] }"), @"
    f:6:29: error[wrong-type]: expected a number, found a list
      help: write a number, such as `1.5`
    ");
}

#[test]
fn literals_that_are_not_allowed() {
    assert_snapshot!(with("test.typed", "{ text: a, mode: fats }"), @"
        f:6:28: error[wrong-value]: expected one of `fast`, `careful`, found `fats`
          help: did you mean `fast`?
        ");
    assert_snapshot!(with("test.typed", "{ text: a, mode: \"\" }"), @"f:6:28: error[wrong-value]: expected one of `fast`, `careful`, found an empty text");
    assert_snapshot!(with("test.typed", "{ text: a, mode: slow }"), @"f:6:28: error[wrong-value]: expected one of `fast`, `careful`, found `slow`");
    assert_snapshot!(with("test.typed", "{ text: a, count: 0 }"), @"f:6:29: error[wrong-value]: 0 is not between 1 and 10");
    assert_snapshot!(with("test.typed", "{ text: a, count: 11 }"), @"f:6:29: error[wrong-value]: 11 is not between 1 and 10");
    assert_snapshot!(with("test.typed", "{ text: a, count: 99999999999999999999 }"), @r#"
        f:6:29: error[wrong-value]: `99999999999999999999` is no number that a flow can hold: an integer is between -9223372036854775808 and 18446744073709551615
          help: if it is text, quote it: "99999999999999999999"
        "#);
}

#[test]
fn null_in_a_text_is_asked_about() {
    assert_snapshot!(with("test.typed", "{ text: null }"), @r#"
        f:6:19: error[wrong-value]: `null` here could be the text or nothing at all
          help: write `"null"` for the text, or leave the input out
        "#);
    assert_snapshot!(with("test.typed", "{ text: ~ }"), @"
        f:6:19: error[wrong-type]: expected a string, found null
          help: a value must stand here
        ");
    assert_snapshot!(with("test.typed", "{ text: }"), @"
        f:6:17: error[wrong-type]: expected a string, found null
          help: a value must stand here
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "null" }"#), @"ok");
    assert_snapshot!(with("test.typed", "{ text: a, mode: null }"), @"ok");
    assert_snapshot!(with("test.nested", "{ target: { bucket: b, key: k }, content: null }"), @r#"
        f:6:53: error[wrong-value]: `null` here could be the text or nothing at all
          help: write `"null"` for the text, or leave the input out
        "#);
    assert_snapshot!(with("test.typed", "{ text: a, count: null, flag: ~, tags: null }"), @"ok");
    assert_snapshot!(with("test.typed", "{ text: a, mode: }"), @"ok");
}

#[test]
fn nested_inputs_and_lists() {
    assert_snapshot!(with("test.nested", "{}"), @"
    f:7:11: error[missing-input]: `test.nested` needs `target`
      help: add `target:`, where to
    ");
    assert_snapshot!(with("test.nested", "{ target: { bucket: b } }"), @"
    f:6:21: error[missing-input]: `key` is missing
      help: add `key:`, the key
    ");
    assert_snapshot!(with("test.nested", "{ target: { buckt: b, key: k } }"), @"
    f:6:21: error[missing-input]: `bucket` is missing
      help: add `bucket:`, the bucket
    f:6:23: error[unknown-input]: there is no field `buckt` here
      help: did you mean `bucket`?
    ");
    assert_snapshot!(with("test.nested", "{ target: b }"), @"
    f:6:21: error[wrong-type]: expected an object, found a string
      help: write an object: `{ bucket: …, key: … }`
    ");
    assert_snapshot!(with("test.nested", "{ target: [] }"), @"
    f:6:21: error[wrong-type]: expected an object, found a list
      help: write an object: `{ bucket: …, key: … }`
    ");
    assert_snapshot!(
        with("test.nested", "{ target: { bucket: b, key: k }, others: [{ bucket: b }, { bucket: b, key: k, size: 3 }, { key: [] }] }"),
        @"
    f:6:53: error[missing-input]: `key` is missing
      help: add `key:`, the key
    f:6:89: error[unknown-input]: there is no field `size` here
      help: it has `bucket`, `key`
    f:6:100: error[missing-input]: `bucket` is missing
      help: add `bucket:`, the bucket
    f:6:107: error[wrong-type]: expected a string, found a list
      help: write one text: one that starts with `[` or `{` stands in quotes
    "
    );
    assert_snapshot!(with("test.nested", "{ target: { bucket: b, key: k }, metadata: { a: 1.10, b: [c] } }"), @"
    f:6:68: error[wrong-type]: expected a string, found a list
      help: write one text: one that starts with `[` or `{` stands in quotes
    ");
    assert_snapshot!(with("test.nested", "{ target: { bucket: b, key: k }, content: { a: b } }"), @"f:6:53: error[wrong-type]: expected a string or a list of strings, found an object");
    assert_snapshot!(with("test.nested", "{ target: { bucket: b, key: k }, content: [a, [b]] }"), @"
    f:6:57: error[wrong-type]: expected a string, found a list
      help: write one text: one that starts with `[` or `{` stands in quotes
    ");
    assert_snapshot!(with("test.nested", "{ target: { bucket: b, key: k }, value: { a: [1, { b: null }] }, content: [a, 2, true] }"), @"ok");
}

#[test]
fn expressions_of_the_wrong_type() {
    assert_snapshot!(with("test.typed", r#"{ text: "{{ inputs.list }}" }"#), @"
        f:6:19: error[expression-type]: expected a string, and the expression yields a list
          help: `json.stringify` makes a text of it
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "a {{ inputs.list }}" }"#), @"
        f:6:25: error[not-text]: a list has no text
          help: write `{{ json.stringify inputs.list }}` for its JSON
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "a {{ inputs.maybe }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ inputs.maybe }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ default inputs.maybe 'b' }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: a, mode: "{{ inputs.maybe }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: a, count: "{{ inputs.text }}" }"#), @"
    f:6:29: error[expression-type]: expected an integer, and the expression yields a string
      help: a text is no number, whatever it holds: `json.parse` reads one from it
    ");
    assert_snapshot!(with("test.typed", r#"{ text: a, count: "{{ list.length inputs.list }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ list.length inputs.list }}" }"#), @"ok");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ connections.shelf }}" }"#), @"f:6:19: error[expression-type]: expected a string, and the expression yields a connection of kind `shelf`");
    assert_snapshot!(with("test.typed", r#"{ text: a, tags: ["{{ inputs.list }}", "{{ inputs.text }}"] }"#), @"
        f:6:29: error[expression-type]: expected a string, and the expression yields a list
          help: `json.stringify` makes a text of it
        ");
    assert_snapshot!(with("test.typed", r#"{ text: a, mode: "{{ inputs.text }}" }"#), @"ok");
}

#[test]
fn rules_over_several_inputs() {
    assert_snapshot!(with("test.put", "{}"), @"
    f:7:11: error[input-rule]: `test.put` needs one of `content`, `path`
      help: add one of them to `with:`
    ");
    assert_snapshot!(with("test.put", "{ content: a, path: b }"), @"
    f:6:25: error[input-rule]: `test.put` takes only one of `content`, `path`
      6:13: given here
      help: remove one of the two
    ");
    assert_snapshot!(with("test.put", r#"{ content: a, path: "{{ inputs.maybe }}" }"#), @"ok");
    assert_snapshot!(with("test.put", r#"{ content: "{{ inputs.maybe }}", path: "{{ inputs.text }}" }"#), @"ok");
    assert_snapshot!(with("test.put", "{ path: a, if_match: b, if_none_match: c }"), @"
    f:6:35: error[input-rule]: `test.put` takes only one of `if_match`, `if_none_match`
      6:22: given here
      help: remove one of the two
    ");
    assert_snapshot!(with("test.put", "{ path: a, lock_mode: b }"), @"
    f:6:22: error[input-rule]: `lock_mode` needs `lock_until` too
      help: add `lock_until:`, or remove `lock_mode:`
    ");
    assert_snapshot!(with("test.put", "{ path: a, lock_until: b }"), @"ok");
    assert_snapshot!(with("test.put", r#"{ path: a, lock_mode: "{{ inputs.maybe }}" }"#), @"ok");
}

#[test]
fn the_cards_own_check_on_constant_input() {
    assert_snapshot!(with("test.typed", "{ text: forbidden, tags: [] }"), @"
        f:6:19: error[input-rule]: `text`: must not be `forbidden`
        f:6:36: error[input-rule]: `tags`: must not be empty
        ");
    assert_snapshot!(with("test.typed", r#"{ text: "{{ inputs.text }}", tags: [] }"#), @"ok");
}

#[test]
fn plain_values_in_text_slots() {
    for text in [
        "1.10",
        "on",
        "012345678901",
        "0x10",
        "true",
        "1e3",
        "2026-11-23",
        "-1",
        "no",
    ] {
        assert_eq!(
            with("test.typed", &format!("{{ text: {text} }}")),
            "ok",
            "{text}"
        );
    }
}
