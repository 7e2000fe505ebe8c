//! The program itself: who gets in, what a page is told, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the whole crate is tests; clippy's own exemption covers only functions marked as such"
)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::{SinkExt, StreamExt};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest, http::HeaderValue},
};

struct Bridge {
    process: Child,
    port: u16,
    token: String,
}

impl Bridge {
    fn command(folder: &Path) -> Command {
        let ui = folder.join("ui");
        std::fs::create_dir_all(&ui).unwrap();
        std::fs::write(ui.join("index.html"), "<!doctype html><title>Cockpit</title>").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cockpit-bridge"));
        command.arg("--profile").arg(folder.join("profile")).arg("--ui").arg(&ui);
        command
    }

    fn start(folder: &Path) -> Self {
        let mut process = Self::command(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (address, token) = line.trim().split_once("/#token=").expect(&line);
        let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
        Self { process, port, token: token.to_owned() }
    }

    /// Asks for the page as a browser does; answers the cookie it got.
    fn cookie(&self) -> String {
        let answer = ureq::get(format!("http://127.0.0.1:{}/", self.port)).call().unwrap();
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    async fn open(&self, cookie: &str, origin: &str, window: &str) -> Result<Socket, Error> {
        let mut request = format!("ws://127.0.0.1:{}/socket?window={window}", self.port).into_client_request()?;
        request.headers_mut().insert("origin", HeaderValue::from_str(origin).unwrap());
        request.headers_mut().insert("cookie", HeaderValue::from_str(cookie).unwrap());
        Ok(connect_async(request).await?.0)
    }

    async fn page(&self, cookie: &str, token: &str) -> Socket {
        let mut socket = self.open(cookie, &format!("http://127.0.0.1:{}", self.port), "main").await.unwrap();
        say(&mut socket, json!({ "attach": { "token": token, "nonce": "0192f0c0-0000-7000-8000-000000000001" } }))
            .await;
        socket
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn say(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn hear(socket: &mut Socket) -> Message {
    tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("silence").unwrap().unwrap()
}

async fn hear_json(socket: &mut Socket) -> Value {
    serde_json::from_str(hear(socket).await.to_text().unwrap()).unwrap()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test]
async fn a_page_with_the_token_gets_a_snapshot_and_answers() {
    let folder = folder();
    let bridge = Bridge::start(folder.path());
    let cookie = bridge.cookie();
    let mut page = bridge.page(&cookie, &bridge.token).await;
    let frame = hear_json(&mut page).await;
    assert_eq!(frame["frame"]["ops"][0]["op"], "reset");
    assert_eq!(frame["frame"]["ops"][1]["session"]["state"], "signed_out");
    say(&mut page, json!({ "ack": { "epoch": frame["frame"]["epoch"], "rev": frame["frame"]["rev"] } })).await;

    say(&mut page, json!({ "id": 7, "command": { "type": "undo" } })).await;
    let answer = hear_json(&mut page).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!("no_workspace")));
    say(&mut page, json!({ "id": 8, "command": { "type": "fly" } })).await;
    let answer = hear_json(&mut page).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(8), &json!("invalid")));
    say(&mut page, json!({ "id": 9, "command": { "type": "preference_set", "key": "theme", "value": "dark" } })).await;
    let told = [hear_json(&mut page).await, hear_json(&mut page).await];
    assert!(told.iter().any(|one| one["ok"]["type"] == "done"), "{told:?}");
    assert!(told.iter().any(|one| one["frame"]["ops"][0]["values"]["theme"] == "dark"), "{told:?}");

    // A reload: the same browser, the same token, a new socket.
    let mut reloaded = bridge.page(&cookie, &bridge.token).await;
    assert_eq!(hear_json(&mut reloaded).await["frame"]["ops"][0]["op"], "reset");
    let Message::Close(Some(reason)) = hear(&mut page).await else { panic!("the old page was not closed") };
    assert_eq!(u16::from(reason.code), 1008);
}

#[tokio::test]
async fn strangers_do_not_get_in() {
    let folder = folder();
    let bridge = Bridge::start(folder.path());
    let (cookie, other) = (bridge.cookie(), bridge.cookie());
    let own = format!("http://127.0.0.1:{}", bridge.port);
    for (origin, window, status) in [("https://evil.example", "main", 403), (own.as_str(), "nonsense", 400)] {
        let Err(Error::Http(answer)) = bridge.open(&cookie, origin, window).await else { panic!("{origin} got in") };
        assert_eq!(answer.status().as_u16(), status);
    }
    let refused = ureq::get(format!("http://127.0.0.1:{}/", bridge.port)).header("host", "evil.example").call();
    assert!(matches!(refused, Err(ureq::Error::StatusCode(403))), "{refused:?}");

    let mut page = bridge.page(&cookie, "wrong").await;
    assert_eq!(hear_json(&mut page).await["refused"]["code"], "forbidden");
    let Message::Close(Some(reason)) = hear(&mut page).await else { panic!("not closed") };
    assert_eq!(u16::from(reason.code), 1008);

    let mut page = bridge.page(&cookie, &bridge.token).await;
    assert!(hear_json(&mut page).await["frame"].is_object());
    let mut thief = bridge.page(&other, &bridge.token).await;
    assert_eq!(hear_json(&mut thief).await["refused"]["code"], "forbidden", "the token belongs to the first browser");
}

#[test]
fn sigterm_ends_it_cleanly_and_frees_the_profile() {
    let folder = folder();
    let mut bridge = Bridge::start(folder.path());
    let output = Bridge::command(folder.path()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && words.contains("profile"), "{words}");

    kill(Pid::from_raw(bridge.process.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(bridge.process.wait().unwrap().success());
    let again = Bridge::start(folder.path());
    assert_ne!(again.token, bridge.token, "a token is for one run");
}

#[test]
fn a_port_in_use_and_a_missing_ui_are_told_in_one_sentence() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = Bridge::command(folder.path()).args(["--port", &port]).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("name another one with --port"));

    std::fs::remove_file(folder.path().join("ui/index.html")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cockpit-bridge"));
    let output =
        command.arg("--profile").arg(folder.path()).arg("--ui").arg(folder.path().join("ui")).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("npm run build"));
}
