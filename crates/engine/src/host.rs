//! What the engine needs from the program around it.

use std::sync::Arc;

use cockpit_domain::Frame;

use crate::{SecretStore, WindowLabel};

/// The program around the engine: the desktop shell, the bridge to a browser, or a test.
pub trait Host: Send + Sync + 'static {
    /// Hands a frame to a window. It must not block; a window that is gone is ignored, since the engine notices a missing
    /// acknowledgement by itself.
    fn frame(&self, window: &WindowLabel, frame: Frame);

    /// Where secrets are kept.
    fn secrets(&self) -> Arc<dyn SecretStore>;
}
