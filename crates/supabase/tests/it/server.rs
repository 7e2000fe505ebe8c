//! A websocket server that does what a test tells it, frame by frame, in the test's own task.

use std::time::Duration;

use async_trait::async_trait;
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent, RealtimeOptions, TokenSource};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use url::Url;

/// Nothing in these tests takes this long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

pub(crate) struct Server {
    pub(crate) listener: TcpListener,
}

/// The server's side of one socket.
pub(crate) struct Peer {
    pub(crate) socket: WebSocketStream<TcpStream>,
    pub(crate) uri: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    pub(crate) fn url(&self) -> Url {
        Url::parse(&format!("http://{}", self.listener.local_addr().unwrap())).unwrap()
    }

    /// Times that suit a test. Heartbeats are far off unless the test is about them.
    pub(crate) fn options(&self) -> RealtimeOptions {
        RealtimeOptions {
            backoff_min: Duration::from_millis(10),
            backoff_max: Duration::from_millis(50),
            refused_pause: Duration::from_millis(50),
            join_spread: Duration::from_millis(5),
            ..RealtimeOptions::new(self.url(), "anon-key")
        }
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        let mut uri = String::new();
        #[expect(clippy::result_large_err, reason = "the library's callback is of this type")]
        let note = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            uri = request.uri().to_string();
            Ok(response)
        };
        let socket = soon(tokio_tungstenite::accept_hdr_async(stream, note)).await.unwrap();
        Peer { socket, uri }
    }
}

impl Peer {
    /// The next frame, `[join_ref, ref, topic, event, payload]`; none when the client has closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next frame as it is, passing over heartbeats of version 2.
    pub(crate) async fn next_raw(&mut self) -> Message {
        loop {
            match soon(self.socket.next()).await.expect("closed").unwrap() {
                Message::Text(text) if text.contains("\"heartbeat\"") && text.starts_with('[') => {
                    let frame = serde_json::from_str(&text).unwrap();
                    self.accept_frame(&frame).await;
                }
                message => return message,
            }
        }
    }

    /// The next frame of an event, answering heartbeats on the way.
    pub(crate) async fn expect(&mut self, event: &str) -> Value {
        loop {
            let frame = self.next().await.unwrap_or_else(|| panic!("closed before {event}"));
            if frame[3] == event {
                return frame;
            }
            assert_eq!(frame[3], "heartbeat", "before {event} came {frame}");
            self.accept_frame(&frame).await;
        }
    }

    /// Answers a frame with ok.
    pub(crate) async fn accept_frame(&mut self, frame: &Value) {
        let reply = json!([frame[0], frame[1], frame[2], "phx_reply", { "status": "ok", "response": {} }]);
        self.send(&reply).await;
    }

    pub(crate) async fn refuse_frame(&mut self, frame: &Value, reason: &str) {
        let response = json!({ "status": "error", "response": { "reason": reason } });
        self.send(&json!([frame[0], frame[1], frame[2], "phx_reply", response])).await;
    }

    /// Waits for a join and accepts it, with bindings numbered from 1; gives the frame.
    pub(crate) async fn let_join(&mut self) -> Value {
        let join = self.expect("phx_join").await;
        let mut bindings = join[4]["config"]["postgres_changes"].as_array().unwrap().clone();
        for (index, binding) in bindings.iter_mut().enumerate() {
            binding["id"] = json!(index + 1);
        }
        let response = json!({ "status": "ok", "response": { "postgres_changes": bindings } });
        self.send(&json!([join[0], join[1], join[2], "phx_reply", response])).await;
        join
    }

    /// Says something about the channel `room`, as the real server does.
    pub(crate) async fn say(&mut self, status: &str, message: &str, extension: &str) {
        let body = json!({ "message": message, "status": status, "extension": extension, "channel": "room" });
        self.send(&json!([null, null, "realtime:room", "system", body])).await;
    }

    /// Sends a frame without an answer on the channel `room`.
    pub(crate) async fn tell(&mut self, event: &str, payload: Value) {
        self.send(&json!([null, null, "realtime:room", event, payload])).await;
    }

    pub(crate) async fn send(&mut self, frame: &Value) {
        self.send_raw(Message::text(frame.to_string())).await;
    }

    pub(crate) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    pub(crate) async fn broadcast(&mut self, topic: &str, payload: Value) {
        let body = json!({ "type": "broadcast", "event": "changes", "payload": payload });
        self.send(&json!([null, null, format!("realtime:{topic}"), "broadcast", body])).await;
    }
}

/// Gives out the token it is told, and says when it changes.
pub(crate) struct Tokens {
    current: Mutex<String>,
    changes: watch::Sender<u64>,
    pub(crate) rejected: Mutex<Vec<String>>,
    pub(crate) asked: AtomicUsize,
    /// Whether being asked makes another token, as an expired one does.
    pub(crate) restless: AtomicBool,
}

impl Tokens {
    pub(crate) fn new(token: &str) -> Arc<Self> {
        let (current, rejected) = (Mutex::new(token.into()), Mutex::default());
        Arc::new(Self { current, changes: watch::Sender::new(0), rejected, asked: 0.into(), restless: false.into() })
    }

    /// Replaces the token without a word, or with one.
    pub(crate) fn set(&self, token: &str, announced: bool) {
        *self.current.lock().unwrap() = token.into();
        if announced {
            self.changes.send_modify(|count| *count += 1);
        }
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn access_token(&self) -> Result<String, Error> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.restless.load(Ordering::SeqCst) {
            self.set(&format!("restless {asked}"), true);
        }
        Ok(self.current.lock().unwrap().clone())
    }

    fn reject(&self, access_token: &str) {
        self.rejected.lock().unwrap().push(access_token.into());
    }

    fn changes(&self) -> Option<watch::Receiver<u64>> {
        Some(self.changes.subscribe())
    }
}

pub(crate) fn spec(topic: &str) -> ChannelSpec {
    ChannelSpec::private(topic).acknowledged()
}

pub(crate) async fn next(events: &mut mpsc::Receiver<RealtimeEvent>) -> RealtimeEvent {
    soon(events.recv()).await.expect("the connection has ended")
}

/// A connection with one joined channel, `room`.
pub(crate) async fn joined(
    server: &Server,
    options: RealtimeOptions,
    tokens: Arc<Tokens>,
) -> (Realtime, mpsc::Receiver<RealtimeEvent>, Peer) {
    joined_to(spec("room"), server, options, tokens).await
}

/// The same with a specification of `room`.
pub(crate) async fn joined_to(
    spec: ChannelSpec,
    server: &Server,
    options: RealtimeOptions,
    tokens: Arc<Tokens>,
) -> (Realtime, mpsc::Receiver<RealtimeEvent>, Peer) {
    let (realtime, mut events) = Realtime::spawn(options, tokens);
    realtime.set_channels(vec![spec]);
    let mut peer = server.accept().await;
    peer.let_join().await;
    assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    (realtime, events, peer)
}
