//! Servers that answer anything but what they should: a typed error, in time, with bounded memory.

use std::time::Duration;

use cockpit_supabase::auth::MailOptions;
use cockpit_supabase::rest::BroadcastMessage;
use cockpit_supabase::{Client, Error};
use rstest::rstest;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::server::soon;
use crate::support::{client, client_with};

/// A row, of which the type matters.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only whether it can be read counts")]
struct Row {
    id: i64,
}

/// Answers every request with these bytes, then closes.
async fn server(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<()>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if request(&mut stream).await {
                // The client may have had enough before the end.
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            }
        }
    });
    (address, task)
}

/// Reads a request's head and body; whether there was one.
async fn request(stream: &mut TcpStream) -> bool {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head {
            let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length =
                text.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if bytes.len() >= head + 4 + length {
                return true;
            }
        }
        if matches!(stream.read_buf(&mut bytes).await, Ok(0) | Err(_)) {
            return false;
        }
    }
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn json_answer(body: &str) -> String {
    http("200 OK", "application/json", body)
}

/// Every kind of call that reads an answer; their errors.
async fn errors(client: &Client) -> Vec<(&'static str, Error)> {
    let auth = client.auth();
    let none = MailOptions::default();
    let message = BroadcastMessage { topic: "t".into(), event: "e".into(), payload: Map::new(), private: false };
    let tasks = client.from("tasks").select("id");
    [
        ("rpc", client.rpc::<Row>("f", &json!({}), Some("SECRET")).await.map(drop)),
        ("rows", tasks.rows::<Row>().await.map(drop)),
        ("single", tasks.single::<Row>().await.map(drop)),
        ("maybe", tasks.maybe_single::<Row>().await.map(drop)),
        ("head", tasks.head().await.map(drop)),
        ("password", auth.sign_in_with_password("a@b.c", "SECRET").await.map(drop)),
        ("refresh", auth.refresh("SECRET").await.map(drop)),
        ("sign-up", auth.sign_up("a@b.c", "SECRET", Map::new(), &none).await.map(drop)),
        ("verify", auth.verify_token_hash("SECRET", cockpit_supabase::auth::OtpType::Email).await.map(drop)),
        ("user", auth.user("SECRET").await.map(drop)),
        ("settings", auth.settings().await.map(drop)),
        ("broadcast", client.broadcast(&[message], Some("SECRET")).await),
    ]
    .into_iter()
    .map(|(what, outcome)| (what, outcome.expect_err(what)))
    .collect()
}

#[rstest]
#[case::page(http("200 OK", "text/html", "<html>Welcome to our hotel</html>"))]
#[case::page_that_says_json(json_answer("<html>Welcome</html>"))]
#[case::truncated_json(json_answer(r#"{"id": 1, "name": "#))]
#[case::cut_in_the_body("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n[{\"id\":".to_owned())]
#[case::plain_text(http("200 OK", "text/plain", "ok"))]
#[case::no_type("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_owned())]
#[case::redirect("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_owned())]
#[case::redirect_to_itself("HTTP/1.1 307 Temporary Redirect\r\nlocation: /\r\ncontent-length: 0\r\n\r\n".to_owned())]
#[case::error_without_body("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_owned())]
#[case::error_of_another_kind(http("404 Not Found", "application/json", r#"["not", "an", "object"]"#))]
#[case::wrong_types(json_answer(r#"{"id": "x", "access_token": 5, "user": [], "external": 7}"#))]
#[case::a_number(json_answer("17"))]
#[case::not_utf8("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n\u{85}\u{85}".to_owned())]
#[case::nested_without_end(json_answer(&"[".repeat(100_000)))]
#[case::not_http("SSH-2.0-OpenSSH_9.6\r\n".to_owned())]
#[case::closed_without_a_word(String::new())]
#[case::enormous_by_its_own_word("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999999999999\r\n\r\n[".to_owned())]
#[case::unknown_status(http("799 Whatever", "application/json", "{}"))]
#[tokio::test]
async fn is_a_typed_error_of_every_call(#[case] answer: String) {
    let (address, task) = server(answer).await;
    // Far longer than `soon` waits: no call may end by its time-out.
    let client = client_with(&address, Duration::from_secs(600));
    for (what, error) in soon(errors(&client)).await {
        assert!(
            matches!(error, Error::Http { .. } | Error::Decode { .. } | Error::Network { .. }),
            "{what}: {error:?}"
        );
        assert!(!format!("{error:?} {error}").contains("SECRET"), "{what}: {error:?}");
    }
    task.abort();
}

#[tokio::test]
async fn nothing_where_a_session_should_be_is_no_session() {
    let (address, task) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let client = client(&address);
    assert!(matches!(client.auth().refresh("r").await, Err(Error::Decode { .. })));
    assert!(matches!(client.auth().user("a").await, Err(Error::Decode { .. })));
    assert!(matches!(client.from("t").select("*").rows::<Row>().await, Err(Error::Decode { .. })));
    client.rpc::<()>("void", &json!({}), None).await.unwrap();
    task.abort();
}

#[rstest]
#[case::text_plain("text/plain", r#"{"access_token":"SECRET","refresh_token":"SECRET","user":{}}"#)]
#[case::a_field_of_another_type(
    "application/json",
    r#"{"access_token":"SECRET","refresh_token":"SECRET","expires_in":"SECRET","user":{"id":"SECRET"}}"#
)]
#[case::truncated("application/json", r#"{"access_token":"SECRET","refresh_token":"SECRE"#)]
#[tokio::test]
async fn a_session_that_cannot_be_read_is_not_shown(#[case] kind: &str, #[case] body: &str) {
    let (address, task) = server(http("200 OK", kind, body)).await;
    let client = client(&address);
    let auth = client.auth();
    for error in [
        auth.sign_in_with_password("a", "b").await.map(drop).unwrap_err(),
        auth.sign_up("a", "b", Map::new(), &MailOptions::default()).await.map(drop).unwrap_err(),
        auth.verify_otp("a", "b", cockpit_supabase::auth::OtpType::Email).await.map(drop).unwrap_err(),
        auth.exchange_code("c", &cockpit_supabase::auth::Pkce::generate()).await.map(drop).unwrap_err(),
    ] {
        let shown = format!("{error:?} {error}");
        assert!(!shown.contains("SECR"), "{shown}");
    }
    task.abort();
}

#[tokio::test]
async fn a_body_without_an_end_is_given_up_at_64_mib() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let sending = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(request(&mut stream).await);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
        let mut sent = 0_u64;
        while stream.write_all(chunk.as_bytes()).await.is_ok() {
            sent += 1;
            assert!(sent < 200, "the client must have had enough by now");
        }
        sent
    });
    let client = client_with(&address, Duration::from_secs(120));
    let error = client.rpc::<Value>("f", &json!({}), None).await.unwrap_err();
    assert!(matches!(&error, Error::Decode { message, .. } if message.contains("more than")), "{error:?}");
    drop(client);
    let sent = tokio::time::timeout(Duration::from_secs(60), sending).await.unwrap().unwrap();
    assert!(sent >= 64, "{sent} MiB");
}

/// Accepts, sends this much, and then nothing for ever; ends when the client is gone.
async fn stalling(beginning: &'static str) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // On a busy machine the client may have given up before it had sent all.
        if request(&mut stream).await && stream.write_all(beginning.as_bytes()).await.is_ok() {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
    });
    (address, task)
}

const STALLED: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n[";

#[rstest]
#[case::never_answers("")]
#[case::stalls_in_the_head("HTTP/1.1 200 OK\r\ncontent-type: app")]
#[case::stalls_in_the_body(STALLED)]
#[tokio::test]
async fn a_server_that_stalls_is_a_timeout_of_the_call_and_its_connection_is_closed(#[case] beginning: &'static str) {
    let (address, task) = stalling(beginning).await;
    // The client's own is far off: this is the call's.
    let client = client_with(&address, Duration::from_secs(600));
    let hasty = client.with_timeout(Duration::from_millis(200));
    assert_eq!(soon(hasty.rpc::<Value>("f", &json!({}), None)).await, Err(Error::Timeout));
    soon(task).await.unwrap();
}

#[rstest]
#[case::never_answers("")]
#[case::stalls_in_the_body(STALLED)]
#[tokio::test]
async fn dropping_a_call_cancels_it_and_the_server_sees_it_gone(#[case] beginning: &'static str) {
    let (address, task) = stalling(beginning).await;
    let client = client_with(&address, Duration::from_secs(600));
    let query = client.from("tasks").select("id");
    let gave_up = tokio::time::timeout(Duration::from_millis(200), query.rows::<Value>()).await;
    assert!(gave_up.is_err());
    // The client still lives, and so does its pool: it is the call that was given up.
    soon(task).await.unwrap();
    drop(client);
}
