use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Act, Conditions, Door, Proxy};

/// A server that sends back what it gets, behind a proxy, and a client of it.
async fn echo() -> (Proxy, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap(), 7).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                tokio::io::copy(&mut from, &mut to).await.ok();
            });
        }
    });
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert_eq!(say(&mut client, b"hello").await.unwrap(), b"hello");
    (proxy, client)
}

async fn say(client: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
    client.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).await?;
    Ok(answer)
}

async fn silent(client: &mut TcpStream) -> bool {
    client.write_all(b"anybody?").await.unwrap();
    let mut byte = [0];
    tokio::time::timeout(Duration::from_millis(300), client.read(&mut byte)).await.is_err()
}

#[tokio::test]
async fn latency_delays_and_keeps_the_order() {
    let (proxy, mut client) = echo().await;
    proxy.set(Conditions {
        latency: Duration::from_millis(50),
        jitter: Duration::from_millis(20),
        ..Conditions::default()
    });
    let begin = Instant::now();
    for word in [b"one ", b"two "] {
        assert_eq!(say(&mut client, word).await.unwrap(), word);
    }
    assert!(begin.elapsed() >= Duration::from_millis(200), "two words, two directions: {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_reset_and_a_close_are_told_apart() {
    let (proxy, mut client) = echo().await;
    proxy.act(Act::Reset);
    let error = client.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert!(say(&mut client, b"again").await.is_ok());
    proxy.act(Act::Finish);
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_frozen_connection_stays_open_and_says_nothing_while_new_ones_work() {
    let (proxy, mut client) = echo().await;
    proxy.act(Act::Freeze);
    // The act has to have reached the connection: until then it may answer.
    while proxy.counts().frozen.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(silent(&mut client).await);
    let mut other = TcpStream::connect(proxy.address).await.unwrap();
    assert!(say(&mut other, b"works").await.is_ok());
}

#[tokio::test]
async fn doors_refuse_and_keep_silent_and_open_again() {
    let (proxy, _client) = echo().await;
    proxy.set(Conditions { door: Door::Silent, ..Conditions::default() });
    let mut client = TcpStream::connect(proxy.address).await.unwrap();
    assert!(silent(&mut client).await);
    proxy.set(Conditions { door: Door::Refusing, ..Conditions::default() });
    while TcpStream::connect(proxy.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    proxy.set(Conditions::default());
    let mut client = loop {
        match TcpStream::connect(proxy.address).await {
            Ok(client) => break client,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert!(say(&mut client, b"open").await.is_ok());
}

#[tokio::test]
async fn garbage_arrives_and_a_throttle_slows() {
    let (proxy, mut client) = echo().await;
    proxy.act(Act::Garble(32));
    client.read_exact(&mut [0; 32]).await.unwrap();
    proxy.set(Conditions { throttle: Some(1_000), ..Conditions::default() });
    let begin = Instant::now();
    assert_eq!(say(&mut client, &[7; 500]).await.unwrap(), [7; 500]);
    assert!(begin.elapsed() >= Duration::from_millis(400), "{:?}", begin.elapsed());
}
