//! `/rest/v1/rpc/{function}`: calls a function with named arguments.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::de::IgnoredAny;
use tokio_postgres::types::ToSql;

use super::{
    MAX_ROWS, caller,
    catalog::{Answer, Function},
    error::RestError,
    literal::{Literal, identifier},
};
use crate::{
    app::App,
    database::{Access, Caller, begin_as},
    http::gateway::query_pairs,
};

/// POST: the arguments are the members of a JSON object.
pub(in crate::http) async fn call(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, RestError> {
    let caller = caller(&app, &headers)?;
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    let given: BTreeMap<String, IgnoredAny> = serde_json::from_slice(&body).map_err(|_| RestError::body())?;
    let given: Vec<&str> = given.keys().map(String::as_str).collect();
    let function = find(&app, &caller, &name, &given).await?;
    let body = String::from_utf8(body.into()).map_err(|_| RestError::body())?;
    // PostgreSQL itself takes the arguments out of the body, by their declared types, as PostgREST does: numbers keep every digit
    // and JSON arrays become SQL arrays.
    let parameters = function.accept(&given).unwrap_or_default();
    let named = list(parameters.iter().map(|parameter| format!("{0} := a.{0}", identifier(&parameter.name))));
    let columns =
        list(parameters.iter().map(|parameter| format!("{} {}", identifier(&parameter.name), parameter.sql_type)));
    if parameters.is_empty() {
        return run(&app, &caller, &function, &named, "", &[]).await;
    }
    let source = format!(" from json_to_record($1) as a({columns})");
    run(&app, &caller, &function, &named, &source, &[&Literal(body)]).await
}

/// GET, for functions that only read: the arguments are query parameters.
pub(in crate::http) async fn call_by_get(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, RestError> {
    let caller = caller(&app, &headers)?;
    let mut pairs = query_pairs(&uri);
    pairs.retain(|(name, _)| name != "apikey");
    let given: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    let function = find(&app, &caller, &name, &given).await?;
    if !function.reads_only {
        return Err(RestError::must_post(&name));
    }
    let parameters = function.accept(&given).unwrap_or_default();
    let numbered = parameters.iter().zip(1..);
    let named =
        list(numbered.map(|(parameter, n)| format!("{} := ${n}::{}", identifier(&parameter.name), parameter.sql_type)));
    let literals: Vec<Literal> = pairs.into_iter().map(|(_, value)| Literal(value)).collect();
    let values: Vec<&(dyn ToSql + Sync)> = literals.iter().map(|literal| literal as &(dyn ToSql + Sync)).collect();
    run(&app, &caller, &function, &named, "", &values).await
}

async fn find(app: &App, caller: &Caller, name: &str, given: &[&str]) -> Result<std::sync::Arc<Function>, RestError> {
    let found = app.functions.find(&app.database, name, given).await.map_err(|error| RestError::hub(&error))?;
    found.ok_or_else(|| {
        tracing::debug!(role = caller.role.as_str(), function = name, "no such function");
        RestError::no_function(name, given)
    })
}

async fn run(
    app: &App,
    caller: &Caller,
    function: &Function,
    named: &str,
    source: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Response, RestError> {
    let failed = |error: tokio_postgres::Error| RestError::database(&error, caller.role);
    let call = format!("public.{}({named})", identifier(&function.name));
    let sql = match function.answer {
        Answer::Nothing => format!("select {call}::text{source}"),
        Answer::Json => format!("select {call}::text{source}"),
        Answer::Scalar => format!("select to_json({call})::text{source}"),
        Answer::Set => {
            let from = if source.is_empty() { format!("from {call} as r") } else { format!("{source}, {call} as r") };
            format!("select coalesce(json_agg(s.r), '[]')::text from (select r {from} limit {MAX_ROWS}) as s")
        }
    };
    let access = if function.reads_only { Access::Read } else { Access::Write };
    let mut connection = app.database.caller_connection().await.map_err(|error| RestError::pool(error, caller.role))?;
    let transaction = begin_as(&mut connection, caller, access).await.map_err(failed)?;
    let statement = transaction.prepare_cached(&sql).await.map_err(failed)?;
    let row = transaction.query_one(&statement, values).await.map_err(failed)?;
    let answer: Option<String> = row.try_get(0).map_err(failed)?;
    // Deferred constraints and triggers run now: only a committed call is answered as done.
    transaction.commit().await.map_err(failed)?;
    if function.answer == Answer::Nothing {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, json)], answer.unwrap_or_else(|| "null".to_owned())).into_response())
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}
