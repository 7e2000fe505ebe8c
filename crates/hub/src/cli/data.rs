//! Which data folder a command works on.

use std::path::PathBuf;

use clap::Args;

use crate::{HubError, HubOptions};

/// The folder, and where PostgreSQL's programs may be found.
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// The folder that holds everything; made when missing [default: cockpit-hub in the user's data folder].
    #[arg(long, value_name = "DIR", env = "COCKPIT_HUB_DATA")]
    data: Option<PathBuf>,
    /// Another folder to look for PostgreSQL's programs in. May be repeated.
    #[arg(long, value_name = "DIR")]
    postgres_bin: Vec<PathBuf>,
}

impl DataArgs {
    /// The defaults of a hub over this folder.
    pub(super) fn options(self) -> Result<HubOptions, HubError> {
        let default =
            || directories::ProjectDirs::from("", "", "cockpit-hub").map(|folders| folders.data_local_dir().to_owned());
        let data = self.data.or_else(default).ok_or_else(|| {
            HubError::Internal("there is no home folder to keep the data in; name one with --data".to_owned())
        })?;
        let mut options = HubOptions::new(data);
        options.postgres.search = self.postgres_bin;
        Ok(options)
    }
}
