//! The HTTP side: the built UI, and the door to the socket.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use cockpit_engine::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::services::{ServeDir, ServeFile};

use crate::{gate::Gate, host::BridgeHost, socket};

/// What requests share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) gate: Arc<Gate>,
    pub(crate) engine: Engine,
    pub(crate) host: Arc<BridgeHost>,
    pub(crate) stopping: CancellationToken,
}

/// Serves until the process is asked to end; open sockets are closed then.
pub(crate) async fn serve(
    listener: TcpListener,
    ui: &Path,
    gate: Arc<Gate>,
    engine: Engine,
    host: Arc<BridgeHost>,
) -> anyhow::Result<()> {
    let stopping = CancellationToken::new();
    let shared = Shared { gate, engine, host, stopping: stopping.clone() };
    let pages = ServeDir::new(ui).fallback(ServeFile::new(ui.join("index.html")));
    let router = Router::new()
        .route("/socket", any(socket::open))
        .fallback_service(pages)
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared);
    let end = async move {
        asked_to_end().await;
        stopping.cancel();
    };
    axum::serve(listener, router).with_graceful_shutdown(end).await.context("serving failed")
}

/// Refuses what is not meant for this server, and gives each browser its cookie.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    if !shared.gate.is_host(request.headers()) {
        return (StatusCode::FORBIDDEN, "This server answers only to its own name, 127.0.0.1.").into_response();
    }
    let cookie = shared.gate.cookie_for(request.headers());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Some(cookie) = cookie {
        headers.insert(header::SET_COOKIE, cookie);
    }
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// As in the desktop's own windows, with the socket in place of the desktop's channel.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self' ws://127.0.0.1:* ws://localhost:*; base-uri 'none'; form-action 'none'; \
     object-src 'none'; frame-ancestors 'none'";

#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    match (terminate, interrupt) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        _ => tracing::error!("signals cannot be heard; ending"),
    }
}

#[cfg(not(unix))]
async fn asked_to_end() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::error!(%error, "signals cannot be heard; ending");
    }
}
