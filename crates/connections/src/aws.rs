//! The kind `aws_s3`: its keys, and how one of it is opened and proven.

use std::fmt;

use flowrun_card::{BoxFuture, CardError, ConnectionKind as _};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Unexpected, Visitor},
};
use serde_json::{Value as Json, json};

use crate::{
    AwsConnection, AwsS3, AwsS3Definition, Base, Connection, ConnectionStore, Endpoint, Proof,
    RoleArn, Trust,
    definition::{check_acceptance, check_external_id, check_region, is_clear, partition_of},
    file::scalar::{Scalar, one_of, yaml},
    kind::{KeySpec, Kind, KindSpec, Opening, Session},
};

impl Kind for AwsS3Definition {
    const SPEC: KindSpec = KindSpec {
        name: AwsS3::NAME,
        about: "S3 on AWS, under an IAM role or keys, and other servers that speak S3",
        keys: &[
            KeySpec::optional("role_arn", "the IAM role to assume"),
            KeySpec::optional(
                "external_id",
                "what the trust policy of the role asks for, made by flowrun",
            ),
            KeySpec::optional(
                "next_external_id",
                "the External ID that takes its place while it is rotated",
            ),
            KeySpec::optional(
                "trust",
                "`principal` for a role that asks for no External ID",
            ),
            KeySpec::optional(
                "accept_unsafe",
                "why the role is used although it lets others in",
            ),
            KeySpec::optional(
                "session_policy",
                "`off` where runs shall use the whole role",
            ),
            KeySpec::optional("region", "the region; else that of the base credentials"),
            KeySpec::optional("endpoint", "the URL of another server, or `sandbox`"),
            KeySpec::optional(
                "base",
                "which credentials assume the role, or are used as they are",
            ),
        ],
    };

    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "role_arn" => {
                self.role_arn = Some(
                    entries.next_value_seed(Scalar::new("the ARN of a role", RoleArn::parse))?,
                );
            }
            "external_id" | "next_external_id" => {
                let id =
                    entries.next_value_seed(Scalar::new("an External ID", check_external_id))?;
                match key {
                    "external_id" => self.external_id = Some(id),
                    _ => self.next_external_id = Some(id),
                }
            }
            "trust" => {
                entries.next_value_seed(Scalar::new("the word `principal`", |text| {
                    one_of(text, &["principal"], "a trust").map(drop)
                }))?;
                self.trust = Trust::Principal;
            }
            "accept_unsafe" => {
                self.accept_unsafe =
                    Some(entries.next_value_seed(Scalar::new("a sentence", check_acceptance))?);
            }
            "session_policy" => {
                self.session_policy =
                    entries.next_value_seed(Scalar::new("`on` or `off`", |text| {
                        one_of(text, &["on", "off"], "a session policy").map(|word| word == "on")
                    }))?;
            }
            "region" => {
                self.region = Some(entries.next_value_seed(Scalar::new("a region", check_region))?);
            }
            "endpoint" => {
                self.endpoint =
                    entries.next_value_seed(Scalar::new("a URL or `sandbox`", Endpoint::parse))?;
            }
            _ => self.base = entries.next_value_seed(BaseSeed)?,
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.external_id.is_some() && self.trust == Trust::Principal {
            return Err(
                "`trust: principal` is for a role that asks for no External ID, and there is an \
             `external_id`"
                    .to_owned(),
            );
        }
        if self.next_external_id.is_some() && self.external_id.is_none() {
            return Err(
                "`next_external_id` takes the place of `external_id`, and there is none".to_owned(),
            );
        }
        if self.accept_unsafe.is_some() && self.role_arn.is_none() {
            return Err(
                "`accept_unsafe` is about the role of `role_arn`, and there is no `role_arn`"
                    .to_owned(),
            );
        }
        let has_role = self.role_arn.is_some() || self.is_pending();
        if !self.session_policy && !has_role {
            return Err(
                "`session_policy` is about the role of `role_arn`, and there is no `role_arn`"
                    .to_owned(),
            );
        }
        if let (Some(role), Some(region), Endpoint::Aws) =
            (&self.role_arn, &self.region, &self.endpoint)
            && role.partition() != partition_of(region)
        {
            return Err(format!(
                "the role is in the partition `{}`, and the region `{region}` in `{}`; sessions do \
             not cross partitions",
                role.partition(),
                partition_of(region)
            ));
        }
        match (&self.endpoint, &self.base) {
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

    fn values(&self) -> Vec<Option<String>> {
        let of = |text: &Option<String>| text.as_deref().map(yaml);
        vec![
            self.role_arn.as_ref().map(|role| yaml(role.as_str())),
            of(&self.external_id),
            of(&self.next_external_id),
            match self.trust {
                Trust::ExternalId => None,
                Trust::Principal => Some("principal".to_owned()),
            },
            of(&self.accept_unsafe),
            (!self.session_policy).then(|| "off".to_owned()),
            of(&self.region),
            match &self.endpoint {
                Endpoint::Aws => None,
                Endpoint::Url(url) => Some(yaml(url)),
                Endpoint::Sandbox => Some("sandbox".to_owned()),
            },
            match &self.base {
                Base::Default => None,
                Base::Environment => Some("environment".to_owned()),
                Base::Profile(name) => Some(format!("{{ profile: {} }}", yaml(name))),
                Base::Sandbox => Some("sandbox".to_owned()),
            },
        ]
    }

    fn proven(&self) -> Json {
        json!([
            self.role_arn.as_ref().map(|role| role.as_str()),
            self.external_id,
            self.trust == Trust::Principal,
            self.endpoint.to_string(),
            self.base.to_string(),
        ])
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Session, CardError>> {
        let connection = AwsConnection::new(opening.connection, self);
        let Opening {
            store, scope, run, ..
        } = opening;
        Box::pin(async move {
            let session = store.open_aws(connection, scope, run).await?;
            Ok(session as Session)
        })
    }

    fn prove<'a>(
        &'a self,
        store: &'a ConnectionStore,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Proof, CardError>> {
        Box::pin(store.prove_aws(AwsConnection::new(connection, self)))
    }
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
