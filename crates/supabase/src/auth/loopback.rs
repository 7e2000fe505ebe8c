//! Receives one redirect on this machine, as RFC 8252 section 7.3 has it for programs without a deep link.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{Callback, CallbackProblem};
use crate::Error;

/// A redirect's request is a few hundred bytes; browsers refuse longer headers than this themselves.
const LARGEST_REQUEST: usize = 16 * 1024;
/// Browsers open connections on suspicion and send nothing on them: several are held at once, and none for long.
const CONNECTIONS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);
/// A listener that fails this often in a row will not recover.
const FAILURES: usize = 20;

/// Waits on `127.0.0.1` for exactly one redirect of a browser.
///
/// The address has 128 random bits in its path, which do the work of a `state` parameter: a page or program that does not know
/// them gets a 404 and ends nothing. (In the path and not in the query, because auth servers up to 2024 append an error with a
/// second question mark.) GoTrue accepts loopback addresses with every port and path without an entry in the project's list of
/// redirects.
///
/// Nothing is received before [`wait`](Self::wait) or after it; dropping it, or the future of `wait`, closes the port.
pub struct LoopbackRedirect {
    listener: TcpListener,
    path: String,
    uri: String,
}

impl fmt::Debug for LoopbackRedirect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LoopbackRedirect").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl LoopbackRedirect {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// [`Error::Callback`] when the machine gives none.
    pub async fn bind() -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::from(CallbackProblem::NotListening(error.to_string()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let random: [u8; 16] = rand::rng().random();
        let path = format!("/callback/{}", URL_SAFE_NO_PAD.encode(random));
        Ok(Self { uri: format!("http://127.0.0.1:{port}{path}"), listener, path })
    }

    /// What to give as `redirect_to`.
    pub fn redirect_uri(&self) -> &str {
        &self.uri
    }

    /// The first redirect to [`redirect_uri`](Self::redirect_uri). The browser is shown a page that says to return to the program
    /// and repeats nothing of the address. Other requests (icons, speculative connections, strangers) are answered and forgotten.
    ///
    /// # Errors
    /// [`Error::Callback`] with [`CallbackProblem::TimedOut`] after `limit`; otherwise those of [`Callback::parse`].
    pub async fn wait(self, limit: Duration) -> Result<Callback, Error> {
        timeout(limit, self.serve()).await.unwrap_or(Err(CallbackProblem::TimedOut.into()))
    }

    async fn serve(self) -> Result<Callback, Error> {
        let mut open = FuturesUnordered::new();
        let mut failures = 0;
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if open.len() < CONNECTIONS => match accepted {
                    Ok((stream, _)) => {
                        failures = 0;
                        open.push(converse(stream, &self.path));
                    }
                    Err(error) => {
                        failures += 1;
                        if failures == FAILURES {
                            return Err(CallbackProblem::NotListening(error.to_string()).into());
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                },
                Some(outcome) = open.next() => if let Some(outcome) = outcome {
                    return outcome;
                },
            }
        }
    }
}

/// One connection: reads a request, answers it. What it answers is none unless it was the redirect.
async fn converse(mut stream: TcpStream, path: &str) -> Option<Result<Callback, Error>> {
    let (outcome, page) = match timeout(PATIENCE, request_target(&mut stream)).await.ok()? {
        Ok(target) if target.split(['?', '#']).next() == Some(path) => {
            let outcome = Callback::parse(&format!("http://127.0.0.1{target}"));
            let page = if outcome.is_ok() { DONE } else { FAILED };
            (Some(outcome), page)
        }
        Ok(_) => (None, NOT_FOUND),
        Err(Unreadable::Answer(page)) => (None, page),
        Err(Unreadable::Gone) => return None,
    };
    // The redirect has come; whether its page can still be shown does not change that.
    let shown = timeout(PATIENCE, async {
        stream.write_all(response(page).as_bytes()).await?;
        stream.shutdown().await
    });
    if !matches!(shown.await, Ok(Ok(()))) {
        tracing::debug!("the browser did not take the page");
    }
    outcome
}

enum Unreadable {
    /// Not a request that is answered otherwise.
    Answer(Page),
    /// Nobody is there to be answered.
    Gone,
}

async fn request_target(stream: &mut TcpStream) -> Result<String, Unreadable> {
    let mut bytes = Vec::new();
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => {
                // HEAD is what link scanners send; a browser that follows a redirect sends GET.
                let target = request.path.filter(|_| request.method == Some("GET"));
                return target.map(str::to_owned).ok_or(Unreadable::Answer(NOT_ALLOWED));
            }
            Ok(httparse::Status::Partial) if bytes.len() < LARGEST_REQUEST => {}
            Ok(httparse::Status::Partial) => return Err(Unreadable::Answer(TOO_LARGE)),
            Err(_) => return Err(Unreadable::Answer(MALFORMED)),
        }
        let room = LARGEST_REQUEST - bytes.len();
        match (&mut *stream).take(room as u64).read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return Err(Unreadable::Gone),
            Ok(_) => {}
        }
    }
}

/// Status line and sentence.
type Page = (&'static str, &'static str);

const DONE: Page = ("200 OK", "You can close this window and return to the application.");
const FAILED: Page = ("200 OK", "That did not work. Close this window; the application tells what happened.");
const NOT_FOUND: Page = ("404 Not Found", "There is nothing here.");
const NOT_ALLOWED: Page = ("405 Method Not Allowed", "Only GET is answered.");
const MALFORMED: Page = ("400 Bad Request", "That is not a request.");
const TOO_LARGE: Page = ("431 Request Header Fields Too Large", "The request is too large.");

fn response((status, sentence): Page) -> String {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sign-in</title>\
         <body style=\"font:16px system-ui;margin:4em auto;max-width:30em\"><p>{sentence}</p></body></html>"
    );
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         referrer-policy: no-referrer\r\ncontent-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
         connection: close\r\n\r\n{page}",
        page.len()
    )
}
