//! By what the owner of a role tells sessions from each other in the audit trail: a source identity
//! and session tags, which a connection asks for and the role's trust policy must allow.

use std::fmt;

use aws_sdk_sts::types::Tag;
use flowrun_card::{CardError, ErrorKind, RunIdentity};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};

use crate::{
    definition::is_word,
    file::scalar::{Scalar, yaml},
    kind::{Form, Pattern},
    secret::{IN_VARIABLE, check_variable},
};

/// The most tags of a session.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const MAX_TAGS: usize = 50;
const MAX_TAG_KEY: usize = 128;
const MAX_TAG_VALUE: usize = 256;

pub(crate) const SOURCE_IDENTITY: Form = Form::Either(&[
    Form::Text(Pattern::new("^[A-Za-z0-9_+=,.@-]{2,}$", 64)),
    Form::Map(&[IN_VARIABLE]),
]);
pub(crate) const TAGS: Form = Form::Entries {
    key: Pattern::new(r"^([A-Za-z0-9 _.:/=+@-]|[^\x00-\x7f])+$", MAX_TAG_KEY),
    value: Pattern::new(r"^([A-Za-z0-9 _.:/=+@{}-]|[^\x00-\x7f])*$", MAX_TAG_VALUE),
    most: MAX_TAGS,
};

/// Who stands behind a session, as it stays with all that the session does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SourceIdentity {
    /// This text.
    Text(String),
    /// What an environment variable says, such as the one who started a job.
    Env(String),
}

/// What a session is attributed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attribution {
    pub(crate) source_identity: Option<String>,
    pub(crate) tags: Vec<Tag>,
}

impl Attribution {
    /// What the sessions of a run are attributed to.
    ///
    /// # Errors
    /// Where an environment variable is not there, or something is no value that STS takes.
    pub(crate) fn of(
        source_identity: Option<&SourceIdentity>,
        tags: &[(String, String)],
        run: &RunIdentity,
    ) -> Result<Self, CardError> {
        let failed = |message: String| CardError::new(ErrorKind::Connection, message);
        let source_identity = match source_identity {
            None => None,
            Some(SourceIdentity::Text(text)) => Some(text.clone()),
            Some(SourceIdentity::Env(name)) => {
                let text = std::env::var(name).map_err(|_| {
                    failed(format!(
                        "the environment variable `{name}` of `source_identity` is not set"
                    ))
                    .help(format!("set {name} where flowrun runs"))
                })?;
                let checked = check_source_identity(&text);
                Some(checked.map_err(|problem| failed(format!("{name}: {problem}")))?)
            }
        };
        let tags = tags.iter().map(|(key, value)| {
            let value = filled(value, run);
            let tag = check_tag_value(&value)
                .map_err(|problem| failed(format!("session tag `{key}`: {problem}")))?;
            Tag::builder()
                .key(key)
                .value(tag)
                .build()
                .map_err(|error| failed(error.to_string()))
        });
        Ok(Self {
            source_identity,
            tags: tags.collect::<Result<_, _>>()?,
        })
    }
}

impl Attribution {
    /// What the trust policy of the role, and our own policies, must allow for it, as the end of a
    /// sentence about both.
    pub(crate) fn needs(&self) -> String {
        let actions = [
            (self.source_identity.is_some(), "`sts:SetSourceIdentity`"),
            (!self.tags.is_empty(), "`sts:TagSession`"),
        ];
        let actions: Vec<&str> = actions
            .into_iter()
            .filter_map(|(is_needed, action)| is_needed.then_some(action))
            .collect();
        match actions.is_empty() {
            true => String::new(),
            false => format!("; both must allow {}, too", actions.join(" and ")),
        }
    }
}

/// A value of a tag with the flow and the run put in.
fn filled(value: &str, run: &RunIdentity) -> String {
    value
        .replace("{flow}", &run.flow)
        .replace("{run}", &run.run_id)
}

/// Checks a source identity against
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
fn check_source_identity(text: &str) -> Result<String, String> {
    let is_fine = (2..=64).contains(&text.len())
        && text.bytes().all(|b| is_word(b) || b"+=,.@-".contains(&b))
        && !text.to_ascii_lowercase().starts_with("aws:");
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is no source identity, which has 2 to 64 letters, digits and characters of \
             `_+=,.@-`",
            text.escape_debug()
        ))
    }
}

/// Checks the key of a tag against <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>.
fn check_tag_key(text: &str) -> Result<String, String> {
    let is_fine = !text.is_empty()
        && is_tag(text, MAX_TAG_KEY)
        && !text.to_ascii_lowercase().starts_with("aws:");
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not the key of a session tag, which has 1 to {MAX_TAG_KEY} letters, digits, \
             spaces and characters of `_.:/=+-@`, and does not begin with `aws:`",
            text.escape_debug()
        ))
    }
}

fn check_tag_value(text: &str) -> Result<String, String> {
    if is_tag(text, MAX_TAG_VALUE) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not the value of a session tag, which has up to {MAX_TAG_VALUE} letters, \
             digits, spaces and characters of `_.:/=+-@`",
            text.escape_debug()
        ))
    }
}

fn is_tag(text: &str, most: usize) -> bool {
    text.chars().count() <= most
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c))
}

/// As files write it.
impl fmt::Display for SourceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceIdentity::Text(text) => f.write_str(&yaml(text)),
            SourceIdentity::Env(name) => write!(f, "{{ env: {} }}", yaml(name)),
        }
    }
}

/// Session tags as YAML; none where there are none.
pub(crate) fn tags_value(tags: &[(String, String)]) -> Option<String> {
    let tags: Vec<String> = tags
        .iter()
        .map(|(key, value)| format!("{}: {}", yaml(key), yaml(value)))
        .collect();
    (!tags.is_empty()).then(|| format!("{{ {} }}", tags.join(", ")))
}

/// Reads a source identity.
pub(crate) struct SourceIdentitySeed;

impl<'de> DeserializeSeed<'de> for SourceIdentitySeed {
    type Value = SourceIdentity;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SourceIdentitySeed {
    type Value = SourceIdentity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or `{ env: NAME }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SourceIdentity, E> {
        check_source_identity(text)
            .map(SourceIdentity::Text)
            .map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<SourceIdentity, A::Error> {
        let one = "a source identity is a text or `{ env: NAME }`";
        let env = Scalar::new("`env`", |text| match text {
            "env" => Ok(()),
            _ => Err(one.to_owned()),
        });
        if entries.next_key_seed(env)?.is_none() {
            return Err(A::Error::custom(one));
        }
        let name =
            entries.next_value_seed(Scalar::new("the name of a variable", check_variable))?;
        match entries.next_key_seed(Scalar::new("nothing else", |_| {
            Err::<(), _>(one.to_owned())
        }))? {
            None => Ok(SourceIdentity::Env(name)),
            Some(()) => Err(A::Error::custom(one)),
        }
    }
}

/// Reads session tags.
pub(crate) struct TagsSeed;

impl<'de> DeserializeSeed<'de> for TagsSeed {
    type Value = Vec<(String, String)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for TagsSeed {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("session tags, such as `{ project: backups, flow: \"{flow}\" }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut tags: Vec<(String, String)> = Vec::new();
        while let Some(key) =
            entries.next_key_seed(Scalar::new("the key of a session tag", check_tag_key))?
        {
            // AWS compares keys without regard to case.
            if tags
                .iter()
                .any(|(known, _)| known.to_lowercase() == key.to_lowercase())
            {
                return Err(A::Error::custom(format_args!(
                    "the session tag `{key}` stands twice"
                )));
            }
            if tags.len() >= MAX_TAGS {
                return Err(A::Error::custom(format_args!(
                    "a session has at most {MAX_TAGS} tags"
                )));
            }
            let value = entries.next_value_seed(Scalar::new(
                "the value of a session tag",
                // `{flow}` and `{run}` become something that is checked then.
                |text| {
                    check_tag_value(&text.replace("{flow}", "").replace("{run}", ""))
                        .map(|_| text.to_owned())
                },
            ))?;
            tags.push((key, value));
        }
        Ok(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_identities_and_tags_have_the_form_of_sts() {
        for (text, expect) in [
            ("ada@example.com", true),
            ("ab", true),
            ("a", false),
            ("", false),
            ("aws:ada", false),
            ("a b", false),
            ("ümlaut", false),
            (&"a".repeat(65), false),
        ] {
            assert_eq!(check_source_identity(text).is_ok(), expect, "{text}");
        }
        for (text, expect) in [
            ("cost center", true),
            ("Straße", true),
            ("", false),
            ("aws:x", false),
            ("a{b", false),
            (&"k".repeat(129), false),
        ] {
            assert_eq!(check_tag_key(text).is_ok(), expect, "{text}");
        }
        assert!(check_tag_value("").is_ok());
        assert!(check_tag_value(&"v".repeat(256)).is_ok());
        assert!(check_tag_value(&"v".repeat(257)).is_err());
    }

    #[test]
    fn the_run_stands_in_tags() {
        let run = RunIdentity {
            run_id: "01RUN".to_owned(),
            flow: "backup".to_owned(),
        };
        let tags = [
            ("by".to_owned(), "{flow}/{run}".to_owned()),
            ("project".to_owned(), "x".to_owned()),
        ];
        let found = Attribution::of(None, &tags, &run).unwrap();
        let values: Vec<&str> = found.tags.iter().map(Tag::value).collect();
        assert_eq!(values, ["backup/01RUN", "x"]);
        let missing = SourceIdentity::Env("FLOWRUN_HAS_NO_SUCH".to_owned());
        let failure = Attribution::of(Some(&missing), &[], &run).unwrap_err();
        assert_eq!(
            failure.message,
            "the environment variable `FLOWRUN_HAS_NO_SUCH` of `source_identity` is not set"
        );
    }
}
