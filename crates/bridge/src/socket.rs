//! One page's socket. The page attaches first; then it sends commands and acknowledgements, and gets answers and frames.

use axum::{
    extract::{
        Query, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use cockpit_domain::{AppError, Command, ErrorCode, Frame, Reply};
use cockpit_engine::{Engine, WindowLabel};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

use crate::server::Shared;

/// The largest message of a page: long notes are 100,000 characters.
const LARGEST: usize = 1 << 20;
/// Commands of one page that are under way; more wait unread.
const UNDER_WAY: usize = 64;
/// A page that has opened a socket attaches within this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the address of the socket says.
#[derive(Deserialize)]
pub(crate) struct Asked {
    window: String,
}

/// Opens a page's socket.
pub(crate) async fn open(
    State(shared): State<Shared>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !shared.gate.is_origin(&headers) {
        return (StatusCode::FORBIDDEN, "Only pages of this server may open its socket.").into_response();
    }
    let Some(window) = WindowLabel::new(&asked.window) else {
        return (StatusCode::BAD_REQUEST, "There is no such kind of window.").into_response();
    };
    let cookie = shared.gate.cookie_of(&headers);
    upgrade.max_message_size(LARGEST).on_upgrade(move |socket| async move {
        let stopping = shared.stopping.clone();
        let page = Page { shared, window, socket };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = page.run(cookie) => {}
        }
    })
}

/// What a page says.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Attach { attach: Attach },
    Command { id: u64, command: Command },
    Ack { ack: Ack },
}

#[derive(Deserialize)]
struct Attach {
    token: String,
    nonce: Uuid,
}

#[derive(Deserialize)]
struct Ack {
    epoch: u64,
    rev: u64,
}

/// What a page is told.
#[derive(Serialize)]
#[serde(untagged)]
enum Told {
    Frame { frame: Frame },
    Done { id: u64, ok: Reply },
    Failed { id: u64, error: AppError },
    Refused { refused: AppError },
}

struct Page {
    shared: Shared,
    window: WindowLabel,
    socket: WebSocket,
}

impl Page {
    async fn run(mut self, cookie: Option<String>) {
        let first = tokio::time::timeout(PATIENCE, self.socket.recv()).await;
        let Ok(Some(Ok(Message::Text(text)))) = first else { return };
        let nonce = match serde_json::from_str(&text) {
            Ok(Said::Attach { attach: Attach { token, nonce } })
                if self.shared.gate.admits(&token, cookie.as_deref()) =>
            {
                nonce
            }
            _ => {
                let refused = AppError::new(
                    ErrorCode::Forbidden,
                    "This page needs its own link. Start Cockpit in the browser again and use the link it prints.",
                );
                self.send(&Told::Refused { refused }).await;
                return self.close(close_code::POLICY, "not admitted").await;
            }
        };
        let mut frames = self.shared.host.connect(&self.window);
        let engine = self.shared.engine.clone();
        if let Ok(epoch) = engine.attach(self.window.clone(), nonce).await {
            self.converse(&engine, epoch, &mut frames).await;
            engine.detach(self.window.clone(), Some(epoch)).await;
        }
        self.shared.host.disconnect(&self.window, &mut frames);
    }

    async fn converse(&mut self, engine: &Engine, epoch: u64, frames: &mut tokio::sync::mpsc::Receiver<Frame>) {
        let mut under_way = FuturesUnordered::new();
        loop {
            let told = tokio::select! {
                frame = frames.recv() => match frame {
                    // One for the page that was here before, made just when this one came.
                    Some(frame) if frame.epoch < epoch => continue,
                    Some(frame) => Told::Frame { frame },
                    // Another page took the window over; this one must not try to take it back.
                    None => return self.close(close_code::POLICY, "another page has this window").await,
                },
                Some(told) = under_way.next(), if !under_way.is_empty() => told,
                message = self.socket.recv(), if under_way.len() < UNDER_WAY => {
                    let text = match message {
                        Some(Ok(Message::Text(text))) => text,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return,
                    };
                    match serde_json::from_str(&text) {
                        Ok(Said::Command { id, command }) => {
                            let answer = engine.command(self.window.clone(), command);
                            under_way.push(async move {
                                match answer.await {
                                    Ok(ok) => Told::Done { id, ok },
                                    Err(error) => Told::Failed { id, error },
                                }
                            });
                            continue;
                        }
                        Ok(Said::Ack { ack: Ack { epoch, rev } }) => {
                            engine.ack(self.window.clone(), epoch, rev).await;
                            continue;
                        }
                        Ok(Said::Attach { .. }) => continue,
                        Err(error) => match id_of(&text) {
                            Some(id) => Told::Failed { id, error: not_understood(&error) },
                            None => return self.close(close_code::INVALID, "not understood").await,
                        },
                    }
                }
            };
            if !self.send(&told).await {
                return;
            }
        }
    }

    /// Answers whether the socket still takes messages.
    async fn send(&mut self, told: &Told) -> bool {
        match serde_json::to_string(told) {
            Ok(text) => self.socket.send(Message::Text(text.into())).await.is_ok(),
            Err(error) => {
                tracing::error!(%error, "a message could not be written as JSON");
                false
            }
        }
    }

    async fn close(&mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame { code, reason: reason.into() };
        // The page may be gone already.
        drop(self.socket.send(Message::Close(Some(frame))).await);
    }
}

fn id_of(text: &str) -> Option<u64> {
    serde_json::from_str::<serde_json::Value>(text).ok()?.get("id")?.as_u64()
}

fn not_understood(error: &serde_json::Error) -> AppError {
    AppError::new(ErrorCode::Invalid, "The engine does not know that command. Reload the page.")
        .with_details(serde_json::json!({ "parser": error.to_string() }))
}
