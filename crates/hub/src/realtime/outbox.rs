//! The queue of frames that wait to be written to one socket. It is bounded: a peer that does not read is cut off rather than
//! fed from memory. It may have at most [`MAX_FRAMES`] frames and [`MAX_BYTES`] waiting.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::{SinkExt, stream::SplitSink};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub(super) const MAX_FRAMES: usize = 1024;
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long a peer gets to take the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The sending side, shared by the socket's own task and everybody who broadcasts to it.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    frames: mpsc::Sender<Message>,
    waiting: Arc<AtomicUsize>,
    overflowed: CancellationToken,
    /// Told whenever a frame was taken; one waits at most, the task that delivers broadcasts from the database.
    taken: Arc<Notify>,
}

/// The writing side.
#[derive(Debug)]
pub(super) struct Writer {
    frames: mpsc::Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    taken: Arc<Notify>,
}

pub(super) fn outbox() -> (Outbox, Writer) {
    let (sender, frames) = mpsc::channel(MAX_FRAMES);
    let waiting = Arc::new(AtomicUsize::new(0));
    let taken = Arc::new(Notify::new());
    (
        Outbox { frames: sender, waiting: waiting.clone(), overflowed: CancellationToken::new(), taken: taken.clone() },
        Writer { frames, waiting, taken },
    )
}

impl Outbox {
    /// Queues a frame. Never waits: a full queue marks the socket as too slow, and its task closes it.
    pub(super) fn send(&self, frame: Message) {
        let bytes = size(&frame);
        // Relaxed: the count only bounds memory and orders nothing.
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > MAX_BYTES || matches!(self.frames.try_send(frame), Err(mpsc::error::TrySendError::Full(_))) {
            self.overflowed.cancel();
        }
    }

    /// Whether half of the queue is taken.
    pub(super) fn is_behind(&self) -> bool {
        let half_full = self.frames.capacity() < MAX_FRAMES / 2 || self.waiting.load(Ordering::Relaxed) > MAX_BYTES / 2;
        half_full && !self.frames.is_closed() && !self.overflowed.is_cancelled()
    }

    /// Waits until the peer is no longer behind. One that is after so long is marked as too slow.
    pub(super) async fn catch_up(&self, patience: Duration) {
        let caught_up = async {
            while self.is_behind() {
                self.taken.notified().await;
            }
        };
        if tokio::time::timeout(patience, caught_up).await.is_err() {
            self.overflowed.cancel();
        }
    }

    /// Ends when the peer has fallen too far behind.
    pub(super) async fn overflowed(&self) {
        self.overflowed.cancelled().await;
    }
}

impl Writer {
    /// Writes frames until told to close or until the connection fails. What still waits is written before the close frame as far as
    /// the peer takes it within a second; nothing of it to a peer that is closed for its slowness.
    pub(super) async fn run(
        mut self,
        mut sink: SplitSink<WebSocket, Message>,
        mut close: oneshot::Receiver<Option<CloseFrame>>,
    ) {
        let closing = loop {
            tokio::select! {
                biased;
                closing = &mut close => break closing.ok().flatten(),
                frame = self.frames.recv() => {
                    let Some(frame) = frame else { break None };
                    self.waiting.fetch_sub(size(&frame), Ordering::Relaxed);
                    self.taken.notify_one();
                    let sent = tokio::select! {
                        biased;
                        sent = sink.send(frame) => sent,
                        closing = &mut close => break closing.ok().flatten(),
                    };
                    if sent.is_err() {
                        return;
                    }
                }
            }
        };
        let too_slow = closing.as_ref().is_some_and(|frame| frame.code == close_code::AGAIN);
        let close = async {
            // What was said before the end is heard before it, except by a peer that ends because it does not listen.
            while let (false, Ok(frame)) = (too_slow, self.frames.try_recv()) {
                sink.feed(frame).await?;
            }
            sink.send(Message::Close(closing)).await?;
            sink.close().await
        };
        if !matches!(tokio::time::timeout(CLOSE_TIMEOUT, close).await, Ok(Ok(()))) {
            tracing::debug!("the peer did not take the close frame");
        }
    }
}

#[cfg(test)]
impl Writer {
    /// What waits to be written, as text.
    pub(super) fn take_texts(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.frames.try_recv().ok()).map(|frame| frame.into_text().unwrap().to_string()).collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Nobody shall wait for a peer that is gone.
        self.frames.close();
        self.taken.notify_one();
    }
}

fn size(frame: &Message) -> usize {
    match frame {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_that_is_not_read_overflows_by_count_and_by_bytes() {
        let (by_count, _unread) = outbox();
        for _ in 0..MAX_FRAMES {
            by_count.send(Message::text("x"));
        }
        assert!(!by_count.overflowed.is_cancelled());
        by_count.send(Message::text("x"));
        by_count.overflowed().await;

        let (by_bytes, _unread) = outbox();
        by_bytes.send(Message::text("x".repeat(MAX_BYTES)));
        assert!(!by_bytes.overflowed.is_cancelled());
        by_bytes.send(Message::text("x"));
        by_bytes.overflowed().await;
    }

    #[tokio::test]
    async fn nobody_waits_for_a_peer_that_has_taken_enough_or_is_gone_nor_for_long_for_one_that_does_not_read() {
        let patience = Duration::from_secs(60);
        let (outbox, mut writer) = outbox();
        for _ in 0..=MAX_FRAMES / 2 {
            assert!(!outbox.is_behind());
            outbox.send(Message::text("x"));
        }
        assert!(outbox.is_behind());
        let take = async {
            writer.frames.recv().await.unwrap();
            writer.taken.notify_one();
        };
        tokio::join!(outbox.catch_up(patience), take);
        assert!(!outbox.is_behind() && !outbox.overflowed.is_cancelled());

        outbox.send(Message::text("x"));
        tokio::join!(outbox.catch_up(patience), async { drop(writer) });
        assert!(!outbox.overflowed.is_cancelled());

        let (outbox, _unread) = super::outbox();
        outbox.send(Message::text("x".repeat(MAX_BYTES / 2 + 1)));
        outbox.catch_up(Duration::from_millis(1)).await;
        outbox.overflowed().await;
    }
}
