//! Sending a read and reading its answer.

use reqwest::Method;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;
use url::Url;

use super::refusal::postgrest;
use super::select::{Credential, Select};
use crate::Error;
use crate::answer::Answer;

/// PostgREST's word for an answer that is one row instead of a list.
const ONE_ROW: &str = "application/vnd.pgrst.object+json";

/// Rows, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The rows of the range.
    pub rows: Vec<T>,
    /// The place of the first of them among all, if there is one.
    pub first: Option<u64>,
    /// How many there are without the range; none when [`Select::count`] did not ask.
    pub total: Option<u64>,
}

impl Select {
    /// All rows that the query finds, up to the limits of the query and of the server.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] and [`Error::UrlTooLong`] before anything is sent; [`Error::Postgrest`] when the database refuses;
    /// the transport's errors, and those of the source of tokens, otherwise.
    pub async fn rows<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        Ok(self.page().await?.rows)
    }

    /// Rows with their place among all, and with the count if [`count`](Self::count) asked for it.
    ///
    /// # Errors
    /// As [`rows`](Self::rows). When the rows are counted exactly, a range beyond the last of them is an [`Error::Postgrest`] with
    /// `PGRST103`.
    pub async fn page<T: DeserializeOwned>(&self) -> Result<Page<T>, Error> {
        let answer = self.ask(Method::GET, self.url()?, None).await?;
        let rows = answer.read(self.what(), postgrest)?;
        let (first, total) = answer.content_range().map_or((None, None), content_range);
        Ok(Page { rows, first, total })
    }

    /// The one row that the query finds.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and [`Error::Postgrest`] with `PGRST116` when it finds none or several.
    pub async fn single<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.ask(Method::GET, self.url()?, Some(ONE_ROW)).await?.read(self.what(), postgrest)
    }

    /// The one row that the query finds, if it finds one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), and [`Error::Postgrest`] with `PGRST116`, as PostgREST has it, when it finds several.
    pub async fn maybe_single<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        // A list of at most two: the server's own refusal tells none from several only in words.
        let answer = self.ask(Method::GET, self.url_with(Some(2))?, None).await?;
        let mut rows: Vec<T> = answer.read(self.what(), postgrest)?;
        if rows.len() > 1 {
            return Err(Error::Postgrest {
                status: 406,
                code: "PGRST116".into(),
                message: "one row was asked for and several were found".into(),
                details: None,
                hint: None,
            });
        }
        Ok(rows.pop())
    }

    /// Only the number of rows that the query finds without its range. If [`count`](Self::count) did not say how, it is exact.
    ///
    /// # Errors
    /// As [`rows`](Self::rows), except that a refusal has no body and is an [`Error::Http`]; [`Error::Decode`] when the server
    /// does not say the number.
    pub async fn head(&self) -> Result<u64, Error> {
        let mut counted = self.clone();
        counted.count = Some(counted.count.unwrap_or(super::Count::Exact));
        let answer = counted.ask(Method::HEAD, counted.url()?, None).await?;
        answer.check(postgrest)?;
        let total = answer.content_range().and_then(|range| content_range(range).1);
        let missing = || Error::Decode { what: self.what().into(), message: "it has no count".into() };
        total.ok_or_else(missing)
    }

    fn what(&self) -> &str {
        &self.table.name
    }

    async fn ask(&self, method: Method, url: Url, accept: Option<&'static str>) -> Result<Answer, Error> {
        let source = match &self.credential {
            Credential::Anonymous => return self.send(method, url, accept, None).await,
            Credential::Token(token) => return self.send(method, url, accept, Some(token)).await,
            Credential::Source(source) => source,
        };
        let token = source.access_token().await?;
        let answer = self.send(method.clone(), url.clone(), accept, Some(&token)).await?;
        let refused = answer.check(postgrest).is_err_and(|error| error.is_unauthorized());
        if !refused {
            return Ok(answer);
        }
        source.reject(&token);
        let token = source.access_token().await?;
        self.send(method, url, accept, Some(&token)).await
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        accept: Option<&'static str>,
        access_token: Option<&str>,
    ) -> Result<Answer, Error> {
        let mut request = self.table.client.request(method, url, access_token);
        if let Some(accept) = accept {
            // In place of the one that every request has; `header` would add a second.
            request = request.headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]));
        }
        if let Some(schema) = &self.table.schema {
            request = request.header("accept-profile", schema);
        }
        if let Some(count) = self.count {
            request = request.header("prefer", count.preference());
        }
        Answer::to(request, self.what()).await
    }
}

/// The first row's place and the number of all, from `0-24/573`, `0-24/*` or `*/0`. What does not fit is not told.
fn content_range(text: &str) -> (Option<u64>, Option<u64>) {
    let Some((range, total)) = text.rsplit_once('/') else { return (None, None) };
    let first = range.trim_start_matches("items ").split('-').next();
    (first.and_then(|first| first.trim().parse().ok()), total.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::content_range;
    use rstest::rstest;

    #[rstest]
    #[case("0-24/573", (Some(0), Some(573)))]
    #[case("50-99/*", (Some(50), None))]
    #[case("*/0", (None, Some(0)))]
    #[case("*/*", (None, None))]
    #[case("", (None, None))]
    #[case("a-b/c/99999999999999999999999", (None, None))]
    fn reads_what_postgrest_says_of_a_range(#[case] text: &str, #[case] expected: (Option<u64>, Option<u64>)) {
        assert_eq!(content_range(text), expected);
    }
}
