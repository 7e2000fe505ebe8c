//! Whose certificate is trusted, against servers that really speak TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cockpit_supabase::{Client, ClientOptions, Error, Fingerprint, Realtime, RealtimeEvent, RealtimeOptions};
use futures_util::{SinkExt, StreamExt};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rstest::rstest;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use url::Url;

use crate::server::{Tokens, next, soon, spec};

/// A certificate with a key, which need not be its own.
#[derive(Debug, Clone)]
struct Pair(Arc<CertifiedKey>);

impl Pair {
    fn new(name: &str, expires: i32) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = date_time_ymd(expires, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = default_provider().key_provider.load_private_key(key).unwrap();
        Self(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
    }

    fn good() -> Self {
        Self::new("127.0.0.1", 2090)
    }

    /// What somebody in between can show: the certificate is public, its key is not.
    fn with_key_of(&self, other: &Self) -> Self {
        Self(Arc::new(CertifiedKey::new(self.0.cert.clone(), Arc::clone(&other.0.key))))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.0.cert[0])
    }
}

/// Shows whatever certificate it holds at the moment.
#[derive(Debug)]
struct Shown(Mutex<Pair>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.lock().unwrap().0))
    }
}

/// A server that answers every request with JSON, and every frame of a websocket with ok.
struct Server {
    address: SocketAddr,
    shown: Arc<Shown>,
    /// Requests that came out of the encryption.
    heard: Arc<AtomicUsize>,
    /// Connections that got as far as an end of their handshake, good or bad.
    handshakes: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Server {
    async fn start(pair: &Pair) -> Self {
        Self::start_with(pair, rustls::DEFAULT_VERSIONS).await
    }

    async fn start_with(pair: &Pair, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let shown = Arc::new(Shown(Mutex::new(pair.clone())));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as Arc<dyn ResolvesServerCert>);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, handshakes) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (hearing, shaking) = (Arc::clone(&heard), Arc::clone(&handshakes));
        let serving = tokio::spawn(async move {
            let acceptor = TlsAcceptor::from(Arc::new(config));
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, hearing, shaking) = (acceptor.clone(), Arc::clone(&hearing), Arc::clone(&shaking));
                tokio::spawn(async move {
                    let shaken = acceptor.accept(stream).await;
                    shaking.fetch_add(1, Ordering::SeqCst);
                    if let Ok(stream) = shaken {
                        answer(stream, &hearing).await;
                    }
                });
            }
        });
        Self { address, shown, heard, handshakes, serving }
    }

    fn show(&self, pair: &Pair) {
        *self.shown.0.lock().unwrap() = pair.clone();
    }

    fn url(&self, scheme: &str, host: &str) -> Url {
        Url::parse(&format!("{scheme}://{host}:{}", self.address.port())).unwrap()
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }

    /// Asks with a password's worth of secrets.
    async fn ask(&self, pinned: Option<Fingerprint>) -> Result<Value, Error> {
        self.ask_at(self.url("https", "127.0.0.1"), pinned).await
    }

    async fn ask_at(&self, url: Url, pinned: Option<Fingerprint>) -> Result<Value, Error> {
        let client = Client::new(ClientOptions { pinned_certificate: pinned, ..ClientOptions::new(url, "anon-key") });
        soon(client.unwrap().rpc("f", &json!({ "password": "hunter2" }), Some("token"))).await
    }
}

async fn answer(mut stream: TlsStream<TcpStream>, heard: &AtomicUsize) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    heard.fetch_add(1, Ordering::SeqCst);
    let request = String::from_utf8(request).unwrap();
    let key = request
        .lines()
        .find_map(|line| line.to_lowercase().starts_with("sec-websocket-key:").then(|| line[18..].trim().to_owned()));
    let Some(key) = key else {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 2\r\n\r\n42";
        // A client that has hung up needs no answer.
        drop(stream.write_all(head.as_bytes()).await);
        drop(stream.shutdown().await);
        return;
    };
    let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n";
    stream.write_all(format!("{head}sec-websocket-accept: {accept}\r\n\r\n").as_bytes()).await.unwrap();
    let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
    let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, None).await;
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let frame: Value = serde_json::from_str(&text).unwrap();
        let reply = json!([frame[0], frame[1], frame[2], "phx_reply", { "status": "ok", "response": {} }]);
        if socket.send(Message::text(reply.to_string())).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_with_its_fingerprint_and_accepted_once_it_is_pinned() {
    let pair = Pair::good();
    let server = Server::start(&pair).await;
    let error = server.ask(None).await.unwrap_err();
    let Error::UntrustedCertificate { fingerprint, reason } = &error else { panic!("{error:?}") };
    assert_eq!(*fingerprint, pair.fingerprint());
    assert!(!reason.is_empty() && !error.is_retryable());
    assert_eq!(server.heard(), 0, "nothing but the handshake may arrive");
    assert_eq!(server.ask(Some(*fingerprint)).await, Ok(json!(42)));
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_never_accepted_in_silence() {
    let (first, second) = (Pair::good(), Pair::good());
    let server = Server::start(&first).await;
    let client = Client::new(ClientOptions {
        pinned_certificate: Some(first.fingerprint()),
        ..ClientOptions::new(server.url("https", "127.0.0.1"), "anon-key")
    });
    let client = client.unwrap();
    let arguments = json!({});
    let ask = || soon(client.rpc::<Value>("f", &arguments, Some("token")));
    assert_eq!(ask().await, Ok(json!(42)));
    server.show(&second);
    let changed = Error::CertificateChanged { expected: first.fingerprint(), found: second.fingerprint() };
    for _ in 0..3 {
        assert_eq!(ask().await, Err(changed.clone()), "with a session to resume, too");
    }
    assert_eq!(server.heard(), 1, "the second server heard nothing");
    server.show(&first);
    assert_eq!(ask().await, Ok(json!(42)));
}

#[rstest]
#[case::expired(Pair::new("127.0.0.1", 2020))]
#[case::another_name(Pair::new("other.example.com", 2090))]
#[tokio::test]
async fn names_and_dates_are_judged_without_a_pin_and_not_with_one(#[case] pair: Pair) {
    let server = Server::start(&pair).await;
    assert!(matches!(server.ask(None).await, Err(Error::UntrustedCertificate { .. })));
    assert_eq!(server.heard(), 0);
    assert_eq!(server.ask(Some(pair.fingerprint())).await, Ok(json!(42)));
    assert_eq!(server.ask_at(server.url("https", "localhost"), Some(pair.fingerprint())).await, Ok(json!(42)));
}

#[rstest]
#[case::tls_1_2(&rustls::version::TLS12)]
#[case::tls_1_3(&rustls::version::TLS13)]
#[tokio::test]
async fn somebody_in_between_who_shows_the_pinned_certificate_without_its_key_is_refused(
    #[case] version: &'static SupportedProtocolVersion,
) {
    let pair = Pair::good();
    let server = Server::start_with(&pair, &[version]).await;
    assert_eq!(server.ask(Some(pair.fingerprint())).await, Ok(json!(42)));
    server.show(&pair.with_key_of(&Pair::good()));
    let error = server.ask(Some(pair.fingerprint())).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{error:?}");
    assert_eq!(server.heard(), 1, "nothing but the handshake may arrive");
}

#[tokio::test]
async fn plain_http_to_a_tls_port_and_tls_to_a_plain_port_are_told_as_such() {
    let pair = Pair::good();
    let server = Server::start(&pair).await;
    let error = server.ask_at(server.url("http", "127.0.0.1"), None).await.unwrap_err();
    assert!(error.to_string().contains("https://") && error.is_retryable(), "{error}");

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        let mut rest = Vec::new();
        // Whatever it says until it hangs up.
        let _ = stream.read_to_end(&mut rest).await;
    });
    let url = Url::parse(&format!("https://127.0.0.1:{port}")).unwrap();
    let error = server.ask_at(url, Some(pair.fingerprint())).await.unwrap_err();
    assert!(matches!(&error, Error::Tls { message } if message.contains("http://")), "{error:?}");
    answering.abort();
}

#[tokio::test]
async fn the_websocket_keeps_to_the_pin_as_well() {
    let (pair, other) = (Pair::good(), Pair::good());
    let server = Server::start(&pair).await;
    let options = |pinned| RealtimeOptions {
        pinned_certificate: pinned,
        ..RealtimeOptions::new(server.url("https", "127.0.0.1"), "anon-key")
    };
    for (pinned, words) in [(None, "not trusted"), (Some(other.fingerprint()), "has changed")] {
        let (realtime, mut events) = Realtime::spawn(options(pinned), Tokens::new("t1"));
        let event = next(&mut events).await;
        assert!(
            matches!(event, RealtimeEvent::Disconnected { .. }) && format!("{event:?}").contains(words),
            "{event:?}"
        );
        realtime.shutdown().await;
    }
    assert_eq!(server.heard(), 0, "the key is in the address of the websocket, and nobody may read it");
    assert!(server.handshakes.load(Ordering::SeqCst) >= 2);
    let (realtime, mut events) = Realtime::spawn(options(Some(pair.fingerprint())), Tokens::new("t1"));
    realtime.set_channels(vec![spec("room")]);
    assert_eq!(next(&mut events).await, RealtimeEvent::Connected);
    assert_eq!(next(&mut events).await, RealtimeEvent::Joined { topic: "room".into() });
    realtime.shutdown().await;
}
