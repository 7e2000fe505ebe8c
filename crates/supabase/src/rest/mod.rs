//! PostgREST: functions, reads of tables with filters, and broadcasts that are sent over HTTP.
//!
//! Everything a query takes from a person (the values) is quoted by PostgREST's rules, so no value can become syntax. Everything
//! that is part of the query's text ([`select`](Table::select)'s columns, the names of columns) is PostgREST's own grammar and is
//! sent as it is: a column may be `data->>key` or `client.name`. [`quote_name`] quotes a name that is neither.

mod broadcast;
mod fetch;
mod filter;
mod order;
mod quoting;
mod refusal;
mod select;
mod table;
mod value;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use broadcast::BroadcastMessage;
pub use fetch::Page;
pub use filter::{Filter, Is, TextSearch, all_of, any_of};
pub use order::{Count, Order};
pub use quoting::{like_literal, quote_name};
pub use select::Select;
pub use table::Table;
pub use value::{Container, Scalar};

use crate::answer::Answer;
use crate::client::service_url;
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

    /// A table or view, to read from.
    ///
    /// ```no_run
    /// # use cockpit_supabase::{Client, Error, rest::{Count, Order}};
    /// # async fn read(client: Client, token: &str) -> Result<(), Error> {
    /// #[derive(serde::Deserialize)]
    /// struct Task { id: i64, name: String }
    ///
    /// let page = client
    ///     .from("tasks")
    ///     .select("id,name")
    ///     .eq("status", "open")
    ///     .order(Order::by("due").nulls_last())
    ///     .range(0, 49)
    ///     .count(Count::Exact)
    ///     .token(token)
    ///     .page::<Task>()
    ///     .await?;
    /// println!("{} of {:?}", page.rows.len(), page.total);
    /// # Ok(()) }
    /// ```
    pub fn from(&self, table: impl Into<String>) -> Table {
        Table::new(self.clone(), table.into())
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
