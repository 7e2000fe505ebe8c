//! Who may make an account, and that its address is theirs.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    http_support::{SharedHub, answer},
    support::{PASSWORD, address, closed_hub, open_hub, refusal, text, unlimited},
};

#[tokio::test]
async fn a_sign_up_is_in_gotrues_shape_and_waits_for_the_mailed_code() {
    let hub = open_hub();
    let email = address("ada");
    let data = json!({ "name": "Ada", "colours": ["é", null] });
    let (status, user) =
        hub.post("signup", json!({ "email": email.to_uppercase(), "password": PASSWORD, "data": data })).await;
    assert_eq!(status, StatusCode::OK, "{user}");
    assert_eq!(
        (text(&user, "email"), text(&user, "role"), text(&user, "aud")),
        (email.as_str(), "authenticated", "authenticated")
    );
    assert!(user["confirmation_sent_at"].is_string() && user.get("email_confirmed_at").is_none(), "{user}");
    assert_eq!(user["user_metadata"], data);
    assert_eq!(user["app_metadata"], json!({ "provider": "email", "providers": ["email"] }));
    let identity = &user["identities"][0];
    assert_eq!((text(identity, "provider"), text(identity, "user_id")), ("email", text(&user, "id")));
    assert!(user.get("access_token").is_none());

    let early = hub.post("token?grant_type=password", json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(refusal(&early), (400, "email_not_confirmed".into()));
    let mail = hub.mail(&email).await;
    assert_eq!((mail.kind.as_str(), mail.code.len()), ("signup", 6));
    let (status, session) = hub.post("verify", json!({ "type": "email", "email": email, "token": mail.code })).await;
    assert_eq!(status, StatusCode::OK, "{session}");
    assert!(session["user"]["email_confirmed_at"].is_string());
    assert_eq!(session["user"]["user_metadata"]["email_verified"], true);
    assert_eq!(hub.sign_in(&email, PASSWORD).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn signing_up_again_tells_no_more_than_gotrue_does() {
    let hub = open_hub();
    let email = address("ada");
    let session = hub.signed_up(&email).await;
    let (status, user) = hub.post("signup", json!({ "email": email, "password": "something else" })).await;
    assert_eq!((status, &user["identities"]), (StatusCode::OK, &json!([])));
    assert_ne!(user["id"], session["user"]["id"], "a made-up person");
    assert_eq!(hub.mail_count(&email).await, 1, "and no mail");
    assert_eq!(hub.sign_in(&email, "something else").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_password_that_somebody_else_typed_first_does_not_survive_the_confirmation() {
    let hub = open_hub();
    let email = address("victim");
    hub.post("signup", json!({ "email": email, "password": "the thief's own" })).await;
    // The owner of the address signs up, and it is their password that counts.
    let session = hub.signed_up(&email).await;
    assert!(session["access_token"].is_string());
    assert_eq!(hub.sign_in(&email, "the thief's own").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(hub.sign_in(&email, PASSWORD).await.status(), StatusCode::OK);

    // And with a mere code nobody's does.
    let email = address("victim");
    hub.post("signup", json!({ "email": email, "password": "the thief's own" })).await;
    hub.post("otp", json!({ "email": email })).await;
    let code = hub.mail(&email).await.code;
    let (status, _) = hub.post("verify", json!({ "type": "email", "email": email, "token": code })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(hub.sign_in(&email, "the thief's own").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn passwords_are_checked_and_other_ways_are_refused() {
    let hub = open_hub();
    let email = address("ada");
    let weak = hub.post("signup", json!({ "email": email, "password": "12345" })).await;
    assert_eq!(refusal(&weak), (422, "weak_password".into()));
    assert_eq!(weak.1["weak_password"], json!({ "reasons": ["length"] }));
    let long = hub.post("signup", json!({ "email": email, "password": "x".repeat(73) })).await;
    assert_eq!(refusal(&long), (400, "validation_failed".into()));
    assert_eq!(refusal(&hub.post("signup", json!({ "email": email })).await), (400, "validation_failed".into()));
    assert_eq!(refusal(&hub.post("signup", json!({})).await), (422, "anonymous_provider_disabled".into()));
    let phone = hub.post("signup", json!({ "phone": "+491234", "password": PASSWORD })).await;
    assert_eq!(refusal(&phone), (400, "phone_provider_disabled".into()));
    assert_eq!(hub.find_mail(&email).await.map(|mail| mail.kind), None);
}

#[tokio::test]
async fn a_closed_hub_takes_only_the_invited() {
    let hub = closed_hub();
    let (ada, stranger) = (hub.person("ada").await, address("stranger"));
    let sign_up = |email: &str| json!({ "email": email, "password": PASSWORD });
    for email in [stranger.as_str(), ada.email.as_str()] {
        let refused = hub.post("signup", sign_up(email)).await;
        assert_eq!(refusal(&refused), (422, "signup_disabled".into()), "known or not");
        assert!(text(&refused.1, "msg").contains("invitation"));
    }
    assert_eq!(hub.post("otp", json!({ "email": stranger })).await, (StatusCode::OK, json!({})));
    assert!(hub.find_mail(&stranger).await.is_none(), "no mail, and no account");

    // An invitation into a workspace counts, and what it invites to is theirs after the sign-up.
    let workspace = ada.workspace().await;
    let invited = address("ben");
    let invitation = json!({
        "p_tenant": workspace.tenant, "p_invitation": Uuid::now_v7(), "p_role": "member", "p_email": invited.to_uppercase()
    });
    let (status, made) = ada.rpc("invite_member", invitation).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let session = hub.signed_up(&invited).await;
    let accept = json!({ "p_code": made["code"], "p_member": Uuid::now_v7(), "p_member_name": "Ben" });
    let request =
        hub.request(Method::POST, "/rest/v1/rpc/accept_invitation").bearer_auth(text(&session, "access_token"));
    let (status, joined) = answer(request.json(&accept).send().await.unwrap()).await;
    assert_eq!((status, &joined["tenant"]), (StatusCode::OK, &json!(workspace.tenant)), "{joined}");
}

#[tokio::test]
async fn without_mail_confirmation_an_open_hub_signs_in_at_once_but_an_invited_address_still_needs_its_code() {
    let hub = SharedHub::start(|options| {
        options.auth.open = true;
        options.auth.mail_confirmation = false;
        unlimited(options);
    });
    let email = address("ada");
    let (status, session) = hub.post("signup", json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(status, StatusCode::OK);
    assert!(session["access_token"].is_string() && session["refresh_token"].is_string(), "{session}");
    let again = hub.post("signup", json!({ "email": email, "password": PASSWORD })).await;
    assert_eq!(refusal(&again), (422, "user_already_exists".into()));

    let invited = address("ben");
    let insert = "insert into auth.users (email, invited_at) values ($1, now())";
    hub.owner().await.execute(insert, &[&invited]).await.unwrap();
    let (status, user) = hub.post("signup", json!({ "email": invited, "password": PASSWORD })).await;
    assert_eq!((status, user.get("access_token")), (StatusCode::OK, None::<&Value>));
    let (_, settings) = hub.auth(Method::GET, "settings", None, json!({})).await;
    assert_eq!((&settings["disable_signup"], &settings["mailer_autoconfirm"]), (&json!(false), &json!(true)));
    assert_eq!((&settings["external"]["email"], &settings["external"]["google"]), (&json!(true), &json!(false)));
}
