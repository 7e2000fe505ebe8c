//! Sign-in with an account elsewhere: the address to open in a browser, and the exchange of the code that comes back.

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::{Auth, Pkce, Session, wire};
use crate::client::service_url;
use crate::{Error, Secret};

/// A sign-in with a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuth {
    provider: String,
    redirect_to: Option<String>,
    scopes: Vec<String>,
    query: Vec<(String, String)>,
}

impl OAuth {
    /// With this provider, by the server's name for it: `github`, `google`, `azure`, `keycloak`.
    pub fn new(provider: impl Into<String>) -> Self {
        Self { provider: provider.into(), redirect_to: None, scopes: Vec::new(), query: Vec::new() }
    }

    /// Where the browser comes back to: a deep link, or [`LoopbackRedirect::redirect_uri`](super::LoopbackRedirect::redirect_uri).
    #[must_use]
    pub fn redirect_to(mut self, address: impl Into<String>) -> Self {
        self.redirect_to = Some(address.into());
        self
    }

    /// A right to ask the provider for, beyond those that the server asks for anyway.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// A parameter that the server hands on to the provider, `prompt=consent` for instance.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }
}

/// What the exchange of a code gives.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exchanged {
    /// The session.
    pub session: Session,
    /// The provider's own access token, given this once.
    pub provider_token: Option<Secret>,
    /// The provider's own refresh token, given this once and not by every provider.
    pub provider_refresh_token: Option<Secret>,
}

impl Auth<'_> {
    /// The address to open in the person's browser (not in a view of the program's own: providers refuse those). Nothing is sent.
    ///
    /// The browser comes back to the redirect address with a code: [`Callback::parse`](super::Callback::parse), then
    /// [`exchange_code`](Self::exchange_code).
    pub fn authorize_url(&self, oauth: &OAuth, pkce: &Pkce) -> Url {
        let mut url = service_url(self.client.url(), &["auth", "v1", "authorize"]);
        let mut pairs = url.query_pairs_mut();
        // First, because a repeated name counts where it stands first: no extra parameter can take the challenge's place.
        pairs.append_pair("provider", &oauth.provider);
        pairs.append_pair("code_challenge", pkce.challenge());
        pairs.append_pair("code_challenge_method", Pkce::METHOD);
        if let Some(address) = &oauth.redirect_to {
            pairs.append_pair("redirect_to", address);
        }
        if !oauth.scopes.is_empty() {
            pairs.append_pair("scopes", &oauth.scopes.join(" "));
        }
        for (name, value) in &oauth.query {
            pairs.append_pair(name, value);
        }
        drop(pairs);
        url
    }

    /// Exchanges the code of a callback, once. It serves for providers and for the links of mails alike.
    ///
    /// # Errors
    /// [`Error::Auth`] with `flow_state_not_found` or `flow_state_expired` for a code that is spent or too old (five minutes), and
    /// `bad_code_verifier` for one that another device asked for; the transport's errors otherwise.
    pub async fn exchange_code(&self, code: &str, pkce: &Pkce) -> Result<Exchanged, Error> {
        let body = json!({ "auth_code": code, "code_verifier": pkce.verifier().expose() });
        let request = self.request(Method::POST, "token", &[("grant_type", "pkce")], None).json(&body);
        let issued: wire::IssuedSession = self.ask(request, "exchange of the code").await?;
        Ok(issued.into_exchanged(super::session::unix_now()))
    }
}

#[cfg(test)]
mod tests {
    use super::{OAuth, Pkce};
    use crate::{Client, ClientOptions};

    #[test]
    fn the_address_names_everything_and_nothing_secret() {
        let url = "http://127.0.0.1:54321/prefix".parse().unwrap();
        let options = ClientOptions { url, anon_key: "KEY".into(), timeout: std::time::Duration::from_secs(1) };
        let client = Client::new(options).unwrap();
        let pkce = Pkce::from_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let oauth = OAuth::new("git hub")
            .redirect_to("cockpit://auth?next=/a&b")
            .scope("repo")
            .scope("user:email")
            .query("prompt", "consent");
        let address = client.auth().authorize_url(&oauth, &pkce);
        assert_eq!(
            address.as_str(),
            "http://127.0.0.1:54321/prefix/auth/v1/authorize?provider=git+hub\
             &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=s256\
             &redirect_to=cockpit%3A%2F%2Fauth%3Fnext%3D%2Fa%26b&scopes=repo+user%3Aemail&prompt=consent"
        );
    }
}
