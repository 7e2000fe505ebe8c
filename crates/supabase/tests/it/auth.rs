//! Sign-in and the shapes of its refusals.

use cockpit_supabase::{Error, SignOutScope};
use rstest::rstest;
use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{USER, client, issued};

#[tokio::test]
async fn signs_in_with_a_password() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/auth/v1/token"))
        .and(query_param("grant_type", "password"))
        .and(header("apikey", "anon-key"))
        .and(header("authorization", "Bearer anon-key"))
        .and(body_json(json!({ "email": "ada@example.org", "password": "pw" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(issued("access", "refresh")))
        .expect(1)
        .mount(&server)
        .await;
    let session = client(&server.uri()).auth().sign_in_with_password("ada@example.org", "pw").await.unwrap();
    assert_eq!(session.access_token.expose(), "access");
    assert_eq!(session.user.id.to_string(), USER);
    assert!(session.expires_at > 1_700_000_000, "by this machine's clock, not the server's");
    let shown = format!("{session:?}");
    assert!(!shown.contains("access\"") && !shown.contains("refresh\""), "tokens must not be printed: {shown}");
    let kept: cockpit_supabase::Session = serde_json::from_str(&serde_json::to_string(&session).unwrap()).unwrap();
    assert_eq!(kept, session, "what storage keeps is the whole session");
}

#[tokio::test]
async fn refreshes_with_the_refresh_token() {
    let server = MockServer::start().await;
    Mock::given(path("/auth/v1/token"))
        .and(query_param("grant_type", "refresh_token"))
        .and(body_json(json!({ "refresh_token": "r1" })))
        .respond_with(ResponseTemplate::new(200).set_body_json(issued("a2", "r2")))
        .mount(&server)
        .await;
    let session = client(&server.uri()).auth().refresh("r1").await.unwrap();
    assert_eq!(session.refresh_token.expose(), "r2");
}

#[rstest]
#[case(400, json!({ "code": "invalid_credentials", "message": "Invalid login credentials" }), "invalid_credentials", false)]
#[case(400, json!({ "code": 400, "error_code": "invalid_credentials", "msg": "Invalid login credentials" }), "invalid_credentials", false)]
#[case(400, json!({ "error": "invalid_grant", "error_description": "Invalid login credentials" }), "invalid_grant", false)]
#[case(500, json!({ "code": "unexpected_failure", "message": "x" }), "unexpected_failure", true)]
#[tokio::test]
async fn a_refusal_keeps_its_code(
    #[case] status: u16,
    #[case] body: serde_json::Value,
    #[case] expected: &str,
    #[case] retryable: bool,
) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(status).set_body_json(body)).mount(&server).await;
    let error = client(&server.uri()).auth().sign_in_with_password("ada@example.org", "wrong").await.unwrap_err();
    let Error::Auth { code, .. } = &error else { panic!("{error:?}") };
    assert_eq!(code, expected);
    assert_eq!(error.is_retryable(), retryable);
}

#[rstest]
#[case::done(204, true)]
#[case::already_gone(403, true)]
#[case::unknown(404, true)]
#[case::broken(500, false)]
#[tokio::test]
async fn signing_out_of_a_session_that_is_gone_is_signing_out(#[case] status: u16, #[case] fine: bool) {
    let server = MockServer::start().await;
    let answer = match status {
        204 => ResponseTemplate::new(204),
        status => {
            ResponseTemplate::new(status).set_body_json(json!({ "code": "session_not_found", "message": "gone" }))
        }
    };
    Mock::given(path("/auth/v1/logout"))
        .and(query_param("scope", "global"))
        .and(header("authorization", "Bearer a1"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let outcome = client(&server.uri()).auth().sign_out("a1", SignOutScope::Global).await;
    assert_eq!(outcome.is_ok(), fine, "{outcome:?}");
}

#[tokio::test]
async fn asks_for_the_user() {
    let server = MockServer::start().await;
    Mock::given(path("/auth/v1/user"))
        .and(header("authorization", "Bearer a1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({ "id": USER, "email": null, "aud": "x" })))
        .mount(&server)
        .await;
    let user = client(&server.uri()).auth().user("a1").await.unwrap();
    assert_eq!((user.id.to_string().as_str(), user.email), (USER, None));
}
