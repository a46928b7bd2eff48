//! The session tags of `AssumeRole`: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>.

use super::error::StsError;
use crate::form::Form;

const PREFIX: &str = "Tags.member.";
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Whether a parameter is a part of a tag.
pub(super) fn is_part(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The tags of a request, in order. Keys are told apart without regard to case.
pub(super) fn read(form: &Form) -> Result<Vec<(String, String)>, StsError> {
    let mut tags: Vec<(String, String)> = Vec::new();
    let parts = form.names().filter(|name| is_part(name)).count();
    for number in 1..=MOST {
        let part = |name: &str| form.get(&format!("{PREFIX}{number}.{name}"));
        let (Some(key), Some(value)) = (part("Key"), part("Value")) else {
            break;
        };
        check("key", number, key, 1, LONGEST_KEY)?;
        check("value", number, value, 0, LONGEST_VALUE)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(StsError::validation(format!(
                "the tag key {key} begins with aws:, which is AWS's own"
            )));
        }
        let is_taken = |(known, _): &(String, String)| known.to_lowercase() == key.to_lowercase();
        if tags.iter().any(is_taken) {
            return Err(StsError::validation(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    if parts == tags.len().saturating_mul(2) {
        return Ok(tags);
    }
    Err(if tags.len() == MOST {
        StsError::constraint(
            "tags",
            None,
            &format!("Member must have length less than or equal to {MOST}"),
        )
    } else {
        StsError::malformed_input("a tag is a Key and a Value, and tags are counted from 1")
    })
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]*` of some length.
fn check(
    part: &str,
    number: usize,
    text: &str,
    shortest: usize,
    longest: usize,
) -> Result<(), StsError> {
    let is_fine = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let length = text.chars().count();
    let problem = if length < shortest {
        format!("Member must have length greater than or equal to {shortest}")
    } else if length > longest {
        format!("Member must have length less than or equal to {longest}")
    } else if !text.chars().all(is_fine) {
        "Member must satisfy regular expression pattern".to_owned()
    } else {
        return Ok(());
    };
    let told = text.chars().take(longest).collect::<String>();
    let shown = format!("tags.{number}.member.{part}");
    Err(StsError::constraint(&shown, Some(&told), &problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(tags: &[(&str, &str)]) -> String {
        let one = |(number, (key, value)): (usize, &(&str, &str))| {
            format!("{PREFIX}{number}.Key={key}&{PREFIX}{number}.Value={value}")
        };
        let all: Vec<_> = (1..).zip(tags).map(one).collect();
        all.join("&")
    }

    #[test]
    fn tags_are_read_within_the_bounds_of_sts() {
        let (key, value) = ("k".repeat(128), "v".repeat(256));
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        let many: Vec<_> = (0..51).map(|number| format!("k{number}")).collect();
        let many: Vec<_> = many.iter().map(|key| (key.as_str(), "")).collect();
        let twice = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
        let parts = "a tag is a Key and a Value, and tags are counted from 1";
        let constraint = "failed to satisfy constraint: Member must";
        for (text, expect) in [
            (form(&[]), Ok(0)),
            (form(&[("team", "a b/c"), ("Stadt", "Köln")]), Ok(2)),
            (form(&[(&key, &value)]), Ok(1)),
            (form(&many[..50]), Ok(50)),
            (form(&many), Err(constraint)),
            (form(&[(&long_key, "v")]), Err(constraint)),
            (form(&[("k", &long_value)]), Err(constraint)),
            (form(&[("", "v")]), Err(constraint)),
            (form(&[("k*", "v")]), Err(constraint)),
            (
                form(&[("AWS:x", "v")]),
                Err("the tag key AWS:x begins with aws:, which is AWS's own"),
            ),
            (form(&[("team", "a"), ("Team", "b")]), Err(twice)),
            (format!("{PREFIX}1.Key=a"), Err(parts)),
            (format!("{PREFIX}2.Key=a&{PREFIX}2.Value=b"), Err(parts)),
        ] {
            match (read(&Form::parse(&text).unwrap()), expect) {
                (Ok(tags), Ok(count)) => assert_eq!(tags.len(), count, "{text}"),
                (Err(error), Err(part)) => {
                    assert!(error.message.contains(part), "{text}: {}", error.message);
                }
                (got, expect) => panic!("{text}: {got:?}, expected {expect:?}"),
            }
        }
    }
}
