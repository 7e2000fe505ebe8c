//! A read that is being put together.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Count, Filter, Order, Table};
use crate::client::service_url;
use crate::{Error, Secret, TokenSource};

/// Kong, nginx and Cloudflare refuse request lines of about 8 KiB; the method and version have to fit, too.
const LONGEST_URL: usize = 8000;

/// A read of a table. Nothing is sent before one of [`rows`](Self::rows), [`page`](Self::page), [`single`](Self::single),
/// [`maybe_single`](Self::maybe_single) and [`head`](Self::head) is awaited; dropping that future cancels the read.
///
/// The conditions all have to hold; [`any_of`](super::any_of) makes alternatives.
#[derive(Clone)]
pub struct Select {
    pub(super) table: Table,
    columns: String,
    filters: Vec<Filter>,
    order: Vec<Order>,
    limit: Option<u64>,
    offset: Option<u64>,
    pub(super) count: Option<Count>,
    pub(super) credential: Credential,
    url_limit: usize,
    problem: Option<String>,
}

/// As whom a query is asked.
#[derive(Clone)]
pub(super) enum Credential {
    Anonymous,
    Token(Secret),
    Source(Arc<dyn TokenSource>),
}

impl fmt::Debug for Select {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Select")
            .field("table", &self.table)
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl Select {
    pub(super) fn new(table: Table, columns: &str) -> Self {
        Self {
            table,
            columns: without_space(columns),
            filters: Vec::new(),
            order: Vec::new(),
            limit: None,
            offset: None,
            count: None,
            credential: Credential::Anonymous,
            url_limit: LONGEST_URL,
            problem: None,
        }
    }

    /// As the owner of this token. Without one the query is asked as `anon`.
    #[must_use]
    pub fn token(mut self, access_token: impl Into<Secret>) -> Self {
        self.credential = Credential::Token(access_token.into());
        self
    }

    /// As the owner of the tokens of this source, a [`SessionKeeper`](crate::SessionKeeper) for instance. A token that the server
    /// refuses is rejected, and the read repeated once with another.
    #[must_use]
    pub fn tokens(mut self, source: impl TokenSource + 'static) -> Self {
        self.credential = Credential::Source(Arc::new(source));
        self
    }

    /// Only rows for which this condition holds, too.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filters.push(filter);
        self
    }

    /// Only rows for which one of these conditions holds.
    #[must_use]
    pub fn or(self, members: impl IntoIterator<Item = Filter>) -> Self {
        self.filter(super::any_of(members))
    }

    /// Only rows for which this condition does not hold.
    #[must_use]
    pub fn not(self, filter: Filter) -> Self {
        self.filter(filter.not())
    }

    /// Only rows in which the column is null, true or false.
    #[must_use]
    pub fn is(self, column: impl Into<String>, what: super::Is) -> Self {
        self.filter(Filter::is(column, what))
    }

    /// Only rows in which the column is one of the values; none at all, when there are none.
    #[must_use]
    pub fn is_in<T: Into<super::Scalar>>(self, column: impl Into<String>, values: impl IntoIterator<Item = T>) -> Self {
        self.filter(Filter::is_in(column, values))
    }

    /// Ordered by this, after what was named before.
    #[must_use]
    pub fn order(mut self, order: impl Into<Order>) -> Self {
        self.order.push(order.into());
        self
    }

    /// At most this many rows. The server has a limit of its own, 1,000 on hosted projects, which it applies silently.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Rows `from` to `to`, counted from 0, **both included**. Only with an order do ranges fit together.
    #[must_use]
    pub fn range(mut self, from: u64, to: u64) -> Self {
        match to.checked_sub(from).and_then(|rows| rows.checked_add(1)) {
            Some(rows) => (self.offset, self.limit) = (Some(from), Some(rows)),
            None => self.problem = Some(format!("the range ends at {to}, before it begins at {from}")),
        }
        self
    }

    /// Counts the rows that there are without the range: [`Page::total`](super::Page::total).
    #[must_use]
    pub fn count(mut self, how: Count) -> Self {
        self.count = Some(how);
        self
    }

    /// Gives this read another time-out than the client's.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.table.client = self.table.client.with_timeout(timeout);
        self
    }

    /// How many bytes the address may have, where the gateway is known to take more or less than 8,000.
    #[must_use]
    pub fn url_limit(mut self, bytes: usize) -> Self {
        self.url_limit = bytes;
        self
    }

    /// The address that is asked.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] for an empty group or a range that ends before it begins, [`Error::UrlTooLong`].
    pub fn url(&self) -> Result<Url, Error> {
        self.url_with(None)
    }

    /// The same with a limit, unless the query has one.
    pub(super) fn url_with(&self, limit: Option<u64>) -> Result<Url, Error> {
        if let Some(reason) = &self.problem {
            return Err(Error::InvalidQuery { reason: reason.clone() });
        }
        if self.table.name.is_empty() {
            return Err(Error::InvalidQuery { reason: "it names no table".into() });
        }
        let mut url = service_url(self.table.client.url(), &["rest", "v1", &self.table.name]);
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("select", &self.columns);
        for filter in &self.filters {
            let (name, value) = filter.parameter()?;
            pairs.append_pair(&name, &value);
        }
        if !self.order.is_empty() {
            let terms: Vec<_> = self.order.iter().map(Order::term).collect();
            pairs.append_pair("order", &terms.join(","));
        }
        for (name, value) in [("limit", self.limit.or(limit)), ("offset", self.offset)] {
            if let Some(value) = value {
                pairs.append_pair(name, &value.to_string());
            }
        }
        drop(pairs);
        let length = url.as_str().len();
        if length > self.url_limit {
            return Err(Error::UrlTooLong { length, limit: self.url_limit });
        }
        Ok(url)
    }
}

/// White space between columns is for the reader of the program only.
fn without_space(columns: &str) -> String {
    let mut quoted = false;
    let keep = |character: &char| {
        quoted ^= *character == '"';
        quoted || !character.is_whitespace()
    };
    columns.chars().filter(keep).collect()
}
