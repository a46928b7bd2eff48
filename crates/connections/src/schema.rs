//! The JSON Schema of connection files, for editors: made from the declarations of the kinds, by
//! which the files are read.

use flowrun_card::ConnectionKind as _;
use serde_json::{Map, Value as Json, json};

use crate::{
    AwsS3, AwsS3Definition, MAX_MEMBERS,
    file::{
        entries::NICKNAME,
        members::{MEMBER_KEYS, MEMBERS, OWN_KEYS},
    },
    kind::{Form, KINDS, KeySpec, Kind as _, KindSpec, Pattern},
    set::ROLE_OF_A_SET,
};

/// The JSON Schema (draft 2020-12) of a connection file. It knows keys and what their values look
/// like; what concerns more than one key is known to whatever reads the file alone.
pub fn file_schema() -> Json {
    let names = KINDS.map(|kind| json!({ "const": kind.name, "description": kind.about }));
    let of_kind = KINDS.map(|kind| {
        json!({
            "if": { "required": ["type"], "properties": { "type": { "const": kind.name } } },
            "then": { "$ref": format!("#/$defs/{}", kind.name) },
        })
    });
    let mut definitions = Map::new();
    for kind in KINDS {
        definitions.insert(kind.name.to_owned(), of_connection(kind));
    }
    definitions.insert("set".to_owned(), of_set());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "flowrun connections",
        "description": "What the connections that flows name are, by nickname.",
        "type": ["object", "null"],
        "propertyNames": text(&NICKNAME),
        "additionalProperties": {
            "type": "object",
            "required": ["type"],
            "properties": { "type": { "oneOf": names } },
            "if": { "required": [MEMBERS] },
            "then": { "$ref": "#/$defs/set" },
            "else": { "allOf": of_kind },
        },
        "$defs": definitions,
    })
}

/// A connection of a kind.
fn of_connection(kind: &KindSpec) -> Json {
    let mut schema = of_keys(kind.keys.iter());
    add_common(&mut schema, kind);
    schema
}

/// A set, which has all keys but those that are the members' own.
fn of_set() -> Json {
    let kind = &AwsS3Definition::SPEC;
    let common = kind.keys.iter().filter(|key| !OWN_KEYS.contains(&key.name));
    let mut schema = of_keys(common);
    add_common(&mut schema, kind);
    set(
        &mut schema,
        "description",
        json!("The same role in many accounts."),
    );
    set(
        &mut schema,
        "required",
        json!(["type", "role_arn", MEMBERS]),
    );
    if let Some(properties) = schema.get_mut("properties") {
        set(properties, "type", json!({ "const": AwsS3::NAME }));
        let role = Form::Text(ROLE_OF_A_SET);
        set(
            properties,
            "role_arn",
            described(&role, "the role of each member, with `{account}`"),
        );
        let members = json!({
            "description": "Each account, with what is its own.",
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_MEMBERS,
            "items": of_keys(MEMBER_KEYS.iter()),
        });
        set(properties, MEMBERS, members);
    }
    schema
}

/// Adds the keys of all kinds.
fn add_common(schema: &mut Json, kind: &KindSpec) {
    if let Some(properties) = schema.get_mut("properties") {
        set(properties, "type", json!({ "const": kind.name }));
        set(
            properties,
            "description",
            described(&Form::Prose, "what it is for"),
        );
    }
}

/// A map of these keys and no others.
fn of_keys<'a>(keys: impl Iterator<Item = &'a KeySpec>) -> Json {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for key in keys {
        properties.insert(key.name.to_owned(), described(&key.form, key.help));
        if key.is_required {
            required.push(key.name);
        }
    }
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn described(form: &Form, help: &str) -> Json {
    let mut schema = of_form(form);
    set(&mut schema, "description", json!(help));
    schema
}

/// As deep as forms are declared.
fn of_form(form: &Form) -> Json {
    match form {
        Form::Text(pattern) => text(pattern),
        Form::Scalar(pattern) => scalar(pattern),
        Form::Prose => json!({ "type": ["string", "number", "boolean", "null"] }),
        Form::Word(words) => json!({ "enum": words }),
        Form::Switch => json!({ "type": "boolean" }),
        Form::Map(keys) => of_keys(keys.iter()),
        Form::OneKey(keys) => {
            let mut schema = of_keys(keys.iter());
            set(&mut schema, "required", json!([]));
            set(&mut schema, "minProperties", json!(1));
            set(&mut schema, "maxProperties", json!(1));
            schema
        }
        Form::Entries { key, value, most } => json!({
            "type": "object",
            "propertyNames": text(key),
            "additionalProperties": scalar(value),
            "maxProperties": most,
        }),
        Form::List { item, most } => json!({
            "type": "array",
            "items": text(item),
            "maxItems": most,
        }),
        Form::Either(forms) => {
            let forms: Vec<Json> = forms.iter().map(of_form).collect();
            json!({ "anyOf": forms })
        }
    }
}

/// A text as files may write it: the pattern says nothing of numbers and booleans.
fn scalar(pattern: &Pattern) -> Json {
    let mut schema = text(pattern);
    set(&mut schema, "type", json!(["string", "number", "boolean"]));
    schema
}

fn text(pattern: &Pattern) -> Json {
    let mut schema = json!({ "type": "string", "pattern": pattern.regex });
    if pattern.most != usize::MAX {
        set(&mut schema, "maxLength", json!(pattern.most));
    }
    schema
}

fn set(object: &mut Json, key: &str, value: Json) {
    if let Json::Object(object) = object {
        object.insert(key.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::{
        Allowed, Endpoint, RoleArn, RolePattern, check_acceptance, check_access_key_id,
        check_account, check_external_id, check_region,
        file::entries::check_nickname,
        secret::{PATH, check_path, check_variable},
    };

    /// A pattern, what reads the text, and whether it takes all that the pattern does.
    type Row = (&'static str, Pattern, fn(&str) -> bool, bool);

    fn rows() -> Vec<Row> {
        fn of(form: Form) -> Pattern {
            match form {
                Form::Text(pattern) | Form::Scalar(pattern) => pattern,
                Form::List { item, .. } => item,
                other => panic!("{other:?}"),
            }
        }
        let aws = |name: &str| {
            let key = AwsS3Definition::SPEC
                .keys
                .iter()
                .find(|key| key.name == name);
            of(key.unwrap().form)
        };
        let endpoint = |text: &str| Endpoint::parse(text).is_ok();
        vec![
            (
                "nickname",
                NICKNAME,
                |text| check_nickname(text).is_ok(),
                true,
            ),
            (
                "role_arn",
                aws("role_arn"),
                |text| RoleArn::parse(text).is_ok(),
                true,
            ),
            (
                "external_id",
                aws("external_id"),
                |text| check_external_id(text).is_ok(),
                true,
            ),
            (
                "region",
                aws("region"),
                |text| check_region(text).is_ok(),
                true,
            ),
            (
                "access_key_id",
                aws("access_key_id"),
                |text| check_access_key_id(text).is_ok(),
                true,
            ),
            (
                "account",
                of(MEMBER_KEYS[0].form),
                |text| check_account(text).is_ok(),
                true,
            ),
            (
                "variable",
                of(crate::secret::IN_VARIABLE.form),
                |text| check_variable(text).is_ok(),
                true,
            ),
            (
                "role of a set",
                ROLE_OF_A_SET,
                |text| RolePattern::parse(text).is_ok(),
                false,
            ),
            (
                "accept_unsafe",
                aws("accept_unsafe"),
                |text| check_acceptance(text).is_ok(),
                false,
            ),
            ("endpoint", aws("endpoint"), endpoint, false),
            ("path", PATH, |text| check_path(text).is_ok(), false),
            (
                "allow",
                aws("allow"),
                |text| Allowed::parse(text).is_ok(),
                false,
            ),
        ]
    }

    /// Texts that a value may be meant to be, and those near them.
    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            prop::sample::select(vec![
                "arn:aws:iam::111122223333:role/",
                "arn:aws-cn:iam::111122223333:role/",
                "arn:aws:iam::{account}:role/",
                "{account}",
                "111122223333",
                "https://",
                "http://",
                "sandbox",
                "[::1]",
                ":9000",
                "/",
                "10.0.0.0",
                "/16",
                "eu-central-1",
                "example.com",
                "one",
                " ",
                "=",
                "_",
                "+",
                "\t",
                "\n",
                "ü",
                "a",
                "9",
            ])
            .prop_map(str::to_owned),
            "[ -~]{0,3}",
        ];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    #[test]
    fn texts_at_the_bounds_are_the_same_to_the_schema_and_the_reader() {
        let mut taken = 0;
        for (name, pattern, is_read, is_exact) in rows() {
            let regex = Regex::new(pattern.regex).unwrap();
            let starts = [
                "",
                "arn:aws:iam::111122223333:role/x/",
                "https://a/",
                "a b c",
            ];
            for start in starts {
                for length in [
                    0, 1, 2, 3, 11, 12, 13, 63, 64, 65, 128, 129, 256, 257, 1000, 1001, 1224, 1225,
                    2048, 2049, 4096, 4097,
                ] {
                    for filling in ["a", "1", "/"] {
                        let text: String = start
                            .chars()
                            .chain(filling.chars().cycle())
                            .take(length)
                            .collect();
                        let is_taken = regex.is_match(&text) && text.len() <= pattern.most;
                        let is_read = is_read(&text);
                        taken += usize::from(is_read);
                        assert!(is_taken || !is_read, "{name}: {length} {text}");
                        assert!(is_read || !is_taken || !is_exact, "{name}: {length} {text}");
                    }
                }
            }
        }
        assert!(taken > 500, "only {taken} texts are read");
    }

    proptest! {
        #[test]
        fn what_is_read_is_taken_by_the_schema(text in texts()) {
            for (name, pattern, is_read, is_exact) in rows() {
                let is_taken = Regex::new(pattern.regex).unwrap().is_match(&text);
                let is_read = is_read(&text);
                prop_assert!(is_taken || !is_read, "{name}: {text:?}");
                prop_assert!(is_read || !is_taken || !is_exact, "{name}: {text:?}");
            }
        }
    }
}
