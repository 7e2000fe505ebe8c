//! A hub with folders of its own, and the database behind it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use cockpit_hub::{Hub, HubOptions, Limits};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio_postgres::{Client, Config, NoTls};

/// A hub as a process of its own, without the real server's limits: what a hub bears is measured, not what it allows.
#[derive(Debug, Parser)]
struct Serve {
    #[arg(long)]
    data: PathBuf,
    #[arg(long)]
    port: u16,
    #[arg(long, default_value_t = 3600)]
    token_ttl: u64,
    /// Make the demo workspace first.
    #[arg(long)]
    demo: bool,
}

/// Serves until it is told to stop. It is this program too, so that nobody has to find another one.
pub(crate) fn serve() -> Result<()> {
    let Serve { data, port, token_ttl, demo } = Serve::parse_from(std::env::args().skip(1));
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut stop = signal(SignalKind::terminate())?;
        let token_ttl = Duration::from_secs(token_ttl);
        let hub = Hub::start(HubOptions { port, token_ttl, limits: Limits::lifted(), ..HubOptions::new(data) }).await?;
        if demo {
            hub.make_demo(10).await?;
        }
        writeln!(std::io::stdout(), "cockpit-hub serves at {}", hub.url())?;
        stop.recv().await;
        Ok(hub.stop().await?)
    })
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
        // What is measured is the hub, not the limits it has in common with the real server.
        let options = HubOptions { port: 0, limits: Limits::lifted(), ..HubOptions::new(folder.path().join("hub")) };
        let hub = Hub::start(options).await?;
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
