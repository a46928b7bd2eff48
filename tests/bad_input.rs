//! What is no flow, and what is no call: exit code 2, a whole message, and never a panic.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that fails panics"
)]

mod common;

use std::{net::TcpListener, path::Path};

use common::{Folder, Outcome};
use insta::assert_snapshot;

/// The outcome of running and of validating a file: both exit with 2 and say the same.
fn refused(folder: &Folder, name: &str) -> Outcome {
    let run = folder.flowrun_with(&[name]);
    let validate = folder.flowrun_with(&["validate", name]);
    assert_eq!(
        (run.code, validate.code),
        (Some(2), Some(2)),
        "{run}\n{validate}"
    );
    assert_eq!(run.stdout, "");
    let said = [validate.stdout(), validate.stderr()].concat();
    assert_eq!(run.stderr(), said);
    run
}

#[track_caller]
fn file(text: impl AsRef<[u8]>) -> Outcome {
    let folder = Folder::empty();
    folder.write("bad.yaml", text);
    refused(&folder, "bad.yaml")
}

#[test]
fn what_is_no_file() {
    let folder = Folder::empty();
    folder.write("folder/file", "");
    assert_snapshot!(refused(&folder, "none.yaml"), @r"
    exit 2
    -- stderr
    error: cannot read `none.yaml`: no such file or directory
    ");
    assert_snapshot!(folder.flowrun("run folder"), @r"
    exit 2
    -- stderr
    error: cannot read `folder`: is a directory
    help: name a flow file in it
    ");
    assert_snapshot!(folder.flowrun("validate folder"), @r"
    exit 2
    -- stderr
    error: there is no flow in `folder`
    help: a flow is a file that ends in `.yaml` and has a line that begins with `flow:`
    ");
    assert_snapshot!(refused(&folder, "folder/none.yaml"), @r"
    exit 2
    -- stderr
    error: cannot read `folder/none.yaml`: no such file or directory
    ");
    folder.write("folder/backup.yaml", "flow: backup\n");
    assert_snapshot!(refused(&folder, "folder/bakup.yaml"), @r"
    exit 2
    -- stderr
    error: cannot read `folder/bakup.yaml`: no such file or directory
    help: did you mean `folder/backup.yaml`?
    ");
}

#[test]
fn what_is_no_text() {
    assert_snapshot!(file(b"flow: \xff\xfe"), @r"
    exit 2
    -- stderr
    error[file-not-utf8]: the file is not UTF-8 text
     --> bad.yaml:1:7
      |
    1 | flow: 
      |       ^
      |
      = help: save it as UTF-8

    1 error in bad.yaml
    ");
    assert_snapshot!(file("flow: a\0b"), @r#"
    exit 2
    -- stderr
    error[yaml-syntax]: the control character U+0000 cannot stand in YAML
     --> bad.yaml:1:8
      |
    1 | flow: a␀b
      |        ^
      |
      = help: in double quotes, write "\x00"

    1 error in bad.yaml
    "#);
    assert_snapshot!(file(""), @r"
    exit 2
    -- stderr
    error[file-empty]: the file holds no flow
     --> bad.yaml:1:1
      |
    1 |
      | ^
      |
      = help: a flow has an id and cards: `flow: NAME`, `cards: { … }`

    1 error in bad.yaml
    ");
    assert_snapshot!(file("# only a comment\n"), @r"
    exit 2
    -- stderr
    error[file-empty]: the file holds no flow
     --> bad.yaml:1:1
      |
    1 | # only a comment
      | ^
      |
      = help: a flow has an id and cards: `flow: NAME`, `cards: { … }`

    1 error in bad.yaml
    ");
}

#[test]
fn what_is_no_flow() {
    assert_snapshot!(file("just a text"), @r"
    exit 2
    -- stderr
    error[wrong-type]: expected a flow, found a string
     --> bad.yaml:1:1
      |
    1 | just a text
      | ^^^^^^^^^^^
      |
      = help: a flow is a map that starts with `flow: NAME`

    1 error in bad.yaml
    ");
    assert_snapshot!(file("flow: tabs\ncards:\n\tup:\n\t\tcard: text.upper\n"), @r"
    exit 2
    -- stderr
    error[yaml-tab]: a tab stands where YAML needs spaces
     --> bad.yaml:3:1
      |
    3 |     up:
      | ^^^^
      |
      = help: use spaces only

    1 error in bad.yaml
    ");
    assert_snapshot!(
        file("flow: twice\ncards:\n  up: { card: text.upper, with: { text: a } }\n  up: { card: text.upper, with: { text: b } }\n"),
        @r"
    exit 2
    -- stderr
    error[yaml-duplicate-key]: the key `up` stands twice in this map
     --> bad.yaml:4:3
      |
    3 |   up: { card: text.upper, with: { text: a } }
      |   -- it stands here first
    4 |   up: { card: text.upper, with: { text: b } }
      |   ^^

    1 error in bad.yaml
    "
    );
    assert_snapshot!(file("flow: open\ncards: { up: { card: text.upper\n"), @r"
    exit 2
    -- stderr
    error[yaml-syntax]: expected `,` or `}`
     --> bad.yaml:3:1
      |
    3 |
      | ^
      |
      = help: close the `{`, or quote the value before this

    1 error in bad.yaml
    ");
}

#[test]
fn a_file_that_is_too_large() {
    let mut text = String::from("flow: huge\ncards:\n  # ");
    text.push_str(&"x".repeat(10 << 20));
    assert_snapshot!(file(text), @r"
    exit 2
    -- stderr
    error[file-too-large]: the file is larger than 4 MiB
     --> bad.yaml:1:1
      |
    1 |
      | ^
      |
      = help: a flow names its data, it does not hold it: move the data to a file of its own

    1 error in bad.yaml
    ");
}

#[test]
fn a_bomb_is_not_lit() {
    let mut text = String::from(
        "flow: bomb\ncards:\n  up: { card: text.upper, with: { text: a } }\nvars:\n  a0: &a0 boom\n",
    );
    let anchor = "error[yaml-feature]: flows have no YAML anchors\n";
    let alias = "error[yaml-feature]: flows have no YAML aliases\n";
    let mut expected = format!("bad.yaml:5:7: {anchor}");
    // Nine to the power of nine texts, if it were.
    for level in 1..=9 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        text.push_str(&format!("  a{level}: &a{level} [{aliases}]\n"));
        let line = level + 5;
        expected.push_str(&format!("bad.yaml:{line}:7: {anchor}"));
        for index in 0..9 {
            expected.push_str(&format!("bad.yaml:{line}:{}: {alias}", 12 + 5 * index));
        }
    }
    let folder = Folder::empty();
    folder.write("bad.yaml", text);
    let run = refused(&folder, "bad.yaml");
    assert!(run.stderr.ends_with("\n91 errors in bad.yaml\n"), "{run}");
    let short = folder.flowrun("validate bad.yaml --format short");
    assert_eq!(short.stdout, expected);
}

#[test]
fn of_hundreds_of_errors_the_first_are_reported() {
    let mut text = String::from("flow: many\ncards:\n");
    for index in 0..600 {
        text.push_str(&format!(
            "  c{index}: {{ card: text.uper, with: {{ text: a }} }}\n"
        ));
    }
    let outcome = file(text);
    let expected: String = (0..500)
        .map(|index| {
            let line = index + 3;
            let column = format!("  c{index}: {{ card: ").len() + 1;
            let margin = " ".repeat(line.to_string().len());
            let pointer = " ".repeat(column - 1);
            format!(
                "error[unknown-card]: there is no card `text.uper`
{margin}--> bad.yaml:{line}:{column}
{margin} |
{line} |   c{index}: {{ card: text.uper, with: {{ text: a }} }}
{margin} | {pointer}^^^^^^^^^
{margin} |
{margin} = help: did you mean `text.upper`?

"
            )
        })
        .collect();
    let expected = format!(
        "{expected}error[too-many-errors]: there are more than 500 errors
   --> bad.yaml:603:1
    |
603 |
    | ^
    |
    = help: repair these first

501 errors in bad.yaml
"
    );
    // Line by line: the first that differs says more than two long texts.
    for (found, expected) in outcome.stderr.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(outcome.stderr.len(), expected.len());
}

#[test]
fn depth_is_bounded() {
    let many = 100_000;
    assert_snapshot!(file(format!("flow: deep\ncards: {}{}\n", "[".repeat(many), "]".repeat(many))), @r"
    exit 2
    -- stderr
    error[yaml-too-deep]: nested deeper than 64 levels
     --> bad.yaml:2:263
      |
    2 | ...[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[...
      |                                                                    ^

    1 error in bad.yaml
    ");
    assert_snapshot!(file(format!("flow: deep\ncards: {}\n", "{a: ".repeat(many))), @r"
    exit 2
    -- stderr
    error[yaml-too-deep]: nested deeper than 64 levels
     --> bad.yaml:2:260
      |
    2 | ...{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a...
      |                                                                    ^

    1 error in bad.yaml
    ");
    assert_snapshot!(file(format!("flow: deep\ncards: {}\n", "- ".repeat(many))), @r"
    exit 2
    -- stderr
    error[yaml-syntax]: a list cannot start here
     --> bad.yaml:2:8
      |
    2 | cards: - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - ...
      |        ^
      |
      = help: write the first `- ` on a line of its own

    1 error in bad.yaml
    ");
    let expression = |text: &str| {
        file(format!(
            "flow: deep\ncards:\n  up:\n    card: text.upper\n    with:\n      text: \"{{{{ {text} }}}}\"\n"
        ))
    };
    assert_snapshot!(expression(&"(".repeat(many)), @r#"
    exit 2
    -- stderr
    error[expression-too-large]: the expression is larger than 16 KiB
     --> bad.yaml:6:14
      |
    6 | ...: "{{ ((((((((((((((((((((((((((((((((((((((((((...(((((((((((((((((((((((((((((((((((((((((( }}"
      |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^...^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: compute a part of it in a card of its own and read that card's output

    1 error in bad.yaml
    "#);
    assert_snapshot!(expression(&format!("{}1{}", "(not ".repeat(1_000), ")".repeat(1_000))), @r"
    exit 2
    -- stderr
    error[expression-too-large]: the expression is nested deeper than 32 levels
     --> bad.yaml:6:177
      |
    6 | ...not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (not (...
      |                                                                    ^
      |
      = help: compute a part of it in a card of its own and read that card's output

    1 error in bad.yaml
    ");
}

#[test]
fn a_command_that_is_none() {
    let folder = Folder::of_flows();
    assert_snapshot!(folder.flowrun("validat"), @r"
    exit 2
    -- stderr
    error: cannot read `validat`: no such file or directory
    help: did you mean `flowrun validate`?
    ");
    assert_snapshot!(folder.flowrun("validat backup.yaml"), @r"
    exit 2
    -- stderr
    error: there is no command `validat`
    help: did you mean `flowrun validate`?
    ");
    assert_snapshot!(folder.flowrun("nonsense --verbose backup.yaml"), @r"
    exit 2
    -- stderr
    error: there is no command `nonsense`
    help: `flowrun help` lists the commands
    ");
    assert_snapshot!(folder.flowrun("backup.yaml --jsn"), @r"
    exit 2
    -- stderr
    error: unexpected argument '--jsn' found

      tip: a similar argument exists: '--json'

    Usage: flowrun run --json <FLOW>

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("run"), @r"
    exit 2
    -- stderr
    error: the following required arguments were not provided:
      <FLOW>

    Usage: flowrun run <FLOW>

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("validate"), @r"
    exit 2
    -- stderr
    error: the following required arguments were not provided:
      <FLOW>...

    Usage: flowrun validate <FLOW>...

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("validate backup.yaml --format xml"), @r"
    exit 2
    -- stderr
    error: invalid value 'xml' for '--format <FORMAT>'
      [possible values: text, short, json, github]

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("backup.yaml --json --quiet"), @r"
    exit 2
    -- stderr
    error: the argument '--json' cannot be used with '--quiet'

    Usage: flowrun run --json <FLOW>

    For more information, try '--help'.
    ");
    assert_snapshot!(folder.flowrun("connections"), @"
    exit 2
    -- stderr
    Make, prove and manage connections

    Usage: flowrun connections [OPTIONS] <COMMAND>

    Commands:
      new         Make a connection: shows the trust policy for its role, proves the role, saves it
      add-member  Add accounts to a set of connections, or make one: the same role in many accounts
      finish      Give a pending connection its role
      list        List all connections, their health, and when they were last proven
      show        Show one connection, or a set
      test        Prove a connection: its role lets us in with the External ID, and nobody without it
      edit        Change a connection's other values, or those of a set
      rename      Give a connection another nickname, or a set another name
      delete      Delete a connection that no flow under the folder names
      used-by     List the flows under the folder that name a connection
      share       Share the secrets that are sealed in connection files with others
      seal        Put a secret into the connection file, sealed: it is asked for, or read from standard
                  input
      export      Print connections as a connection file of their own
      import      Take over the connections of such a file; none that is there is changed
      rotate      Make a new External ID, and once the role accepts it, use it
      help        Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...          Say more about what happens: -v for decisions, -vv for details
          --environment <NAME>  Use the connections of `connections.NAME.yaml`, and no others [env:
                                FLOWRUN_ENVIRONMENT=]
          --folder <FOLDER>     The folder whose `connections.yaml` is used: there, or in the nearest
                                folder above that has one [default: .]
      -h, --help                Print help
    ");
}

#[test]
fn no_arguments_show_the_help() {
    let folder = Folder::empty();
    let none = folder.flowrun("");
    assert_eq!((none.code, none.stdout.as_str()), (Some(2), ""));
    assert_eq!(none.stderr, folder.flowrun("--help").stdout);
}

#[test]
fn the_sandbox_needs_a_seed() {
    let folder = Folder::empty();
    assert_snapshot!(folder.flowrun("sandbox"), @r"
    exit 2
    -- stderr
    error: there is no `sandbox.yaml` here or in `flows/`
    help: name the accounts, roles and buckets to begin with: `--seed FILE`
    ");
    assert_snapshot!(folder.flowrun("sandbox --seed none.yaml"), @r"
    exit 2
    -- stderr
    error: cannot read the sandbox's seed `none.yaml`: no such file or directory
    ");
    folder.write("sandbox.yaml", "regon: eu-central-1\n");
    assert_snapshot!(folder.flowrun("sandbox"), @r"
    exit 2
    -- stderr
    error: sandbox.yaml: the seed cannot be read: unknown field `regon`, expected one of `region`, `account`, `operator`, `administrator`, `accounts`
    ");
    folder.write("sandbox.yaml", "region: [\n");
    assert_snapshot!(folder.flowrun("sandbox"), @r"
    exit 2
    -- stderr
    error: sandbox.yaml: the seed cannot be read: did not find expected node content at line 2 column 1, while parsing a flow node
    ");
    folder.write("sandbox.yaml", b"\xff");
    assert_snapshot!(folder.flowrun("sandbox"), @r"
    exit 2
    -- stderr
    error: cannot read the sandbox's seed `sandbox.yaml`: stream did not contain valid UTF-8
    ");
}

#[test]
fn the_sandbox_needs_a_port_of_this_machine() {
    let folder = Folder::of_flows();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_snapshot!(folder.flowrun_with(&["sandbox", "--listen", &address]), @"
    exit 2
    -- stderr
    error: cannot listen on 127.0.0.1:PORT (another process listens there): choose another port, or port 0 for a free one
    ");
    assert_snapshot!(folder.flowrun("sandbox --listen 0.0.0.0:0"), @r"
    exit 2
    -- stderr
    error: the sandbox listens on a loopback address only, such as 127.0.0.1, and not on 0.0.0.0:0
    ");
    assert_snapshot!(folder.flowrun("sandbox --listen nowhere"), @r"
    exit 2
    -- stderr
    error: invalid value 'nowhere' for '--listen <ADDRESS>': invalid socket address syntax

    For more information, try '--help'.
    ");
}

#[test]
fn the_sandbox_needs_a_folder_that_it_can_write() {
    let folder = Folder::of_flows();
    folder.write("file", "");
    assert_snapshot!(folder.flowrun("sandbox --state file"), @"
    exit 2
    -- stderr
    error: cannot create file (a file stands where a folder should be): use another folder, one that can be read and written
    ");
    assert_snapshot!(folder.flowrun("sandbox --state file/state"), @"
    exit 2
    -- stderr
    error: cannot create file/state (a file stands where a folder should be): use another folder, one that can be read and written
    ");
    if Path::new("/proc/self").exists() {
        assert_snapshot!(folder.flowrun("sandbox --state /proc/state"), @"
        exit 2
        -- stderr
        error: cannot create /proc/state (no such file or directory): use another folder, one that can be read and written
        ");
    }
}
