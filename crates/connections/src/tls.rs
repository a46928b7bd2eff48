//! The authorities that the certificate of a server may come from.

use std::path::Path;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use flowrun_card::{CardError, ErrorKind};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use sha2::{Digest as _, Sha256};

use crate::secret::{beside, read_bounded};

/// The longest file of certificates that is read, in bytes.
const MAX_CA_BYTES: u64 = 1024 * 1024;

/// The certificates of a `ca:` file, as they stand there, once they have been read.
///
/// # Errors
/// Where the file cannot be read, or holds no certificate that an authority could have.
pub(crate) fn read_authorities(file: &Path, ca: &Path) -> Result<Vec<u8>, CardError> {
    let path = beside(file, ca);
    let failed = |problem: String| {
        CardError::new(
            ErrorKind::Connection,
            format!("the file `{}` of `ca` {problem}", path.display()),
        )
        .help("give the certificates of the authority in PEM, as `-----BEGIN CERTIFICATE-----`")
    };
    let pem = read_bounded(&path, MAX_CA_BYTES).map_err(failed)?;
    authorities(&pem).map_err(failed)?;
    Ok(pem)
}

/// Whom a secret is for where a `ca:` file says who vouches for that server: with another file
/// another server could pretend to be it.
pub(crate) fn vouched(destination: String, file: &Path, ca: Option<&Path>) -> String {
    let Some(ca) = ca else {
        return destination;
    };
    match read_bounded(&beside(file, ca), MAX_CA_BYTES) {
        Ok(pem) => {
            let digest = hex::encode(Sha256::digest(&pem));
            format!("{destination} with the authorities of sha256:{digest}")
        }
        Err(_) => format!("{destination} with authorities that cannot be read"),
    }
}

/// The authorities of a text in PEM.
///
/// # Errors
/// Where it holds none, as the end of a sentence.
pub(crate) fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let unusable = || "holds a certificate that cannot be read".to_owned();
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| unusable())?;
        roots.add(certificate).map_err(|_| unusable())?;
    }
    if roots.is_empty() {
        Err("holds no certificate".to_owned())
    } else {
        Ok(roots)
    }
}

/// What the SDK's client takes: only these authorities, or without any those of the system.
pub(crate) fn context(authorities: Option<Vec<u8>>) -> Result<TlsContext, CardError> {
    let store = match authorities {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(store).build();
    context.map_err(|error| CardError::new(ErrorKind::Unexpected, error.to_string()))
}
