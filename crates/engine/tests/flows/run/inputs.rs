//! Inputs and connections that a run is given.

use std::path::Path;

use flowrun_card::{List, Value};
use flowrun_engine::{CheckOptions, Engine, NullJournal};
use insta::assert_snapshot;

use crate::{cards::Log, support::flow};

const INPUTS: &str = r#"
flow: f
inputs:
  text: { type: string }
  count: { type: integer, minimum: 1, maximum: 9, default: 3 }
  mode: { type: string, enum: [fast, careful], default: careful }
  day: { type: date, default: "2026-11-23" }
  note: { type: string, required: false }
  run: { type: string, default: "{{ run.flow }} at {{ run.started_at }}" }
  shelf: { type: connection, required: false }
  list: { type: list, items: { type: integer }, default: [1] }
cards: {}
outputs: { all: ["{{ inputs.text }}", "{{ inputs.count }}", "{{ inputs.mode }}", "{{ inputs.day }}", "{{ inputs.note }}", "{{ inputs.run }}", "{{ inputs.list }}"] }
"#;

async fn given(inputs: &[(&str, Value)]) -> String {
    let ran = flow(INPUTS)
        .with(|run| {
            inputs
                .iter()
                .fold(run, |run, (name, value)| run.input(*name, value.clone()))
        })
        .try_run(NullJournal, Log::default())
        .await;
    ran.map_or_else(|problems| problems, |ran| ran.end())
}

#[tokio::test(start_paused = true)]
async fn inputs_are_fitted_to_what_is_declared() {
    let list = |items: &[i64]| {
        Value::List(
            items
                .iter()
                .map(|item| Value::from(*item))
                .collect::<List>(),
        )
    };
    assert_snapshot!(given(&[]).await, @"input `text`: missing (help: add `--input text=VALUE`)");
    assert_snapshot!(given(&[("text", "a".into())]).await, @r#"succeeded {"all":["a",3,"careful","2026-11-23",null,"f at 2024-10-04T00:00:00Z",[1]]}"#);
    assert_snapshot!(given(&[("text", "a".into()), ("note", Value::Null)]).await, @r#"succeeded {"all":["a",3,"careful","2026-11-23",null,"f at 2024-10-04T00:00:00Z",[1]]}"#);
    assert_snapshot!(given(&[("text", 3_i64.into()), ("list", list(&[2, 3]))]).await, @r#"succeeded {"all":["3",3,"careful","2026-11-23",null,"f at 2024-10-04T00:00:00Z",[2,3]]}"#);
    assert_snapshot!(
        given(&[
            ("text", list(&[1])),
            ("count", "3".into()),
            ("mode", "slow".into()),
            ("day", "tomorrow".into()),
            ("shelf", "demo-report".into()),
            ("list", Value::List([Value::from("a"), Value::from(1_i64)].into_iter().collect())),
            ("txt", "b".into()),
            ("zzz", "b".into()),
        ])
        .await,
        @"
    input `text`: expected a string, found a list
    input `count`: expected an integer, found a string
    input `mode`: expected one of `fast`, `careful`, found `slow`
    input `day`: `tomorrow` is no date
    input `shelf`: there is no connection `demo-report` (help: did you mean `demo-reports`?)
    input `list`: `[0]`: expected an integer, found a string
    input `txt`: the flow has no such input (help: did you mean `text`?)
    input `zzz`: the flow has no such input
    "
    );
    assert_snapshot!(given(&[("text", Value::Null), ("count", 10_i64.into())]).await, @"
    input `text`: expected a string, found null
    input `count`: 10 is not between 1 and 9
    ");
}

#[tokio::test(start_paused = true)]
async fn connections_are_given() {
    let given = async |aliases: &[(&str, &str)]| {
        let text = r#"flow: f
connections: { shelf: demo-reports, vault: { kind: shelf } }
cards:
  a: { card: test.copy, with: { source: { key: a, connection: shelf }, destination: { key: b, connection: vault } } }
outputs: { a: "{{ cards.a }}" }
"#;
        let ran = flow(text)
            .with(|run| {
                aliases.iter().fold(run, |run, (alias, nickname)| {
                    run.connection(*alias, *nickname)
                })
            })
            .try_run(NullJournal, Log::default())
            .await;
        ran.map_or_else(|problems| problems, |ran| ran.end())
    };
    assert_snapshot!(given(&[]).await, @"connection `vault`: missing: the flow leaves it to its caller, and needs one of kind `shelf` (help: add `--connection vault=NICKNAME`)");
    assert_snapshot!(given(&[("vault", "demo-vault")]).await, @r#"succeeded {"a":{"from":"demo-reports/a","to":"demo-vault/b"}}"#);
    assert_snapshot!(given(&[("vault", "mail"), ("shelf", "demo-report"), ("vlt", "x")]).await, @"
    connection `shelf`: there is no connection `demo-report` (help: did you mean `demo-reports`?)
    connection `vault`: connection `mail` is of kind `smtp`, and `vault` needs `shelf`
    connection `vlt`: the flow has no such connection
    ");
}

#[tokio::test(start_paused = true)]
async fn a_set_is_walked_in_its_order_and_another_can_be_given() {
    let text = r#"flow: f
connections: { all: { set: branches } }
cards:
  a: { for_each: connections.all, card: test.list, connection: "{{ item }}", with: { count: 1 } }
outputs: { a: "{{ list.map cards.a it.objects }}" }
"#;
    let given = async |aliases: &[(&str, &str)]| {
        let ran = flow(text)
            .with(|run| {
                aliases.iter().fold(run, |run, (alias, nickname)| {
                    run.connection(*alias, *nickname)
                })
            })
            .try_run(NullJournal, Log::default())
            .await;
        ran.map_or_else(|problems| problems, |ran| ran.end())
    };
    assert_snapshot!(given(&[]).await, @r#"succeeded {"a":[[{"key":"branches/north-0","size":0,"owner":null}],[{"key":"branches/south-0","size":0,"owner":null}]]}"#);
    assert_snapshot!(given(&[("all", "posts")]).await, @"connection `all`: connection `posts` is of kind `smtp`, and `all` needs `shelf`");
    assert_snapshot!(given(&[("all", "demo-vault")]).await, @"connection `all`: `demo-vault` is one connection and no set (help: write `all: demo-vault`, and give it to a card as `connection: all`)");
    assert_snapshot!(given(&[("all", "branchs")]).await, @"connection `all`: there is no set of connections `branchs` (help: did you mean `branches`?)");
}

#[tokio::test(start_paused = true)]
async fn an_input_can_be_a_connection() {
    let text = r#"flow: f
inputs: { shelf: { type: connection } }
cards:
  a: { card: test.list, connection: "{{ inputs.shelf }}", with: { count: 1 } }
outputs: { a: "{{ cards.a }}" }
"#;
    let given = async |nickname: &str| {
        let ran = flow(text)
            .with(|run| run.input("shelf", nickname))
            .try_run(NullJournal, Log::default())
            .await;
        ran.map_or_else(|problems| problems, |ran| ran.end())
    };
    assert_snapshot!(given("demo-vault").await, @r#"succeeded {"a":{"objects":[{"key":"demo-vault-0","size":0,"owner":null}],"token":null}}"#);
    assert_snapshot!(given("mail").await, @"failed invalid_input: a: `connection`: connection `mail` is of kind `smtp`, and this needs `shelf` (attempts: 0) at 4:3");
    assert_snapshot!(given("demo").await, @"input `shelf`: there is no connection `demo`");
}

#[test]
fn texts_of_a_command_line_are_read_whole_or_refused() {
    let text = r#"flow: f
inputs:
  count: { type: integer }
  list: { type: list }
  object: { type: object }
  any: { type: any }
  text: { type: string }
cards: {}
"#;
    let engine = Engine::builder().build();
    let checked = engine.check("f", text.as_bytes(), &CheckOptions::default());
    let plan = checked.into_plan().unwrap();
    let read = |name: &str, text: &str| match plan.read_input(name, text, Path::new("/")) {
        Ok(value) => value.to_string(),
        Err(problem) => problem.to_string(),
    };
    assert_snapshot!(read("count", "42"), @"42");
    assert_snapshot!(read("count", "18446744073709551616"), @"input `count`: 18446744073709551616 is no integer between -9223372036854775808 and 18446744073709551615; write it in quotes to keep its digits");
    assert_snapshot!(read("count", "a"), @"input `count`: expected an integer, found `a`");
    assert_snapshot!(read("list", &"x".repeat(200)), @"input `list`: expected a list, found `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…`");
    assert_snapshot!(read("list", r#"[{"a":1,"a":2}]"#), @"input `list`: the text is no JSON to read: the key `a` stands twice in one object at line 1 column 11");
    assert_snapshot!(read("object", r#"{"a":[18446744073709551616]}"#), @"input `object`: 18446744073709551616 is no integer between -9223372036854775808 and 18446744073709551615; write it in quotes to keep its digits");
    assert_snapshot!(read("any", r#"{"a":1}"#), @r#"{"a":1}"#);
    assert_snapshot!(read("any", r#"{"a":1,"a":2}"#), @"input `any`: the text is no JSON to read: the key `a` stands twice in one object at line 1 column 10");
    assert_snapshot!(read("any", "-9223372036854775809"), @"input `any`: -9223372036854775809 is no integer between -9223372036854775808 and 18446744073709551615; write it in quotes to keep its digits");
    assert_snapshot!(read("any", "{a"), @r#""{a""#);
    assert_snapshot!(read("text", "18446744073709551616"), @r#""18446744073709551616""#);
    assert_snapshot!(read("txt", "a"), @"input `txt`: the flow has no such input");
}

#[tokio::test(start_paused = true)]
async fn an_input_can_be_a_file() {
    let given = async |path: &str| {
        let ran = flow("flow: f\ninputs: { file: { type: file } }\ncards: {}\n")
            .with(|run| run.input("file", path))
            .try_run(NullJournal, Log::default())
            .await;
        ran.map_or_else(|problems| problems, |ran| ran.end())
    };
    assert_snapshot!(given("none").await, @"input `file`: cannot read `/flows/none`: no such file or directory (help: name a file that this user can read)");
    assert_snapshot!(given("/").await, @"input `file`: `/` is no file (help: name a file, not a folder)");
}
