//! The one TLS configuration, shared by HTTP and the websocket.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::BuilderVerifierExt;
use url::Url;

use crate::Error;

/// The configuration for `url`, or none for a plain one.
///
/// It is built only when it is needed, because the platform verifier fails on a machine without any trusted root, and such a
/// machine must still reach a plain server on loopback. The provider that the program installed is used; without one ring is,
/// so that a program that forgot to install it does not panic inside a library.
pub(crate) fn client_config(url: &Url) -> Result<Option<Arc<ClientConfig>>, Error> {
    if !matches!(url.scheme(), "https" | "wss") {
        return Ok(None);
    }
    let provider =
        CryptoProvider::get_default().cloned().unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let failed = |error: rustls::Error| Error::Tls { message: error.to_string() };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_platform_verifier()
        .map_err(failed)?
        .with_no_client_auth();
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
