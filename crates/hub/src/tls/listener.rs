//! Accepting connections and shaking hands with each on its own, so that a peer that stalls holds up nobody.

use std::{collections::VecDeque, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Handshakes under way at one time. One takes milliseconds, so when there are more the oldest is a stalled one, and it makes room.
const HANDSHAKES: usize = 128;
/// The first byte of a TLS connection.
const TLS_HANDSHAKE: u8 = 0x16;
/// So much of a plain request is read before its connection is closed.
const PLAIN_REQUEST: u64 = 64 * 1024;

/// A listener whose connections are encrypted when they come out of it. Dropping it ends the handshakes under way.
pub(crate) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    patience: Duration,
    handshakes: JoinSet<Option<Accepted>>,
    /// Oldest first.
    order: VecDeque<AbortHandle>,
}

type Accepted = (TlsStream<TcpStream>, SocketAddr);

impl TlsListener {
    /// Wraps a listener; a handshake gets so long.
    pub(crate) fn new(listener: TcpListener, config: Arc<ServerConfig>, patience: Duration) -> Self {
        let acceptor = TlsAcceptor::from(config);
        Self { listener, acceptor, patience, handshakes: JoinSet::new(), order: VecDeque::new() }
    }

    fn begin(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.order.retain(|handshake| !handshake.is_finished());
        if self.order.len() >= HANDSHAKES
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        let (acceptor, patience) = (self.acceptor.clone(), self.patience);
        self.order.push_back(self.handshakes.spawn(async move {
            match tokio::time::timeout(patience, shake_hands(acceptor, stream)).await {
                Ok(Ok(Some(stream))) => Some((stream, peer)),
                Ok(Ok(None)) => None,
                Ok(Err(error)) => {
                    tracing::debug!(%peer, %error, "a TLS handshake failed");
                    None
                }
                Err(_) => {
                    tracing::debug!(%peer, "a TLS handshake took too long");
                    None
                }
            }
        }));
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Accepted {
        loop {
            tokio::select! {
                (stream, peer) = Listener::accept(&mut self.listener) => self.begin(stream, peer),
                Some(ended) = self.handshakes.join_next() => {
                    // One that was ended to make room, or that panicked, brings no connection.
                    if let Ok(Some(accepted)) = ended {
                        return accepted;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The encrypted stream; none for a peer that speaks plain HTTP and was told so.
async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
    // Small frames go out at once: Nagle's algorithm would hold a broadcast back for up to 40 ms.
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first != [TLS_HANDSHAKE] {
        refuse_plain(stream).await?;
        return Ok(None);
    }
    acceptor.accept(stream).await.map(Some)
}

async fn refuse_plain(mut stream: TcpStream) -> io::Result<()> {
    let body = r#"{"code":"https_required","message":"This server speaks TLS: its address begins with https://."}"#;
    let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with the request unread would reset the connection, and the answer with it.
    tokio::io::copy(&mut (&mut stream).take(PLAIN_REQUEST), &mut tokio::io::sink()).await?;
    Ok(())
}
