//! No public type shows a secret, however it is printed.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use cockpit_supabase::auth::{Callback, LoopbackRedirect, MailOptions, OAuth, Pkce, SignedUp, UserUpdate, Verified};
use cockpit_supabase::{
    ClientOptions, Error, KeeperOptions, MemoryStorage, RealtimeOptions, Secret, Session, SessionKeeper,
    SessionStorage, User,
};

use crate::support::{USER, client};

const VERIFIER: &str = "SECRET-SECRET-SECRET-SECRET-SECRET-SECRET-SECRET";

fn session() -> Session {
    Session {
        access_token: "SECRET".into(),
        refresh_token: "SECRET".into(),
        expires_at: 0,
        user: User::new(USER.parse().unwrap(), None),
    }
}

#[track_caller]
fn hidden(what: &dyn Debug) {
    for shown in [format!("{what:?}"), format!("{what:#?}")] {
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

#[tokio::test]
async fn none_of_them_prints_one() {
    let options = ClientOptions {
        url: "http://127.0.0.1:1".parse().unwrap(),
        anon_key: "SECRET".into(),
        timeout: Duration::from_secs(1),
    };
    let client_with_key = cockpit_supabase::Client::new(options.clone()).unwrap();
    let pkce = Pkce::from_verifier(VERIFIER).unwrap();
    let storage = Arc::new(MemoryStorage::default());
    storage.save(&session()).await.unwrap();
    let keeper = SessionKeeper::new(client_with_key.clone(), storage.clone(), KeeperOptions::default());
    keeper.set_session(session()).await.unwrap();
    hidden(&options);
    hidden(&client_with_key);
    hidden(&client_with_key.auth());
    hidden(&Secret::from("SECRET"));
    hidden(&session());
    hidden(&SignedUp::SignedIn(Box::new(session())));
    hidden(&Verified::SignedIn(Box::new(session())));
    hidden(&Callback::Code("SECRET".into()));
    hidden(&pkce);
    hidden(&MailOptions::default().pkce(&pkce).captcha("SECRET"));
    hidden(&UserUpdate::default().password("SECRET").nonce("SECRET"));
    hidden(&OAuth::new("github"));
    hidden(&storage);
    hidden(&keeper);
    hidden(&keeper.events());
    hidden(&client("http://127.0.0.1:1").from("t").select("id").token("SECRET"));
    hidden(&client("http://127.0.0.1:1").from("t").select("id").tokens(keeper.clone()));
    hidden(&RealtimeOptions::new(client_with_key.url().clone(), "SECRET"));
    let redirect = LoopbackRedirect::bind().await.unwrap();
    let state = redirect.redirect_uri().rsplit('/').next().unwrap().to_owned();
    assert!(!format!("{redirect:?}").contains(&state));
    assert!(!client_with_key.auth().authorize_url(&OAuth::new("github"), &pkce).as_str().contains("SECRET"));
}

#[tokio::test]
async fn no_error_of_an_unreachable_server_shows_what_was_sent() {
    let client = client("http://127.0.0.1:1");
    let pkce = Pkce::from_verifier(VERIFIER).unwrap();
    let errors: Vec<Error> = vec![
        client.auth().sign_in_with_password("a@b.c", "SECRET").await.unwrap_err(),
        client.auth().exchange_code("SECRET", &pkce).await.unwrap_err(),
        client.auth().user("SECRET").await.unwrap_err(),
        client.from("t").select("id").eq("a", "SECRET").token("SECRET").rows::<()>().await.unwrap_err(),
        client.get_json::<()>("rest/v1/t?a=eq.SECRET", Some("SECRET")).await.unwrap_err(),
        // What cannot be put into a header must not be put into the error about it.
        client.auth().user("SECRET\n").await.unwrap_err(),
        Callback::parse("not an address SECRET").unwrap_err(),
        Pkce::from_verifier("SECRET").unwrap_err(),
    ];
    for error in errors {
        hidden(&error);
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
}
