//! Our client as a contestant, and everything that the benchmarks know of its interface.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use bytes::Bytes;
use cockpit_supabase::realtime::change::{PostgresChange, Row};
use cockpit_supabase::realtime::presence::{Presence, PresenceMap};
use cockpit_supabase::realtime::protocol::{Binding, BroadcastPayload, Decoder, Json, ServerMessage};
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent, RealtimeOptions, TokenSource};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::contest::canon;
use super::contest::commands::{BEGIN, Command, Contestant, END, Frame, TOPIC, read_frames};
use super::contest::message::{Message, Person};
use super::contest::record::{Everything, Exact};

/// What a contestant waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Our client.
pub(crate) struct Ours {
    runtime: Runtime,
    frames: Vec<Raw>,
    joined: Option<Joined>,
}

/// A frame as the socket's library hands it over.
enum Raw {
    Text(String),
    Binary(Bytes),
}

struct Joined {
    realtime: Realtime,
    finished: mpsc::Receiver<Value>,
}

impl Ours {
    /// With the runtime that an application has by default.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { runtime: Runtime::new()?, frames: Vec::new(), joined: None })
    }
}

impl Contestant for Ours {
    fn carry_out(&mut self, command: Command) -> Result<Value> {
        match command {
            Command::Load { path } => {
                let raw = |frame| match frame {
                    Frame::Text(text) => Raw::Text(text),
                    Frame::Binary(bytes) => Raw::Binary(bytes.into()),
                };
                self.frames = read_frames(&path)?.into_iter().map(raw).collect();
                Ok(json!({"frames": self.frames.len()}))
            }
            Command::Decode {} => {
                // One for the whole stream, as a connection has it.
                let mut decoder = Decoder::new();
                let begin = Instant::now();
                let mut leaves = 0;
                for frame in &self.frames {
                    leaves += decode(&mut decoder, frame).map_or(0, |message| touch(&message));
                }
                Ok(json!({"ns": nanoseconds(begin), "leaves": leaves}))
            }
            Command::Verify { out } => {
                let mut decoder = Decoder::new();
                let lines: Vec<String> =
                    self.frames.iter().map(|frame| canonical(&mut decoder, frame).to_string()).collect();
                std::fs::write(out, lines.join("\n"))?;
                Ok(json!({"frames": self.frames.len()}))
            }
            Command::Join { url } => {
                self.joined = Some(self.runtime.block_on(join(&url))?);
                Ok(json!({"joined": true}))
            }
            Command::Dispatch {} => {
                let joined = self.joined.as_mut().context("not joined")?;
                let finished = async { tokio::time::timeout(PATIENCE, joined.finished.recv()).await };
                self.runtime.block_on(finished)?.context("the connection ended")
            }
            Command::Leave {} => {
                if let Some(joined) = self.joined.take() {
                    self.runtime.block_on(joined.realtime.shutdown());
                }
                Ok(json!({"left": true}))
            }
            Command::Trip { url, key, count, pause_us, topic } => {
                self.runtime.block_on(trip(&url, &key, count, Duration::from_micros(pause_us), &topic))
            }
        }
    }
}

/// A token that never changes; empty ones are not sent, and the key's rights hold.
pub(crate) struct Fixed(pub(crate) String);

#[async_trait]
impl TokenSource for Fixed {
    async fn access_token(&self) -> Result<String, Error> {
        Ok(self.0.clone())
    }
}

/// A public channel with acknowledged broadcasts.
pub(crate) fn public_channel(topic: &str) -> ChannelSpec {
    ChannelSpec::public(topic).acknowledged()
}

/// A channel that carries everything: the tables of the recordings, presence, broadcasts.
fn rich_channel() -> ChannelSpec {
    ["rt_default", "rt_full", "rt_norls"]
        .into_iter()
        .fold(ChannelSpec::public(TOPIC).presence("ada"), |spec, table| spec.changes(Binding::table("public", table)))
}

fn decode(decoder: &mut Decoder, frame: &Raw) -> Result<ServerMessage> {
    match frame {
        Raw::Text(text) => decoder.text(text),
        Raw::Binary(bytes) => decoder.binary(bytes),
    }
    .map_err(|error| anyhow!("{error}"))
}

fn touch(message: &ServerMessage) -> u64 {
    match message {
        ServerMessage::Broadcast { payload: BroadcastPayload::Json(json), .. } => touch_message(json),
        ServerMessage::Broadcast { payload: BroadcastPayload::Binary(bytes), .. } => touch_bytes(bytes),
        ServerMessage::PostgresChange { change, .. } => touch_change(change),
        ServerMessage::PresenceState { presences, .. } => touch_people(presences),
        ServerMessage::PresenceDiff { joins, leaves, .. } => touch_people(joins) + touch_people(leaves),
        ServerMessage::Reply { outcome, .. } => touch_any(outcome),
        ServerMessage::System { message, .. } => touch_any(message),
        _ => 0,
    }
}

fn touch_any<T>(value: &T) -> u64 {
    black_box(value);
    1
}

fn touch_bytes(bytes: &[u8]) -> u64 {
    black_box(bytes);
    1
}

fn touch_message(json: &Json) -> u64 {
    json.get::<Message>().map_or(0, |message| message.leaves())
}

fn touch_change(change: &PostgresChange) -> u64 {
    typed(&change.record).leaves() + typed(&change.old_record).leaves()
}

fn touch_people(people: &PresenceMap) -> u64 {
    people
        .iter()
        .flat_map(|(_, metas)| metas)
        .map(|meta| meta.payload.get::<Person>().map_or(0, |person| person.leaves()))
        .sum()
}

/// The application's row.
fn typed(row: &Row) -> Everything<Exact> {
    row.deserialize().unwrap_or_default()
}

fn canonical(decoder: &mut Decoder, frame: &Raw) -> Value {
    let message = match decode(decoder, frame) {
        Ok(message) => message,
        Err(error) => return canon::refused(&error.to_string()),
    };
    match &message {
        ServerMessage::Broadcast { event, payload, id, .. } => {
            let payload = match payload {
                BroadcastPayload::Json(json) => canon::plain(&json.get().unwrap_or_default()),
                BroadcastPayload::Binary(bytes) => canon::bytes(bytes),
            };
            canon::broadcast(event, id.as_deref(), payload)
        }
        ServerMessage::PostgresChange { change, .. } => canon::change(
            &format!("{:?}", change.kind).to_uppercase(),
            &change.table,
            change.commit_timestamp.as_deref().unwrap_or_default(),
            typed(&change.record).canon(),
            typed(&change.old_record).canon(),
        ),
        ServerMessage::PresenceDiff { joins, leaves, .. } => canon::presence(people(joins), people(leaves)),
        ServerMessage::Reply { outcome, .. } => canon::reply(outcome.is_ok()),
        ServerMessage::System { status, message, .. } => canon::system(status, message),
        other => canon::refused(&format!("{other:?}")),
    }
}

fn people(people: &PresenceMap) -> Vec<Value> {
    let one = |(key, metas): &(String, Vec<Presence>)| {
        let payload = |meta: &Presence| meta.payload.get::<Map<String, Value>>().unwrap_or_default();
        metas.iter().map(|meta| canon::present(key, &meta.reference, payload(meta))).collect::<Vec<_>>()
    };
    people.iter().flat_map(one).collect()
}

/// Connects, and takes events in a task of its own as an application does.
async fn join(url: &str) -> Result<Joined> {
    // Who leaves is told at once, as the others do, and not after the usual grace.
    let options = RealtimeOptions { presence_grace: Duration::ZERO, ..RealtimeOptions::new(url.parse()?, "none") };
    let (realtime, mut events) = Realtime::spawn(options, Arc::new(Fixed("t".to_owned())));
    realtime.set_channels(vec![rich_channel()]);
    until_joined(&mut events).await?;
    let (finish, finished) = mpsc::channel(4);
    tokio::spawn(async move {
        let (mut begin, mut count, mut leaves) = (Instant::now(), 0_u64, 0_u64);
        while let Some(event) = events.recv().await {
            match &event {
                RealtimeEvent::Broadcast { event, .. } if event == BEGIN => {
                    (begin, count, leaves) = (Instant::now(), 0, 0)
                }
                RealtimeEvent::Broadcast { event, .. } if event == END => {
                    let result = json!({"ns": nanoseconds(begin), "events": count, "leaves": leaves});
                    if finish.send(result).await.is_err() {
                        return;
                    }
                }
                other => {
                    count += 1;
                    leaves += touch_event(other);
                }
            }
        }
    });
    Ok(Joined { realtime, finished })
}

fn touch_event(event: &RealtimeEvent) -> u64 {
    match event {
        RealtimeEvent::Broadcast { payload, .. } => touch_message(payload),
        RealtimeEvent::BinaryBroadcast { payload, .. } => touch_bytes(payload),
        RealtimeEvent::PostgresChange { change, .. } => touch_change(change),
        RealtimeEvent::Presence { change, .. } => {
            touch_people(&change.joined) + touch_people(&change.updated) + touch_people(&change.left)
        }
        RealtimeEvent::System { message, .. } => touch_any(message),
        RealtimeEvent::Ready { extension, .. } => touch_any(extension),
        _ => 0,
    }
}

async fn until_joined(events: &mut mpsc::Receiver<RealtimeEvent>) -> Result<()> {
    let joined = async {
        while let Some(event) = events.recv().await {
            match event {
                RealtimeEvent::Joined { .. } => return Ok(()),
                RealtimeEvent::Refused { reason, .. } => bail!("the join was refused: {reason:?}"),
                _ => {}
            }
        }
        bail!("the connection ended")
    };
    tokio::time::timeout(PATIENCE, joined).await.context("no channel was joined in time")?
}

/// What the messages of a trip say.
#[derive(Deserialize)]
struct Trip {
    n: usize,
}

async fn trip(url: &str, key: &str, count: usize, pause: Duration, topic: &str) -> Result<Value> {
    let open = || async {
        // The key is the token of somebody who is not signed in.
        let options = RealtimeOptions::new(url.parse()?, key);
        let (realtime, mut events) = Realtime::spawn(options, Arc::new(Fixed(key.to_owned())));
        realtime.set_channels(vec![public_channel(topic)]);
        until_joined(&mut events).await?;
        anyhow::Ok((realtime, events))
    };
    let ((from, mut own_events), (to, mut events)) = (open().await?, open().await?);
    let drain = tokio::spawn(async move { while own_events.recv().await.is_some() {} });
    let receiving = tokio::spawn(async move {
        let mut arrived = Vec::with_capacity(count);
        while arrived.len() < count {
            match events.recv().await {
                Some(RealtimeEvent::Broadcast { payload, .. }) => {
                    arrived.push((payload.get::<Trip>().ok(), Instant::now()));
                }
                Some(_) => {}
                None => break,
            }
        }
        arrived
    });
    let mut sent = Vec::with_capacity(count);
    let mut acknowledged = Vec::with_capacity(count);
    for number in 0..count {
        let begin = Instant::now();
        sent.push(begin);
        let payload = json!({"n": number, "text": "a message between two people"});
        from.broadcast(topic, "trip", payload).await.with_context(|| format!("message {number}"))?;
        acknowledged.push(nanoseconds(begin));
        tokio::time::sleep_until((begin + pause).into()).await;
    }
    let arrived = tokio::time::timeout(PATIENCE, receiving).await.context("messages never came")??;
    let mut delivered = vec![0; count];
    for (number, at) in arrived {
        let number = number.map_or(count, |Trip { n }| n);
        if let (Some(place), Some(begin)) = (delivered.get_mut(number), sent.get(number)) {
            *place = u64::try_from(at.duration_since(*begin).as_nanos())?;
        }
    }
    from.shutdown().await;
    to.shutdown().await;
    drain.abort();
    Ok(json!({"delivered": delivered, "acknowledged": acknowledged}))
}

fn nanoseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
