//! Tests of sealed texts: every byte of them counts, and so does their place.

use age::secrecy::ExposeSecret as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flowrun_card::Secret;
use proptest::prelude::*;

use super::*;

const PLACE: Place<'static> = Place {
    file: "connections.yaml",
    connection: "a",
    field: "auth.token",
    destination: "https://api.example.com",
};

fn sealed(secret: &str, identities: &[&Identity]) -> String {
    let recipients: Vec<Recipient> = identities.iter().map(|one| one.recipient()).collect();
    let recipients: Vec<&Recipient> = recipients.iter().collect();
    seal(&Secret::new(secret), &PLACE, &recipients).unwrap()
}

fn message(sealed: &str, place: &Place<'_>, identity: &Identity) -> String {
    open(sealed, place, std::slice::from_ref(identity))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_secret_is_opened_in_its_place_and_nowhere_else() {
    let (ours, other) = (Identity::generate(), Identity::generate());
    let text = sealed("canary", &[&other, &ours]);
    assert!(!text.contains('\n'));
    for identity in [&ours, &other] {
        let secret = open(&text, &PLACE, std::slice::from_ref(identity)).unwrap();
        assert_eq!(secret.expose(), "canary");
    }

    let anew = "if the change is meant, seal the secret anew with `flowrun connections seal";
    let moved = |file: &str, connection: &str, field: &str| {
        format!(
            "the sealed text of `{field}` of the connection `{connection}` in {file} was sealed \
             for `auth.token` of `a` in connections.yaml, and is opened nowhere else; {anew} \
             {connection} {field}`"
        )
    };
    for (place, expect) in [
        (
            Place {
                connection: "b",
                ..PLACE
            },
            moved("connections.yaml", "b", "auth.token"),
        ),
        (
            Place {
                field: "auth.other",
                ..PLACE
            },
            moved("connections.yaml", "a", "auth.other"),
        ),
        (
            Place {
                file: "connections.prod.yaml",
                ..PLACE
            },
            moved("connections.prod.yaml", "a", "auth.token"),
        ),
        (
            Place {
                destination: "https://evil.example.com",
                ..PLACE
            },
            format!(
                "`auth.token` of the connection `a` was sealed for https://api.example.com, and \
                 the connection leads to https://evil.example.com; {anew} a auth.token`"
            ),
        ),
    ] {
        assert_eq!(message(&text, &place, &ours), expect);
    }

    // The destination alone may differ, where it is sealed again for the one it had.
    let elsewhere = Place {
        destination: "",
        ..PLACE
    };
    let (secret, destination) =
        open_to_reseal(&text, &elsewhere, std::slice::from_ref(&ours)).unwrap();
    assert_eq!(
        (secret.expose(), destination.as_str()),
        ("canary", PLACE.destination)
    );
    let moved_too = Place {
        connection: "b",
        ..PLACE
    };
    open_to_reseal(&text, &moved_too, std::slice::from_ref(&ours)).unwrap_err();
}

#[test]
fn who_is_no_recipient_is_told_whom_to_ask() {
    let (ours, other) = (Identity::generate(), Identity::generate());
    let recipient = ours.recipient();
    assert_eq!(
        message(&sealed("canary", &[&other]), &PLACE, &ours),
        format!(
            "`auth.token` of the connection `a` is not sealed for {recipient}; somebody who can \
             read it gives it to you with `flowrun connections share add {recipient}`"
        )
    );
}

#[test]
fn no_byte_of_a_sealed_text_can_be_changed() {
    let ours = Identity::generate();
    let text = sealed("canary", &[&ours]);
    // In base64 and below it.
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 7);
        let changed = String::from_utf8(bytes).unwrap();
        open(&changed, &PLACE, std::slice::from_ref(&ours)).unwrap_err();
    }
    let bytes = BASE64_STANDARD.decode(&text).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let changed = BASE64_STANDARD.encode(changed);
        open(&changed, &PLACE, std::slice::from_ref(&ours)).unwrap_err();
        let short = BASE64_STANDARD.encode(&bytes[..at]);
        open(&short, &PLACE, std::slice::from_ref(&ours)).unwrap_err();
    }
    assert_eq!(
        message("AAAA", &PLACE, &ours),
        "the sealed text of `auth.token` of the connection `a` is damaged: it is not what sealing \
         gave; take it from an older version of the file, or seal the secret anew with `flowrun \
         connections seal a auth.token`"
    );
    let long = "A".repeat(MAX_SEALED_BYTES + 1);
    assert!(message(&long, &PLACE, &ours).contains("it has more than 262144 bytes"));
}

#[test]
fn what_age_sealed_and_flowrun_did_not_is_refused() {
    let ours = Identity::generate();
    let of = |plain: &str| {
        let bytes = age::encrypt(ours.recipient().key(), plain.as_bytes()).unwrap();
        message(&BASE64_STANDARD.encode(bytes), &PLACE, &ours)
    };
    let header = String::from_utf8(line(&PLACE.header())).unwrap();
    let long = "x".repeat(MAX_SECRET_BYTES + 1);
    for (plain, expect) in [
        ("", "it was not sealed by flowrun"),
        ("canary", "it was not sealed by flowrun"),
        ("canary\ncanary", "it was not sealed by flowrun"),
        (
            &header.replace(":1,", ":2,"),
            "its version is 2, and this flowrun knows version 1",
        ),
        (&header, "what it holds is no secret"),
        (&format!("{header}{long}"), "what it holds is no secret"),
    ] {
        let message = of(plain);
        assert!(
            message.contains(&format!("is damaged: {expect};")) && !message.contains("canary"),
            "{message}"
        );
    }
    // Whoever writes a header does not write on the terminal.
    let evil = header.replace("\"a\"", "\"\\u001b[2J\"");
    let message = of(&format!("{evil}canary"));
    assert!(message.contains(r"`\u{1b}[2J`"), "{message}");
}

#[test]
fn secrets_have_their_bounds() {
    let ours = Identity::generate();
    let recipients: Vec<Recipient> = (0..super::super::MAX_RECIPIENTS)
        .map(|_| ours.recipient())
        .collect();
    let recipients: Vec<&Recipient> = recipients.iter().collect();
    let of = |length: usize| seal(&Secret::new("x".repeat(length)), &PLACE, &recipients);
    // The longest for the most can be opened again.
    let text = of(MAX_SECRET_BYTES).unwrap();
    open(&text, &PLACE, std::slice::from_ref(&ours)).unwrap();
    for length in [0, MAX_SECRET_BYTES + 1] {
        assert_eq!(
            of(length).unwrap_err().to_string(),
            format!("a secret has 1 to 65536 bytes, and this one has {length}")
        );
    }
}

#[test]
fn nothing_shows_an_identity() {
    let ours = Identity::generate();
    let shown = format!("{ours:?} {:?}", Secret::new("canary"));
    let secret = ours.key().to_string();
    assert!(
        !shown.contains(secret.expose_secret().get(15..).unwrap()),
        "{shown}"
    );
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Two places give one header only where they are one.
    #[test]
    fn headers_tell_places_apart(
        left in ["[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}"],
        right in ["[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}", "[ab\",:\n]{0,3}"],
    ) {
        let place = |parts: &[String; 4]| {
            let [file, connection, field, destination] = parts;
            line(&Place { file, connection, field, destination }.header())
        };
        prop_assert_eq!(place(&left) == place(&right), left == right);
        prop_assert_eq!(place(&left).iter().filter(|byte| **byte == b'\n').count(), 1);
    }
}
