//! The accounts of a profile and their workspaces.

use cockpit_domain::{TenantId, UserId, WorkspaceBrief};
use cockpit_sync::{Stored, wire::ScopeInfo};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    fault::{Held, damaged},
    profile::Profile,
};

/// An account on this machine. It follows from server and user, so that signing out and in again finds the same files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub Uuid);

impl AccountId {
    /// The id of a user of a server. `server` is the address in its one full form.
    pub fn of(server: &str, user: UserId) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{server}#{user}").as_bytes()))
    }
}

/// Who can sign in where. Tokens are kept elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The address of the server in its one full form.
    pub server: String,
    /// The user's id on it.
    pub user: UserId,
    /// What the person signs in with.
    pub email: String,
    /// The server's anonymous key, which is public.
    pub anon_key: String,
    /// SHA-256 fingerprint of the one certificate that is trusted for the server; none where the system's trust holds.
    pub pinned_certificate: Option<String>,
}

impl Account {
    /// Its id on this machine.
    pub fn id(&self) -> AccountId {
        AccountId::of(&self.server, self.user)
    }
}

/// A workspace as the server told of it last.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// What a switcher shows.
    pub brief: WorkspaceBrief,
    /// The scopes the person sees in it.
    pub scopes: Vec<ScopeInfo>,
}

impl Profile {
    /// Remembers an account, or what is new about it, and that it signed in last.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_account(&mut self, account: &Account) -> Stored<AccountId> {
        Ok(put_account(&mut self.connection, account)?)
    }

    /// All accounts.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Stored<Vec<Account>> {
        Ok(accounts(&self.connection)?)
    }

    /// Forgets an account and its list of workspaces. Their files stay, because unsent work may be in them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove_account(&mut self, account: AccountId) -> Stored<()> {
        Ok(execute(&self.connection, "delete from account where id = ?1", [account.0])?)
    }

    /// Replaces the list of an account's workspaces, in the order to be shown.
    ///
    /// # Errors
    /// When the file cannot be written, or the account is not known.
    pub fn set_workspaces(&mut self, account: AccountId, workspaces: &[Workspace]) -> Stored<()> {
        Ok(set_workspaces(&mut self.connection, account, workspaces)?)
    }

    /// The workspaces of an account.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn workspaces(&self, account: AccountId) -> Stored<Vec<Workspace>> {
        Ok(workspaces(&self.connection, account)?)
    }

    /// Says which account is signed in, and which of its workspaces is open.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_open(&mut self, open: Option<(AccountId, Option<TenantId>)>) -> Stored<()> {
        let account = open.map(|(account, _)| account.0);
        let tenant = open.and_then(|(_, tenant)| tenant).map(|tenant| tenant.0);
        Ok(execute(&self.connection, "update profile set open_account = ?1, open_tenant = ?2", (account, tenant))?)
    }

    /// The account that is signed in and the workspace that is open, as far as both are still known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open_account(&self) -> Stored<Option<(Account, Option<TenantId>)>> {
        Ok(open_account(&self.connection)?)
    }

    /// Server and e-mail of the last sign-in, to prefill the form.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_sign_in(&self) -> Stored<(Option<String>, Option<String>)> {
        Ok(last_sign_in(&self.connection)?)
    }
}

const ACCOUNT: &str = "select server, user, email, anon_key, pinned_certificate from account";

fn put_account(connection: &mut Connection, account: &Account) -> Held<AccountId> {
    let id = account.id();
    let transaction = connection.transaction()?;
    transaction.execute(
        "insert into account (id, server, user, email, anon_key, pinned_certificate) values (?1, ?2, ?3, ?4, ?5, ?6)
         on conflict (id) do update set email = excluded.email, anon_key = excluded.anon_key,
           pinned_certificate = excluded.pinned_certificate",
        (id.0, &account.server, account.user.0, &account.email, &account.anon_key, &account.pinned_certificate),
    )?;
    transaction.execute("update profile set last_server = ?1, last_email = ?2", (&account.server, &account.email))?;
    transaction.commit()?;
    Ok(id)
}

fn accounts(connection: &Connection) -> Held<Vec<Account>> {
    let mut statement = connection.prepare(&format!("{ACCOUNT} order by server, email"))?;
    Ok(statement.query_map([], read_account)?.collect::<Result<_, _>>()?)
}

fn set_workspaces(connection: &mut Connection, account: AccountId, workspaces: &[Workspace]) -> Held<()> {
    let transaction = connection.transaction()?;
    transaction.execute("delete from workspace where account = ?1", [account.0])?;
    for (position, workspace) in workspaces.iter().enumerate() {
        let brief = serde_json::to_string(&workspace.brief).map_err(damaged)?;
        let scopes = serde_json::to_string(&workspace.scopes).map_err(damaged)?;
        transaction.execute(
            "insert into workspace (account, tenant, position, brief, scopes) values (?1, ?2, ?3, ?4, ?5)",
            (account.0, workspace.brief.tenant.0, i64::try_from(position).unwrap_or(i64::MAX), brief, scopes),
        )?;
    }
    Ok(transaction.commit()?)
}

fn workspaces(connection: &Connection, account: AccountId) -> Held<Vec<Workspace>> {
    let mut statement =
        connection.prepare("select brief, scopes from workspace where account = ?1 order by position")?;
    let mut rows = statement.query([account.0])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let (brief, scopes): (String, String) = (row.get(0)?, row.get(1)?);
        all.push(Workspace { brief: parse(&brief)?, scopes: parse(&scopes)? });
    }
    Ok(all)
}

fn open_account(connection: &Connection) -> Held<Option<(Account, Option<TenantId>)>> {
    let sql = "select account.server, account.user, account.email, account.anon_key,
                 account.pinned_certificate, workspace.tenant
               from profile join account on account.id = profile.open_account
               left join workspace on workspace.account = account.id and workspace.tenant = profile.open_tenant";
    let read = |row: &Row<'_>| Ok((read_account(row)?, row.get::<_, Option<Uuid>>(5)?.map(TenantId)));
    Ok(connection.query_row(sql, [], read).optional()?)
}

fn last_sign_in(connection: &Connection) -> Held<(Option<String>, Option<String>)> {
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    Ok(connection.query_row("select last_server, last_email from profile", [], read)?)
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        server: row.get(0)?,
        user: UserId(row.get(1)?),
        email: row.get(2)?,
        anon_key: row.get(3)?,
        pinned_certificate: row.get(4)?,
    })
}

fn execute(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Held<()> {
    connection.execute(sql, params)?;
    Ok(())
}

fn parse<T: DeserializeOwned>(text: &str) -> Held<T> {
    serde_json::from_str(text).map_err(|error| damaged(format!("a stored workspace: {error}")))
}
