//! A server that accepts every join and then plays a recorded stream: the bytes of all its frames are made beforehand, so that it is
//! never what is waited for.

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::contest::commands::Frame;
use super::stream::mark;

/// A server for one connection after the other.
pub(super) struct Feeder {
    /// What clients are given as the project's address.
    pub(super) url: String,
    play: mpsc::Sender<Vec<u8>>,
}

impl Feeder {
    /// Starts on a free port.
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (play, mut plays) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away ends its connection with an error, which is as it should be.
                let _gone = connection(stream, &mut plays).await;
                if plays.is_closed() {
                    return;
                }
            }
        });
        Ok(Self { url, play })
    }

    /// Sends the stream to whoever is connected, between the two marks.
    pub(super) async fn play(&self, bytes: Vec<u8>) -> Result<()> {
        self.play.send(bytes).await.context("the feeder has ended")
    }
}

/// The bytes of a stream on the wire, with its marks.
pub(super) fn wire(frames: &[Frame], version_2: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, &mark(true, version_2));
    frames.iter().for_each(|frame| push(&mut bytes, frame));
    push(&mut bytes, &mark(false, version_2));
    bytes
}

/// One unmasked, unfragmented frame (RFC 6455, section 5.2).
fn push(bytes: &mut Vec<u8>, frame: &Frame) {
    let (opcode, payload) = match frame {
        Frame::Text(text) => (0x81, text.as_bytes()),
        Frame::Binary(bytes) => (0x82, bytes.as_slice()),
    };
    bytes.push(opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if length < 126 => bytes.push(length),
        (_, Ok(length)) => {
            bytes.push(126);
            bytes.extend(length.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
}

async fn connection(stream: TcpStream, plays: &mut mpsc::Receiver<Vec<u8>>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut version_2 = false;
    #[allow(clippy::result_large_err, reason = "the library's own type")]
    let look = |request: &Request, response: Response| {
        version_2 = request.uri().query().unwrap_or_default().contains("vsn=2.0.0");
        Ok(response)
    };
    let mut socket = accept_hdr_async(stream, look).await?;
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    for answer in answers(&text, version_2)? {
                        socket.send(Message::text(answer)).await?;
                    }
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
            },
            bytes = plays.recv() => match bytes {
                // Between two frames of the library's own: everything it had to send is flushed.
                Some(bytes) => socket.get_mut().write_all(&bytes).await?,
                None => return Ok(()),
            },
        }
    }
}

/// What the real server answers to a join, a heartbeat and everything else that wants an answer.
fn answers(text: &str, version_2: bool) -> Result<Vec<String>> {
    let frame: Value = serde_json::from_str(text)?;
    let part = |at: usize, name: &str| {
        let part = if frame.is_array() { frame.get(at) } else { frame.get(name) };
        part.cloned().unwrap_or_default()
    };
    let (join_ref, reference, topic) = (part(0, "join_ref"), part(1, "ref"), part(2, "topic"));
    let say = |reference: &Value, event: &str, payload: Value| {
        if version_2 {
            json!([join_ref, reference, topic, event, payload]).to_string()
        } else {
            json!({"ref": reference, "event": event, "payload": payload, "topic": topic}).to_string()
        }
    };
    let ok = |response: Value| json!({"status": "ok", "response": response});
    let Some(event) = part(3, "event").as_str().map(str::to_owned) else { bail!("a frame without an event") };
    Ok(match event.as_str() {
        "phx_join" => {
            let asked = part(4, "payload");
            let asked = asked.pointer("/config/postgres_changes").and_then(Value::as_array);
            let bindings: Vec<Value> = asked.into_iter().flatten().map(numbered).collect();
            let wants_changes = !bindings.is_empty();
            let mut answers = vec![
                say(&reference, "phx_reply", ok(json!({"postgres_changes": bindings}))),
                say(&Value::Null, "presence_state", json!({})),
            ];
            if wants_changes {
                let ready = json!({"message": "Subscribed to PostgreSQL", "status": "ok", "extension": "postgres_changes", "channel": "bench"});
                answers.push(say(&Value::Null, "system", ready));
            }
            answers
        }
        "access_token" => Vec::new(),
        _ => vec![say(&reference, "phx_reply", ok(json!({})))],
    })
}

/// The binding with the number that the recorded changes name.
fn numbered(binding: &Value) -> Value {
    let id = match binding.get("table").and_then(Value::as_str) {
        Some("rt_full") => 9_519_238,
        Some("rt_norls") => 85_916_000,
        _ => 66_729_981,
    };
    let mut binding = binding.clone();
    if let Some(fields) = binding.as_object_mut() {
        fields.insert("id".to_owned(), json!(id));
    }
    binding
}
