use std::io::Write as _;

use base64::{
    Engine as _,
    engine::{
        DecodePaddingMode,
        general_purpose::{self as standard, GeneralPurpose, GeneralPurposeConfig},
    },
};
use proptest::prelude::*;
use standard::STANDARD as BASE64;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::default();
    for secret in secrets {
        assert!(redactor.add(&Secret::new(*secret)), "{secret}");
    }
    redactor
}

#[track_caller]
fn check(secret: &str, text: &str, expect: &str) {
    assert_eq!(redactor(&[secret]).data(text), expect);
}

#[test]
fn a_secret_goes_in_every_form() {
    let secret = "a/b+c \"d'<é>&";
    for form in [
        secret,
        "a%2Fb%2Bc%20%22d%27%3C%C3%A9%3E%26",
        "a%2fb%2bc+%22d%27%3c%c3%a9%3e%26",
        r#"a\/b+c \"d'<é>&"#,
        r#"a/b+c \"d'<\u00e9>&"#,
        "a/b+c &quot;d&#39;&lt;é&gt;&amp;",
        r#"a/b+c "d'\''<é>&"#,
    ] {
        check(secret, &format!("x={form};"), "x=***;");
    }
    check("k3y-k3y", "6b33792D6b3379", "6b33792D6b3379");
    check("k3y-k3y", "6b33792d6b3379 6B33792D6B3379", "*** ***");
}

#[test]
fn a_secret_under_layers_of_escapes_goes() {
    let xml = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let json = |text: &str| serde_json::to_string(text).unwrap();
    for secret in ["a/b+c \"d'<é>&", "p%41ss&lt;w\\x41rd\"", "plain-secret"] {
        let redactor = redactor(&[secret]);
        for text in [
            json(&json(secret)),
            json(&xml(&json(secret))),
            format!("{:?}", xml(&xml(&json(secret)))),
            format!("{:?}", json(&BASE64.encode(format!("ab{secret}ab")))),
        ] {
            let text = format!("<a>{text}</a>");
            let masked = redactor.data(&text);
            assert!(masked.contains(MASK), "{text} {masked}");
            let left = masked.trim_matches(|c: char| "<a>/\"\\&quot;amp".contains(c));
            assert!(left.len() <= MASK.len() + 12, "{text} {masked}");
        }
    }
    let redactor = redactor(&["some \"secret\""]);
    let text = r#"{"a":"<x>&amp;\\n %41 some \\\"secret\\\" \u0041 </x>"}"#;
    let expect = r#"{"a":"<x>&amp;\\n %41 *** \u0041 </x>"}"#;
    assert_eq!(redactor.data(text), expect);
}

#[test]
fn the_parts_of_a_secret_go_too() {
    check("first-line\nx\nsecond-line\n", "got second-line", "got ***");
    check(
        r#"{"user":"me","password":"pa55-w0rd"}"#,
        "pa55-w0rd",
        "***",
    );
    check("  padded-secret\n", "[padded-secret]", "[***]");
    check("\"quoted-secret\"", "[quoted-secret]", "[***]");
    // A key in base64 is sent as its bytes, and shown in hexadecimal.
    check(
        "AAECAwQFBgcICQoLDA0ODw==",
        "000102030405060708090a0b0c0d0e0f",
        "***",
    );
}

#[test]
fn bounds() {
    let redactor = Redactor::default();
    assert!(!redactor.add(&Secret::new("12345")));
    assert!(!redactor.add(&Secret::new("  12345 \n")));
    assert!(redactor.add(&Secret::new("123456")));
    assert_eq!(redactor.data("12345 123456"), "12345 ***");
    let passing = |at: usize| Secret::new(format!("passing-{at:04}-secret"));
    for at in 0..=MAX_PASSING {
        redactor.add_passing(&passing(at));
    }
    // The first went, and leaves the others alone.
    let text = "123456 passing-0000-secret passing-0001-secret";
    assert_eq!(redactor.data(text), "*** passing-0000-secret ***");
    for at in 0..MAX_LASTING {
        redactor.add(&Secret::new(format!("lasting-{at:04}-secret")));
    }
    let text = "123456 lasting-0000-secret passing-0001-secret";
    assert_eq!(redactor.data(text), "123456 *** ***");
    let known = redactor.known.read().unwrap();
    assert_eq!(known.lasting.len(), MAX_LASTING);
    assert_eq!(known.passing.len(), MAX_PASSING);
}

#[test]
fn long_secrets_with_the_same_start_are_told_apart() {
    let start = "the-same-start-of-more-than-24-bytes-";
    let [one, two] = [1, 2].map(|number| format!("{start}{number}"));
    let redactor = redactor(&[&one, &two]);
    let text = format!("{start}3 {one} {two}");
    assert_eq!(redactor.data(&text), format!("{start}3 *** ***"));
    assert_eq!(
        streamed(&redactor, &text, &[7]),
        format!("{start}3 *** ***")
    );
}

#[test]
fn data_keeps_what_only_looks_like_a_credential() {
    let redactor = redactor(&["some-secret"]);
    let text = "AKIAIOSFODNN7EXAMPLE some-secret";
    assert_eq!(redactor.data(text), "AKIAIOSFODNN7EXAMPLE ***");
    assert_eq!(redactor.text(text), "*** ***");
    assert_eq!(format!("{redactor:?}"), "Redactor");
}

#[test]
fn secrets_that_overlap_go_whole() {
    let redactor = redactor(&["abcdefgh", "efghijkl", "cdefgh"]);
    assert_eq!(redactor.data("<abcdefghijkl>"), "<***>");
    assert_eq!(redactor.data("abcdefghabcdefgh"), "******");
}

#[test]
fn the_start_of_a_secret_goes_before_a_cut() {
    let secret = "the-secret-of-many-words";
    for (text, expect) in [
        ("<the-s…>", "<the-s…>"),
        ("<the-se…>", "<***…>"),
        ("<the-secret-of-many-word…>", "<***…>"),
        ("<the-secret-of-many-words…>", "<***…>"),
        ("<the-secret…the-secret…>", "<***…***…>"),
        ("<the-secret>", "<the-secret>"),
        ("<the-secret-.…>", "<the-secret-.…>"),
    ] {
        check(secret, text, expect);
    }
    // Longer than the start that is looked for, and with what one shares it.
    let [one, two] = ["one", "two"].map(|end| format!("{secret}-and-many-more-{end}"));
    let redactor = redactor(&[&one, &two]);
    for (text, expect) in [
        (format!("<{secret}-and-…>"), "<***…>"),
        (format!("<{secret}-and-many-more-t…>"), "<***…>"),
        (
            format!("<{secret}-and-many-more-x…>"),
            "<the-secret-of-many-words-and-many-more-x…>",
        ),
    ] {
        assert_eq!(redactor.data(&text), expect);
        assert_eq!(streamed(&redactor, &text, &[5]), expect);
    }
}

/// Wherever a text is cut, nothing of a secret is left that is worth something.
#[test]
fn no_part_of_a_secret_passes_where_a_text_is_cut() {
    let secret = "c4n-a/r\"y<of&some'length+that=goes/on";
    let redactor = redactor(&[secret]);
    for (name, encode) in ENCODERS {
        for before in ["", "a", "ab"] {
            let text = encode(&format!("{before}{secret}"));
            for most in 0..text.chars().count() {
                let shown = shorten(&text, most);
                let masked = redactor.data(&shown);
                // Of base64 up to three letters depend on what stands before, and five are too few.
                let left = masked.trim_end_matches('…').replace(MASK, "");
                assert!(left.len() < 12, "{name} {most} {shown} {masked}");
                assert_eq!(streamed(&redactor, &shown, &[3]), masked);
            }
        }
    }
}

type Encoder = fn(&str) -> String;

/// What a program may do to a text before it shows it.
const ENCODERS: [(&str, Encoder); 9] = [
    ("plain", str::to_owned),
    ("base64", |text| standard::STANDARD.encode(text)),
    ("base64, url-safe", |text| {
        standard::URL_SAFE_NO_PAD.encode(text)
    }),
    ("hex", |text| {
        text.bytes().map(|byte| format!("{byte:02x}")).collect()
    }),
    ("HEX", |text| {
        text.bytes().map(|byte| format!("{byte:02X}")).collect()
    }),
    ("percent", |text| {
        let kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes()
            .map(|byte| match kept(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect()
    }),
    ("json", |text| serde_json::to_string(text).unwrap()),
    ("xml", |text| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    }),
    ("debug", |text| format!("{text:?}")),
];

/// Through a writer, in pieces of these lengths.
fn streamed(redactor: &Redactor, text: &str, pieces: &[usize]) -> String {
    let mut out = Vec::new();
    let mut writer = Redacting::new(redactor.clone(), &mut out);
    let mut rest = text.as_bytes();
    for length in pieces.iter().cycle() {
        let (piece, after) = rest.split_at((*length).min(rest.len()));
        writer.write_all(piece).unwrap();
        writer.flush().unwrap();
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    drop(writer);
    String::from_utf8_lossy(&out).into_owned()
}

const LOOSE: [GeneralPurpose; 2] = {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    [
        GeneralPurpose::new(&base64::alphabet::STANDARD, config),
        GeneralPurpose::new(&base64::alphabet::URL_SAFE, config),
    ]
};

/// The secret as a search finds it: any encoding of it, wherever it starts.
fn is_in(text: &str, secret: &str) -> bool {
    let encoded = ENCODERS.iter().any(|(name, encode)| {
        let encoded = encode(secret);
        let encoded = match *name {
            "json" | "debug" => encoded.get(1..encoded.len() - 1).unwrap(),
            _ => encoded.trim_end_matches('='),
        };
        text.contains(encoded)
    });
    let decoded = |text: &str| {
        (0..4).any(|from| {
            let odd = usize::from(text.len() % 4 == (from + 1) % 4);
            let length = text.len().saturating_sub(odd);
            let Some(text) = text.get(from..length) else {
                return false;
            };
            LOOSE
                .iter()
                .filter_map(|base64| base64.decode(text).ok())
                .any(|bytes| {
                    bytes
                        .windows(secret.len())
                        .any(|part| part == secret.as_bytes())
                })
        })
    };
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/-_".contains(c)));
    encoded || words.map(|word| word.trim_end_matches('=')).any(decoded)
}

#[test]
fn the_search_finds_what_is_not_taken_out() {
    let secret = "c4n-a/r\"y";
    for (name, encode) in ENCODERS {
        for before in ["", "a", "ab"] {
            let text = encode(&format!("{before}{secret}"));
            assert!(is_in(&text, secret), "{name} {text}");
            assert!(
                !is_in(&redactor(&[secret]).data(&text), secret),
                "{name} {text}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No encoding of a secret passes, however the text is cut, and the cut changes nothing.
    #[test]
    fn no_secret_passes(
        secret in "[ -)+-~éß]{6,40}".prop_filter("blank", |secret| secret.trim().len() >= MIN_SECRET),
        encoder in 0..ENCODERS.len(),
        (before, after) in ("[ -~]{0,9}", "[ -~]{0,9}"),
        (left, right) in ("\\PC{0,60}", "\\PC{0,60}"),
        pieces in prop::collection::vec(1_usize..70, 1..8),
    ) {
        let redactor = redactor(&[&secret]);
        let (_, encode) = ENCODERS[encoder];
        let text = format!("{left}{}{right}", encode(&format!("{before}{secret}{after}")));
        let masked = redactor.data(&text);
        prop_assert!(masked.contains(MASK), "{}", masked);
        prop_assert!(!is_in(&masked, &secret), "{}", masked);
        let flat = mask(&text, redactor.finder().unwrap().ranges(text.as_bytes()));
        prop_assert!(!is_in(&flat, &secret), "{}", flat);
        prop_assert_eq!(streamed(&redactor, &text, &pieces), flat);
    }

    /// A text without a secret stays as it is.
    #[test]
    fn everything_else_passes(
        text in "[a-y0-9 .,;:/+=%&<>\"'\\\\-]{0,200}",
        pieces in prop::collection::vec(1_usize..70, 1..8),
    ) {
        let redactor = redactor(&["zzzZzz-Zzz", "Z\nZZZZZZZZZ"]);
        prop_assert_eq!(redactor.data(&text), &*text);
        prop_assert_eq!(streamed(&redactor, &text, &pieces), text);
    }
}
