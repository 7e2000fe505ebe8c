//! A person's row as the mailed flows read and change it, inside the transaction that also takes or makes a code.

use deadpool_postgres::Transaction;
use serde_json::value::RawValue;
use tokio_postgres::{error::SqlState, types::Json};
use uuid::Uuid;

use super::{Account, AccountError};
use crate::error::HubError;

/// An account, and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    /// The person has shown that mails to the address reach them.
    pub(crate) confirmed: bool,
    pub(crate) banned: bool,
    /// The address they want instead.
    pub(crate) new_email: Option<String>,
}

/// What a new, unconfirmed account begins with.
#[derive(Debug)]
pub(crate) struct NewPerson<'a> {
    pub(crate) email: &'a str,
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) metadata: Option<&'a RawValue>,
    pub(crate) invited: bool,
}

const COLUMNS: &str = "id, email, email_confirmed_at is not null, coalesce(banned_until > now(), false), email_change";

impl Person {
    /// The person with this address, locked until the transaction ends.
    pub(crate) async fn by_email(transaction: &Transaction<'_>, email: &str) -> Result<Option<Self>, HubError> {
        let sql = format!(
            "select {COLUMNS} from auth.users where lower(email) = $1 and deleted_at is null for no key update"
        );
        transaction.query_opt(&sql, &[&email]).await?.map(|row| Self::read(&row)).transpose()
    }

    /// The person with this id, locked until the transaction ends.
    pub(crate) async fn by_id(transaction: &Transaction<'_>, id: Uuid) -> Result<Option<Self>, HubError> {
        let sql = format!("select {COLUMNS} from auth.users where id = $1 and deleted_at is null for no key update");
        transaction.query_opt(&sql, &[&id]).await?.map(|row| Self::read(&row)).transpose()
    }

    /// Whether somebody who runs this hub, or a workspace in it, asked for this address.
    pub(crate) async fn is_invited(transaction: &Transaction<'_>, email: &str) -> Result<bool, HubError> {
        let invited = "select exists (select from auth.users where lower(email) = $1 and invited_at is not null and deleted_at is null) \
                       or exists (select from public.invitations i join public.tenants t on t.id = i.tenant_id \
                         where i.email = $1 and i.accepted_at is null and i.revoked_at is null and i.expires_at > now() \
                         and t.deleted_at is null)";
        Ok(transaction.query_one(invited, &[&email]).await?.try_get(0)?)
    }

    /// Makes an account that cannot sign in before its address is confirmed. Of two at the same time one is told that it exists.
    pub(crate) async fn create(transaction: &Transaction<'_>, new: &NewPerson<'_>) -> Result<Self, HubError> {
        let sql = format!(
            "insert into auth.users (id, email, encrypted_password, raw_user_meta_data, invited_at) \
             values ($1, $2, $3, coalesce($4::jsonb, '{{}}'), case when $5 then now() end) returning {COLUMNS}"
        );
        let metadata = new.metadata.map(Json);
        let inserted = transaction
            .query_one(&sql, &[&Uuid::now_v7(), &new.email, &new.password_hash, &metadata, &new.invited])
            .await;
        match inserted {
            Ok(row) => Self::read(&row),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Err(AccountError::Exists(new.email.to_owned()).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces what an unconfirmed account was begun with: who signs up last is who may confirm.
    pub(crate) async fn begin_again(
        &self,
        transaction: &Transaction<'_>,
        password_hash: &str,
        metadata: Option<&RawValue>,
    ) -> Result<(), HubError> {
        let sql = "update auth.users set encrypted_password = $2, raw_user_meta_data = coalesce($3::jsonb, '{}'), \
                   updated_at = now() where id = $1 and email_confirmed_at is null";
        transaction.execute(sql, &[&self.id, &password_hash, &metadata.map(Json)]).await?;
        Ok(())
    }

    /// The address is the person's. A password that somebody else may have typed for it before is dropped.
    pub(crate) async fn confirm(&self, transaction: &Transaction<'_>, keeps_password: bool) -> Result<(), HubError> {
        let sql = "update auth.users set email_confirmed_at = now(), updated_at = now(), \
                   encrypted_password = case when $2 then encrypted_password end, \
                   raw_user_meta_data = raw_user_meta_data || '{\"email_verified\": true}' \
                   where id = $1 and email_confirmed_at is null";
        transaction.execute(sql, &[&self.id, &keeps_password]).await?;
        Ok(())
    }

    /// Sets the password, voids every code on its way and ends the person's sessions, except the one they do it in.
    pub(crate) async fn set_password(
        &self,
        transaction: &Transaction<'_>,
        hash: &str,
        keep: Option<Uuid>,
    ) -> Result<(), HubError> {
        let sql =
            "update auth.users set encrypted_password = $2, email_change = null, updated_at = now() where id = $1";
        transaction.execute(sql, &[&self.id, &hash]).await?;
        transaction.execute("delete from auth.one_time_tokens where user_id = $1", &[&self.id]).await?;
        let end = "delete from auth.sessions where user_id = $1 and id is distinct from $2";
        transaction.execute(end, &[&self.id, &keep]).await?;
        Ok(())
    }

    /// Adds to what the person says about themselves; a null takes a key away. Answers the size of all of it in bytes.
    pub(crate) async fn merge_metadata(
        &self,
        transaction: &Transaction<'_>,
        changes: &RawValue,
    ) -> Result<usize, HubError> {
        let sql = "update auth.users set updated_at = now(), raw_user_meta_data = coalesce((\
                     select jsonb_object_agg(key, value) from jsonb_each(raw_user_meta_data || $2::jsonb) \
                     where value <> 'null' or not $2::jsonb ? key), '{}') \
                   where id = $1 returning length(raw_user_meta_data::text)";
        let length: i32 = transaction.query_one(sql, &[&self.id, &Json(changes)]).await?.try_get(0)?;
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Notes the address that the person wants, until it is confirmed.
    pub(crate) async fn want_email(&self, transaction: &Transaction<'_>, email: &str) -> Result<(), HubError> {
        let sql =
            "update auth.users set email_change = $2, email_change_sent_at = now(), updated_at = now() where id = $1";
        transaction.execute(sql, &[&self.id, &email]).await?;
        Ok(())
    }

    /// Takes on the wanted address.
    pub(crate) async fn change_email(&mut self, transaction: &Transaction<'_>) -> Result<(), HubError> {
        let sql = "update auth.users set email = email_change, email_change = null, updated_at = now(), \
                   email_confirmed_at = coalesce(email_confirmed_at, now()) \
                   where id = $1 and email_change is not null returning email";
        match transaction.query_opt(sql, &[&self.id]).await {
            Ok(Some(row)) => self.email = row.try_get(0)?,
            Ok(None) => {}
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                return Err(AccountError::Exists(self.new_email.clone().unwrap_or_default()).into());
            }
            Err(error) => return Err(error.into()),
        }
        transaction.execute("delete from auth.one_time_tokens where user_id = $1", &[&self.id]).await?;
        Ok(())
    }

    /// What a session needs of the person.
    pub(crate) fn account(&self) -> Account {
        Account { id: self.id, email: self.email.clone() }
    }

    fn read(row: &tokio_postgres::Row) -> Result<Self, HubError> {
        Ok(Self {
            id: row.try_get(0)?,
            email: row.try_get(1)?,
            confirmed: row.try_get(2)?,
            banned: row.try_get(3)?,
            new_email: row.try_get(4)?,
        })
    }
}
