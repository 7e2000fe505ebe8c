//! PostgREST: functions and small plain reads. The rest of its grammar (filters, ranges, counts) will live beside this.

mod refusal;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::{Answer, service_url};
use crate::{Client, Error, auth};

impl Client {
    /// Calls a database function with named arguments, as the owner of the token or as `anon`.
    ///
    /// A function that returns void answers `()`.
    ///
    /// # Errors
    /// [`Error::Postgrest`] with the SQLSTATE when the database refuses; the transport's errors otherwise. After
    /// [`Error::Timeout`] and [`Error::Network`] the function may have run.
    pub async fn rpc<T: DeserializeOwned>(
        &self,
        function: &str,
        args: &impl Serialize,
        access_token: Option<&str>,
    ) -> Result<T, Error> {
        let url = service_url(self.url(), &["rest", "v1", "rpc", function]);
        let request = self.request(Method::POST, url, access_token).json(args);
        Answer::to(request, function).await?.read(function, refusal::postgrest)
    }

    /// A plain GET below the project's address: `rest/v1/tasks?select=id`, `auth/v1/health`.
    ///
    /// # Errors
    /// As [`Client::rpc`]; below `auth/v1` a refusal is an [`Error::Auth`].
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str, access_token: Option<&str>) -> Result<T, Error> {
        let relative = path.trim_start_matches('/');
        let (below, query) = relative.split_once('?').map_or((relative, None), |(below, query)| (below, Some(query)));
        // Appended segment by segment: joining would let `//other.example/` take the token to another host.
        let mut url = service_url(self.url(), &below.split('/').collect::<Vec<_>>());
        url.set_query(query);
        let answer = Answer::to(self.request(Method::GET, url, access_token), below).await?;
        if below.starts_with("auth/v1") {
            answer.read(below, auth::refusal)
        } else {
            answer.read(below, refusal::postgrest)
        }
    }
}
