//! The task around the state machine: it moves bytes, tokens and time, and decides nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error as WebSocketError, Message};
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Effect, Input};
use super::protocol::{decode_binary, decode_text};
use super::socket::{self, Socket};
use super::{ChannelSpec, Command, RealtimeEvent, RealtimeOptions};
use crate::secret::Secret;
use crate::{Error, TokenSource};

/// A token source that hangs must not hang the connection.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// A frame that cannot be handed to the system within this means that the other side no longer takes any.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a shutdown waits for its close frame to go out.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

pub(super) struct Driver {
    connection: Connection,
    options: RealtimeOptions,
    tokens: Arc<dyn TokenSource>,
    token_changes: Option<watch::Receiver<u64>>,
    wanted: watch::Receiver<Vec<ChannelSpec>>,
    wake: Arc<Notify>,
    commands: mpsc::Receiver<Command>,
    /// All handles are dropped.
    unhandled: bool,
    events: mpsc::Sender<RealtimeEvent>,
    /// The receiver of events is dropped.
    unheard: bool,
    /// Events that found the queue full. While there are any the socket is not read, which bounds them.
    waiting: VecDeque<RealtimeEvent>,
    /// Whether the machine believes that the socket is read.
    reading: bool,
    answers: HashMap<u64, oneshot::Sender<Result<(), Error>>>,
    last_request: u64,
    socket: Option<Socket>,
    opening: Option<BoxFuture<'static, Result<Socket, String>>>,
    fetching: Option<BoxFuture<'static, Result<Secret, String>>>,
    /// What came up while effects were carried out.
    inputs: VecDeque<Input>,
}

/// What the task can wait for.
enum Happening {
    Deadline,
    Woken,
    Wanted(bool),
    Command(Option<Command>),
    Unheard,
    Room,
    TokenChanged(bool),
    Token(Result<Secret, String>),
    Opened(Result<Box<Socket>, String>),
    Received(Option<Result<Message, WebSocketError>>),
}

impl Driver {
    pub(super) fn new(
        options: RealtimeOptions,
        tokens: Arc<dyn TokenSource>,
        wanted: watch::Receiver<Vec<ChannelSpec>>,
        wake: Arc<Notify>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<RealtimeEvent>,
    ) -> Self {
        Self {
            connection: Connection::new(options.clone(), rand::random(), Instant::now().into_std()),
            token_changes: tokens.changes(),
            options,
            tokens,
            wanted,
            wake,
            commands,
            unhandled: false,
            events,
            unheard: false,
            waiting: VecDeque::new(),
            reading: true,
            answers: HashMap::new(),
            last_request: 0,
            socket: None,
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
                let happening = self.happening().await;
                self.input(happening)
            }
        };
        if let Some(input) = input {
            for effect in self.connection.handle(Instant::now().into_std(), input) {
                self.carry_out(effect).await;
            }
        }
        if self.reading != self.waiting.is_empty() {
            self.reading = self.waiting.is_empty();
            self.inputs.push_back(Input::Reading(self.reading));
        }
        !(self.unhandled && self.unheard)
    }

    async fn happening(&mut self) -> Happening {
        let deadline = self.connection.deadline();
        // Every branch can be dropped and begun again without losing anything.
        tokio::select! {
            () = until(deadline) => Happening::Deadline,
            () = self.wake.notified() => Happening::Woken,
            changed = self.wanted.changed(), if !self.unhandled => Happening::Wanted(changed.is_ok()),
            command = self.commands.recv(), if !self.unhandled => Happening::Command(command),
            () = self.events.closed(), if !self.unheard => Happening::Unheard,
            () = room(&self.events), if !self.waiting.is_empty() => Happening::Room,
            changed = changed(&mut self.token_changes) => Happening::TokenChanged(changed.is_ok()),
            token = outcome(&mut self.fetching) => Happening::Token(token),
            opened = outcome(&mut self.opening) => Happening::Opened(opened.map(Box::new)),
            message = next_message(&mut self.socket), if self.waiting.is_empty() => Happening::Received(message),
        }
    }

    /// What the machine has to know of it, if anything.
    fn input(&mut self, happening: Happening) -> Option<Input> {
        match happening {
            Happening::Deadline => Some(Input::Timer),
            Happening::Woken => Some(Input::Wake),
            Happening::Wanted(true) => Some(Input::Wanted(self.wanted.borrow_and_update().clone())),
            Happening::Command(Some(command)) => Some(self.broadcast(command)),
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
            Some(Ok(Message::Text(text))) => decode_text(&text),
            Some(Ok(Message::Binary(bytes))) => decode_binary(&bytes),
            // Pings are answered by the library on the next read or write.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => return None,
            Some(Ok(Message::Close(frame))) => {
                let reason = frame.map_or_else(
                    || "the server closed the connection".to_owned(),
                    |frame| format!("the server closed the connection: {} {}", frame.code, frame.reason),
                );
                return Some(Input::SocketClosed(reason.trim_end().to_owned()));
            }
            Some(Err(error)) => return Some(Input::SocketClosed(error.to_string())),
            None => return Some(Input::SocketClosed("the connection ended".to_owned())),
        };
        match decoded {
            Ok(message) => Some(Input::Message(message)),
            Err(error) => {
                tracing::debug!(%error, "a frame was skipped");
                None
            }
        }
    }

    fn broadcast(&mut self, command: Command) -> Input {
        self.last_request += 1;
        let request = self.last_request;
        self.answers.insert(request, command.answer);
        Input::Broadcast { request, topic: command.topic, event: command.event, payload: command.payload }
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
                let RealtimeOptions { url, anon_key, pinned_certificate, connect_timeout, .. } = self.options.clone();
                self.opening = Some(Box::pin(socket::open(url, anon_key, pinned_certificate, connect_timeout)));
            }
            Effect::Close => {
                self.opening = None;
                self.socket = None;
            }
            Effect::Send(frame) => self.send(Message::text(frame.encode())).await,
            Effect::Emit(event) => self.emit(event),
            Effect::Answer { request, outcome } => {
                // Whoever asked may have given up, which is no error.
                if let Some(answer) = self.answers.remove(&request) {
                    answer.send(outcome).ok();
                }
            }
        }
    }

    async fn send(&mut self, message: Message) {
        let Some(socket) = &mut self.socket else { return };
        let failure = match timeout(WRITE_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing could be sent for {WRITE_TIMEOUT:?}"),
        };
        self.socket = None;
        self.inputs.push_back(Input::SocketClosed(failure));
    }

    fn emit(&mut self, event: RealtimeEvent) {
        tracing::trace!(kind = kind(&event), "realtime event");
        if self.unheard {
            return;
        }
        if !self.waiting.is_empty() {
            // Without reading nothing but failed attempts can follow each other, and only the last of them is news.
            if let (Some(RealtimeEvent::Disconnected { .. }), RealtimeEvent::Disconnected { .. }) =
                (self.waiting.back(), &event)
            {
                self.waiting.pop_back();
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

async fn until(deadline: Option<std::time::Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn room(events: &mpsc::Sender<RealtimeEvent>) {
    // An error means that the receiver is gone, which another branch waits for.
    if events.reserve().await.is_err() {
        std::future::pending().await
    }
}

async fn outcome<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

async fn changed(changes: &mut Option<watch::Receiver<u64>>) -> Result<(), watch::error::RecvError> {
    match changes {
        Some(changes) => changes.changed().await,
        None => std::future::pending().await,
    }
}

async fn next_message(socket: &mut Option<Socket>) -> Option<Result<Message, WebSocketError>> {
    match socket {
        Some(socket) => socket.next().await,
        None => std::future::pending().await,
    }
}

/// For traces, which must not hold payloads.
fn kind(event: &RealtimeEvent) -> &'static str {
    match event {
        RealtimeEvent::Connected => "connected",
        RealtimeEvent::Disconnected { .. } => "disconnected",
        RealtimeEvent::Joined { .. } => "joined",
        RealtimeEvent::Refused { .. } => "refused",
        RealtimeEvent::ChannelClosed { .. } => "channel closed",
        RealtimeEvent::Broadcast { .. } => "broadcast",
        RealtimeEvent::BinaryBroadcast { .. } => "binary broadcast",
        RealtimeEvent::System { .. } => "system",
    }
}
