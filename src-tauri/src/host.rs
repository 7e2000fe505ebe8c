//! The engine's host: frames go through one channel per window.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cockpit_domain::Frame;
use cockpit_engine::{Host, SecretStore, WindowLabel};
use tauri::ipc::Channel;

use crate::secrets::SystemSecrets;

/// Hands frames to windows.
pub struct DesktopHost {
    secrets: Arc<SystemSecrets>,
    // A plain mutex: it is held for one map operation, also by the engine's thread.
    channels: Mutex<HashMap<WindowLabel, Channel<Frame>>>,
}

impl DesktopHost {
    /// A host without a window.
    pub fn new(secrets: Arc<SystemSecrets>) -> Self {
        Self { secrets, channels: Mutex::default() }
    }

    /// Frames of a window go here from now on.
    pub fn connect(&self, window: WindowLabel, frames: Channel<Frame>) {
        self.channels().insert(window, frames);
    }

    /// The window is gone.
    pub fn disconnect(&self, window: &WindowLabel) {
        self.channels().remove(window);
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<WindowLabel, Channel<Frame>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for DesktopHost {
    fn frame(&self, window: &WindowLabel, frame: Frame) {
        // Cloned out of the lock: sending evaluates script in the page and must not hold up another window's attachment.
        let channel = self.channels().get(window).cloned();
        if let Some(Err(error)) = channel.map(|channel| channel.send(frame)) {
            // The page will not acknowledge it, and gets a snapshot then.
            tracing::debug!(%window, %error, "a frame was not delivered");
        }
    }

    fn secrets(&self) -> Arc<dyn SecretStore> {
        self.secrets.clone()
    }
}
