//! Mailed codes and links: one use, an hour, few tries, and the right purpose.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    http_support::{answer, http_client},
    support::{PASSWORD, address, fragment, open_hub, refusal, text},
};

#[tokio::test]
async fn of_many_who_use_one_code_at_the_same_moment_exactly_one_gets_a_session() {
    let hub = open_hub();
    let email = address("ada");
    hub.signed_up(&email).await;
    hub.post("otp", json!({ "email": email })).await;
    let code = hub.mail(&email).await.code;
    let tries = (0..4).map(|_| hub.post("verify", json!({ "type": "email", "email": email, "token": code })));
    let answers = futures_util::future::join_all(tries).await;
    let won = answers.iter().filter(|(status, _)| *status == StatusCode::OK).count();
    assert_eq!(won, 1, "{answers:?}");
    for lost in answers.iter().filter(|(status, _)| *status != StatusCode::OK) {
        assert_eq!(refusal(lost), (403, "otp_expired".into()));
    }

    hub.post("otp", json!({ "email": email })).await;
    let token = hub.mail(&email).await.link_token();
    let tries = (0..4).map(|_| hub.post("verify", json!({ "type": "magiclink", "token_hash": token })));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::OK).count(), 1, "{answers:?}");
}

#[tokio::test]
async fn brute_force_of_a_code_ends_in_its_death_even_when_all_tries_come_at_once() {
    let hub = open_hub();
    let email = address("ada");
    hub.signed_up(&email).await;
    hub.post("recover", json!({ "email": email })).await;
    let code = hub.mail(&email).await.code;
    let wrong = |n: u32| format!("{:06}", (code.parse::<u32>().unwrap() + n) % 1_000_000);
    let guesses: Vec<String> = (1..20).map(wrong).collect();
    let tries =
        guesses.iter().map(|guess| hub.post("verify", json!({ "type": "recovery", "email": email, "token": guess })));
    for refused in futures_util::future::join_all(tries).await {
        assert_eq!(refusal(&refused), (403, "otp_expired".into()));
    }
    let attempts = "select max(attempts) from auth.one_time_tokens where relates_to = $1";
    let attempts: i32 = hub.owner().await.query_one(attempts, &[&email]).await.unwrap().get(0);
    assert_eq!(attempts, 5, "so many were compared, and no more");
    let right = hub.post("verify", json!({ "type": "recovery", "email": email, "token": code })).await;
    assert_eq!(refusal(&right), (403, "otp_expired".into()), "the right one comes too late");
}

#[tokio::test]
async fn codes_run_out_are_replaced_and_are_for_one_purpose_and_one_person() {
    let hub = open_hub();
    let (ada, ben) = (address("ada"), address("ben"));
    hub.signed_up(&ada).await;
    hub.signed_up(&ben).await;
    let verify = async |kind: &str, email: &str, code: &str| {
        hub.post("verify", json!({ "type": kind, "email": email, "token": code })).await
    };
    hub.post("otp", json!({ "email": ada })).await;
    let first = hub.mail(&ada).await.code;
    hub.post("otp", json!({ "email": ada })).await;
    let second = hub.mail(&ada).await.code;
    if first != second {
        assert_eq!(refusal(&verify("email", &ada, &first).await), (403, "otp_expired".into()), "replaced");
    }
    for (kind, email) in [("signup", ada.as_str()), ("invite", &ada), ("email_change", &ada), ("email", &ben)] {
        assert_eq!(refusal(&verify(kind, email, &second).await), (403, "otp_expired".into()), "{kind} {email}");
    }
    let late = "update auth.one_time_tokens set expires_at = now() where relates_to = $1";
    hub.owner().await.execute(late, &[&ada]).await.unwrap();
    assert_eq!(refusal(&verify("email", &ada, &second).await), (403, "otp_expired".into()), "run out");
    for bad in ["sms", "phone_change"] {
        assert_eq!(refusal(&verify(bad, &ada, "123456").await), (400, "phone_provider_disabled".into()));
    }
    assert_eq!(refusal(&verify("nonsense", &ada, "123456").await), (400, "validation_failed".into()));

    let plain =
        "select from auth.one_time_tokens where code_hash like '%' || $1 || '%' or link_hash like '%' || $1 || '%'";
    assert!(hub.owner().await.query(plain, &[&second]).await.unwrap().is_empty(), "only hashes are kept");
}

#[tokio::test]
async fn a_mailed_link_needs_no_key_and_leads_where_it_may_with_a_session() {
    let hub = open_hub();
    let email = address("ada");
    hub.signed_up(&email).await;
    hub.post("otp?redirect_to=cockpit%3A%2F%2Fauth%2Fcallback", json!({ "email": email })).await;
    let link = hub.mail(&email).await.link.unwrap();
    let head = http_client().head(&link).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK, "a program that looks first does not use it up");
    let to = hub.follow(&link).await;
    assert_eq!((to.scheme(), to.host_str(), to.path()), ("cockpit", Some("auth"), "/callback"));
    let session = fragment(&to);
    assert_eq!((session["type"].as_str(), session["token_type"].as_str()), ("magiclink", "bearer"));
    let (status, user) = hub.auth(Method::GET, "user", Some(&session["access_token"]), json!({})).await;
    assert_eq!((status, text(&user, "email")), (StatusCode::OK, email.as_str()));
    assert_eq!(hub.refresh(&session["refresh_token"]).await.0, StatusCode::OK);

    let again = fragment(&hub.follow(&link).await);
    assert_eq!((again["error"].as_str(), again["error_code"].as_str()), ("access_denied", "otp_expired"));

    // Anywhere else it leads to the hub's own page, which only says that one may go back.
    hub.post("otp?redirect_to=https%3A%2F%2Fevil.example%2F", json!({ "email": email })).await;
    let link = hub.mail(&email).await.link.unwrap();
    let to = hub.follow(&format!("{link}&redirect_to=https%3A%2F%2Fevil.example%2F")).await;
    assert!(to.as_str().starts_with(&format!("{}/hub/v1/done#access_token=", hub.url)), "{to}");
    let page = http_client().get(to).send().await.unwrap();
    assert_eq!(page.headers()["content-security-policy"], "default-src 'none'");
    assert!(page.text().await.unwrap().contains("Go back to Cockpit"));
}

#[tokio::test]
async fn known_and_unknown_addresses_are_answered_alike_by_all_that_mail() {
    let hub = open_hub();
    let (known, unknown) = (address("known"), address("unknown"));
    hub.signed_up(&known).await;
    for (path, extra) in [
        ("otp", json!({ "create_user": false })),
        ("recover", json!({})),
        ("resend", json!({ "type": "signup" })),
        ("resend", json!({ "type": "email_change" })),
    ] {
        let mut took = Vec::new();
        for email in [&known, &unknown] {
            let mut body = extra.clone();
            body["email"] = json!(email);
            let begun = std::time::Instant::now();
            assert_eq!(hub.post(path, body).await, (StatusCode::OK, json!({})), "{path} {email}");
            took.push(begun.elapsed());
        }
        assert!(took.iter().all(|time| time.as_millis() >= 60), "{path} takes an even time: {took:?}");
    }
    assert!(hub.find_mail(&unknown).await.is_none());
    assert_eq!(hub.mail(&known).await.kind, "recovery");
}

#[tokio::test]
async fn a_sign_up_is_mailed_again_with_a_new_code_and_keeps_its_password() {
    let hub = open_hub();
    let email = address("ada");
    hub.post("signup", json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(hub.post("resend", json!({ "type": "signup", "email": email })).await, (StatusCode::OK, json!({})));
    assert_eq!(hub.mail_count(&email).await, 2);
    let code = hub.mail(&email).await.code;
    let (status, session) =
        hub.post("verify", json!({ "type": "signup", "email": email, "token": format!(" {code} ") })).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    assert_eq!(hub.sign_in(&email, PASSWORD).await.status(), StatusCode::OK);
    assert_eq!(refusal(&hub.post("resend", json!({ "email": email })).await), (400, "validation_failed".into()));
}

#[tokio::test]
async fn a_disabled_account_gets_no_session_by_any_way() {
    let hub = open_hub();
    let email = address("ada");
    let session = hub.signed_up(&email).await;
    hub.post("otp", json!({ "email": email })).await;
    let code = hub.mail(&email).await.code;
    let ban = |until: &str| format!("update auth.users set banned_until = {until} where email = '{email}'");
    hub.owner().await.batch_execute(&ban("now() + interval '1 day'")).await.unwrap();

    assert_eq!(refusal(&hub.refresh(text(&session, "refresh_token")).await), (400, "user_banned".into()));
    let by_password = answer(hub.sign_in(&email, PASSWORD).await).await;
    assert_eq!(refusal(&by_password), (400, "user_banned".into()));
    let wrong = answer(hub.sign_in(&email, "wrong one").await).await;
    assert_eq!(refusal(&wrong), (400, "invalid_credentials".into()), "only who knows the password is told");
    let by_code = hub.post("verify", json!({ "type": "email", "email": email, "token": code })).await;
    assert_eq!(refusal(&by_code), (403, "user_banned".into()));
    let token = text(&session, "access_token");
    let user: (StatusCode, Value) = hub.auth(Method::GET, "user", Some(token), json!({})).await;
    assert_eq!(refusal(&user), (403, "user_banned".into()));
    let mails = hub.mail_count(&email).await;
    assert_eq!(hub.post("recover", json!({ "email": email })).await.0, StatusCode::OK);
    assert_eq!(hub.mail_count(&email).await, mails, "and no mail");

    hub.owner().await.batch_execute(&ban("null")).await.unwrap();
    assert_eq!(hub.refresh(text(&session, "refresh_token")).await.0, StatusCode::OK);
}
