//! The keeper's ways to a session, and what it tells about it.

use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::auth::{
    AuthEvent, AuthEvents, MailOptions, OtpType, Pkce, SignOutReason, SignedUp, UserUpdate, Verified,
};
use cockpit_supabase::{
    KeeperOptions, MemoryStorage, Session, SessionKeeper, SessionStorage, SignOutScope, TokenSource,
};
use serde_json::{Map, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::server::soon;
use crate::support::{USER, client, issued};

struct Account {
    server: MockServer,
    keeper: SessionKeeper,
    storage: Arc<MemoryStorage>,
    events: AuthEvents,
}

async fn account() -> Account {
    let (server, storage) = (MockServer::start().await, Arc::new(MemoryStorage::default()));
    let keeper = SessionKeeper::new(client(&server.uri()), storage.clone(), KeeperOptions::default());
    let events = keeper.events();
    Account { server, keeper, storage, events }
}

impl Account {
    async fn answers(&self, verb: &str, endpoint: &str, answer: ResponseTemplate) {
        let at = path(format!("/auth/v1/{endpoint}"));
        Mock::given(method(verb)).and(at).respond_with(answer).mount(&self.server).await;
    }

    async fn issues(&self, verb: &str, endpoint: &str) {
        self.answers(verb, endpoint, ResponseTemplate::new(200).set_body_json(issued("a1", "r1"))).await;
    }

    async fn event(&mut self) -> AuthEvent {
        soon(self.events.next()).await.unwrap()
    }

    async fn is_signed_in(&mut self) {
        assert_eq!(self.keeper.access_token().await.unwrap(), "a1");
        assert_eq!(self.stored().await.unwrap().refresh_token.expose(), "r1");
        let event = self.event().await;
        assert!(matches!(&event, AuthEvent::SignedIn { user } if user.id.to_string() == USER), "{event:?}");
    }

    async fn stored(&self) -> Option<Session> {
        self.storage.load().await.unwrap()
    }
}

fn pkce() -> Pkce {
    Pkce::generate()
}

#[tokio::test]
async fn every_way_of_signing_in_stores_the_session_and_tells() {
    let none = MailOptions::default;
    let mut it = account().await;
    it.issues("POST", "signup").await;
    let outcome = it.keeper.sign_up("a@b.c", "pw", Map::new(), &none()).await.unwrap();
    assert!(matches!(outcome, SignedUp::SignedIn(_)));
    it.is_signed_in().await;

    let mut it = account().await;
    it.issues("POST", "verify").await;
    it.keeper.verify_otp("a@b.c", "123456", OtpType::Email).await.unwrap();
    it.is_signed_in().await;
    it.keeper.verify_token_hash("h", OtpType::Recovery).await.unwrap();
    it.is_signed_in().await;

    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.exchange_code("c", &pkce()).await.unwrap();
    it.is_signed_in().await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
}

#[tokio::test]
async fn what_gives_no_session_leaves_the_present_one() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
    it.answers("POST", "signup", ResponseTemplate::new(200).set_body_json(json!({ "id": USER, "email": "b@b.c" })))
        .await;
    let outcome = it.keeper.sign_up("b@b.c", "pw", Map::new(), &MailOptions::default()).await.unwrap();
    assert!(matches!(outcome, SignedUp::ConfirmationNeeded(_)));
    it.answers("POST", "verify", ResponseTemplate::new(200).set_body_json(json!({ "msg": "the other one" }))).await;
    let outcome = it.keeper.verify_otp("b@b.c", "1", OtpType::EmailChange).await.unwrap();
    assert!(matches!(outcome, Verified::OtherAddressNeeded { .. }));
    assert_eq!(it.keeper.access_token().await.unwrap(), "a1");
}

#[tokio::test]
async fn a_changed_account_is_kept_and_told_without_disturbing_live_channels() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
    let changed = json!({ "id": USER, "email": "a@b.c", "user_metadata": { "name": "Ada" } });
    it.answers("PUT", "user", ResponseTemplate::new(200).set_body_json(changed)).await;
    let mut changes = it.keeper.changes().unwrap();
    changes.mark_unchanged();
    let data = Map::from_iter([("name".to_owned(), json!("Ada"))]);
    it.keeper.update_user(&UserUpdate::default().data(data.clone()), &MailOptions::default()).await.unwrap();
    let event = it.event().await;
    assert!(matches!(&event, AuthEvent::UserUpdated { user } if user.user_metadata == data), "{event:?}");
    assert_eq!(it.stored().await.unwrap().user.user_metadata, data);
    assert_eq!(it.keeper.session().unwrap().refresh_token.expose(), "r1");
    assert!(!changes.has_changed().unwrap(), "the tokens are the same");
    let reloaded = json!({ "id": USER, "email": "new@b.c" });
    it.answers("GET", "user", ResponseTemplate::new(200).set_body_json(reloaded)).await;
    it.keeper.reload_user().await.unwrap();
    assert_eq!(it.keeper.session().unwrap().user.email.as_deref(), Some("new@b.c"));
}

#[tokio::test]
async fn an_answer_about_one_account_does_not_get_into_anothers_session() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
    let late = ResponseTemplate::new(200).set_body_json(json!({ "id": USER, "email": "late@b.c" }));
    it.answers("GET", "user", late.set_delay(Duration::from_millis(200))).await;
    let other = {
        let mut session = it.keeper.session().unwrap();
        session.user.email = Some("other@b.c".into());
        session
    };
    let (reloaded, set) = tokio::join!(it.keeper.reload_user(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        it.keeper.set_session(other).await
    });
    set.unwrap();
    assert_eq!(reloaded.unwrap().email.as_deref(), Some("late@b.c"));
    assert_eq!(it.keeper.session().unwrap().user.email.as_deref(), Some("other@b.c"));
    assert_eq!(it.stored().await.unwrap().user.email.as_deref(), Some("other@b.c"));
}

#[tokio::test]
async fn a_refresh_and_an_end_are_told_with_the_reason() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
    it.keeper.reject("a1");
    it.keeper.access_token().await.unwrap();
    assert_eq!(it.event().await, AuthEvent::Refreshed);
    it.server.reset().await;
    let refusal = json!({ "code": "refresh_token_already_used", "message": "Invalid Refresh Token: Already Used" });
    Mock::given(query_param("grant_type", "refresh_token"))
        .respond_with(ResponseTemplate::new(400).set_body_json(refusal))
        .mount(&it.server)
        .await;
    it.keeper.reject("a1");
    it.keeper.access_token().await.unwrap_err();
    let message = "Invalid Refresh Token: Already Used".into();
    let reason = SignOutReason::Refused { code: "refresh_token_already_used".into(), message };
    assert_eq!(it.event().await, AuthEvent::SignedOut { reason });
    assert!(it.keeper.session().is_none(), "what is heard has happened");
}

#[tokio::test]
async fn signing_out_and_restoring_are_told() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.answers("POST", "logout", ResponseTemplate::new(204)).await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    it.is_signed_in().await;
    it.keeper.sign_out(SignOutScope::Others).await.unwrap();
    it.keeper.restore().await.unwrap();
    assert!(matches!(it.event().await, AuthEvent::Restored { .. }), "ending the others is no end of this one");
    it.keeper.sign_out(SignOutScope::Local).await.unwrap();
    assert_eq!(it.event().await, AuthEvent::SignedOut { reason: SignOutReason::Asked });
}

#[tokio::test]
async fn a_slow_listener_is_told_what_it_missed_and_an_abandoned_one_ends() {
    let mut it = account().await;
    it.issues("POST", "token").await;
    it.keeper.sign_in_with_password("a@b.c", "pw").await.unwrap();
    for _ in 0..100 {
        it.keeper.restore().await.unwrap();
    }
    assert_eq!(it.event().await, AuthEvent::Missed { count: 37 }, "101 events, of which 64 are kept");
    let Account { keeper, mut events, .. } = it;
    drop(keeper);
    while let Some(event) = soon(events.next()).await {
        assert!(matches!(event, AuthEvent::Restored { .. }));
    }
}

/// Compiles only if no call holds something over an await that cannot change threads.
#[test]
fn every_call_can_be_spawned() {
    fn spawnable(_: impl Future + Send) {}
    let storage = Arc::new(MemoryStorage::default());
    let keeper = SessionKeeper::new(client("http://127.0.0.1:1"), storage, KeeperOptions::default());
    let (update, none) = (UserUpdate::default(), MailOptions::default());
    spawnable(keeper.update_user(&update, &none));
    spawnable(keeper.reload_user());
    spawnable(keeper.sign_up("a", "b", Map::new(), &none));
    spawnable(keeper.sign_out(SignOutScope::Local));
    spawnable(keeper.restore());
    let client = client("http://127.0.0.1:1");
    let query = client.from("t").select("id");
    spawnable(query.page::<String>());
    spawnable(query.maybe_single::<String>());
    spawnable(query.head());
    spawnable(client.broadcast(&[], None));
    let auth = client.auth();
    spawnable(auth.otp("a", true, Map::new(), &none));
}
