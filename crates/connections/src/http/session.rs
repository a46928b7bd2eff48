//! What a card works with while an HTTP connection is open.

use std::{fmt, time::Duration};

use aws_smithy_async::time::SharedTimeSource;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flowrun_card::{CardError, ErrorKind, Redactor, Secret};
use reqwest::{
    Client, Response, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
pub use reqwest::{Method, StatusCode};

use super::{
    ApiKeyPlace,
    auth::Credentials,
    oauth::{Asking, Token},
};
use crate::{base::last, flight::Flight};

/// The longest body of an answer that is read at once, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;
/// The longest that a test may take.
const TEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A session of an HTTP connection: its server, and how that knows us.
///
/// Requests go to the connection's URL and below it, and carry its credentials. A token that runs
/// out is renewed by one caller for all.
pub struct HttpSession {
    nickname: String,
    url: Url,
    client: Client,
    auth: Credentials,
    token: Flight<Token>,
    /// Is told of every token.
    redactor: Redactor,
    time: SharedTimeSource,
}

impl HttpSession {
    pub(super) fn new(
        nickname: &str,
        url: &str,
        client: Client,
        auth: Credentials,
        time: SharedTimeSource,
        redactor: Redactor,
    ) -> Result<Self, CardError> {
        let url = Url::parse(url).map_err(|error| {
            CardError::new(ErrorKind::Connection, format!("the URL is none: {error}"))
        })?;
        Ok(Self {
            nickname: nickname.to_owned(),
            url,
            client,
            auth,
            token: Flight::default(),
            redactor,
            time,
        })
    }

    /// The connection's nickname, for messages.
    pub fn nickname(&self) -> &str {
        &self.nickname
    }

    /// The URL that all requests start with.
    pub fn url(&self) -> &str {
        self.url.as_str()
    }

    /// A request to a path below the connection's URL, such as `/customers/7`. The empty path is
    /// the URL itself.
    ///
    /// # Errors
    /// Where the path has a query or a fragment, or leads out of the connection's URL.
    pub fn request(&self, method: Method, path: &str) -> Result<HttpRequest<'_>, CardError> {
        let refused = |problem: &str| {
            CardError::new(
                ErrorKind::InvalidInput,
                format!("the path `{}` {problem}", path.escape_debug()),
            )
            .context("connection", &self.nickname)
        };
        if path.contains(['?', '#', '\\']) {
            return Err(refused("has a query, a fragment or a backslash"));
        }
        let base = self.url.as_str().trim_end_matches('/');
        let url = if path.is_empty() {
            self.url.clone()
        } else {
            let path = path.trim_start_matches('/');
            Url::parse(&format!("{base}/{path}")).map_err(|_| refused("is none"))?
        };
        let is_below = url.as_str() == self.url.as_str()
            || url
                .as_str()
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with('/'));
        if !is_below {
            return Err(refused("leads out of the URL of the connection"));
        }
        Ok(HttpRequest {
            session: self,
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
        })
    }

    /// Gets what requests need to be known, where that is asked of a server.
    pub(super) async fn sign_in(&self) -> Result<(), CardError> {
        self.token().await.map(drop)
    }

    /// A token that is good now; none where the server knows us by something else.
    async fn token(&self) -> Result<Option<Token>, CardError> {
        let Credentials::OAuth2 {
            token_url,
            client_id,
            client_secret,
            scope,
            audience,
        } = &self.auth
        else {
            return Ok(None);
        };
        let asking = Asking {
            client: &self.client,
            token_url,
            client_id,
            client_secret,
            scope: scope.as_deref(),
            audience: audience.as_deref(),
        };
        let now = self.time.now();
        let load = async {
            let token = asking.token(now).await?;
            self.redactor.add_passing(&token.secret);
            Ok(token)
        };
        let token = self.token.get(|token| token.is_fresh(now), load);
        let token = Box::pin(token).await;
        token.map(Some).map_err(|failure| self.named(failure))
    }

    /// Adds the connection to a failure that does not have it yet.
    fn named(&self, failure: CardError) -> CardError {
        if failure
            .context
            .iter()
            .any(|(name, _)| *name == "connection")
        {
            failure
        } else {
            failure.context("connection", &self.nickname)
        }
    }

    /// Adds to a request what the server knows us by.
    fn authorise(
        &self,
        url: &mut Url,
        headers: &mut HeaderMap,
        token: Option<&Token>,
    ) -> Result<(), CardError> {
        let bearer =
            |token: &Secret, field| sensitive(&format!("Bearer {}", token.expose()), field);
        match &self.auth {
            Credentials::None => {}
            Credentials::Basic { username, password } => {
                let pair = format!("{username}:{}", password.expose());
                let pair = zeroize::Zeroizing::new(pair);
                let text = format!("Basic {}", STANDARD.encode(pair.as_bytes()));
                headers.insert(AUTHORIZATION, sensitive(&text, "password")?);
            }
            Credentials::Bearer(token) => {
                headers.insert(AUTHORIZATION, bearer(token, "token")?);
            }
            Credentials::ApiKey(ApiKeyPlace::Header(name), value) => {
                let name = HeaderName::try_from(name).map_err(|_| unsendable("header"))?;
                headers.insert(name, sensitive(value.expose(), "value")?);
            }
            Credentials::ApiKey(ApiKeyPlace::Query(name), value) => {
                url.query_pairs_mut().append_pair(name, value.expose());
            }
            Credentials::OAuth2 { .. } => {
                if let Some(token) = token {
                    headers.insert(AUTHORIZATION, bearer(&token.secret, "access_token")?);
                }
            }
        }
        Ok(())
    }

    /// Asks for the URL, or a path below it: the status, where the server answers.
    pub(crate) async fn test(&self, path: Option<&str>) -> Result<StatusCode, CardError> {
        let request = self
            .request(Method::GET, path.unwrap_or_default())?
            .timeout(TEST_TIMEOUT);
        Ok(request.send().await?.status())
    }
}

/// Shows no credential.
impl fmt::Debug for HttpSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSession")
            .field("nickname", &self.nickname)
            .field("url", &self.url.as_str())
            .finish_non_exhaustive()
    }
}

/// A request that is made under a session. It gets its credentials when it is sent.
#[derive(Clone)]
pub struct HttpRequest<'s> {
    session: &'s HttpSession,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    timeout: Option<Duration>,
}

impl HttpRequest<'_> {
    /// Adds a header. One that the credentials of the connection need is taken by those.
    ///
    /// # Errors
    /// Where the name or the value is none.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, CardError> {
        let refused = || {
            CardError::new(
                ErrorKind::InvalidInput,
                format!("the header `{}` cannot be sent", name.escape_debug()),
            )
        };
        let value = HeaderValue::from_str(value).map_err(|_| refused())?;
        let name = HeaderName::try_from(name).map_err(|_| refused())?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url.query_pairs_mut().append_pair(name, value);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Bounds the time that the answer may take as a whole. Without it an answer may take as long
    /// as it does not stand still for a minute.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request. An answer of whatever status is one. Redirects are followed on the same
    /// server only; one to another server is an error.
    ///
    /// Where the server does not take a token that it gave, a new one is asked for, once.
    ///
    /// # Errors
    /// Where the server cannot be reached, or gives no token.
    pub async fn send(self) -> Result<HttpResponse, CardError> {
        let session = self.session;
        let token = session.token().await?;
        let response = self.clone().sent(token.as_ref()).await?;
        let (StatusCode::UNAUTHORIZED, Some(refused)) = (response.status(), token) else {
            return Ok(response);
        };
        // Another request may have a new one by now.
        session.token.forget(|token| token.secret == refused.secret);
        let token = session.token().await?;
        self.sent(token.as_ref()).await
    }

    async fn sent(mut self, token: Option<&Token>) -> Result<HttpResponse, CardError> {
        let session = self.session;
        let place = session.url.origin().ascii_serialization();
        let named = |failure| session.named(failure);
        session
            .authorise(&mut self.url, &mut self.headers, token)
            .map_err(named)?;
        let mut request = session
            .client
            .request(self.method, self.url)
            .headers(self.headers)
            .body(self.body);
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        let response = Box::pin(request.send()).await;
        let inner = response.map_err(|error| named(unreachable(&place, error)))?;
        Ok(HttpResponse {
            inner,
            nickname: session.nickname.clone(),
            place,
        })
    }
}

/// Shows no header and no query: there may be secrets.
impl fmt::Debug for HttpRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .finish_non_exhaustive()
    }
}

/// An answer.
pub struct HttpResponse {
    inner: Response,
    nickname: String,
    place: String,
}

impl HttpResponse {
    /// The status.
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// A header, where it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The body, of up to so many bytes, and never more than [`MAX_BODY_BYTES`].
    ///
    /// # Errors
    /// Where it is longer, or does not arrive whole.
    pub async fn bytes(self, most: usize) -> Result<Bytes, CardError> {
        read_body(self.inner, most.min(MAX_BODY_BYTES))
            .await
            .map_err(|failure| {
                let failure = failure.problem(&self.place);
                failure.context("connection", self.nickname.as_str())
            })
    }
}

/// Shows the status only.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.inner.status())
            .finish_non_exhaustive()
    }
}

/// Why a body was not read.
pub(super) enum BodyFailure {
    TooLong(usize),
    Broken(reqwest::Error),
}

impl BodyFailure {
    pub(super) fn problem(self, place: &str) -> CardError {
        match self {
            BodyFailure::TooLong(most) => CardError::new(
                ErrorKind::Connection,
                format!("`{place}` answers with more than {most} bytes"),
            ),
            BodyFailure::Broken(error) => unreachable(place, error),
        }
    }
}

/// A body of up to so many bytes.
pub(super) async fn read_body(mut response: Response, most: usize) -> Result<Bytes, BodyFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyFailure::Broken)? {
        if body.len().saturating_add(chunk.len()) > most {
            return Err(BodyFailure::TooLong(most));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// A value that is not shown by whoever has it.
pub(super) fn sensitive(text: &str, field: &str) -> Result<HeaderValue, CardError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unsendable(field))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unsendable(field: &str) -> CardError {
    CardError::new(
        ErrorKind::Connection,
        format!("the `{field}` of `auth` has characters that a header cannot have"),
    )
    .help("check that it is whole and has no line end")
}

/// Why there is no answer. The URL is not told: a key may be in it.
pub(super) fn unreachable(place: &str, error: reqwest::Error) -> CardError {
    let error = error.without_url();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(cause) = next {
        if let Some(own) = cause.downcast_ref::<CardError>() {
            return own.clone();
        }
        next = cause.source();
    }
    if error.is_redirect() {
        return CardError::new(
            ErrorKind::Connection,
            format!("`{place}` gives no answer of its own: {}", last(&error)),
        )
        .help("check `url` of the connection");
    }
    let failure = if error.is_timeout() {
        format!("`{place}` takes too long to answer")
    } else {
        format!("`{place}` cannot be reached: {}", last(&error))
    };
    CardError::new(ErrorKind::Connection, failure)
        .help("check the network, and `url` and `ca` of the connection")
        .transient(None)
}
