//! Connections: aliases, nicknames, kinds, and what stands in where a card names none.

use flowrun_engine::CheckOptions;
use insta::assert_snapshot;

use crate::support::{check, check_with};

#[test]
fn connections_of_cards() {
    let flow = |connections: &str, card: &str| {
        check(&format!(
            r#"flow: f
connections: {connections}
cards:
  one:
    {card}
"#
        ))
    };
    let one =
        |connections: &str, rest: &str| flow(connections, &format!("card: test.list\n    {rest}"));
    assert_snapshot!(flow("{ shelf: demo-reports }", "card: test.list\n    connection: shelf"), @"ok");
    assert_snapshot!(one("{ shelf: demo-reports }", "connection: shef"), @"
        f:6:17: error[unknown-connection]: the flow has no connection `shef`
          help: did you mean `shelf`?
        ");
    assert_snapshot!(one("{}", "connection: shelf"), @"
        f:6:17: error[unknown-connection]: the flow has no connection `shelf`
          help: declare it: `connections: { shelf: NICKNAME }` at the top of the flow
        ");
    assert_snapshot!(one("{ shelf: demo-reports }", "with: {}"), @"
        f:5:11: error[missing-connection]: `test.list` needs a connection of kind `shelf`
          help: add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow
        ");
    assert_snapshot!(one("{ shelf: demo-report }", "connection: shelf"), @"
        f:2:23: error[connection-not-found]: there is no connection `demo-report`
          help: did you mean `demo-reports`?
        ");
    assert_snapshot!(one("{ shelf: elsewhere }", "connection: shelf"), @"
        f:2:23: error[connection-not-found]: there is no connection `elsewhere`
          help: `flowrun connections list` lists those that there are
        ");
    assert_snapshot!(one("{ shelf: mail }", "connection: shelf"), @"
    f:6:17: error[wrong-connection]: connection `shelf` is of kind `smtp`, and this needs `shelf`
      help: declare one of kind `shelf` under `connections:`
    ");
    assert_snapshot!(one("{ shelf: { kind: shelf } }", "connection: shelf"), @"ok");
    assert_snapshot!(one("{ shelf: { kind: smtp } }", "connection: shelf"), @"
    f:6:17: error[wrong-connection]: connection `shelf` is of kind `smtp`, and this needs `shelf`
      help: declare one of kind `shelf` under `connections:`
    ");
    assert_snapshot!(one("{ shelf: demo-reports }", r#"connection: "{{ connections.shelf }}""#), @"ok");
    assert_snapshot!(one("{ shelf: demo-reports }", r#"connection: "{{ connections.shef }}""#), @"
        f:6:33: error[unknown-name]: the flow has no connection `shef`
          help: did you mean `shelf`?
        ");
    assert_snapshot!(one("{ shelf: demo-reports }", r#"connection: "{{ run.flow }}""#), @"
        f:6:17: error[expression-type]: expected a connection of kind `shelf`, and the expression yields a string
          help: only `connections.ALIAS` or an input of type `connection` yields a connection
        ");
    assert_snapshot!(one("{ shelf: mail }", r#"connection: "{{ connections.shelf }}""#), @"
    f:6:17: error[expression-type]: expected a connection of kind `shelf`, and the expression yields a connection of kind `smtp`
      help: name a connection of the kind that is needed
    ");
    assert_snapshot!(one("{ shelf: demo-reports }", "with: { connection: shelf }"), @"ok");
    assert_snapshot!(flow("{ shelf: demo-reports }", "card: test.typed\n    connection: shelf\n    with: { text: a }"), @"
        f:6:17: error[misplaced-modifier]: `test.typed` takes no connection
          help: remove `connection:`
        ");
    assert_snapshot!(flow("{ shelf: demo-reports }", "card: text.upper\n    connection: shelf\n    with: { text: a }"), @"
        f:6:17: error[misplaced-modifier]: `text.upper` takes no connection
          help: remove `connection:`
        ");
}

#[test]
fn connections_on_two_sides() {
    let copy = |rest: &str| {
        check(&format!(
            r#"flow: f
connections: {{ shelf: demo-reports, vault: demo-vault, post: mail }}
cards:
  one:
    card: test.copy
    {rest}
"#
        ))
    };
    assert_snapshot!(copy("with: { source: { key: a }, destination: { key: b } }"), @"
        f:6:21: error[missing-connection]: `test.copy` needs a connection of kind `shelf`
          help: add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow
        f:6:46: error[missing-connection]: `test.copy` needs a connection of kind `shelf`
          help: add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow
        ");
    assert_snapshot!(copy("with: { source: { key: a, connection: shelf }, destination: { key: b } }"), @"
        f:6:65: error[missing-connection]: `test.copy` needs a connection of kind `shelf`
          help: add `connection: ALIAS` to the card, with the alias under `connections:` at the top of the flow
        ");
    assert_snapshot!(copy("with: { source: { key: a, connection: post }, destination: { key: b, connection: valt } }"), @"
    f:6:43: error[wrong-connection]: connection `post` is of kind `smtp`, and this needs `shelf`
      help: of that kind are `shelf`, `vault`
    f:6:86: error[unknown-connection]: the flow has no connection `valt`
      help: did you mean `vault`?
    ");
    assert_snapshot!(copy("connection: shelf\n    with: { source: { key: a }, destination: { key: b } }"), @"ok");
    assert_snapshot!(copy("connection: post\n    with: { source: { key: a }, destination: { key: b, connection: vault } }"), @"
    f:6:17: error[wrong-connection]: connection `post` is of kind `smtp`, and this needs `shelf`
      help: of that kind are `shelf`, `vault`
    ");
    assert_snapshot!(copy("connection: shelf\n    with: { source: { key: a }, destination: { connection: vault } }"), @"
    f:7:46: error[missing-input]: `key` is missing
      help: add `key:`, the key
    ");
    assert_snapshot!(copy("connection: shelf"), @"
    f:5:11: error[missing-input]: `test.copy` needs `source`
      help: add `source:`, from where
    f:5:11: error[missing-input]: `test.copy` needs `destination`
      help: add `destination:`, where to
    ");
}

#[test]
fn the_connection_of_defaults_is_for_cards_that_take_one() {
    assert_snapshot!(
        check(r#"flow: f
connections: { shelf: demo-reports }
defaults: { connection: shelf }
cards:
  one: { card: test.list }
  two: { card: text.upper, with: { text: a } }
  three: { card: test.typed, with: { text: a } }
  four: { card: test.copy, with: { source: { key: a }, destination: { key: b } } }
"#),
        @"ok"
    );
    assert_snapshot!(
        check(r#"flow: f
connections: { shelf: demo-reports }
defaults: { connection: shef }
cards:
  one: { card: test.list }
  two: { card: test.list }
"#),
        @"
        f:3:25: error[unknown-connection]: the flow has no connection `shef`
          help: did you mean `shelf`?
        "
    );
    assert_snapshot!(
        check(r#"flow: f
connections: { shelf: demo-reports }
defaults: { connection: shef }
cards:
  two: { card: text.upper, with: { text: a } }
"#),
        @"
    f:3:25: error[unknown-connection]: the flow has no connection `shef`
      help: did you mean `shelf`?
    "
    );
}

#[test]
fn callers_replace_connections() {
    let flow = r#"flow: f
connections: { shelf: elsewhere, vault: { kind: shelf } }
cards:
  one: { card: test.copy, with: { source: { key: a, connection: shelf }, destination: { key: b, connection: vault } } }
"#;
    let replaced = |list: &[(&str, &str)]| {
        let connections = list
            .iter()
            .map(|(alias, nickname)| ((*alias).to_owned(), (*nickname).to_owned()))
            .collect();
        let options = CheckOptions {
            connections,
            ..CheckOptions::default()
        };
        check_with(flow, &options)
    };
    assert_snapshot!(replaced(&[]), @"
        f:2:23: error[connection-not-found]: there is no connection `elsewhere`
          help: `flowrun connections list` lists those that there are
        ");
    assert_snapshot!(replaced(&[("shelf", "demo-reports")]), @"ok");
    assert_snapshot!(replaced(&[("shelf", "demo-reports"), ("vault", "demo-vault")]), @"ok");
    assert_snapshot!(replaced(&[("shelf", "demo-report"), ("vault", "mail")]), @"
    f:2:23: error[connection-not-found]: there is no connection `demo-report`, which shall stand for `shelf`
      help: did you mean `demo-reports`?
    f:2:49: error[wrong-connection]: connection `mail` is of kind `smtp`, and `vault` needs `shelf`
      help: give another with `--connection`
    f:4:109: error[wrong-connection]: connection `vault` is of kind `smtp`, and this needs `shelf`
      help: declare one of kind `shelf` under `connections:`
    ");
    assert_snapshot!(replaced(&[("shelf", "mail")]), @"
    f:4:65: error[wrong-connection]: connection `shelf` is of kind `smtp`, and this needs `shelf`
      help: `vault` is of that kind
    ");
    assert_snapshot!(replaced(&[("shelf", "demo-reports"), ("valt", "demo-vault")]), @"
        f:1:7: error[unknown-connection]: the flow has no connection `valt` for `demo-vault` to stand for
          help: did you mean `vault`?
        ");
}

#[test]
fn what_stands_where_an_alias_belongs() {
    let said = |head: &str, card: &str| {
        check(&format!(
            "flow: f\n{head}\ncards:\n  one: {{ card: {card} }}\n"
        ))
    };
    // The nickname behind an alias, and one without an alias.
    assert_snapshot!(said("connections: { shelf: demo-reports }", "test.list, connection: demo-reports"), @"
    f:4:39: error[unknown-connection]: the flow has no connection `demo-reports`
      help: `demo-reports` is the nickname behind the alias `shelf`: write `shelf`
    ");
    assert_snapshot!(said("connections: { shelf: demo-reports }", "test.list, connection: demo-vault"), @"
    f:4:39: error[unknown-connection]: the flow has no connection `demo-vault`
      help: give the nickname an alias: `connections: { ALIAS: demo-vault }` at the top of the flow, and write `ALIAS` here
    ");
    // A connection that cannot be read is declared all the same.
    assert_snapshot!(said("connections: { shelf: [a] }", "test.list, connection: shelf"), @"f:2:23: error[wrong-type]: expected the nickname of a connection, found a list");
    assert_snapshot!(said("connections: { shelf: { typ: shelf } }", "test.list, connection: shelf"), @"
    f:2:25: error[unknown-key]: a connection has no key `typ`
      help: its keys are `kind`, `set`
    ");
    // The connection of a card that does not exist.
    assert_snapshot!(said("connections: { shelf: demo-reports }", "test.lost, connection: shef"), @"
    f:4:16: error[unknown-card]: there is no card `test.lost`
      help: did you mean `test.list`?
    f:4:39: error[unknown-connection]: the flow has no connection `shef`
      help: did you mean `shelf`?
    ");
    // The default is for cards that take one; what it reads makes no others wait.
    assert_snapshot!(said("connections: { shelf: demo-reports }\ndefaults: { connection: \"{{ cards.one }}\" }", "text.upper, with: { text: a }"), @"ok");
}

#[test]
fn a_set_is_a_list_of_connections() {
    let flow = |connections: &str, card: &str| {
        check(&format!(
            "flow: f\nconnections: {connections}\ncards:\n  one:\n    card: test.list\n    {card}\n"
        ))
    };
    let walk = "for_each: connections.all\n    connection: \"{{ item }}\"";
    assert_snapshot!(flow("{ all: { set: branches } }", walk), @"ok");
    assert_snapshot!(flow("{ all: { set: branchs } }", walk), @"
    f:2:28: error[connection-not-found]: there is no set of connections `branchs`
      help: did you mean `branches`?
    ");
    assert_snapshot!(flow("{ all: { set: elsewhere } }", walk), @"
    f:2:28: error[connection-not-found]: there is no set of connections `elsewhere`
      help: `flowrun connections list` lists those that there are
    ");
    assert_snapshot!(flow("{ all: { set: demo-vault } }", walk), @"
    f:2:28: error[wrong-connection]: `demo-vault` is one connection and no set
      help: write `all: demo-vault`, and give it to a card as `connection: all`
    ");
    assert_snapshot!(flow("{ all: branches }", walk), @r#"
    f:2:21: error[wrong-connection]: `branches` is a set of connections, and not one connection
      help: write `all: { set: branches }`, and walk it: `for_each: connections.all`, and in it `connection: "{{ item }}"`
    "#);
    assert_snapshot!(flow("{ all: demo-vault }", walk), @"
    f:6:15: error[expression-type]: `for_each` needs a list or an object, and this yields a connection of kind `shelf`
      help: declare a set of connections, `ALIAS: { set: NAME }`, and name that
    ");
    assert_snapshot!(flow("{ all: branches/north }", "connection: all"), @"ok");
    assert_snapshot!(flow("{ all: { set: branches } }", "connection: all"), @r#"
    f:6:17: error[wrong-connection]: `all` is a set of connections, and one is needed here
      help: walk it: `for_each: connections.all`, and in it `connection: "{{ item }}"`
    "#);
    assert_snapshot!(flow("{ all: { set: branches } }", "connection: \"{{ connections.all }}\""), @"
    f:6:17: error[expression-type]: expected a connection of kind `shelf`, and the expression yields a list of connections
      help: a set is walked by `for_each`, whose `item` is one connection of it
    ");
    assert_snapshot!(flow("{ all: { set: posts } }", walk), @"
    f:7:17: error[expression-type]: expected a connection of kind `shelf`, and the expression yields a connection of kind `smtp`
      help: name a connection of the kind that is needed
    ");
    assert_snapshot!(flow("{ all: { set: branches, kind: shelf } }", walk), @"
    f:2:38: error[wrong-value]: a connection has a kind or is a set, and not both
      help: a set has the kind of its members: leave `kind` out
    ");
    assert_snapshot!(flow("{ all: { set: [] } }", walk), @"f:2:28: error[wrong-type]: expected the name of a set of connections, found a list");
}
