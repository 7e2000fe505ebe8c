//! `GET /rest/v1/{table}` and HEAD: rows of a table or view of the schema `public`, as the caller may see them.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    response::{IntoResponse, Response},
};
use tokio_postgres::types::ToSql;

use super::{
    caller,
    error::RestError,
    query::Query,
    range::Window,
    statement::Statement,
    wanted::{Form, check_schema, counts},
};
use crate::{
    app::App,
    database::{Access, begin_as},
    http::gateway::query_pairs,
};

/// At most 1,000 rows as a JSON array, or the one row as an object. HEAD is the same without the body.
pub(in crate::http) async fn read_table(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, RestError> {
    let caller = caller(&app, &headers)?;
    check_schema(&headers)?;
    let (form, counted) = (Form::of(&headers)?, counts(&headers));
    let query = Query::parse(&name, &query_pairs(&uri))?;
    let window = Window::new(query.limit, query.offset, &headers)?;
    let columns = query.columns();
    let table = app.tables.find(&app.database, &name, &columns).await.map_err(|error| RestError::hub(&error))?;
    let table = table.ok_or_else(|| RestError::no_table(&name))?;
    if let Some(missing) = table.lacks(columns.iter().copied()) {
        return Err(RestError::no_column(&table.name, missing));
    }
    let Statement { sql, values } = Statement::new(&table.name, &query, window, counted);

    let failed = |error: tokio_postgres::Error| RestError::database(&error, caller.role);
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let mut connection = app.database.caller_connection().await.map_err(|error| RestError::pool(error, caller.role))?;
    let transaction = begin_as(&mut connection, &caller, Access::Read).await.map_err(failed)?;
    let row = transaction.query_one(&sql, &values).await.map_err(failed)?;
    let (rows, count): (String, i64) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let total: Option<i64> = row.try_get(2).map_err(failed)?;
    transaction.commit().await.map_err(failed)?;

    let body = match form {
        Form::Rows => rows,
        Form::Single if count == 1 => only_item(rows),
        Form::Single => return Err(RestError::not_single(count)),
    };
    let (status, range) = window.answer(count, total)?;
    let answer: [(HeaderName, String); 2] =
        [(header::CONTENT_TYPE, form.content_type().to_owned()), (header::CONTENT_RANGE, range)];
    let mut response = (status, answer, body).into_response();
    if counted {
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("count=exact"));
    }
    Ok(response)
}

/// Writing to tables is not offered: Cockpit writes through functions.
pub(in crate::http) async fn refuse_method(method: Method) -> RestError {
    RestError::method(method.as_str())
}

/// The array of one item without its brackets.
fn only_item(rows: String) -> String {
    let inner = rows.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.map(|item| item.trim().to_owned()).unwrap_or(rows)
}
