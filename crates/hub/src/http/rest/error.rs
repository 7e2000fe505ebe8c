//! PostgREST's error bodies, `{code, message, details, hint}`, and its table from SQLSTATE to HTTP status.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use deadpool_postgres::PoolError;
use serde_json::json;

use super::grammar::Unparsable;
use crate::token::{Role, TokenError};

/// A refused or failed request to `/rest/v1`.
#[derive(Debug)]
pub(in crate::http) struct RestError {
    status: StatusCode,
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
    /// Of a range behind the last row: how many rows there are, for `Content-Range`.
    total: Option<i64>,
}

/// So much of a text that was not understood is repeated.
const SHOWN: usize = 500;

impl RestError {
    /// An expired or forged token.
    pub(super) fn jwt(error: TokenError) -> Self {
        let message = match error {
            TokenError::Expired { .. } => "JWT expired".to_owned(),
            other => other.to_string(),
        };
        Self::new(StatusCode::UNAUTHORIZED, "PGRST301", message)
    }

    /// A body that is no JSON object.
    pub(super) fn body() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST102", "Empty or invalid json")
    }

    /// A query parameter that is none of its kind: where and why.
    pub(super) fn syntax(kind: &str, text: &str, why: &Unparsable) -> Self {
        let shown: String = text.chars().take(SHOWN).collect();
        let message = format!("\"failed to parse {kind} ({shown})\" (line 1, column {})", why.column);
        Self::new(StatusCode::BAD_REQUEST, "PGRST100", message).details(&why.details)
    }

    /// More than the hub takes in one request.
    pub(super) fn too_much(what: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST100", format!("the request has too many parts: {what}"))
    }

    /// A selection of rows of another table.
    pub(super) fn no_relationship(table: &str, other: &str) -> Self {
        let message = format!("Could not find a relationship between '{table}' and '{other}' in the schema cache");
        Self::new(StatusCode::BAD_REQUEST, "PGRST200", message)
            .details("This hub does not embed rows of other tables: read them by a request of their own.")
    }

    /// `count()` and its like, which hosted projects do not allow either.
    pub(super) fn no_aggregates() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "PGRST123", "Use of aggregate functions is not allowed")
    }

    /// A filter on a table that the selection does not embed.
    pub(super) fn not_embedded(other: &str) -> Self {
        let message = format!("'{other}' is not an embedded resource in this request");
        let mut error = Self::new(StatusCode::BAD_REQUEST, "PGRST108", message);
        error.hint = Some(format!("Verify that '{other}' is included in the 'select' query parameter."));
        error
    }

    /// No such table or view.
    pub(super) fn no_table(name: &str) -> Self {
        let message = format!("Could not find the table 'public.{name}' in the schema cache");
        Self::new(StatusCode::NOT_FOUND, "PGRST205", message)
    }

    /// The table has no such column, in PostgreSQL's words.
    pub(super) fn no_column(table: &str, column: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "42703", format!("column {table}.{column} does not exist"))
    }

    /// A schema that is not served.
    pub(super) fn schema(name: &str) -> Self {
        let mut error = Self::new(StatusCode::NOT_ACCEPTABLE, "PGRST106", format!("Invalid schema: {name}"));
        error.hint = Some("Only the following schemas are exposed: public".to_owned());
        error
    }

    /// A form of answer that the hub does not write.
    pub(super) fn media(asked: &str) -> Self {
        let message = format!("None of these media types are available: {asked}");
        Self::new(StatusCode::NOT_ACCEPTABLE, "PGRST107", message)
    }

    /// One row was asked for.
    pub(super) fn not_single(rows: i64) -> Self {
        let message = "Cannot coerce the result to a single JSON object";
        Self::new(StatusCode::NOT_ACCEPTABLE, "PGRST116", message).details(&format!("The result contains {rows} rows"))
    }

    /// A range that no result can have.
    pub(super) fn range(why: &str) -> Self {
        let message = "Requested range not satisfiable";
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "PGRST103", message).details(why)
    }

    /// A range that begins behind the last row.
    pub(super) fn beyond(offset: i64, total: i64) -> Self {
        let mut error = Self::range(&format!("An offset of {offset} was requested, but there are only {total} rows."));
        error.total = Some(total);
        error
    }

    /// A method that tables do not have here.
    pub(super) fn method(method: &str) -> Self {
        let message = format!("Unsupported HTTP method: {method}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "PGRST117", message)
            .details("Tables can be read only; this hub writes through functions.")
    }

    /// No function of this name takes these arguments.
    pub(super) fn no_function(name: &str, arguments: &[&str]) -> Self {
        let (called, searched) = if arguments.is_empty() {
            (format!("public.{name} without parameters"), "without parameters".to_owned())
        } else {
            let list = arguments.join(", ");
            let noun = if arguments.len() == 1 { "parameter" } else { "parameters" };
            (format!("public.{name}({list})"), format!("with {noun} {list}"))
        };
        let mut error = Self::new(
            StatusCode::NOT_FOUND,
            "PGRST202",
            format!("Could not find the function {called} in the schema cache"),
        );
        error.details = Some(format!(
            "Searched for the function public.{name} {searched} or with a single unnamed json/jsonb parameter, \
             but no matches were found in the schema cache."
        ));
        error
    }

    /// A function that writes was called by GET.
    pub(super) fn must_post(name: &str) -> Self {
        let message = format!("public.{name} changes data and is called by POST");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "25006", message)
    }

    /// What PostgreSQL or the connection to it answered to `role`.
    pub(super) fn database(error: &tokio_postgres::Error, role: Role) -> Self {
        let Some(db) = error.as_db_error() else {
            tracing::error!(%error, "the connection to PostgreSQL failed");
            return Self::unavailable();
        };
        let code = db.code().code();
        let status = status(code, role);
        if status.is_server_error() {
            tracing::warn!(code, message = db.message(), "PostgreSQL failed a request");
        }
        Self {
            status,
            code: code.to_owned(),
            message: db.message().to_owned(),
            details: db.detail().map(str::to_owned),
            hint: db.hint().map(str::to_owned),
            total: None,
        }
    }

    /// No connection could be had.
    pub(super) fn pool(error: PoolError, role: Role) -> Self {
        match error {
            PoolError::Backend(error) if error.as_db_error().is_some() => Self::database(&error, role),
            PoolError::Timeout(_) => {
                let message = "Timed out acquiring connection from connection pool.";
                Self::new(StatusCode::GATEWAY_TIMEOUT, "PGRST003", message)
            }
            error => {
                tracing::error!(%error, "no connection to PostgreSQL");
                Self::unavailable()
            }
        }
    }

    /// The hub's own look-up failed.
    pub(super) fn hub(error: &crate::HubError) -> Self {
        tracing::error!(%error, "the schema could not be read");
        Self::unavailable()
    }

    fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "PGRST000",
            "Could not connect with the database. Try again in a moment.",
        )
    }

    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), details: None, hint: None, total: None }
    }

    fn details(mut self, details: &str) -> Self {
        self.details = Some(details.to_owned());
        self
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &str {
        &self.code
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let Self { status, code, message, details, hint, total } = self;
        let body = Json(json!({ "code": code, "message": message, "details": details, "hint": hint }));
        let mut response = (status, body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(range) = total.and_then(|total| HeaderValue::try_from(format!("*/{total}")).ok()) {
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response
    }
}

/// PostgREST's documented mapping.
fn status(sqlstate: &str, role: Role) -> StatusCode {
    let (class, _) = sqlstate.split_at_checked(2).unwrap_or((sqlstate, ""));
    match sqlstate {
        "23503" | "23505" => StatusCode::CONFLICT,
        "25006" => StatusCode::METHOD_NOT_ALLOWED,
        "42501" if role == Role::Anon => StatusCode::UNAUTHORIZED,
        "42501" => StatusCode::FORBIDDEN,
        "42883" | "42P01" => StatusCode::NOT_FOUND,
        "42P17" | "21000" => StatusCode::INTERNAL_SERVER_ERROR,
        "57P01" => StatusCode::SERVICE_UNAVAILABLE,
        "P0001" => StatusCode::BAD_REQUEST,
        _ => match class {
            "08" | "53" if sqlstate != "53400" => StatusCode::SERVICE_UNAVAILABLE,
            "0L" | "0P" | "28" => StatusCode::FORBIDDEN,
            "09" | "25" | "2D" | "38" | "39" | "3B" | "40" | "53" | "54" | "55" | "57" | "58" | "F0" | "HV" | "P0"
            | "XX" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("CK001", 400)]
    #[case("P0001", 400)]
    #[case("22P02", 400)]
    #[case("23505", 409)]
    #[case("23514", 400)]
    #[case("40001", 500)]
    #[case("40P01", 500)]
    #[case("42501", 403)]
    #[case("42883", 404)]
    #[case("53300", 503)]
    #[case("53400", 500)]
    #[case("55P03", 500)]
    #[case("57014", 500)]
    #[case("57P01", 503)]
    fn sqlstates_map_as_postgrest_documents(#[case] sqlstate: &str, #[case] expected: u16) {
        assert_eq!(status(sqlstate, Role::Authenticated).as_u16(), expected);
    }

    #[test]
    fn a_denied_stranger_is_asked_to_sign_in() {
        assert_eq!(status("42501", Role::Anon), StatusCode::UNAUTHORIZED);
    }
}
