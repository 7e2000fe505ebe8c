//! What can be wrong with a certificate, each as one sentence and what to do.

use std::path::PathBuf;

/// Why a hub cannot serve with TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read ({source}). Check its path and that this user may read it.", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file holds no certificate.
    #[error("{} holds no certificate. Name a file in PEM form with --tls-cert.", .0.display())]
    NoCertificate(PathBuf),
    /// A file holds no usable key.
    #[error("{} holds no private key in PEM form without a passphrase. Name another file with --tls-key.", .0.display())]
    NoKey(PathBuf),
    /// The key is not the certificate's.
    #[error("The key in {} does not belong to the certificate in {}. Name two files that were made together.", key.display(), certificate.display())]
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate is no longer good.
    #[error("The certificate in {} has expired on {until}. Renew it and start again.", path.display())]
    Expired {
        /// Its file.
        path: PathBuf,
        /// The last moment it was good for.
        until: String,
    },
    /// The certificate is not good yet.
    #[error("The certificate in {} is good only from {from} on. Check this machine's clock, or take another certificate.", path.display())]
    NotYetValid {
        /// Its file.
        path: PathBuf,
        /// The first moment it is good for.
        from: String,
    },
    /// A certificate or key is damaged or of a kind that is not supported.
    #[error("The certificate in {} cannot be used ({reason}). Take another one.", path.display())]
    Unusable {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Only one half of the hub's own pair is there.
    #[error(
        "{} is missing although the other half of the hub's own certificate is there. Restore it from a backup, or delete the folder it \
         belongs in: a new certificate is made then, and everybody is asked to trust it.",
        .0.display()
    )]
    HalfMissing(PathBuf),
    /// A certificate could not be made.
    #[error("A certificate could not be made ({0}). Give one with --tls-cert and --tls-key.")]
    Making(String),
    /// The made certificate could not be kept.
    #[error("{} cannot be written ({source}). Give this user the right to write there.", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

impl TlsError {
    /// A stable word for the kind of error.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "tls_unreadable",
            Self::NoCertificate(_) => "tls_no_certificate",
            Self::NoKey(_) => "tls_no_key",
            Self::KeyMismatch { .. } => "tls_key_mismatch",
            Self::Expired { .. } => "tls_expired",
            Self::NotYetValid { .. } => "tls_not_yet_valid",
            Self::Unusable { .. } => "tls_unusable",
            Self::HalfMissing(_) => "tls_half_missing",
            Self::Making(_) => "tls_making",
            Self::Unwritable { .. } => "tls_unwritable",
        }
    }
}
