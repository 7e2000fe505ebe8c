//! What every request handler of a running hub shares. Nothing here is state that must survive: only pools, keys and open sockets.

use std::{sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    accounts::Accounts, codes::Codes, database::Database, flows::Flows, http::FunctionCatalog, limits::Buckets, mail,
    realtime::Timings, realtime::Topics, sessions::Sessions, token::Signer,
};

/// Shared by all handlers and sockets.
pub(crate) type App = Arc<Shared>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Sessions,
    pub(crate) codes: Codes,
    pub(crate) flows: Flows,
    pub(crate) limits: Buckets,
    pub(crate) mails: mail::Queue,
    pub(crate) auth: AuthSettings,
    pub(crate) signer: Signer,
    /// How long an access token is good for.
    pub(crate) token_ttl: Duration,
    pub(crate) functions: FunctionCatalog,
    pub(crate) topics: Topics,
    pub(crate) timings: Timings,
    /// Cancelled when the hub stops: sockets close with 1012.
    pub(crate) stopping: CancellationToken,
    /// Every open socket's task; the hub ends only when all have ended.
    pub(crate) sockets: TaskTracker,
}

/// What of the options sign-in reads at every request.
#[derive(Clone, Debug)]
pub(crate) struct AuthSettings {
    /// Anybody may sign up.
    pub(crate) open: bool,
    /// See [`crate::AuthOptions::mail_confirmation`].
    pub(crate) mail_confirmation: bool,
    /// The address that links begin with, without a slash at its end.
    pub(crate) public_url: String,
    /// Who issues access tokens: the sign-in service under that address.
    pub(crate) issuer: String,
}
