//! Failures: tolerated, tried again, timed out, and those that end the run.

use std::time::Duration;

use insta::assert_snapshot;

use super::end;
use crate::support::flow;

const FAILS: &str = r#"
flow: f
inputs: { list: { type: list, default: [0, 9, 0, 9, 0] } }
cards:
  try:
    for_each: inputs.list
    TOLERATE
    max_parallel: 1
    card: test.flaky
    with: { fails: "{{ item }}", transient: false, kind: not_found }
outputs: { try: "{{ cards.try }}" }
"#;

#[tokio::test(start_paused = true)]
async fn tolerated_items_stand_as_their_errors() {
    let with = |tolerate: &str| FAILS.replace("TOLERATE", tolerate);
    assert_snapshot!(end(&with("tolerate: all")).await, @r#"succeeded {"try":[{"done":"after 1"},{"error":{"kind":"not_found","code":"SlowDown","message":"no luck with attempt 1","card":"try[1]","attempts":1,"details":{"bucket":"reports"}},"item":9,"index":1},{"done":"after 1"},{"error":{"kind":"not_found","code":"SlowDown","message":"no luck with attempt 1","card":"try[3]","attempts":1,"details":{"bucket":"reports"}},"item":9,"index":3},{"done":"after 1"}]}"#);
    let ran = flow(&with("tolerate: 1")).run().await;
    assert_snapshot!(ran.end(), @"failed not_found: try[1]: no luck with attempt 1 (attempts: 1) at 5:3");
    assert_snapshot!(ran.counts(), @"2 succeeded, 2 failed, 0 skipped, 0 cancelled");
    assert_snapshot!(end(&with("tolerate: 40%")).await.split_once(' ').unwrap().0, @"succeeded");
    assert_snapshot!(end(&with("tolerate: 39%")).await, @"failed not_found: try[1]: no luck with attempt 1 (attempts: 1) at 5:3");
    assert_snapshot!(end(&with("")).await, @"failed not_found: try[1]: no luck with attempt 1 (attempts: 1) at 5:3");
}

/// The error of an expression over elements points into it.
#[tokio::test(start_paused = true)]
async fn an_expression_over_elements_fails_where_it_is_written() {
    let fails = |card: &str| format!("flow: f\ncards:\n  a:\n    {card}\n");
    assert_snapshot!(end(&fails(r#"card: list.filter
    with:
      list: ['1', x]
      where: eq (json.parse it) 1"#)).await, @"failed expression: a: `list.filter`: `json.parse`: the text is no JSON to read: expected value at line 1 column 1 (attempts: 1) at 7:17");
    assert_snapshot!(end(&fails(r#"card: text.upper
    with: { text: "{{ json.parse 'x' }}" }"#)).await, @"failed expression: a: `json.parse`: the text is no JSON to read: expected value at line 1 column 1 (attempts: 1) at 5:23");
}

#[tokio::test(start_paused = true)]
async fn a_tolerated_item_of_a_body() {
    assert_snapshot!(
        end(r#"
flow: f
cards:
  try:
    for_each: json.parse '[0, 1]'
    tolerate: 1
    cards:
      in: { card: test.flaky, with: { fails: "{{ item }}", transient: false } }
    outputs: { done: "{{ cards.in.done }}" }
outputs: { try: "{{ cards.try }}" }
"#).await,
        @r#"succeeded {"try":[{"done":"after 1"},{"error":{"kind":"unavailable","code":"SlowDown","message":"no luck with attempt 1","card":"try[1].in","attempts":1,"details":{"bucket":"reports"}},"item":1,"index":1}]}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_card_is_tried_again() {
    let retried = |with: &str, retry: &str| {
        format!(
            r#"flow: f
cards:
  a:
    card: test.flaky
    with: {with}
    retry: {retry}
outputs: {{ a: "{{{{ cards.a.done }}}}" }}
"#
        )
    };
    let ran = flow(&retried("{ fails: 2 }", "{ attempts: 3, delay: 1s }"))
        .run()
        .await;
    assert_snapshot!(ran.end(), @r#"succeeded {"a":"after 3"}"#);
    assert_snapshot!(ran.events(), @"
        run of f started
        a started test.flaky attempt 1
        a waiting after attempt 1: no luck with attempt 1
        a started test.flaky attempt 2
        a waiting after attempt 2: no luck with attempt 2
        a started test.flaky attempt 3
        a succeeded
        run succeeded
        ");
    assert_snapshot!(ran.counts(), @"1 succeeded, 0 failed, 0 skipped, 0 cancelled");
    // The last attempt's error is the card's.
    assert_snapshot!(end(&retried("{ fails: 3 }", "{ attempts: 3 }")).await, @"failed unavailable: a: no luck with attempt 3 (attempts: 3) at 3:3");
    // Permanent, unless its kind is listed.
    assert_snapshot!(end(&retried("{ fails: 1, transient: false }", "{ attempts: 3 }")).await, @"failed unavailable: a: no luck with attempt 1 (attempts: 1) at 3:3");
    assert_snapshot!(end(&retried("{ fails: 1, transient: false }", "{ kinds: [unavailable] }")).await, @r#"succeeded {"a":"after 2"}"#);
    assert_snapshot!(end(&retried("{ fails: 1, transient: false }", "{ kinds: [not_found] }")).await, @"failed unavailable: a: no luck with attempt 1 (attempts: 1) at 3:3");
    // Never less than what the service asked for.
    let ran = flow(&retried(
        "{ fails: 1, retry_after: 90000 }",
        "{ attempts: 2, delay: 1ms }",
    ))
    .run()
    .await;
    assert!(
        ran.report.duration >= Duration::from_secs(90),
        "{:?}",
        ran.report.duration
    );
    // Without `retry`, once.
    assert_snapshot!(end(r#"flow: f
cards:
  a: { card: test.flaky, with: { fails: 1 } }
"#).await, @"failed unavailable: a: no luck with attempt 1 (attempts: 1) at 3:3");
    // `defaults` stand in.
    assert_snapshot!(end(r#"flow: f
defaults: { retry: { attempts: 2 } }
cards:
  a: { card: test.flaky, with: { fails: 1 } }
"#).await, @"succeeded {}");
}

#[tokio::test(start_paused = true)]
async fn timeouts() {
    // Of an attempt: transient, so a retry follows.
    let ran = flow(
        r#"flow: f
cards:
  a:
    card: test.block
    timeout: 2s
    retry: { attempts: 2, delay: 1ms }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed timeout: a: took longer than its `timeout` (attempts: 2) at 3:3");
    assert_snapshot!(ran.events(), @"
        run of f started
        a started test.block attempt 1
        a waiting after attempt 1: took longer than its `timeout`
        a started test.block attempt 2
        a failed: timeout: a: took longer than its `timeout` (attempts: 2) at 3:3
        run failed
        ");
    assert_snapshot!(ran.log.join("\n"), @"
        a began
        a cancelled
        a cleaned up
        a began
        a cancelled
        a cleaned up
        ");
    assert!(ran.report.duration >= Duration::from_secs(4));
    // Of a group: its cards are cancelled.
    let ran = flow(
        r#"flow: f
cards:
  g:
    timeout: 3s
    cards:
      a: { card: test.block, with: { clean_up: 1000 } }
      b: { card: test.sleep, with: { ms: 1 } }
      c: { card: test.panic, after: [a] }
  after: { card: test.panic, after: [g] }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed timeout: g: took longer than its `timeout` (attempts: 0) at 3:3");
    assert_snapshot!(ran.events(), @"
        run of f started
        g.a started test.block attempt 1
        g.b started test.sleep attempt 1
        g.b succeeded
        g.c skipped
        g.a cancelled
        g failed: timeout: g: took longer than its `timeout` (attempts: 0) at 3:3
        after skipped
        run failed
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(4));
    // Of a loop over a group: of the whole.
    assert_snapshot!(
        end(r#"flow: f
cards:
  l:
    for_each: json.parse '[1, 2, 3]'
    max_parallel: 1
    timeout: 25ms
    cards:
      a: { card: test.sleep, with: { ms: 10 } }
"#).await,
        @"failed timeout: l: took longer than its `timeout` (attempts: 0) at 3:3"
    );
    // Soon enough.
    assert_snapshot!(end(r#"flow: f
cards:
  a: { card: test.sleep, with: { ms: 1999 }, timeout: 2s }
"#).await, @"succeeded {}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_cancels_the_body_it_stands_in() {
    let ran = flow(
        r#"
flow: f
cards:
  a: { card: test.block, with: { clean_up: 50 } }
  b: { card: test.flaky, with: { fails: 1 }, after: [c] }
  c: { card: test.sleep, with: { ms: 10 } }
  d: { card: test.panic, after: [a] }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed unavailable: b: no luck with attempt 1 (attempts: 1) at 5:3");
    assert_snapshot!(ran.events(), @"
        run of f started
        a started test.block attempt 1
        c started test.sleep attempt 1
        c succeeded
        b started test.flaky attempt 1
        b failed: unavailable: b: no luck with attempt 1 (attempts: 1) at 5:3
        d skipped
        a cancelled
        run failed
        ");
    assert_snapshot!(ran.counts(), @"1 succeeded, 1 failed, 1 skipped, 1 cancelled");
    let error = ran.report.error.unwrap();
    assert_eq!(error.code.as_deref(), Some("SlowDown"));
    assert_eq!(error.help.as_deref(), Some("try tomorrow"));
    assert_eq!(error.context, [("bucket", "reports".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_card_that_cancels_itself_fails() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.flaky, with: { fails: 1, kind: cancelled } }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed cancelled: a: no luck with attempt 1 (attempts: 1) at 3:3");
    assert_snapshot!(ran.events(), @"
    run of f started
    a started test.flaky attempt 1
    a failed: cancelled: a: no luck with attempt 1 (attempts: 1) at 3:3
    run failed
    ");
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_a_card_that_does_not_listen() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.deaf, timeout: 2s }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed timeout: a: took longer than its `timeout` (attempts: 1) at 3:3");
    assert_snapshot!(ran.log.join("\n"), @"
        a began
        a dropped
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(32));
}

#[tokio::test(start_paused = true)]
async fn of_two_failures_the_first_in_the_file_is_told() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.block, with: { clean_up: 5 } }
  b: { card: test.flaky, with: { fails: 1 } }
  c: { card: test.panic }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed unavailable: b: no luck with attempt 1 (attempts: 1) at 4:3");
    assert_snapshot!(ran.counts(), @"0 succeeded, 2 failed, 0 skipped, 1 cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_that_tells_nothing_of_it() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.panic }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.end(), @"failed unexpected: a: the card panicked (attempts: 1) at 3:3");
    assert!(!format!("{:?}", ran.report).contains("secret"));
    // It is never tried again on its own.
    assert_snapshot!(end(r#"flow: f
cards:
  a: { card: test.panic, retry: { attempts: 5 } }
"#).await, @"failed unexpected: a: the card panicked (attempts: 1) at 3:3");
    assert_snapshot!(end(r#"flow: f
cards:
  a:
    for_each: json.parse '[1]'
    tolerate: 1
    card: test.panic
outputs: { a: "{{ cards.a }}" }
"#).await, @r#"succeeded {"a":[{"error":{"kind":"unexpected","code":null,"message":"the card panicked","card":"a[0]","attempts":1,"details":{}},"item":1,"index":0}]}"#);
}

#[tokio::test(start_paused = true)]
async fn expressions_that_have_no_value() {
    let card = |rest: &str| {
        format!(
            r#"flow: f
inputs: {{ any: {{ type: any, default: {{ a: null, b: [1], c: x }} }} }}
cards:
  one:
    {rest}
"#
        )
    };
    assert_snapshot!(end(&card("card: text.upper\n    with: { text: \"is {{ inputs.any.a }}\" }")).await, @"failed expression: one: `inputs.any.a` is null, which has no text: `default` gives another value, `json.stringify` its JSON (attempts: 1) at 6:26");
    assert_snapshot!(end(&card("card: text.upper\n    with: { text: \"{{ inputs.any.z }}\" }")).await, @"failed expression: one: `inputs.any` has no field `z` (attempts: 1) at 6:23");
    assert_snapshot!(end(&card("card: text.upper\n    with: { text: \"{{ inputs.any.b }}\" }")).await, @"failed invalid_input: one: expected a string, found a list (attempts: 1) at 4:3");
    assert_snapshot!(end(&card("card: test.typed\n    with: { text: a, count: \"{{ inputs.any.c }}\", mode: \"{{ inputs.any.c }}\" }")).await, @"failed invalid_input: one: `count`: expected an integer, found a string; `mode`: expected one of `fast`, `careful`, found `x` (attempts: 0) at 4:3");
    assert_snapshot!(end(&card("card: test.typed\n    with: { text: \"forbid{{ default inputs.any.a 'den' }}\" }")).await, @"failed invalid_input: one: `text`: must not be `forbidden` (attempts: 1) at 4:3");
    assert_snapshot!(end(&card("when: inputs.any.c\n    card: text.upper\n    with: { text: a }")).await, @"failed expression: one: the condition yields a string, not a boolean (attempts: 0) at 4:3");
    assert_snapshot!(end(&card("for_each: inputs.any.c\n    card: text.upper\n    with: { text: a }")).await, @"failed expression: one: `for_each` yields a string, not a list or an object (attempts: 0) at 4:3");
    assert_snapshot!(end(&card("for_each: inputs.any.b\n    where: gt item inputs.any.c\n    card: text.upper\n    with: { text: a }")).await, @"failed expression: one[0]: `gt`: an integer and a string have no order (attempts: 0) at 6:12");
    assert_snapshot!(end(&card("card: number.divide\n    with: { left: 1, right: 0 }")).await, @"failed expression: one: `number.divide`: 1 is divided by zero (attempts: 1) at 4:3");
    assert_snapshot!(end(&card("card: list.filter\n    with: { list: \"{{ inputs.any.b }}\", where: eq it.x 1 }")).await, @"failed expression: one: `list.filter`: `it` is an integer, so it has no field `x` (attempts: 1) at 6:51");
    assert_snapshot!(end(&card("card: logic.if\n    with: { condition: true, then: 1, else: \"{{ inputs.any.z }}\" }")).await, @"succeeded {}");
    assert_snapshot!(end(r#"flow: f
inputs: { any: { type: any, default: {} } }
vars: { a: "{{ inputs.any.b }}" }
cards: {}
"#).await, @"failed expression: `inputs.any` has no field `b` (attempts: 0) at 3:16");
    assert_snapshot!(end(r#"flow: f
inputs: { any: { type: any, default: {} } }
cards:
  g:
    cards: {}
    outputs: { a: "{{ inputs.any.b }}" }
"#).await, @"failed expression: g: `inputs.any` has no field `b` (attempts: 0) at 6:23");
}
