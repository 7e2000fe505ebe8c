//! The hub behind the proxy, which is killed and started again on the same port and folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use cockpit_hub::postgres::{Postgres, SUPERUSER};
use tempfile::TempDir;
use tokio_postgres::Config;

use crate::process::{self, HubProcess};
use crate::proxy::{Counts, Proxy};

/// Everything on the server's side.
pub(super) struct Stage {
    pub(super) proxy: Proxy,
    folder: TempDir,
    port: u16,
    token_ttl: String,
    hub: Option<HubProcess>,
    /// The hub's own address, past the proxy.
    pub(super) direct: String,
    pub(super) key: String,
    pub(super) killed: AtomicU64,
    pub(super) terminated: AtomicU64,
    /// Attempts of the subject that were refused; it says so itself.
    pub(super) refused: Arc<AtomicU64>,
}

impl Stage {
    /// A hub with the demo workspace, whose tokens are good for so many seconds, and a proxy before it.
    pub(super) async fn set(token_ttl: u64, seed: u64) -> Result<Self> {
        let folder = process::folder()?;
        // Freed at once and taken by the hub: the one who comes between is told of by the hub.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let token_ttl = token_ttl.to_string();
        let arguments = ["--token-ttl", &token_ttl, "--demo"];
        let hub = HubProcess::start(&folder.path().join("hub"), port, &arguments).await?;
        let (direct, key) = (hub.url.clone(), hub.key.clone());
        let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), seed).await?;
        let (killed, terminated, refused) = Default::default();
        Ok(Self { proxy, folder, port, token_ttl, hub: Some(hub), direct, key, killed, terminated, refused })
    }

    /// As a power cut does it.
    pub(super) async fn kill_hub(&mut self) -> Result<()> {
        self.hub.take().context("no hub runs")?.kill().await?;
        Counts::one(&self.killed);
        Ok(())
    }

    /// Where it was before, with the data it had.
    pub(super) async fn start_hub(&mut self) -> Result<()> {
        let hub = HubProcess::start(&self.data(), self.port, &["--token-ttl", &self.token_ttl]).await?;
        self.hub = Some(hub);
        Ok(())
    }

    /// In good order.
    pub(super) async fn stop(mut self) -> Result<()> {
        self.hub.take().context("no hub runs")?.stop().await
    }

    /// The address of the proxy, as a project's.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    /// Where PostgreSQL keeps its data.
    pub(super) fn cluster(&self) -> PathBuf {
        self.data().join("pg/data")
    }

    /// The hub's folder.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("hub")
    }
}

/// A way to the database of a hub's folder, with every right.
pub(super) fn database(data: &std::path::Path) -> Result<Config> {
    Ok(Postgres::attach(&data.join("pg"))?.config(SUPERUSER))
}
