//! The HTTP client of a connection: its TLS, and where its requests may go.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use flowrun_card::{CardError, ErrorKind, Secret};
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::{Attempt, Policy},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::HttpDefinition;
use crate::{
    Connection,
    base::CONNECT_TIMEOUT,
    guard::{Guard, Lookup},
    secret::{MAX_SECRET_BYTES, beside, read_bounded},
    tls::{authorities, read_authorities},
};

/// How long an answer may stand still.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// The client of a connection, with the key of its certificate.
///
/// # Errors
/// Where a file of its certificates, or the key, is not what it should be.
pub(super) fn client(
    definition: &HttpDefinition,
    connection: &Connection,
    key: Option<Secret>,
    lookup: Arc<dyn Lookup>,
) -> Result<Client, CardError> {
    let guard = Guard::new(&definition.urls(), &definition.allow, lookup);
    let client = Client::builder()
        .tls_backend_preconfigured(tls(definition, connection, key)?)
        .dns_resolver(Arc::new(Guarded(guard)))
        .redirect(Policy::custom(within_origin))
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .user_agent(concat!("flowrun/", env!("CARGO_PKG_VERSION")))
        .build();
    client.map_err(|error| {
        CardError::new(
            ErrorKind::Unexpected,
            format!(
                "the HTTP client cannot be made: {}",
                crate::base::last(&error)
            ),
        )
    })
}

fn tls(
    definition: &HttpDefinition,
    connection: &Connection,
    key: Option<Secret>,
) -> Result<ClientConfig, CardError> {
    let unusable = |problem: &str| {
        CardError::new(
            ErrorKind::Connection,
            format!("the connection `{}` {problem}", connection.nickname),
        )
    };
    let roots = match &definition.ca {
        Some(ca) => {
            let pem = read_authorities(&connection.file, ca)?;
            authorities(&pem).map_err(|problem| unusable(&format!("has a `ca` that {problem}")))?
        }
        None if definition.url.starts_with("https:") => of_the_system()?,
        None => RootCertStore::empty(),
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| CardError::new(ErrorKind::Unexpected, error.to_string()))?
        .with_root_certificates(roots);
    let (Some(certificate), Some(key)) = (&definition.certificate, key) else {
        return Ok(builder.with_no_client_auth());
    };
    let path = beside(&connection.file, certificate);
    let failed = |problem: &str| {
        CardError::new(
            ErrorKind::Connection,
            format!("the file `{}` of `certificate` {problem}", path.display()),
        )
        .help("give the certificate and those above it in PEM")
    };
    let pem = read_bounded(&path, MAX_SECRET_BYTES as u64).map_err(|problem| failed(&problem))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|_| failed("holds a certificate that cannot be read"))?;
    if chain.is_empty() {
        return Err(failed("holds no certificate"));
    }
    // What is wrong with the key is not repeated.
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).map_err(|_| {
        unusable("has a `private_key` that is no key in PEM").help(
            "give it without a passphrase, as `-----BEGIN PRIVATE KEY-----`, by `{ file: PATH }`",
        )
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|_| unusable("has a `private_key` that is not that of its `certificate`"))
}

/// The authorities that the system trusts.
fn of_the_system() -> Result<RootCertStore, CardError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(CardError::new(
            ErrorKind::Connection,
            "this machine has no certificates of authorities, so that no server can be trusted",
        )
        .help("install them (`ca-certificates`), or name the server's authority with `ca: FILE`"));
    }
    Ok(roots)
}

/// Follows redirects on the server itself only: another one gets nothing of ours, and is not one
/// that was checked.
fn within_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first().map(Url::origin);
    if first.is_some_and(|first| first != attempt.url().origin()) {
        let place = attempt.url().origin().ascii_serialization();
        return attempt.error(Elsewhere(place));
    }
    if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error(TooMany)
    } else {
        attempt.follow()
    }
}

/// A redirect to another server.
#[derive(Debug, thiserror::Error)]
#[error("it redirects to `{0}`, and redirects are followed on the same server only")]
struct Elsewhere(String);

#[derive(Debug, thiserror::Error)]
#[error("it redirects more than {MAX_REDIRECTS} times")]
struct TooMany;

/// A guard as the client takes it.
struct Guarded(Guard);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let found = guard.resolve(name.as_str()).await?;
            let found = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}
