//! `flowrun connections new --kind http`: a server that speaks HTTP, from its URL to its proof; and
//! what `edit` changes of one.

use std::path::PathBuf;

use clap::ValueEnum as _;
use flowrun_card::Secret;
use flowrun_connections::{
    ApiKeyPlace, Auth, Edit, HttpDefinition, SecretSource, save_sealed, with_sealed,
};

use super::{
    Asker, ask,
    new::{Made, begun, invalid, say_saved},
    share::{say_readers, told, typed},
    test, write,
};
use crate::{
    args::{AuthName, HttpArguments, NewConnection, PlaceArguments, TrustBy},
    exit::Exit,
    identity::identities,
    render::{self, plain},
};

/// What is wrong with options of the other kind.
pub(super) const OF_AWS: &str =
    "options of roles, regions, endpoints and access keys are for connections of kind `aws_s3`";
pub(super) const OF_HTTP: &str =
    "options of URLs, `--auth` and certificates are for connections of kind `http`";

/// The field of the key of our certificate.
const PRIVATE_KEY: &str = "private_key";

/// The secrets that were typed, or piped in, by their fields.
#[derive(Default)]
pub(super) struct Typed(Vec<(&'static str, Secret)>);

impl Typed {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, field: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == field)
    }

    pub(super) fn secrets(&self) -> Vec<(&str, &Secret)> {
        let secrets = self.0.iter();
        secrets.map(|(field, secret)| (*field, secret)).collect()
    }

    /// Takes a secret in. What stands for it until it is sealed is nothing that opens.
    fn add(&mut self, field: &'static str, secret: Secret) -> SecretSource {
        self.0.push((field, secret));
        SecretSource::Sealed(String::new())
    }
}

/// Makes a connection: one that works is saved.
pub(super) fn make(asker: &Asker, arguments: &NewConnection) -> Result<Made, Exit> {
    let place = &arguments.place;
    let is_of_aws = arguments.role_arn.is_some()
        || arguments.no_role
        || arguments.adopt_external_id.is_some()
        || arguments.trust == TrustBy::Principal
        || arguments.by.account_id.is_some()
        || !arguments.by.principals.is_empty()
        || arguments.make_sandbox
        || !arguments.role.flows.is_empty()
        || place.is_of_aws();
    if is_of_aws {
        return Err(invalid(OF_AWS));
    }
    let mut connection = begun(asker, arguments)?;
    let http = &arguments.http;
    let url = match &http.url {
        Some(url) => url.clone(),
        None if ask::is_possible() => {
            ask::ask_until("URL, such as https://api.example.com/v1", |text| {
                HttpDefinition::at(text, None).map(|_| text.to_owned())
            })?
        }
        None => {
            render::error("the URL is missing", Some("give it: `--url URL`"));
            return Err(Exit::Invalid);
        }
    };
    let begun =
        HttpDefinition::at(&url, http.test_path.as_deref()).map_err(|problem| invalid(&problem))?;
    let (definition, typed) = answered(&begun, http, place, ask::is_possible())?;
    connection.definition = definition.into();
    connection.check().map_err(|problem| invalid(&problem))?;
    let proven = match typed.is_empty() {
        true => connection.clone(),
        false => with_sealed(&connection, &typed.secrets(), &identities())
            .map_err(|error| told(&error))?,
    };
    let proof = asker.prove(&proven).map_err(|failure| {
        plain::print(&plain::card_failure(&failure));
        Exit::Connection
    })?;
    plain::print(test::told(&connection, &proof).trim_end());
    if let Some(failure) = test::failure_of(&connection, &proof.verdict) {
        plain::print(&plain::card_failure(&failure));
        return Err(Exit::Connection);
    }
    let readers = if typed.is_empty() {
        write(&connection.file, &Edit::Add(&connection))?;
        None
    } else {
        let saved = save_sealed(None, &connection, &typed.secrets(), &identities());
        Some(saved.map_err(|error| told(&error))?)
    };
    test::remember(&connection, &proof);
    say_saved(&connection);
    if let Some(readers) = readers {
        say_readers(asker, &readers);
    }
    Ok(Made::Ready)
}

/// A server with what the arguments say of it.
pub(super) fn edited(
    was: &HttpDefinition,
    arguments: &HttpArguments,
    place: &PlaceArguments,
) -> Result<(HttpDefinition, Typed), Exit> {
    let url = arguments.url.as_ref().unwrap_or(&was.url);
    let path = arguments.test_path.as_ref().or(was.test_path.as_ref());
    let at = HttpDefinition::at(url, path.map(String::as_str));
    let moved = HttpDefinition {
        url: at.map_err(|problem| invalid(&problem))?.url,
        test_path: path.cloned(),
        ..was.clone()
    };
    answered(&moved, arguments, place, false)
}

/// The definition with what the arguments say of all but its URL, and, where somebody is asked, the
/// answers.
fn answered(
    was: &HttpDefinition,
    arguments: &HttpArguments,
    place: &PlaceArguments,
    asks: bool,
) -> Result<(HttpDefinition, Typed), Exit> {
    let mut typed = Typed::default();
    // Who says how the server knows us says all that there is to say of it.
    let asks_all = asks && arguments.auth.is_none();
    let name = match arguments.auth {
        Some(name) => name,
        None if asks => ask_auth()?,
        None => name_of(&was.auth),
    };
    let auth = auth(name, &was.auth, arguments, asks, asks_all, &mut typed)?;
    let certificate = match &arguments.certificate {
        Some(path) => Some(path.clone()),
        None if asks_all && arguments.private_key.is_none() => {
            let path = ask::ask("your certificate, a PEM file, for mutual TLS (Enter: none)")?;
            (!path.is_empty()).then(|| PathBuf::from(path))
        }
        None => was.certificate.clone(),
    };
    let private_key = match arguments.private_key.as_deref() {
        Some(source) => Some(given(source, PRIVATE_KEY, &mut typed)?),
        None if asks && certificate.is_some() => Some(ask::ask_until(
            "where its key is: `env:NAME` or `file:PATH`",
            SecretSource::parse_argument,
        )?),
        None => was.private_key.clone(),
    };
    let definition = HttpDefinition {
        auth,
        certificate,
        private_key,
        ca: place.ca.clone().or_else(|| was.ca.clone()),
        allow: match place.allow.is_empty() {
            true => was.allow.clone(),
            false => place.allow.clone(),
        },
        ..was.clone()
    };
    Ok((definition, typed))
}

fn ask_auth() -> Result<AuthName, Exit> {
    let question = "how it knows us: `basic` (name and password), `bearer` (a token), `api_key` or \
                    `oauth2_client_credentials` (Enter: it need not)";
    ask::ask_until(question, |text| match text {
        "" => Ok(AuthName::None),
        text => AuthName::from_str(text, false)
            .map_err(|_| format!("`{}` is none of these", text.escape_debug())),
    })
}

fn name_of(auth: &Auth) -> AuthName {
    AuthName::from_str(auth.name(), false).unwrap_or(AuthName::None)
}

/// A secret by an argument: where it is, or typed here.
fn given(argument: &str, field: &'static str, typed: &mut Typed) -> Result<SecretSource, Exit> {
    if argument == "sealed" {
        let secret = self::typed(&format!("`{field}`"))?;
        return Ok(typed.add(field, secret));
    }
    SecretSource::parse_argument(argument)
        .map_err(|problem| invalid(&format!("{problem}; or `sealed`, and it is asked for")))
}

/// Asks for a secret: where it is, or it itself.
fn ask_secret(what: &str, field: &'static str, typed: &mut Typed) -> Result<SecretSource, Exit> {
    let question = format!(
        "where {what} is: `env:NAME` or `file:PATH` (Enter: type it, and it is sealed in the file)"
    );
    let source = ask::ask_until(&question, |text| match text {
        "" => Ok(None),
        text => SecretSource::parse_argument(text).map(Some),
    })?;
    if let Some(source) = source {
        return Ok(source);
    }
    loop {
        let secret = self::typed(what)?;
        if !secret.expose().is_empty() {
            return Ok(typed.add(field, secret));
        }
        render::error("nothing was typed", None);
    }
}

/// How the server knows us, by the arguments and the answers; what they leave out is as it was.
fn auth(
    name: AuthName,
    was: &Auth,
    arguments: &HttpArguments,
    asks: bool,
    asks_all: bool,
    typed: &mut Typed,
) -> Result<Auth, Exit> {
    refuse_others(name, arguments)?;
    let kept = (name_of(was) == name).then_some(was);
    let kept_secret = kept.cloned().and_then(secret_of);
    let mut secret = |what: &str, field: &'static str| match (&arguments.secret, &kept_secret) {
        (Some(argument), _) => given(argument, field, typed),
        (None, Some(source)) => Ok(source.clone()),
        (None, None) if asks => ask_secret(what, field, typed),
        (None, None) => Err(missing("--secret")),
    };
    let text = |given: &Option<String>, kept: Option<&String>, option: &str, what: &str| match given
        .as_ref()
        .or(kept)
    {
        Some(text) => Ok(text.clone()),
        None if asks => ask::ask_until(what, |text| match text {
            "" => Err("nothing was typed".to_owned()),
            text => Ok(text.to_owned()),
        }),
        None => Err(missing(option)),
    };
    // What some servers ask for is asked for where all is.
    let extra =
        |given: &Option<String>, kept: Option<&String>, what: &str| match given.as_ref().or(kept) {
            Some(text) => Ok(Some(text.clone())),
            None if asks_all => ask::ask(what).map(|text| (!text.is_empty()).then_some(text)),
            None => Ok(None),
        };
    let auth = match name {
        AuthName::None => Auth::None,
        AuthName::Basic => Auth::Basic {
            username: text(
                &arguments.username,
                kept.and_then(|kept| match kept {
                    Auth::Basic { username, .. } => Some(username),
                    _ => None,
                }),
                "--username",
                "user name",
            )?,
            password: secret("the password", "auth.basic.password")?,
        },
        AuthName::Bearer => Auth::Bearer {
            token: secret("the token", "auth.bearer.token")?,
        },
        AuthName::ApiKey => Auth::ApiKey {
            place: match (&arguments.header, &arguments.query, kept) {
                (Some(name), _, _) => ApiKeyPlace::Header(name.clone()),
                (None, Some(name), _) => ApiKeyPlace::Query(name.clone()),
                (None, None, Some(Auth::ApiKey { place, .. })) => place.clone(),
                _ if asks => ask::ask_until(
                    "the header that carries the key, such as X-Api-Key, or `?NAME` for a \
                     parameter of the query",
                    api_key_place,
                )?,
                _ => return Err(missing("--header")),
            },
            value: secret("the key", "auth.api_key.value")?,
        },
        AuthName::OAuth2ClientCredentials => {
            let (url, id, was_scope, was_audience) = match kept {
                Some(Auth::OAuth2ClientCredentials {
                    token_url,
                    client_id,
                    scope,
                    audience,
                    ..
                }) => (
                    Some(token_url),
                    Some(client_id),
                    scope.as_ref(),
                    audience.as_ref(),
                ),
                _ => (None, None, None, None),
            };
            Auth::OAuth2ClientCredentials {
                token_url: text(
                    &arguments.token_url,
                    url,
                    "--token-url",
                    "URL that gives tokens, such as https://login.example.com/oauth2/token",
                )?,
                client_id: text(&arguments.client_id, id, "--client-id", "client id")?,
                client_secret: secret(
                    "the client secret",
                    "auth.oauth2_client_credentials.client_secret",
                )?,
                scope: extra(&arguments.scope, was_scope, "scope (Enter: none)")?,
                audience: extra(&arguments.audience, was_audience, "audience (Enter: none)")?,
            }
        }
    };
    auth.check().map_err(|problem| invalid(&problem))?;
    Ok(auth)
}

fn api_key_place(text: &str) -> Result<ApiKeyPlace, String> {
    let place = match text.strip_prefix('?') {
        Some(name) => ApiKeyPlace::Query(name.to_owned()),
        None => ApiKeyPlace::Header(text.to_owned()),
    };
    let auth = Auth::ApiKey {
        place: place.clone(),
        value: SecretSource::Sealed(String::new()),
    };
    auth.check().map(|()| place)
}

fn secret_of(auth: Auth) -> Option<SecretSource> {
    match auth {
        Auth::Basic { password, .. } => Some(password),
        Auth::Bearer { token } => Some(token),
        Auth::ApiKey { value, .. } => Some(value),
        Auth::OAuth2ClientCredentials { client_secret, .. } => Some(client_secret),
        _ => None,
    }
}

fn missing(option: &str) -> Exit {
    invalid(&format!("`{option}` is missing, which this `--auth` needs"))
}

/// Refuses options that say nothing of this way to be known.
fn refuse_others(name: AuthName, arguments: &HttpArguments) -> Result<(), Exit> {
    let known: &[&str] = match name {
        AuthName::None => &[],
        AuthName::Basic => &["--username", "--secret"],
        AuthName::Bearer => &["--secret"],
        AuthName::ApiKey => &["--header", "--query", "--secret"],
        AuthName::OAuth2ClientCredentials => &[
            "--token-url",
            "--client-id",
            "--scope",
            "--audience",
            "--secret",
        ],
    };
    let given = [
        ("--username", &arguments.username),
        ("--header", &arguments.header),
        ("--query", &arguments.query),
        ("--token-url", &arguments.token_url),
        ("--client-id", &arguments.client_id),
        ("--scope", &arguments.scope),
        ("--audience", &arguments.audience),
        ("--secret", &arguments.secret),
    ];
    let other = given
        .iter()
        .find(|(option, value)| value.is_some() && !known.contains(option));
    match (other, name.to_possible_value()) {
        (Some((option, _)), Some(name)) => Err(invalid(&format!(
            "`{option}` says nothing with `--auth {}`",
            name.get_name()
        ))),
        _ => Ok(()),
    }
}
