//! Realtime: one websocket that is kept alive, and the channels that are wanted on it.

mod backoff;
pub mod change;
mod connection;
mod driver;
mod options;
pub mod presence;
pub mod protocol;
mod socket;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use options::RealtimeOptions;

use crate::{Error, TokenSource};
use driver::Driver;

/// Events that wait for their reader. When they are this many, nothing more is read from the socket until the reader has caught
/// up, so the server's own buffers and limits apply; no event is dropped.
const EVENTS: usize = 256;
/// Messages that wait to be sent; [`Realtime::broadcast`] waits for a place.
const COMMANDS: usize = 64;

/// A channel that shall be joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSpec {
    /// The topic without `realtime:`.
    pub topic: String,
    /// Whether the database's policies decide who may read and write. A private and a public channel of one topic are two.
    pub private: bool,
    /// Whether one's own broadcasts come back.
    pub broadcast_self: bool,
    /// Whether the server confirms that it has accepted a broadcast (not that anybody got it).
    pub broadcast_ack: bool,
}

/// What happens on the connection, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum RealtimeEvent {
    /// The server has spoken on a new socket. The channels follow, each with its own event.
    Connected,
    /// The socket is gone, or an attempt to open one failed: no channel is joined now. Another attempt follows, without an end.
    Disconnected {
        /// Why, for a log or a tooltip.
        reason: String,
        /// When the next attempt begins.
        retry_in: Duration,
    },
    /// A channel is live from now on. What was sent before is lost: read again.
    Joined {
        /// Its topic.
        topic: String,
    },
    /// A join was refused. For want of rights it is tried again only after [`Realtime::set_channels`] or a reconnect; a token that
    /// was refused and a server in trouble are tried again by themselves after a while.
    Refused {
        /// Its topic.
        topic: String,
        /// The server's reason.
        reason: String,
    },
    /// A joined channel was ended by the server (an expired token, a rate limit). It is joined again by itself after a delay.
    ChannelClosed {
        /// Its topic.
        topic: String,
        /// What the server said just before.
        reason: String,
    },
    /// A broadcast with JSON.
    Broadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent. Numbers beyond 64-bit integers and doubles lose digits: send them as strings.
        payload: Value,
        /// Given by the database, for de-duplication.
        id: Option<String>,
    },
    /// A broadcast with bytes.
    BinaryBroadcast {
        /// The channel's topic.
        topic: String,
        /// The name the sender gave it.
        event: String,
        /// What was sent.
        payload: Bytes,
        /// Given by the database, for de-duplication.
        id: Option<String>,
    },
    /// The server says something about a channel.
    System {
        /// The channel's topic.
        topic: String,
        /// `ok` or `error`.
        status: String,
        /// The server's text.
        message: String,
    },
}

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
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// What a handle asks of the task.
struct Command {
    topic: String,
    event: String,
    payload: Value,
    answer: oneshot::Sender<Result<(), Error>>,
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
        let (wake, cancel, tasks) = (Arc::new(Notify::new()), CancellationToken::new(), TaskTracker::new());
        let driver = Driver::new(options, tokens, wanted_changes, Arc::clone(&wake), command_queue, events);
        tasks.spawn(driver.run(cancel.clone()));
        tasks.close();
        (Self { shared: Arc::new(Shared { wanted, wake, commands, cancel, tasks }) }, event_queue)
    }

    /// Says which channels are wanted; joins and leaves follow. The same set again changes nothing, except that channels that were
    /// refused are tried once more, though never sooner than five seconds after the refusal.
    pub fn set_channels(&self, channels: Vec<ChannelSpec>) {
        self.shared.wanted.send_replace(channels);
    }

    /// Sends a broadcast. On a channel with `broadcast_ack` this waits for the server's word, otherwise only for the socket.
    ///
    /// # Errors
    /// [`Error::NotJoined`] at once when the channel is not live (nothing is queued for later: a broadcast is about now),
    /// [`Error::Timeout`] when no word comes, which is how the server treats a sender without the right to write,
    /// [`Error::Refused`] with its reason, [`Error::Closed`] when the connection ends meanwhile.
    pub async fn broadcast(&self, topic: &str, event: &str, payload: Value) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let command = Command { topic: bare_topic(topic).to_owned(), event: event.to_owned(), payload, answer };
        self.shared.commands.send(command).await.map_err(|_| Error::Closed)?;
        answered.await.unwrap_or(Err(Error::Closed))
    }

    /// The network has changed, or the machine woke from sleep: connect now instead of after the backoff, and have a live socket
    /// prove itself at once. Cheap, and may be called too often.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Ends the connection with a close frame and waits until its task is gone. Events not yet read stay readable.
    pub async fn shutdown(&self) {
        self.shared.cancel.cancel();
        self.shared.tasks.wait().await;
    }
}

/// Topics are told apart without the prefix that they carry on the wire; it does no harm if somebody gives it.
fn bare_topic(topic: &str) -> &str {
    topic.strip_prefix(protocol::TOPIC_PREFIX).unwrap_or(topic)
}
