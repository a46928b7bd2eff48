//! A set in a connection file: what holds for all its members, and the list of them.

use std::{collections::HashSet, fmt, path::Path, sync::Arc};

use flowrun_card::ConnectionKind as _;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{
    entries::COMMON_KEYS,
    scalar::{Scalar, one_of},
};
use crate::{
    AwsS3, AwsS3Definition, Connection, ConnectionSet, MAX_MEMBERS, OwnValues, RolePattern,
    definition::{
        EXTERNAL_ID, REGION, SENTENCE, check_acceptance, check_external_id, check_region,
    },
    kind::{Form, KeySpec, Kind},
    set::{ACCOUNT, check_account},
};

/// The key by which an entry is a set.
pub(crate) const MEMBERS: &str = "members";

/// The keys of a member, in the order in which they are written.
pub(crate) const MEMBER_KEYS: [KeySpec; 6] = [
    KeySpec::required("account", "its account, in quotes", Form::Text(ACCOUNT)),
    KeySpec::optional("description", "what it is for", Form::Prose),
    KeySpec::optional(
        "external_id",
        "what the trust policy of its role asks for, made by flowrun",
        Form::Scalar(EXTERNAL_ID),
    ),
    KeySpec::optional(
        "next_external_id",
        "the External ID that takes its place while it is rotated",
        Form::Scalar(EXTERNAL_ID),
    ),
    KeySpec::optional(
        "accept_unsafe",
        "why its role is used although it lets others in",
        Form::Text(SENTENCE),
    ),
    KeySpec::optional(
        "region",
        "its region, where that is not the one of the set",
        Form::Text(REGION),
    ),
];

/// The keys of a connection that each member of a set has for itself.
pub(crate) const OWN_KEYS: [&str; 3] = ["external_id", "next_external_id", "accept_unsafe"];

/// Reads the members of a set.
pub(super) struct SetSeed<'a> {
    pub(super) name: String,
    pub(super) path: &'a Path,
}

impl<'de> DeserializeSeed<'de> for SetSeed<'_> {
    type Value = Vec<Connection>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for SetSeed<'_> {
    type Value = Vec<Connection>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map with `type`, `role_arn` and `members`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let of_kind = AwsS3Definition::SPEC.keys.iter().map(|key| key.name);
        let keys: Vec<&str> = COMMON_KEYS
            .into_iter()
            .chain(of_kind)
            .chain([MEMBERS])
            .collect();
        let mut seen = HashSet::new();
        let (mut description, mut role_arn) = (None, None);
        let mut members = Vec::new();
        let mut common = AwsS3Definition::default();
        while let Some(key) = entries.next_key_seed(Scalar::new("a key", |text| {
            let key = one_of(text, &keys, "a key of a set")?;
            if OWN_KEYS.contains(&key) {
                return Err(format!(
                    "`{key}` stands in a member of the set: each has its own"
                ));
            }
            if seen.insert(key) {
                Ok(key)
            } else {
                Err(format!("the key `{key}` stands twice"))
            }
        }))? {
            match key {
                "type" => entries.next_value_seed(Scalar::new("a connection type", |text| {
                    if text == AwsS3::NAME {
                        Ok(())
                    } else {
                        Err(format!("a set is of type `{}`", AwsS3::NAME))
                    }
                }))?,
                "description" => {
                    description = Some(
                        entries.next_value_seed(Scalar::new("text", |text| Ok(text.to_owned())))?,
                    );
                }
                "role_arn" => {
                    role_arn =
                        Some(entries.next_value_seed(Scalar::new(
                            "the role of a set",
                            RolePattern::parse,
                        ))?);
                }
                MEMBERS => members = entries.next_value_seed(MembersSeed)?,
                key => common.read(key, &mut entries)?,
            }
        }
        if !seen.contains("type") {
            return Err(A::Error::custom(
                "the key `type` is missing, such as `type: aws_s3`",
            ));
        }
        let Some(role_arn) = role_arn else {
            return Err(A::Error::custom(
                "the key `role_arn` is missing, such as `role_arn: \
                 \"arn:aws:iam::{account}:role/NAME\"`",
            ));
        };
        let set = Arc::new(ConnectionSet {
            name: self.name,
            description,
            role_arn,
            common,
        });
        let member = |(account, own): (String, OwnValues)| {
            let member = set.member(&account, own, self.path)?;
            member.check().map(|()| member)
        };
        members
            .into_iter()
            .map(member)
            .collect::<Result<_, String>>()
            .map_err(A::Error::custom)
    }
}

/// The accounts of the members and what is their own, in the order of the file.
struct MembersSeed;

impl<'de> DeserializeSeed<'de> for MembersSeed {
    type Value = Vec<(String, OwnValues)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed {
    type Value = Vec<(String, OwnValues)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of members, such as `[{ account: \"012345678901\" }]`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        let mut taken = Taken::default();
        while let Some(member) = items.next_element_seed(MemberSeed {
            taken: &mut taken,
            is_one_too_many: members.len() == MAX_MEMBERS,
        })? {
            members.push(member);
        }
        if members.is_empty() {
            return Err(A::Error::custom("a set has at least one member"));
        }
        Ok(members)
    }
}

/// What no two members share.
#[derive(Default)]
struct Taken {
    accounts: HashSet<String>,
    external_ids: HashSet<String>,
}

struct MemberSeed<'a> {
    taken: &'a mut Taken,
    is_one_too_many: bool,
}

impl<'de> DeserializeSeed<'de> for MemberSeed<'_> {
    type Value = (String, OwnValues);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MemberSeed<'_> {
    type Value = (String, OwnValues);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member, such as `{ account: \"012345678901\" }`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        if self.is_one_too_many {
            return Err(A::Error::custom(format_args!(
                "a set has up to {MAX_MEMBERS} members"
            )));
        }
        let mut seen = HashSet::new();
        let mut account = None;
        let mut own = OwnValues::default();
        while let Some(key) = entries.next_key_seed(Scalar::new("a key", |text| {
            let key = one_of(text, &KeySpec::names(&MEMBER_KEYS), "a key of a member")?;
            if seen.insert(key) {
                Ok(key)
            } else {
                Err(format!("the key `{key}` stands twice"))
            }
        }))? {
            match key {
                "account" => {
                    let accounts = &mut self.taken.accounts;
                    account = Some(entries.next_value_seed(AccountSeed { accounts })?);
                }
                "description" => {
                    own.description = Some(
                        entries.next_value_seed(Scalar::new("text", |text| Ok(text.to_owned())))?,
                    );
                }
                "accept_unsafe" => {
                    own.accept_unsafe =
                        Some(entries.next_value_seed(Scalar::new("a sentence", check_acceptance))?);
                }
                "region" => {
                    own.region =
                        Some(entries.next_value_seed(Scalar::new("a region", check_region))?);
                }
                key => {
                    let taken = &mut self.taken.external_ids;
                    let id = entries.next_value_seed(Scalar::new("an External ID", |text| {
                        let id = check_external_id(text)?;
                        if taken.insert(id.clone()) {
                            Ok(id)
                        } else {
                            // Who may use the one role could use the other.
                            Err(
                                "this External ID stands twice in the set; each member has its own"
                                    .to_owned(),
                            )
                        }
                    }))?;
                    match key {
                        "external_id" => own.external_id = Some(id),
                        _ => own.next_external_id = Some(id),
                    }
                }
            }
        }
        match account {
            Some(account) => Ok((account, own)),
            None => Err(A::Error::custom(
                "the key `account` is missing, such as `account: \"012345678901\"`",
            )),
        }
    }
}

struct AccountSeed<'a> {
    accounts: &'a mut HashSet<String>,
}

impl AccountSeed<'_> {
    fn number<E: Error>() -> E {
        E::custom(
            "an account is written in quotes, such as `account: \"012345678901\"`, because a \
             number loses the zeros before it",
        )
    }
}

impl<'de> DeserializeSeed<'de> for AccountSeed<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for AccountSeed<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account, such as `\"012345678901\"`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        let account = check_account(text).map_err(E::custom)?;
        if self.accounts.insert(account.clone()) {
            Ok(account)
        } else {
            Err(E::custom(format_args!(
                "the account `{account}` stands twice"
            )))
        }
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<String, E> {
        Err(Self::number())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<String, E> {
        Err(Self::number())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<String, E> {
        Err(Self::number())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{Endpoint, file::entries::parse};

    fn read(text: &str) -> String {
        match parse(text, Path::new("c.yaml")) {
            Ok(found) => found
                .iter()
                .map(|found| {
                    let aws = found.aws().unwrap();
                    let pending = if found.is_pending() { " pending" } else { "" };
                    format!(
                        "{}: {} {:?} {:?} {:?}{pending}\n",
                        found.nickname,
                        aws.role_arn.as_ref().unwrap(),
                        aws.external_id,
                        aws.region,
                        found.description,
                    )
                })
                .collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_set_is_a_connection_for_each_member() {
        insta::assert_snapshot!(read(
            "before: { type: aws_s3, role_arn: 'arn:aws:iam::111122223333:role/x' }
org-members:
  members:
    - { account: \"012345678901\", external_id: id-one, region: us-east-1 }
    - account: '111122223333'
      external_id: id-two
      description: the second
    - account: \"444455556666\"
  description: all of them
  region: eu-central-1
  role_arn: arn:aws:iam::{account}:role/path/Backup-{account}
  type: aws_s3
own: { type: aws_s3, trust: principal, role_arn: \"arn:aws-cn:iam::{account}:role/x\", members: [{ account: \"111122223333\" }] }
"
        ), @r#"
        before: arn:aws:iam::111122223333:role/x None None None
        org-members/012345678901: arn:aws:iam::012345678901:role/path/Backup-012345678901 Some("id-one") Some("us-east-1") None
        org-members/111122223333: arn:aws:iam::111122223333:role/path/Backup-111122223333 Some("id-two") Some("eu-central-1") Some("the second")
        org-members/444455556666: arn:aws:iam::444455556666:role/path/Backup-444455556666 None Some("eu-central-1") None pending
        own/111122223333: arn:aws-cn:iam::111122223333:role/x None None None
        "#);
        let text = "s: { type: aws_s3, role_arn: \"arn:aws:iam::{account}:role/x\", endpoint: \
            sandbox, base: sandbox, members: [{ account: \"111122223333\" }] }";
        let found = parse(text, Path::new("c.yaml")).unwrap();
        assert_eq!(found[0].aws().unwrap().endpoint, Endpoint::Sandbox);
    }

    #[test]
    fn what_no_set_is_is_refused_with_its_place() {
        let mut messages = String::new();
        for text in [
            "s: { type: aws_s3, members: [] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [] }",
            "s: { type: aws_s3, role_arn: ROLE, members: }",
            "s: { type: aws_s3, role_arn: ROLE, members: { account: A } }",
            "s: { type: aws_s3, role_arn: ROLE, members: [A] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{}] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: 111122223333 }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: 12345678901 }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: \"12345678901\" }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A }, { account: A }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A, external_id: one, \
             next_external_id: one }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A, extrenal_id: one }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A, account: B }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A, region: cn-north-1 }] }",
            "s: { type: aws_s3, role_arn: ROLE, external_id: one, members: [{ account: A }] }",
            "s: { type: aws_s3, role_arn: ROLE, accept_unsafe: x, members: [{ account: A }] }",
            "s: { type: aws_s3, role_arn: 'arn:aws:iam::111122223333:role/x', members: [{ account: A }] }",
            "s: { type: aws_s3, role_arn: 'arn:aws:iam::111122223333:role/{account}', members: [{ account: A }] }",
            "s: { role_arn: ROLE, members: [{ account: A }] }",
            "s: { type: http, role_arn: ROLE, members: [{ account: A }] }",
            "s: { type: aws_s3, role_arn: ROLE, members: [{ account: A }] }\ns: { type: aws_s3 }",
            "s: { type: aws_s3, role_arn: ROLE }",
        ] {
            let text = text
                .replace("ROLE", "\"arn:aws:iam::{account}:role/x\"")
                .replace("account: A", "account: \"012345678901\"")
                .replace("account: B", "account: \"111122223333\"");
            writeln!(messages, "{text}\n=> {}\n", read(&text)).unwrap();
        }
        insta::assert_snapshot!(messages);
    }

    #[test]
    fn a_set_is_read_up_to_its_bound() {
        let of = |count: usize| {
            let members = (0..count).map(|index| format!("  - {{ account: \"{index:012}\" }}\n"));
            let role = "arn:aws:iam::{account}:role/x";
            let text: String = members.collect();
            format!("s:\n  type: aws_s3\n  role_arn: {role}\n  members:\n{text}")
        };
        assert_eq!(read(&of(MAX_MEMBERS)).lines().count(), MAX_MEMBERS);
        assert_eq!(
            read(&of(MAX_MEMBERS + 1)),
            "c.yaml:1005:5: s.members[1000]: a set has up to 1000 members"
        );
    }
}
