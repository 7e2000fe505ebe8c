//! Realtime: one websocket that is kept alive, and the channels that are wanted on it.
//!
//! # What to rely on
//!
//! Realtime delivers **at most once**, and says little when it delivers nothing. Whoever shows what is in the database reads it, and takes
//! everything heard here as a reason to read again. These events say when: [`RealtimeEvent::Joined`], [`RealtimeEvent::Ready`] and
//! [`RealtimeEvent::ReadAgain`]. The last one comes on a timer, because a restart of the server's database is never mentioned.
//!
//! A deletion is reported with the row's key alone, and to every subscriber, whatever row policies say: see
//! [`change::PostgresChange::subject`].
//!
//! # Sleep and network changes
//!
//! That the machine has slept is found within seconds of its waking, by the wall clock. That the network has changed is not
//! watched here, since every platform says it in its own way and applications mostly know already: tell
//! [`Realtime::network_changed`]. Without it, a dead socket is found within one heartbeat.

mod anon;
mod backoff;
pub mod change;
mod connection;
mod disconnect;
mod driver;
mod event;
mod options;
mod payload;
pub mod presence;
pub mod protocol;
mod refusal;
mod rosters;
mod sleep;
mod socket;
mod spec;
mod system;
mod track;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use anon::AnonKey;
pub use disconnect::{CloseReason, DisconnectReason, HandshakeRefusal};
pub use event::{Extension, PresenceChange, RealtimeEvent};
pub use options::RealtimeOptions;
pub use refusal::JoinRefusal;
pub use spec::ChannelSpec;
pub use system::SystemMessage;
pub use track::PresenceProblem;

use crate::{Error, TokenSource};
use driver::Driver;
use presence::PresenceMap;
use protocol::{BroadcastPayload, Json};
use rosters::Rosters;

/// Events that wait for their reader. When they are this many, nothing more is read from the socket until the reader has caught
/// up, so the server's own buffers and limits apply; no event is dropped.
const EVENTS: usize = 256;
/// Messages that wait to be sent; [`Realtime::broadcast`] waits for a place, [`Realtime::try_broadcast`] does not.
const COMMANDS: usize = 64;

/// A handle on the connection; cloning shares it. The connection ends with [`shutdown`](Self::shutdown), or when all handles and
/// the receiver of events are dropped.
#[derive(Clone)]
pub struct Realtime {
    shared: Arc<Shared>,
}

struct Shared {
    wanted: watch::Sender<Vec<ChannelSpec>>,
    wake: Arc<Notify>,
    commands: mpsc::Sender<Command>,
    rosters: Arc<Rosters>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// What a handle asks of the task.
struct Command {
    topic: String,
    ask: Ask,
    /// Nobody waits for the answer when its receiver is dropped.
    answer: oneshot::Sender<Result<(), Error>>,
}

enum Ask {
    Broadcast { event: String, payload: BroadcastPayload },
    Track(Option<Json>),
}

impl fmt::Debug for Realtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Realtime").field("wanted", &*self.shared.wanted.borrow()).finish_non_exhaustive()
    }
}

impl Realtime {
    /// Starts the connection in a task of its own, on the current tokio runtime. It begins at once and never gives up: an address
    /// that cannot work, too, is reported as [`RealtimeEvent::Disconnected`].
    pub fn spawn(options: RealtimeOptions, tokens: Arc<dyn TokenSource>) -> (Self, mpsc::Receiver<RealtimeEvent>) {
        let (wanted, wanted_changes) = watch::channel(Vec::new());
        let (commands, command_queue) = mpsc::channel(COMMANDS);
        let (events, event_queue) = mpsc::channel(EVENTS);
        let (wake, rosters) = (Arc::new(Notify::new()), Arc::new(Rosters::default()));
        let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
        let inbox = driver::Inbox { wanted: wanted_changes, wake: Arc::clone(&wake), commands: command_queue };
        let driver = Driver::new(options, tokens, inbox, events, Arc::clone(&rosters));
        tasks.spawn(driver.run(cancel.clone()));
        tasks.close();
        (Self { shared: Arc::new(Shared { wanted, wake, commands, rosters, cancel, tasks }) }, event_queue)
    }

    /// Says which channels are wanted; joins and leaves follow. The same set again changes nothing, except that channels and
    /// bindings that were refused are tried once more, though never sooner than
    /// [`refused_pause`](RealtimeOptions::refused_pause) after the refusal.
    pub fn set_channels(&self, channels: Vec<ChannelSpec>) {
        self.shared.wanted.send_replace(channels);
    }

    /// Sends a broadcast: JSON, or bytes, which only clients that speak version 2 of the protocol hear. On a channel that is
    /// [`acknowledged`](ChannelSpec::acknowledged) this waits for the server's word, otherwise only for the socket. When many wait
    /// already it waits for a place first.
    ///
    /// # Errors
    /// [`Error::NotJoined`] at once when the channel is not live (nothing is queued for later: a broadcast is about now),
    /// [`Error::PayloadTooLarge`] above the server's 3,000 KB, [`Error::OverBudget`] above one's own budget and
    /// [`Error::BinaryUnsupported`] for bytes in version 1, all without anything being sent, [`Error::QueueFull`] when too many wait for
    /// the server's word, [`Error::Timeout`] when no word comes, which is how the server treats a sender without the right to write,
    /// [`Error::Refused`] with its reason, [`Error::Closed`] when the connection ends meanwhile.
    pub async fn broadcast(&self, topic: &str, event: &str, payload: impl Into<BroadcastPayload>) -> Result<(), Error> {
        self.ask(topic, Ask::Broadcast { event: event.to_owned(), payload: payload.into() }).await
    }

    /// Sends a broadcast that is only worth sending now, a cursor for instance, and waits for nothing: neither for a place in the queue
    /// nor for an answer.
    ///
    /// # Errors
    /// [`Error::QueueFull`] when others wait to be sent, [`Error::Closed`] when the connection has ended. What
    /// [`broadcast`](Self::broadcast) would have told later is not told.
    pub fn try_broadcast(&self, topic: &str, event: &str, payload: impl Into<BroadcastPayload>) -> Result<(), Error> {
        let (answer, _nobody_waits) = oneshot::channel();
        let ask = Ask::Broadcast { event: event.to_owned(), payload: payload.into() };
        let command = Command { topic: bare_topic(topic).to_owned(), ask, answer };
        self.shared.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => Error::QueueFull,
            TrySendError::Closed(_) => Error::Closed,
        })
    }

    /// Makes something known of oneself on a wanted channel with [presence](ChannelSpec::presence): now, and again after each rejoin,
    /// until [`untrack`](Self::untrack). At most four calls in 30 s reach the server, which closes the channel when there are more;
    /// of what is tracked in between, the last one counts. A refusal by the server is [`RealtimeEvent::PresenceRefused`].
    ///
    /// # Errors
    /// [`Error::Presence`] when the payload is no map, has more than ten keys or the channel is not such a one,
    /// [`Error::PayloadTooLarge`], and [`Error::Closed`] when the connection has ended.
    pub async fn track(&self, topic: &str, payload: impl Serialize) -> Result<(), Error> {
        let payload = track::checked(bare_topic(topic), payload)?;
        self.ask(topic, Ask::Track(Some(payload))).await
    }

    /// Makes oneself unknown again on a channel.
    ///
    /// # Errors
    /// [`Error::Presence`] when the channel is not wanted or without presence, [`Error::Closed`] when the connection has ended.
    pub async fn untrack(&self, topic: &str) -> Result<(), Error> {
        self.ask(topic, Ask::Track(None)).await
    }

    /// Who is on a channel, by key, as the last [`RealtimeEvent::Presence`] left it: oneself too, and during a short disconnection
    /// those who were there before. Empty when nobody is known.
    pub fn presences(&self, topic: &str) -> Arc<PresenceMap> {
        self.shared.rosters.get(bare_topic(topic))
    }

    /// The machine woke from sleep, or something else suggests that the socket may be dead: connect now instead of after the backoff,
    /// and have a live socket prove itself at once. Cheap, and may be called too often. Sleep itself is noticed without it.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// The network has changed: the same as [`wake`](Self::wake), for the place where an application hears of it.
    pub fn network_changed(&self) {
        self.wake();
    }

    /// Ends the connection with a close frame and waits until its task is gone, about a second at most. Events not yet read stay
    /// readable.
    pub async fn shutdown(&self) {
        self.shared.cancel.cancel();
        self.shared.tasks.wait().await;
    }

    async fn ask(&self, topic: &str, ask: Ask) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let command = Command { topic: bare_topic(topic).to_owned(), ask, answer };
        self.shared.commands.send(command).await.map_err(|_| Error::Closed)?;
        answered.await.unwrap_or(Err(Error::Closed))
    }
}

/// Topics are told apart without the prefix that they carry on the wire; it does no harm if somebody gives it.
fn bare_topic(topic: &str) -> &str {
    topic.strip_prefix(protocol::TOPIC_PREFIX).unwrap_or(topic)
}

/// The same of a topic that is not needed otherwise: no copy is made.
fn into_bare_topic(mut topic: String) -> String {
    if topic.starts_with(protocol::TOPIC_PREFIX) {
        topic.drain(..protocol::TOPIC_PREFIX.len());
    }
    topic
}
