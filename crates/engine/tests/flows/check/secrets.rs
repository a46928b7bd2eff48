//! Where secrets may stand, and where not.

use flowrun_card::{Entry, Registry};
use insta::assert_snapshot;

use crate::support::check;

/// A flow with a secret and this after it.
fn flow(rest: &str) -> String {
    check(&format!(
        "flow: f
inputs: {{ pin: {{ type: secret }}, text: {{ type: string, default: a }} }}
secrets: {{ key: {{ env: KEY }} }}
{rest}"
    ))
}

/// A card with this input.
fn with(with: &str) -> String {
    flow(&format!(
        "cards:\n  one:\n    with: {with}\n    card: test.unlock\n"
    ))
}

#[test]
fn a_secret_is_the_whole_value_of_an_input_that_is_declared_secret() {
    assert_snapshot!(with(r#"{ key: "{{ secrets.key }}", spare: "{{ inputs.pin }}" }"#), @"ok");
    assert_snapshot!(with(r#"{ key: "{{ secrets.key }}", spare: null }"#), @"ok");
    assert_snapshot!(with("{ key: the-key-itself }"), @"
    f:6:18: error[wrong-type]: expected a secret, found a string
      help: declare it at the top of the flow, `secrets: { NAME: { env: VARIABLE } }`, and write `{{ secrets.NAME }}` here
    ");
    assert_snapshot!(with(r#"{ key: "{{ inputs.text }}" }"#), @"
    f:6:18: error[expression-type]: expected a secret, and the expression yields a string
      help: only `secrets.NAME` or an input of type `secret` yields a secret
    ");
    assert_snapshot!(with(r#"{ key: "x{{ secrets.key }}" }"#), @"
    f:6:23: error[secret-use]: `secrets.key` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    ");
    assert_snapshot!(with(r#"{ key: "{{ default inputs.pin secrets.key }}" }"#), @"
    f:6:30: error[secret-use]: `inputs.pin` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:6:41: error[secret-use]: `secrets.key` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    ");
    assert_snapshot!(with(r#"{ key: "{{ secrets.key.text }}" }"#), @"
    f:6:34: error[unknown-field]: `secrets.key` is a secret, so it has no field `text`
      help: write `secrets.key`
    ");
    assert_snapshot!(with(r#"{ key: "{{ secrets.keys }}", does: "{{ secrets.key }}", any: { a: ["{{ inputs.pin }}"] } }"#), @"
    f:6:30: error[unknown-name]: the flow has no secret `keys`
      help: did you mean `key`?
    f:6:46: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:6:78: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    ");
}

#[test]
fn a_secret_is_nothing_else() {
    assert_snapshot!(flow(r#"vars: { a: "{{ secrets.key }}", b: { c: "{{ inputs.pin }}" } }
defaults: { connection: "{{ secrets.key }}" }
cards:
  guarded: { card: test.typed, when: secrets.key, with: { text: a } }
  each:
    for_each: secrets.key
    where: eq secrets.key 'a'
    cards: {}
    outputs: { a: "{{ secrets.key }}" }
  joined: { card: list.join, with: { list: "{{ secrets.key }}", separator: "{{ inputs.pin }}" } }
  found: { card: list.filter, with: { list: [1], where: "{{ secrets.key }}" } }
  under: { card: test.list, connection: "{{ secrets.key }}", with: {} }
outputs:
  text: "it is {{ secrets.key }}"
  each: "{{#each secrets.key as |c|}}{{ c }}{{/each}}"
  if: "{{#if inputs.pin}}a{{/if}}"
"#), @"
    f:4:12: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:4:41: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:7:38: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:9:15: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:10:15: error[secret-use]: `secrets.key` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:12:19: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:13:44: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:13:76: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:14:57: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:15:41: error[secret-use]: a secret cannot stand here
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:17:19: error[secret-use]: `secrets.key` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:18:18: error[secret-use]: `secrets.key` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    f:19:14: error[secret-use]: `inputs.pin` is a secret, and here it is a part of something
      help: a secret is only ever the whole value of a card's input that is declared secret; `flowrun cards NAME` lists a card's inputs
    ");
    assert_snapshot!(flow("cards: {}\noutputs: { all: \"{{ secrets }}\" }\n"), @"
    f:5:21: error[unknown-name]: `secrets` holds values and is none itself
      help: name one of them: `secrets.NAME`
    ");
}

/// No function of the catalogue or the language takes a secret, as a card or in an expression.
#[test]
fn no_function_takes_one() {
    let mut registry = Registry::new();
    flowrun_card_std::register(&mut registry).unwrap();
    let mut calls = Vec::new();
    for entry in registry.iter() {
        let Entry::Function(function) = entry else {
            continue;
        };
        for parameter in function.parameters {
            let (name, parameter) = (function.name, parameter.name);
            calls.push(format!(
                "cards: {{ a: {{ card: {name}, with: {{ {parameter}: '{{{{ secrets.key }}}}' }} }} }}"
            ));
            calls.push(format!(
                "cards: {{}}\nvars: {{ a: '{{{{ {name} {parameter}=secrets.key }}}}' }}"
            ));
        }
    }
    for name in [
        "eq",
        "ne",
        "gt",
        "gte",
        "lt",
        "lte",
        "and",
        "or",
        "not",
        "in",
        "contains",
        "is_empty",
        "starts_with",
        "ends_with",
        "matches",
        "glob",
        "default",
        "size",
    ] {
        for arguments in ["secrets.key", "secrets.key 1", "1 secrets.key"] {
            calls.push(format!(
                "cards: {{}}\nvars: {{ a: '{{{{ {name} {arguments} }}}}' }}"
            ));
        }
    }
    assert!(calls.len() > 100);
    for call in calls {
        let found = flow(&call);
        assert!(found.contains("error[secret-use]"), "{call}: {found}");
    }
}

#[test]
fn secrets_are_declared_by_where_they_are_read_from() {
    assert_snapshot!(check("flow: f
inputs: { a: { type: secret }, b: { type: secret, default: x }, c: { type: list, items: { type: secret } }, d: { type: secret, enum: [x] } }
secrets:
  a: { env: A }
  e: the-secret-itself
  f: {}
  g: { env: A, file: a }
  h: { path: a }
  i: { env: A=1 }
  j: { file: \"{{ inputs.a }}\" }
  K: { file: a }
cards: {}
"), @"
    f:2:60: error[wrong-value]: a secret has no default: a flow never holds one
      help: declare it under `secrets:`, where the flow says what it is read from
    f:2:97: error[wrong-value]: `items` is no secret
      help: a secret is an input of its own
    f:2:128: error[wrong-value]: `enum` does not go with the type `secret`
      help: it lists texts
    f:4:3: error[wrong-value]: the input `a` is a secret of the same name
      2:11: the input
      help: rename one of the two
    f:5:6: error[wrong-type]: a flow says where a secret is read from, and never what it is
      help: write `{ env: VARIABLE }` or `{ file: PATH }`
    f:6:6: error[missing-key]: the secret is read from nowhere
      help: write `{ env: VARIABLE }` or `{ file: PATH }`
    f:7:6: error[wrong-value]: the secret is read from two places
      help: write `{ env: VARIABLE }` or `{ file: PATH }`
    f:8:8: error[unknown-key]: a secret has no key `path`
      help: did you mean `file`?
    f:9:13: error[wrong-value]: this is no name of an environment variable
      help: write the name alone, such as `SSE_KEY`
    f:10:14: error[wrong-value]: expected the path of a file, and no expression
      help: it is fixed before the run: write it out
    f:11:3: error[invalid-id]: `K` is no id: it must start with a lower-case letter
      help: write `k`
    ");
    assert_snapshot!(check("flow: f\ncards: {}\noutputs: { a: \"{{ secrets.key }}\" }\n"), @"
    f:3:27: error[unknown-name]: the flow has no secret `key`
      help: declare it: `secrets: { key: { env: VARIABLE } }` at the top of the flow
    ");
    assert_snapshot!(check("flow: f\ninputs: { a: { type: string, default: \"{{ secrets.key }}\" } }\nsecrets: { key: { env: A } }\ncards: {}\n"), @"
    f:2:43: error[root-not-here]: `secrets` cannot be read here
      help: the default of an input reads `run` only
    ");
}
