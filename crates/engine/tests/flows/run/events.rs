//! What a watcher sees, and how many cards are at work at once.

use std::num::NonZeroU32;

use flowrun_engine::RunStatus;
use insta::assert_snapshot;

use crate::support::flow;

#[tokio::test(start_paused = true)]
async fn events_come_in_order() {
    let ran = flow(
        r#"
flow: f
cards:
  a: { card: test.sleep, with: { ms: 10 } }
  b: { card: text.upper, with: { text: "{{ cards.a.done }}" } }
  c: { when: is_empty 'x', card: text.upper, with: { text: c } }
  d:
    for_each: json.parse '[3, 1]'
    where: lt index 2
    cards:
      in: { card: test.sleep, with: { ms: "{{ item }}" } }
"#,
    )
    .run()
    .await;
    assert_snapshot!(ran.events(), @"
        run of f started
        c skipped
        d loop of 2
        a started test.sleep attempt 1
        d[0].in started test.sleep attempt 1
        d[1].in started test.sleep attempt 1
        d[1].in succeeded
        d[1] succeeded
        d[0].in succeeded
        d[0] succeeded
        d succeeded
        a succeeded
        b started text.upper attempt 1
        b succeeded
        run succeeded
        ");
}

/// How many cards were at work at once, by what they noted.
fn most_at_once(log: &[String]) -> usize {
    let mut now = 0;
    let mut most = 0;
    for line in log {
        if line.ends_with("began") {
            now += 1;
            most = most.max(now);
        } else {
            now -= 1;
        }
    }
    most
}

#[tokio::test(start_paused = true)]
async fn bounds_on_cards_at_once() {
    let text = |top: &str, own: &str| {
        format!(
            r#"flow: f
{top}
cards:
  a:
    for_each: json.parse '[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]'
    {own}
    card: test.sleep
    with: {{ ms: 10 }}
  b: {{ card: test.sleep, with: {{ ms: 10 }} }}
  c: {{ card: test.sleep, with: {{ ms: 10 }} }}
"#
        )
    };
    let most = async |text: &str, bound: Option<u32>| {
        let ran = flow(text)
            .with(|run| match bound.and_then(NonZeroU32::new) {
                Some(bound) => run.max_parallel(bound),
                None => run,
            })
            .run()
            .await;
        assert_eq!(ran.report.status, RunStatus::Succeeded);
        most_at_once(&ran.log)
    };
    assert_eq!(most(&text("", ""), None).await, 10);
    assert_eq!(most(&text("", "max_parallel: 3"), None).await, 5);
    assert_eq!(most(&text("max_parallel: 4", ""), None).await, 4);
    assert_eq!(most(&text("max_parallel: 4", ""), Some(2)).await, 2);
    assert_eq!(most(&text("max_parallel: 4", ""), Some(9)).await, 4);
    assert_eq!(
        most(&text("max_parallel: 1", "max_parallel: 9"), None).await,
        1
    );
}
