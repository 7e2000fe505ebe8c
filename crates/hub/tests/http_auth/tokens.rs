//! Access and refresh tokens: what they say, who may use them, and how a session ends.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{PASSWORD, address, open_hub, refusal, text};

/// What a token says, without asking whether it is true.
pub(crate) fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(middle).unwrap()).unwrap()
}

#[tokio::test]
async fn an_access_token_says_what_gotrues_does() {
    let hub = open_hub();
    let email = address("ada");
    let session = hub.signed_up(&email).await;
    let said = claims(text(&session, "access_token"));
    assert_eq!((&said["sub"], &said["email"], &said["phone"]), (&session["user"]["id"], &json!(email), &json!("")));
    assert_eq!(
        (&said["aud"], &said["role"], &said["aal"]),
        (&json!("authenticated"), &json!("authenticated"), &json!("aal1"))
    );
    assert_eq!((&said["iss"], &said["is_anonymous"]), (&json!(format!("{}/auth/v1", hub.url)), &json!(false)));
    assert_eq!(said["amr"][0]["method"], "otp");
    assert_eq!(said["exp"], session["expires_at"]);
    let by_password: Value = hub.sign_in(&email, PASSWORD).await.json().await.unwrap();
    assert_eq!(claims(text(&by_password, "access_token"))["amr"][0]["method"], "password");
    let (_, next) = hub.refresh(text(&by_password, "refresh_token")).await;
    assert_eq!(claims(text(&next, "access_token"))["amr"], claims(text(&by_password, "access_token"))["amr"]);
}

#[tokio::test]
async fn forged_expired_and_foreign_tokens_are_refused() {
    let hub = open_hub();
    let session = hub.signed_up(&address("ada")).await;
    let good = text(&session, "access_token");
    let user = async |token: &str| refusal(&hub.auth(Method::GET, "user", Some(token), json!({})).await);
    let claims = claims(good);
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        hub.mint(&claims)
    };
    let (head, rest) = good.split_once('.').unwrap();
    let (body, signature) = rest.split_once('.').unwrap();
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let other_body = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string().replace("authenticated", "service_role"));
    for (token, what) in [
        (format!("{none}.{body}."), "no signature"),
        (format!("{head}.{other_body}.{signature}"), "another body"),
        (format!("{head}.{body}"), "two parts"),
        (with("exp", json!(1_700_000_000)), "expired"),
        (with("exp", json!("tomorrow")), "no time"),
        (with("role", json!("service_role")), "a role nobody has"),
        (with("sub", json!("nobody")), "no person"),
        (hub.anon_key.clone(), "the anonymous key"),
    ] {
        assert_eq!(user(&token).await, (403, "bad_jwt".into()), "{what}");
    }
    assert_eq!(user(&with("session_id", json!(uuid::Uuid::new_v4()))).await, (403, "session_not_found".into()));
    let stranger = hub.signed_up(&address("ben")).await;
    let mixed = with("sub", stranger["user"]["id"].clone());
    assert_eq!(user(&mixed).await, (403, "session_not_found".into()), "a session is one person's");
    let without = hub.auth(Method::GET, "user", None, json!({})).await;
    assert_eq!(refusal(&without), (401, "no_authorization".into()));
}

#[tokio::test]
async fn of_many_refreshes_at_once_all_go_on_and_an_older_token_ends_the_session() {
    let hub = open_hub();
    let session = hub.signed_up(&address("ada")).await;
    let first = text(&session, "refresh_token");
    // Windows that refresh at the same moment, within the grace of ten seconds.
    let answers = futures_util::future::join_all((0..6).map(|_| hub.refresh(first))).await;
    assert!(answers.iter().all(|(status, _)| *status == StatusCode::OK), "{answers:?}");
    let (_, later) = hub.refresh(text(&answers[0].1, "refresh_token")).await;
    let past = format!(
        "update auth.refresh_tokens set updated_at = updated_at - interval '11 s' where user_id = '{}'",
        text(&session["user"], "id")
    );
    hub.owner().await.batch_execute(&past).await.unwrap();
    let (status, _) = hub.refresh(text(&later, "refresh_token")).await;
    assert_eq!(status, StatusCode::OK);
    hub.owner().await.batch_execute(&past).await.unwrap();
    let stolen = hub.refresh(text(&answers[0].1, "refresh_token")).await;
    assert_eq!(refusal(&stolen), (400, "refresh_token_already_used".into()));
    assert_eq!(refusal(&hub.refresh(text(&later, "refresh_token")).await), (400, "refresh_token_not_found".into()));
}

#[tokio::test]
async fn a_sign_out_ends_what_its_scope_says_and_old_tokens_do_not_come_back() {
    let hub = open_hub();
    let email = address("ada");
    let one = hub.signed_up(&email).await;
    let two: Value = hub.sign_in(&email, PASSWORD).await.json().await.unwrap();
    let three: Value = hub.sign_in(&email, PASSWORD).await.json().await.unwrap();
    let (_, one_next) = hub.refresh(text(&one, "refresh_token")).await;
    let out = async |session: &Value, scope: &str| {
        hub.auth(Method::POST, &format!("logout{scope}"), Some(text(session, "access_token")), json!({})).await.0
    };
    assert_eq!(out(&one, "?scope=nonsense").await, StatusCode::BAD_REQUEST);
    assert_eq!(out(&one, "?scope=local").await, StatusCode::NO_CONTENT);
    for token in [text(&one, "refresh_token"), text(&one_next, "refresh_token")] {
        assert_eq!(refusal(&hub.refresh(token).await), (400, "refresh_token_not_found".into()), "used or not");
    }
    assert_eq!(out(&two, "?scope=others").await, StatusCode::NO_CONTENT);
    assert_eq!(hub.refresh(text(&three, "refresh_token")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(hub.refresh(text(&two, "refresh_token")).await.0, StatusCode::OK);
    assert_eq!(out(&two, "").await, StatusCode::NO_CONTENT);
    assert_eq!(hub.refresh(text(&two, "refresh_token")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_session_past_its_end_says_so() {
    let hub = open_hub();
    let session = hub.signed_up(&address("ada")).await;
    let end = format!("update auth.sessions set not_after = now() where user_id = '{}'", text(&session["user"], "id"));
    hub.owner().await.batch_execute(&end).await.unwrap();
    assert_eq!(refusal(&hub.refresh(text(&session, "refresh_token")).await), (400, "session_expired".into()));
}
