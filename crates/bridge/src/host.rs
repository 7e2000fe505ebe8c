//! The engine's host: frames go to the socket of their window.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cockpit_domain::Frame;
use cockpit_engine::{Host, SecretStore, WindowLabel};
use tokio::sync::mpsc;

use crate::secrets::FileSecrets;

/// Frames that wait for a socket. The engine has one under way per page, so more than a few means that nobody reads.
const FRAMES: usize = 8;

/// Hands frames to sockets.
pub(crate) struct BridgeHost {
    secrets: Arc<FileSecrets>,
    // A plain mutex: it is held for one map operation, also by the engine's thread.
    sockets: Mutex<HashMap<WindowLabel, mpsc::Sender<Frame>>>,
}

impl BridgeHost {
    /// A host without a window; secrets lie in the profile.
    pub(crate) fn new(profile: &Path) -> Self {
        Self { secrets: Arc::new(FileSecrets::new(profile.join("secrets.json"))), sockets: Mutex::default() }
    }

    /// Frames of a window go here from now on. The socket that had it before finds its queue closed.
    pub(crate) fn connect(&self, window: &WindowLabel) -> mpsc::Receiver<Frame> {
        let (sender, receiver) = mpsc::channel(FRAMES);
        self.sockets().insert(window.clone(), sender);
        receiver
    }

    /// The socket with this queue is gone.
    pub(crate) fn disconnect(&self, window: &WindowLabel, frames: &mut mpsc::Receiver<Frame>) {
        frames.close();
        let mut sockets = self.sockets();
        if sockets.get(window).is_some_and(mpsc::Sender::is_closed) {
            sockets.remove(window);
        }
    }

    fn sockets(&self) -> MutexGuard<'_, HashMap<WindowLabel, mpsc::Sender<Frame>>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for BridgeHost {
    fn frame(&self, window: &WindowLabel, frame: Frame) {
        if let Some(socket) = self.sockets().get(window)
            && let Err(error) = socket.try_send(frame)
        {
            // The page will not acknowledge it, and gets a snapshot then.
            tracing::debug!(%window, %error, "a frame was not delivered");
        }
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.secrets.clone()
    }
}
