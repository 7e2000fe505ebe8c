//! PKCE: the link's code is worth nothing without the verifier.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    http_support::SharedHub,
    support::{PASSWORD, address, fragment, open_hub, refusal, text},
};

const VERIFIER: &str = "a-verifier-that-only-this-client-has-0123456789.~_";

fn challenge() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

async fn code_of(hub: &SharedHub, email: &str) -> String {
    let link = hub.mail(email).await.link.unwrap();
    let to = hub.follow(&link).await;
    assert_eq!(to.fragment(), None, "no session in the address: {to}");
    to.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned()
}

async fn exchange(hub: &SharedHub, code: &str, verifier: &str) -> (StatusCode, Value) {
    hub.post("token?grant_type=pkce", json!({ "auth_code": code, "code_verifier": verifier })).await
}

#[tokio::test]
async fn sign_up_sign_in_and_recovery_hand_out_a_code_that_one_verifier_turns_into_one_session() {
    let hub = open_hub();
    let email = address("ada");
    let with = |body: Value, method: &str, challenge: &str| {
        let mut body = body;
        body["code_challenge"] = json!(challenge);
        body["code_challenge_method"] = json!(method);
        body
    };
    let steps = [
        ("signup", json!({ "email": email, "password": PASSWORD }), "s256", challenge(), "email/signup"),
        ("otp", json!({ "email": email }), "S256", challenge(), "magiclink"),
        ("recover", json!({ "email": email }), "plain", VERIFIER.to_owned(), "recovery"),
    ];
    for (path, body, method, challenge, amr) in steps {
        let asked = format!("{path}?redirect_to=cockpit%3A%2F%2Fauth%3Fx%3D1");
        let (status, answer) = hub.post(&asked, with(body, method, &challenge)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        assert!(hub.mail(&email).await.link_token().starts_with("pkce_"));
        let code = code_of(&hub, &email).await;
        let wrong = exchange(&hub, &code, &VERIFIER.replace("only", "also")).await;
        assert_eq!(refusal(&wrong), (400, "bad_code_verifier".into()));
        let tries = futures_util::future::join_all((0..3).map(|_| exchange(&hub, &code, VERIFIER))).await;
        let (won, lost): (Vec<_>, Vec<_>) = tries.into_iter().partition(|(status, _)| *status == StatusCode::OK);
        assert_eq!(won.len(), 1, "one use: {lost:?}");
        assert!(lost.iter().all(|lost| refusal(lost) == (404, "flow_state_not_found".into())), "{lost:?}");
        let claims = crate::tokens::claims(text(&won[0].1, "access_token"));
        assert_eq!(claims["amr"][0]["method"], amr);
    }
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes_and_incomplete_requests_are_refused() {
    let hub = open_hub();
    let email = address("ada");
    hub.signed_up(&email).await;
    let body = json!({ "email": email, "code_challenge": challenge(), "code_challenge_method": "s256" });
    hub.post("otp", body).await;
    let code = code_of(&hub, &email).await;
    let late = "update auth.flow_state set auth_code_issued_at = now() - interval '301 s' where auth_code_hash is not null \
                and user_id = (select id from auth.users where email = $1)";
    assert_eq!(hub.owner().await.execute(late, &[&email]).await.unwrap(), 1);
    assert_eq!(refusal(&exchange(&hub, &code, VERIFIER).await), (422, "flow_state_expired".into()));
    assert_eq!(refusal(&exchange(&hub, "", VERIFIER).await), (400, "validation_failed".into()));
    assert_eq!(refusal(&exchange(&hub, "no such", VERIFIER).await), (404, "flow_state_not_found".into()));
    for (challenge, method) in
        [(json!(challenge()), json!(null)), (json!("short"), json!("s256")), (json!(challenge()), json!("md5"))]
    {
        let body = json!({ "email": email, "code_challenge": challenge, "code_challenge_method": method });
        assert_eq!(refusal(&hub.post("otp", body).await), (400, "validation_failed".into()));
    }

    // An error reaches a PKCE client where it looks: in the query.
    let to = hub
        .follow(&format!(
            "{}/auth/v1/verify?token=pkce_nothing&type=magiclink&redirect_to=cockpit%3A%2F%2Fauth",
            hub.url
        ))
        .await;
    assert!(to.query_pairs().any(|(name, value)| name == "error_code" && value == "otp_expired"), "{to}");
    assert_eq!(fragment(&to)["error_code"], "otp_expired");
}

#[tokio::test]
async fn the_typed_code_of_a_pkce_flow_gives_the_session_itself() {
    let hub = open_hub();
    let email = address("ada");
    hub.signed_up(&email).await;
    hub.post("otp", json!({ "email": email, "code_challenge": challenge(), "code_challenge_method": "s256" })).await;
    let code = hub.mail(&email).await.code;
    let (status, session) = hub.post("verify", json!({ "type": "email", "email": email, "token": code })).await;
    assert_eq!((status, session["access_token"].is_string()), (StatusCode::OK, true));
}

#[tokio::test]
async fn there_are_no_other_providers() {
    let hub = open_hub();
    for path in ["authorize?provider=google", "authorize"] {
        assert_eq!(refusal(&hub.auth(Method::GET, path, None, json!({})).await), (400, "validation_failed".into()));
    }
    let (_, body) = hub.auth(Method::GET, "authorize?provider=github", None, json!({})).await;
    assert_eq!(body["msg"], "Unsupported provider: provider is not enabled");
}
