//! Functions and tables as PostgREST offers them: one transaction per request, under the caller's own role and claims, so that
//! PostgreSQL's grants and row policies are the only authority.

mod catalog;
mod error;
mod function;
mod grammar;
mod literal;
mod query;
mod range;
mod statement;
mod table;
mod tables;
mod wanted;

use axum::http::HeaderMap;

use super::gateway::bearer;
use crate::{app::App, database::Caller, token::unix_now};
pub(crate) use catalog::FunctionCatalog;
use error::RestError;
pub(super) use function::{call, call_by_get};
pub(super) use table::{read_table, refuse_method};
pub(crate) use tables::TableCatalog;

/// The longest list PostgREST on hosted Supabase answers.
const MAX_ROWS: i64 = 1000;

/// Who asks: the bearer token's owner, or nobody in particular when only the anonymous key came along.
fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, RestError> {
    let token = bearer(headers).unwrap_or_else(|| app.signer.anon_key());
    let verified = app.signer.verify(token, unix_now()).map_err(RestError::jwt)?;
    Ok(Caller::from(&verified))
}
