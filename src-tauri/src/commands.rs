//! What a page may call: `attach`, `command` and `ack`, each handed on to the engine. The engine checks what the kind of window may ask for.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use cockpit_domain::{AppError, Command, ErrorCode, Frame, Reply};
use cockpit_engine::{Engine, WindowLabel};
use serde_json::{Value, json};
use tauri::{
    Manager, State, WebviewWindow, Wry,
    ipc::{Channel, Invoke, InvokeBody, InvokeError, InvokeMessage, InvokeResolver},
};
use uuid::Uuid;

use crate::host::DesktopHost;

/// Answers what pages send.
pub fn handler() -> impl Fn(Invoke<Wry>) -> bool + Send + Sync + 'static {
    let others: Box<dyn Fn(Invoke<Wry>) -> bool + Send + Sync> = Box::new(tauri::generate_handler![attach, ack]);
    move |invoke| {
        if invoke.message.command() != "command" {
            return others(invoke);
        }
        command(&invoke.message, invoke.resolver);
        true
    }
}

/// A page begins and wants frames; a snapshot comes first.
#[tauri::command]
async fn attach(
    window: WebviewWindow,
    nonce: Uuid,
    frames: Channel<Frame>,
    engine: State<'_, Engine>,
    host: State<'_, Arc<DesktopHost>>,
) -> Result<(), AppError> {
    let label = label(window.label())?;
    host.connect(label.clone(), frames);
    engine.attach(label, nonce).await.map(drop)
}

/// A page asks for something: `command` with the argument `command`. This is no `#[tauri::command]`, because those are carried out side by
/// side, and what a person did first has to reach the engine first. The engine's queue keeps the order in which it was asked, so it is
/// asked here, on the one thread that takes the messages of all pages; only its answer is waited for elsewhere.
fn command(message: &InvokeMessage<Wry>, resolver: InvokeResolver<Wry>) {
    let engine = message.webview_ref().state::<Engine>().inner().clone();
    let asked = asked(message);
    let mut answer: Pin<Box<dyn Future<Output = Result<Reply, AppError>> + Send>> = Box::pin(async move {
        let (window, command) = asked?;
        engine.command(window, command).await
    });
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => resolver.respond(result.map_err(InvokeError::from)),
        Poll::Pending => resolver.respond_async(async move { answer.await.map_err(InvokeError::from) }),
    }
}

fn asked(message: &InvokeMessage<Wry>) -> Result<(WindowLabel, Command), AppError> {
    let label = label(message.webview_ref().label())?;
    let command = match message.payload() {
        InvokeBody::Json(arguments) => arguments.get("command").cloned().unwrap_or_default(),
        InvokeBody::Raw(_) => Value::Null,
    };
    let command = serde_json::from_value(command).map_err(|error| {
        AppError::new(ErrorCode::Invalid, "The engine does not know that command. Reload the page.")
            .with_details(json!({ "parser": error.to_string() }))
    })?;
    Ok((label, command))
}

/// A page shows everything up to `rev` of `epoch`.
#[tauri::command]
async fn ack(window: WebviewWindow, epoch: u64, rev: u64, engine: State<'_, Engine>) -> Result<(), AppError> {
    engine.ack(label(window.label())?, epoch, rev).await;
    Ok(())
}

fn label(of_window: &str) -> Result<WindowLabel, AppError> {
    WindowLabel::new(of_window).ok_or_else(|| {
        AppError::new(
            ErrorCode::CommandNotAllowed,
            "This window is of no kind that may talk to Cockpit. Close it and use the main window.",
        )
    })
}
