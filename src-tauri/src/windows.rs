//! The kinds of window. Each kind has its own capability file, and its label says its kind.

use tauri::{AppHandle, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::profile::Profile;

/// The label of the one main window; its capability file names the same word.
pub const MAIN: &str = "main";

/// Opens the main window. It is made here and not in `tauri.conf.json`, because its web data belongs into the
/// profile, which is known only at run time.
pub fn open_main<R: Runtime>(app: &AppHandle<R>, profile: &Profile) -> tauri::Result<WebviewWindow<R>> {
    WebviewWindowBuilder::new(app, MAIN, WebviewUrl::default())
        .title("Cockpit")
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 600.0)
        .data_directory(profile.webview_directory())
        .build()
}
