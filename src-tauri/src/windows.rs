//! The kinds of window. Each kind has its own capability file, and its label says its kind.

use std::path::Path;

use tauri::{AppHandle, Runtime, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

/// The label of the first main window; its capability file names the same word.
const MAIN: &str = "main";

/// Opens main window number `number`, counted from 1. It is made here and not in `tauri.conf.json`, because its web data belongs into the
/// profile, which is known only at run time.
///
/// # Errors
/// When the windowing system gives no window.
pub fn open_main<R: Runtime>(app: &AppHandle<R>, profile: &Path, number: u8) -> tauri::Result<WebviewWindow<R>> {
    let label = if number == 1 { MAIN.to_owned() } else { format!("{MAIN}-{number}") };
    WebviewWindowBuilder::new(app, label, WebviewUrl::default())
        .title("Cockpit")
        .inner_size(1280.0, 800.0)
        .min_inner_size(900.0, 600.0)
        // Nothing of value is ever stored there.
        .data_directory(profile.join("webview"))
        .build()
}
