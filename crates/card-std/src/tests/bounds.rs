use super::*;

const MAX: usize = 16 << 20;

fn text(length: usize) -> Value {
    "a".repeat(length).into()
}

#[test]
fn a_text_has_at_most_16_mib() {
    let too_long = Err(FunctionError::new("the text would be longer than 16 MiB"));
    let half = text(MAX / 2);
    for (name, fits, grows) in [
        ("text.upper", vec![text(MAX)], vec![text(MAX + 1)]),
        ("text.lower", vec![text(MAX)], vec![text(MAX + 1)]),
        (
            "text.replace",
            vec![text(MAX / 2), "a".into(), "bb".into()],
            vec![text(MAX / 2 + 1), "a".into(), "bb".into()],
        ),
        (
            "list.join",
            vec![
                [half.clone(), half.clone()].into_iter().collect(),
                "".into(),
            ],
            vec![[half.clone(), half].into_iter().collect(), "-".into()],
        ),
        ("json.stringify", vec![text(MAX - 2)], vec![text(MAX - 1)]),
        ("yaml.stringify", vec![text(MAX - 1)], vec![text(MAX)]),
    ] {
        let length = call_values(name, &fits).unwrap().as_str().unwrap().len();
        assert_eq!(length, MAX, "{name}");
        assert_eq!(call_values(name, &grows), too_long, "{name}");
    }
    // A small text cannot grow to gigabytes before it is measured.
    let grown = call_values("text.replace", &[text(1 << 20), "a".into(), text(1 << 20)]);
    assert_eq!(grown, too_long);
}

#[test]
fn a_text_becomes_at_most_a_million_values() {
    let list = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
    let most = call_values("json.parse", &[list(1_000_000).into()]).unwrap();
    assert_eq!(most.as_list().unwrap().len(), 999_999);
    let error = call_values("json.parse", &[list(1_000_001).into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text is no JSON to read: more than 1,000,000 values at line 1 column 1999999"
    );

    let pieces = |count: usize| Value::from(",".repeat(count - 1));
    let most = call_values("text.split", &[pieces(1_000_000), ",".into()]).unwrap();
    assert_eq!(most.as_list().unwrap().len(), 1_000_000);
    let error = call_values("text.split", &[pieces(1_000_001), ",".into()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text holds more than 1,000,000 values"
    );
}

#[test]
fn lists_nest_64_deep() {
    for name in ["json.parse", "yaml.parse"] {
        let nested = |depth: usize| Value::from("[".repeat(depth) + &"]".repeat(depth));
        call_values(name, &[nested(64)]).unwrap();
        let error = call_values(name, &[nested(65)]).unwrap_err().to_string();
        assert!(error.contains("nested more than 64 levels deep"), "{error}");
        // As fast as it is refused: the codec alone would take quadratic time over YAML.
        for deep in ["[", "[a: ", "- ", "{\"a\":"] {
            call_values(name, &[deep.repeat(200_000).into()]).unwrap_err();
        }
    }
}

#[test]
fn long_sources_are_refused() {
    for (name, length, expect) in [
        ("json.parse", MAX + 1, "the JSON text is longer than 16 MiB"),
        (
            "yaml.parse",
            (1 << 20) + 1,
            "the YAML text is longer than 1 MiB",
        ),
    ] {
        let error = call_values(name, &[text(length)]).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
    let pattern = text(1_025);
    for (name, value) in [("date.format", "2026-11-23"), ("date.parse", "x")] {
        let error = call_values(name, &[value.into(), pattern.clone()]).unwrap_err();
        assert_eq!(error.to_string(), "the pattern is longer than 1,024 bytes");
    }
}
