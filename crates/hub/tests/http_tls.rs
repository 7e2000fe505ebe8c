//! A hub that other machines reach: its certificate, what it says about it, and that everything works encrypted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod http_support;

use std::{
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use cockpit_hub::{Hub, HubOptions, TlsOptions};
use futures_util::{SinkExt, StreamExt};
use http_support::options;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::{Connector, connect_async_tls_with_config, tungstenite::Message};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it took too long")
}

fn encrypted(folder: &TempDir) -> HubOptions {
    HubOptions { tls: Some(TlsOptions::SelfSigned), ..options(folder) }
}

fn certificate(folder: &TempDir) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(folder.path().join("hub/tls/certificate.pem")).unwrap()
}

/// Trusts the hub's own certificate, and checks names as for any other.
fn trusting(folder: &TempDir) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(folder)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    versions.with_root_certificates(roots).with_no_client_auth()
}

fn http(folder: &TempDir) -> reqwest::Client {
    let client = reqwest::Client::builder().tls_backend_preconfigured(trusting(folder)).pool_max_idle_per_host(0);
    client.build().unwrap()
}

fn fingerprint_of(certificate: &[u8]) -> String {
    Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

struct Process {
    child: std::process::Child,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when the process has ended already, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program until it is ready, and answers what it said.
fn serve(data: &Path, arguments: &[&str]) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"));
    command.args(["serve", "--port", "0", "--data"]).arg(data).args(arguments).env("RUST_LOG", "warn");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    // The program says all of it at once.
    let mut said = vec![0; 65_536];
    let length = out.read(&mut said).unwrap();
    (Process { child }, String::from_utf8(said[..length].to_vec()).unwrap())
}

fn stop(mut process: Process) {
    kill(Pid::from_raw(i32::try_from(process.child.id()).unwrap()), Signal::SIGTERM).unwrap();
    assert!(process.child.wait().unwrap().success());
}

fn told_fingerprint(data: &Path) -> String {
    let told =
        Command::new(env!("CARGO_BIN_EXE_cockpit-hub")).args(["fingerprint", "--data"]).arg(data).output().unwrap();
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_self_signed_hub_tells_its_fingerprint_everywhere_and_keeps_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("hub");
    let (process, said) = serve(&data, &["--bind", "0.0.0.0", "--tls"]);
    let fingerprint = fingerprint_of(&certificate(&folder));
    assert!(said.starts_with("cockpit-hub serves at https://127.0.0.1:"), "{said}");
    assert!(said.contains(&format!("\n  {fingerprint}\n")) && !said.contains("WARNING"), "{said}");
    let mode = |name: &str| std::fs::metadata(data.join("tls").join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("key.pem"), 0o600);

    let file: Value = serde_json::from_slice(&std::fs::read(data.join("hub.json")).unwrap()).unwrap();
    let url = file["url"].as_str().unwrap();
    assert!(url.starts_with("https://127.0.0.1:") && file["fingerprint"] == fingerprint.as_str(), "{file}");
    let info = http(&folder).get(format!("{url}/hub/v1/info")).send().await.unwrap();
    let info: Value = info.json().await.unwrap();
    assert_eq!((&info["url"], &info["fingerprint"]), (&json!(url), &json!(fingerprint)));
    assert_eq!(told_fingerprint(&data), fingerprint, "while it runs");
    stop(process);
    assert_eq!(told_fingerprint(&data), fingerprint, "while it does not");

    let (process, said) = serve(&data, &["--tls"]);
    assert!(said.contains(&fingerprint), "another certificate after a restart: {said}");
    assert!(!said.contains("Other machines"), "on loopback it serves this machine only: {said}");
    stop(process);
}

#[test]
fn a_hub_that_others_reach_unencrypted_warns_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let (process, said) = serve(&folder.path().join("hub"), &["--bind", "0.0.0.0"]);
    assert!(said.contains("WARNING: nothing is encrypted") && said.contains("--tls"), "{said}");
    stop(process);
    let (process, said) = serve(&folder.path().join("hub"), &[]);
    assert_eq!(said.lines().count(), 1, "on loopback there is nothing to warn of: {said}");
    stop(process);
    let none = Command::new(env!("CARGO_BIN_EXE_cockpit-hub"))
        .args(["fingerprint", "--data"])
        .arg(folder.path().join("hub"))
        .output()
        .unwrap();
    let said = String::from_utf8(none.stderr).unwrap();
    assert!(none.status.code() == Some(1) && said.contains("no certificate yet"), "{said}");
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn pair(year: i32) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[tokio::test]
async fn given_files_are_used_and_what_is_wrong_with_them_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let ((certificate, key), (other, _)) = (pair(2090), pair(2090));
    let (expired, expired_key) = pair(2020);
    let good = (write(&folder, "good.pem", &certificate), write(&folder, "good.key", &key));
    let other = write(&folder, "other.pem", &other);
    let expired = (write(&folder, "old.pem", &expired), write(&folder, "old.key", &expired_key));
    let empty = write(&folder, "empty.pem", "");
    let damaged = write(&folder, "damaged.pem", &certificate.replace("MII", "AAA"));
    let missing = folder.path().join("missing.pem");
    let cases = [
        (&other, &good.1, "tls_key_mismatch", "does not belong to"),
        (&expired.0, &expired.1, "tls_expired", "has expired on Jan  1"),
        (&missing, &good.1, "tls_unreadable", "cannot be read"),
        (&good.0, &missing, "tls_unreadable", "cannot be read"),
        (&empty, &good.1, "tls_no_certificate", "holds no certificate"),
        (&good.0, &good.0, "tls_no_key", "holds no private key"),
        (&damaged, &good.1, "tls_unusable", "cannot be used"),
    ];
    for (certificate, key, code, words) in cases {
        let files = TlsOptions::Files { certificate: certificate.clone(), key: key.clone() };
        let error = Hub::start(HubOptions { tls: Some(files), ..options(&folder) }).await.unwrap_err();
        assert!(error.code() == code && error.to_string().contains(words), "{code}: {error}");
        assert!(!folder.path().join("hub/pg").exists(), "nothing is started before the certificate is good");
    }
    let files = TlsOptions::Files { certificate: good.0.clone(), key: good.1 };
    let hub = Hub::start(HubOptions { tls: Some(files), ..options(&folder) }).await.unwrap();
    assert_eq!(hub.fingerprint().unwrap(), fingerprint_of(&CertificateDer::from_pem_file(&good.0).unwrap()));
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn half_of_the_hubs_own_pair_is_not_made_good_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("hub/tls")).unwrap();
    write(&folder, "hub/tls/certificate.pem", &pair(2090).0);
    let error = Hub::start(encrypted(&folder)).await.unwrap_err();
    assert!(error.code() == "tls_half_missing" && error.to_string().contains("key.pem is missing"), "{error}");
}

#[tokio::test]
async fn sockets_and_requests_work_encrypted_and_a_stop_ends_both_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(encrypted(&folder)).await.unwrap();
    let key = hub.anon_key().to_owned();
    let address = format!("{}/realtime/v1/websocket?apikey={key}&vsn=2.0.0", hub.url().replacen("https", "wss", 1));
    let connector = || Some(Connector::Rustls(Arc::new(trusting(&folder))));
    let join = json!(["1", "1", "realtime:room", "phx_join",
        { "config": { "broadcast": { "self": true }, "presence": {}, "postgres_changes": [], "private": false } }]);
    let broadcast =
        json!(["1", "2", "realtime:room", "broadcast", { "event": "e", "payload": { "n": 1 }, "type": "broadcast" }]);
    let (mut socket, _) = soon(connect_async_tls_with_config(&address, None, true, connector())).await.unwrap();
    let mut seen = Vec::new();
    socket.send(Message::text(join.to_string())).await.unwrap();
    socket.send(Message::text(broadcast.to_string())).await.unwrap();
    while !seen.contains(&"broadcast".to_owned()) {
        let Message::Text(text) = soon(socket.next()).await.unwrap().unwrap() else { continue };
        let frame: Value = serde_json::from_str(&text).unwrap();
        seen.push(frame[3].as_str().unwrap().to_owned());
    }
    assert_eq!(seen[0], "phx_reply");

    // The limits of sockets hold here as well: a frame over five million bytes closes with 1009.
    let (mut giant, _) = soon(connect_async_tls_with_config(&address, None, true, connector())).await.unwrap();
    // The hub may close before it has read all of it.
    let _ = giant.send(Message::text("x".repeat(5_100_000))).await;
    let code = loop {
        match soon(giant.next()).await {
            Some(Ok(Message::Close(frame))) => break frame.map(|frame| u16::from(frame.code)),
            Some(Ok(_)) => {}
            // Reset before the close frame was read.
            Some(Err(_)) | None => break None,
        }
    };
    assert!(matches!(code, None | Some(1009)), "{code:?}");

    let (owner, connection) =
        tokio_postgres::connect(&hub.database_url_as_owner(), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let nap = "create function public.test_nap() returns json language sql as 'select to_json(pg_sleep(1)::text)';
               grant execute on function public.test_nap() to anon";
    owner.batch_execute(nap).await.unwrap();
    let request = http(&folder).post(format!("{}/rest/v1/rpc/test_nap", hub.url())).header("apikey", &key);
    let request = tokio::spawn(request.send());
    let napping = "select from pg_stat_activity where query like '%test_nap%' and pid <> pg_backend_pid() and wait_event = 'PgSleep'";
    while owner.query_opt(napping, &[]).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    let stopping = tokio::spawn(hub.stop());
    let closed = loop {
        if let Message::Close(frame) = soon(socket.next()).await.unwrap().unwrap() {
            break u16::from(frame.unwrap().code);
        }
    };
    assert_eq!(closed, 1012);
    assert_eq!(request.await.unwrap().unwrap().status(), reqwest::StatusCode::OK, "what was asked is answered");
    stopping.await.unwrap().unwrap();
    // PostgreSQL ended it.
    connection.await.unwrap().unwrap_err();
}

#[tokio::test]
async fn peers_that_stall_in_the_handshake_hold_up_nobody_and_are_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(HubOptions { handshake_timeout: Duration::from_secs(5), ..encrypted(&folder) }).await.unwrap();
    let mut stalled = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(hub.address()).await.unwrap();
        // Some say nothing, some begin.
        if number % 2 == 0 {
            stream.write_all(&[0x16, 3, 1, 0, 200]).await.unwrap();
        }
        stalled.push(stream);
    }
    let asked = Instant::now();
    let health = soon(http(&folder).get(format!("{}/health", hub.url())).send()).await.unwrap();
    assert_eq!(health.status(), reqwest::StatusCode::OK);
    assert!(asked.elapsed() < Duration::from_secs(4), "it waited for the stalled ones: {:?}", asked.elapsed());
    for mut stream in stalled {
        let mut rest = Vec::new();
        // Closed, or reset: either way let go.
        let _ = soon(stream.read_to_end(&mut rest)).await;
    }
    hub.stop().await.unwrap();
}

#[tokio::test]
async fn plain_http_on_the_encrypted_port_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::start(encrypted(&folder)).await.unwrap();
    let url = hub.url().replacen("https", "http", 1);
    let answer = soon(http_support::http_client().get(format!("{url}/hub/v1/info")).send()).await.unwrap();
    assert_eq!(answer.status(), reqwest::StatusCode::BAD_REQUEST);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["code"], "https_required", "{body}");
    let mut stream = TcpStream::connect(hub.address()).await.unwrap();
    stream.write_all(b"\x00\xff garbage").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_eq!(
        http(&folder).get(format!("{}/health", hub.url())).send().await.unwrap().status(),
        reqwest::StatusCode::OK
    );
    hub.stop().await.unwrap();
}
