//! Work that waits for the network: tasks that are owned, bounded in time by what they do, and ended with the engine.

use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerWaitFuture},
};

use super::Message;

/// Starts tasks whose outcome comes back to the engine's thread as a message.
#[derive(Clone)]
pub(crate) struct Background {
    handle: Handle,
    tracker: TaskTracker,
    end: CancellationToken,
    messages: mpsc::Sender<Message>,
}

impl Background {
    pub(crate) fn new(handle: Handle, end: CancellationToken, messages: mpsc::Sender<Message>) -> Self {
        Self { handle, tracker: TaskTracker::new(), end, messages }
    }

    /// Starts work that ends with a message, or with the engine.
    pub(crate) fn spawn(&self, work: impl Future<Output = Option<Message>> + Send + 'static) {
        let (end, messages) = (self.end.clone(), self.messages.clone());
        let task = async move {
            let message = tokio::select! {
                biased;
                () = end.cancelled() => None,
                message = work => message,
            };
            if let Some(message) = message {
                tokio::select! {
                    biased;
                    () = end.cancelled() => {}
                    // An error only says that the engine's thread has ended meanwhile.
                    _ = messages.send(message) => {}
                }
            }
        };
        self.tracker.spawn_on(task, &self.handle);
    }

    /// Starts work that watches its own end.
    pub(crate) fn spawn_own(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn_on(work, &self.handle);
    }

    /// A token that ends with the engine, or sooner.
    pub(crate) fn child_token(&self) -> CancellationToken {
        self.end.child_token()
    }

    /// Sends a message to the engine's thread unless `end` comes first.
    pub(crate) async fn send(&self, message: Message, end: &CancellationToken) {
        tokio::select! {
            biased;
            () = end.cancelled() => {}
            // An error only says that the engine's thread has ended meanwhile.
            _ = self.messages.send(message) => {}
        }
    }

    /// Ends all tasks; wait for it to be sure.
    pub(crate) fn close(&self) -> TaskTrackerWaitFuture<'_> {
        self.end.cancel();
        self.tracker.close();
        self.tracker.wait()
    }
}
