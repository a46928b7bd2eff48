//! The credentials and settings that connections start from, loaded once and shared.

use std::{
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
use aws_smithy_http_client::{Builder, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::{SdkConfig, region::Region};
use flowrun_card::{CardError, ErrorKind};

use crate::{
    AwsConnection, Base, Endpoint, SandboxPort,
    credentials::{Renewing, Source},
    flight::Flight,
};

/// The longest that connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
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
}

/// What connections must have in common to share a base. Their number bounds that of the bases.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    base: Base,
    region: Option<String>,
    endpoint: Endpoint,
    /// The folder of the connection file, for the sandbox; else empty.
    folder: PathBuf,
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
            http: http_client(ProxyConfig::from_env()),
        }
    }

    /// The base of a connection. Its credentials are not asked for yet.
    pub(crate) async fn get(&self, connection: AwsConnection<'_>) -> Result<Loaded, CardError> {
        let folder = match connection.base {
            Base::Sandbox => connection.file.parent().map(PathBuf::from),
            Base::Default | Base::Environment | Base::Profile(_) => None,
        };
        let key = Key {
            base: connection.base.clone(),
            region: connection.region.clone(),
            endpoint: connection.endpoint.clone(),
            folder: folder.unwrap_or_default(),
        };
        let flight = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(loaded.entry(key.clone()).or_default())
        };
        flight.get(|_| true, Box::pin(self.load(&key))).await
    }

    async fn load(&self, key: &Key) -> Result<Loaded, CardError> {
        let region = key.region.clone().map(Region::new);
        let config = match &key.base {
            // On its own, and not by way of the loader, whose defaults are AWS's chains.
            Base::Sandbox => self.sandbox_config(region, &key.folder).await?,
            Base::Default => self.default_config(key, region).await,
            Base::Environment => self.environment_config(key, region).await,
            Base::Profile(name) => self.profile_config(key, region, name).await,
        };
        if config.region().is_none() {
            return Err(CardError::new(
                ErrorKind::Connection,
                format!("the base `{}` has no region", key.base),
            )
            .help("add `region:` to the connection, such as `region: eu-central-1`"));
        }
        let provider = config.credentials_provider().ok_or_else(|| {
            CardError::new(ErrorKind::Unexpected, "the SDK has no credentials provider")
        })?;
        let source = Source::Base(provider, key.base.clone());
        let credentials = Renewing::new(source, self.time.clone());
        let config = config
            .into_builder()
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
        let loader = aws_config::defaults(behavior_version())
            .http_client(self.http.clone())
            .timeout_config(timeouts())
            .stalled_stream_protection(stalled_stream_protection());
        match &key.endpoint {
            Endpoint::Url(url) => loader.endpoint_url(url),
            Endpoint::Aws | Endpoint::Sandbox => loader,
        }
    }

    /// AWS's default chains, of credentials and, where the connection names none, of the region.
    async fn default_config(&self, key: &Key, region: Option<Region>) -> SdkConfig {
        let mut loader = self.loader(key);
        if let Some(region) = region {
            loader = loader.region(region);
        }
        Box::pin(loader.load()).await
    }

    async fn environment_config(&self, key: &Key, region: Option<Region>) -> SdkConfig {
        let region = RegionProviderChain::first_try(region)
            .or_else(EnvironmentVariableRegionProvider::new());
        let loader = self
            .loader(key)
            .region(region)
            .credentials_provider(EnvironmentVariableCredentialsProvider::new());
        Box::pin(loader.load()).await
    }

    async fn profile_config(&self, key: &Key, region: Option<Region>, name: &str) -> SdkConfig {
        let provider_config = ProviderConfig::without_region().with_http_client(self.http.clone());
        let region = RegionProviderChain::first_try(region)
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

    /// The sandbox: nothing of the environment, of AWS's files or of the machine is looked at, not
    /// even a proxy.
    async fn sandbox_config(
        &self,
        region: Option<Region>,
        folder: &Path,
    ) -> Result<SdkConfig, CardError> {
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
            .http_client(http_client(ProxyConfig::disabled()))
            .sleep_impl(aws_types::sdk_config::SharedAsyncSleep::new(
                TokioSleep::new(),
            ))
            .timeout_config(timeouts())
            .stalled_stream_protection(stalled_stream_protection())
            .region(region.unwrap_or_else(|| Region::new(endpoint.region)))
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

/// One pool of connections for all clients of a store.
fn http_client(proxy: ProxyConfig) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default().tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ));
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.set_proxy_config(Some(proxy.clone()));
        connector.build()
    })
}

/// Asks the provider of a base for credentials.
pub(crate) async fn load_credentials(
    provider: &SharedCredentialsProvider,
    base: &Base,
) -> Result<Credentials, CardError> {
    match tokio::time::timeout(LOAD_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => Err(no_credentials(base, &error)),
        Err(_) => Err(no_credentials(
            base,
            &CredentialsError::provider_timed_out(LOAD_TIMEOUT),
        )),
    }
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
    text.chars().take(LONGEST).collect()
}

/// The last cause of an error, which tells most, as the end of a sentence.
pub(crate) fn last(error: &(dyn Error + 'static)) -> String {
    let cause = std::iter::successors(Some(error), |error| (*error).source()).last();
    let text = cause.map(ToString::to_string).unwrap_or_default();
    let text = without_number(&text).trim_end_matches('.');
    let text: String = text.chars().take(LONGEST).collect();
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
