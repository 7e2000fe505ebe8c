//! Certificates and keys in files.

use std::{path::Path, sync::Arc};

use jiff::Timestamp;
use rustls::{
    Error, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Identity, TlsError, fingerprint};

/// A pair of files as what a hub proves itself with at the given time.
pub(super) fn read(certificate: &Path, key: &Path, now: Timestamp) -> Result<Identity, TlsError> {
    let chain = certificates(certificate)?;
    let own = chain.first().ok_or_else(|| TlsError::NoCertificate(certificate.to_owned()))?;
    check_dates(own, certificate, now)?;
    let fingerprint = fingerprint(own);
    let secret = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| TlsError::NoKey(key.to_owned()))?;
    let unusable = |error: Error| match error {
        Error::InconsistentKeys(_) => {
            TlsError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        error => TlsError::Unusable { path: certificate.to_owned(), reason: error.to_string() },
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Identity { config: Arc::new(config), fingerprint })
}

/// The certificates of a file, the server's own first.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bytes(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => Err(TlsError::NoCertificate(path.to_owned())),
    }
}

fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

fn check_dates(certificate: &CertificateDer<'_>, path: &Path, now: Timestamp) -> Result<(), TlsError> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|error| TlsError::Unusable { path: path.to_owned(), reason: error.to_string() })?;
    let (from, until) = (&parsed.validity().not_before, &parsed.validity().not_after);
    if now.as_second() > until.timestamp() {
        return Err(TlsError::Expired { path: path.to_owned(), until: until.to_string() });
    }
    if now.as_second() < from.timestamp() {
        return Err(TlsError::NotYetValid { path: path.to_owned(), from: from.to_string() });
    }
    Ok(())
}
