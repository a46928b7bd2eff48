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
    attribution::{SOURCE_IDENTITY, SourceIdentitySeed, TAGS, TagsSeed, tags_value},
    definition::{
        ACCESS_KEY_ID, ENDPOINT, EXTERNAL_ID, REGION, ROLE_ARN, SENTENCE, check_acceptance,
        check_access_key_id, check_external_id, check_region, is_clear, partition_of,
    },
    file::scalar::{Scalar, one_of, yaml},
    guard::{ALLOW, AllowSeed, allow_value, check_literal},
    kind::{Form, KeySpec, Kind, KindSpec, Opening, Pattern, SecretField, Session},
    secret::{PATH, SECRET, SecretSeed, check_path},
};

impl Kind for AwsS3Definition {
    const SPEC: KindSpec = KindSpec {
        name: AwsS3::NAME,
        about: "S3 on AWS, under an IAM role or keys, and other servers that speak S3",
        keys: &[
            KeySpec::optional("role_arn", "the IAM role to assume", Form::Text(ROLE_ARN)),
            KeySpec::optional(
                "external_id",
                "what the trust policy of the role asks for, made by flowrun",
                Form::Scalar(EXTERNAL_ID),
            ),
            KeySpec::optional(
                "next_external_id",
                "the External ID that takes its place while it is rotated",
                Form::Scalar(EXTERNAL_ID),
            ),
            KeySpec::optional(
                "trust",
                "`principal` for a role that asks for no External ID",
                Form::Word(&TRUSTS),
            ),
            KeySpec::optional(
                "accept_unsafe",
                "why the role is used although it lets others in",
                Form::Text(SENTENCE),
            ),
            KeySpec::optional(
                "session_policy",
                "`off` where runs shall use the whole role",
                Form::Word(&ON_OFF),
            ),
            KeySpec::optional(
                "source_identity",
                "who stands behind its sessions, or `{ env: NAME }`",
                SOURCE_IDENTITY,
            ),
            KeySpec::optional(
                "session_tags",
                "tags of its sessions; `{flow}` and `{run}` stand for those of the run",
                TAGS,
            ),
            KeySpec::optional(
                "region",
                "the region; else that of the base credentials",
                Form::Text(REGION),
            ),
            KeySpec::optional(
                "endpoint",
                "the URL of another server, or `sandbox`",
                Form::Text(ENDPOINT),
            ),
            KeySpec::optional(
                "ca",
                "a PEM file of the authorities that the server's certificate may come from",
                Form::Scalar(PATH),
            ),
            KeySpec::optional(
                "allow",
                "names, addresses and networks that are not public, to which requests may go",
                ALLOW,
            ),
            KeySpec::optional("fips", "`true` for AWS's FIPS endpoints", Form::Switch),
            KeySpec::optional(
                "dual_stack",
                "`true` for AWS's dual-stack endpoints",
                Form::Switch,
            ),
            KeySpec::optional(
                "base",
                "which credentials assume the role, or are used as they are",
                BASE,
            ),
            KeySpec::optional(
                "access_key_id",
                "an access key, in place of `base`",
                Form::Scalar(ACCESS_KEY_ID),
            ),
            KeySpec::optional("secret_access_key", "its secret", SECRET),
            KeySpec::optional(
                "session_token",
                "its session token, where it is temporary",
                SECRET,
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
                    one_of(text, &TRUSTS, "a trust").map(drop)
                }))?;
                self.trust = Trust::Principal;
            }
            "accept_unsafe" => {
                self.accept_unsafe =
                    Some(entries.next_value_seed(Scalar::new("a sentence", check_acceptance))?);
            }
            "session_policy" => {
                self.session_policy = entries
                    .next_value_seed(Scalar::new("`on` or `off`", |text| {
                        one_of(text, &ON_OFF, "a session policy").map(|word| word == "on")
                    }))?;
            }
            "source_identity" => {
                self.source_identity = Some(entries.next_value_seed(SourceIdentitySeed)?);
            }
            "session_tags" => self.session_tags = entries.next_value_seed(TagsSeed)?,
            "region" => {
                self.region = Some(entries.next_value_seed(Scalar::new("a region", check_region))?);
            }
            "endpoint" => {
                self.endpoint =
                    entries.next_value_seed(Scalar::new("a URL or `sandbox`", Endpoint::parse))?;
            }
            "ca" => self.ca = Some(entries.next_value_seed(Scalar::new("a path", check_path))?),
            "allow" => self.allow = entries.next_value_seed(AllowSeed)?,
            "fips" => self.fips = entries.next_value_seed(switch())?,
            "dual_stack" => self.dual_stack = entries.next_value_seed(switch())?,
            "base" => {
                self.base = match (self.base.clone(), entries.next_value_seed(BaseSeed)?) {
                    (Base::Keys, _) => return Err(A::Error::custom(BASE_AND_KEYS)),
                    (_, base) => base,
                };
            }
            // The rest is the access key.
            key => {
                if !matches!(self.base, Base::Default | Base::Keys) {
                    return Err(A::Error::custom(BASE_AND_KEYS));
                }
                self.base = Base::Keys;
                match key {
                    "access_key_id" => {
                        let id = Scalar::new("an access key id", check_access_key_id);
                        self.access_key_id = Some(entries.next_value_seed(id)?);
                    }
                    "secret_access_key" => {
                        self.secret_access_key = Some(entries.next_value_seed(SecretSeed(key))?);
                    }
                    _ => self.session_token = Some(entries.next_value_seed(SecretSeed(key))?),
                }
            }
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
        let is_attributed = self.source_identity.is_some() || !self.session_tags.is_empty();
        if is_attributed && !has_role {
            return Err(
                "`source_identity` and `session_tags` are about the sessions of a role, and there \
                 is no `role_arn`"
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
        self.check_keys()?;
        if let Some(key) = [("fips", self.fips), ("dual_stack", self.dual_stack)]
            .iter()
            .find_map(|(key, is_on)| is_on.then_some(key))
            && self.endpoint != Endpoint::Aws
        {
            return Err(format!(
                "`{key}` chooses among AWS's endpoints, and there is an `endpoint`"
            ));
        }
        let is_tls = match &self.endpoint {
            Endpoint::Aws => true,
            Endpoint::Url(url) => url.starts_with("https:"),
            Endpoint::Sandbox => false,
        };
        if self.ca.is_some() && !is_tls {
            return Err("`ca` is for servers with a certificate, which `https` has".to_owned());
        }
        match &self.endpoint {
            Endpoint::Url(url) => check_literal(url, &self.allow)?,
            Endpoint::Aws | Endpoint::Sandbox if self.allow.is_empty() => {}
            _ => return Err("`allow` is about the URL of `endpoint`, and there is none".to_owned()),
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
            self.source_identity.as_ref().map(ToString::to_string),
            tags_value(&self.session_tags),
            of(&self.region),
            match &self.endpoint {
                Endpoint::Aws => None,
                Endpoint::Url(url) => Some(yaml(url)),
                Endpoint::Sandbox => Some("sandbox".to_owned()),
            },
            self.ca.as_ref().map(|path| yaml(&path.to_string_lossy())),
            allow_value(&self.allow),
            self.fips.then(|| "true".to_owned()),
            self.dual_stack.then(|| "true".to_owned()),
            match &self.base {
                Base::Default | Base::Keys => None,
                Base::Environment => Some("environment".to_owned()),
                Base::Profile(name) => Some(format!("{{ profile: {} }}", yaml(name))),
                Base::Sandbox => Some("sandbox".to_owned()),
            },
            of(&self.access_key_id),
            self.secret_access_key.as_ref().map(ToString::to_string),
            self.session_token.as_ref().map(ToString::to_string),
        ]
    }

    fn proven(&self) -> Json {
        json!([
            self.role_arn.as_ref().map(|role| role.as_str()),
            self.external_id,
            self.trust == Trust::Principal,
            self.endpoint.to_string(),
            match self.base {
                // Another key is another identity.
                Base::Keys => self.access_key_id.clone().unwrap_or_default(),
                _ => self.base.to_string(),
            },
        ])
    }

    fn secrets(&mut self) -> Vec<SecretField<'_>> {
        let destination = self.endpoint.destination();
        [
            ("secret_access_key", &mut self.secret_access_key),
            ("session_token", &mut self.session_token),
        ]
        .into_iter()
        .filter_map(|(field, source)| {
            Some(SecretField {
                field,
                destination: destination.clone(),
                source: source.as_mut()?,
            })
        })
        .collect()
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

impl AwsS3Definition {
    /// The rules of the access key.
    fn check_keys(&self) -> Result<(), String> {
        let has = [
            self.access_key_id.is_some(),
            self.secret_access_key.is_some(),
        ];
        match (&self.base, has) {
            (Base::Keys, [true, true]) => {}
            (Base::Keys, [true, false]) => {
                return Err("`access_key_id` needs a `secret_access_key`".to_owned());
            }
            (Base::Keys, [false, _]) => {
                return Err(
                    "`secret_access_key` and `session_token` need an `access_key_id`".to_owned(),
                );
            }
            (_, [false, false]) if self.session_token.is_none() => {}
            _ => return Err(BASE_AND_KEYS.to_owned()),
        }
        match &self.endpoint {
            Endpoint::Url(url) if self.session_token.is_some() && is_clear(url) => Err(
                "a `session_token` needs an `https` endpoint, because it is sent along, and would \
                 cross the network in the clear"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

const TRUSTS: [&str; 1] = ["principal"];
const ON_OFF: [&str; 2] = ["on", "off"];
const BASES: [&str; 3] = ["default", "environment", "sandbox"];
const BASE: Form = Form::Either(&[
    Form::Word(&BASES),
    Form::Map(&[KeySpec::required(
        "profile",
        "a profile of the AWS configuration",
        Form::Scalar(Pattern::new(r"\S", usize::MAX)),
    )]),
]);

const BASE_AND_KEYS: &str = "`access_key_id` takes the place of `base`, and there are both";

/// `true` or `false`.
fn switch() -> Scalar<impl FnOnce(&str) -> Result<bool, String>> {
    Scalar::new("`true` or `false`", |text| {
        one_of(text, &["true", "false"], "a switch").map(|word| word == "true")
    })
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
        let known = [BASES.as_slice(), &["{ profile: NAME }"]].concat();
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
