//! The keeper: one refresh, stored before use, and no sign-out by accident.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cockpit_supabase::{
    Error, KeeperOptions, MemoryStorage, Session, SessionKeeper, SessionStorage, SignOutScope, TokenSource, User,
};
use futures_util::future::join_all;
use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{USER, client, issued};

/// A session whose access token lasts `seconds` from now.
fn session(seconds: i64) -> Session {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Session {
        access_token: "a1".into(),
        refresh_token: "r1".into(),
        expires_at: i64::try_from(now).unwrap() + seconds,
        user: User::new(USER.parse().unwrap(), None),
    }
}

async fn keeper(server: &MockServer, storage: Arc<dyn SessionStorage>, seconds: i64) -> SessionKeeper {
    let keeper = SessionKeeper::new(client(&server.uri()), storage, KeeperOptions::default());
    keeper.set_session(session(seconds)).await.unwrap();
    keeper
}

fn refresh(answer: ResponseTemplate) -> Mock {
    Mock::given(path("/auth/v1/token")).and(query_param("grant_type", "refresh_token")).respond_with(answer)
}

fn rotated() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(issued("a2", "r2"))
}

async fn stored(storage: &dyn SessionStorage) -> Option<String> {
    storage.load().await.unwrap().map(|session| session.refresh_token.expose().to_owned())
}

/// Fails on demand, and counts.
#[derive(Default)]
struct FragileStorage {
    inner: MemoryStorage,
    broken: AtomicBool,
    saves: AtomicUsize,
}

#[async_trait]
impl SessionStorage for FragileStorage {
    async fn save(&self, session: &Session) -> Result<(), Error> {
        self.saves.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::Storage { message: "the disk is full".into() });
        }
        self.inner.save(session).await
    }

    async fn load(&self) -> Result<Option<Session>, Error> {
        self.inner.load().await
    }

    async fn clear(&self) -> Result<(), Error> {
        self.inner.clear().await
    }
}

#[tokio::test]
async fn a_token_with_life_in_it_is_given_out_without_asking() {
    let server = MockServer::start().await;
    let keeper = keeper(&server, Arc::new(MemoryStorage::default()), 3600).await;
    assert_eq!(keeper.access_token().await.unwrap(), "a1");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn many_callers_make_one_refresh() {
    let server = MockServer::start().await;
    refresh(rotated().set_delay(Duration::from_millis(100))).expect(1).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    let keeper = keeper(&server, storage.clone(), -5).await;
    let mut changes = keeper.changes().unwrap();
    changes.mark_unchanged();
    let tokens = join_all((0..20).map(|_| keeper.access_token())).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("a2")), "{tokens:?}");
    assert_eq!(stored(&*storage).await.as_deref(), Some("r2"));
    assert!(changes.has_changed().unwrap(), "live channels are told");
}

#[tokio::test]
async fn a_rotated_session_is_stored_before_it_is_used_and_the_spent_token_is_never_sent_again() {
    let server = MockServer::start().await;
    refresh(rotated()).expect(1).mount(&server).await;
    let storage = Arc::new(FragileStorage::default());
    // As after a restart, with little life left.
    storage.save(&session(20)).await.unwrap();
    let keeper = SessionKeeper::new(client(&server.uri()), storage.clone(), KeeperOptions::default());
    keeper.restore().await.unwrap();
    storage.broken.store(true, Ordering::SeqCst);
    // Within the margin: the rotation succeeds, storing does not, and the old access token still serves meanwhile.
    assert_eq!(keeper.access_token().await.unwrap(), "a1");
    keeper.reject("a1");
    let error = keeper.access_token().await.unwrap_err();
    assert!(matches!(error, Error::Storage { .. }) && error.is_retryable(), "{error:?}");
    storage.broken.store(false, Ordering::SeqCst);
    assert_eq!(keeper.access_token().await.unwrap(), "a2");
    assert_eq!(stored(&*storage).await.as_deref(), Some("r2"));
    assert_eq!(storage.saves.load(Ordering::SeqCst), 4);
}

#[rstest]
#[case::server_error(ResponseTemplate::new(500).set_body_json(json!({ "code": "unexpected_failure", "message": "x" })))]
#[case::rate_limit(ResponseTemplate::new(429).set_body_json(json!({ "code": "over_request_rate_limit", "message": "x" })))]
#[case::captive_portal(ResponseTemplate::new(403).set_body_raw("<html>", "text/html"))]
#[case::wrong_api_key(ResponseTemplate::new(401).set_body_json(json!({ "message": "Invalid API key" })))]
#[tokio::test]
async fn trouble_is_not_a_sign_out(#[case] trouble: ResponseTemplate) {
    let server = MockServer::start().await;
    refresh(trouble).up_to_n_times(1).mount(&server).await;
    refresh(rotated()).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    let keeper = keeper(&server, storage.clone(), -5).await;
    let error = keeper.access_token().await.unwrap_err();
    assert!(!matches!(error, Error::SignedOut { .. }), "{error:?}");
    assert_eq!(stored(&*storage).await.as_deref(), Some("r1"));
    assert_eq!(keeper.access_token().await.unwrap(), "a2", "the next call asks again");
}

#[tokio::test]
async fn an_unreachable_server_is_not_a_sign_out() {
    let storage = Arc::new(MemoryStorage::default());
    let keeper = SessionKeeper::new(client("http://127.0.0.1:1"), storage.clone(), KeeperOptions::default());
    keeper.set_session(session(-5)).await.unwrap();
    let error = keeper.access_token().await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(keeper.session().is_some());
    assert!(storage.load().await.unwrap().is_some());
}

#[rstest]
#[case(400, json!({ "code": "refresh_token_not_found", "message": "Invalid Refresh Token: Refresh Token Not Found" }))]
#[case(400, json!({ "code": 400, "error_code": "refresh_token_already_used", "msg": "Invalid Refresh Token: Already Used" }))]
#[case(400, json!({ "error": "invalid_grant", "error_description": "Invalid Refresh Token" }))]
#[case(403, json!({ "code": "user_banned", "message": "User is banned" }))]
#[tokio::test]
async fn an_explicit_refusal_signs_out_once_and_for_all(#[case] status: u16, #[case] body: serde_json::Value) {
    let server = MockServer::start().await;
    refresh(ResponseTemplate::new(status).set_body_json(body)).expect(1).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    let keeper = keeper(&server, storage.clone(), -5).await;
    for _ in 0..3 {
        let error = keeper.access_token().await.unwrap_err();
        assert!(matches!(&error, Error::SignedOut { reason } if !reason.is_empty()), "{error:?}");
    }
    assert!(storage.load().await.unwrap().is_none());
}

#[tokio::test]
async fn a_caller_that_gives_up_does_not_lose_the_rotated_token() {
    let server = MockServer::start().await;
    refresh(rotated().set_delay(Duration::from_millis(150))).expect(1).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    let keeper = keeper(&server, storage.clone(), -5).await;
    let gave_up = tokio::time::timeout(Duration::from_millis(50), keeper.access_token()).await;
    assert!(gave_up.is_err());
    assert_eq!(keeper.access_token().await.unwrap(), "a2", "it joins the refresh that is still under way");
    assert_eq!(stored(&*storage).await.as_deref(), Some("r2"));
}

#[tokio::test]
async fn who_signs_in_during_a_refresh_has_the_last_word() {
    let server = MockServer::start().await;
    refresh(rotated().set_delay(Duration::from_millis(150))).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    let keeper = keeper(&server, storage.clone(), -5).await;
    let slow = keeper.access_token();
    let mut other = session(3600);
    (other.access_token, other.refresh_token) = ("b1".into(), "s1".into());
    let (token, set) = tokio::join!(slow, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        keeper.set_session(other).await
    });
    set.unwrap();
    assert_eq!(token.unwrap(), "b1");
    assert_eq!(stored(&*storage).await.as_deref(), Some("s1"), "memory and storage must hold the same session");
    assert_eq!(keeper.session().unwrap().refresh_token.expose(), "s1");
}

#[tokio::test]
async fn a_rejected_token_is_not_given_out_again() {
    let server = MockServer::start().await;
    refresh(rotated()).expect(1).mount(&server).await;
    let keeper = keeper(&server, Arc::new(MemoryStorage::default()), 3600).await;
    keeper.reject("an older one");
    assert_eq!(keeper.access_token().await.unwrap(), "a1");
    keeper.reject("a1");
    assert_eq!(keeper.access_token().await.unwrap(), "a2");
    assert_eq!(keeper.access_token().await.unwrap(), "a2");
}

#[tokio::test]
async fn while_the_server_is_away_a_valid_token_serves_and_is_not_asked_for_on_every_call() {
    let server = MockServer::start().await;
    refresh(ResponseTemplate::new(503)).expect(1).mount(&server).await;
    let storage = Arc::new(MemoryStorage::default());
    storage.save(&session(60)).await.unwrap();
    let keeper = SessionKeeper::new(client(&server.uri()), storage, KeeperOptions::default());
    keeper.restore().await.unwrap();
    for _ in 0..10 {
        assert_eq!(keeper.access_token().await.unwrap(), "a1");
    }
}

#[tokio::test]
async fn a_restart_takes_the_stored_session_up_without_the_server() {
    let storage = Arc::new(MemoryStorage::default());
    storage.save(&session(3600)).await.unwrap();
    let keeper = SessionKeeper::new(client("http://127.0.0.1:1"), storage, KeeperOptions::default());
    assert!(matches!(keeper.access_token().await, Err(Error::SignedOut { .. })));
    assert!(keeper.restore().await.unwrap().is_some());
    assert_eq!(keeper.access_token().await.unwrap(), "a1");
}

#[tokio::test]
async fn signing_out_offline_still_forgets_the_session_here() {
    let storage = Arc::new(MemoryStorage::default());
    let keeper = SessionKeeper::new(client("http://127.0.0.1:1"), storage.clone(), KeeperOptions::default());
    keeper.set_session(session(3600)).await.unwrap();
    assert!(matches!(keeper.sign_out(SignOutScope::Local).await, Err(Error::Network { .. })));
    assert!(storage.load().await.unwrap().is_none());
    assert!(matches!(keeper.access_token().await, Err(Error::SignedOut { .. })));
}

#[tokio::test]
async fn tokens_that_live_shorter_than_the_margin_are_still_used() {
    let server = MockServer::start().await;
    let mut short = issued("a2", "r2");
    short["expires_in"] = json!(40);
    refresh(ResponseTemplate::new(200).set_body_json(short)).expect(1).mount(&server).await;
    let keeper = keeper(&server, Arc::new(MemoryStorage::default()), -5).await;
    for _ in 0..5 {
        assert_eq!(keeper.access_token().await.unwrap(), "a2");
    }
}
