//! Where a mailed link may lead: to a program on the same machine, to Cockpit itself, or to a page of the hub.

use axum::http::Uri;
use url::{Host, Url, form_urlencoded};

use super::{answer::TokenAnswer, error::AuthError};
use crate::{app::App, http::gateway::query_value};

/// The page that tells a person that they may go back to Cockpit.
pub(in crate::http) const DONE_PAGE: &str = "/hub/v1/done";
/// Longer ones are no addresses of a program that waits for its person.
const MAX_BYTES: usize = 2000;

/// The request's `redirect_to` when it is allowed, else nothing.
pub(super) fn asked(app: &App, uri: &Uri) -> Option<String> {
    let asked = query_value(uri, "redirect_to")?;
    let allowed = is_allowed(&asked, &app.auth.public_url);
    if !allowed && !asked.is_empty() {
        tracing::info!("a redirect to an address that is not allowed was replaced by the hub's own page");
    }
    // As it was understood, not as it was written: what a header cannot hold is gone from it.
    Url::parse(&asked).ok().filter(|_| allowed).map(String::from)
}

/// The hub's own page.
pub(super) fn default(app: &App) -> String {
    format!("{}{DONE_PAGE}", app.auth.public_url)
}

/// The link of a mail.
pub(super) fn mailed_link(app: &App, token: &str, verify_type: &str, redirect_to: Option<&str>) -> String {
    link(&app.auth.public_url, token, verify_type, redirect_to)
}

/// The link of a mail from the hub at `public_url`.
pub(crate) fn link(public_url: &str, token: &str, verify_type: &str, redirect_to: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("token", token).append_pair("type", verify_type);
    if let Some(redirect_to) = redirect_to {
        query.append_pair("redirect_to", redirect_to);
    }
    format!("{public_url}/auth/v1/verify?{}", query.finish())
}

/// The address to go to with a session in its fragment, which no server along the way sees.
pub(super) fn with_session(to: &str, answer: &TokenAnswer, verify_type: &str) -> String {
    let pairs = [
        ("access_token", answer.access_token.as_str()),
        ("expires_at", &answer.expires_at.to_string()),
        ("expires_in", &answer.expires_in.to_string()),
        ("refresh_token", &answer.refresh_token),
        ("token_type", "bearer"),
        ("type", verify_type),
    ];
    with_fragment(to, &pairs)
}

/// The address to go to with the code of a PKCE flow.
pub(super) fn with_code(to: &str, code: &str) -> String {
    with_query(to, &[("code", code)])
}

/// The address to go to when only the first of two confirmations was given.
pub(super) fn with_message(to: &str, message: &str, pkce: bool) -> String {
    let to = if pkce { with_query(to, &[("message", message)]) } else { to.to_owned() };
    with_fragment(&to, &[("message", message), ("sb", "")])
}

/// The address to go to with an error: in the fragment, and for PKCE, whose client reads only the query, there too.
pub(super) fn with_error(to: &str, error: &AuthError, pkce: bool) -> String {
    let kind = match error.status.as_u16() {
        400 => "invalid_request",
        401 => "unauthorized_client",
        403 => "access_denied",
        503 => "temporarily_unavailable",
        _ => "server_error",
    };
    let pairs = [("error", kind), ("error_code", error.error_code), ("error_description", error.msg.as_str())];
    let to = if pkce { with_query(to, &pairs) } else { to.to_owned() };
    let [kind, code, description] = pairs;
    with_fragment(&to, &[kind, code, description, ("sb", "")])
}

fn with_query(to: &str, pairs: &[(&str, &str)]) -> String {
    match Url::parse(to) {
        Ok(mut url) => {
            url.query_pairs_mut().extend_pairs(pairs);
            url.to_string()
        }
        Err(_) => to.to_owned(),
    }
}

fn with_fragment(to: &str, pairs: &[(&str, &str)]) -> String {
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    fragment.extend_pairs(pairs);
    let to = to.split_once('#').map_or(to, |(before, _)| before);
    format!("{to}#{}", fragment.finish())
}

fn is_allowed(to: &str, public_url: &str) -> bool {
    let Ok(url) = Url::parse(to) else { return false };
    if to.len() > MAX_BYTES || !url.username().is_empty() || url.password().is_some() {
        return false;
    }
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let own = Url::parse(public_url).is_ok_and(|own| own.origin() == url.origin());
    match url.scheme() {
        "cockpit" => true,
        "http" | "https" => loopback || own,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_allowed, with_code, with_fragment};

    #[test]
    fn links_lead_to_this_machine_to_cockpit_or_to_the_hub() {
        let own = "https://hub.example.com:8443";
        for good in [
            "http://127.0.0.1:5173/callback?x=1",
            "http://localhost/",
            "http://[::1]:9/",
            "cockpit://auth/callback",
            "https://hub.example.com:8443/x",
        ] {
            assert!(is_allowed(good, own), "{good}");
        }
        for bad in [
            "",
            "/relative",
            "https://evil.example",
            "https://hub.example.com/x",
            "http://hub.example.com:8443/",
            "https://hub.example.com:8443@evil.example/",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
        ] {
            assert!(!is_allowed(bad, own), "{bad}");
        }
    }

    #[test]
    fn what_is_handed_over_is_added_to_the_address_and_escaped() {
        assert_eq!(with_code("cockpit://auth?x=1", "a b"), "cockpit://auth?x=1&code=a+b");
        assert_eq!(with_fragment("http://localhost/#old", &[("a", "b&c")]), "http://localhost/#a=b%26c");
    }
}
