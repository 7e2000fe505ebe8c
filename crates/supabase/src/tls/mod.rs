//! The one TLS configuration, shared by HTTP and the websocket: the system's trust, or one pinned certificate.

mod failure;
mod fingerprint;
mod verifier;

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use url::Url;

pub use fingerprint::{Fingerprint, InvalidFingerprint};

pub(crate) use failure::failure;

use crate::Error;
use failure::Finding;
use verifier::{PinnedTrust, PlatformTrust};

/// The configuration for `url`, or none for a plain one. With a pin exactly that certificate is trusted, and nothing else.
///
/// It is built only when it is needed, because the platform verifier fails on a machine without any trusted root, and such a
/// machine must still reach a plain server on loopback. The provider that the program installed is used; without one ring is,
/// so that a program that forgot to install it does not panic inside a library.
pub(crate) fn client_config(url: &Url, pinned: Option<Fingerprint>) -> Result<Option<Arc<ClientConfig>>, Error> {
    if !matches!(url.scheme(), "https" | "wss") {
        return Ok(None);
    }
    let provider =
        CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let failed = |error: rustls::Error| Error::Tls { message: error.to_string() };
    let verifier: Arc<dyn ServerCertVerifier> = match pinned {
        Some(pinned) => Arc::new(PinnedTrust::new(pinned, Arc::clone(&provider))),
        None => Arc::new(PlatformTrust::new(Arc::clone(&provider)).map_err(failed)?),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        // Not dangerous here: one verifier asks the platform, the other is stricter than it.
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    if pinned.is_some() {
        // A resumed session shows no certificate, and the pin is to be compared at every connection.
        config.resumption = Resumption::disabled();
    }
    Ok(Some(Arc::new(config)))
}

/// A configuration that trusts nobody, for a client that only speaks plain HTTP: reqwest wants one in any case.
pub(crate) fn trusting_nobody() -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls { message: error.to_string() })?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth())
}
