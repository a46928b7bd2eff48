//! What a `connections.yaml` says: a map of nicknames to connections, and nothing that is not known.

use std::{collections::HashSet, fmt, path::Path};

use flowrun_card::ConnectionKind;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Unexpected, Visitor},
};

use super::scalar::{Scalar, one_of};
use crate::{
    AwsS3, Base, Connection, Endpoint, RoleArn, StoreError, Trust,
    definition::{
        check_acceptance, check_external_id, check_region, is_clear, is_word, partition_of,
    },
};

/// The most brackets that may be open at once. The YAML scanner takes time by the square of that
/// number, and a connection needs two.
const MAX_OPEN_BRACKETS: usize = 100;

/// The connections that a text defines. The path is for them and for messages.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Vec<Connection>, StoreError> {
    refuse_deep_nesting(text, path)?;
    let yaml = serde_yaml::Deserializer::from_str(text);
    yaml.deserialize_any(FileVisitor { path }).map_err(|error| {
        let (line, column) = error
            .location()
            .map_or((1, 1), |place| (place.line(), place.column()));
        let whole = error.to_string();
        // The place stands in front of the message; serde_yaml appends it.
        let message = whole
            .strip_suffix(&format!(" at line {line} column {column}"))
            .unwrap_or(&whole);
        StoreError::Invalid {
            path: path.to_owned(),
            line,
            column,
            message: message.to_owned(),
        }
    })
}

/// Counts brackets wherever they stand, in text and comments too: it only has to be a bound.
fn refuse_deep_nesting(text: &str, path: &Path) -> Result<(), StoreError> {
    let mut open = 0_usize;
    for (line, content) in text.lines().enumerate() {
        for (column, c) in content.chars().enumerate() {
            match c {
                '[' | '{' => open = open.saturating_add(1),
                ']' | '}' => open = open.saturating_sub(1),
                _ => continue,
            }
            if open > MAX_OPEN_BRACKETS {
                return Err(StoreError::Invalid {
                    path: path.to_owned(),
                    line: line.saturating_add(1),
                    column: column.saturating_add(1),
                    message: format!("more than {MAX_OPEN_BRACKETS} brackets are open here"),
                });
            }
        }
    }
    Ok(())
}

struct FileVisitor<'a> {
    path: &'a Path,
}

impl<'de> Visitor<'de> for FileVisitor<'_> {
    type Value = Vec<Connection>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of nicknames to connections")
    }

    /// A file of comments only.
    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut seen = HashSet::new();
        let mut connections = Vec::new();
        while let Some(nickname) = entries.next_key_seed(Scalar::new("a nickname", |text| {
            check_nickname(text)?;
            if seen.insert(text.to_owned()) {
                Ok(text.to_owned())
            } else {
                Err(format!("the nickname `{text}` stands twice"))
            }
        }))? {
            connections.push(entries.next_value_seed(ConnectionSeed {
                nickname,
                path: self.path,
            })?);
        }
        Ok(connections)
    }
}

pub(crate) fn check_nickname(text: &str) -> Result<(), String> {
    let is_fine = (1..=128).contains(&text.len())
        && text.bytes().all(|b| is_word(b) || b".-".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if is_fine {
        Ok(())
    } else {
        Err(format!(
            "`{}` is not a nickname, which has up to 128 letters, digits and characters of \
             `_.-` and starts with a letter or digit",
            text.escape_debug()
        ))
    }
}

struct ConnectionSeed<'a> {
    nickname: String,
    path: &'a Path,
}

/// The keys of a connection, in the order in which they are written.
pub(crate) const KEYS: [&str; 11] = [
    "type",
    "description",
    "role_arn",
    "external_id",
    "next_external_id",
    "trust",
    "accept_unsafe",
    "session_policy",
    "region",
    "endpoint",
    "base",
];

impl<'de> DeserializeSeed<'de> for ConnectionSeed<'_> {
    type Value = Connection;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Connection, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ConnectionSeed<'_> {
    type Value = Connection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `type` and the rest of the connection")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Connection, A::Error> {
        let mut connection = Connection::new(self.nickname, self.path);
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key_seed(Scalar::new("a key", |text| {
            let key = one_of(text, &KEYS, "a key of a connection")?;
            if seen.insert(key) {
                Ok(key)
            } else {
                Err(format!("the key `{key}` stands twice"))
            }
        }))? {
            match key {
                "type" => entries.next_value_seed(Scalar::new("a connection type", |text| {
                    one_of(text, &[AwsS3::NAME], "a connection type").map(drop)
                }))?,
                "description" => {
                    connection.description = Some(
                        entries.next_value_seed(Scalar::new("text", |text| Ok(text.to_owned())))?,
                    );
                }
                "role_arn" => {
                    connection.role_arn = Some(
                        entries
                            .next_value_seed(Scalar::new("the ARN of a role", RoleArn::parse))?,
                    );
                }
                "external_id" | "next_external_id" => {
                    let id = entries
                        .next_value_seed(Scalar::new("an External ID", check_external_id))?;
                    match key {
                        "external_id" => connection.external_id = Some(id),
                        _ => connection.next_external_id = Some(id),
                    }
                }
                "trust" => {
                    entries.next_value_seed(Scalar::new("the word `principal`", |text| {
                        one_of(text, &["principal"], "a trust").map(drop)
                    }))?;
                    connection.trust = Trust::Principal;
                }
                "accept_unsafe" => {
                    connection.accept_unsafe =
                        Some(entries.next_value_seed(Scalar::new("a sentence", check_acceptance))?);
                }
                "session_policy" => {
                    connection.session_policy =
                        entries.next_value_seed(Scalar::new("`on` or `off`", |text| {
                            one_of(text, &["on", "off"], "a session policy")
                                .map(|word| word == "on")
                        }))?;
                }
                "region" => {
                    connection.region =
                        Some(entries.next_value_seed(Scalar::new("a region", check_region))?);
                }
                "endpoint" => {
                    connection.endpoint = entries
                        .next_value_seed(Scalar::new("a URL or `sandbox`", Endpoint::parse))?;
                }
                _ => connection.base = entries.next_value_seed(BaseSeed)?,
            }
        }
        if !seen.contains("type") {
            return Err(A::Error::custom(
                "the key `type` is missing, such as `type: aws_s3`",
            ));
        }
        check_together(&connection).map_err(A::Error::custom)?;
        Ok(connection)
    }
}

/// The rules that concern more than one key.
pub(crate) fn check_together(connection: &Connection) -> Result<(), String> {
    if connection.external_id.is_some() && connection.trust == Trust::Principal {
        return Err(
            "`trust: principal` is for a role that asks for no External ID, and there is an \
             `external_id`"
                .to_owned(),
        );
    }
    if connection.next_external_id.is_some() && connection.external_id.is_none() {
        return Err(
            "`next_external_id` takes the place of `external_id`, and there is none".to_owned(),
        );
    }
    if connection.accept_unsafe.is_some() && connection.role_arn.is_none() {
        return Err(
            "`accept_unsafe` is about the role of `role_arn`, and there is no `role_arn`"
                .to_owned(),
        );
    }
    let has_role = connection.role_arn.is_some() || connection.is_pending();
    if !connection.session_policy && !has_role {
        return Err(
            "`session_policy` is about the role of `role_arn`, and there is no `role_arn`"
                .to_owned(),
        );
    }
    if let (Some(role), Some(region), Endpoint::Aws) = (
        &connection.role_arn,
        &connection.region,
        &connection.endpoint,
    ) && role.partition() != partition_of(region)
    {
        return Err(format!(
            "the role is in the partition `{}`, and the region `{region}` in `{}`; sessions do \
             not cross partitions",
            role.partition(),
            partition_of(region)
        ));
    }
    match (&connection.endpoint, &connection.base) {
        (Endpoint::Sandbox, Base::Sandbox) => {}
        (Endpoint::Sandbox, _) => {
            return Err(
                "`endpoint: sandbox` needs `base: sandbox`, because AWS credentials never go to \
                 the sandbox"
                    .to_owned(),
            );
        }
        (_, Base::Sandbox) => {
            return Err(
                "`base: sandbox` needs `endpoint: sandbox`, because the credentials of the \
                 sandbox never leave it"
                    .to_owned(),
            );
        }
        (Endpoint::Url(url), _) if has_role && is_clear(url) => {
            return Err(
                "a role needs an `https` endpoint, because AssumeRole answers with \
                 credentials, which would cross the network in the clear"
                    .to_owned(),
            );
        }
        _ => {}
    }
    Ok(())
}

struct BaseSeed;

impl<'de> DeserializeSeed<'de> for BaseSeed {
    type Value = Base;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Base, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BaseSeed {
    type Value = Base;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`default`, `environment`, `sandbox` or `{ profile: NAME }`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Base, E> {
        let known = ["default", "environment", "sandbox", "{ profile: NAME }"];
        match one_of(text, &known, "a base").map_err(E::custom)? {
            "default" => Ok(Base::Default),
            "environment" => Ok(Base::Environment),
            "sandbox" => Ok(Base::Sandbox),
            _ => Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Base, A::Error> {
        let mut profile = None;
        while entries
            .next_key_seed(Scalar::new("the key `profile`", |text| {
                one_of(text, &["profile"], "a key of a base")
            }))?
            .is_some()
        {
            let name = entries.next_value_seed(Scalar::new("the name of a profile", |text| {
                if text.trim().is_empty() {
                    Err("the name of the profile is empty".to_owned())
                } else if text.chars().any(char::is_control) {
                    Err("the name of the profile has a control character".to_owned())
                } else {
                    Ok(text.to_owned())
                }
            }))?;
            if profile.replace(name).is_some() {
                return Err(A::Error::custom("the key `profile` stands twice"));
            }
        }
        profile
            .map(Base::Profile)
            .ok_or_else(|| A::Error::custom("the key `profile` is missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "\
# what the demo uses
demo-vault:
  type: aws_s3
  description: where backups go
  role_arn: arn:aws:iam::111122223333:role/vault
  external_id: 0123456789
  region: eu-central-1
  endpoint: sandbox
  base: sandbox
minio: { type: aws_s3, endpoint: 'http://10.0.0.1:9000/', base: { profile: minio } }
plain: { type: aws_s3 }
ci: { type: aws_s3, base: environment }
own: { type: aws_s3, role_arn: 'arn:aws:iam::111122223333:role/own', trust: principal }
pending: { type: aws_s3, external_id: ab, next_external_id: cd }
old:
  type: aws_s3
  role_arn: arn:aws:iam::111122223333:role/old
  accept_unsafe: it goes away in May
  session_policy: off
";

    #[test]
    fn a_file_is_read_whole() {
        let path = Path::new("/flows/connections.yaml");
        let plain = |nickname: &str| Connection::new(nickname, path);
        assert_eq!(
            parse(FULL, path).unwrap(),
            [
                Connection {
                    description: Some("where backups go".to_owned()),
                    role_arn: Some(RoleArn::parse("arn:aws:iam::111122223333:role/vault").unwrap()),
                    external_id: Some("0123456789".to_owned()),
                    region: Some("eu-central-1".to_owned()),
                    endpoint: Endpoint::Sandbox,
                    base: Base::Sandbox,
                    ..plain("demo-vault")
                },
                Connection {
                    endpoint: Endpoint::Url("http://10.0.0.1:9000".to_owned()),
                    base: Base::Profile("minio".to_owned()),
                    ..plain("minio")
                },
                plain("plain"),
                Connection {
                    base: Base::Environment,
                    ..plain("ci")
                },
                Connection {
                    role_arn: Some(RoleArn::parse("arn:aws:iam::111122223333:role/own").unwrap()),
                    trust: Trust::Principal,
                    ..plain("own")
                },
                Connection {
                    external_id: Some("ab".to_owned()),
                    next_external_id: Some("cd".to_owned()),
                    ..plain("pending")
                },
                Connection {
                    role_arn: Some(RoleArn::parse("arn:aws:iam::111122223333:role/old").unwrap()),
                    accept_unsafe: Some("it goes away in May".to_owned()),
                    session_policy: false,
                    ..plain("old")
                },
            ]
        );
        for empty in ["", "# nothing yet\n", "{}", "~"] {
            assert_eq!(parse(empty, path).unwrap(), [], "{empty:?}");
        }
    }

    #[test]
    fn what_is_not_known_for_certain_is_refused_with_its_place() {
        let role = "role_arn: arn:aws:iam::111122223333:role/x";
        let mut messages = String::new();
        for text in [
            "- a\n",
            "text\n",
            "a: 1\n",
            "a:\n",
            "a b: { type: aws_s3 }\n",
            "a: { type: aws_s3 }\na: { type: aws_s3 }\n",
            "a: { type: aws_s3, type: aws_s3 }\n",
            "a:\n  type: aws_s3\n  role-arn: x\n",
            "a:\n  type: aws_s3\n  rolearn: x\n",
            "a:\n  type: aws_s3\n  password: x\n",
            "a:\n  <<: { type: aws_s3 }\n",
            "a: {}\n",
            "a: { type: s3 }\n",
            "a: { type: AWS_S3 }\n",
            "a: { type: google }\n",
            "a:\n  type: aws_s3\n  role_arn: arn:aws:iam::1:role/x\n",
            "a:\n  type: aws_s3\n  role_arn:\n",
            "a:\n  type: aws_s3\n  role_arn: [x]\n",
            &format!("a:\n  type: aws_s3\n  {role}\n  external_id: 'my secret'\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  external_id: abc\n  trust: principal\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  trust: everybody\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  region: cn-north-1\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  accept_unsafe: yes\n"),
            "a:\n  type: aws_s3\n  accept_unsafe: this has no role at all\n",
            "a:\n  type: aws_s3\n  next_external_id: abc\n",
            "a:\n  type: aws_s3\n  session_policy: off\n",
            &format!("a:\n  type: aws_s3\n  {role}\n  session_policy: false\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  session_policy: no\n"),
            "a: { type: aws_s3, endpoint: 'http://10.0.0.1', external_id: abc }\n",
            "a: { type: aws_s3, region: EU }\n",
            "a: { type: aws_s3, endpoint: 'https://me:password@example.com' }\n",
            "a: { type: aws_s3, endpoint: sandbox }\n",
            "a: { type: aws_s3, base: sandbox }\n",
            "a: { type: aws_s3, base: sandbox, endpoint: 'https://s3.amazonaws.com' }\n",
            &format!("a: {{ type: aws_s3, endpoint: 'http://10.0.0.1', {role} }}\n"),
            "a: { type: aws_s3, base: enviroment }\n",
            "a: { type: aws_s3, base: other }\n",
            "a: { type: aws_s3, base: 1 }\n",
            "a: { type: aws_s3, base: {} }\n",
            "a: { type: aws_s3, base: { profil: x } }\n",
            "a: { type: aws_s3, base: { profile: '' } }\n",
            "a: { type: aws_s3, base: { profile: x, profile: y } }\n",
            "a: { type: aws_s3\n",
            "a:\n\ttype: aws_s3\n",
            "a: { type: aws_s3 }\n---\nb: { type: aws_s3 }\n",
        ] {
            let error = parse(text, Path::new("c.yaml")).unwrap_err().to_string();
            messages.push_str(&format!("{text}=> {error}\n\n"));
        }
        assert!(!messages.contains("=> c.yaml:0"));
        insta::assert_snapshot!(messages);
    }
}
