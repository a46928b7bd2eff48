//! Tests of recipients files.

use super::*;
use crate::sealed::identity::Identity;

fn parse(text: &str) -> Result<Recipients, String> {
    Recipients::parse(text.to_owned(), PathBuf::from("connections.recipients"))
        .map_err(|error| error.to_string())
}

fn recipient() -> Recipient {
    Identity::generate().recipient()
}

#[test]
fn recipients_come_and_go_and_the_rest_of_the_file_stays() {
    let (ann, bob, machine) = (recipient(), recipient(), recipient());
    let named = |list: &Recipients| {
        list.list()
            .iter()
            .map(|shared| (shared.recipient.clone(), shared.name.clone()))
            .collect::<Vec<_>>()
    };
    let empty = parse("").unwrap();
    let one = empty.with(&ann, Some("Ann of operations")).unwrap();
    let two = one.with(&machine, None).unwrap();
    assert_eq!(
        two.text(),
        format!("{HEADER}\n# Ann of operations\n{ann}\n\n{machine}\n")
    );
    assert_eq!(two.with(&machine, None).unwrap(), two);
    let named_late = two.with(&machine, Some("ci")).unwrap();
    assert_eq!(
        named_late.with(&ann, Some("Ann")).unwrap().text(),
        format!("{HEADER}\n# Ann\n{ann}\n\n# ci\n{machine}\n")
    );

    // As people write it: no end of the last line, other spaces, words of their own.
    let by_hand = format!("# team\r\n\r\n# Ann\r\n{ann}\r\n# Bob\r\n  {bob}  \r\n\r\n# end");
    let list = parse(&by_hand).unwrap();
    assert_eq!(
        named(&list),
        [
            (ann.clone(), Some("Ann".to_owned())),
            (bob.clone(), Some("Bob".to_owned()))
        ]
    );
    let more = list.with(&machine, Some("ci")).unwrap();
    assert_eq!(more.text(), format!("{by_hand}\n\n# ci\n{machine}\n"));
    for wanted in ["Ann", &ann.to_string()] {
        let (less, gone) = more.without(wanted).unwrap();
        assert_eq!((&gone.recipient, gone.name.as_deref()), (&ann, Some("Ann")));
        assert_eq!(
            less.text(),
            format!("# team\r\n# Bob\r\n  {bob}  \r\n\r\n# end\n\n# ci\n{machine}\n")
        );
    }
}

#[test]
fn files_that_leave_a_doubt_are_refused() {
    let ann = recipient();
    let secret = Identity::generate().text();
    let no_recipient = "this is no recipient, which looks like `age1` and 58 more letters and \
                        digits; whoever shall read prints theirs with `flowrun connections share me`";
    let many: String = (0..=MAX_RECIPIENTS)
        .map(|_| format!("{}\n", recipient()))
        .collect();
    for (text, expect) in [
        (
            format!("\n{ann}\n# x\n{ann}\n"),
            format!("4: the recipient {ann} stands twice"),
        ),
        (format!("{ann} ann\n"), format!("1: {no_recipient}")),
        (
            "ssh-ed25519 AAAA\n".to_owned(),
            format!("1: {no_recipient}"),
        ),
        (
            format!("# me\n{}\n", secret.expose()),
            "2: this is an age identity, the secret half: it has been shown, so make another; the \
             recipient, which may be shown, starts with `age1`"
                .to_owned(),
        ),
        (many, "101: there are more than 100 recipients".to_owned()),
    ] {
        let expect = format!("connections.recipients:{expect}");
        assert_eq!(parse(&text).unwrap_err(), expect);
    }
    let file = "connections.recipients";
    let other = recipient();
    let list = parse(&format!("# a\n{ann}\n# a\n{other}\n")).unwrap();
    let one = parse(&format!("# a\n{ann}\n")).unwrap();
    for (list, wanted, expect) in [
        (
            &list,
            "b",
            format!("{file}: `b` is neither a recipient nor the name of one"),
        ),
        (
            &list,
            "a",
            format!("{file}: 2 recipients have the name `a`; say which by its `age1…`"),
        ),
        (
            &one,
            "a",
            format!(
                "{file}: `{ann}` is the only recipient, and without one nobody could read; add another \
             first"
            ),
        ),
    ] {
        assert_eq!(list.without(wanted).unwrap_err().to_string(), expect);
    }
    for name in ["", " x", "a\nb", &"x".repeat(101)] {
        assert_eq!(
            one.with(&other, Some(name)).unwrap_err().to_string(),
            "the name of a recipient has 1 to 100 characters on one line"
        );
    }
}

#[test]
fn a_recipients_file_is_read_up_to_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let connection_file = folder.path().join("connections.yaml");
    assert_eq!(Recipients::beside(&connection_file).unwrap().list(), []);
    let path = folder.path().join(RECIPIENTS_FILE);
    fs::write(&path, "#".repeat(64 * 1024)).unwrap();
    Recipients::beside(&connection_file).unwrap();
    fs::write(&path, "#".repeat(64 * 1024 + 1)).unwrap();
    assert_eq!(
        Recipients::beside(&connection_file)
            .unwrap_err()
            .to_string(),
        format!("{}: the file has more than 65536 bytes", path.display())
    );
}

#[test]
fn the_connection_files_of_a_folder_are_covered() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "connections.yaml",
        "connections.prod.yaml",
        "connections.a.b.yaml",
        "connections..yaml",
        "connections.yml",
        "other.yaml",
        ".connections.yaml.new",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("other.yaml", folder.path().join("connections.link.yaml")).unwrap();
    fs::create_dir(folder.path().join("connections.folder.yaml")).unwrap();
    let recipients = folder.path().join(RECIPIENTS_FILE);
    let names: Vec<_> = covered(&recipients, 3)
        .unwrap()
        .into_iter()
        .map(|path| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "connections.a.b.yaml",
            "connections.prod.yaml",
            "connections.yaml"
        ]
    );
    assert_eq!(
        covered(&recipients, 2).unwrap_err().to_string(),
        format!(
            "{}: there are more than 2 connection files here",
            folder.path().display()
        )
    );
}
