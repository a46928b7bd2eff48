//! How an HTTP server knows us.

use std::fmt;

use flowrun_card::{CardError, Secret};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};

use super::check_server;
use crate::{
    SecretSource,
    definition::URL,
    file::scalar::{Scalar, one_of, yaml},
    kind::{Form, KeySpec, Pattern},
    secret::{SECRET, SecretSeed, refuse_scalars},
};

/// The longest text beside a secret, in bytes.
const MAX_TEXT_BYTES: usize = 1024;

/// How a server knows us, as files write it.
pub(super) const AUTH: Form = Form::Either(&[Form::Word(&["none"]), Form::OneKey(&WAYS)]);

const WAYS: [KeySpec; 4] = [
    KeySpec::required("basic", "by name and password", Form::Map(&BASIC)),
    KeySpec::required("bearer", "by a token", Form::Map(&BEARER)),
    KeySpec::required(
        "api_key",
        "by a key in a header or in the query",
        Form::Map(&API_KEY),
    ),
    KeySpec::required(
        "oauth2_client_credentials",
        "by a token that another server gives for an id and a secret",
        Form::Map(&OAUTH2),
    ),
];
const BASIC: [KeySpec; 2] = [
    KeySpec::required(
        "username",
        "the name",
        Form::Scalar(Pattern::new(r"^[^:\x00-\x1f\x7f-\x9f]+$", MAX_TEXT_BYTES)),
    ),
    KeySpec::required("password", "the password", SECRET),
];
const BEARER: [KeySpec; 1] = [KeySpec::required("token", "the token", SECRET)];
const API_KEY: [KeySpec; 3] = [
    KeySpec::optional(
        "header",
        "the header that it is sent in",
        Form::Scalar(Pattern::new("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", 128)),
    ),
    KeySpec::optional(
        "query",
        "the parameter of the query that it is sent in",
        TEXT,
    ),
    KeySpec::required("value", "the key", SECRET),
];
const OAUTH2: [KeySpec; 5] = [
    KeySpec::required("token_url", "where the token is asked for", Form::Text(URL)),
    KeySpec::required("client_id", "who asks", TEXT),
    KeySpec::required("client_secret", "the secret", SECRET),
    KeySpec::optional("scope", "what the token shall be good for", TEXT),
    KeySpec::optional("audience", "whom the token shall be good for", TEXT),
];
const TEXT: Form = Form::Scalar(Pattern::new(r"^[^\x00-\x1f\x7f-\x9f]+$", MAX_TEXT_BYTES));

/// How a server knows us. A certificate of ours may come on top.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Auth {
    /// It need not.
    #[default]
    None,
    /// By name and password. <https://www.rfc-editor.org/rfc/rfc7617>
    Basic {
        /// The name, without a colon.
        username: String,
        /// The password.
        password: SecretSource,
    },
    /// By a token. <https://www.rfc-editor.org/rfc/rfc6750>
    Bearer {
        /// The token.
        token: SecretSource,
    },
    /// By a key in a header or in the query.
    ApiKey {
        /// Where it is sent.
        place: ApiKeyPlace,
        /// The key.
        value: SecretSource,
    },
    /// By a token that another server gives for an id and a secret, and that is renewed.
    /// <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>
    OAuth2ClientCredentials {
        /// Where the token is asked for.
        token_url: String,
        /// Who asks.
        client_id: String,
        /// The secret.
        client_secret: SecretSource,
        /// What the token shall be good for.
        scope: Option<String>,
        /// Whom the token shall be good for, as some servers ask.
        audience: Option<String>,
    },
}

/// Where a server looks for a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiKeyPlace {
    /// In a header of this name.
    Header(String),
    /// In a parameter of the query of this name.
    Query(String),
}

/// What is sent to be known.
#[derive(Debug)]
pub(super) enum Credentials {
    None,
    Basic {
        username: String,
        password: Secret,
    },
    Bearer(Secret),
    ApiKey(ApiKeyPlace, Secret),
    OAuth2 {
        token_url: String,
        client_id: String,
        client_secret: Secret,
        scope: Option<String>,
        audience: Option<String>,
    },
}

impl Auth {
    /// Its name in files, such as `basic`.
    pub fn name(&self) -> &'static str {
        match self {
            Auth::None => "none",
            Auth::Basic { .. } => "basic",
            Auth::Bearer { .. } => "bearer",
            Auth::ApiKey { .. } => "api_key",
            Auth::OAuth2ClientCredentials { .. } => "oauth2_client_credentials",
        }
    }

    /// What is no secret about whom the server knows.
    pub fn who(&self) -> Option<&str> {
        match self {
            Auth::Basic { username, .. } => Some(username),
            Auth::OAuth2ClientCredentials { client_id, .. } => Some(client_id),
            Auth::None | Auth::Bearer { .. } | Auth::ApiKey { .. } => None,
        }
    }

    /// Checks what does not come from a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Auth::None | Auth::Bearer { .. } => Ok(()),
            Auth::Basic { username, .. } => check_username(username).map(drop),
            Auth::ApiKey { place, .. } => match place {
                ApiKeyPlace::Header(name) => check_header(name).map(drop),
                ApiKeyPlace::Query(name) => check_text(name).map(drop),
            },
            Auth::OAuth2ClientCredentials {
                token_url,
                client_id,
                scope,
                audience,
                ..
            } => {
                check_server(token_url)?;
                check_text(client_id)?;
                for text in [scope, audience].into_iter().flatten() {
                    check_text(text)?;
                }
                Ok(())
            }
        }
    }

    /// Where a token is asked for.
    pub(super) fn token_url(&self) -> Option<&str> {
        match self {
            Auth::OAuth2ClientCredentials { token_url, .. } => Some(token_url),
            _ => None,
        }
    }

    /// Its secret, and the path of the keys to it.
    pub(super) fn secret(&mut self) -> Option<(&'static str, &mut SecretSource)> {
        match self {
            Auth::None => None,
            Auth::Basic { password, .. } => Some(("auth.basic.password", password)),
            Auth::Bearer { token } => Some(("auth.bearer.token", token)),
            Auth::ApiKey { value, .. } => Some(("auth.api_key.value", value)),
            Auth::OAuth2ClientCredentials { client_secret, .. } => Some((
                "auth.oauth2_client_credentials.client_secret",
                client_secret,
            )),
        }
    }

    /// The same with its secret, which is read by field and source.
    pub(super) fn opened(
        &self,
        read: impl Fn(&str, &SecretSource) -> Result<Secret, CardError>,
    ) -> Result<Credentials, CardError> {
        let secret = match self.clone().secret() {
            Some((field, source)) => read(field, source)?,
            None => return Ok(Credentials::None),
        };
        Ok(match self.clone() {
            Auth::None => Credentials::None,
            Auth::Basic { username, .. } => Credentials::Basic {
                username,
                password: secret,
            },
            Auth::Bearer { .. } => Credentials::Bearer(secret),
            Auth::ApiKey { place, .. } => Credentials::ApiKey(place, secret),
            Auth::OAuth2ClientCredentials {
                token_url,
                client_id,
                scope,
                audience,
                ..
            } => Credentials::OAuth2 {
                token_url,
                client_id,
                client_secret: secret,
                scope,
                audience,
            },
        })
    }
}

/// As files write it, on one line.
impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Auth::None => f.write_str(name),
            Auth::Basic { username, password } => write!(
                f,
                "{{ {name}: {{ username: {}, password: {password} }} }}",
                yaml(username)
            ),
            Auth::Bearer { token } => write!(f, "{{ {name}: {{ token: {token} }} }}"),
            Auth::ApiKey { place, value } => {
                let (key, text) = match place {
                    ApiKeyPlace::Header(text) => ("header", text),
                    ApiKeyPlace::Query(text) => ("query", text),
                };
                write!(
                    f,
                    "{{ {name}: {{ {key}: {}, value: {value} }} }}",
                    yaml(text)
                )
            }
            Auth::OAuth2ClientCredentials {
                token_url,
                client_id,
                client_secret,
                scope,
                audience,
            } => {
                write!(
                    f,
                    "{{ {name}: {{ token_url: {}, client_id: {}, client_secret: {client_secret}",
                    yaml(token_url),
                    yaml(client_id)
                )?;
                for (key, text) in [("scope", scope), ("audience", audience)] {
                    if let Some(text) = text {
                        write!(f, ", {key}: {}", yaml(text))?;
                    }
                }
                f.write_str(" } }")
            }
        }
    }
}

/// Reads an [`Auth`].
pub(super) struct AuthSeed;

impl AuthSeed {
    /// What stands there may be a secret.
    fn plain<E: Error>(&self) -> E {
        E::custom("`auth` is `none`, or one way such as `{ bearer: { token: { env: NAME } } }`")
    }
}

impl<'de> DeserializeSeed<'de> for AuthSeed {
    type Value = Auth;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Auth, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AuthSeed {
    type Value = Auth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`none`, or one way such as `{ bearer: { token: { env: NAME } } }`")
    }

    refuse_scalars! { Auth:
        visit_bool bool, visit_i64 i64, visit_i128 i128, visit_u64 u64, visit_u128 u128,
        visit_f64 f64
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Auth, E> {
        if text == "none" {
            Ok(Auth::None)
        } else {
            Err(self.plain())
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Auth, A::Error> {
        let way = entries.next_key_seed(Scalar::new("a way to be known", |text| {
            one_of(text, &KeySpec::names(&WAYS), "a way to be known")
        }))?;
        let way = way.ok_or_else(|| A::Error::custom("`auth` says no way to be known"))?;
        let auth = entries.next_value_seed(WaySeed(way))?;
        match entries.next_key::<String>()? {
            None => Ok(auth),
            Some(_) => Err(A::Error::custom("`auth` has more than one way to be known")),
        }
    }
}

/// The keys of a way, in the order in which they are written.
fn keys_of(way: &str) -> &'static [KeySpec] {
    match way {
        "basic" => &BASIC,
        "bearer" => &BEARER,
        "api_key" => &API_KEY,
        _ => &OAUTH2,
    }
}

struct WaySeed(&'static str);

impl<'de> DeserializeSeed<'de> for WaySeed {
    type Value = Auth;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Auth, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl WaySeed {
    /// What stands there may be a secret.
    fn plain<E: Error>(&self) -> E {
        let keys: Vec<String> = keys_of(self.0)
            .iter()
            .map(|key| format!("`{}`", key.name))
            .collect();
        E::custom(format_args!("`{}` is a map of {}", self.0, keys.join(", ")))
    }
}

impl<'de> Visitor<'de> for WaySeed {
    type Value = Auth;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map of the keys of `{}`", self.0)
    }

    refuse_scalars!(Auth);

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Auth, A::Error> {
        let way = self.0;
        let keys = KeySpec::names(keys_of(way));
        let mut texts: Vec<(&str, String)> = Vec::new();
        let mut secret = None;
        while let Some(key) = entries.next_key_seed(Scalar::new("a key", |text| {
            one_of(text, &keys, &format!("a key of `{way}`"))
        }))? {
            let twice = || A::Error::custom(format_args!("the key `{key}` stands twice"));
            let is_secret = |spec: &KeySpec| spec.name == key && spec.form == SECRET;
            if keys_of(way).iter().any(is_secret) {
                let source = entries.next_value_seed(SecretSeed(key))?;
                if secret.replace(source).is_some() {
                    return Err(twice());
                }
                continue;
            }
            let text = entries.next_value_seed(Scalar::new("text", |text| match key {
                "username" => check_username(text),
                "header" => check_header(text),
                "token_url" => check_server(text),
                _ => check_text(text),
            }))?;
            if texts.iter().any(|(known, _)| *known == key) {
                return Err(twice());
            }
            texts.push((key, text));
        }
        let mut take = |key: &str| {
            let at = texts.iter().position(|(known, _)| *known == key)?;
            Some(texts.swap_remove(at).1)
        };
        let missing =
            |key: &str| A::Error::custom(format_args!("the key `{key}` of `{way}` is missing"));
        let secret = |key: &str| secret.ok_or_else(|| missing(key));
        Ok(match way {
            "basic" => Auth::Basic {
                username: take("username").ok_or_else(|| missing("username"))?,
                password: secret("password")?,
            },
            "bearer" => Auth::Bearer {
                token: secret("token")?,
            },
            "api_key" => Auth::ApiKey {
                place: match (take("header"), take("query")) {
                    (Some(name), None) => ApiKeyPlace::Header(name),
                    (None, Some(name)) => ApiKeyPlace::Query(name),
                    _ => {
                        return Err(A::Error::custom(
                            "`api_key` says one of `header` and `query`: the name by which the \
                             key is sent",
                        ));
                    }
                },
                value: secret("value")?,
            },
            _ => Auth::OAuth2ClientCredentials {
                token_url: take("token_url").ok_or_else(|| missing("token_url"))?,
                client_id: take("client_id").ok_or_else(|| missing("client_id"))?,
                client_secret: secret("client_secret")?,
                scope: take("scope"),
                audience: take("audience"),
            },
        })
    }
}

fn check_text(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "a text here has 1 to {MAX_TEXT_BYTES} bytes and no control character"
        ))
    }
}

fn check_username(text: &str) -> Result<String, String> {
    // It would end there for the server.
    if text.contains(':') {
        return Err("a `username` has no colon".to_owned());
    }
    check_text(text)
}

fn check_header(text: &str) -> Result<String, String> {
    let is_name = (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if is_name {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not the name of a header, such as `X-Api-Key`",
            text.escape_debug()
        ))
    }
}
