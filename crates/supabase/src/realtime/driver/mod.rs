//! The task around the state machine: it moves bytes, tokens and time, and decides nothing.

#[cfg(test)]
mod tests;
mod wait;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Effect, Input};
use super::disconnect::DisconnectReason;
use super::protocol::{Decoder, Frame, Outgoing};
use super::rosters::Rosters;
use super::sleep::{LOOK_EVERY, SleepWatch};
use super::socket::{self, Socket};
use super::{Ask, ChannelSpec, Command, RealtimeEvent, RealtimeOptions};
use crate::secret::Secret;
use crate::{Error, TokenSource};

/// A token source that hangs must not hang the connection.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// A frame that cannot be handed to the system within this means that the other side no longer takes any.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a shutdown waits for its close frame to go out.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages that arrived together are taken without looking up; timers and commands wait for so many at most.
const IN_A_ROW: u32 = 32;

/// The real server closes the socket above this. What can become as large is refused before; this is the last guard.
const LARGEST_FRAME: usize = 5_000_000;

/// The time of day; a test has its own.
type WallClock = Box<dyn Fn() -> SystemTime + Send>;

/// What handles say.
pub(super) struct Inbox {
    pub(super) wanted: watch::Receiver<Vec<ChannelSpec>>,
    pub(super) wake: Arc<Notify>,
    pub(super) commands: mpsc::Receiver<Command>,
}

pub(super) struct Driver {
    connection: Connection,
    options: RealtimeOptions,
    tokens: Arc<dyn TokenSource>,
    token_changes: Option<watch::Receiver<u64>>,
    inbox: Inbox,
    /// All handles are dropped.
    unhandled: bool,
    events: mpsc::Sender<RealtimeEvent>,
    /// The receiver of events is dropped.
    unheard: bool,
    /// Events that found the queue full. While there are any the socket is not read, which bounds them.
    waiting: VecDeque<RealtimeEvent>,
    /// Messages taken without asking what else has happened.
    in_a_row: u32,
    /// The time of what is taken without asking what else has happened: so little passes meanwhile that the clock is not asked each time.
    now: Option<Instant>,
    /// Whether the machine believes that the socket is read.
    reading: bool,
    answers: HashMap<u64, oneshot::Sender<Result<(), Error>>>,
    last_request: u64,
    rosters: Arc<Rosters>,
    sleep_watch: SleepWatch,
    wall: WallClock,
    /// When to look whether the machine has slept.
    look_at: Instant,
    socket: Option<Socket>,
    decoder: Decoder,
    opening: Option<BoxFuture<'static, Result<Socket, DisconnectReason>>>,
    fetching: Option<BoxFuture<'static, Result<Secret, String>>>,
    /// What came up while effects were carried out.
    inputs: VecDeque<Input>,
}

/// What the task can wait for.
enum Happening {
    Deadline,
    Look,
    Woken,
    Wanted(bool),
    Command(Option<Command>),
    Unheard,
    Room,
    TokenChanged(bool),
    Token(Result<Secret, String>),
    Opened(Result<Box<Socket>, DisconnectReason>),
    Received(Option<Result<Message, WebSocketError>>),
}

impl Driver {
    pub(super) fn new(
        options: RealtimeOptions,
        tokens: Arc<dyn TokenSource>,
        inbox: Inbox,
        events: mpsc::Sender<RealtimeEvent>,
        rosters: Arc<Rosters>,
    ) -> Self {
        let now = Instant::now();
        let wall: WallClock = Box::new(SystemTime::now);
        Self {
            connection: Connection::new(options.clone(), rand::random(), now.into_std()),
            token_changes: tokens.changes(),
            options,
            tokens,
            inbox,
            unhandled: false,
            events,
            unheard: false,
            waiting: VecDeque::new(),
            in_a_row: 0,
            now: None,
            reading: true,
            answers: HashMap::new(),
            last_request: 0,
            rosters,
            sleep_watch: SleepWatch::new(wall(), now.into_std()),
            wall,
            look_at: now + LOOK_EVERY,
            socket: None,
            decoder: Decoder::new(),
            opening: None,
            fetching: None,
            inputs: VecDeque::new(),
        }
    }

    /// Runs until it is cancelled or nobody is left to run for.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        // Each step can wait for the socket to take a frame, so cancelling has to reach into it.
        tokio::select! {
            () = cancel.cancelled() => {}
            () = async { while self.step().await {} } => {}
        }
        if let Some(mut socket) = self.socket.take()
            && timeout(CLOSE_TIMEOUT, socket.close(None)).await.is_err()
        {
            tracing::debug!("the close frame could not be sent in time");
        }
        // Dropping the answers tells whoever still waits for one that the connection is closed.
    }

    /// Waits for one thing to happen and carries out what follows from it. False when it is time to end.
    async fn step(&mut self) -> bool {
        let input = match self.inputs.pop_front() {
            Some(input) => Some(input),
            None => {
                let happening = match self.at_hand() {
                    Some(happening) => happening,
                    None => self.happening().await,
                };
                self.input(happening)
            }
        };
        if let Some(input) = input {
            let now = *self.now.get_or_insert_with(Instant::now);
            let mut effects = self.connection.handle(now.into_std(), input);
            for effect in effects.drain(..) {
                match effect {
                    Effect::Emit(event) => self.emit(event),
                    effect => self.carry_out(effect).await,
                }
            }
            self.connection.take_back(effects);
        }
        if self.reading != self.waiting.is_empty() {
            self.reading = self.waiting.is_empty();
            self.inputs.push_back(Input::Reading(self.reading));
        }
        !(self.unhandled && self.unheard)
    }

    /// The next message where it has arrived already: asking everything else that can happen costs more than most messages do. After so many in
    /// a row everything else is asked all the same.
    fn at_hand(&mut self) -> Option<Happening> {
        if !self.waiting.is_empty() || self.in_a_row >= IN_A_ROW {
            self.in_a_row = 0;
            self.now = None;
            return None;
        }
        self.in_a_row += 1;
        let message = wait::next_message(&mut self.socket).now_or_never();
        if message.is_none() {
            self.in_a_row = 0;
            self.now = None;
        }
        message.map(Happening::Received)
    }

    async fn happening(&mut self) -> Happening {
        let deadline = self.connection.deadline();
        // Every branch can be dropped and begun again without losing anything.
        tokio::select! {
            () = wait::until(deadline) => Happening::Deadline,
            () = sleep_until(self.look_at) => Happening::Look,
            () = self.inbox.wake.notified() => Happening::Woken,
            changed = self.inbox.wanted.changed(), if !self.unhandled => Happening::Wanted(changed.is_ok()),
            command = self.inbox.commands.recv(), if !self.unhandled => Happening::Command(command),
            () = self.events.closed(), if !self.unheard => Happening::Unheard,
            () = wait::room(&self.events), if !self.waiting.is_empty() => Happening::Room,
            changed = wait::changed(&mut self.token_changes) => Happening::TokenChanged(changed.is_ok()),
            token = wait::outcome(&mut self.fetching) => Happening::Token(token),
            opened = wait::outcome(&mut self.opening) => Happening::Opened(opened.map(Box::new)),
            message = wait::next_message(&mut self.socket), if self.waiting.is_empty() => Happening::Received(message),
        }
    }

    /// What the machine has to know of it, if anything.
    fn input(&mut self, happening: Happening) -> Option<Input> {
        match happening {
            Happening::Deadline => Some(Input::Timer),
            Happening::Look => {
                let now = Instant::now();
                self.look_at = now + LOOK_EVERY;
                self.sleep_watch.slept((self.wall)(), now.into_std()).then_some(Input::Wake)
            }
            Happening::Woken => Some(Input::Wake),
            Happening::Wanted(true) => Some(self.wanted()),
            Happening::Command(Some(command)) => {
                let input = self.command(command);
                // Who says what is wanted and then asks something of it shall be heard in this order.
                if self.inbox.wanted.has_changed().unwrap_or(false) {
                    self.inputs.push_back(input);
                    return Some(self.wanted());
                }
                Some(input)
            }
            Happening::Wanted(false) | Happening::Command(None) => {
                self.unhandled = true;
                None
            }
            Happening::Unheard => {
                self.unheard = true;
                self.waiting.clear();
                None
            }
            Happening::Room => {
                if let Some(event) = self.waiting.pop_front() {
                    // This task is the only sender, so the place that was seen is still free; a closed queue ends the loop.
                    self.events.try_send(event).ok();
                }
                None
            }
            Happening::TokenChanged(there) => {
                self.token_changes.take_if(|_| !there);
                Some(Input::TokenChanged)
            }
            Happening::Token(token) => {
                self.fetching = None;
                if let Some(changes) = &mut self.token_changes {
                    // Asking can itself have replaced the token, and this is it: no reason to ask again.
                    changes.mark_unchanged();
                }
                Some(Input::Token(token))
            }
            Happening::Opened(outcome) => {
                self.opening = None;
                Some(match outcome {
                    Ok(socket) => {
                        self.socket = Some(*socket);
                        Input::Opened
                    }
                    Err(reason) => Input::OpenFailed(reason),
                })
            }
            Happening::Received(message) => self.received(message),
        }
    }

    fn received(&mut self, message: Option<Result<Message, WebSocketError>>) -> Option<Input> {
        let decoded = match message {
            Some(Ok(Message::Text(text))) => self.decoder.text(&text),
            Some(Ok(Message::Binary(bytes))) => self.decoder.binary(&bytes),
            // Pings are answered by the library on the next read or write.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return None,
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map(|frame| (frame.code.into(), frame.reason.to_string())).unzip();
                let reason = reason.unwrap_or_default();
                return Some(Input::SocketClosed(DisconnectReason::ClosedByServer { code, reason }));
            }
            Some(Err(error)) => return Some(broken(error.to_string())),
            None => return Some(broken("the connection ended".to_owned())),
        };
        match decoded {
            Ok(message) => Some(Input::Message(message)),
            Err(error) => {
                tracing::debug!(%error, "a frame was skipped");
                None
            }
        }
    }

    fn wanted(&mut self) -> Input {
        Input::Wanted(self.inbox.wanted.borrow_and_update().clone())
    }

    fn command(&mut self, Command { topic, ask, answer }: Command) -> Input {
        self.last_request += 1;
        let request = self.last_request;
        self.answers.insert(request, answer);
        match ask {
            Ask::Broadcast { event, payload } => Input::Broadcast { request, topic, event, payload },
            Ask::Track(payload) => Input::Track { request, topic, payload },
        }
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::FetchToken => {
                let tokens = Arc::clone(&self.tokens);
                self.fetching = Some(Box::pin(async move {
                    match timeout(TOKEN_TIMEOUT, tokens.access_token()).await {
                        Ok(Ok(token)) => Ok(Secret::from(token)),
                        Ok(Err(error)) => Err(error.to_string()),
                        Err(_) => Err(format!("none came within {TOKEN_TIMEOUT:?}")),
                    }
                }));
            }
            Effect::RejectToken(token) => self.tokens.reject(&token),
            Effect::Open => {
                self.opening = Some(Box::pin(socket::open(self.options.clone())));
            }
            Effect::Close => {
                self.opening = None;
                self.socket = None;
            }
            Effect::Send(frame) => self.send(&frame).await,
            Effect::Roster { topic, everybody } => self.rosters.set(topic, everybody),
            Effect::Emit(event) => self.emit(event),
            Effect::Answer { request, outcome } => {
                // Whoever asked may have given up, which is no error.
                if let Some(answer) = self.answers.remove(&request) {
                    answer.send(outcome).ok();
                }
            }
        }
    }

    async fn send(&mut self, frame: &Outgoing) {
        // It can take as long as the other side likes.
        self.now = None;
        let Some(socket) = &mut self.socket else { return };
        let message = match frame.encode(self.options.protocol) {
            Ok(frame) if frame.len() > LARGEST_FRAME => {
                tracing::warn!(bytes = frame.len(), "a frame that would cost the connection is not sent");
                return;
            }
            Ok(Frame::Text(text)) => Message::text(text),
            Ok(Frame::Binary(bytes)) => Message::binary(bytes),
            Err(error) => {
                tracing::warn!(%error, "a frame is not sent");
                return;
            }
        };
        let failure = match timeout(WRITE_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing could be sent for {WRITE_TIMEOUT:?}"),
        };
        self.socket = None;
        self.inputs.push_back(broken(failure));
    }

    fn emit(&mut self, event: RealtimeEvent) {
        tracing::trace!(kind = event.kind(), "realtime event");
        if self.unheard {
            return;
        }
        if !self.waiting.is_empty() {
            // Without reading, failed attempts can follow each other without an end, and only the last of them is news.
            if let (Some(RealtimeEvent::Disconnected { .. }), RealtimeEvent::Disconnected { .. }) =
                (self.waiting.back(), &event)
            {
                self.waiting.pop_back();
            }
            // What a timer says is said once, however long nobody listens.
            if matches!(event, RealtimeEvent::ReadAgain { .. }) && self.waiting.contains(&event) {
                return;
            }
            self.waiting.push_back(event);
            return;
        }
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) => self.waiting.push_back(event),
            Err(mpsc::error::TrySendError::Closed(_)) => self.unheard = true,
        }
    }
}

fn broken(reason: String) -> Input {
    Input::SocketClosed(DisconnectReason::Broken(reason))
}
