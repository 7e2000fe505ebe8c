//! The realtime connection of the open workspace: the feed's messages become events of the core, presence and cursors go beside it.

use std::sync::Arc;

use cockpit_domain::{DeviceId, Pointer, TenantId};
use cockpit_supabase::{ChannelSpec, Realtime, RealtimeEvent, RealtimeOptions, realtime::protocol::Json};
use cockpit_sync::{Event, presence::Announced, wire::FeedMessage};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::presence::Send;
use crate::{
    actor::{Background, Message},
    session::Connection,
};

/// What waits to be told to the others; more is dropped, because what comes after it says the same better.
const SENDS_MAX: usize = 32;

/// The channels that should be joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Topics {
    /// Those of the feed, as the core wants them.
    pub(crate) feed: Vec<String>,
    /// What the whole workspace shares; none before its key is known.
    pub(crate) shared: Option<Shared>,
}

/// The names of the channels that the whole workspace shares are made of this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// The workspace.
    pub(crate) tenant: TenantId,
    /// The rotating part.
    pub(crate) key: String,
    /// This device, under which it appears.
    pub(crate) device: DeviceId,
}

impl Shared {
    fn presence(&self) -> String {
        format!("presence:{}:{}", self.tenant, self.key)
    }

    fn workspace(&self) -> String {
        format!("fractal:{}:{}", self.tenant, self.key)
    }
}

/// What Realtime tells beside the feed.
pub(crate) enum Heard {
    /// The presence channel is joined.
    Joined,
    /// The connection is gone.
    Lost,
    /// Everybody who is here, by device.
    Everybody(Vec<(String, Announced)>),
    /// A device's pointer.
    Pointer(String, Pointer),
}

/// The payload of the broadcast `cursor`.
#[derive(Serialize, Deserialize)]
struct Cursor {
    device: String,
    #[serde(flatten)]
    pointer: Pointer,
}

/// A handle on the connection. Dropping it ends the connection.
pub(crate) struct Live {
    topics: watch::Sender<Topics>,
    sends: mpsc::Sender<Send>,
    woke: Arc<Notify>,
    _end: DropGuard,
}

impl Live {
    /// Begins to connect; never gives up.
    pub(crate) fn start(background: &Background, connection: &Connection, opening: u64, topics: Topics) -> Self {
        let end = background.child_token();
        let (sender, receiver) = watch::channel(topics);
        let (sends, told) = mpsc::channel(SENDS_MAX);
        let woke = Arc::new(Notify::new());
        // The core reads on a timer of its own.
        let options = RealtimeOptions {
            read_again_every: None,
            pinned_certificate: connection.pinned,
            ..RealtimeOptions::new(connection.address.clone(), connection.anon_key())
        };
        let ear = Ear { opening, woke: Arc::clone(&woke), end: end.clone(), background: background.clone() };
        background.spawn_own(run(options, connection.clone(), receiver, told, ear));
        Self { topics: sender, sends, woke, _end: end.drop_guard() }
    }

    /// The set of channels that should be joined.
    pub(crate) fn join(&self, topics: Topics) {
        self.topics.send_if_modified(|now| {
            let changed = *now != topics;
            *now = topics;
            changed
        });
    }

    /// Tells the others, now or not at all.
    pub(crate) fn tell(&self, what: Send) {
        if self.sends.try_send(what).is_err() {
            tracing::debug!("something about presence was not told, because others wait to be told");
        }
    }

    /// The machine woke, or the network changed.
    pub(crate) fn wake(&self) {
        self.woke.notify_one();
    }
}

/// Where what is heard goes, and what ends it.
struct Ear {
    opening: u64,
    woke: Arc<Notify>,
    end: CancellationToken,
    background: Background,
}

async fn run(
    options: RealtimeOptions,
    connection: Connection,
    topics: watch::Receiver<Topics>,
    sends: mpsc::Receiver<Send>,
    ear: Ear,
) {
    let (realtime, events) = Realtime::spawn(options, connection.tokens());
    // Apart from each other, because telling waits for the server and hearing must not.
    tokio::join!(hear(&realtime, events, topics.clone(), &ear), tell(&realtime, sends, topics, &ear.end));
    realtime.shutdown().await;
}

async fn hear(
    realtime: &Realtime,
    mut events: mpsc::Receiver<RealtimeEvent>,
    mut topics: watch::Receiver<Topics>,
    ear: &Ear,
) {
    let Ear { opening, woke, end, background } = ear;
    let opening = *opening;
    let mut wanted = topics.borrow_and_update().clone();
    realtime.set_channels(channels(&wanted));
    loop {
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            changed = topics.changed() => match changed {
                Ok(()) => {
                    wanted = topics.borrow_and_update().clone();
                    realtime.set_channels(channels(&wanted));
                }
                Err(_) => break,
            },
            () = woke.notified() => realtime.wake(),
            event = events.recv() => {
                let Some(event) = event else { break };
                if let Some(heard) = heard(realtime, &event, wanted.shared.as_ref()) {
                    background.send(Message::Heard { opening, heard }, end).await;
                }
                if let Some(event) = translate(event, &wanted.feed) {
                    background.send(Message::Sync { opening, event }, end).await;
                }
            }
        }
    }
}

/// Tells the others of this device, until there is nobody left who has something to tell.
async fn tell(
    realtime: &Realtime,
    mut sends: mpsc::Receiver<Send>,
    topics: watch::Receiver<Topics>,
    end: &CancellationToken,
) {
    loop {
        let send = tokio::select! {
            biased;
            () = end.cancelled() => break,
            send = sends.recv() => send,
        };
        let Some(send) = send else { break };
        let Some(shared) = topics.borrow().shared.clone() else { continue };
        let told = tokio::select! {
            biased;
            () = end.cancelled() => break,
            told = tell_one(realtime, &shared, send) => told,
        };
        if let Err(error) = told {
            // The next one says the same better, and a new join is told of anew.
            tracing::debug!(%error, "the others were not told");
        }
    }
}

async fn tell_one(realtime: &Realtime, shared: &Shared, send: Send) -> Result<(), cockpit_supabase::Error> {
    match send {
        Send::Track(announced) => realtime.track(&shared.presence(), announced).await,
        Send::Untrack => realtime.untrack(&shared.presence()).await,
        Send::Pointer(pointer) => {
            let cursor = Cursor { device: shared.device.to_string(), pointer };
            match Json::new(&cursor) {
                Ok(payload) => realtime.try_broadcast(&shared.workspace(), "cursor", payload),
                Err(error) => {
                    tracing::warn!(%error, "a pointer cannot be written as JSON");
                    Ok(())
                }
            }
        }
    }
}

fn channels(topics: &Topics) -> Vec<ChannelSpec> {
    // The feed comes from the database, whose broadcasts can begin later than the channel.
    let feed = topics.feed.iter().map(|topic| ChannelSpec::private(topic).replication_ready());
    let shared = topics.shared.iter().flat_map(|shared| {
        let here = ChannelSpec::private(shared.presence()).presence(shared.device.to_string());
        [ChannelSpec::private(shared.workspace()), here]
    });
    feed.chain(shared).collect()
}

/// What an event says of presence and pointers.
fn heard(realtime: &Realtime, event: &RealtimeEvent, shared: Option<&Shared>) -> Option<Heard> {
    let shared = shared?;
    match event {
        RealtimeEvent::Joined { topic } if *topic == shared.presence() => Some(Heard::Joined),
        RealtimeEvent::Presence { topic, .. } if *topic == shared.presence() => {
            let mut everybody = Vec::new();
            for (key, presences) in realtime.presences(topic).iter() {
                // A device has one connection; were there more, the newest one counts.
                let newest = presences.last().and_then(|presence| presence.payload.get::<Announced>().ok());
                everybody.extend(newest.map(|announced| (key.clone(), announced)));
            }
            Some(Heard::Everybody(everybody))
        }
        RealtimeEvent::Broadcast { topic, event, payload, .. } if event == "cursor" && *topic == shared.workspace() => {
            let Cursor { device, pointer } = payload.get().ok()?;
            Some(Heard::Pointer(device, pointer))
        }
        RealtimeEvent::Disconnected { .. } => Some(Heard::Lost),
        _ => None,
    }
}

/// What an event says of the feed.
fn translate(event: RealtimeEvent, feed: &[String]) -> Option<Event> {
    match event {
        RealtimeEvent::Connected => Some(Event::Socket { open: true }),
        RealtimeEvent::Disconnected { reason, retry_in } => {
            tracing::debug!(%reason, ?retry_in, "the feed is disconnected");
            Some(Event::Socket { open: false })
        }
        // Either is a reason to pull: what was sent before it was told to nobody.
        RealtimeEvent::Joined { topic } | RealtimeEvent::Ready { topic, .. } if feed.contains(&topic) => {
            Some(Event::Channel { topic, joined: true })
        }
        RealtimeEvent::Refused { topic, reason } if feed.contains(&topic) => {
            tracing::debug!(%reason, "a feed channel was refused");
            Some(Event::Channel { topic, joined: false })
        }
        RealtimeEvent::ChannelClosed { topic, reason } if feed.contains(&topic) => {
            tracing::debug!(%reason, "a feed channel has ended");
            Some(Event::Channel { topic, joined: false })
        }
        RealtimeEvent::Broadcast { event, payload, .. } if matches!(event.as_str(), "changes" | "moved") => {
            match payload.get::<FeedMessage>() {
                Ok(message) => Some(Event::Feed(message)),
                Err(error) => {
                    tracing::debug!(%error, "a feed message cannot be read; the next pull finds what it meant");
                    None
                }
            }
        }
        // Some lock was taken, released or taken over; which, the pull tells.
        RealtimeEvent::Broadcast { event, .. } if event == "locks" => Some(Event::Hint),
        // Nothing else is asked for on the feed's channels; what a later version tells is no reason to pull.
        _ => None,
    }
}
