//! One of the recording's connections, opened against the hub.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::Notify, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use super::{item::Item, line::Content};

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const BARRIER: &str = "barrier";

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A handshake under way.
pub(crate) type Opening = JoinHandle<Result<Stream, tungstenite::Error>>;

pub(crate) struct Connection {
    sink: SplitSink<Stream, Message>,
    version: u8,
    heard: Arc<Heard>,
    claimed: Vec<usize>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    items: Mutex<Vec<Item>>,
    more: Notify,
    pongs: Notify,
    barriers: Notify,
    /// The client ended it, so that its end is nothing to compare.
    leaving: AtomicBool,
}

/// Begins a handshake.
pub(crate) fn open(url: String, headers: Vec<(&'static str, String)>) -> Opening {
    tokio::spawn(async move {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
        }
        Ok(connect_async(request).await?.0)
    })
}

impl Connection {
    pub(crate) fn new(stream: Stream, version: u8, kept: Arc<Vec<String>>) -> Self {
        let (sink, mut stream) = stream.split();
        let heard = Arc::new(Heard::default());
        let hearing = heard.clone();
        let reader = tokio::spawn(async move {
            loop {
                let item = match stream.next().await {
                    Some(Ok(Message::Text(text))) if is_barrier(&text) => {
                        hearing.barriers.notify_one();
                        continue;
                    }
                    Some(Ok(Message::Text(text))) => Item::frame(&Content::Text(text.to_string()), &kept),
                    Some(Ok(Message::Binary(bytes))) => Item::frame(&Content::Binary(bytes.to_vec()), &kept),
                    Some(Ok(Message::Pong(_))) => {
                        hearing.pongs.notify_one();
                        continue;
                    }
                    Some(Ok(Message::Close(frame))) => Item::closed(frame.map_or(1005, |frame| frame.code.into())),
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => Item::closed(1006),
                };
                let ends = item.lane == "close";
                if !(ends && hearing.leaving.load(Ordering::Acquire)) {
                    hearing.items.lock().unwrap().push(item);
                }
                hearing.more.notify_one();
                if ends {
                    hearing.barriers.notify_one();
                    return;
                }
            }
        });
        Self { sink, version, heard, claimed: Vec::new(), reader }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        // To a server that has closed nothing can be sent, as in the recording.
        _ = self.sink.send(message).await;
    }

    /// Waits until something like `real` has come that nobody has waited for yet. Gives up after [`PATIENCE`]: the comparison tells.
    pub(crate) async fn wait_for(&mut self, real: &Item) {
        let found = async {
            loop {
                {
                    let items = self.heard.items.lock().unwrap();
                    let at = items.iter().enumerate().position(|(at, item)| {
                        item.lane == real.lane && item.kind == real.kind && !self.claimed.contains(&at)
                    });
                    if let Some(at) = at {
                        self.claimed.push(at);
                        return;
                    }
                }
                self.heard.more.notified().await;
            }
        };
        if tokio::time::timeout(PATIENCE, found).await.is_err() {
            eprintln!("never came: {} on {}: {}", real.kind, real.lane, real.body);
        }
    }

    /// Waits until the hub has taken everything that was sent and this connection has heard everything that was queued for it.
    pub(crate) async fn barrier(&mut self) {
        if self.reader.is_finished() {
            return;
        }
        let heartbeat = match self.version {
            1 => json!({ "topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": BARRIER }),
            _ => json!([null, BARRIER, "phoenix", "heartbeat", {}]),
        };
        self.send(Message::text(heartbeat.to_string())).await;
        tokio::time::timeout(PATIENCE, self.heard.barriers.notified()).await.expect("the heartbeat is answered");
    }

    pub(crate) async fn ping(&mut self) {
        self.send(Message::Ping(Vec::new().into())).await;
        tokio::time::timeout(PATIENCE, self.heard.pongs.notified()).await.expect("a pong");
    }

    /// The client closes, with a code or without one.
    pub(crate) async fn close(&mut self, code: Option<u16>) {
        self.heard.leaving.store(true, Ordering::Release);
        let frame = code.map(|code| CloseFrame { code: CloseCode::from(code), reason: "".into() });
        self.send(Message::Close(frame)).await;
        _ = tokio::time::timeout(PATIENCE, &mut self.reader).await;
    }

    /// The client is gone without a word.
    pub(crate) async fn destroy(mut self) -> Vec<Item> {
        self.heard.leaving.store(true, Ordering::Release);
        self.reader.abort();
        _ = (&mut self.reader).await;
        self.items()
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.heard.items.lock().unwrap().clone()
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.reader.is_finished()
    }
}

fn is_barrier(text: &str) -> bool {
    text.contains(BARRIER)
        && serde_json::from_str::<Value>(text).is_ok_and(|frame| frame["ref"] == BARRIER || frame[1] == BARRIER)
}
