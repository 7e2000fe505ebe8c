//! The feed: one realtime connection per open workspace, whose messages become events of the core.

use std::sync::Arc;

use cockpit_supabase::{ChannelSpec, Realtime, RealtimeEvent, RealtimeOptions};
use cockpit_sync::{Event, wire::FeedMessage};
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    actor::{Background, Message},
    session::Connection,
};

/// A handle on the connection. Dropping it ends the connection.
pub(crate) struct Live {
    topics: watch::Sender<Vec<String>>,
    woke: Arc<Notify>,
    _end: DropGuard,
}

impl Live {
    /// Begins to connect; never gives up.
    pub(crate) fn start(background: &Background, connection: &Connection, opening: u64, topics: Vec<String>) -> Self {
        let end = background.child_token();
        let (sender, receiver) = watch::channel(topics);
        let woke = Arc::new(Notify::new());
        // The core reads on a timer of its own.
        let options = RealtimeOptions {
            read_again_every: None,
            pinned_certificate: connection.pinned,
            ..RealtimeOptions::new(connection.address.clone(), connection.anon_key())
        };
        background.spawn_own(run(
            options,
            connection.clone(),
            opening,
            receiver,
            Arc::clone(&woke),
            end.clone(),
            background.clone(),
        ));
        Self { topics: sender, woke, _end: end.drop_guard() }
    }

    /// The set of channels that should be joined.
    pub(crate) fn join(&self, topics: Vec<String>) {
        self.topics.send_replace(topics);
    }

    /// The machine woke, or the network changed.
    pub(crate) fn wake(&self) {
        self.woke.notify_one();
    }
}

async fn run(
    options: RealtimeOptions,
    connection: Connection,
    opening: u64,
    mut topics: watch::Receiver<Vec<String>>,
    woke: Arc<Notify>,
    end: CancellationToken,
    background: Background,
) {
    let (realtime, mut events) = Realtime::spawn(options, connection.tokens());
    realtime.set_channels(channels(&topics.borrow_and_update()));
    loop {
        tokio::select! {
            biased;
            () = end.cancelled() => break,
            changed = topics.changed() => match changed {
                Ok(()) => realtime.set_channels(channels(&topics.borrow_and_update())),
                Err(_) => break,
            },
            () = woke.notified() => realtime.wake(),
            event = events.recv() => {
                let Some(event) = event else { break };
                if let Some(event) = translate(event) {
                    background.send(Message::Sync { opening, event }, &end).await;
                }
            }
        }
    }
    realtime.shutdown().await;
}

fn channels(topics: &[String]) -> Vec<ChannelSpec> {
    // The feed comes from the database, whose broadcasts can begin later than the channel.
    topics.iter().map(|topic| ChannelSpec::private(topic).replication_ready()).collect()
}

fn translate(event: RealtimeEvent) -> Option<Event> {
    match event {
        RealtimeEvent::Connected => Some(Event::Socket { open: true }),
        RealtimeEvent::Disconnected { reason, retry_in } => {
            tracing::debug!(%reason, ?retry_in, "the feed is disconnected");
            Some(Event::Socket { open: false })
        }
        // Either is a reason to pull: what was sent before it was told to nobody.
        RealtimeEvent::Joined { topic } | RealtimeEvent::Ready { topic, .. } => {
            Some(Event::Channel { topic, joined: true })
        }
        RealtimeEvent::Refused { topic, reason } => {
            tracing::debug!(%reason, "a feed channel was refused");
            Some(Event::Channel { topic, joined: false })
        }
        RealtimeEvent::ChannelClosed { topic, reason } => {
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
