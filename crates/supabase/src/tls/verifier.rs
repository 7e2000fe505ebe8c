//! Who is trusted: whom the system trusts, or one certificate and nobody else.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::{Finding, Fingerprint};

/// Asks the platform, and says whose certificate it was that it does not trust.
#[derive(Debug)]
pub(super) struct PlatformTrust {
    platform: rustls_platform_verifier::Verifier,
}

/// Trusts one certificate. Its names and dates are not looked at: whoever compared the fingerprint knows whose it is. The handshake's
/// signature is, which proves that the server holds the certificate's key.
#[derive(Debug)]
pub(super) struct PinnedTrust {
    pinned: Fingerprint,
    provider: Arc<CryptoProvider>,
}

impl PlatformTrust {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        Ok(Self { platform: rustls_platform_verifier::Verifier::new(provider)? })
    }
}

impl PinnedTrust {
    pub(super) fn new(pinned: Fingerprint, provider: Arc<CryptoProvider>) -> Self {
        Self { pinned, provider }
    }
}

impl ServerCertVerifier for PlatformTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self.platform.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        judged.map_err(|error| {
            let reason = match &error {
                Error::InvalidCertificate(why) => why.to_string(),
                other => other.to_string(),
            };
            told(Finding::Untrusted { fingerprint: Fingerprint::of(end_entity), reason })
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.platform.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

impl ServerCertVerifier for PinnedTrust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(end_entity);
        if found == self.pinned {
            return Ok(ServerCertVerified::assertion());
        }
        Err(told(Finding::Changed { expected: self.pinned, found }))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// As an error that rustls carries through, and that ends the handshake with the alert `certificate_unknown`.
fn told(finding: Finding) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(finding))))
}
