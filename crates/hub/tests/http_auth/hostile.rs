//! Requests that nobody means well.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    http_support::answer,
    support::{PASSWORD, address, open_hub, refusal},
};

const POSTS: [&str; 7] =
    ["signup", "otp", "recover", "resend", "verify", "token?grant_type=password", "token?grant_type=refresh_token"];

#[tokio::test]
async fn bodies_that_are_none_or_hold_wrong_types_are_refused_in_gotrues_shape() {
    let hub = open_hub();
    for path in POSTS {
        for body in [
            "{",
            "[1]",
            "\"text\"",
            "{\"email\": 1}",
            "{\"email\": {\"$ne\": null}}",
            "\u{0}",
            "{\"type\": [], \"email\": [], \"refresh_token\": []}",
        ] {
            let request = hub.request(Method::POST, &format!("/auth/v1/{path}")).body(body);
            let refused = answer(request.send().await.unwrap()).await;
            let (status, _) = refusal(&refused);
            assert!((400..=422).contains(&status), "{path} {body}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn giant_bodies_are_refused_before_they_are_read() {
    let hub = open_hub();
    for path in POSTS {
        let giant = json!({ "email": "x".repeat(2_000_000), "password": "x" }).to_string();
        let sent = hub.request(Method::POST, &format!("/auth/v1/{path}")).body(giant).send().await.unwrap();
        assert_eq!(refusal(&answer(sent).await), (413, "validation_failed".into()), "{path}");
    }
    let deep = format!("{{\"email\": \"a@b\", \"data\": {}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let sent = hub.request(Method::POST, "/auth/v1/signup").body(deep).send().await.unwrap();
    assert_eq!(answer(sent).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn addresses_that_look_like_sql_are_only_addresses() {
    let hub = open_hub();
    let quoted = format!("o'br--ien'||'{}", address("x"));
    let session = hub.signed_up(&quoted).await;
    assert_eq!(session["user"]["email"], quoted);
    assert_eq!(hub.sign_in(&quoted, PASSWORD).await.status(), StatusCode::OK);
    for odd in [
        "' or '1'='1",
        "'or'1'='1@x",
        "%@%",
        "a@b'; drop table auth.users; --",
        "$1@x",
        "\\@x",
        "a\u{0}@b.c",
        "a\r\nBcc: b@c",
    ] {
        let refused = answer(hub.sign_in(odd, "whatever it is").await).await;
        assert_eq!(refusal(&refused), (400, "invalid_credentials".into()), "{odd}");
        for (path, body) in [
            ("recover", json!({ "email": odd })),
            ("verify", json!({ "type": "email", "email": odd, "token": "' or true --" })),
            ("verify", json!({ "type": "email", "token_hash": odd })),
        ] {
            let (status, body) = hub.post(path, body).await;
            assert!(!status.is_server_error(), "{path} {odd}: {body}");
        }
    }
    let people = hub.owner().await.query_one("select count(*) from auth.users", &[]).await.unwrap();
    assert!(people.get::<_, i64>(0) > 0);
}

#[tokio::test]
async fn letters_of_all_kinds_are_kept_in_addresses_passwords_and_codes() {
    let hub = open_hub();
    let email = format!("jürgen.名前+{}@bücher.example", uuid::Uuid::new_v4().simple());
    let session = hub.signed_up(&email).await;
    assert_eq!(session["user"]["email"], email);
    let token = session["access_token"].as_str();
    let password = "пароль 🔑 é\u{301}";
    let (status, body) = hub.auth(Method::PUT, "user", token, json!({ "password": password })).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(hub.sign_in(&email, password).await.status(), StatusCode::OK);
    for code in ["１２３４５６", "", " ", "\u{202e}123456", "0"] {
        let refused: (StatusCode, Value) =
            hub.post("verify", json!({ "type": "email", "email": email, "token": code })).await;
        assert!(matches!(refusal(&refused).0, 400 | 403), "{code}: {refused:?}");
    }
}

#[tokio::test]
async fn links_with_nonsense_in_them_lead_nowhere_else() {
    let hub = open_hub();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for query in [
        "token=x&type=magiclink&redirect_to=javascript:alert(1)",
        "token=x&type=magiclink&redirect_to=//evil.example",
        "token=x&type=magiclink&redirect_to=http://127.0.0.1@evil.example",
        "token=%00&type=magiclink",
        "token=x&type=%0d%0aSet-Cookie:%20a=b",
        "token=x&type=magiclink&redirect_to=cockpit://x%0d%0aSet-Cookie:%20a=b",
    ] {
        let answer = browser.get(format!("{}/auth/v1/verify?{query}", hub.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{query}");
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.starts_with(&hub.url) || to.starts_with("cockpit://x"), "{query}: {to}");
        assert!(answer.headers().get("set-cookie").is_none());
    }
    for query in ["", "token=x", "type=magiclink"] {
        let answer = browser.get(format!("{}/auth/v1/verify?{query}", hub.url)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}
