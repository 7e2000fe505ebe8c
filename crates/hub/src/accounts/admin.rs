//! What who runs the hub does with accounts.

use serde_json::json;
use uuid::Uuid;

use super::{AccountError, Accounts, NewPerson, Person, normalised, password};
use crate::{
    codes::{Codes, Order, Purpose},
    database::{Access, Caller, Database, begin_as},
    error::{HubError, describe},
    http::auth::link,
    mail::{Letter, MailKind, Queue},
    token::Role,
};

/// An account as `cockpit-hub user list` shows it.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) email: String,
    /// `active`, `disabled`, `invited` or `unconfirmed`.
    pub(crate) state: String,
    /// RFC 3339, UTC; nothing when the person never signed in.
    pub(crate) last_sign_in_at: Option<String>,
}

impl Accounts {
    /// Everybody, by address.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, HubError> {
        let connection = self.database.hub_connection().await?;
        let select = "select email, case when banned_until > now() then 'disabled' when email_confirmed_at is not null then 'active' \
                        when invited_at is not null then 'invited' else 'unconfirmed' end, \
                        to_char(last_sign_in_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') \
                      from auth.users where deleted_at is null and email is not null order by email";
        let rows = connection.query(select, &[]).await?;
        rows.iter()
            .map(|row| Ok(Listed { email: row.try_get(0)?, state: row.try_get(1)?, last_sign_in_at: row.try_get(2)? }))
            .collect()
    }

    /// Makes the first account of a hub, and a workspace of theirs if one is named, or nothing at all.
    pub(crate) async fn create_first(
        &self,
        email: &str,
        password: &str,
        workspace: Option<(&str, &str)>,
    ) -> Result<(), HubError> {
        if !self.list().await?.is_empty() {
            return Err(AccountError::Initialised.into());
        }
        let user = self.create(email, password).await?;
        let Some((name, member_name)) = workspace else { return Ok(()) };
        let made = self.create_workspace(user, &normalised(email)?, name, member_name).await;
        if made.is_err() {
            // So that the same command can be given again with a better name.
            let connection = self.database.hub_connection().await?;
            connection.execute("delete from auth.users where id = $1", &[&user]).await?;
        }
        made
    }

    /// Gives the person a new password and ends all their sessions.
    pub(crate) async fn reset_password(&self, email: &str, password: &str) -> Result<(), HubError> {
        let email = normalised(email)?;
        password::fits(password)?;
        let hash = self.passwords.hash(password).await?;
        let mut connection = self.database.hub_connection().await?;
        let transaction = connection.transaction().await?;
        let person = Person::by_email(&transaction, &email).await?.ok_or(AccountError::Unknown(email))?;
        person.set_password(&transaction, &hash, None).await?;
        // Who runs the hub vouches for the address, as with `user add`.
        person.confirm(&transaction, true).await?;
        Ok(transaction.commit().await?)
    }

    /// Keeps the person out, or lets them in again. Their sessions wait meanwhile.
    pub(crate) async fn disable(&self, email: &str, disabled: bool) -> Result<(), HubError> {
        let email = normalised(email)?;
        let connection = self.database.hub_connection().await?;
        let update = "update auth.users set banned_until = case when $2 then now() + interval '100 years' end, updated_at = now() \
                      where lower(email) = $1 and deleted_at is null";
        match connection.execute(update, &[&email, &disabled]).await? {
            0 => Err(AccountError::Unknown(email).into()),
            _ => Ok(()),
        }
    }

    /// Removes the account. What the person made stays, under their name.
    pub(crate) async fn remove(&self, email: &str) -> Result<(), HubError> {
        let email = normalised(email)?;
        let mut connection = self.database.hub_connection().await?;
        let transaction = connection.transaction().await?;
        let person = Person::by_email(&transaction, &email).await?.ok_or(AccountError::Unknown(email.clone()))?;
        let sole = "select from public.tenant_members m join public.tenants t on t.id = m.tenant_id \
                    where m.auth_user = $1 and m.role = 'owner' and m.removed_at is null and t.deleted_at is null \
                    and not exists (select from public.tenant_members o where o.tenant_id = m.tenant_id and o.id <> m.id \
                      and o.role = 'owner' and o.removed_at is null and o.auth_user is not null)";
        if !transaction.query(sole, &[&person.id]).await?.is_empty() {
            return Err(AccountError::SoleOwner(email).into());
        }
        transaction.execute("delete from auth.users where id = $1", &[&person.id]).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes a workspace through the real function, as the person themselves.
    async fn create_workspace(&self, user: Uuid, email: &str, name: &str, member_name: &str) -> Result<(), HubError> {
        let claims = json!({ "sub": user, "role": Role::Authenticated, "aud": "authenticated", "email": email });
        let caller = Caller { role: Role::Authenticated, claims: claims.to_string() };
        let mut connection = self.database.caller_connection().await?;
        let transaction = begin_as(&mut connection, &caller, Access::Write).await?;
        let call = "select public.create_workspace($1, $2, $3, $4)";
        transaction
            .execute(call, &[&Uuid::now_v7(), &Uuid::now_v7(), &name, &member_name])
            .await
            .map_err(|error| HubError::Database(describe(&error)))?;
        Ok(transaction.commit().await?)
    }
}

/// Lets an address in: its account waits for the code that is mailed now, or for a sign-up with a code of its own.
pub(crate) async fn invite(
    database: &Database,
    codes: &Codes,
    email: &str,
    public_url: Option<&str>,
) -> Result<(), HubError> {
    let email = normalised(email)?;
    let mut connection = database.hub_connection().await?;
    let transaction = connection.transaction().await?;
    let person = match Person::by_email(&transaction, &email).await? {
        Some(person) if person.confirmed => return Err(AccountError::Exists(email).into()),
        Some(person) => {
            transaction.execute("update auth.users set invited_at = now() where id = $1", &[&person.id]).await?;
            person
        }
        None => {
            let new = NewPerson { email: &email, password_hash: None, metadata: None, invited: true };
            Person::create(&transaction, &new).await?
        }
    };
    let order =
        Order { user: person.id, purpose: Purpose::Confirmation, address: &email, keeps_password: false, flow: None };
    let issued = codes.issue(&transaction, order).await?;
    let kind = MailKind::Invite;
    let link = public_url.map(|url| link(url, &issued.link_token, kind.verify_type(), None));
    let letter = Letter { kind, to: &email, code: &issued.code, link: link.as_deref() };
    Queue::put(&transaction, &letter).await?;
    Ok(transaction.commit().await?)
}
