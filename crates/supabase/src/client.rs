//! The HTTP side: one connection pool, one time-out, one way to read an answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use url::Url;

use crate::auth::Auth;
use crate::secret::Secret;
use crate::{Error, tls};

/// What a [`Client`] needs to know.
#[derive(Clone)]
pub struct ClientOptions {
    /// The project's address, `https://abc.supabase.co` for instance. A path in front of `/auth/v1` and `/rest/v1` is kept.
    pub url: Url,
    /// The anonymous or publishable key. It is not a secret of a person, but stays out of logs all the same.
    pub anon_key: String,
    /// The time for a whole request, from connecting to the last byte of the answer.
    pub timeout: Duration,
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientOptions")
            .field("url", &self.url.as_str())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A Supabase project over HTTP. Cloning is cheap and shares the connection pool.
///
/// Dropping a call's future cancels it: the connection is closed (or, with HTTP/2, its stream is reset) and nothing of the call
/// stays behind. What the server had begun it may still finish. Every call ends within the client's time-out, also when the
/// server stalls in the middle of its answer.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// Instead of the time-out of the options, for calls through this handle.
    timeout: Option<Duration>,
}

struct Shared {
    http: reqwest::Client,
    url: Url,
    anon_key: Secret,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("url", &self.shared.url.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the project; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when the address is not `http` or `https` with a host or carries credentials, [`Error::Tls`] when
    /// the machine's TLS cannot be set up.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let url = base_url(options.url)?;
        let tls = match tls::client_config(&url)? {
            Some(config) => (*config).clone(),
            None => tls::trusting_nobody()?,
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // A redirect would carry tokens to whoever it names; none of the services uses one.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(options.timeout)
            .timeout(options.timeout)
            .user_agent(concat!("cockpit-supabase/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&url) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Error::Tls { message: chain(&error) })?;
        Ok(Self { shared: Arc::new(Shared { http, url, anon_key: options.anon_key.into() }), timeout: None })
    }

    /// The same client with another time-out for a whole request; connecting alone may not take longer than the options say.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), timeout: Some(timeout) }
    }

    /// The project's address, without a slash at the end of its path (unless the path is only that).
    pub fn url(&self) -> &Url {
        &self.shared.url
    }

    /// The anonymous or publishable key.
    pub fn anon_key(&self) -> &str {
        &self.shared.anon_key
    }

    /// Sign-in and sessions.
    pub fn auth(&self) -> Auth<'_> {
        Auth::new(self)
    }

    /// A request to an address below the project's, as the owner of the token, or as `anon` without one.
    pub(crate) fn request(&self, method: Method, url: Url, access_token: Option<&str>) -> RequestBuilder {
        let anon_key = self.shared.anon_key.expose();
        let request = self
            .shared
            .http
            .request(method, url)
            .header("apikey", anon_key)
            .header("accept", "application/json")
            .bearer_auth(access_token.unwrap_or(anon_key));
        match self.timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
    }
}

/// `base` with the segments appended to its path, each of them encoded.
pub(crate) fn service_url(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        // A base has a host, checked when the client was made, so it always has segments.
        segments.pop_if_empty().extend(path);
    }
    url
}

fn base_url(mut url: Url) -> Result<Url, Error> {
    let invalid = |url: &Url, reason: &str| Error::InvalidUrl { url: without_password(url), reason: reason.into() };
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid(&url, "it must begin with http:// or https://"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(invalid(&url, "it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid(&url, "it must not carry a user name or password"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let trimmed = url.path().trim_end_matches('/').to_owned();
    url.set_path(&trimmed);
    Ok(url)
}

fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    // A key may have been pasted along with the address.
    shown.set_query(None);
    shown.set_fragment(None);
    // Fails only for addresses that cannot have credentials, and those have nothing to hide.
    if shown.set_password(None).is_err() || shown.set_username("").is_err() {
        return shown.scheme().to_owned();
    }
    shown.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The message with those of its causes: reqwest's own says only that sending failed.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{base_url, is_loopback, service_url};
    use rstest::rstest;
    use url::Url;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[rstest]
    #[case("https://abc.supabase.co", "https://abc.supabase.co/rest/v1/rpc/f")]
    #[case("https://abc.supabase.co/?x=1#y", "https://abc.supabase.co/rest/v1/rpc/f")]
    #[case("http://127.0.0.1:54321/prefix/", "http://127.0.0.1:54321/prefix/rest/v1/rpc/f")]
    fn appends_services_to_the_base(#[case] base: &str, #[case] expected: &str) {
        let base = base_url(url(base)).unwrap();
        assert_eq!(service_url(&base, &["rest", "v1", "rpc", "f"]).as_str(), expected);
    }

    #[test]
    fn a_function_name_cannot_leave_its_folder() {
        let address = service_url(&url("http://h"), &["rest", "v1", "rpc", "../../auth?x"]);
        assert_eq!(address.as_str(), "http://h/rest/v1/rpc/..%2F..%2Fauth%3Fx");
    }

    #[rstest]
    #[case("ftp://host")]
    #[case("file:///etc/passwd")]
    #[case("https://user:hunter2@host")]
    #[case("ftp://host/?apikey=hunter2#hunter2")]
    fn refuses_addresses_that_cannot_be_a_project(#[case] text: &str) {
        let error = base_url(url(text)).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "a password must not be shown: {error}");
    }

    #[rstest]
    #[case("http://localhost:1", true)]
    #[case("http://[::1]:1", true)]
    #[case("http://127.8.8.8", true)]
    #[case("http://localhost.example.com", false)]
    fn knows_loopback(#[case] text: &str, #[case] loopback: bool) {
        assert_eq!(is_loopback(&url(text)), loopback);
    }
}
