//! The kind `http`: a server that speaks HTTP, its credentials, and how one of it is opened and
//! proven.

mod auth;
mod client;
mod oauth;
mod session;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use flowrun_card::{BoxFuture, CardError, ConnectionKind, ErrorKind};
use serde::de::MapAccess;
use serde_json::{Value as Json, json};

use self::{
    auth::{AUTH, AuthSeed},
    client::client,
};
pub use self::{
    auth::{ApiKeyPlace, Auth},
    session::{HttpRequest, HttpResponse, HttpSession, MAX_BODY_BYTES, Method, StatusCode},
};
use crate::{
    Allowed, Connection, ConnectionStore, Endpoint, Proof, SecretPlace, SecretSource,
    definition::{URL, check_url, is_clear, origin_of},
    file::scalar::{Scalar, yaml},
    guard::{ALLOW, AllowSeed, allow_value, check_literal},
    kind::{Form, KeySpec, Kind, KindSpec, Opening, Pattern, SecretField, Session},
    secret::{PATH, SECRET, SecretSeed, check_path},
    tls::vouched,
};

/// The connection kind `http`: a server that speaks HTTP.
#[derive(Clone, Copy, Debug)]
pub enum Http {}

impl ConnectionKind for Http {
    const NAME: &'static str = "http";
    type Session = HttpSession;
}

/// What a connection of kind `http` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HttpDefinition {
    /// Where the server is, with the path that all requests start with: without `/` at its end.
    pub url: String,
    /// How it knows us.
    pub auth: Auth,
    /// The file of our certificate and those above it, in PEM, where the server asks for one;
    /// relative to the folder of the connection file.
    pub certificate: Option<PathBuf>,
    /// The key of the certificate, in PEM.
    pub private_key: Option<SecretSource>,
    /// A file of the certificates of the only authorities that the server's certificate may come
    /// from, in PEM, relative to the folder of the connection file.
    pub ca: Option<PathBuf>,
    /// What requests may go to although it is not public.
    pub allow: Vec<Allowed>,
    /// The path under the URL that a test asks for, in place of the URL itself.
    pub test_path: Option<String>,
}

impl HttpDefinition {
    /// A server, and what a test of it asks for, with nothing else set.
    ///
    /// # Errors
    /// Where the URL or the path is none.
    pub fn at(url: &str, test_path: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            url: check_server(url)?,
            test_path: test_path.map(check_test_path).transpose()?,
            ..Self::default()
        })
    }

    /// Its secrets, to be looked at or changed.
    pub fn secrets(&mut self) -> Vec<SecretField<'_>> {
        Kind::secrets(self)
    }

    /// All URLs that requests go to.
    fn urls(&self) -> Vec<&str> {
        let mut urls = vec![self.url.as_str()];
        urls.extend(self.auth.token_url());
        urls
    }

    /// Whom the secret of `auth` is for. What a token server gives for it is worth as much, so that
    /// the server that gets that counts, too.
    fn destination_of_auth(&self) -> String {
        let origin = origin_of(&self.url);
        match self.auth.token_url().map(origin_of) {
            Some(token_origin) if token_origin != origin => format!("{token_origin} for {origin}"),
            _ => origin,
        }
    }

    /// Opens what requests are made with.
    async fn session(
        &self,
        store: &ConnectionStore,
        connection: &Connection,
    ) -> Result<HttpSession, CardError> {
        let named = |failure: CardError| failure.context("connection", &connection.nickname);
        let secrets = &store.bases.secrets;
        let origin = origin_of(&self.url);
        let read = |field: &str, destination: &str, source: &SecretSource| {
            let ca = self.ca.as_deref();
            let destination = &vouched(destination.to_owned(), &connection.file, ca);
            let place = SecretPlace {
                file: &connection.file,
                nickname: &connection.nickname,
                field,
                destination,
            };
            secrets.read(source, &place).map_err(named)
        };
        let key = match &self.private_key {
            Some(key) => Some(read("private_key", &origin, key)?),
            None => None,
        };
        let client = client(self, connection, key, store.bases.lookup.clone()).map_err(named)?;
        let whom = self.destination_of_auth();
        let auth = self
            .auth
            .opened(|field, source| read(field, &whom, source))?;
        let session = HttpSession::new(
            &connection.nickname,
            &self.url,
            client,
            auth,
            store.time.clone(),
            secrets.redactor.clone(),
        )?;
        // What is wrong shows here, not in the first request of a card.
        session.sign_in().await?;
        Ok(session)
    }
}

impl Kind for HttpDefinition {
    const SPEC: KindSpec = KindSpec {
        name: Http::NAME,
        about: "a server that speaks HTTP",
        keys: &[
            KeySpec::required(
                "url",
                "where the server is, such as `https://api.example.com/v1`",
                Form::Text(URL),
            ),
            KeySpec::optional(
                "auth",
                "how it knows us: `none`, `basic`, `bearer`, `api_key` or \
                 `oauth2_client_credentials`",
                AUTH,
            ),
            KeySpec::optional(
                "certificate",
                "a PEM file of our certificate, for mutual TLS",
                Form::Scalar(PATH),
            ),
            KeySpec::optional("private_key", "the key of the certificate, in PEM", SECRET),
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
            KeySpec::optional(
                "test_path",
                "the path under the URL that a test asks for",
                Form::Text(TEST_PATH),
            ),
        ],
    };

    fn read<'de, A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        match key {
            "url" => self.url = entries.next_value_seed(Scalar::new("a URL", check_server))?,
            "auth" => self.auth = entries.next_value_seed(AuthSeed)?,
            "certificate" => {
                self.certificate =
                    Some(entries.next_value_seed(Scalar::new("a path", check_path))?);
            }
            "private_key" => {
                self.private_key = Some(entries.next_value_seed(SecretSeed("private_key"))?);
            }
            "ca" => self.ca = Some(entries.next_value_seed(Scalar::new("a path", check_path))?),
            "allow" => self.allow = entries.next_value_seed(AllowSeed)?,
            _ => {
                let path = Scalar::new("a path under the URL", check_test_path);
                self.test_path = Some(entries.next_value_seed(path)?);
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        if self.url.is_empty() {
            return Err(
                "the key `url` is missing, such as `url: https://api.example.com`".to_owned(),
            );
        }
        if self.certificate.is_some() != self.private_key.is_some() {
            return Err(
                "`certificate` and `private_key` go together, and there is only one of them"
                    .to_owned(),
            );
        }
        let is_tls = self.url.starts_with("https:");
        if (self.ca.is_some() || self.certificate.is_some()) && !is_tls {
            return Err(
                "`ca` and `certificate` are for servers with a certificate, which `https` has"
                    .to_owned(),
            );
        }
        for url in self.urls() {
            check_literal(url, &self.allow)?;
            if is_clear(url) && self.auth != Auth::None {
                return Err(
                    "`auth` needs an `https` URL, because the credentials would cross the network \
                     in the clear"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }

    fn values(&self) -> Vec<Option<String>> {
        let path = |path: &PathBuf| yaml(&path.to_string_lossy());
        vec![
            Some(yaml(&self.url)),
            (self.auth != Auth::None).then(|| self.auth.to_string()),
            self.certificate.as_ref().map(path),
            self.private_key.as_ref().map(ToString::to_string),
            self.ca.as_ref().map(path),
            allow_value(&self.allow),
            self.test_path.as_deref().map(yaml),
        ]
    }

    fn proven(&self) -> Json {
        json!([
            Http::NAME,
            self.url,
            self.auth.name(),
            self.auth.who(),
            self.certificate,
            self.test_path,
        ])
    }

    fn secrets(&mut self) -> Vec<SecretField<'_>> {
        let origin = origin_of(&self.url);
        let destination = self.destination_of_auth();
        let of_auth = self.auth.secret();
        let of_auth = of_auth.map(|(field, source)| SecretField {
            field,
            destination,
            source,
        });
        let key = self.private_key.as_mut().map(|source| SecretField {
            field: "private_key",
            destination: origin,
            source,
        });
        of_auth.into_iter().chain(key).collect()
    }

    fn open<'a>(&'a self, opening: Opening<'a>) -> BoxFuture<'a, Result<Session, CardError>> {
        Box::pin(async move {
            let Opening {
                store,
                connection,
                scope,
                ..
            } = opening;
            if scope.session_policy().is_some() {
                return Err(CardError::new(
                    ErrorKind::Connection,
                    "a session policy needs a role, and the connection has none",
                )
                .context("connection", &connection.nickname));
            }
            let session = self.session(store, connection).await?;
            Ok(std::sync::Arc::new(session) as Session)
        })
    }

    fn prove<'a>(
        &'a self,
        store: &'a ConnectionStore,
        connection: &'a Connection,
    ) -> BoxFuture<'a, Result<Proof, CardError>> {
        Box::pin(async move {
            let session = self.session(store, connection).await?;
            let answer = session.test(self.test_path.as_deref()).await;
            let status = answer.map(|status| status.as_u16());
            let url = format!(
                "{}{}",
                self.url,
                self.test_path.as_deref().unwrap_or_default()
            );
            Ok(store.http_proof(connection, &url, status))
        })
    }
}

/// Checks the URL of a server; see [`Endpoint::parse`].
fn check_server(text: &str) -> Result<String, String> {
    match check_url(text) {
        Ok(Endpoint::Url(url)) => Ok(url),
        _ => Err(
            "a URL is such as `https://api.example.com:8443/v1`, without user, query and fragment"
                .to_owned(),
        ),
    }
}

const TEST_PATH: Pattern = Pattern::new("^/[A-Za-z0-9._~/%-]*$", 1024);

fn check_test_path(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/')
        && text.len() <= 1024
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b));
    if is_path {
        Ok(text.to_owned())
    } else {
        Err("a path is such as `/health`, without query and fragment".to_owned())
    }
}
