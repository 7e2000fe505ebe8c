//! What several tests need.

use std::time::Duration;

use cockpit_supabase::{Client, ClientOptions};
use serde_json::{Value, json};
use url::Url;

pub(crate) const USER: &str = "00000001-0000-4000-8000-000000000001";

pub(crate) fn client(url: &str) -> Client {
    client_with(url, Duration::from_secs(10))
}

pub(crate) fn client_with(url: &str, timeout: Duration) -> Client {
    let url = Url::parse(url).unwrap();
    Client::new(ClientOptions { timeout, ..ClientOptions::new(url, "anon-key") }).unwrap()
}

/// An answer of the token endpoint.
pub(crate) fn issued(access_token: &str, refresh_token: &str) -> Value {
    json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": 3600,
        "expires_at": 1,
        "refresh_token": refresh_token,
        "user": { "id": USER, "email": "ada@example.org", "role": "authenticated" },
    })
}
