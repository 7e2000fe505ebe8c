//! A raw Phoenix client, so that the tests see every frame.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message},
};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long silence is listened to.
const SILENCE: Duration = Duration::from_millis(300);

/// A frame as version 2 orders it: `[join_ref, ref, topic, event, payload]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame(pub(crate) [Value; 5]);

impl Frame {
    pub(crate) fn event(&self) -> &str {
        self.0[3].as_str().unwrap()
    }

    pub(crate) fn payload(&self) -> &Value {
        &self.0[4]
    }
}

pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    version: &'static str,
    next_ref: u32,
}

impl Socket {
    pub(crate) async fn open(url: &str, key: &str, version: &'static str) -> Self {
        Self::try_open(url, &format!("apikey={key}&vsn={version}"), version).await.unwrap()
    }

    pub(crate) async fn try_open(url: &str, query: &str, version: &'static str) -> Result<Self, tungstenite::Error> {
        let url = format!("{}/realtime/v1/websocket?{query}", url.replacen("http", "ws", 1));
        let (stream, _) = connect_async(url).await?;
        Ok(Self { stream, version, next_ref: 0 })
    }

    /// Sends and answers the reference used.
    pub(crate) async fn send(&mut self, topic: &str, event: &str, payload: Value) -> String {
        self.next_ref += 1;
        let reference = self.next_ref.to_string();
        let join_ref = (topic != "phoenix").then(|| "1".to_owned());
        let frame = match self.version {
            "2.0.0" => json!([join_ref, reference, topic, event, payload]),
            _ => json!({ "topic": topic, "event": event, "payload": payload, "ref": reference, "join_ref": join_ref }),
        };
        self.send_text(&frame.to_string()).await;
        reference
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends a broadcast in a binary frame.
    pub(crate) async fn push_json(&mut self, topic: &str, event: &str, payload: &str) {
        let lengths = [3, 1, 1, topic.len(), event.len(), 0, 1].map(|length| u8::try_from(length).unwrap());
        let frame = [&lengths[..], b"19", topic.as_bytes(), event.as_bytes(), payload.as_bytes()].concat();
        self.stream.send(Message::binary(frame)).await.unwrap();
    }

    /// Joins and answers the reply's payload.
    pub(crate) async fn join(&mut self, topic: &str, private: bool, broadcast: Value, token: Option<&str>) -> Value {
        let config = json!({
            "broadcast": broadcast, "presence": { "key": "", "enabled": false }, "postgres_changes": [], "private": private
        });
        self.send(&format!("realtime:{topic}"), "phx_join", json!({ "config": config, "access_token": token })).await;
        self.receive().await.payload().clone()
    }

    /// The next frame, which must come.
    pub(crate) async fn receive(&mut self) -> Frame {
        match self.next().await {
            Message::Text(text) => self.parse(&text),
            Message::Binary(bytes) if self.version == "2.0.0" => parse_binary(&bytes),
            other => panic!("a text frame was expected, not {other:?}"),
        }
    }

    /// The next frame as it is on the wire, which must come.
    pub(crate) async fn receive_message(&mut self) -> Message {
        self.next().await
    }

    /// The next frame if there is one within `patience`.
    pub(crate) async fn waiting(&mut self, patience: Duration) -> Option<Frame> {
        let next = tokio::time::timeout(patience, self.stream.next()).await.ok()?;
        match next.expect("an open socket").expect("a readable frame") {
            Message::Text(text) => Some(self.parse(&text)),
            other => panic!("a text frame was expected, not {other:?}"),
        }
    }

    /// Closes in good order.
    pub(crate) async fn leave(mut self) {
        self.stream.close(None).await.unwrap();
    }

    /// Sends whatever is given.
    pub(crate) async fn send_message(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        self.stream.send(message).await
    }

    /// Whatever comes next.
    pub(crate) async fn next_message(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame in time")
    }

    /// Waits for the close frame and answers its code; other frames may come before.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a close code").code.into();
            }
        }
    }

    /// Reads until the connection ends, however it ends, and answers how many frames came.
    pub(crate) async fn drain(&mut self) -> usize {
        let mut frames = 0;
        while let Some(Ok(message)) = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("the end in time")
        {
            frames += usize::from(matches!(message, Message::Text(_) | Message::Binary(_)));
        }
        frames
    }

    /// Listens for a while and fails if anything comes.
    pub(crate) async fn hears_nothing(&mut self) {
        if let Ok(message) = tokio::time::timeout(SILENCE, self.stream.next()).await {
            panic!("silence was expected, not {message:?}");
        }
    }

    pub(crate) async fn heartbeat(&mut self) {
        let reference = self.send("phoenix", "heartbeat", json!({})).await;
        let reply = self.receive().await;
        assert_eq!(reply.0[1], reference);
        assert_eq!(*reply.payload(), json!({ "status": "ok", "response": {} }));
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await;
        next.expect("a frame in time").expect("an open socket").expect("a readable frame")
    }

    fn parse(&self, text: &str) -> Frame {
        let value: Value = serde_json::from_str(text).unwrap();
        match self.version {
            "2.0.0" => Frame(serde_json::from_value(value).unwrap()),
            _ => {
                assert!(value.get("join_ref").is_none(), "version 1 carries no join_ref from the server: {text}");
                let part = |name: &str| value[name].clone();
                Frame([Value::Null, part("ref"), part("topic"), part("event"), part("payload")])
            }
        }
    }
}

/// A delivery, `04 |len topic|len event|len meta|1|…`, as the text form would have it.
fn parse_binary(bytes: &[u8]) -> Frame {
    let [4, topic, event, meta, 1, rest @ ..] = bytes else { panic!("no delivery of JSON: {bytes:?}") };
    let (topic, rest) = rest.split_at(usize::from(*topic));
    let (event, rest) = rest.split_at(usize::from(*event));
    let (meta, payload) = rest.split_at(usize::from(*meta));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let meta: Value = if meta.is_empty() { Value::Null } else { serde_json::from_slice(meta).unwrap() };
    let payload: Value = serde_json::from_slice(payload).unwrap();
    let payload = json!({ "event": text(event), "meta": meta, "payload": payload, "type": "broadcast" });
    Frame([Value::Null, Value::Null, json!(text(topic)), json!("broadcast"), payload])
}
