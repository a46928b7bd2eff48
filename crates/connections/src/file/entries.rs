//! What a `connections.yaml` says: a map of nicknames to connections, and nothing that is not known.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};

use super::{
    members::SetSeed,
    scalar::{Scalar, one_of},
};
use crate::{
    AwsS3Definition, Connection, Definition, StoreError,
    definition::is_word,
    kind::{KINDS, Pattern},
};

/// The most brackets that may be open at once. The YAML scanner takes time by the square of that
/// number, and a connection needs two.
const MAX_OPEN_BRACKETS: usize = 100;

/// The connections that a text defines. The path is for them and for messages.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Vec<Connection>, StoreError> {
    refuse_deep_nesting(text, path)?;
    let yaml = serde_yaml::Deserializer::from_str(text);
    let forms = &forms(text);
    let entries = yaml.deserialize_any(FileVisitor { forms, path });
    entries.map_err(|error| {
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

/// What the entries of a text are, by name: `type` need not be the first key, and which others there
/// are is a matter of the kind. What is wrong is found when the entries are read.
fn forms(text: &str) -> HashMap<String, Form> {
    serde_yaml::from_str(text).unwrap_or_default()
}

/// What an entry is.
#[derive(Default, Deserialize)]
struct Form {
    #[serde(default)]
    r#type: String,
    /// Whether it has members.
    #[serde(default, rename = "members", deserialize_with = "there")]
    is_set: bool,
}

fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Counts brackets wherever they stand, in text and comments too: it only has to be a bound.
pub(crate) fn refuse_deep_nesting(text: &str, path: &Path) -> Result<(), StoreError> {
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
    /// By nickname.
    forms: &'a HashMap<String, Form>,
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
            let form = self.forms.get(&nickname);
            if form.is_some_and(|form| form.is_set) {
                let (name, path) = (nickname, self.path);
                connections.extend(entries.next_value_seed(SetSeed { name, path })?);
                continue;
            }
            let kind = form.map_or("", |form| &form.r#type);
            connections.push(entries.next_value_seed(ConnectionSeed {
                definition:
                    Definition::of_kind(kind).unwrap_or_else(|| AwsS3Definition::default().into()),
                nickname,
                path: self.path,
            })?);
        }
        Ok(connections)
    }
}

pub(crate) const NICKNAME: Pattern = Pattern::new("^[A-Za-z0-9][A-Za-z0-9_.-]*$", 128);

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
    /// Which keys it can have; those of the first kind where it names none that there is.
    definition: Definition,
    path: &'a Path,
}

/// The keys that connections of all kinds have, in the order in which they are written.
pub(crate) const COMMON_KEYS: [&str; 2] = ["type", "description"];

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
        let mut connection = Connection::new(self.nickname, self.path, self.definition);
        let own = connection.kind().keys.iter().map(|key| key.name);
        let keys: Vec<&str> = COMMON_KEYS.into_iter().chain(own).collect();
        let mut seen = HashSet::new();
        while let Some(key) = entries.next_key_seed(Scalar::new("a key", |text| {
            let key = one_of(text, &keys, "a key of a connection")?;
            if seen.insert(key) {
                Ok(key)
            } else {
                Err(format!("the key `{key}` stands twice"))
            }
        }))? {
            match key {
                "type" => entries.next_value_seed(Scalar::new("a connection type", |text| {
                    one_of(text, &KINDS.map(|kind| kind.name), "a connection type").map(drop)
                }))?,
                "description" => {
                    connection.description = Some(
                        entries.next_value_seed(Scalar::new("text", |text| Ok(text.to_owned())))?,
                    );
                }
                key => connection.definition.read(key, &mut entries)?,
            }
        }
        if !seen.contains("type") {
            return Err(A::Error::custom(
                "the key `type` is missing, such as `type: aws_s3`",
            ));
        }
        connection.definition.check().map_err(A::Error::custom)?;
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Base, Endpoint, RoleArn, Trust};

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
        let plain = |nickname: &str, definition: AwsS3Definition| Connection {
            description: (nickname == "demo-vault").then(|| "where backups go".to_owned()),
            ..Connection::new(nickname, path, definition)
        };
        let default = AwsS3Definition::default;
        assert_eq!(
            parse(FULL, path).unwrap(),
            [
                plain(
                    "demo-vault",
                    AwsS3Definition {
                        role_arn: Some(
                            RoleArn::parse("arn:aws:iam::111122223333:role/vault").unwrap()
                        ),
                        external_id: Some("0123456789".to_owned()),
                        region: Some("eu-central-1".to_owned()),
                        endpoint: Endpoint::Sandbox,
                        base: Base::Sandbox,
                        ..default()
                    }
                ),
                plain(
                    "minio",
                    AwsS3Definition {
                        endpoint: Endpoint::Url("http://10.0.0.1:9000".to_owned()),
                        base: Base::Profile("minio".to_owned()),
                        ..default()
                    }
                ),
                plain("plain", default()),
                plain(
                    "ci",
                    AwsS3Definition {
                        base: Base::Environment,
                        ..default()
                    }
                ),
                plain(
                    "own",
                    AwsS3Definition {
                        role_arn: Some(
                            RoleArn::parse("arn:aws:iam::111122223333:role/own").unwrap()
                        ),
                        trust: Trust::Principal,
                        ..default()
                    }
                ),
                plain(
                    "pending",
                    AwsS3Definition {
                        external_id: Some("ab".to_owned()),
                        next_external_id: Some("cd".to_owned()),
                        ..default()
                    }
                ),
                plain(
                    "old",
                    AwsS3Definition {
                        role_arn: Some(
                            RoleArn::parse("arn:aws:iam::111122223333:role/old").unwrap()
                        ),
                        accept_unsafe: Some("it goes away in May".to_owned()),
                        session_policy: false,
                        ..default()
                    }
                ),
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
            "a:\n  type: aws_s3\n  source_identity: ada\n",
            &format!("a:\n  type: aws_s3\n  {role}\n  source_identity: 'aws:ada'\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  source_identity: {{ file: x }}\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  source_identity: {{ env: A, b: c }}\n"),
            &format!("a:\n  type: aws_s3\n  {role}\n  session_tags: [a]\n"),
            &format!(
                "a:\n  type: aws_s3\n  {role}\n  session_tags: {{ Project: a, project: b }}\n"
            ),
            &format!("a:\n  type: aws_s3\n  {role}\n  session_tags: {{ 'a&b': c }}\n"),
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
            "a: { type: aws_s3, secret_access_key: canary }\n",
            "a: { type: aws_s3, secret_access_key: 123456 }\n",
            "a: { type: aws_s3, secret_access_key: 1.5 }\n",
            "a: { type: aws_s3, secret_access_key: true }\n",
            "a: { type: aws_s3, secret_access_key: }\n",
            "a: { type: aws_s3, secret_access_key: [canary] }\n",
            "a: { type: aws_s3, secret_access_key: {} }\n",
            "a: { type: aws_s3, secret_access_key: { canary: x } }\n",
            "a: { type: aws_s3, secret_access_key: { env: 'canary secret' } }\n",
            "a: { type: aws_s3, secret_access_key: { env: A, file: b } }\n",
            "a: { type: aws_s3, secret_access_key: { file: '' } }\n",
            "a: { type: aws_s3, secret_access_key: { sealed: 'canary secret' } }\n",
            "a: { type: aws_s3, secret_access_key: { env: A } }\n",
            "a: { type: aws_s3, session_token: { env: A } }\n",
            "a: { type: aws_s3, access_key_id: AKIA }\n",
            "a: { type: aws_s3, access_key_id: 'canary/secret' }\n",
            "a: { type: aws_s3, access_key_id: AKIA, base: environment }\n",
            "a: { type: aws_s3, base: environment, access_key_id: AKIA }\n",
            "a: { type: aws_s3, endpoint: 'http://10.0.0.1', access_key_id: AKIA, \
             secret_access_key: { env: A }, session_token: { env: B } }\n",
            "a: { type: aws_s3, endpoint: sandbox, access_key_id: AKIA, \
             secret_access_key: { env: A } }\n",
            "a: { type: aws_s3, fips: yes }\n",
            "a: { type: aws_s3, fips: true, endpoint: 'https://example.com' }\n",
            "a: { type: aws_s3, dual_stack: true, base: sandbox, endpoint: sandbox }\n",
            "a: { type: aws_s3, ca: ca.pem, endpoint: 'http://10.0.0.1' }\n",
            "a: { type: aws_s3, ca: '' }\n",
            "a: { type: aws_s3, allow: [10.0.0.1] }\n",
            "a: { type: aws_s3, allow: 10.0.0.1, endpoint: 'https://example.com' }\n",
            "a: { type: aws_s3, allow: [10.0.0.1/33], endpoint: 'https://example.com' }\n",
            "a: { type: aws_s3, endpoint: 'http://169.254.169.254' }\n",
            "a: { type: aws_s3\n",
            "a:\n\ttype: aws_s3\n",
            "a: { type: aws_s3 }\n---\nb: { type: aws_s3 }\n",
        ] {
            let error = parse(text, Path::new("c.yaml")).unwrap_err().to_string();
            messages.push_str(&format!("{text}=> {error}\n\n"));
        }
        assert!(!messages.contains("=> c.yaml:0"));
        for message in messages.lines().filter(|line| line.starts_with("=>")) {
            assert!(!message.contains("canary"), "{message}");
        }
        insta::assert_snapshot!(messages);
    }
}
