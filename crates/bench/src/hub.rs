//! A hub with folders of its own, and the database behind it.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Context, Result};
use clap::Parser;
use cockpit_hub::cli::Cli;
use cockpit_hub::{Hub, HubOptions};
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// The command `cockpit-hub` by another name: what is measured as a process of its own, and killed, is the same code, without a second
/// program that would have to be found.
pub(crate) fn serve() -> Result<()> {
    let cli = Cli::parse_from(std::env::args().skip(1));
    cockpit_hub::cli::start_log(&cli);
    tokio::runtime::Runtime::new()?.block_on(cockpit_hub::cli::run(cli)).map_err(|error| anyhow::anyhow!("{error}"))
}

/// A running hub and its folder. PostgreSQL runs with the settings of a hub in use: fsync on.
pub(crate) struct Office {
    pub(crate) hub: Hub,
    folder: TempDir,
}

impl Office {
    /// A hub without any data.
    pub(crate) async fn open() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Run by root, PostgreSQL is another user, who has to get through to its data.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
        let hub = Hub::start(HubOptions { port: 0, ..HubOptions::new(folder.path().join("hub")) }).await?;
        Ok(Self { hub, folder })
    }

    /// A new folder beside the hub's.
    pub(crate) fn folder(&self, name: &str) -> Result<std::path::PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A connection with every right, to fill tables.
    pub(crate) async fn administrator(&self) -> Result<Client> {
        connect(&self.config()?).await
    }

    /// A connection as the login role that API callers come in by.
    pub(crate) async fn authenticator(&self) -> Result<Client> {
        connect(self.config()?.user("authenticator")).await
    }

    /// Ends it in good order.
    pub(crate) async fn close(self) -> Result<()> {
        self.hub.stop().await.context("the hub did not stop")
    }

    fn config(&self) -> Result<Config> {
        Ok(self.hub.database_url_as_owner().parse()?)
    }
}

async fn connect(config: &Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends with the client; an error of the connection is an error of the client's next statement.
    tokio::spawn(connection);
    Ok(client)
}
