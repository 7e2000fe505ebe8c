//! The loopback receiver, against browsers and strangers.

use std::time::Duration;

use cockpit_supabase::Error;
use cockpit_supabase::auth::{Callback, CallbackProblem, LoopbackRedirect};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::server::soon;

const LONG: Duration = Duration::from_secs(60);

struct Waiting {
    uri: String,
    address: String,
    outcome: JoinHandle<Result<Callback, Error>>,
}

async fn waiting() -> Waiting {
    let redirect = LoopbackRedirect::bind().await.unwrap();
    let uri = redirect.redirect_uri().to_owned();
    let address = uri["http://".len()..].split('/').next().unwrap().to_owned();
    Waiting { uri, address, outcome: tokio::spawn(redirect.wait(LONG)) }
}

impl Waiting {
    fn path(&self) -> &str {
        &self.uri["http://".len() + self.address.len()..]
    }

    async fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        // A server that has enough may close before it has read all.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = soon(stream.read_to_end(&mut answer)).await;
        String::from_utf8(answer).unwrap()
    }

    async fn get(&self, target: &str) -> String {
        self.send(format!("GET {target} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address).as_bytes()).await
    }

    async fn outcome(self) -> Result<Callback, Error> {
        soon(self.outcome).await.unwrap()
    }
}

#[tokio::test]
async fn takes_one_redirect_and_shows_a_page_without_the_code() {
    let waiting = waiting().await;
    assert!(waiting.uri.starts_with("http://127.0.0.1:"));
    let page = waiting.get(&format!("{}?code=c0de-1", waiting.path())).await;
    assert!(page.starts_with("HTTP/1.1 200") && page.contains("close this window"), "{page}");
    assert!(!page.contains("c0de") && page.contains("cache-control: no-store"), "{page}");
    let address = waiting.address.clone();
    assert_eq!(waiting.outcome().await, Ok(Callback::Code("c0de-1".into())));
    assert!(TcpStream::connect(&address).await.is_err(), "the port is closed after the one redirect");
}

#[tokio::test]
async fn an_error_of_the_provider_comes_through_and_its_words_not_into_the_page() {
    let waiting = waiting().await;
    let target = format!("{}?error=access_denied&error_description=%3Cscript%3E", waiting.path());
    let page = waiting.get(&target).await;
    assert!(!page.contains("script>"), "{page}");
    let outcome = waiting.outcome().await;
    assert!(matches!(&outcome, Err(Error::Redirected { error, .. }) if error == "access_denied"), "{outcome:?}");
}

#[tokio::test]
async fn strangers_icons_and_nonsense_end_nothing() {
    let waiting = waiting().await;
    let refused = [
        (waiting.get("/favicon.ico").await, "404"),
        (waiting.get("/callback/guessed?code=stolen").await, "404"),
        (waiting.get("/?error=access_denied").await, "404"),
        (waiting.get(&format!("{}/more?code=x", waiting.path())).await, "404"),
        (waiting.send(format!("HEAD {}?code=scanned HTTP/1.1\r\n\r\n", waiting.path()).as_bytes()).await, "405"),
        (waiting.send(b"\x16\x03\x01\x02\x00 a TLS hello\r\n\r\n").await, "400"),
        (
            waiting.send(&b"GET / HTTP/1.1\r\nx: ".iter().copied().chain([b'x'; 20_000]).collect::<Vec<_>>()).await,
            "431",
        ),
    ];
    for (answer, status) in refused {
        // A connection that is closed with unread bytes may be reset before its answer is read.
        assert!(answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")), "{status}: {answer}");
    }
    assert!(!waiting.outcome.is_finished());
    waiting.get(&format!("{}?code=mine", waiting.path())).await;
    assert_eq!(waiting.outcome().await, Ok(Callback::Code("mine".into())));
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_stand_in_the_way() {
    let waiting = waiting().await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(&waiting.address).await.unwrap());
    }
    let mut slow = TcpStream::connect(&waiting.address).await.unwrap();
    slow.write_all(b"GET /call").await.unwrap();
    let page = waiting.get(&format!("{}?code=mine", waiting.path())).await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert_eq!(waiting.outcome().await, Ok(Callback::Code("mine".into())));
}

#[tokio::test]
async fn a_request_in_pieces_is_a_request() {
    let waiting = waiting().await;
    let mut stream = TcpStream::connect(&waiting.address).await.unwrap();
    let request = format!("GET {}?code=mine HTTP/1.1\r\nhost: x\r\n\r\n", waiting.path());
    for piece in request.as_bytes().chunks(7) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.outcome().await, Ok(Callback::Code("mine".into())));
}

#[tokio::test]
async fn a_browser_that_does_not_take_its_page_does_not_lose_the_code() {
    let waiting = waiting().await;
    let mut stream = TcpStream::connect(&waiting.address).await.unwrap();
    let request = format!("GET {}?code=mine HTTP/1.1\r\n\r\n", waiting.path());
    stream.write_all(request.as_bytes()).await.unwrap();
    drop(stream);
    assert_eq!(waiting.outcome().await, Ok(Callback::Code("mine".into())));
}

#[tokio::test]
async fn the_implicit_flow_is_told_from_a_stranger() {
    let waiting = waiting().await;
    waiting.get(waiting.path()).await;
    assert_eq!(
        waiting.outcome().await,
        Err(CallbackProblem::NoCode.into()),
        "its tokens are in a fragment no server sees"
    );
}

#[tokio::test]
async fn nobody_comes() {
    let redirect = LoopbackRedirect::bind().await.unwrap();
    let outcome = soon(redirect.wait(Duration::from_millis(50))).await;
    assert_eq!(outcome, Err(CallbackProblem::TimedOut.into()));
}

#[tokio::test]
async fn dropping_it_closes_the_port_at_once() {
    let redirect = LoopbackRedirect::bind().await.unwrap();
    let address = redirect.redirect_uri()["http://".len()..].split('/').next().unwrap().to_owned();
    assert!(!format!("{redirect:?}").contains("/callback"), "what only the browser may know is not printed");
    let mut wait = Box::pin(redirect.wait(LONG));
    assert!(futures_util::poll!(&mut wait).is_pending());
    let held = TcpStream::connect(&address).await.unwrap();
    assert!(futures_util::poll!(&mut wait).is_pending());
    drop(wait);
    assert!(TcpStream::connect(&address).await.is_err());
    drop(held);
}
