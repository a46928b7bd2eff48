//! The credentials and settings that connections start from, loaded once and shared.

use std::{
    borrow::Cow,
    collections::HashMap,
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, ConfigLoader,
    environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider},
    identity::IdentityCache,
    meta::region::RegionProviderChain,
    profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider},
    provider_config::ProviderConfig,
    retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use aws_smithy_async::{rt::sleep::TokioSleep, time::SharedTimeSource};
use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{self, TlsContext},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::{
    SdkConfig,
    os_shim_internal::{Env, Fs},
    region::Region,
};
use flowrun_card::{CardError, ErrorKind, shorten};

use crate::{
    AwsConnection, AwsS3Definition, Base, Endpoint, SandboxPort, SecretPlace, SecretSource,
    credentials::{Renewing, Source},
    flight::Flight,
    guard::{Guard, Lookup, SystemLookup},
    secret::Secrets,
    tls::{context, read_authorities, vouched},
};

/// The longest that connecting may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that the base credentials may take, with a process or a login service behind them.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a body may stand still.
const STALL_GRACE: Duration = Duration::from_secs(20);

/// The bases of a store, each loaded by one caller for all.
pub(crate) struct Bases {
    loaded: Mutex<HashMap<Key, Arc<Flight<Loaded>>>>,
    sandbox: Option<Arc<dyn SandboxPort>>,
    time: SharedTimeSource,
    http: SharedHttpClient,
    pub(crate) secrets: Secrets,
    pub(crate) lookup: Arc<dyn Lookup>,
}

/// What connections must have in common to share a base. Their number bounds that of the bases.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Without what concerns the role.
    settings: AwsS3Definition,
    /// The file and the nickname, where a path, a secret or a message depends on them; else empty.
    file: PathBuf,
    nickname: String,
}

impl Key {
    fn of(connection: AwsConnection<'_>) -> Self {
        let settings = AwsS3Definition {
            region: connection.region.clone(),
            endpoint: connection.endpoint.clone(),
            ca: connection.ca.clone(),
            allow: connection.allow.clone(),
            fips: connection.fips,
            dual_stack: connection.dual_stack,
            base: connection.base.clone(),
            access_key_id: connection.access_key_id.clone(),
            secret_access_key: connection.secret_access_key.clone(),
            session_token: connection.session_token.clone(),
            ..AwsS3Definition::default()
        };
        let is_its_own = settings.base == Base::Keys
            || matches!(settings.endpoint, Endpoint::Url(_))
            || settings.ca.is_some();
        let (file, nickname) = match settings.base {
            _ if is_its_own => (connection.file.to_owned(), connection.nickname.to_owned()),
            // It is that of the folder.
            Base::Sandbox => (connection.file.to_owned(), String::new()),
            _ => (PathBuf::new(), String::new()),
        };
        Self {
            settings,
            file,
            nickname,
        }
    }

    fn region(&self) -> Option<Region> {
        self.settings.region.clone().map(Region::new)
    }
}

/// A base that is ready for use.
#[derive(Clone)]
pub(crate) struct Loaded {
    /// Region, endpoint, timeouts, and the credentials below as its provider.
    pub(crate) config: SdkConfig,
    /// The credentials.
    pub(crate) credentials: Arc<Renewing>,
}

impl Bases {
    pub(crate) fn new(sandbox: Option<Arc<dyn SandboxPort>>, time: SharedTimeSource) -> Self {
        Self {
            loaded: Mutex::default(),
            sandbox,
            time,
            http: http_client(ProxyConfig::from_env(), TlsContext::default(), None),
            secrets: Secrets::default(),
            lookup: Arc::new(SystemLookup),
        }
    }

    /// The base of a connection. Its credentials are not asked for yet.
    pub(crate) async fn get(&self, connection: AwsConnection<'_>) -> Result<Loaded, CardError> {
        let key = Key::of(connection);
        let flight = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(key.clone()).or_default())
        };
        flight.get(|_| true, Box::pin(self.load(&key))).await
    }

    async fn load(&self, key: &Key) -> Result<Loaded, CardError> {
        let config = match &key.settings.base {
            // On its own, and not by way of the loader, whose defaults are AWS's chains.
            Base::Sandbox => self.sandbox_config(key).await?,
            Base::Default => self.default_config(key).await,
            Base::Environment => self.environment_config(key).await,
            Base::Profile(name) => self.profile_config(key, name).await,
            Base::Keys => self.keys_config(key).await?,
        };
        if config.region().is_none() {
            return Err(CardError::new(
                ErrorKind::Connection,
                format!("the base `{}` has no region", key.settings.base),
            )
            .help("add `region:` to the connection, such as `region: eu-central-1`"));
        }
        let provider = config.credentials_provider().ok_or_else(|| {
            CardError::new(ErrorKind::Unexpected, "the SDK has no credentials provider")
        })?;
        let source = Source::Base(provider, key.settings.base.clone());
        let credentials = Renewing::new(source, self.time.clone(), self.secrets.redactor.clone());
        let mut config = config.into_builder();
        if let Some(http) = self.own_client(key)? {
            config.set_http_client(Some(http));
        }
        let config = config
            .credentials_provider(credentials.provider())
            // `Renewing` is the one cache.
            .identity_cache(IdentityCache::no_cache())
            // The engine counts the attempts.
            .retry_config(RetryConfig::disabled())
            .time_source(self.time.clone())
            .build();
        Ok(Loaded {
            config,
            credentials,
        })
    }

    /// AWS, by the conventions of its SDKs: the environment and the profile may set the region,
    /// FIPS and dual-stack endpoints, and endpoint URLs.
    fn loader(&self, key: &Key) -> ConfigLoader {
        // The SDK's own retries stay on here: they are those of the credential providers.
        let mut loader = aws_config::defaults(behavior_version())
            .http_client(self.http.clone())
            .timeout_config(timeouts())
            .stalled_stream_protection(stalled_stream_protection());
        if key.settings.fips {
            loader = loader.use_fips(true);
        }
        if key.settings.dual_stack {
            loader = loader.use_dual_stack(true);
        }
        match &key.settings.endpoint {
            Endpoint::Url(url) => loader.endpoint_url(url),
            Endpoint::Aws | Endpoint::Sandbox => loader,
        }
    }

    /// AWS's default chains, of credentials and, where the connection names none, of the region.
    async fn default_config(&self, key: &Key) -> SdkConfig {
        let mut loader = self.loader(key);
        if let Some(region) = key.region() {
            loader = loader.region(region);
        }
        Box::pin(loader.load()).await
    }

    async fn environment_config(&self, key: &Key) -> SdkConfig {
        let region = RegionProviderChain::first_try(key.region())
            .or_else(EnvironmentVariableRegionProvider::new());
        let loader = self
            .loader(key)
            .region(region)
            .credentials_provider(EnvironmentVariableCredentialsProvider::new());
        Box::pin(loader.load()).await
    }

    async fn profile_config(&self, key: &Key, name: &str) -> SdkConfig {
        let provider_config = ProviderConfig::without_region().with_http_client(self.http.clone());
        let region = RegionProviderChain::first_try(key.region())
            .or_else(
                ProfileFileRegionProvider::builder()
                    .configure(&provider_config)
                    .profile_name(name)
                    .build(),
            )
            .or_else(EnvironmentVariableRegionProvider::new())
            .region()
            .await;
        // Not the default chain with this profile, in which the environment comes first.
        let credentials = ProfileFileCredentialsProvider::builder()
            .configure(&provider_config.with_region(region.clone()))
            .profile_name(name)
            .build();
        let loader = self
            .loader(key)
            .profile_name(name)
            .region(region)
            .credentials_provider(credentials);
        Box::pin(loader.load()).await
    }

    /// The access key of the connection: its secret is read now.
    async fn keys_config(&self, key: &Key) -> Result<SdkConfig, CardError> {
        let settings = &key.settings;
        let destination = settings.endpoint.destination();
        let destination = vouched(destination, &key.file, settings.ca.as_deref());
        let read = |field, source: &SecretSource| {
            self.secrets.read(
                source,
                &SecretPlace {
                    file: &key.file,
                    nickname: &key.nickname,
                    field,
                    destination: &destination,
                },
            )
        };
        let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key)
        else {
            return Err(CardError::new(
                ErrorKind::Unexpected,
                "the connection has no access key",
            ));
        };
        let secret = read("secret_access_key", secret)?;
        let token = match &settings.session_token {
            Some(token) => Some(read("session_token", token)?.expose().to_owned()),
            None => None,
        };
        let credentials = Credentials::new(id, secret.expose(), token, None, "connection");
        let loader = self
            .loader(key)
            .region(RegionProviderChain::first_try(key.region()))
            .credentials_provider(credentials);
        Ok(Box::pin(loader.load()).await)
    }

    /// The HTTP client of a connection that has another server or other authorities. The providers
    /// of credentials do not use it: what they ask is AWS, or the machine itself.
    fn own_client(&self, key: &Key) -> Result<Option<SharedHttpClient>, CardError> {
        let authorities = match &key.settings.ca {
            Some(ca) => Some(read_authorities(&key.file, ca)?),
            None => None,
        };
        let guard = match &key.settings.endpoint {
            Endpoint::Url(url) => Some(Guard::new(
                &[url],
                &key.settings.allow,
                Arc::clone(&self.lookup),
            )),
            Endpoint::Aws | Endpoint::Sandbox => None,
        };
        if authorities.is_none() && guard.is_none() {
            return Ok(None);
        }
        let context = context(authorities)?;
        Ok(Some(http_client(ProxyConfig::from_env(), context, guard)))
    }

    /// The sandbox: nothing of the environment, of AWS's files or of the machine is looked at, not
    /// even a proxy.
    async fn sandbox_config(&self, key: &Key) -> Result<SdkConfig, CardError> {
        let folder = key.file.parent().unwrap_or_else(|| Path::new(""));
        let failed = |reason: String| {
            CardError::new(
                ErrorKind::Connection,
                format!(
                    "the sandbox of `{}` does not start: {reason}",
                    folder.display()
                ),
            )
        };
        let sandbox = self
            .sandbox
            .as_ref()
            .ok_or_else(|| failed("this program has none".to_owned()))?;
        let endpoint = sandbox.start(folder).await.map_err(failed)?;
        let credentials = Credentials::new(
            endpoint.access_key_id,
            endpoint.secret_access_key.expose(),
            None,
            None,
            "sandbox",
        );
        Ok(SdkConfig::builder()
            .behavior_version(behavior_version())
            .http_client(http_client(
                ProxyConfig::disabled(),
                TlsContext::default(),
                None,
            ))
            .sleep_impl(aws_types::sdk_config::SharedAsyncSleep::new(
                TokioSleep::new(),
            ))
            .timeout_config(timeouts())
            .stalled_stream_protection(stalled_stream_protection())
            .region(key.region().unwrap_or_else(|| Region::new(endpoint.region)))
            .endpoint_url(endpoint.url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build())
    }
}

/// The SDK's defaults as of this date; a newer SDK does not change them under us.
fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// Bounds connecting only: how long an answer may take depends on the operation, which sets it.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .build()
}

fn stalled_stream_protection() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled()
        .grace_period(STALL_GRACE)
        .build()
}

/// One pool of connections for all its clients.
fn http_client(proxy: ProxyConfig, tls: TlsContext, guard: Option<Guard>) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::AwsLc,
            ))
            .tls_context(tls.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.set_proxy_config(Some(proxy.clone()));
        match &guard {
            Some(guard) => connector.build_with_resolver(guard.clone()),
            None => connector.build(),
        }
    })
}

/// Asks the provider of a base for credentials.
pub(crate) async fn load_credentials(
    provider: &SharedCredentialsProvider,
    base: &Base,
) -> Result<Credentials, CardError> {
    match tokio::time::timeout(LOAD_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(match profile_with_mfa(base).await {
            Some(profile) => needs_a_code(base, &profile),
            None => no_credentials(base, &error),
        }),
        Err(_) => Err(no_credentials(
            base,
            &CredentialsError::provider_timed_out(LOAD_TIMEOUT),
        )),
    }
}

/// The profile behind a base, where it names a device that shows codes. Only the command line tool
/// asks for such a code; the SDK goes on without one, and may be denied.
async fn profile_with_mfa(base: &Base) -> Option<String> {
    let name = match base {
        Base::Default => None,
        Base::Profile(name) => Some(Cow::Owned(name.clone())),
        Base::Environment | Base::Keys | Base::Sandbox => return None,
    };
    let files = Default::default();
    let profiles = aws_config::profile::load(&Fs::real(), &Env::real(), &files, name)
        .await
        .ok()?;
    let profile = profiles.selected_profile();
    let is_asked_for = profiles.get_profile(profile)?.get("mfa_serial").is_some();
    is_asked_for.then(|| profile.to_owned())
}

fn needs_a_code(base: &Base, profile: &str) -> CardError {
    CardError::new(
        ErrorKind::Connection,
        format!(
            "the base `{base}` gives no AWS credentials: the profile `{profile}` has `mfa_serial`, \
             and flowrun does not ask for codes"
        ),
    )
    .help(format!(
        "let the AWS command line ask, with `eval \"$(aws configure export-credentials --profile \
         '{profile}' --format env)\"`, and use `base: environment`"
    ))
}

/// What to do about a base that gives no credentials.
fn no_credentials(base: &Base, error: &CredentialsError) -> CardError {
    // The outermost text says only that there is a cause.
    let reason = error.source().map_or_else(|| error.to_string(), chain);
    // Of a chain, what each of its links said, over many lines: the help says what to do.
    let reason = reason
        .split(" Attempted:")
        .next()
        .unwrap_or_default()
        .trim_end_matches('.');
    let failure = CardError::new(
        ErrorKind::Connection,
        format!("the base `{base}` gives no AWS credentials: {reason}"),
    )
    .help(sign_in(base));
    match error {
        CredentialsError::ProviderTimedOut(_) => failure.transient(None),
        _ => failure,
    }
}

/// How to get credentials that work.
pub(crate) fn sign_in(base: &Base) -> String {
    match base {
        Base::Default => "run `aws configure` or `aws sso login`, set AWS_ACCESS_KEY_ID and \
                          AWS_SECRET_ACCESS_KEY, or name a profile with `base: { profile: NAME }`"
            .to_owned(),
        Base::Environment => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and for temporary \
                              credentials AWS_SESSION_TOKEN"
            .to_owned(),
        Base::Profile(name) => format!(
            "run `aws configure --profile '{name}'`, or `aws sso login --profile '{name}'` where \
             the profile signs in by SSO"
        ),
        Base::Keys => "check `access_key_id` and `secret_access_key` of the connection".to_owned(),
        Base::Sandbox => "the sandbox has changed under this run; start the run again".to_owned(),
    }
}

/// The longest text of an error that is repeated, in characters.
const LONGEST: usize = 400;

/// An error with its causes, up to a bound.
fn chain(error: &dyn Error) -> String {
    let mut text = without_number(&error.to_string()).to_owned();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        let cause_text = without_number(&cause_text);
        if !text.contains(cause_text) {
            text.push_str(": ");
            text.push_str(cause_text);
        }
        source = cause.source();
    }
    shorten(&text, LONGEST)
}

/// The last cause of an error, which tells most, as the end of a sentence.
pub(crate) fn last(error: &(dyn Error + 'static)) -> String {
    let cause = std::iter::successors(Some(error), |error| (*error).source()).last();
    let text = cause.map(ToString::to_string).unwrap_or_default();
    let text = without_number(&text).trim_end_matches('.');
    let text = shorten(text, LONGEST);
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        // Not the start of an acronym.
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text,
    }
}

/// The text of an error without the operating system's number, which tells a person nothing.
pub(crate) fn without_number(text: &str) -> &str {
    text.split(" (os error ").next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_without_credentials_is_told_in_one_line() {
        let said =
            "no credentials found in chain. Attempted:\n  Environment: not set\n  Profile: none";
        let failure = no_credentials(&Base::Default, &CredentialsError::not_loaded(said));
        assert_eq!(
            failure.message,
            "the base `default` gives no AWS credentials: no credentials found in chain"
        );
    }
}
