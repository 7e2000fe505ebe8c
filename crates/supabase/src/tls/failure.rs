//! What a failed connection says about TLS, dug out of the errors of the libraries in between.

use std::error::Error as StdError;
use std::io;

use rustls::{CertificateError, OtherError};

use super::Fingerprint;
use crate::Error;

/// What a verifier found wrong with a server's certificate.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Finding {
    #[error("{reason}")]
    Untrusted { fingerprint: Fingerprint, reason: String },
    #[error("the certificate is another than the one that was trusted")]
    Changed { expected: Fingerprint, found: Fingerprint },
}

/// The typed error behind a failed connection, where it was the certificate, or the wrong one of `http` and `https`.
pub(crate) fn failure(error: &(dyn StdError + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(known) = error.downcast_ref::<rustls::Error>().and_then(of_rustls) {
            return Some(known);
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            let message = "what answers there does not speak plain HTTP; its address may begin with https://";
            return Some(Error::Network { message: message.into() });
        }
        // An I/O error passes its content over when it is asked for its source.
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = carried.map(|carried| carried as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

fn of_rustls(error: &rustls::Error) -> Option<Error> {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            match inner.downcast_ref::<Finding>()? {
                Finding::Untrusted { fingerprint, reason } => {
                    Some(Error::UntrustedCertificate { fingerprint: *fingerprint, reason: reason.clone() })
                }
                Finding::Changed { expected, found } => {
                    Some(Error::CertificateChanged { expected: *expected, found: *found })
                }
            }
        }
        rustls::Error::InvalidMessage(_) => {
            let message = "what answers there does not speak TLS; its address may begin with http://";
            Some(Error::Tls { message: message.into() })
        }
        _ => None,
    }
}
