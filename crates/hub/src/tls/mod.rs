//! TLS for a hub that other machines reach: a certificate that is given, or one that the hub makes for itself and whose fingerprint
//! people compare when they sign in for the first time.

mod error;
mod files;
mod listener;
mod names;
mod own;

use std::{fmt::Write, path::PathBuf, sync::Arc};

use rustls::{ServerConfig, pki_types::CertificateDer};
use sha2::{Digest, Sha256};

use crate::data_dir::DataDir;

pub use error::TlsError;
pub(crate) use listener::TlsListener;
pub(crate) use names::{machine_addresses, machine_names};

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsOptions {
    /// Made at the first start with this option and kept in the data folder: clients remember its fingerprint.
    SelfSigned,
    /// Files in PEM form, read at each start.
    Files {
        /// The certificate, followed by those that lead to its root.
        certificate: PathBuf,
        /// Its private key, without a passphrase.
        key: PathBuf,
    },
}

/// What a hub proves itself with.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// Of the hub's own certificate, as [`fingerprint`] writes it.
    pub(crate) fingerprint: String,
}

impl Identity {
    /// Reads the certificate and its key, or makes them.
    pub(crate) fn load(options: &TlsOptions, data: &DataDir) -> Result<Self, TlsError> {
        let now = jiff::Timestamp::now();
        match options {
            TlsOptions::Files { certificate, key } => files::read(certificate, key, now),
            TlsOptions::SelfSigned => {
                let (certificate, key) = own::paths(data);
                own::make_once(data, now)?;
                files::read(&certificate, &key, now)
            }
        }
    }
}

/// The fingerprint of the hub's own certificate, when it has made one.
pub(crate) fn own_fingerprint(data: &DataDir) -> Result<Option<String>, TlsError> {
    let (certificate, _) = own::paths(data);
    if !certificate.exists() {
        return Ok(None);
    }
    let chain = files::certificates(&certificate)?;
    Ok(chain.first().map(fingerprint))
}

/// The SHA-256 of a certificate in hexadecimal pairs with colons between them, as browsers and openssl write it.
pub(crate) fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let mut text = String::with_capacity(95);
    for byte in Sha256::digest(certificate.as_ref()) {
        if !text.is_empty() {
            text.push(':');
        }
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}
