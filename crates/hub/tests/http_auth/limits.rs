//! How often one may try: per account, per client address, per mail address, and for the whole hub.

use std::time::Duration;

use cockpit_hub::Rate;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::{
    http_support::{SharedHub, answer},
    support::{PASSWORD, address, refusal, unlimited},
};

const HOUR: Duration = Duration::from_secs(3600);

fn few(burst: u32) -> Rate {
    Rate { burst, every: HOUR }
}

async fn send(hub: &SharedHub, path: &str, body: Value) -> Response {
    hub.request(Method::POST, &format!("/auth/v1/{path}")).json(&body).send().await.unwrap()
}

async fn expect_429(response: Response, error_code: &str, seconds: std::ops::RangeInclusive<u64>) -> Value {
    let retry_after =
        response.headers().get("retry-after").map(|value| value.to_str().unwrap().parse::<u64>().unwrap());
    let answer = answer(response).await;
    assert_eq!(refusal(&answer), (429, error_code.to_owned()));
    assert!(retry_after.is_some_and(|after| seconds.contains(&after)), "{retry_after:?}");
    answer.1
}

#[tokio::test]
async fn failed_sign_ins_lock_an_account_for_a_while_known_or_not_and_good_ones_cost_nothing() {
    let hub = SharedHub::start(|options| {
        unlimited(options);
        options.auth.limits.failed_sign_ins_per_account = few(3);
    });
    let ada = hub.person("ada").await;
    for _ in 0..5 {
        assert_eq!(hub.sign_in(&ada.email, crate::http_support::PASSWORD).await.status(), StatusCode::OK);
    }
    let unknown = address("unknown");
    for email in [&ada.email, &unknown] {
        // All at the same moment, which gets nobody more tries.
        let tries = futures_util::future::join_all((0..8).map(|_| hub.sign_in(email, "wrong password"))).await;
        let refused = tries.iter().filter(|response| response.status() == StatusCode::BAD_REQUEST).count();
        assert_eq!(refused, 3, "{email}");
        let last = hub.sign_in(&format!(" {} ", email.to_uppercase()), crate::http_support::PASSWORD).await;
        let body = expect_429(last, "over_request_rate_limit", 3000..=3600).await;
        assert_eq!(body["msg"], "Request rate limit reached", "even with the right password");
    }
    let refresh = ada.session["refresh_token"].as_str().unwrap();
    assert_eq!(hub.refresh(refresh).await.0, StatusCode::OK, "who is in stays in");
}

#[tokio::test]
async fn failed_sign_ins_over_many_accounts_lock_the_client_address() {
    let hub = SharedHub::start(|options| {
        unlimited(options);
        options.auth.limits.failed_sign_ins_per_address = few(4);
    });
    let ada = hub.person("ada").await;
    for _ in 0..4 {
        assert_eq!(hub.sign_in(&address("guess"), "wrong password").await.status(), StatusCode::BAD_REQUEST);
    }
    let locked = hub.sign_in(&ada.email, crate::http_support::PASSWORD).await;
    expect_429(locked, "over_request_rate_limit", 3000..=3600).await;
    let forged = hub.request(Method::POST, "/auth/v1/token?grant_type=password").header("x-forwarded-for", "192.0.2.1");
    let forged = forged.json(&json!({ "email": ada.email, "password": PASSWORD })).send().await.unwrap();
    assert_eq!(forged.status(), StatusCode::TOO_MANY_REQUESTS, "whatever it says about where it comes from");
    assert_eq!(
        hub.refresh(ada.session["refresh_token"].as_str().unwrap()).await.0,
        StatusCode::OK,
        "who is in stays in"
    );
}

#[tokio::test]
async fn mails_to_one_address_are_a_while_apart_known_or_not() {
    let hub = SharedHub::start(|options| {
        unlimited(options);
        options.auth.limits.mail_interval = Duration::from_secs(60);
    });
    let ada = hub.person("ada").await;
    let unknown = address("unknown");
    for path in ["otp", "recover"] {
        for email in [&ada.email, &unknown] {
            assert_eq!(send(&hub, path, json!({ "email": email })).await.status(), StatusCode::OK);
            let body =
                expect_429(send(&hub, path, json!({ "email": email })).await, "over_email_send_rate_limit", 1..=60)
                    .await;
            let msg = body["msg"].as_str().unwrap();
            assert!(
                msg.starts_with("For security purposes, you can only request this after ")
                    && msg.ends_with(" seconds."),
                "{msg}"
            );
        }
    }
    assert_eq!(hub.mail_count(&ada.email).await, 2);
}

#[tokio::test]
async fn the_hub_sends_only_so_many_mails_and_takes_only_so_many_requests_of_one_client() {
    let hub = SharedHub::start(|options| {
        unlimited(options);
        options.auth.limits.mails = few(2);
        options.auth.limits.mail_requests_per_address = few(6);
    });
    let ada = hub.person("ada").await;
    for _ in 0..2 {
        assert_eq!(send(&hub, "otp", json!({ "email": ada.email })).await.status(), StatusCode::OK);
    }
    for email in [&ada.email, &address("unknown")] {
        let body =
            expect_429(send(&hub, "otp", json!({ "email": email })).await, "over_email_send_rate_limit", 3000..=3600)
                .await;
        assert_eq!(body["msg"], "email rate limit exceeded");
    }
    for path in ["recover", "recover"] {
        send(&hub, path, json!({ "email": ada.email })).await;
    }
    expect_429(send(&hub, "otp", json!({ "email": ada.email })).await, "over_request_rate_limit", 3000..=3600).await;
}

#[tokio::test]
async fn wrong_codes_lock_an_address_out_across_all_codes_it_is_sent() {
    let hub = SharedHub::start(|options| {
        unlimited(options);
        options.auth.limits.wrong_codes_per_account = few(7);
    });
    let ada = hub.person("ada").await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        // A fresh code each time, so that only the count over all of them can stop it.
        send(&hub, "otp", json!({ "email": ada.email })).await;
        let right = hub.mail(&ada.email).await.code;
        for n in 1..=2 {
            let wrong = format!("{:06}", (right.parse::<u32>().unwrap() + n) % 1_000_000);
            statuses.push(
                send(&hub, "verify", json!({ "type": "email", "email": ada.email, "token": wrong })).await.status(),
            );
        }
    }
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::FORBIDDEN).count(), 7, "{statuses:?}");
    let right = hub.mail(&ada.email).await.code;
    let locked = send(&hub, "verify", json!({ "type": "email", "email": ada.email, "token": right })).await;
    expect_429(locked, "over_request_rate_limit", 3000..=3600).await;
    assert_eq!(
        hub.sign_in(&ada.email, crate::http_support::PASSWORD).await.status(),
        StatusCode::OK,
        "the password still does"
    );
    let keys = "select from auth.rate_limit where key like '%@%'";
    assert!(hub.owner().await.query(keys, &[]).await.unwrap().is_empty(), "addresses are kept as hashes only");
}
