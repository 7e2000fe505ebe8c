//! What a person changes of their own account.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    http_support::SharedHub,
    support::{PASSWORD, address, fragment, open_hub, refusal, text},
};

async fn update(hub: &SharedHub, session: &Value, body: Value) -> (StatusCode, Value) {
    hub.auth(Method::PUT, "user", Some(text(session, "access_token")), body).await
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_every_code_on_its_way() {
    let hub = open_hub();
    let email = address("ada");
    let here = hub.signed_up(&email).await;
    let there: Value = hub.sign_in(&email, PASSWORD).await.json().await.unwrap();
    hub.post("recover", json!({ "email": email })).await;
    let code = hub.mail(&email).await.code;

    assert_eq!(refusal(&update(&hub, &here, json!({ "password": PASSWORD })).await), (422, "same_password".into()));
    assert_eq!(refusal(&update(&hub, &here, json!({ "password": "12345" })).await), (422, "weak_password".into()));
    let (status, user) = update(&hub, &here, json!({ "password": "another one" })).await;
    assert_eq!((status, text(&user, "email")), (StatusCode::OK, email.as_str()), "{user}");

    assert_eq!(hub.refresh(text(&here, "refresh_token")).await.0, StatusCode::OK, "this one goes on");
    let ended = hub.refresh(text(&there, "refresh_token")).await;
    assert_eq!(refusal(&ended), (400, "refresh_token_not_found".into()));
    let gone = hub.auth(Method::GET, "user", Some(text(&there, "access_token")), json!({})).await;
    assert_eq!(refusal(&gone), (403, "session_not_found".into()));
    let late = hub.post("verify", json!({ "type": "recovery", "email": email, "token": code })).await;
    assert_eq!(refusal(&late), (403, "otp_expired".into()));
    assert_eq!(hub.sign_in(&email, PASSWORD).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(hub.sign_in(&email, "another one").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_password_is_reset_by_mail() {
    let hub = open_hub();
    let email = address("ada");
    let old = hub.signed_up(&email).await;
    hub.post("recover?redirect_to=http%3A%2F%2Flocalhost%3A9%2Freset", json!({ "email": email })).await;
    let mail = hub.mail(&email).await;
    assert_eq!(mail.kind, "recovery");
    let to = hub.follow(&mail.link.unwrap()).await;
    assert_eq!((to.host_str(), to.path()), (Some("localhost"), "/reset"));
    let fragment = fragment(&to);
    assert_eq!(fragment["type"], "recovery");
    let token = Some(fragment["access_token"].as_str());
    let (status, _) = hub.auth(Method::PUT, "user", token, json!({ "password": "a new one" })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(hub.sign_in(&email, "a new one").await.status(), StatusCode::OK);
    assert_eq!(hub.refresh(text(&old, "refresh_token")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn in_an_old_session_a_new_password_takes_a_mailed_nonce() {
    let hub = open_hub();
    let email = address("ada");
    let session = hub.signed_up(&email).await;
    let old = format!(
        "update auth.sessions set created_at = now() - interval '25 hours' where user_id = '{}'",
        text(&session["user"], "id")
    );
    hub.owner().await.batch_execute(&old).await.unwrap();
    let needed = update(&hub, &session, json!({ "password": "another one" })).await;
    assert_eq!(refusal(&needed), (400, "reauthentication_needed".into()));
    let token = Some(text(&session, "access_token"));
    assert_eq!(hub.auth(Method::GET, "reauthenticate", token, json!({})).await, (StatusCode::OK, json!({})));
    let mail = hub.mail(&email).await;
    assert_eq!((mail.kind.as_str(), mail.link), ("reauthentication", None));
    let wrong = format!("{:06}", (mail.code.parse::<u32>().unwrap() + 1) % 1_000_000);
    let refused = update(&hub, &session, json!({ "password": "another one", "nonce": wrong })).await;
    assert_eq!(refusal(&refused), (422, "reauthentication_not_valid".into()));
    let as_code = hub.post("verify", json!({ "type": "email", "email": email, "token": mail.code })).await;
    assert_eq!(refusal(&as_code), (403, "otp_expired".into()), "a nonce signs nobody in");
    let (status, user) = update(&hub, &session, json!({ "password": "another one", "nonce": mail.code })).await;
    assert_eq!(status, StatusCode::OK, "{user}");
    assert_eq!(hub.sign_in(&email, "another one").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_new_address_counts_after_both_have_agreed() {
    let hub = open_hub();
    let (old, new, taken) = (address("old"), address("new"), address("taken"));
    let session = hub.signed_up(&old).await;
    hub.signed_up(&taken).await;
    let refused = update(&hub, &session, json!({ "email": taken })).await;
    assert_eq!(refusal(&refused), (422, "email_exists".into()));
    let (status, user) = update(&hub, &session, json!({ "email": new.to_uppercase() })).await;
    assert_eq!((status, text(&user, "email"), text(&user, "new_email")), (StatusCode::OK, old.as_str(), new.as_str()));
    let verify = async |email: &str| {
        let code = hub.mail(email).await.code;
        hub.post("verify", json!({ "type": "email_change", "email": email, "token": code })).await
    };
    let (status, first) = verify(&new).await;
    assert_eq!((status, &first["code"]), (StatusCode::OK, &json!("200")), "{first}");
    assert!(text(&first, "msg").contains("other email"));
    assert_eq!(hub.sign_in(&new, PASSWORD).await.status(), StatusCode::BAD_REQUEST, "not yet");
    let (status, changed) = verify(&old).await;
    assert_eq!((status, text(&changed["user"], "email")), (StatusCode::OK, new.as_str()), "{changed}");
    assert!(changed["user"].get("new_email").is_none());
    assert_eq!(hub.sign_in(&new, PASSWORD).await.status(), StatusCode::OK);
    assert_eq!(hub.sign_in(&old, PASSWORD).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_people_say_of_themselves_is_merged_and_in_their_token_and_bounded() {
    let hub = open_hub();
    let email = address("ada");
    let session = hub.signed_up(&email).await;
    let (_, user) = update(&hub, &session, json!({ "data": { "name": "Ädá 🦀", "a": 1, "b": [null] } })).await;
    assert_eq!(user["user_metadata"], json!({ "name": "Ädá 🦀", "a": 1, "b": [null], "email_verified": true }));
    let (_, user) = update(&hub, &session, json!({ "data": { "a": null, "c": { "d": 2.50 } } })).await;
    assert_eq!(
        user["user_metadata"],
        json!({ "name": "Ädá 🦀", "b": [null], "c": { "d": 2.5 }, "email_verified": true })
    );
    let (_, next) = hub.refresh(text(&session, "refresh_token")).await;
    let claims = crate::tokens::claims(text(&next, "access_token"));
    assert_eq!(claims["user_metadata"], user["user_metadata"]);

    let admin = update(&hub, &session, json!({ "app_metadata": { "role": "owner" } })).await;
    assert_eq!(refusal(&admin), (403, "not_admin".into()));
    for bad in [json!({ "x": "y".repeat(9000) }), json!({ "x": "\u{0}" }), json!([1]), json!("text")] {
        assert_eq!(update(&hub, &session, json!({ "data": bad })).await.0, StatusCode::BAD_REQUEST);
    }
    let half = json!({ "data": { "x": "y".repeat(5000) } });
    assert_eq!(update(&hub, &session, half).await.0, StatusCode::OK);
    let rest = json!({ "data": { "z": "y".repeat(5000) } });
    assert_eq!(update(&hub, &session, rest).await.0, StatusCode::BAD_REQUEST, "together it is too much");
    let (_, user) = hub.auth(Method::GET, "user", Some(text(&session, "access_token")), json!({})).await;
    assert!(user["user_metadata"].get("z").is_none(), "and nothing of it was kept");
}
