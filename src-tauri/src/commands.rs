//! What a page may call: three functions, each one line to the engine. The engine checks what the kind of window may ask for.

use std::sync::Arc;

use cockpit_domain::{AppError, Command, ErrorCode, Frame, Reply};
use cockpit_engine::{Engine, WindowLabel};
use tauri::{State, WebviewWindow, ipc::Channel};
use uuid::Uuid;

use crate::host::DesktopHost;

/// A page begins and wants frames; a snapshot comes first.
#[tauri::command]
pub async fn attach(
    window: WebviewWindow,
    nonce: Uuid,
    frames: Channel<Frame>,
    engine: State<'_, Engine>,
    host: State<'_, Arc<DesktopHost>>,
) -> Result<(), AppError> {
    let label = label(&window)?;
    host.connect(label.clone(), frames);
    engine.attach(label, nonce).await.map(drop)
}

/// A page asks for something.
#[tauri::command]
pub async fn command(window: WebviewWindow, command: Command, engine: State<'_, Engine>) -> Result<Reply, AppError> {
    engine.command(label(&window)?, command).await
}

/// A page shows everything up to `rev` of `epoch`.
#[tauri::command]
pub async fn ack(window: WebviewWindow, epoch: u64, rev: u64, engine: State<'_, Engine>) -> Result<(), AppError> {
    engine.ack(label(&window)?, epoch, rev).await;
    Ok(())
}

fn label(window: &WebviewWindow) -> Result<WindowLabel, AppError> {
    WindowLabel::new(window.label()).ok_or_else(|| {
        AppError::new(
            ErrorCode::CommandNotAllowed,
            "This window is of no kind that may talk to Cockpit. Close it and use the main window.",
        )
    })
}
