//! Outputs: of cards, groups and loops, of what was skipped, and in whatever order cards end.

use flowrun_card::to_value;
use insta::assert_snapshot;
use proptest::prelude::*;

use super::end;
use crate::support::{Ran, flow};

const SHELVES: &str = "connections: { shelf: demo-reports, vault: demo-vault }\n";

#[tokio::test(start_paused = true)]
async fn outputs_keep_their_types() {
    assert_snapshot!(
        end(r#"
flow: f
inputs:
  text: { type: string, default: 1.10 }
  list: { type: list, default: [1, 2.5, "3", null, { a: true }] }
vars:
  name: "{{ inputs.text }}!"
  all: { list: "{{ inputs.list }}", text: "is {{ vars.name }}" }
cards:
  typed:
    card: test.typed
    with: { text: "{{ list.length inputs.list }}", mode: fast, count: "{{ list.length inputs.list }}", flag: true, tags: [a, 2] }
  nested:
    card: test.nested
    with:
      target: { bucket: 012345678901, key: "{{ vars.name }}" }
      others: [{ bucket: on, key: "{{ cards.typed.count }}" }]
      metadata: { a: 1.10, b: "{{ cards.typed.flag }}" }
      content: [x, "{{ run.flow }}"]
      value: { list: "{{ inputs.list }}", none: "{{ cards.typed.ratio }}" }
  quiet: { card: test.block, when: false }
outputs:
  typed: "{{ cards.typed }}"
  nested: "{{ cards.nested }}"
  all: "{{ vars.all }}"
  number: "{{ gt cards.typed.count 3 }}"
  literal: [1, { a: 1.10, b: null }]
"#).await,
        @r#"succeeded {"typed":{"text":"5","mode":"fast","count":5,"ratio":null,"flag":true,"tags":["a","2"]},"nested":{"target":{"bucket":"012345678901","key":"1.10!"},"others":[{"bucket":"on","key":"5"}],"metadata":{"a":"1.10","b":"true"},"content":["x","f"],"value":{"list":[1,2.5,"3",null,{"a":true}],"none":null}},"all":{"list":[1,2.5,"3",null,{"a":true}],"text":"is 1.10!"},"number":true,"literal":[1,{"a":1.1,"b":null}]}"#
    );
    assert_snapshot!(end(r#"flow: f
cards: {}
"#).await, @"succeeded {}");
}

#[tokio::test(start_paused = true)]
async fn connections_reach_the_cards() {
    let copy = format!(
        r#"flow: f
{SHELVES}cards:
  a:
    card: test.copy
    connection: shelf
    with: {{ source: {{ key: k }}, destination: {{ connection: "{{{{ connections.vault }}}}", key: l }} }}
outputs: {{ a: "{{{{ cards.a }}}}" }}
"#
    );
    assert_snapshot!(end(&copy).await, @r#"succeeded {"a":{"from":"demo-reports/k","to":"demo-vault/l"}}"#);
    let replaced = flow(&copy).with(|run| run.connection("vault", "demo-reports"));
    assert_snapshot!(replaced.run().await.end(), @r#"succeeded {"a":{"from":"demo-reports/k","to":"demo-reports/l"}}"#);
}

#[tokio::test(start_paused = true)]
async fn skipping_goes_on_to_those_that_read() {
    let ran = flow(
        r#"
flow: f
inputs: { go: { type: boolean, default: false } }
cards:
  a: { when: inputs.go, card: text.upper, with: { text: a } }
  b: { card: text.upper, with: { text: "{{ cards.a }}" } }
  c: { card: text.upper, with: { text: "{{ default cards.a 'lifted' }}" } }
  d: { card: text.upper, with: { text: d }, after: [b] }
  e: { card: text.upper, with: { text: e }, after: [{ card: b, or_skipped: true }] }
  f:
    cards:
      in: { card: text.upper, with: { text: "{{ cards.a }}" } }
      on: { card: text.upper, with: { text: x } }
    outputs: { in: "{{ cards.in }}", a: "{{ cards.a }}", on: "{{ cards.on }}" }
  g: { for_each: text.split cards.b 'x', card: text.upper, with: { text: x } }
  h: { when: eq cards.b 'x', card: text.upper, with: { text: x } }
outputs:
  a: "{{ cards.a }}"
  b: "{{ cards.b }}"
  c: "{{ cards.c }}"
  d: "{{ cards.d }}"
  e: "{{ cards.e }}"
  f: "{{ cards.f }}"
  g: "{{ cards.g }}"
  h: "{{ default cards.h 'none' }}"
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @r#"succeeded {"a":null,"b":null,"c":"LIFTED","d":null,"e":"E","f":{"in":null,"a":null,"on":"X"},"g":null,"h":"none"}"#);
    assert_snapshot!(ran.counts(), @"3 succeeded, 0 failed, 5 skipped, 0 cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_skipped_card_in_a_text_of_outputs_is_an_error() {
    assert_snapshot!(
        end(r#"flow: f
cards:
  a: { when: false, card: text.upper, with: { text: a } }
outputs: { a: "is {{ cards.a }}" }
"#).await,
        @"failed expression: `cards.a` is null, which has no text: `default` gives another value, `json.stringify` its JSON (attempts: 0) at 4:22"
    );
}

#[tokio::test(start_paused = true)]
async fn loops_keep_the_order_of_their_items() {
    assert_snapshot!(
        end(r#"
flow: f
cards:
  slow:
    for_each: json.parse '[50, 10, 40, 20, 30]'
    as: ms
    card: test.sleep
    with: { ms: "{{ ms }}", give: "{{ index }}:{{ ms }}" }
  some:
    for_each: json.parse '[50, 10, 40, 20, 30]'
    where: gt item 20
    card: json.stringify
    with: { value: { item: "{{ item }}", index: "{{ index }}" } }
  object:
    for_each: json.parse '{"b":1,"a":[2]}'
    card: json.stringify
    with: { value: "{{ item }}" }
  empty:
    for_each: json.parse '[]'
    card: test.panic
  none:
    for_each: json.parse '[1]'
    where: false
    card: test.panic
  nested:
    for_each: json.parse '[[1, 2], [], [3]]'
    as: row
    cards:
      cell:
        for_each: row
        as: cell
        card: json.stringify
        with: { value: ["{{ row }}", "{{ cell }}", "{{ index }}"] }
    outputs: { cells: "{{ cards.cell }}", at: "{{ index }}", row: "{{ row }}" }
  bare:
    for_each: json.parse '["x", "y"]'
    cards:
      up: { card: text.upper, with: { text: "{{ item }}" } }
      no: { when: eq item 'x', card: text.lower, with: { text: "{{ cards.up }}" } }
outputs:
  slow: "{{ list.map cards.slow it.done }}"
  some: "{{ cards.some }}"
  object: "{{ cards.object }}"
  empty: "{{ cards.empty }}"
  none: "{{ cards.none }}"
  nested: "{{ cards.nested }}"
  bare: "{{ cards.bare }}"
"#).await,
        @r#"succeeded {"slow":["0:50","1:10","2:40","3:20","4:30"],"some":["{\"item\":50,\"index\":0}","{\"item\":40,\"index\":2}","{\"item\":30,\"index\":4}"],"object":["{\"key\":\"b\",\"value\":1}","{\"key\":\"a\",\"value\":[2]}"],"empty":[],"none":[],"nested":[{"cells":["[[1,2],1,0]","[[1,2],2,1]"],"at":0,"row":[1,2]},{"cells":[],"at":1,"row":[]},{"cells":["[[3],3,0]"],"at":2,"row":[3]}],"bare":[{"up":"X","no":"x"},{"up":"Y","no":null}]}"#
    );
}

#[tokio::test(start_paused = true)]
async fn groups_and_order_without_data() {
    let ran = flow(
        r#"
flow: f
cards:
  last: { card: test.sleep, with: { ms: 1 }, after: [group, first] }
  group:
    cards:
      b: { card: test.sleep, with: { ms: 1, give: "{{ cards.a.done }}b" } }
      a: { card: test.sleep, with: { ms: 1, give: a } }
  first: { card: test.sleep, with: { ms: 5 } }
  named:
    when: true
    cards:
      in: { card: test.sleep, with: { ms: 2, give: "{{ cards.group.b.done }}" } }
    outputs: { x: "{{ cards.in.done }}", y: "{{ cards.first.done }}" }
outputs: { group: "{{ cards.group }}", named: "{{ cards.named }}" }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @r#"succeeded {"group":{"b":{"done":"ab"},"a":{"done":"a"}},"named":{"x":"ab","y":""}}"#);
    assert_snapshot!(ran.log.join("\n"), @"
        group.a began
        first began
        group.a ended
        group.b began
        group.b ended
        first ended
        last began
        named.in began
        last ended
        named.in ended
        ");
}

/// A flow whose cards end in an order that the given times decide.
fn shuffled(times: &[u64]) -> String {
    let times = to_value(times).unwrap();
    format!(
        r#"
flow: f
inputs: {{ times: {{ type: list, items: {{ type: integer }}, default: {times} }} }}
cards:
  a: {{ card: test.sleep, with: {{ ms: "{{{{ list.first inputs.times }}}}", give: a }} }}
  b: {{ card: test.sleep, with: {{ ms: "{{{{ list.last inputs.times }}}}", give: b }} }}
  loop:
    for_each: inputs.times
    max_parallel: 3
    cards:
      first: {{ card: test.sleep, with: {{ ms: "{{{{ item }}}}", give: "{{{{ index }}}}" }} }}
      skip: {{ when: eq index 1, card: test.sleep, with: {{ ms: "{{{{ item }}}}", give: "{{{{ cards.a.done }}}}" }} }}
      second: {{ card: test.sleep, with: {{ ms: 1, give: "{{{{ cards.first.done }}}}{{{{ default cards.skip.done '-' }}}}" }} }}
    outputs: {{ all: "{{{{ cards.second.done }}}}", skip: "{{{{ cards.skip }}}}" }}
  end: {{ card: text.upper, with: {{ text: "{{{{ cards.a.done }}}}{{{{ cards.b.done }}}}" }}, after: [loop] }}
outputs: {{ end: "{{{{ cards.end }}}}", loop: "{{{{ cards.loop }}}}" }}
"#
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn outputs_do_not_depend_on_the_order_of_ends(times in prop::collection::vec(0_u64..20, 5), seed: u64) {
        let run = |times: &[u64], seed| -> Ran {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            let text = shuffled(times);
            runtime.block_on(flow(&text).seed(seed).run())
        };
        let expected = run(&[0, 0, 0, 0, 0], 0).end();
        prop_assert!(expected.starts_with("succeeded"), "{}", expected);
        prop_assert_eq!(run(&times, seed).end(), expected);
    }
}
