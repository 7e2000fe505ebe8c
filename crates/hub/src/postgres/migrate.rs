//! Applying the platform and the migrations.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, NoTls};

use super::{
    error::PostgresError,
    schema::{self, Migration, PlatformGrants},
};

/// The roles that sign in with the cluster's password.
const LOGIN_ROLES: [&str; 3] = ["postgres", "authenticator", "supabase_auth_admin"];

/// What was applied to a database, kept apart from what the migrations make.
const RECORD: &str = "
    create schema if not exists hub;
    create table if not exists hub.migration (
      name text primary key, sha256 text not null, applied_at timestamptz not null default now()
    );";

/// So that two programs never apply at once; the number has no meaning.
const APPLY_LOCK: i64 = 0x0063_6f63_6b70_6974;

pub(super) async fn platform(config: Config, grants: PlatformGrants, password: &str) -> Result<(), PostgresError> {
    let mut client = connect(config).await?;
    let transaction = client.transaction().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&APPLY_LOCK]).await?;
    transaction.batch_execute("set local client_min_messages = warning").await?;
    for file in schema::platform(grants) {
        transaction.batch_execute(file.sql).await.map_err(|error| failed(file.name, &error))?;
    }
    for role in LOGIN_ROLES {
        // Both are ours and plain; a utility statement takes no parameters.
        transaction.batch_execute(&format!("alter role {role} password '{password}'")).await?;
    }
    Ok(transaction.commit().await?)
}

pub(super) async fn migrations(config: Config, migrations: &[Migration]) -> Result<(), PostgresError> {
    let mut client = connect(config).await?;
    client.batch_execute("set client_min_messages = warning").await?;
    client.batch_execute(RECORD).await?;
    client.execute("select pg_advisory_lock($1)", &[&APPLY_LOCK]).await?;
    let applied: HashMap<String, String> = client
        .query("select name, sha256 from hub.migration", &[])
        .await?
        .iter()
        .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, tokio_postgres::Error>>()?;
    // Everything is checked before anything is changed.
    if let Some(unknown) = applied.keys().filter(|name| migrations.iter().all(|known| known.name != **name)).max() {
        return Err(PostgresError::MigrationUnknown(unknown.clone()));
    }
    for migration in migrations {
        if applied.get(migration.name).is_some_and(|sha256| *sha256 != fingerprint(migration.sql)) {
            return Err(PostgresError::MigrationChanged(migration.name.to_owned()));
        }
    }
    for migration in migrations.iter().filter(|migration| !applied.contains_key(migration.name)) {
        let transaction = client.transaction().await?;
        transaction.batch_execute(migration.sql).await.map_err(|error| failed(migration.name, &error))?;
        let record = "insert into hub.migration (name, sha256) values ($1, $2)";
        transaction.execute(record, &[&migration.name, &fingerprint(migration.sql)]).await?;
        transaction.commit().await?;
        tracing::info!(migration = migration.name, "applied");
    }
    Ok(())
}

async fn connect(config: Config) -> Result<Client, PostgresError> {
    let (client, connection) = config.connect(NoTls).await?;
    // Ends when the client is dropped, which is at the end of each function here.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the connection for migrations broke");
        }
    });
    Ok(client)
}

/// Line ends do not count: a checkout on Windows may have others.
fn fingerprint(sql: &str) -> String {
    Sha256::digest(sql.replace("\r\n", "\n")).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn failed(file: &str, error: &tokio_postgres::Error) -> PostgresError {
    PostgresError::Apply { file: file.to_owned(), reason: crate::error::describe(error) }
}
