//! `cockpit-hub fingerprint`: what people compare when they sign in for the first time.

use clap::Args;

use super::{console::say, data::DataArgs};
use crate::{HubError, data_dir::DataDir, tls};

/// Which hub.
#[derive(Debug, Args)]
pub(super) struct FingerprintArgs {
    #[command(flatten)]
    data: DataArgs,
}

/// Says the fingerprint of the certificate a running hub serves with, else of the one in the data folder.
pub(super) fn fingerprint(arguments: FingerprintArgs) -> Result<(), HubError> {
    let data = DataDir::open(&arguments.data.options()?.data)?;
    let served = data.read_hub_file().and_then(|file| file.fingerprint);
    let known = match served {
        Some(served) => Some(served),
        None => tls::own_fingerprint(&data)?,
    };
    say(&known.ok_or(HubError::NoCertificate)?)
}
