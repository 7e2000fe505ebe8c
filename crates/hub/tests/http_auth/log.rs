//! The log at its most talkative holds no password, code, token or key.

use std::process::Stdio;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    http_support::{answer, http_client},
    mails::{Manner, Postbox, body_of, code_in},
    program::{Process, hub_command, says},
};

#[tokio::test]
async fn no_flow_writes_a_secret_into_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("hub"), folder.path().join("log"));
    let mut secrets =
        vec!["the first password".to_owned(), "a second password".to_owned(), "wrong password".to_owned()];
    says(&hub_command(&data, &["init", "ada@cockpit.test"], "the first password\n"));
    // A mail server that refuses and repeats what it was sent: the worst that can be logged about.
    let mut postbox = Postbox::open(Manner::Refuses).await;
    let smtp = postbox.url.replace("smtp://", "smtp://user:smtp-password@");
    secrets.push("smtp-password".to_owned());
    let arguments = ["--open", "--log", "json", "--smtp", &smtp];
    let mut hub = Process::serve(&data, &arguments, Stdio::from(std::fs::File::create(&log).unwrap()));
    let mut keep = |session: &Value| {
        for name in ["access_token", "refresh_token"] {
            secrets.push(session[name].as_str().unwrap_or_else(|| panic!("{session}")).to_owned());
        }
        session["access_token"].as_str().unwrap().to_owned()
    };

    let (_, session) = hub.sign_in("ada@cockpit.test", "the first password").await;
    keep(&session);
    hub.sign_in("ada@cockpit.test", "wrong password").await;
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let (_, session) = hub.post("/auth/v1/token?grant_type=refresh_token", None, refresh).await;
    let token = keep(&session);
    let mut codes = Vec::new();
    let verifier = "v".repeat(50);
    let pkce = json!({ "code_challenge": verifier, "code_challenge_method": "plain" });
    for (path, kind, body) in [
        ("signup", "signup", json!({ "email": "ben@cockpit.test", "password": "a second password" })),
        ("otp", "magiclink", json!({ "email": "ada@cockpit.test" })),
        ("recover", "recovery", json!({ "email": "ada@cockpit.test" })),
    ] {
        let (status, answered) = hub.post(&format!("/auth/v1/{path}"), None, body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answered}");
        let code = code_in(&postbox.next().await);
        let verify = json!({ "type": kind, "email": body["email"], "token": code });
        let (status, session) = hub.post("/auth/v1/verify", None, verify).await;
        assert_eq!(status, StatusCode::OK, "{session}");
        keep(&session);
        codes.push(code);
    }
    // A link, and the code it hands out.
    let body = json!({ "email": "eva@cockpit.test", "code_challenge": pkce["code_challenge"], "code_challenge_method": "plain" });
    hub.post("/auth/v1/otp", None, body).await;
    let letter = postbox.next().await;
    let link = body_of(&letter).lines().find(|line| line.contains("/verify?")).unwrap().to_owned();
    codes.push(code_in(&letter));
    let link_token =
        url::Url::parse(&link).unwrap().query_pairs().find(|(name, _)| name == "token").unwrap().1.into_owned();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let to = browser.get(&link).send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let auth_code =
        url::Url::parse(&to).unwrap().query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let exchange = json!({ "auth_code": auth_code, "code_verifier": verifier });
    let (status, session) = hub.post("/auth/v1/token?grant_type=pkce", None, exchange).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    keep(&session);
    // The account itself: a nonce, a new password, a sign-out.
    let user = async |method: Method, path: &str, body: Value| {
        let request = http_client().request(method, format!("{}/auth/v1/{path}", hub.url)).header("apikey", &hub.key);
        answer(request.bearer_auth(&token).json(&body).send().await.unwrap()).await
    };
    user(Method::GET, "reauthenticate", json!({})).await;
    codes.push(code_in(&postbox.next().await));
    let nonce = codes.last().unwrap().clone();
    let changed = user(Method::PUT, "user", json!({ "password": "a second password", "nonce": nonce })).await;
    assert_eq!(changed.0, StatusCode::OK, "{changed:?}");
    assert_eq!(user(Method::POST, "logout", json!({})).await.0, StatusCode::NO_CONTENT);
    secrets.extend([link_token, auth_code, verifier, hub.key.clone(), "$2b$".to_owned()]);
    hub.stop();

    let log = std::fs::read_to_string(&log).unwrap();
    for said in
        ["a mail was put into the queue", "a mail was refused", "signed in or refreshed", "an account was changed"]
    {
        assert!(log.contains(said), "the log was written: {said}");
    }
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "the log holds {secret}");
    }
    // Six digits may be part of a time or an identifier by chance: a code stands alone or in quotes.
    for code in &codes {
        let alone = log.match_indices(code.as_str()).any(|(at, _)| {
            let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = log.as_bytes();
            !alphanumeric(bytes.get(at.wrapping_sub(1)))
                && !alphanumeric(bytes.get(at + code.len()))
                && bytes.get(at.wrapping_sub(1)) != Some(&b'.')
        });
        assert!(!alone, "the log holds the code {code}");
    }
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("one JSON object a line: {line}"));
    }
}
