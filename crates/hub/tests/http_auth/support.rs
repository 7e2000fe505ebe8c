//! What the tests of sign-in share: hubs with and without limits, the mails they keep, and plain requests.

use std::{
    sync::{Arc, Mutex, Weak},
    time::Duration,
};

use cockpit_hub::{AuthLimits, HubOptions, Rate};
use reqwest::{Method, StatusCode, redirect::Policy};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::http_support::{SharedHub, answer, shared_in};

pub(crate) const PASSWORD: &str = "longer than six";

static OPEN: Mutex<Weak<SharedHub>> = Mutex::new(Weak::new());
static CLOSED: Mutex<Weak<SharedHub>> = Mutex::new(Weak::new());

/// A hub in which anybody may sign up, without limits.
pub(crate) fn open_hub() -> Arc<SharedHub> {
    shared_in(&OPEN, |options| {
        options.auth.open = true;
        unlimited(options);
    })
}

/// A hub in which only the invited may sign up, without limits.
pub(crate) fn closed_hub() -> Arc<SharedHub> {
    shared_in(&CLOSED, unlimited)
}

pub(crate) fn unlimited(options: &mut HubOptions) {
    let off = Rate { burst: 1, every: Duration::ZERO };
    options.auth.limits = AuthLimits {
        failed_sign_ins_per_account: off,
        failed_sign_ins_per_address: off,
        wrong_codes_per_account: off,
        wrong_codes_per_address: off,
        mail_requests_per_address: off,
        mail_interval: Duration::ZERO,
        mails: off,
    };
}

pub(crate) fn address(name: &str) -> String {
    format!("{name}-{}@cockpit.test", Uuid::new_v4().simple())
}

/// What a kept mail holds.
pub(crate) struct Mail {
    pub(crate) kind: String,
    pub(crate) code: String,
    pub(crate) link: Option<String>,
}

impl Mail {
    /// The token of the link.
    pub(crate) fn link_token(&self) -> String {
        let link = url::Url::parse(self.link.as_ref().unwrap()).unwrap();
        link.query_pairs().find(|(name, _)| name == "token").unwrap().1.into_owned()
    }
}

impl SharedHub {
    /// A request as `token`'s person, or as anybody.
    pub(crate) async fn auth(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> (StatusCode, Value) {
        let mut request = self.request(method, &format!("/auth/v1/{path}"));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(request.json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.auth(Method::POST, path, None, body).await
    }

    /// The newest mail to an address.
    pub(crate) async fn mail(&self, to: &str) -> Mail {
        self.find_mail(to).await.expect("there is a mail")
    }

    pub(crate) async fn find_mail(&self, to: &str) -> Option<Mail> {
        let select = "select kind, code, link from auth.mail where recipient = $1 order by id desc limit 1";
        let row = self.owner().await.query_opt(select, &[&to]).await.unwrap()?;
        Some(Mail { kind: row.get(0), code: row.get(1), link: row.get(2) })
    }

    pub(crate) async fn mail_count(&self, to: &str) -> i64 {
        let count = "select count(*) from auth.mail where recipient = $1";
        self.owner().await.query_one(count, &[&to]).await.unwrap().get(0)
    }

    /// A person who signed up and confirmed the address; answers the session.
    pub(crate) async fn signed_up(&self, email: &str) -> Value {
        let (status, body) = self.post("signup", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let code = self.mail(email).await.code;
        let (status, session) = self.post("verify", json!({ "type": "signup", "email": email, "token": code })).await;
        assert_eq!(status, StatusCode::OK, "{session}");
        session
    }

    /// Follows a mailed link as a browser would and answers where it leads.
    pub(crate) async fn follow(&self, link: &str) -> url::Url {
        let browser = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        let answer = browser.get(link).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{:?}", answer.text().await);
        url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
    }
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

/// Status and error code of a refusal in GoTrue's shape.
pub(crate) fn refusal((status, body): &(StatusCode, Value)) -> (u16, String) {
    assert_eq!(body["code"], status.as_u16(), "the body repeats the status: {body}");
    assert!(body["msg"].is_string(), "{body}");
    (status.as_u16(), text(body, "error_code").to_owned())
}

/// The pairs of an address's fragment.
pub(crate) fn fragment(url: &url::Url) -> std::collections::HashMap<String, String> {
    url::form_urlencoded::parse(url.fragment().unwrap_or_default().as_bytes()).into_owned().collect()
}
