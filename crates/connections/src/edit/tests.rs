//! Edits by example, and of files that are made up.

use proptest::prelude::*;

use super::*;
use std::sync::Arc;

use crate::{
    AwsS3Definition, Base, ConnectionSet, Endpoint, OwnValues, RoleArn, SourceIdentity, Trust,
};

const PATH: &str = "/flows/connections.yaml";

const FILE: &str = "\
# Who we are
---
first:   # the oldest
  type:   aws_s3
  # where it goes
  role_arn: 'arn:aws:iam::111122223333:role/first'   # asked Ann
  external_id: \"one\"

  # not used: region: eu-west-1
  region: eu-central-1

# A short one
second: { type: aws_s3, region: eu-west-1, base: { profile: me } } # its comment

third:
    description: |
      two lines, of which
      # this is one
    type: aws_s3
# the end
";

fn connection(text: &str, nickname: &str) -> Connection {
    let all = entries::parse(text, Path::new(PATH)).unwrap();
    let found = all.into_iter().find(|found| found.nickname == nickname);
    found.unwrap()
}

fn fresh() -> Connection {
    let definition = AwsS3Definition {
        role_arn: Some(RoleArn::parse("arn:aws:iam::111122223333:role/new").unwrap()),
        external_id: Some("flowrun-0123456789abcdef0123456789abcdef".to_owned()),
        region: Some("eu-north-1".to_owned()),
        endpoint: Endpoint::Url("https://[::1]:9000".to_owned()),
        base: Base::Profile("my profile".to_owned()),
        ..AwsS3Definition::default()
    };
    Connection {
        description: Some("what it: is for # really".to_owned()),
        ..Connection::new("new", PATH, definition)
    }
}

fn edited(text: &str, edit: &Edit<'_>) -> Result<String, String> {
    changed(text, Path::new(PATH), edit).map_err(|error| error.to_string())
}

fn replaced(text: &str, nickname: &str, change: impl FnOnce(&mut Connection)) -> String {
    let old = connection(text, nickname);
    let mut new = old.clone();
    change(&mut new);
    edited(
        text,
        &Edit::Replace {
            old: &old,
            new: &new,
        },
    )
    .unwrap()
}

/// The lines that went and came.
fn difference(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let same = old
        .iter()
        .zip(&new)
        .take_while(|(old, new)| old == new)
        .count();
    let (old, new) = (&old[same..], &new[same..]);
    let rest = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let show = |sign: char, lines: &[&str]| {
        let lines = lines[..lines.len() - rest].iter();
        lines
            .map(|line| format!("{sign}{line}"))
            .collect::<String>()
    };
    show('-', old) + &show('+', new)
}

#[test]
fn a_value_is_changed_where_it_stands() {
    let check = |nickname: &str, change: fn(&mut Connection), expect: &str| {
        let new = replaced(FILE, nickname, change);
        assert_eq!(difference(FILE, &new), expect);
        // Line ends are the file's own.
        let dos = FILE.replace('\n', "\r\n");
        assert_eq!(replaced(&dos, nickname, change), new.replace('\n', "\r\n"));
    };
    check(
        "first",
        |new| new.aws_mut().unwrap().region = Some("us-east-1".to_owned()),
        "-  region: eu-central-1\n+  region: us-east-1\n",
    );
    check(
        "first",
        |new| {
            new.aws_mut().unwrap().role_arn =
                RoleArn::parse("arn:aws:iam::111122223333:role/other").ok()
        },
        "-  role_arn: 'arn:aws:iam::111122223333:role/first'   # asked Ann\n\
         +  role_arn: arn:aws:iam::111122223333:role/other   # asked Ann\n",
    );
    check(
        "first",
        |new| new.description = Some("a new one".to_owned()),
        "+  description: a new one\n",
    );
    check(
        "first",
        |new| new.aws_mut().unwrap().next_external_id = Some("two".to_owned()),
        "+  next_external_id: two\n",
    );
    check(
        "first",
        |new| new.aws_mut().unwrap().region = None,
        "-  region: eu-central-1\n",
    );
    check(
        "first",
        |new| new.nickname = "true".to_owned(),
        "-first:   # the oldest\n+\"true\":   # the oldest\n",
    );
    check(
        "second",
        |new| {
            new.nickname = "2nd".to_owned();
            new.aws_mut().unwrap().base = Base::Environment;
            new.description = Some("b, c".to_owned());
        },
        "-second: { type: aws_s3, region: eu-west-1, base: { profile: me } } # its comment\n\
         +\"2nd\": { type: aws_s3, description: \"b, c\", region: eu-west-1, base: environment } \
         # its comment\n",
    );
    check(
        "second",
        |new| {
            new.aws_mut().unwrap().base = Base::Default;
            new.aws_mut().unwrap().region = None;
        },
        "-second: { type: aws_s3, region: eu-west-1, base: { profile: me } } # its comment\n\
         +second: { type: aws_s3 } # its comment\n",
    );
    check(
        "third",
        |new| new.description = Some("one".to_owned()),
        "-    description: |\n-      two lines, of which\n-      # this is one\n\
         +    description: one\n",
    );
    check(
        "third",
        |new| {
            new.aws_mut().unwrap().trust = Trust::Principal;
            new.aws_mut().unwrap().base = Base::Environment;
        },
        "+    trust: principal\n+    base: environment\n",
    );
    check(
        "third",
        |new| {
            new.aws_mut().unwrap().trust = Trust::Principal;
            new.aws_mut().unwrap().role_arn =
                Some(RoleArn::parse("arn:aws:iam::111122223333:role/a").unwrap());
            new.aws_mut().unwrap().session_policy = false;
            new.aws_mut().unwrap().source_identity = Some(SourceIdentity::Env("USER".to_owned()));
            new.aws_mut().unwrap().session_tags = vec![
                ("by: it".to_owned(), "{flow}".to_owned()),
                ("n".to_owned(), "1".to_owned()),
            ];
        },
        "+    role_arn: arn:aws:iam::111122223333:role/a\n+    trust: principal\n\
         +    session_policy: off\n+    source_identity: { env: USER }\n\
         +    session_tags: { \"by: it\": \"{flow}\", \"n\": \"1\" }\n",
    );
}

#[test]
fn one_is_taken_out_with_its_own_comments() {
    let check = |nickname: &str, expect: &str| {
        let old = connection(FILE, nickname);
        let new = edited(FILE, &Edit::Remove(&old)).unwrap();
        assert_eq!(difference(FILE, &new), expect);
    };
    let (start, end) = (
        FILE.find("first:").unwrap(),
        FILE.find("\n# A short").unwrap(),
    );
    let first: String = FILE
        .get(start..end)
        .unwrap()
        .split_inclusive('\n')
        .map(|line| format!("-{line}"))
        .collect();
    check("first", &first);
    check(
        "second",
        "-second: { type: aws_s3, region: eu-west-1, base: { profile: me } } # its comment\n",
    );
    check(
        "third",
        "-third:\n-    description: |\n-      two lines, of which\n-      # this is one\n\
         -    type: aws_s3\n",
    );
}

#[test]
fn one_is_added_at_the_end() {
    const ADDED: &str = "\
new:
  type: aws_s3
  description: \"what it: is for # really\"
  role_arn: arn:aws:iam::111122223333:role/new
  external_id: flowrun-0123456789abcdef0123456789abcdef
  region: eu-north-1
  endpoint: \"https://[::1]:9000\"
  base: { profile: my profile }
";
    let check = |text: &str, expect: &str| {
        assert_eq!(
            edited(text, &Edit::Add(&fresh())).unwrap(),
            expect,
            "{text:?}"
        );
    };
    check(FILE, &format!("{FILE}\n{ADDED}"));
    check("", ADDED);
    check(HEADER, &format!("{HEADER}{ADDED}"));
    check("# nothing", &format!("# nothing\n{ADDED}"));
    check("---\n", &format!("---\n{ADDED}"));
    check(
        "a: { type: aws_s3 }",
        &format!("a: {{ type: aws_s3 }}\n\n{ADDED}"),
    );
    check(
        "a: { type: aws_s3 }\r\n",
        &format!(
            "a: {{ type: aws_s3 }}\r\n\r\n{}",
            ADDED.replace('\n', "\r\n")
        ),
    );
    let indented: String = ADDED
        .split_inclusive('\n')
        .map(|line| format!("  {line}"))
        .collect();
    check(
        "  a:\n    type: aws_s3\n",
        &format!("  a:\n    type: aws_s3\n\n{indented}"),
    );
}

#[test]
fn what_cannot_be_changed_safely_is_left_to_a_person() {
    let fresh = fresh();
    let described = |text: &str| {
        let old = connection(text, "a");
        let new = Connection {
            description: Some("new".to_owned()),
            ..old.clone()
        };
        edited(
            text,
            &Edit::Replace {
                old: &old,
                new: &new,
            },
        )
    };
    let by_hand = |why: &str| {
        Err(format!(
            "{PATH}: the file must be changed by hand, because {why}"
        ))
    };
    let unusual = || by_hand("the connection `a` is written in an unusual way");
    let wrong = || by_hand("the result would not say what it should");
    assert_eq!(
        edited("{ a: { type: aws_s3 } }\n", &Edit::Add(&fresh)),
        by_hand("its connections do not stand on lines of their own")
    );
    // What it would say is read with the document that has ended.
    assert_eq!(
        edited("a: { type: aws_s3 }\n...\n", &Edit::Add(&fresh)),
        wrong()
    );
    assert_eq!(described("a: !!map\n  type: aws_s3\n"), unusual());
    assert_eq!(described("b: &b\n  type: aws_s3\na: *b\n"), unusual());
    assert_eq!(
        described("? a\n: type: aws_s3\n"),
        by_hand("something stands before a nickname on its line")
    );
    assert_eq!(
        described("\u{feff}a: { type: aws_s3 }\n"),
        by_hand("it starts with a byte order mark")
    );
    assert_eq!(
        described("a:\r  type: aws_s3\r"),
        by_hand("it has line ends of old Macs")
    );
}

#[test]
fn rules_are_kept_before_anything_is_written() {
    let first = connection(FILE, "first");
    let message = |edit: Edit<'_>| edited(FILE, &edit).unwrap_err();
    assert_eq!(
        message(Edit::Add(&first)),
        format!("{PATH}: there is a connection `first` already")
    );
    let mut stale = first.clone();
    stale.aws_mut().unwrap().region = None;
    let changed = format!("{PATH}: somebody has changed the connection `first` meanwhile");
    assert_eq!(message(Edit::Remove(&stale)), changed);
    assert_eq!(
        message(Edit::Replace {
            old: &stale,
            new: &first
        }),
        changed
    );
    let renamed = Connection {
        nickname: "second".to_owned(),
        ..first.clone()
    };
    assert_eq!(
        message(Edit::Replace {
            old: &first,
            new: &renamed
        }),
        format!("{PATH}: there is a connection `second` already")
    );
    let mut other = first;
    other.nickname = "other".to_owned();
    other.aws_mut().unwrap().trust = Trust::Principal;
    assert_eq!(
        message(Edit::Add(&other)),
        "`trust: principal` is for a role that asks for no External ID, and there is an \
         `external_id`"
    );
    let misnamed = Connection::new("a b", PATH, AwsS3Definition::default());
    assert!(message(Edit::Add(&misnamed)).starts_with("`a b` is not a nickname"));
}

#[test]
fn files_are_made_and_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connections.yaml");
    let plain = |nickname: &str| Connection::new(nickname, &path, AwsS3Definition::default());
    edit_file(&path, &Edit::Add(&plain("a"))).unwrap();
    edit_file(&path, &Edit::Add(&plain("b"))).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("{HEADER}a:\n  type: aws_s3\n\nb:\n  type: aws_s3\n")
    );
    let error = edit_file(&path, &Edit::Add(&plain("b"))).unwrap_err();
    assert!(matches!(error, EditError::Exists { .. }), "{error}");

    // Two at once: both are there in the end.
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..5 {
                    let nickname = format!("t{thread}-{number}");
                    let new = Connection::new(nickname, path, AwsS3Definition::default());
                    edit_file(path, &Edit::Add(&new)).unwrap();
                }
            });
        }
    });
    assert_eq!(file::read(&path).unwrap().len(), 22);
}

/// A made-up entry, and the blank lines and comments above it.
#[derive(Clone, Debug)]
struct Made {
    above: String,
    text: String,
    comments: Vec<String>,
}

prop_compose! {
    fn comment()(text in "[a-z:#'\"{}éß ]{0,12}") -> String {
        format!("# {}", text.trim_end())
    }
}

prop_compose! {
    fn made(index: usize)(
        above in proptest::collection::vec(prop_oneof![Just(String::new()), comment()], 0..3),
        quote in prop_oneof![Just(""), Just("'"), Just("\"")],
        is_flow in any::<bool>(),
        margin in 1_usize..5,
        description in proptest::option::of("[a-zé:#, ]{1,12}"),
        region in proptest::option::of("eu-[a-z]{2,5}-[0-9]"),
        profile in proptest::option::of("[a-z]{1,5}"),
        comments in proptest::collection::vec(proptest::option::of(comment()), 5),
        is_literal in any::<bool>(),
    ) -> Made {
        let mut keys = vec![("type", "aws_s3".to_owned())];
        if let Some(description) = description {
            let text = serde_json::Value::from(description.trim()).to_string();
            keys.insert(0, ("description", if is_literal && !is_flow {
                format!("|-\n{}text {}\n{}# more", " ".repeat(margin + 2), description.trim(), " ".repeat(margin + 1 + 1))
            } else { text }));
        }
        keys.extend(region.map(|region| ("region", region)));
        keys.extend(profile.map(|name| ("base", format!("{{profile: {name} }}"))));
        let mut kept = Vec::new();
        let mut behind = |at: usize| comments[at].clone().map_or_else(String::new, |comment| {
            kept.push(comment.clone());
            format!("  {comment}")
        });
        let name = format!("{quote}c{index}{quote}");
        let text = if is_flow {
            let pairs: Vec<_> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("{name}: {{ {} }}{}\n", pairs.join(", "), behind(0))
        } else {
            let mut text = format!("{name}:{}\n", behind(0));
            for (at, (key, value)) in keys.iter().enumerate() {
                let tail = if value.contains('\n') { String::new() } else { behind(at + 1) };
                text += &format!("{}{key}: {value}{tail}\n", " ".repeat(margin));
            }
            text
        };
        let above = above.iter().map(|line| format!("{line}\n")).collect();
        Made { above, text, comments: kept }
    }
}

fn file() -> impl Strategy<Value = Vec<Made>> {
    (0_usize..5).prop_flat_map(|count| (0..count).map(made).collect::<Vec<_>>())
}

proptest! {
    #[test]
    fn whatever_is_not_edited_stays_byte_for_byte(
        made in file(),
        is_dos in any::<bool>(),
        pick in any::<prop::sample::Index>(),
        what in 0..6_u8,
        words in "[a-zé:#, \"'\\\\]{1,12}",
    ) {
        let dos = |text: &str| if is_dos { text.replace('\n', "\r\n") } else { text.to_owned() };
        let text: String = made.iter().map(|made| dos(&format!("{}{}", made.above, made.text))).collect();
        let all = entries::parse(&text, Path::new(PATH)).unwrap();
        if all.is_empty() || what == 0 {
            let new = edited(&text, &Edit::Add(&fresh())).unwrap();
            prop_assert!(new.starts_with(&text));
            return Ok(());
        }
        let at = pick.index(all.len());
        let old = &all[at];
        let before: String = made[..at].iter().map(|made| dos(&format!("{}{}", made.above, made.text))).collect::<String>()
            + &dos(&made[at].above);
        let after: String = made[at + 1..].iter().map(|made| dos(&format!("{}{}", made.above, made.text))).collect();
        if what == 1 {
            let new = edited(&text, &Edit::Remove(old)).unwrap();
            // Of two blank lines one may go.
            let eol = dos("\n");
            let expected = format!("{before}{after}");
            let shorter = match after.strip_prefix(&eol) {
                Some(after) => format!("{before}{after}"),
                None => before.strip_suffix(&eol).unwrap_or(&before).to_owned(),
            };
            prop_assert!(new == expected || (new == shorter && expected.len() - new.len() == eol.len()), "{new}");
            return Ok(());
        }
        let mut new = old.clone();
        match what {
            2 => new.description = Some(words.trim().to_owned()),
            3 => new.aws_mut().unwrap().region = if new.aws_mut().unwrap().region.is_some() { None } else { Some("eu-west-1".to_owned()) },
            4 => new.aws_mut().unwrap().base = Base::Environment,
            _ => {
                new.nickname = "renamed".to_owned();
                new.aws_mut().unwrap().role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/x").ok();
                new.aws_mut().unwrap().external_id = Some("a,b".to_owned());
            }
        }
        let result = edited(&text, &Edit::Replace { old, new: &new }).unwrap();
        prop_assert!(result.starts_with(&before), "{result}");
        prop_assert!(result.ends_with(&after), "{result}");
        let entry = result.get(before.len()..result.len() - after.len()).unwrap();
        if what != 3 {
            for comment in &made[at].comments {
                prop_assert!(entry.contains(comment.as_str()), "{entry}");
            }
        }
    }

    #[test]
    fn no_text_makes_an_edit_panic_or_write_something_wrong(text in "[ab:{}'\"#|> \n\r-]{0,40}") {
        // Whatever passes has been read back.
        edited(&text, &Edit::Add(&fresh())).ok();
        if let Ok(all) = entries::parse(&text, Path::new(PATH)) {
            for old in &all {
                edited(&text, &Edit::Remove(old)).ok();
            }
        }
        super::layout::layout(&text).ok();
    }
}

const SETS: &str = "\
org:   # all of ours
  type: aws_s3
  role_arn: arn:aws:iam::{account}:role/Backup
  members:
    # the first
    - { account: \"000000000001\", external_id: one }   # asked Ann

    - account: '000000000002'
      # nobody knows
      region: eu-west-1

    - external_id: three
      account: \"000000000003\"
# behind it
flow: { type: aws_s3, role_arn: \"arn:aws:iam::{account}:role/x\", members: [{ account: \"000000000001\" }, { account: \"000000000002\" }] }
";

fn member_of(text: &str, set: &str, account: &str) -> Connection {
    let first = connection(text, &format!("{set}/000000000001"));
    let own = crate::OwnValues {
        external_id: Some("flowrun-0123456789abcdef0123456789abcdef".to_owned()),
        description: Some("a: new one".to_owned()),
        ..crate::OwnValues::default()
    };
    let set = &first.member.unwrap().set;
    set.member(account, own, PATH).unwrap()
}

#[test]
fn members_of_sets_are_edited_where_they_stand() {
    let mut told = String::new();
    let mut tell = |what: &str, came: String| {
        told.push_str(&format!("== {what}\n{}\n", came.trim_end()));
    };
    let changed = |new: Result<String, String>| difference(SETS, &new.unwrap());
    for set in ["org", "flow"] {
        let new = member_of(SETS, set, "000000000004");
        tell(
            &format!("add to {set}"),
            changed(edited(SETS, &Edit::Add(&new))),
        );
        let twice = member_of(SETS, set, "000000000002");
        tell(
            &format!("add twice to {set}"),
            edited(SETS, &Edit::Add(&twice)).unwrap_err(),
        );
        for account in ["000000000001", "000000000002", "000000000003"] {
            let nickname = format!("{set}/{account}");
            if (set, account) == ("flow", "000000000003") {
                continue;
            }
            let given = replaced(SETS, &nickname, |member| {
                member.description = Some("x".to_owned());
                let aws = member.aws_mut().unwrap();
                aws.external_id = Some("four".to_owned());
                aws.region = Some("eu-north-1".to_owned());
            });
            tell(&format!("change {set} {account}"), changed(Ok(given)));
            let old = connection(SETS, &nickname);
            tell(
                &format!("remove {set} {account}"),
                changed(edited(SETS, &Edit::Remove(&old))),
            );
        }
        let all = entries::parse(SETS, Path::new(PATH)).unwrap();
        let all: Vec<&Connection> = all.iter().filter(|member| member.entry() == set).collect();
        let other = |name: &str, region: Option<&str>| {
            let was = &all[0].member.as_ref().unwrap().set;
            let set = Arc::new(ConnectionSet {
                name: name.to_owned(),
                description: Some("all: of them".to_owned()),
                common: AwsS3Definition {
                    region: region.map(str::to_owned),
                    ..was.common.clone()
                },
                ..ConnectionSet::clone(was)
            });
            let member = |old: &&Connection| {
                let aws = old.aws().unwrap();
                let own = OwnValues {
                    description: old.description.clone(),
                    external_id: aws.external_id.clone(),
                    region: aws
                        .region
                        .clone()
                        .filter(|_| aws.region != was.common.region),
                    ..OwnValues::default()
                };
                let account = &old.member.as_ref().unwrap().account;
                set.member(account, own, PATH).unwrap()
            };
            all.iter().map(member).collect::<Vec<_>>()
        };
        let replaced = |new: &[Connection]| edited(SETS, &Edit::ReplaceSet { old: &all, new });
        tell(
            &format!("{set} by no name"),
            replaced(&other("new name", None)).unwrap_err(),
        );
        tell(
            &format!("{set} renamed"),
            changed(replaced(&other("renamed", Some("eu-north-1")))),
        );
        tell(
            &format!("{set} without a region"),
            changed(replaced(&other(set, None))),
        );
        let taken = if set == "org" { "flow" } else { "org" };
        tell(
            &format!("{set} as {taken}"),
            replaced(&other(taken, None)).unwrap_err(),
        );
        tell(
            &format!("remove {set}"),
            changed(edited(SETS, &Edit::RemoveSet(&all))),
        );
    }
    let fresh = member_of(&SETS.replace("org:", "other:"), "other", "000000000009");
    tell("a new set", changed(edited(SETS, &Edit::Add(&fresh))));
    let other = member_of(&SETS.replace("Backup", "Other"), "org", "000000000009");
    tell("another set", edited(SETS, &Edit::Add(&other)).unwrap_err());
    let only = "s: { type: aws_s3, role_arn: \"arn:aws:iam::{account}:role/x\", members: [{ account: \"000000000001\" }] }\n";
    let last = connection(only, "s/000000000001");
    tell("the last", edited(only, &Edit::Remove(&last)).unwrap_err());
    let renamed = Connection {
        nickname: "x".to_owned(),
        ..last.clone()
    };
    tell(
        "renamed",
        edited(
            only,
            &Edit::Replace {
                old: &last,
                new: &renamed,
            },
        )
        .unwrap_err(),
    );
    insta::assert_snapshot!(told);
}
