//! `GET /rest/v1/{table}`: rows of a table of the schema `public`, as the caller may see them.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, Uri, header},
    response::{IntoResponse, Response},
};
use tokio_postgres::types::ToSql;

use super::{caller, error::RestError, filter::Selection, literal::identifier};
use crate::{
    app::App,
    database::{Access, begin_as},
    http::gateway::query_pairs,
};

/// At most 1,000 rows as a JSON array.
pub(in crate::http) async fn read_table(
    State(app): State<App>,
    Path(table): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, RestError> {
    let caller = caller(&app, &headers)?;
    let Selection { columns, conditions, order, limit, offset, values } = Selection::parse(query_pairs(&uri))?;
    let sql = format!(
        "select coalesce(json_agg(r), '[]')::text, count(*) from \
         (select {columns} from public.{}{conditions}{order} limit {limit} offset {offset}) as r",
        identifier(&table)
    );
    let failed = |error: tokio_postgres::Error| RestError::database(&error, caller.role);
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
    let mut connection = app.database.caller_connection().await.map_err(|error| RestError::pool(error, caller.role))?;
    let transaction = begin_as(&mut connection, &caller, Access::Read).await.map_err(failed)?;
    let row = transaction.query_one(&sql, &values).await.map_err(failed)?;
    let (rows, count): (String, i64) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    transaction.commit().await.map_err(failed)?;
    let range = if count == 0 { "*/*".to_owned() } else { format!("{offset}-{}/*", offset + count - 1) };
    let headers: [(HeaderName, String); 2] =
        [(header::CONTENT_TYPE, "application/json; charset=utf-8".to_owned()), (header::CONTENT_RANGE, range)];
    Ok((headers, rows).into_response())
}
