use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1.0e12_f64..1.0e12).prop_map(Value::Number),
        ".{0,12}".prop_map(Value::from),
        (any::<u64>()).prop_map(|size| Value::File(FileRef::new("/tmp/a", size, None))),
        "[a-z]{1,8}".prop_map(|name| Value::Connection(ConnectionRef::new("aws_s3", name))),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from_iter),
            prop::collection::vec(("[a-z]{1,6}", inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Holder {
    number: i32,
    list: Vec<Value>,
    maybe: Option<Value>,
    any: Value,
}

proptest! {
    #[test]
    fn a_value_passes_through_a_struct_unchanged(
        number: i32,
        list in prop::collection::vec(values(), 0..4),
        any in values(),
    ) {
        let holder = Holder { number, list, maybe: None, any };
        let value = to_value(&holder).unwrap();
        prop_assert_eq!(from_value::<Holder>(value).unwrap(), holder);
    }

    #[test]
    fn a_value_is_its_own_serde_image(value in values()) {
        prop_assert_eq!(&to_value(&value).unwrap(), &value);
        prop_assert_eq!(&from_value::<Value>(value.clone()).unwrap(), &value);
    }

    #[test]
    fn integers_are_canonical_and_exact(integer: i128) {
        match Integer::from_i128(integer) {
            Some(exact) => prop_assert_eq!(exact.as_i128(), integer),
            None => prop_assert!(
                integer < i128::from(i64::MIN) || integer > i128::from(u64::MAX)
            ),
        }
    }
}

#[test]
fn plain_json_reads_and_writes() {
    let text = r#"{"a":[1,-2,18446744073709551615,1.5,"x",true,null],"b":{}}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    assert_eq!(value.to_string(), text);
}

#[test]
fn data_that_looks_like_a_reference_is_data() {
    let data: Value = serde_json::from_str(r#"{"path":"/etc/passwd","size":1}"#).unwrap();
    let error = from_value::<FileRef>(data).unwrap_err();
    assert_eq!(error.to_string(), "expected a file, found an object");
}

#[test]
fn a_wrong_field_is_named_by_its_path() {
    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        inner: Vec<Inner>,
    }
    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        size: u64,
    }
    let value: Value = serde_json::from_str(r#"{"inner":[{"size":1},{"size":"x"}]}"#).unwrap();
    let error = from_value::<Outer>(value).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`inner[1].size`: invalid type: string \"x\", expected u64"
    );
}

#[test]
fn numbers_that_a_flow_cannot_hold_are_refused() {
    assert!(to_value(&f64::NAN).is_err());
    assert!(to_value(&f64::INFINITY).is_err());
    assert!(to_value(&(i128::from(u64::MAX) + 1)).is_err());
    assert_eq!(
        to_value(&u64::MAX).unwrap().to_string(),
        "18446744073709551615"
    );
}

#[test]
fn a_secret_never_shows() {
    let secret = crate::Secret::new("hunter2");
    assert!(!format!("{secret:?}").contains("hunter2"));
}

#[test]
fn nothing_of_a_text_is_lost_silently() {
    let range = "is no integer between -9223372036854775808 and 18446744073709551615; write it in \
                 quotes to keep its digits";
    let no = "the text is no JSON to read:";
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let long = "9".repeat(300);
    for (text, expect) in [
        ("[]", Ok(())),
        (r#"{"a":{"b":1e30},"b":"99999999999999999999"}"#, Ok(())),
        (&nested(64), Ok(())),
        (
            &nested(65),
            Err(format!(
                "{no} nested more than 64 levels deep at line 1 column 66"
            )),
        ),
        (
            r#"{"a":{"b":1,"b":2}}"#,
            Err(format!(
                "{no} the key `b` stands twice in one object at line 1 column 15"
            )),
        ),
        (
            "[1",
            Err(format!("{no} EOF while parsing a list at line 1 column 2")),
        ),
        (
            r#"["\"",18446744073709551616]"#,
            Err(format!("18446744073709551616 {range}")),
        ),
        (
            "-9223372036854775809",
            Err(format!("-9223372036854775809 {range}")),
        ),
        (&long, Err(format!("{}… {range}", "9".repeat(80)))),
    ] {
        let read = Value::from_json(text);
        let expect_value = expect.is_ok().then(|| serde_json::from_str(text).unwrap());
        assert_eq!(read.as_ref().ok(), expect_value.as_ref(), "{text}");
        assert_eq!(read.map(drop).map_err(|error| error.to_string()), expect);
    }
    // Through serde, whatever the format: a key twice.
    let error = serde_json::from_str::<Value>(r#"[{"a":1,"a":2}]"#).unwrap_err();
    assert!(error.to_string().contains("`a` stands twice"), "{error}");
}
