//! The journal port: what is recorded, what waits for it, and marks.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use flowrun_card::Value;
use flowrun_engine::{Journal, JournalError, Record, Ticket};
use insta::assert_snapshot;

use crate::{cards::Log, support::flow};

/// Keeps what is recorded as lines among those of the cards; its tickets take a second.
#[derive(Clone)]
struct Recorder {
    log: Log,
    /// The mark that it finds.
    mark: Option<Value>,
    /// Which append its journal breaks at.
    broken_at: Option<usize>,
    count: Arc<Mutex<usize>>,
}

impl Recorder {
    fn new(log: &Log) -> Self {
        Self {
            log: log.clone(),
            mark: None,
            broken_at: None,
            count: Arc::default(),
        }
    }
}

impl Journal for Recorder {
    fn append(&self, records: &[Record<'_>]) -> Option<Ticket> {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        let number = *count;
        for record in records {
            self.log.note(match record {
                Record::Started { flow, inputs, .. } => {
                    format!("#{number} started {flow} {inputs}")
                }
                Record::Value { value, .. } => format!("#{number} value {value}"),
                Record::Event(event) => {
                    let text = format!("{:?}", event.kind);
                    let name = text.split([' ', '(']).next().unwrap();
                    format!("#{number} event {name}")
                }
                Record::Mark {
                    address,
                    name,
                    value,
                } => format!("#{number} mark {address} {name} {value}"),
                other => format!("#{number} {other:?}"),
            });
        }
        let broken = self.broken_at == Some(number);
        let log = self.log.clone();
        Some(Box::pin(async move {
            // Long enough for whatever does not wait for it to come first.
            tokio::time::sleep(Duration::from_secs(1)).await;
            if broken {
                return Err(JournalError("the disk is full".to_owned()));
            }
            log.note(format!("#{number} durable"));
            Ok(())
        }))
    }

    fn find_mark(&self, address: &str, name: &str) -> Option<Value> {
        self.log.note(format!("find {address} {name}"));
        self.mark.clone()
    }
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_durable_before_an_effect_and_before_the_end() {
    let text = r#"flow: f
inputs: { a: { type: string, default: x } }
cards:
  pure: { card: test.sleep, with: { ms: 1, give: y } }
  write: { card: test.write, with: { text: "{{ cards.pure.done }}" } }
outputs: { a: "{{ cards.write.done }}" }
"#;
    let log = Log::default();
    let ran = flow(text).run_under(Recorder::new(&log), log).await;
    assert_snapshot!(ran.end(), @r#"succeeded {"a":"y"}"#);
    assert_snapshot!(ran.log.join("\n"), @r#"
        #1 started f {"a":"x"}
        #2 event Start
        #3 value {"ms":1,"give":"y"}
        #3 event Evaluated
        pure began
        pure ended
        #4 value {"done":"y"}
        #4 event Finished
        #5 value {"text":"y"}
        #5 event Evaluated
        #5 durable
        write wrote y
        #6 value {"done":"y"}
        #6 event Finished
        #7 value {"a":"y"}
        #7 event Evaluated
        #7 durable
        "#);
}

#[tokio::test(start_paused = true)]
async fn a_broken_journal_stops_the_run_before_the_effect() {
    let text = r#"flow: f
cards:
  write: { card: test.write, with: { text: x } }
"#;
    let log = Log::default();
    let whole = flow(text).run_under(Recorder::new(&log), log.clone()).await;
    let appends = whole
        .log
        .iter()
        .filter(|line| line.ends_with("durable"))
        .count();
    assert_eq!(appends, 2);
    let first_awaited = whole
        .log
        .iter()
        .find(|line| line.ends_with("durable"))
        .unwrap();
    let number = first_awaited
        .trim_start_matches('#')
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let log = Log::default();
    let journal = Recorder {
        broken_at: Some(number),
        ..Recorder::new(&log)
    };
    let ran = flow(text).run_under(journal, log).await;
    assert_snapshot!(ran.end(), @"failed unexpected: the journal cannot be written: the disk is full (attempts: 0)");
    assert!(
        !ran.log.iter().any(|line| line.contains("wrote")),
        "{:?}",
        ran.log
    );
}

#[tokio::test(start_paused = true)]
async fn a_killed_run_does_not_wait_for_its_journal() {
    let log = Log::default();
    let ran = flow(
        r#"flow: f
cards:
  write: { card: test.write, with: { text: x } }
"#,
    )
    .after(Duration::from_millis(500), |handle| handle.kill())
    .run_under(Recorder::new(&log), log)
    .await;
    assert_snapshot!(ran.end(), @"cancelled null");
    assert_snapshot!(ran.log.join("\n"), @r#"
        #1 started f {}
        #2 event Start
        #3 value {"text":"x"}
        #3 event Evaluated
        "#);
    assert_eq!(ran.report.duration, Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn marks_are_recorded_and_found() {
    let text = r#"flow: f
cards:
  l:
    for_each: json.parse '[1]'
    cards:
      m: { card: test.mark }
outputs: { found: "{{ cards.l }}" }
"#;
    let log = Log::default();
    let journal = Recorder {
        mark: Some("u-0".into()),
        ..Recorder::new(&log)
    };
    let ran = flow(text).run_under(journal, log).await;
    assert_snapshot!(ran.end(), @r#"succeeded {"found":[{"m":{"found":"u-0"}}]}"#);
    let marks: Vec<&str> = ran
        .log
        .iter()
        .map(String::as_str)
        .filter(|line| line.contains("mark") || line.starts_with("find"))
        .collect();
    assert_snapshot!(marks.join("\n"), @r#"
        find l[0].m upload_id
        #5 mark l[0].m upload_id "u-1"
        "#);
}
