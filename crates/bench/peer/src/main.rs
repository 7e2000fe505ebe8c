//! The crate rp-supabase-realtime as a contestant of the client benchmark. It speaks protocol 1.0.0 only, has one topic per connection, and
//! hands changes out as bytes that it parses into the application's type.

#[path = "../../src/client/contest/mod.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest")]
mod contest;

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rp_supabase_realtime::futures::StreamExt as _;
use rp_supabase_realtime::message::broadcast::Broadcast;
use rp_supabase_realtime::message::phx_join::{BroadcastConfig, PostgresChanges};
use rp_supabase_realtime::message::phx_reply::PhxReply;
use rp_supabase_realtime::message::postgres_changes::PostgresChange;
use rp_supabase_realtime::message::presence_state::Presence;
use rp_supabase_realtime::message::{ProtocolMessage, ProtocolPayload};
use rp_supabase_realtime::realtime::{RealtimeConnection, RealtimeConnectionClient};
use rp_supabase_realtime::rp_supabase_auth::jwt_stream::SupabaseAuthConfig;
use rp_supabase_realtime::rp_supabase_auth::types::AccessTokenResponseSchema;
use rp_supabase_realtime::simd_json::{self, OwnedValue};
use rp_supabase_realtime::{ConnectionOptions, RealtimeStream};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use contest::canon;
use contest::commands::{BEGIN, Command, Contestant, END, Frame, read_frames, serve};
use contest::message::{Message, Person};
use contest::record::Everything;

/// What a contestant waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    serve(Peer { runtime: Runtime::new()?, frames: Vec::new(), joined: None })
}

struct Peer {
    runtime: Runtime,
    frames: Vec<String>,
    joined: Option<mpsc::Receiver<Value>>,
}

impl Contestant for Peer {
    fn carry_out(&mut self, command: Command) -> Result<Value> {
        match command {
            Command::Load { path } => {
                let text = |frame| match frame {
                    Frame::Text(text) => Ok(text),
                    Frame::Binary(_) => bail!("it knows no binary frames"),
                };
                self.frames = read_frames(&path)?.into_iter().map(text).collect::<Result<_>>()?;
                Ok(json!({"frames": self.frames.len()}))
            }
            Command::Decode {} => {
                let begin = Instant::now();
                let leaves: u64 = self.frames.iter().map(|frame| decode(frame).and_then(touch).unwrap_or(0)).sum();
                Ok(json!({"ns": nanoseconds(begin), "leaves": leaves}))
            }
            Command::Verify { out } => {
                let line = |frame: &String| match decode(frame).and_then(canonical) {
                    Ok(line) => line.to_string(),
                    Err(error) => canon::refused(&format!("{error:#}")).to_string(),
                };
                let lines: Vec<String> = self.frames.iter().map(line).collect();
                std::fs::write(out, lines.join("\n"))?;
                Ok(json!({"frames": self.frames.len()}))
            }
            Command::Join { url } => {
                self.joined = Some(self.runtime.block_on(join(&url))?);
                Ok(json!({"joined": true}))
            }
            Command::Dispatch {} => {
                let joined = self.joined.as_mut().context("not joined")?;
                let finished = async { tokio::time::timeout(PATIENCE, joined.recv()).await };
                self.runtime.block_on(finished)?.context("the connection ended")
            }
            Command::Leave {} => {
                // The task that holds the stream ends when nobody hears it, and with it the connection.
                self.joined = None;
                Ok(json!({"left": true}))
            }
            Command::Trip { url, key, count, pause_us, topic } => {
                self.runtime.block_on(trip(&url, &key, count, Duration::from_micros(pause_us), &topic))
            }
        }
    }
}

/// As the crate's driver does: it copies the text, because its parser writes into it.
fn decode(frame: &str) -> Result<ProtocolMessage> {
    let mut bytes = frame.as_bytes().to_vec();
    Ok(simd_json::from_slice(&mut bytes)?)
}

fn touch(message: ProtocolMessage) -> Result<u64> {
    Ok(match message.payload {
        ProtocolPayload::Broadcast(broadcast) => typed::<Message>(broadcast.payload)?.leaves(),
        ProtocolPayload::PostgresChanges(changes) => {
            let row = typed::<Everything<f64>>;
            match changes.data.into_change::<Everything<f64>>()? {
                PostgresChange::Insert { record, .. } => record.leaves(),
                PostgresChange::Update { record, old_record, .. } => record.leaves() + row(old_record)?.leaves(),
                PostgresChange::Delete { old_record, .. } => row(old_record)?.leaves(),
            }
        }
        ProtocolPayload::PresenceDiff(diff) => {
            let mut leaves = 0;
            for meta in diff.joins.into_values().chain(diff.leaves.into_values()).flat_map(|presence| presence.metas) {
                leaves += typed::<Person>(meta.payload)?.leaves();
            }
            leaves
        }
        ProtocolPayload::PhxReply(reply) => {
            black_box(&reply);
            1
        }
        ProtocolPayload::System(system) => {
            black_box(&system.message);
            1
        }
        _ => 0,
    })
}

/// The application's type, of the tree that the crate made.
fn typed<T: serde::de::DeserializeOwned>(tree: OwnedValue) -> Result<T> {
    Ok(simd_json::serde::from_owned_value(tree)?)
}

fn canonical(message: ProtocolMessage) -> Result<Value> {
    let value = |value: &OwnedValue| serde_json::to_value(value);
    Ok(match message.payload {
        ProtocolPayload::Broadcast(broadcast) => {
            canon::broadcast(&broadcast.event, None, canon::plain(&value(&broadcast.payload)?))
        }
        ProtocolPayload::PostgresChanges(changes) => {
            let row = |old| anyhow::Ok(typed::<Everything<f64>>(old)?.canon());
            let (kind, metadata, record, old) = match changes.data.into_change::<Everything<f64>>()? {
                PostgresChange::Insert { record, metadata } => ("INSERT", metadata, record.canon(), json!({})),
                PostgresChange::Update { record, old_record, metadata } => {
                    ("UPDATE", metadata, record.canon(), row(old_record)?)
                }
                PostgresChange::Delete { old_record, metadata } => ("DELETE", metadata, json!({}), row(old_record)?),
            };
            canon::change(kind, &metadata.table, &metadata.commit_timestamp, record, old)
        }
        ProtocolPayload::PresenceDiff(diff) => {
            let people = |people: &std::collections::HashMap<String, Presence>| {
                let metas =
                    people.iter().flat_map(|(key, presence)| presence.metas.iter().map(move |meta| (key, meta)));
                metas
                    .map(|(key, meta)| {
                        let payload = value(&meta.payload)?;
                        let fields = payload.as_object().cloned().unwrap_or_default();
                        Ok(canon::present(key, &meta.phx_ref, fields))
                    })
                    .collect::<Result<Vec<_>>>()
            };
            canon::presence(people(&diff.joins)?, people(&diff.leaves)?)
        }
        ProtocolPayload::PhxReply(reply) => canon::reply(matches!(reply, PhxReply::Ok(_))),
        ProtocolPayload::System(system) => canon::system(&system.status, &system.message),
        other => canon::refused(&format!("{other:?}")),
    })
}

fn config(url: &str, key: &str) -> Result<SupabaseAuthConfig> {
    Ok(SupabaseAuthConfig {
        url: format!("{url}/").parse()?,
        api_key: key.to_owned(),
        max_reconnect_attempts: 1,
        reconnect_interval: Duration::from_secs(1),
    })
}

/// A session that is never refreshed here: the token is good for the whole contest.
fn session(token: &str) -> Result<AccessTokenResponseSchema> {
    let text = json!({"access_token": token, "refresh_token": "none", "token_type": "bearer", "expires_in": 86_400});
    Ok(serde_json::from_value(text)?)
}

async fn join(url: &str) -> Result<mpsc::Receiver<Value>> {
    let options = ConnectionOptions { heartbeat_interval: Duration::from_secs(25), ..ConnectionOptions::default() };
    let connection = RealtimeConnection::db_changes(config(url, "none")?).with_options(options);
    let (mut stream, mut client) =
        connection.connect_with_session(session("t")?).await.map_err(|error| anyhow!("{error}"))?;
    let tables = ["rt_default", "rt_full", "rt_norls"].map(PostgresChanges::table);
    client.subscribe_to_changes(tables.to_vec()).await?;
    until_joined(&mut stream).await?;
    let (finish, finished) = mpsc::channel(4);
    tokio::spawn(async move {
        let _sending_half = client;
        let (mut begin, mut count, mut leaves) = (Instant::now(), 0_u64, 0_u64);
        loop {
            let message = tokio::select! {
                message = stream.next() => message,
                () = finish.closed() => return,
            };
            let Some(message) = message else { return };
            let Ok(message) = message else { continue };
            match &message.payload {
                ProtocolPayload::Broadcast(broadcast) if broadcast.event == BEGIN => {
                    (begin, count, leaves) = (Instant::now(), 0, 0);
                }
                ProtocolPayload::Broadcast(broadcast) if broadcast.event == END => {
                    let result = json!({"ns": nanoseconds(begin), "events": count, "leaves": leaves});
                    if finish.send(result).await.is_err() {
                        return;
                    }
                }
                // Replies are of no interest to an application, but this crate gives them to it.
                ProtocolPayload::PhxReply(_) => {}
                _ => {
                    count += 1;
                    leaves += touch(message).unwrap_or(0);
                }
            }
        }
    });
    Ok(finished)
}

async fn until_joined(stream: &mut RealtimeStream) -> Result<()> {
    let joined = async {
        while let Some(message) = stream.next().await {
            let message = message.map_err(|error| anyhow!("{error}"))?;
            if matches!(message.payload, ProtocolPayload::PhxReply(PhxReply::Ok(_))) {
                return Ok(());
            }
        }
        bail!("the connection ended")
    };
    tokio::time::timeout(PATIENCE, joined).await.context("no channel was joined in time")?
}

async fn trip(url: &str, key: &str, count: usize, pause: Duration, topic: &str) -> Result<Value> {
    let open = || async {
        let connection = RealtimeConnection::broadcast(config(url, key)?, topic);
        let (mut stream, mut client) =
            connection.connect_with_session(session(key)?).await.map_err(|error| anyhow!("{error}"))?;
        client.join(BroadcastConfig { self_item: false, ack: true }).await?;
        until_joined(&mut stream).await?;
        anyhow::Ok((stream, client))
    };
    let ((mut own, from), (mut stream, _to)) = (open().await?, open().await?);
    let mut from: RealtimeConnectionClient<_> = from;
    let receiving = tokio::spawn(async move {
        let mut arrived = Vec::with_capacity(count);
        while arrived.len() < count {
            let Some(message) = stream.next().await else { break };
            if let Ok(ProtocolMessage { payload: ProtocolPayload::Broadcast(broadcast), .. }) = message {
                let number = serde_json::to_value(&broadcast.payload).ok();
                arrived.push((number.and_then(|value| value.get("n")?.as_u64()), Instant::now()));
            }
        }
        arrived
    });
    let mut sent = Vec::with_capacity(count);
    let mut acknowledged = Vec::with_capacity(count);
    for number in 0..count {
        let begin = Instant::now();
        sent.push(begin);
        let payload = simd_json::json!({"n": number, "text": "a message between two people"});
        let message = Broadcast { r#type: "broadcast".to_owned(), event: "trip".to_owned(), payload };
        from.broadcast(message).await?;
        // It does not wait for the server's word itself: the next reply on the stream is it.
        until_joined(&mut own).await.with_context(|| format!("message {number}"))?;
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
    Ok(json!({"delivered": delivered, "acknowledged": acknowledged}))
}

fn nanoseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
