use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{conform::parse_duration, conform::parse_size, *};
use crate::Value;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is read")]
struct Input {
    /// Bucket name.
    #[schemars(length(min = 3, max = 63))]
    bucket: String,
    size: Option<u64>,
    #[serde(default)]
    tags: Vec<Tag>,
    mode: Option<Mode>,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
    flag: Option<bool>,
    any: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is read")]
struct Tag {
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Mode {
    /// Some may lift it.
    Governance,
    /// Nobody may lift it.
    Compliance,
}

fn input() -> Type {
    Type::of::<Input>(true).unwrap().0
}

#[track_caller]
fn check(json: &str, expect: Result<&str, &[&str]>) {
    let value: Value = serde_json::from_str(json).unwrap();
    let result = input().conform(value);
    match (result, expect) {
        (Ok(value), Ok(expect)) => assert_eq!(value.to_string(), expect),
        (Err(mismatches), Err(expect)) => {
            let found: Vec<String> = mismatches
                .iter()
                .map(|mismatch| format!("{}: {}", mismatch.location(), mismatch.message))
                .collect();
            assert_eq!(found, expect);
        }
        (result, _) => panic!("unexpected: {result:?}"),
    }
}

#[test]
fn values_are_fitted_or_refused() {
    check(
        r#"{"bucket":12345,"size":null,"flag":true}"#,
        Ok(r#"{"bucket":"12345","flag":true}"#),
    );
    check(
        r#"{"bucket":"ab","size":"1","tags":[{"name":"a"},{"nam":"b"}],"flag":"yes"}"#,
        Err(&[
            "bucket: 2 characters, the number is not between 3 and 63",
            "size: expected an integer, found a string",
            "tags[1].nam: there is no such field",
            "tags[1].name: missing",
            "flag: expected a boolean, found a string",
        ]),
    );
    check(
        r#"{"bucket":"abc","mode":"COMPLIANCE","size":-1}"#,
        Err(&["size: -1 is not at least 0"]),
    );
    check(
        r#"{"bucket":"abc","mode":"soft"}"#,
        Err(&["mode: expected one of `GOVERNANCE`, `COMPLIANCE`, found `soft`"]),
    );
    check(r#"[]"#, Err(&[": expected an object, found a list"]));
}

#[test]
fn fields_are_found_through_lists_and_maps() {
    let input = input();
    let field = |path: &[&str]| {
        path.iter().try_fold(input.clone(), |ty, part| match *part {
            "[]" => ty.items(),
            name => ty.field(name),
        })
    };
    assert_eq!(field(&["bucket"]).unwrap().to_string(), "a string");
    assert!(field(&["size"]).unwrap().nullable);
    assert_eq!(
        field(&["tags", "[]", "name"]).unwrap().to_string(),
        "a string"
    );
    assert_eq!(field(&["tags", "[]", "nope"]), None);
    assert_eq!(
        field(&["metadata", "anything"]).unwrap().to_string(),
        "a string"
    );
    assert_eq!(field(&["any", "x", "y"]), Some(Type::ANY));
    assert_eq!(field(&["nope"]), None);
}

#[test]
fn types_accept_what_some_value_of_theirs_fits() {
    let fits = |slot: &Type, from: &Type| slot.accepts(from);
    assert!(fits(&Type::string(), &Type::integer()));
    assert!(!fits(&Type::integer(), &Type::string()));
    assert!(fits(&Type::number(), &Type::integer()));
    assert!(!fits(&Type::integer(), &Type::number()));
    assert!(fits(&Type::list(Type::ANY), &Type::list(Type::string())));
    assert!(!fits(
        &Type::list(Type::integer()),
        &Type::list(Type::string())
    ));
    assert!(fits(&Type::ANY, &Type::new(TypeKind::File)));
    assert!(fits(&Type::string(), &Type::ANY));
}

#[test]
fn a_type_that_refers_to_itself_is_refused() {
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Node {
        next: Option<Box<Node>>,
    }
    let error = Type::of::<Node>(true).unwrap_err();
    assert_eq!(error.to_string(), "next: the type refers to itself");
}

#[test]
fn durations() {
    let ms = |text| parse_duration(text).map(|duration| duration.as_millis());
    assert_eq!(ms("500ms"), Some(500));
    assert_eq!(ms("30s"), Some(30_000));
    assert_eq!(ms("1h30m"), Some(5_400_000));
    assert_eq!(ms("2d"), Some(172_800_000));
    assert_eq!(ms("1w"), Some(604_800_000));
    for wrong in [
        "",
        "5",
        "s",
        "5x",
        "30m1h",
        "1s1s",
        "-1s",
        "1.5h",
        "1 h",
        "99999999999999999999s",
    ] {
        assert_eq!(parse_duration(wrong), None::<Duration>, "{wrong}");
    }
}

#[test]
fn sizes() {
    assert_eq!(parse_size("512"), Some(512));
    assert_eq!(parse_size("64MiB"), Some(64 << 20));
    assert_eq!(parse_size("5GB"), Some(5_000_000_000));
    for wrong in ["", "MiB", "5XB", "1.5MB", "-1", "99999999999TiB"] {
        assert_eq!(parse_size(wrong), None, "{wrong}");
    }
}
