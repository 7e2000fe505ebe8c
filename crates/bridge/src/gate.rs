//! Who may come in.
//!
//! Every answer to a plain request gives the browser a random cookie (`HttpOnly`, `SameSite=Strict`). The token of the printed address is good
//! for one browser: its first use on a socket binds it to that browser's cookie, and from then on it is worth nothing with another one. So a
//! reload, and further windows of the same browser, get in (the page keeps the token in its `sessionStorage`), and somebody who reads the
//! address later does not.

use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decides who may come in.
pub(crate) struct Gate {
    port: u16,
    token: String,
    // A plain mutex: it is held for one comparison.
    bound_to: Mutex<Option<String>>,
}

impl Gate {
    /// A gate with a new token.
    pub(crate) fn new(port: u16) -> Self {
        Self { port, token: random(), bound_to: Mutex::new(None) }
    }

    /// What the printed address carries.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Whether the request names this server, and not a name that somebody else made point here.
    pub(crate) fn is_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| self.names().iter().any(|name| name == host))
    }

    /// Whether the request comes from a page of this server. Browsers always say so when they open a socket.
    pub(crate) fn is_origin(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin
            .and_then(|origin| origin.strip_prefix("http://"))
            .is_some_and(|host| self.names().iter().any(|name| name == host))
    }

    /// A cookie for a browser that has none yet.
    pub(crate) fn cookie_for(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.cookie_of(headers).is_some() {
            return None;
        }
        let cookie = format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie_name(), random());
        HeaderValue::from_str(&cookie).ok()
    }

    /// The browser's cookie.
    pub(crate) fn cookie_of(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.cookie_name();
        let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        all.flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    }

    /// Whether a page of the browser with that cookie may come in with that token.
    pub(crate) fn admits(&self, token: &str, cookie: Option<&str>) -> bool {
        let Some(cookie) = cookie.filter(|cookie| !cookie.is_empty()) else { return false };
        if !equal(token, &self.token) {
            return false;
        }
        let mut bound_to = self.bound_to.lock().unwrap_or_else(PoisonError::into_inner);
        equal(bound_to.get_or_insert_with(|| cookie.to_owned()), cookie)
    }

    fn names(&self) -> [String; 2] {
        [format!("127.0.0.1:{}", self.port), format!("localhost:{}", self.port)]
    }

    /// Cookies do not know ports, so each bridge has a name of its own.
    fn cookie_name(&self) -> String {
        format!("cockpit-bridge-{}", self.port)
    }
}

fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Compares without telling by the time it takes how much is right.
fn equal(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn the_first_browser_keeps_the_token() {
        let gate = Gate::new(1);
        let token = gate.token().to_owned();
        assert!(!gate.admits(&token, None), "a browser without a cookie cannot be recognised");
        assert!(!gate.admits("wrong", Some("a")));
        assert!(gate.admits(&token, Some("a")));
        assert!(gate.admits(&token, Some("a")), "a reload");
        assert!(!gate.admits(&token, Some("b")), "another browser");
    }

    #[test]
    fn only_the_servers_own_name_is_a_host() {
        let gate = Gate::new(4000);
        assert!(gate.is_host(&headers(&[(header::HOST, "127.0.0.1:4000")])));
        assert!(gate.is_host(&headers(&[(header::HOST, "localhost:4000")])));
        for host in ["evil.example:4000", "127.0.0.1:4001", "127.0.0.1"] {
            assert!(!gate.is_host(&headers(&[(header::HOST, host)])), "{host}");
        }
        assert!(!gate.is_host(&HeaderMap::new()));
    }

    #[test]
    fn only_the_servers_own_pages_are_an_origin() {
        let gate = Gate::new(4000);
        assert!(gate.is_origin(&headers(&[(header::ORIGIN, "http://127.0.0.1:4000")])));
        for origin in ["https://evil.example", "http://127.0.0.1:4001", "null", "https://127.0.0.1:4000"] {
            assert!(!gate.is_origin(&headers(&[(header::ORIGIN, origin)])), "{origin}");
        }
        assert!(!gate.is_origin(&HeaderMap::new()));
    }

    #[test]
    fn a_browser_gets_one_cookie() {
        let gate = Gate::new(4000);
        let cookie = gate.cookie_for(&HeaderMap::new()).unwrap();
        let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        let back = headers(&[(header::COOKIE, &format!("other=1; {pair}"))]);
        assert_eq!(gate.cookie_of(&back).as_deref(), pair.split_once('=').map(|(_, value)| value));
        assert_eq!(gate.cookie_for(&back), None);
    }
}
