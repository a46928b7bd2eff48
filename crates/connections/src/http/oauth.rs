//! Tokens for an id and a secret: OAuth 2 client credentials.
//! <https://www.rfc-editor.org/rfc/rfc6749#section-4.4>

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flowrun_card::{CardError, ErrorKind, Secret};
use reqwest::{Client, Url, header::HeaderValue};
use serde::Deserialize;

use super::session::{read_body, sensitive, unreachable};
use crate::definition::origin_of;

/// The longest answer with a token, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// The longest that the answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a token is used whose server does not say how long it is good for.
const USUAL_LIFE: Duration = Duration::from_secs(5 * 60);
/// How long before its end a token is no longer used.
const MARGIN: Duration = Duration::from_secs(60);
/// The longest that a token is used without a new one.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// A token and until when it is used.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    until: SystemTime,
}

impl Token {
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.until
    }
}

/// What a token is asked for with.
#[derive(Debug)]
pub(super) struct Asking<'a> {
    pub(super) client: &'a Client,
    pub(super) token_url: &'a str,
    pub(super) client_id: &'a str,
    pub(super) client_secret: &'a Secret,
    pub(super) scope: Option<&'a str>,
    pub(super) audience: Option<&'a str>,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
}

impl Asking<'_> {
    /// A new token.
    pub(super) async fn token(&self, now: SystemTime) -> Result<Token, CardError> {
        let place = origin_of(self.token_url);
        let failed = |message: String| CardError::new(ErrorKind::Connection, message);
        let mut pairs = vec![("grant_type", "client_credentials")];
        pairs.extend(self.scope.map(|scope| ("scope", scope)));
        pairs.extend(self.audience.map(|audience| ("audience", audience)));
        let request = self
            .client
            .post(self.token_url)
            .timeout(TIMEOUT)
            .header("authorization", self.authorization()?)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form(&pairs));
        let response = request.send().await;
        let response = response.map_err(|error| unreachable(&place, error))?;
        let status = response.status();
        let body = read_body(response, MAX_ANSWER_BYTES).await;
        let body =
            zeroize::Zeroizing::new(body.map_err(|failure| failure.problem(&place))?.to_vec());
        let answer: Option<Answer> = serde_json::from_slice(&body).ok();
        if !status.is_success() {
            let code = answer.and_then(|answer| answer.error).filter(|code| {
                code.len() <= 64 && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            });
            let said = code.map(|code| format!(": {code}")).unwrap_or_default();
            let failure = failed(format!(
                "`{place}` gives no token (HTTP {}){said}",
                status.as_u16()
            ));
            return Err(if status.is_server_error() || status.as_u16() == 429 {
                failure.transient(None)
            } else {
                failure.help("check `client_id`, `client_secret`, `scope` and `audience`")
            });
        }
        let answer = answer.ok_or_else(|| failed(format!("`{place}` answers without a token")))?;
        let is_bearer = answer
            .token_type
            .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let secret = answer.access_token.filter(|token| !token.is_empty());
        let (Some(secret), true) = (secret, is_bearer) else {
            return Err(failed(format!("`{place}` answers without a bearer token")));
        };
        let life = answer.expires_in.as_ref().and_then(seconds);
        let life = life.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
        // A token of a short life is used for half of it.
        let used = life.saturating_sub(MARGIN).max(life / 2);
        Ok(Token {
            secret: Secret::new(secret),
            until: now.checked_add(used).unwrap_or(now),
        })
    }

    /// The id and the secret as section 2.3.1 has them.
    fn authorization(&self) -> Result<HeaderValue, CardError> {
        let pair = zeroize::Zeroizing::new(format!(
            "{}:{}",
            encoded(self.client_id),
            encoded(self.client_secret.expose())
        ));
        sensitive(
            &format!("Basic {}", STANDARD.encode(pair.as_bytes())),
            "client_secret",
        )
    }
}

/// How long a token is good for: a number by the standard, and by many servers the same as text.
fn seconds(expires_in: &serde_json::Value) -> Option<Duration> {
    let text = match expires_in {
        serde_json::Value::String(text) => text.trim().to_owned(),
        number => number.to_string(),
    };
    let whole = text.split_once('.').map_or(&*text, |(whole, _)| whole);
    whole.parse().ok().map(Duration::from_secs)
}

/// Pairs as a form has them.
fn form(pairs: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form") else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// A text as a form has it.
fn encoded(text: &str) -> String {
    let pair = form(&[("", text)]);
    pair.trim_start_matches('=').to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_life_is_a_number_or_the_same_as_text() {
        for (expires_in, expect) in [
            (json!(3600), Some(3600)),
            (json!(3600.5), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 3600 "), Some(3600)),
            (json!("3600.0"), Some(3600)),
            (json!(0), Some(0)),
            (json!("18446744073709551615"), Some(u64::MAX)),
            (json!("18446744073709551616"), None),
            (json!(-1), None),
            (json!("soon"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([3600]), None),
        ] {
            let expect = expect.map(Duration::from_secs);
            assert_eq!(seconds(&expires_in), expect, "{expires_in}");
        }
    }
}
