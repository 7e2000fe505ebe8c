//! A network that misbehaves on command: a TCP proxy that delays, cuts, swallows, garbles and throttles, and counts what it really did.

mod pump;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use pump::Line;

/// A small buffer towards the server, so that a throttled reader is felt there and not hidden by the system's megabytes.
const RECEIVE_BUFFER: u32 = 16 * 1024;

/// How the network is, until it is set otherwise. The default is a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Conditions {
    /// Every piece of data arrives so much later.
    pub(crate) latency: Duration,
    /// And up to so much later again; the order is kept.
    pub(crate) jitter: Duration,
    /// At most so many bytes a second go to the client.
    pub(crate) throttle: Option<u32>,
    /// What becomes of new connections.
    pub(crate) door: Door,
}

/// What becomes of new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Door {
    /// They are forwarded.
    #[default]
    Open,
    /// Nothing listens.
    Refusing,
    /// They are accepted, and nothing is ever said.
    Silent,
}

/// What happens at once to every connection there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Cut with a reset.
    Reset,
    /// Closed in good order, in the middle of whatever is under way.
    Finish,
    /// From now on swallows what both sides send, without a word.
    Freeze,
    /// So many random bytes in the middle of what the client is told.
    Garble(u16),
}

/// What really happened.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) connections: AtomicU64,
    pub(crate) delayed: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) reset: AtomicU64,
    pub(crate) finished: AtomicU64,
    pub(crate) frozen: AtomicU64,
    pub(crate) swallowed_bytes: AtomicU64,
    pub(crate) garbled: AtomicU64,
    pub(crate) silent: AtomicU64,
}

impl Counts {
    /// Adds one to a count.
    pub(crate) fn one(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The proxy; its tasks end when it is dropped.
pub(crate) struct Proxy {
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    server: SocketAddr,
    conditions: watch::Sender<Conditions>,
    acts: broadcast::Sender<Act>,
    counts: Counts,
    seed: AtomicU64,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Proxy {
    /// Starts one before a server. Delays and garbage follow from the seed.
    pub(crate) async fn start(server: SocketAddr, seed: u64) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            server,
            conditions: watch::Sender::new(Conditions::default()),
            acts: broadcast::Sender::new(64),
            counts: Counts::default(),
            seed: AtomicU64::new(seed),
            stop: stop.clone(),
            connections: TaskTracker::new(),
        });
        tokio::spawn(serve(Arc::clone(&shared), listener, address));
        Ok(Self { address, shared, _stop: stop.drop_guard() })
    }

    /// Sets how the network is.
    pub(crate) fn set(&self, conditions: Conditions) {
        self.shared.conditions.send_replace(conditions);
    }

    /// Does something to every connection there is.
    pub(crate) fn act(&self, act: Act) {
        // Nobody hears it when there is no connection.
        self.shared.acts.send(act).ok();
    }

    /// What really happened so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.shared.counts
    }
}

async fn serve(shared: Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut conditions = shared.conditions.subscribe();
    let mut listener = Some(listener);
    loop {
        let refusing = conditions.borrow_and_update().door == Door::Refusing;
        match (&listener, refusing) {
            (Some(_), true) => listener = None,
            (None, false) => match TcpListener::bind(address).await {
                Ok(bound) => listener = Some(bound),
                // Somebody else holds it for a moment.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            _ => {}
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            changed = conditions.changed() => if changed.is_err() { return },
            accepted = accept(&listener), if listener.is_some() => {
                if let Ok(client) = accepted {
                    let task = connection(Arc::clone(&shared), client);
                    let stop = shared.stop.clone();
                    shared.connections.spawn(async move {
                        tokio::select! { () = stop.cancelled() => {}, () = task => {} }
                    });
                }
            }
            () = tokio::time::sleep(Duration::from_millis(20)), if listener.is_none() && !refusing => {}
        }
    }
}

async fn accept(listener: &Option<TcpListener>) -> Result<TcpStream> {
    let listener = listener.as_ref().context("nothing listens")?;
    Ok(listener.accept().await?.0)
}

async fn connection(shared: Arc<Shared>, client: TcpStream) {
    Counts::one(&shared.counts.connections);
    // Acts from here on concern this connection.
    let acts = shared.acts.subscribe();
    if shared.conditions.borrow().door == Door::Silent {
        Counts::one(&shared.counts.silent);
        pump::swallow(client, &shared.counts).await;
        return;
    }
    let Ok(server) = connect(shared.server).await else {
        pump::reset(&client);
        return;
    };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    let seed = shared.seed.fetch_add(1, Ordering::Relaxed);
    let line = Line { conditions: shared.conditions.subscribe(), counts: &shared.counts, seed };
    line.carry(client, server, acts).await;
}

async fn connect(server: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    Ok(socket.connect(server).await?)
}

#[cfg(test)]
mod tests;
