//! Our client as a contestant, and everything that the benchmarks know of its interface.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use cockpit_supabase::realtime::change::{ColumnValue, Numeric, PostgresChange, Row};
use cockpit_supabase::realtime::presence::PresenceMap;
use cockpit_supabase::realtime::protocol::{BroadcastPayload, ServerMessage, decode_binary, decode_text};
use cockpit_supabase::{ChannelSpec, Error, Realtime, RealtimeEvent, RealtimeOptions, TokenSource};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::contest::canon;
use super::contest::commands::{BEGIN, Command, Contestant, END, Frame, TOPIC, read_frames};
use super::contest::record::{Day, Digits, Everything, Hex, Instant as At, Wall};

/// What a contestant waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Our client.
pub(crate) struct Ours {
    runtime: Runtime,
    frames: Vec<Frame>,
    joined: Option<Joined>,
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
                self.frames = read_frames(&path)?;
                Ok(json!({"frames": self.frames.len()}))
            }
            Command::Decode {} => {
                let begin = Instant::now();
                let leaves: u64 =
                    self.frames.iter().map(|frame| decode(frame).map_or(0, |message| touch(&message))).sum();
                Ok(json!({"ns": nanoseconds(begin), "leaves": leaves}))
            }
            Command::Verify { out } => {
                let lines: Vec<String> = self.frames.iter().map(|frame| canonical(frame).to_string()).collect();
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
    ChannelSpec { topic: topic.to_owned(), private: false, broadcast_self: false, broadcast_ack: true }
}

fn decode(frame: &Frame) -> Result<ServerMessage> {
    match frame {
        Frame::Text(text) => decode_text(text),
        Frame::Binary(bytes) => decode_binary(bytes),
    }
    .map_err(|error| anyhow!("{error}"))
}

fn touch(message: &ServerMessage) -> u64 {
    match message {
        ServerMessage::Broadcast { payload, .. } => match payload {
            BroadcastPayload::Json(value) => canon::leaves(value),
            BroadcastPayload::Binary(bytes) => touch_bytes(bytes),
        },
        ServerMessage::PostgresChange { change, .. } => touch_change(change),
        ServerMessage::PresenceState { presences, .. } => touch_people(presences),
        ServerMessage::PresenceDiff { joins, leaves, .. } => touch_people(joins) + touch_people(leaves),
        ServerMessage::Reply { outcome, .. } => {
            black_box(outcome);
            1
        }
        ServerMessage::System { message, .. } => {
            black_box(message);
            1
        }
        _ => 0,
    }
}

fn touch_bytes(bytes: &[u8]) -> u64 {
    black_box(bytes);
    1
}

fn touch_change(change: &PostgresChange) -> u64 {
    typed(&change.record).leaves() + typed(&change.old_record).leaves()
}

fn touch_people(people: &PresenceMap) -> u64 {
    let metas = people.iter().flat_map(|(_, metas)| metas);
    metas.flat_map(|meta| meta.payload.values()).map(canon::leaves).sum()
}

/// The application's row.
fn typed(row: &Row) -> Everything<Numeric> {
    let mut typed = Everything::default();
    for (name, value) in row.iter() {
        match name {
            "id" => typed.id = Some(int(value)),
            "tenant_id" => typed.tenant_id = Some(uuid(value)),
            "n" => {
                typed.n = Some(match value {
                    ColumnValue::Numeric(number) => Some(number.clone()),
                    _ => None,
                });
            }
            "i8" => typed.i8 = Some(int(value)),
            "f8" => {
                typed.f8 = Some(match value {
                    ColumnValue::Float(number) => Some(*number),
                    _ => None,
                });
            }
            "ok" => {
                typed.ok = Some(match value {
                    ColumnValue::Bool(value) => Some(*value),
                    _ => None,
                });
            }
            "ts" => typed.ts = Some(text(value).map(At::from)),
            "tsn" => typed.tsn = Some(text(value).map(Wall::from)),
            "d" => typed.d = Some(text(value).map(Day::from)),
            "tm" => typed.tm = Some(text(value).map(str::to_owned)),
            "u" => typed.u = Some(uuid(value)),
            "j" => typed.j = Some(json_of(value)),
            "js" => typed.js = Some(json_of(value)),
            "t" => typed.t = Some(text(value).map(str::to_owned)),
            "vc" => typed.vc = Some(text(value).map(str::to_owned)),
            "b" => {
                typed.b = Some(match value {
                    ColumnValue::Bytes(bytes) => Some(Hex(bytes.to_vec())),
                    _ => None,
                });
            }
            "arr" => {
                typed.arr = Some(match value {
                    ColumnValue::Array(values) => {
                        Some(values.iter().map(|value| text(value).map(str::to_owned)).collect())
                    }
                    _ => None,
                });
            }
            "m" => typed.m = Some(text(value).map(str::to_owned)),
            "iv" => typed.iv = Some(text(value).map(str::to_owned)),
            "gen" => typed.generated = Some(int(value).and_then(|value| i32::try_from(value).ok())),
            _ => {}
        }
    }
    typed
}

fn int(value: &ColumnValue) -> Option<i64> {
    match value {
        ColumnValue::Int(value) => Some(*value),
        _ => None,
    }
}

fn uuid(value: &ColumnValue) -> Option<uuid::Uuid> {
    match value {
        ColumnValue::Uuid(value) => Some(*value),
        _ => None,
    }
}

fn text(value: &ColumnValue) -> Option<&str> {
    match value {
        ColumnValue::Text(value) => Some(value),
        _ => None,
    }
}

fn json_of(value: &ColumnValue) -> Option<Value> {
    match value {
        ColumnValue::Json(raw) => serde_json::from_str(raw.get()).ok(),
        _ => None,
    }
}

impl Digits for Numeric {
    fn digits(&self) -> String {
        self.as_str().to_owned()
    }
}

fn canonical(frame: &Frame) -> Value {
    let message = match decode(frame) {
        Ok(message) => message,
        Err(error) => return canon::refused(&error.to_string()),
    };
    match &message {
        ServerMessage::Broadcast { event, payload, id, .. } => {
            let payload = match payload {
                BroadcastPayload::Json(value) => canon::plain(value),
                BroadcastPayload::Binary(bytes) => canon::bytes(bytes),
            };
            canon::broadcast(event, id.as_deref(), payload)
        }
        ServerMessage::PostgresChange { change, .. } => canon::change(
            &format!("{:?}", change.kind).to_uppercase(),
            &change.table,
            &change.commit_timestamp,
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
    let one = |(key, metas): &(String, Vec<cockpit_supabase::realtime::presence::Presence>)| {
        metas.iter().map(|meta| canon::present(key, &meta.reference, meta.payload.clone())).collect::<Vec<_>>()
    };
    people.iter().flat_map(one).collect()
}

/// Connects, and takes events in a task of its own as an application does.
async fn join(url: &str) -> Result<Joined> {
    let (realtime, mut events) =
        Realtime::spawn(RealtimeOptions::new(url.parse()?, "none"), Arc::new(Fixed("t".to_owned())));
    realtime.set_channels(vec![public_channel(TOPIC)]);
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
        RealtimeEvent::Broadcast { payload, .. } => canon::leaves(payload),
        RealtimeEvent::BinaryBroadcast { payload, .. } => touch_bytes(payload),
        RealtimeEvent::System { message, .. } => {
            black_box(message);
            1
        }
        _ => 0,
    }
}

async fn until_joined(events: &mut mpsc::Receiver<RealtimeEvent>) -> Result<()> {
    let joined = async {
        while let Some(event) = events.recv().await {
            match event {
                RealtimeEvent::Joined { .. } => return Ok(()),
                RealtimeEvent::Refused { reason, .. } => bail!("the join was refused: {reason}"),
                _ => {}
            }
        }
        bail!("the connection ended")
    };
    tokio::time::timeout(PATIENCE, joined).await.context("no channel was joined in time")?
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
                    let number = payload.get("n").and_then(Value::as_u64);
                    arrived.push((number, Instant::now()));
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
        let number = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(count);
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
