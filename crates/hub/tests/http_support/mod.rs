//! A whole hub over real PostgreSQL and real sockets, shared by the tests of one binary: it starts with the first test that asks for
//! it and stops with the last that lets go of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]
#![allow(dead_code, reason = "each test binary uses its own part of the support")]

pub(crate) mod socket;

use std::{
    sync::{Arc, Mutex, Weak, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use cockpit_hub::{Hub, HubOptions, Limits, Timings};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse";
/// The real five seconds of a refused join, shortened.
pub(crate) const REFUSED_JOIN: Duration = Duration::from_millis(400);

static SHARED: Mutex<Weak<SharedHub>> = Mutex::new(Weak::new());

/// The hub of this test binary.
pub(crate) fn shared() -> Arc<SharedHub> {
    shared_in(&SHARED, |_| {})
}

/// Another hub of this test binary, with options of its own.
pub(crate) fn shared_in(slot: &Mutex<Weak<SharedHub>>, set: impl FnOnce(&mut HubOptions)) -> Arc<SharedHub> {
    let mut shared = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(hub) = shared.upgrade() {
        return hub;
    }
    let hub = Arc::new(SharedHub::start(set));
    *shared = Arc::downgrade(&hub);
    hub
}

/// What tests know of a hub: where it is and what its folder holds.
pub(crate) struct SharedHub {
    pub(crate) url: String,
    pub(crate) anon_key: String,
    pub(crate) folder: TempDir,
    pub(crate) database_url: String,
    http: reqwest::Client,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Options for a test's own hub: a free port and short waits.
pub(crate) fn options(folder: &TempDir) -> HubOptions {
    let mut options = HubOptions::new(folder.path().join("hub"));
    options.port = 0;
    options.postgres.fsync = false;
    options.timings =
        Timings { refused_join: REFUSED_JOIN, refused_connect: Duration::from_millis(50), ..Timings::default() };
    // Tests share the hub: what one of them sends in a second is no other's to answer for.
    options.limits = Limits { presence_calls: Limits::default().presence_calls, ..Limits::lifted() };
    options
}

pub(crate) fn http_client() -> reqwest::Client {
    // An error only says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // No connection outlives its request: it would belong to the runtime of the test that opened it, and die with that.
    reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap()
}

impl SharedHub {
    /// A hub of one test's own.
    pub(crate) fn start(set: impl FnOnce(&mut HubOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(&folder);
        set(&mut options);
        let (ready, started) = mpsc::channel();
        let (stop, stopped) = mpsc::channel();
        // A runtime of its own: each test's runtime ends with the test.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let hub = runtime.block_on(Hub::start(options)).unwrap();
            ready.send((hub.url().to_owned(), hub.anon_key().to_owned(), hub.database_url_as_owner())).unwrap();
            let _ = stopped.recv();
            runtime.block_on(hub.stop()).unwrap();
        });
        let (url, anon_key, database_url) = started.recv().expect("the hub starts");
        let http = http_client();
        Self { url, anon_key, folder, database_url, http, stop: Some(stop), thread: Some(thread) }
    }

    /// A request with the key, as anybody.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).header("apikey", &self.anon_key)
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Response {
        let body = json!({ "email": email, "password": password });
        self.request(Method::POST, "/auth/v1/token?grant_type=password").json(&body).send().await.unwrap()
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> (StatusCode, Value) {
        let body = json!({ "refresh_token": refresh_token });
        let sent = self.request(Method::POST, "/auth/v1/token?grant_type=refresh_token").json(&body).send().await;
        answer(sent.unwrap()).await
    }

    /// A new person with an account and a session.
    pub(crate) async fn person(&self, name: &str) -> Person<'_> {
        let email = format!("{name}-{}@cockpit.test", Uuid::new_v4().simple());
        let hash = bcrypt::hash(PASSWORD, 4).unwrap();
        let owner = self.owner().await;
        let insert = "insert into auth.users (email, encrypted_password, email_confirmed_at) values ($1, $2, now())";
        owner.execute(insert, &[&email, &hash]).await.unwrap();
        let session: Value = self.sign_in(&email, PASSWORD).await.json().await.unwrap();
        let token = session["access_token"].as_str().unwrap().to_owned();
        Person { hub: self, email, token, session }
    }

    /// A connection with every right, to arrange and inspect what no client can.
    pub(crate) async fn owner(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.database_url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(async move { connection.await.unwrap() });
        client
    }

    /// A token with these claims, signed with the hub's own secret.
    pub(crate) fn mint(&self, claims: &Value) -> String {
        use base64::{Engine, prelude::BASE64_STANDARD};
        let secret = std::fs::read_to_string(self.folder.path().join("hub/jwt-secret")).unwrap();
        let key = jsonwebtoken::EncodingKey::from_secret(&BASE64_STANDARD.decode(secret.trim()).unwrap());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &key).unwrap()
    }
}

impl Drop for SharedHub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// Somebody who is signed in.
pub(crate) struct Person<'a> {
    hub: &'a SharedHub,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) session: Value,
}

impl Person<'_> {
    pub(crate) fn user(&self) -> &str {
        self.session["user"]["id"].as_str().unwrap()
    }

    pub(crate) async fn rpc(&self, function: &str, arguments: Value) -> (StatusCode, Value) {
        let request = self.hub.request(Method::POST, &format!("/rest/v1/rpc/{function}")).bearer_auth(&self.token);
        answer(request.json(&arguments).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.hub.request(Method::GET, path).bearer_auth(&self.token).send().await.unwrap()).await
    }

    /// A workspace of one's own: its tenant, and the topic of its changes and of its client broadcasts.
    pub(crate) async fn workspace(&self) -> Workspace {
        let (tenant, member) = (Uuid::now_v7(), Uuid::now_v7());
        let arguments =
            json!({ "p_tenant": tenant, "p_member": member, "p_name": "Test", "p_member_name": "Somebody" });
        let (status, made) = self.rpc("create_workspace", arguments).await;
        assert_eq!(status, StatusCode::OK, "{made}");
        let (_, workspaces) = self.rpc("my_workspaces", json!({})).await;
        let scopes = workspaces[0]["scopes"].as_array().unwrap().clone();
        let scope = scopes.iter().find(|scope| scope["kind"] == "tenant").unwrap();
        let (id, key) = (scope["scope"].as_str().unwrap(), scope["feed_key"].as_str().unwrap());
        Workspace {
            tenant,
            member,
            changes: format!("fractal:{id}:{key}:changes"),
            broadcasts: format!("fractal:{tenant}:{key}"),
        }
    }
}

pub(crate) struct Workspace {
    pub(crate) tenant: Uuid,
    pub(crate) member: Uuid,
    pub(crate) changes: String,
    pub(crate) broadcasts: String,
}

/// Status and JSON body; an empty body is null.
pub(crate) async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect(&text) };
    (status, body)
}
