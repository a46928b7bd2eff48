//! What a connection of kind `aws_s3` says, and the values of its keys.

use std::{fmt, path::PathBuf};

use crate::{
    Allowed, SecretSource, SourceIdentity,
    guard::{is_plain_address, looks_like_an_address},
    kind::Pattern,
};

pub(crate) const ROLE_ARN: Pattern = Pattern::new(
    "^arn:aws(-cn|-us-gov)?:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@/-]*/)?[A-Za-z0-9_+=,.@-]{1,64}$",
    2048,
);
pub(crate) const EXTERNAL_ID: Pattern = Pattern::new("^[A-Za-z0-9_+=,.@:/-]{2,}$", 1224);
pub(crate) const SENTENCE: Pattern = Pattern::new(r"^\s*\S+(\s+\S+){2,}\s*$", 1000);
pub(crate) const REGION: Pattern = Pattern::new("^[a-z0-9-]{2,}$", 64);
pub(crate) const ACCESS_KEY_ID: Pattern = Pattern::new("^[A-Za-z0-9_+=.@-]{3,}$", 128);

macro_rules! url_regex {
    ($others:literal) => {
        concat!(
            "^(",
            $others,
            r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?(/[A-Za-z0-9._~/%-]*)?)$"
        )
    };
}
pub(crate) const URL: Pattern = Pattern::new(url_regex!(""), 2048);
pub(crate) const ENDPOINT: Pattern = Pattern::new(url_regex!("sandbox|"), 2048);

/// What a connection of kind `aws_s3` says; by default nothing, which is AWS under the credentials
/// of AWS's own chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwsS3Definition {
    /// The role to assume; without one the base credentials are used as they are.
    pub role_arn: Option<RoleArn>,
    /// The External ID that the role's owner asks for. Sent always and exactly when it is given.
    pub external_id: Option<String>,
    /// The External ID that takes its place once the role accepts it; no session sends it.
    pub next_external_id: Option<String>,
    /// What the role's trust policy rests on.
    pub trust: Trust,
    /// Why the role is used although anybody may be let in, in a person's words.
    pub accept_unsafe: Option<String>,
    /// Whether a run narrows the role to what its cards need, by a session policy.
    pub session_policy: bool,
    /// Who stands behind the sessions of the role.
    pub source_identity: Option<SourceIdentity>,
    /// The tags of the role's sessions; `{flow}` and `{run}` in a value stand for those of the run.
    pub session_tags: Vec<(String, String)>,
    /// The region; without one, that of the base.
    pub region: Option<String>,
    /// Where requests go.
    pub endpoint: Endpoint,
    /// A file of the certificates of the only authorities that the server's certificate may come
    /// from, in PEM, relative to the folder of the connection file.
    pub ca: Option<PathBuf>,
    /// What requests to an endpoint by URL may go to although it is not public.
    pub allow: Vec<Allowed>,
    /// Whether requests go to AWS's FIPS endpoints.
    pub fips: bool,
    /// Whether requests go to AWS's dual-stack endpoints.
    pub dual_stack: bool,
    /// Which credentials assume the role.
    pub base: Base,
    /// The access key, with [`Base::Keys`].
    pub access_key_id: Option<String>,
    /// Its secret.
    pub secret_access_key: Option<SecretSource>,
    /// Its session token, where it is temporary.
    pub session_token: Option<SecretSource>,
}

/// What makes a role trust us and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Its External ID, which belongs to this one connection.
    ExternalId,
    /// The principals that it names: a role of one's own organisation, without an External ID.
    Principal,
}

/// The ARN of an IAM role, such as `arn:aws:iam::111122223333:role/backup`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn(String);

/// Where the requests of a connection go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// AWS; or what `AWS_ENDPOINT_URL` and the AWS profile say, as everywhere with AWS's tools.
    Aws,
    /// This URL, for all services.
    Url(String),
    /// The embedded sandbox.
    Sandbox,
}

/// The credentials that a connection starts from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// AWS's default chain: environment, profile, web identity, container, instance.
    Default,
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, nothing else.
    Environment,
    /// A profile of the AWS configuration files, nothing else.
    Profile(String),
    /// The access key that stands in the connection; nothing else is looked at.
    Keys,
    /// Credentials of the embedded sandbox; no others are looked at.
    Sandbox,
}

impl Default for AwsS3Definition {
    fn default() -> Self {
        Self {
            role_arn: None,
            external_id: None,
            next_external_id: None,
            trust: Trust::ExternalId,
            accept_unsafe: None,
            session_policy: true,
            source_identity: None,
            session_tags: Vec::new(),
            region: None,
            endpoint: Endpoint::Aws,
            ca: None,
            allow: Vec::new(),
            fips: false,
            dual_stack: false,
            base: Base::Default,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
        }
    }
}

impl AwsS3Definition {
    /// Whether it waits for its role: it says how the role will trust us, and has no role yet. No
    /// session is opened for it, and least of all one of its base.
    pub fn is_pending(&self) -> bool {
        let has_trust = self.external_id.is_some() || self.trust == Trust::Principal;
        self.role_arn.is_none() && has_trust
    }
}

impl Endpoint {
    /// Reads `sandbox`, or a plain `http` or `https` URL.
    ///
    /// # Errors
    /// The problem, where the text is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "sandbox" {
            Ok(Endpoint::Sandbox)
        } else {
            check_url(text)
        }
    }
}

impl Endpoint {
    /// Whom secrets are used for there; see [`SecretPlace`](crate::SecretPlace).
    pub(crate) fn destination(&self) -> String {
        match self {
            Endpoint::Url(url) => origin_of(url),
            Endpoint::Aws | Endpoint::Sandbox => self.to_string(),
        }
    }
}

impl RoleArn {
    /// Reads the ARN of a role in the partitions `aws`, `aws-cn` and `aws-us-gov`.
    ///
    /// # Errors
    /// The problem, where the text is no such ARN. The form is that of
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
    pub fn parse(text: &str) -> Result<Self, String> {
        let problem = || {
            let of_a_set = match text.contains("{account}") {
                true => "; `{account}` stands in the role of a set, which has `members`",
                false => "",
            };
            format!(
                "`{}` is not the ARN of a role, which looks like \
                 `arn:aws:iam::111122223333:role/NAME`{of_a_set}",
                text.escape_debug()
            )
        };
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (arn, partition, service, region, account, resource) =
            (next(), next(), next(), next(), next(), next());
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let path = resource.strip_prefix("role/").unwrap_or_default();
        let is_path = path.bytes().all(|b| is_word(b) || b"+=,.@/-".contains(&b))
            && path
                .rsplit('/')
                .next()
                .is_some_and(|name| (1..=64).contains(&name.len()));
        let is_role = (arn, service, region) == ("arn", "iam", "")
            && ["aws", "aws-cn", "aws-us-gov"].contains(&partition)
            && is_account
            && is_path
            && text.len() <= 2048;
        if is_role {
            Ok(Self(text.to_owned()))
        } else {
            Err(problem())
        }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition, such as `aws`.
    pub fn partition(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// The account that owns the role.
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As files write it: `default`, `environment`, `{ profile: NAME }` or `sandbox`; and
/// `access_key_id` where that takes its place.
impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Base::Default => f.write_str("default"),
            Base::Environment => f.write_str("environment"),
            Base::Profile(name) => write!(f, "{{ profile: {name} }}"),
            Base::Keys => f.write_str("access_key_id"),
            Base::Sandbox => f.write_str("sandbox"),
        }
    }
}

/// As files write it; `aws` where there is no endpoint.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Aws => f.write_str("aws"),
            Endpoint::Url(url) => f.write_str(url),
            Endpoint::Sandbox => f.write_str("sandbox"),
        }
    }
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Checks an External ID against <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.
///
/// # Errors
/// The problem, which does not repeat the text: it is not for logs.
pub fn check_external_id(text: &str) -> Result<String, String> {
    let is_fine = (2..=1224).contains(&text.len())
        && text.bytes().all(|b| is_word(b) || b"+=,.@:/-".contains(&b));
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(
            "an External ID has 2 to 1224 letters, digits and characters of `_+=,.@:/-`, \
             without spaces"
                .to_owned(),
        )
    }
}

/// Checks the words by which a person accepts an unsafe role: a sentence, so that it tells those
/// who read it why.
///
/// # Errors
/// The problem, where it is none.
pub fn check_acceptance(text: &str) -> Result<String, String> {
    let is_sentence = text.split_whitespace().count() >= 3
        && text.len() <= 1_000
        && !text.chars().any(char::is_control);
    if is_sentence {
        Ok(text.to_owned())
    } else {
        Err(
            "`accept_unsafe` says in one sentence why the role is used although it lets others \
             in, with at least three words"
                .to_owned(),
        )
    }
}

/// Checks a region by its form.
///
/// # Errors
/// The problem, where the text is none.
pub fn check_region(text: &str) -> Result<String, String> {
    let is_fine = (2..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not a region, which looks like `eu-central-1`",
            text.escape_debug()
        ))
    }
}

/// Checks the id of an access key of AWS, or of another server that speaks S3.
///
/// # Errors
/// The problem, which does not repeat the text: it may be the secret by mistake.
pub fn check_access_key_id(text: &str) -> Result<String, String> {
    let is_fine = (3..=128).contains(&text.len())
        && text.bytes().all(|b| is_word(b) || b"+=.@-".contains(&b));
    if is_fine {
        Ok(text.to_owned())
    } else {
        Err(
            "an access key id, such as `AKIAIOSFODNN7EXAMPLE`, has 3 to 128 letters, digits and \
             characters of `_+=.@-`"
                .to_owned(),
        )
    }
}

/// The partition that a region is in, such as `aws-cn` for `cn-north-1`. A role is assumed from
/// its own partition only.
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>
pub fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Checks an endpoint: a plain `http` or `https` URL without user, query and fragment.
pub(crate) fn check_url(text: &str) -> Result<Endpoint, String> {
    if is_url(text) {
        Ok(Endpoint::Url(text.trim_end_matches('/').to_owned()))
    } else {
        // The text is not repeated: a URL of the wrong form may hold a password.
        Err(
            "an endpoint is a URL such as `https://s3.example.com:9000`, without user, query and \
             fragment, or the word `sandbox`"
                .to_owned(),
        )
    }
}

fn is_url(text: &str) -> bool {
    let Some(rest) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
    else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match host_and_port(authority) {
        Some(parts) => parts,
        None => return false,
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        // Some programs take `127.1` and `0x7f000001` for addresses, and not what they look like.
        None => is_host_name(host) && (is_plain_address(host) || !looks_like_an_address(host)),
    };
    let is_port = port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let is_path = path
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-._~/%".contains(&b));
    text.len() <= 2048 && is_host && is_port && is_path
}

pub(crate) fn is_host_name(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// The scheme, host and port of a checked URL: what decides whom a secret is sent to.
pub(crate) fn origin_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split('/').next().unwrap_or_default();
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(usual).unwrap_or(authority);
    format!("{scheme}://{}", authority.to_ascii_lowercase())
}

/// The host of a checked URL, brackets kept.
pub(crate) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    let host = host_and_port(authority).map_or("", |(host, _)| host);
    host.to_owned()
}

/// The host (brackets kept) and the port of an authority without user.
fn host_and_port(authority: &str) -> Option<(&str, Option<&str>)> {
    if authority.starts_with('[') {
        let end = authority.find(']')?.checked_add(1)?;
        let (host, rest) = authority.split_at_checked(end)?;
        return match rest {
            "" => Some((host, None)),
            _ => rest.strip_prefix(':').map(|port| (host, Some(port))),
        };
    }
    Some(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

/// Whether a checked URL sends what it carries over a network in the clear.
pub(crate) fn is_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = host_and_port(authority).map_or("", |(host, _)| host);
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    !is_loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_are_those_of_iam_roles() {
        for (text, expect) in [
            ("arn:aws:iam::111122223333:role/backup", true),
            ("arn:aws-cn:iam::111122223333:role/a/b/backup+=,.@-_", true),
            ("arn:aws-us-gov:iam::111122223333:role/x", true),
            ("arn:aws:iam::111122223333:role/", false),
            ("arn:aws:iam::111122223333:role/a/", false),
            ("arn:aws:iam::11112222333:role/x", false),
            ("arn:aws:iam:us-east-1:111122223333:role/x", false),
            ("arn:aws:sts::111122223333:assumed-role/x/y", false),
            ("arn:aws:iam::111122223333:user/x", false),
            ("arn:aws-iso:iam::111122223333:role/x", false),
            ("arn:aws:iam::111122223333:role/x y", false),
            ("arn:aws:iam::111122223333:role/x:y", false),
            ("backup", false),
            ("", false),
        ] {
            assert_eq!(RoleArn::parse(text).is_ok(), expect, "{text}");
        }
        let arn = RoleArn::parse("arn:aws-cn:iam::111122223333:role/backup").unwrap();
        assert_eq!((arn.partition(), arn.account()), ("aws-cn", "111122223333"));
    }

    #[test]
    fn external_ids_have_the_form_of_sts() {
        for (text, expect) in [
            ("ab", true),
            ("aB_9+=,.@:/-", true),
            (&"a".repeat(1224), true),
            (&"a".repeat(1225), false),
            ("a", false),
            ("", false),
            ("with space", false),
            ("ümlaut", false),
            ("a\nb", false),
        ] {
            assert_eq!(check_external_id(text).is_ok(), expect, "{text}");
        }
    }

    #[test]
    fn endpoints_are_plain_urls() {
        for (text, expect) in [
            ("http://127.0.0.1:9000", Some("http://127.0.0.1:9000")),
            ("https://s3.example.com/", Some("https://s3.example.com")),
            (
                "https://[::1]:9000/base/path",
                Some("https://[::1]:9000/base/path"),
            ),
            ("http://minio", Some("http://minio")),
            ("", None),
            ("s3.example.com", None),
            ("ftp://example.com", None),
            ("https://", None),
            ("https://user:password@example.com", None),
            ("https://user@example.com", None),
            ("https://example.com:0", None),
            ("https://example.com:65536", None),
            ("https://example.com:", None),
            ("https://example.com:+1", None),
            ("https://example.com?x=1", None),
            ("https://example.com/#x", None),
            ("https://exa mple.com", None),
            ("https://[::1", None),
            ("https://[x]", None),
            ("http://127.1", None),
            ("http://2130706433", None),
            ("http://0x7f.0.0.1", None),
            ("http://127.0.0.01", None),
            ("http://127.0.0.1.", None),
            (
                "https://0xcafe.example.com",
                Some("https://0xcafe.example.com"),
            ),
            ("https://[::1]x", None),
        ] {
            let expect = expect.map(|url| Endpoint::Url(url.to_owned()));
            assert_eq!(check_url(text).ok(), expect, "{text}");
        }
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_clear() {
        for (url, expect) in [
            ("http://127.0.0.1:9000", false),
            ("http://[::1]:9000/x", false),
            ("http://LOCALHOST", false),
            ("https://example.com", false),
            ("http://example.com", true),
            ("http://localhost.example.com", true),
            ("http://10.0.0.1:9000", true),
        ] {
            assert_eq!(is_clear(url), expect, "{url}");
        }
    }
}
