//! Runs that are cancelled or killed.

use std::time::Duration;

use insta::assert_snapshot;

use crate::support::flow;

#[tokio::test(start_paused = true)]
async fn a_cancelled_run() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.block, with: { clean_up: 1000 } }
  b: { card: test.sleep, with: { ms: 1 } }
  c: { card: test.panic, after: [a] }
"#,
    )
    .after(Duration::from_secs(5), |handle| handle.cancel())
    .run()
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.counts(), @"1 succeeded, 0 failed, 1 skipped, 1 cancelled");
    assert_snapshot!(ran.events(), @"
        run of f started
        a started test.block attempt 1
        b started test.sleep attempt 1
        b succeeded
        c skipped
        a cancelled
        run cancelled
        ");
    assert_snapshot!(ran.log.join("\n"), @"
        a began
        b began
        b ended
        a cancelled
        a cleaned up
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_while_it_waits_for_an_attempt() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.flaky, with: { fails: 9, retry_after: 60000 }, retry: { attempts: 9 } }
"#,
    )
    .after(Duration::from_secs(5), |handle| handle.cancel())
    .run()
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.events(), @"
        run of f started
        a started test.flaky attempt 1
        a waiting after attempt 1: no luck with attempt 1
        a cancelled
        run cancelled
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_cancelled_before_it_begins() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.panic }
  b: { card: test.panic, after: [a] }
"#,
    )
    .after(Duration::ZERO, |handle| handle.cancel())
    .run()
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.events(), @"
        run of f started
        b skipped
        a skipped
        run cancelled
        ");
    assert_snapshot!(ran.counts(), @"0 succeeded, 0 failed, 2 skipped, 0 cancelled");
}

#[tokio::test(start_paused = true)]
async fn the_grace_of_a_cancelled_card_ends() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.deaf }
  b: { card: test.block, with: { clean_up: 20000 } }
"#,
    )
    .after(Duration::from_secs(1), |handle| handle.cancel())
    .run()
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.log.join("\n"), @"
        a began
        b began
        b cancelled
        b cleaned up
        a dropped
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(31));
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_drops_its_cards() {
    let ran = flow(
        r#"flow: f
cards:
  a: { card: test.deaf }
  b: { card: test.block, with: { clean_up: 20000 } }
"#,
    )
    .after(Duration::from_secs(1), |handle| handle.cancel())
    .after(Duration::from_secs(2), |handle| handle.kill())
    .run()
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.log.join("\n"), @"
        a began
        b began
        b cancelled
        a dropped
        ");
    assert_eq!(ran.report.duration, Duration::from_secs(2));
}
