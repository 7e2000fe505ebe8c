//! Which rows of a result are wanted: `limit` and `offset`, the header `Range`, and the answer's `Content-Range`.

use axum::http::{HeaderMap, StatusCode};

use super::{MAX_ROWS, error::RestError};

/// A window on the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) offset: i64,
    /// At most [`MAX_ROWS`].
    pub(super) limit: i64,
}

impl Window {
    /// What the query and the header both allow: their intersection, as in PostgREST.
    pub(super) fn new(limit: Option<i64>, offset: Option<i64>, headers: &HeaderMap) -> Result<Self, RestError> {
        if limit.is_some_and(i64::is_negative) {
            return Err(RestError::range("Limit should be greater than or equal to zero."));
        }
        if offset.is_some_and(i64::is_negative) {
            return Err(RestError::range("Offset should be greater than or equal to zero."));
        }
        let (first, last) = header_range(headers)?;
        let from = offset.unwrap_or(0).max(first);
        let query_end = limit.map(|limit| offset.unwrap_or(0).saturating_add(limit));
        let header_end = last.map(|last| last.saturating_add(1));
        let end = [query_end, header_end].into_iter().flatten().min();
        let limit = end.map_or(MAX_ROWS, |end| end.saturating_sub(from).clamp(0, MAX_ROWS));
        Ok(Self { offset: from, limit })
    }

    /// Status and `Content-Range` for so many rows of so many in all.
    pub(super) fn answer(self, rows: i64, total: Option<i64>) -> Result<(StatusCode, String), RestError> {
        let known = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
        if let Some(total) = total.filter(|total| self.offset > *total) {
            return Err(RestError::beyond(self.offset, total));
        }
        let status = match total {
            Some(total) if rows < total => StatusCode::PARTIAL_CONTENT,
            _ => StatusCode::OK,
        };
        let range = match rows {
            0 => format!("*/{known}"),
            rows => format!("{}-{}/{known}", self.offset, self.offset.saturating_add(rows).saturating_sub(1)),
        };
        Ok((status, range))
    }
}

/// `0-24` or `25-`; another form is no range, as in PostgREST, which ignores it.
fn header_range(headers: &HeaderMap) -> Result<(i64, Option<i64>), RestError> {
    let text = headers.get("range").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((first, last)) = text.strip_prefix("items=").unwrap_or(text).split_once('-') else { return Ok((0, None)) };
    let Ok(first) = first.parse::<u32>() else { return Ok((0, None)) };
    let last = match last {
        "" => None,
        last => match last.parse::<u32>() {
            Ok(last) => Some(last),
            Err(_) => return Ok((0, None)),
        },
    };
    if last.is_some_and(|last| last < first) {
        return Err(RestError::range(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    Ok((first.into(), last.map(i64::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(limit: Option<i64>, offset: Option<i64>, range: &str) -> Window {
        let mut headers = HeaderMap::new();
        headers.insert("range", range.parse().unwrap());
        Window::new(limit, offset, &headers).unwrap()
    }

    #[rstest::rstest]
    #[case(None, None, "", 0, 1000)]
    #[case(Some(5), Some(10), "", 10, 5)]
    #[case(Some(5000), None, "", 0, 1000)]
    #[case(None, None, "10-19", 10, 10)]
    #[case(None, None, "10-", 10, 1000)]
    #[case(Some(15), None, "10-19", 10, 5)]
    #[case(Some(5), None, "10-19", 10, 0)]
    #[case(None, None, "bytes=1-2", 0, 1000)]
    #[case(None, None, "99999999999999999999-", 0, 1000)]
    #[case(Some(i64::MAX), Some(i64::MAX), "", i64::MAX, 0)]
    fn query_and_header_are_intersected(
        #[case] limit: Option<i64>,
        #[case] offset: Option<i64>,
        #[case] range: &str,
        #[case] from: i64,
        #[case] rows: i64,
    ) {
        assert_eq!(window(limit, offset, range), Window { offset: from, limit: rows });
    }

    #[test]
    fn the_answer_tells_where_it_stands() {
        let window = Window { offset: 10, limit: 10 };
        assert_eq!(window.answer(10, None).unwrap(), (StatusCode::OK, "10-19/*".into()));
        assert_eq!(window.answer(10, Some(30)).unwrap(), (StatusCode::PARTIAL_CONTENT, "10-19/30".into()));
        assert_eq!(window.answer(0, Some(10)).unwrap(), (StatusCode::PARTIAL_CONTENT, "*/10".into()));
        assert!(window.answer(0, Some(9)).is_err());
        let whole = Window { offset: 0, limit: 1000 };
        assert_eq!(whole.answer(3, Some(3)).unwrap(), (StatusCode::OK, "0-2/3".into()));
        assert_eq!(whole.answer(0, Some(0)).unwrap(), (StatusCode::OK, "*/0".into()));
    }
}
