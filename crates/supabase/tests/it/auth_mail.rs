//! Sign-up, codes by mail, recovery and one's own account: exact requests, every shape of answer.

use cockpit_supabase::auth::{AuthErrorCode, MailOptions, OtpType, Pkce, Resend, SignedUp, UserUpdate, Verified};
use cockpit_supabase::{Client, Error};
use rstest::rstest;
use serde_json::{Map, Value, json};
use std::time::Duration;
use wiremock::matchers::{body_json, header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockBuilder, MockServer, ResponseTemplate};

use crate::support::{USER, client, issued};

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn pkce() -> Pkce {
    Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap()
}

fn metadata() -> Map<String, Value> {
    Map::from_iter([("name".to_owned(), json!("Ada"))])
}

fn post(endpoint: &str) -> MockBuilder {
    Mock::given(method("POST")).and(path(format!("/auth/v1/{endpoint}"))).and(header("apikey", "anon-key"))
}

async fn answering(mock: MockBuilder, answer: ResponseTemplate) -> (MockServer, Client) {
    let server = MockServer::start().await;
    mock.respond_with(answer).expect(1).mount(&server).await;
    let client = client(&server.uri());
    (server, client)
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn account() -> Value {
    json!({
        "id": USER, "aud": "authenticated", "role": "authenticated", "email": "ada@example.org", "phone": "",
        "confirmation_sent_at": "2026-11-23T10:00:00.123456789Z", "created_at": "2026-11-23T10:00:00Z",
        "app_metadata": { "provider": "email", "providers": ["email"] }, "user_metadata": { "name": "Ada" },
        "identities": [{ "identity_id": USER, "id": USER, "user_id": USER, "provider": "email", "identity_data": { "sub": USER } }],
        "is_anonymous": false,
    })
}

#[tokio::test]
async fn signs_up_with_everything_and_is_told_to_confirm() {
    let exact = body_json(json!({
        "email": "ada@example.org", "password": "pw", "data": { "name": "Ada" },
        "code_challenge": CHALLENGE, "code_challenge_method": "s256",
        "gotrue_meta_security": { "captcha_token": "c" },
    }));
    let mock = post("signup").and(query_param("redirect_to", "cockpit://auth?next=/a")).and(exact);
    let (_server, client) = answering(mock, ok(account())).await;
    let mail = MailOptions::default().redirect_to("cockpit://auth?next=/a").pkce(&pkce()).captcha("c");
    let outcome = client.auth().sign_up("ada@example.org", "pw", metadata(), &mail).await.unwrap();
    let SignedUp::ConfirmationNeeded(user) = outcome else { panic!("{outcome:?}") };
    assert_eq!(user.id.to_string(), USER);
    assert_eq!((user.email_confirmed_at.as_deref(), user.phone.as_deref()), (None, None));
    assert_eq!(user.user_metadata, metadata());
    assert_eq!(user.identities[0].provider, "email");
}

#[rstest]
#[case::session(issued("a1", "r1"), true)]
#[case::wrapped(json!({ "user": account(), "session": null }), false)]
#[case::known_already({ let mut user = account(); user["identities"] = json!([]); user }, false)]
#[tokio::test]
async fn a_sign_up_answers_a_session_or_an_account(#[case] body: Value, #[case] signed_in: bool) {
    let mock = post("signup")
        .and(query_param_is_missing("redirect_to"))
        .and(body_json(json!({ "email": "ada@example.org", "password": "pw", "data": {} })));
    let (_server, client) = answering(mock, ok(body)).await;
    let outcome = client.auth().sign_up("ada@example.org", "pw", Map::new(), &MailOptions::default()).await.unwrap();
    assert_eq!(matches!(outcome, SignedUp::SignedIn(_)), signed_in, "{outcome:?}");
}

#[tokio::test]
async fn a_broken_session_is_not_taken_for_an_account_to_confirm() {
    let mut body = issued("SECRET", "r1");
    body["refresh_token"] = json!(5);
    body["id"] = json!(USER);
    let (_server, client) = answering(post("signup"), ok(body)).await;
    let error = client.auth().sign_up("a@b.c", "pw", Map::new(), &MailOptions::default()).await.unwrap_err();
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
}

#[tokio::test]
async fn asks_for_a_one_time_code_without_making_an_account() {
    let mock = post("otp")
        .and(body_json(json!({ "email": "ada@example.org", "create_user": false, "data": {} })))
        .and(header("authorization", "Bearer anon-key"));
    let (_server, client) = answering(mock, ok(json!({}))).await;
    client.auth().otp("ada@example.org", false, Map::new(), &MailOptions::default()).await.unwrap();
}

#[tokio::test]
async fn asks_for_a_magic_link_that_comes_back_with_a_code() {
    let mock = post("otp").and(query_param("redirect_to", "http://127.0.0.1:4/x")).and(body_json(json!({
        "email": "ada@example.org", "create_user": true, "data": { "name": "Ada" },
        "code_challenge": CHALLENGE, "code_challenge_method": "s256",
    })));
    let (_server, client) = answering(mock, ok(json!({}))).await;
    let mail = MailOptions::default().redirect_to("http://127.0.0.1:4/x").pkce(&pkce());
    client.auth().otp("ada@example.org", true, metadata(), &mail).await.unwrap();
}

#[rstest]
#[case(OtpType::Signup, "signup")]
#[case(OtpType::Magiclink, "magiclink")]
#[case(OtpType::Recovery, "recovery")]
#[case(OtpType::Invite, "invite")]
#[case(OtpType::Email, "email")]
#[case(OtpType::EmailChange, "email_change")]
#[tokio::test]
async fn verifies_a_typed_code_and_a_hash_of_each_type(#[case] kind: OtpType, #[case] word: &str) {
    let server = MockServer::start().await;
    let typed = json!({ "type": word, "email": "ada@example.org", "token": "123456" });
    let hashed = json!({ "type": word, "token_hash": "pkce_hash" });
    for body in [typed, hashed] {
        let answer = ok(issued("a1", "r1"));
        post("verify").and(body_json(body)).respond_with(answer).expect(1).mount(&server).await;
    }
    let client = client(&server.uri());
    let verified = client.auth().verify_otp("ada@example.org", " 123-456\n", kind).await.unwrap();
    assert_eq!(verified.session().unwrap().access_token.expose(), "a1");
    let verified = client.auth().verify_token_hash("pkce_hash", kind).await.unwrap();
    assert!(matches!(verified, Verified::SignedIn(_)));
}

#[rstest]
#[case(json!({ "msg": "Confirmation link accepted.", "code": "200" }))]
#[case(json!({ "message": "Confirmation link accepted." }))]
#[tokio::test]
async fn the_first_code_of_a_change_of_address_is_no_session(#[case] body: Value) {
    let (_server, client) = answering(post("verify"), ok(body)).await;
    let verified = client.auth().verify_otp("a@b.c", "1", OtpType::EmailChange).await.unwrap();
    assert_eq!(verified, Verified::OtherAddressNeeded { message: "Confirmation link accepted.".into() });
}

#[tokio::test]
async fn a_code_that_does_not_hold_is_otp_expired() {
    let body = json!({ "code": "otp_expired", "message": "Token has expired or is invalid" });
    let (_server, client) = answering(post("verify"), ResponseTemplate::new(403).set_body_json(body)).await;
    let error = client.auth().verify_otp("a@b.c", "1", OtpType::Email).await.unwrap_err();
    assert_eq!(error.auth_code(), Some(AuthErrorCode::OtpExpired));
    assert!(!error.is_unauthorized() && !error.is_retryable(), "another token would not help: {error:?}");
}

#[tokio::test]
async fn recovers_and_sends_again() {
    let server = MockServer::start().await;
    let expected = [
        ("recover", json!({ "email": "a@b.c", "code_challenge": CHALLENGE, "code_challenge_method": "s256" })),
        ("resend", json!({ "email": "a@b.c", "type": "signup" })),
        ("resend", json!({ "email": "a@b.c", "type": "email_change" })),
    ];
    for (endpoint, body) in expected {
        post(endpoint).and(body_json(body)).respond_with(ok(json!({}))).expect(1).mount(&server).await;
    }
    let client = client(&server.uri());
    client.auth().recover("a@b.c", &MailOptions::default().pkce(&pkce())).await.unwrap();
    client.auth().resend(Resend::SignUp, "a@b.c", &MailOptions::default()).await.unwrap();
    client.auth().resend(Resend::EmailChange, "a@b.c", &MailOptions::default()).await.unwrap();
}

#[tokio::test]
async fn reauthenticates_and_changes_the_account() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/auth/v1/reauthenticate"))
        .and(header("authorization", "Bearer a1"))
        .respond_with(ok(json!({})))
        .expect(1)
        .mount(&server)
        .await;
    let mut changed = account();
    changed["new_email"] = json!("ada@new.org");
    Mock::given(method("PUT"))
        .and(path("/auth/v1/user"))
        .and(query_param("redirect_to", "cockpit://auth"))
        .and(header("authorization", "Bearer a1"))
        .and(body_json(json!({
            "email": "ada@new.org", "password": "pw2", "nonce": "123456", "data": { "name": null },
            "code_challenge": CHALLENGE, "code_challenge_method": "s256",
        })))
        .respond_with(ok(changed))
        .expect(1)
        .mount(&server)
        .await;
    let client = client(&server.uri());
    client.auth().reauthenticate("a1").await.unwrap();
    let data = Map::from_iter([("name".to_owned(), Value::Null)]);
    let update = UserUpdate::default().email("ada@new.org").password("pw2").nonce("123456").data(data);
    let mail = MailOptions::default().redirect_to("cockpit://auth").pkce(&pkce());
    let user = client.auth().update_user("a1", &update, &mail).await.unwrap();
    assert_eq!(user.new_email.as_deref(), Some("ada@new.org"));
}

#[tokio::test]
async fn an_update_names_only_what_changes() {
    let server = MockServer::start().await;
    let exact = body_json(json!({ "password": "pw2" }));
    Mock::given(method("PUT")).and(exact).respond_with(ok(account())).expect(1).mount(&server).await;
    let update = UserUpdate::default().password("pw2");
    client(&server.uri()).auth().update_user("a1", &update, &MailOptions::default()).await.unwrap();
}

#[rstest]
#[case(json!({ "code": "weak_password", "message": "Too short.", "weak_password": { "reasons": ["length", "characters"] } }))]
#[case(json!({ "code": 422, "error_code": "weak_password", "msg": "Too short.", "weak_password": { "reasons": ["length", "characters"] } }))]
#[tokio::test]
async fn a_weak_password_is_an_error_with_reasons(#[case] body: Value) {
    let (_server, client) = answering(post("signup"), ResponseTemplate::new(422).set_body_json(body)).await;
    let error = client.auth().sign_up("a@b.c", "pw", Map::new(), &MailOptions::default()).await.unwrap_err();
    let reasons = vec!["length".to_owned(), "characters".to_owned()];
    assert_eq!(error, Error::WeakPassword { message: "Too short.".into(), reasons });
}

#[rstest]
#[case::header(json!({ "code": "over_email_send_rate_limit", "message": "email rate limit exceeded" }), Some("30"), Some(30))]
#[case::words(json!({ "code": 429, "error_code": "over_email_send_rate_limit", "msg": "you can only request this after 47 seconds." }), None, Some(47))]
#[case::neither(json!({ "code": "over_email_send_rate_limit", "message": "email rate limit exceeded" }), Some("soon"), None)]
#[tokio::test]
async fn a_rate_limit_says_when_to_ask_again(
    #[case] body: Value,
    #[case] header: Option<&str>,
    #[case] expected: Option<u64>,
) {
    let mut answer = ResponseTemplate::new(429).set_body_json(body);
    if let Some(header) = header {
        answer = answer.insert_header("retry-after", header);
    }
    let (_server, client) = answering(post("recover"), answer).await;
    let error = client.auth().recover("a@b.c", &MailOptions::default()).await.unwrap_err();
    let Error::RateLimited { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, expected.map(Duration::from_secs));
    assert_eq!(error.auth_code(), Some(AuthErrorCode::OverEmailSendRateLimit));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_gateways_rate_limit_is_one_too() {
    let answer = ResponseTemplate::new(429).set_body_raw("<html>slow down</html>", "text/html");
    let (_server, client) = answering(post("otp"), answer.insert_header("retry-after", "5")).await;
    let error = client.auth().otp("a@b.c", true, Map::new(), &MailOptions::default()).await.unwrap_err();
    let Error::RateLimited { code, retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!((code.as_str(), *retry_after), ("", Some(Duration::from_secs(5))));
}

#[tokio::test]
async fn exchanges_a_code_once_and_gives_the_providers_tokens() {
    let mut body = issued("a1", "r1");
    body["provider_token"] = json!("gho_secret");
    body["provider_refresh_token"] = json!("");
    let mock = post("token").and(query_param("grant_type", "pkce")).and(body_json(json!({
        "auth_code": "c1", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    })));
    let (_server, client) = answering(mock, ok(body)).await;
    let exchanged = client.auth().exchange_code("c1", &pkce()).await.unwrap();
    assert_eq!(exchanged.session.access_token.expose(), "a1");
    assert_eq!(exchanged.provider_token.unwrap().expose(), "gho_secret");
    assert_eq!(exchanged.provider_refresh_token, None);
}

#[tokio::test]
async fn signs_in_anonymously() {
    let mock = post("signup").and(body_json(json!({ "data": { "name": "Ada" } })));
    let (_server, client) = answering(mock, ok(issued("a1", "r1"))).await;
    let session = client.auth().sign_in_anonymously(metadata(), &MailOptions::default()).await.unwrap();
    assert_eq!(session.access_token.expose(), "a1");
}

#[tokio::test]
async fn tells_what_the_server_offers() {
    let server = MockServer::start().await;
    let settings = json!({
        "external": { "email": true, "github": false, "anonymous_users": true }, "disable_signup": true,
        "mailer_autoconfirm": false, "phone_autoconfirm": false, "sms_provider": "", "saml_enabled": false,
    });
    let health = json!({ "version": "v2.180.0", "name": "GoTrue", "description": "GoTrue is a user registration API" });
    for (endpoint, body) in [("settings", settings), ("health", health)] {
        Mock::given(path(format!("/auth/v1/{endpoint}"))).respond_with(ok(body)).mount(&server).await;
    }
    let client = client(&server.uri());
    let settings = client.auth().settings().await.unwrap();
    assert!(settings.offers("email") && !settings.offers("github") && !settings.offers("nobody"));
    assert!(settings.disable_signup && !settings.mailer_autoconfirm);
    assert_eq!(client.auth().health().await.unwrap().name, "GoTrue");
}
