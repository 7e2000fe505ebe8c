//! The hub's two ways into PostgreSQL: as a caller, inside a transaction that carries the caller's role and claims, and as the
//! hub itself for accounts, sessions and the probing of channel policies.
//!
//! A caller's request never runs with the hub's own rights: it comes in through the login role `authenticator`, which owns and
//! inherits nothing, and takes on `anon` or `authenticated` for one transaction.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{Config, NoTls, config::Host};

use crate::{
    HubError,
    postgres::SUPERUSER,
    token::{Role, VerifiedToken},
};

/// Connections for callers. PostgreSQL's default limit is 100; more than this only queues inside the server on small machines.
const CALLER_CONNECTIONS: usize = 24;
const HUB_CONNECTIONS: usize = 8;
/// How long a request waits for a free connection before it is answered that the server is busy, as PostgREST does.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who a statement runs as.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) role: Role,
    /// JSON text of the claims, as `request.jwt.claims`.
    pub(crate) claims: String,
}

impl From<&VerifiedToken> for Caller {
    fn from(token: &VerifiedToken) -> Self {
        Self { role: token.role, claims: token.claims.clone() }
    }
}

/// Whether a request may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// Pools of connections.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    callers: Pool,
    hub: Pool,
}

/// A connection from a pool.
pub(crate) type Connection = deadpool_postgres::Object;

impl Database {
    /// Pools over the cluster that `config` tells how to reach as a given login role. Connects when first asked.
    pub(crate) fn new(config: impl Fn(&str) -> Config) -> Result<Self, HubError> {
        let internal = |error: deadpool_postgres::BuildError| HubError::Internal(error.to_string());
        Ok(Self {
            callers: pool(config("authenticator"), CALLER_CONNECTIONS).map_err(internal)?,
            hub: pool(config(SUPERUSER), HUB_CONNECTIONS).map_err(internal)?,
        })
    }

    /// A connection for [`begin_as`].
    pub(crate) async fn caller_connection(&self) -> Result<Connection, PoolError> {
        self.callers.get().await
    }

    /// A connection with the hub's own rights.
    pub(crate) async fn hub_connection(&self) -> Result<Connection, PoolError> {
        self.hub.get().await
    }

    /// Closes all idle connections and refuses new ones, so that PostgreSQL can stop at once.
    pub(crate) fn close(&self) {
        self.callers.close();
        self.hub.close();
    }
}

/// Begins a transaction as `caller`. Role, claims and time limit are local to it and are gone with its end.
pub(crate) async fn begin_as<'a>(
    connection: &'a mut Connection,
    caller: &Caller,
    access: Access,
) -> Result<deadpool_postgres::Transaction<'a>, tokio_postgres::Error> {
    let transaction = connection.build_transaction().read_only(access == Access::Read).start().await?;
    let identify = transaction
        .prepare_cached(
            "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true), \
             set_config('statement_timeout', $3, true)",
        )
        .await?;
    transaction.query_one(&identify, &[&caller.role.as_str(), &caller.claims, &statement_timeout(caller.role)]).await?;
    Ok(transaction)
}

/// The configuration as a connection string, in the form of keywords and values.
pub(crate) fn url(config: &Config) -> String {
    let quoted = |value: &str| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut words = Vec::new();
    let mut add = |word: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("{word}={}", quoted(&value)));
        }
    };
    add(
        "host",
        config.get_hosts().first().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        }),
    );
    add("port", config.get_ports().first().map(u16::to_string));
    add("user", config.get_user().map(str::to_owned));
    add("password", config.get_password().map(|password| String::from_utf8_lossy(password).into_owned()));
    add("dbname", config.get_dbname().map(str::to_owned));
    words.join(" ")
}

/// Hosted Supabase's limits.
fn statement_timeout(role: Role) -> &'static str {
    match role {
        Role::Anon => "3s",
        Role::Authenticated => "8s",
    }
}

fn pool(config: Config, size: usize) -> Result<Pool, deadpool_postgres::BuildError> {
    let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method: RecyclingMethod::Fast });
    Pool::builder(manager)
        .max_size(size)
        .runtime(Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(ACQUIRE_TIMEOUT),
            create: Some(ACQUIRE_TIMEOUT),
            recycle: Some(ACQUIRE_TIMEOUT),
        })
        .build()
}
