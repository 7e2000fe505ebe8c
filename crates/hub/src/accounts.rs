//! People who can sign in: creating them and checking their passwords.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::{database::Database, error::HubError};

/// The cost GoTrue uses: about 50 ms a check.
const BCRYPT_COST: u32 = 10;
/// The hash of a random text nobody kept, checked when the address is unknown, so that both answers take the same work.
const DECOY: &str = "$2a$10$fseiRZuF8RpuJ/AwBKMIJeJGEzMr4FnFb70DzOKdIpEXNZ5tF9/Gu";
/// bcrypt ignores what is beyond; GoTrue and the hub refuse it instead.
const PASSWORD_MAX_BYTES: usize = 72;
const PASSWORD_MIN_CHARS: usize = 6;
/// Checks at one time. More would let a flood of sign-ins take every core from the people who are already in.
const PARALLEL_CHECKS: usize = 2;

/// Why an account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The address has no form of an e-mail address.
    #[error("{0:?} is not an e-mail address. Write it as name@example.com.")]
    Email(String),
    /// The password is too short or longer than bcrypt can tell apart.
    #[error(
        "The password must have at least {PASSWORD_MIN_CHARS} characters and at most {PASSWORD_MAX_BYTES} bytes. Choose another."
    )]
    Password,
    /// Somebody has this address already.
    #[error("There is already an account for {0}. Sign in with it, or use another address.")]
    Exists(String),
}

/// A person as the sign-in needs them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) email: String,
}

/// Creates and checks accounts.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    database: Database,
    checks: Arc<Semaphore>,
}

impl Accounts {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, checks: Arc::new(Semaphore::new(PARALLEL_CHECKS)) }
    }

    /// Makes an account with a confirmed address and answers its id.
    pub(crate) async fn create(&self, email: &str, password: &str) -> Result<Uuid, HubError> {
        let email = normalised(email)?;
        if password.chars().count() < PASSWORD_MIN_CHARS || password.len() > PASSWORD_MAX_BYTES {
            return Err(AccountError::Password.into());
        }
        let hash = hash(password.to_owned()).await?;
        let connection = self.database.hub_connection().await?;
        let inserted = connection
            .query_one(
                "insert into auth.users (id, email, encrypted_password, email_confirmed_at) values ($1, $2, $3, now()) \
                 returning id",
                &[&Uuid::now_v7(), &email, &hash],
            )
            .await;
        match inserted {
            Ok(row) => Ok(row.try_get(0)?),
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Err(AccountError::Exists(email).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The id of the account with this address.
    pub(crate) async fn find(&self, email: &str) -> Result<Option<Uuid>, HubError> {
        let email = normalised(email)?;
        let connection = self.database.hub_connection().await?;
        let row = connection
            .query_opt("select id from auth.users where lower(email) = $1 and deleted_at is null", &[&email])
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// The person's account in GoTrue's shape, or nothing when it is gone.
    pub(crate) async fn describe(&self, id: Uuid) -> Result<Option<Box<RawValue>>, HubError> {
        let connection = self.database.hub_connection().await?;
        let row = connection.query_opt(USER_JSON, &[&id]).await?;
        let text: Option<String> = row.map(|row| row.try_get(0)).transpose()?;
        text.map(RawValue::from_string).transpose().map_err(internal)
    }

    /// The account, if the address is known, not banned, and the password is right. Takes the same work either way.
    pub(crate) async fn check(&self, email: &str, password: &str) -> Result<Option<Account>, HubError> {
        let email = email.trim().to_lowercase();
        let connection = self.database.hub_connection().await?;
        let row = connection
            .query_opt(
                "select id, email, encrypted_password from auth.users \
                 where lower(email) = $1 and deleted_at is null and (banned_until is null or banned_until < now())",
                &[&email],
            )
            .await?;
        // The connection goes back before the slow part.
        drop(connection);
        let account = match &row {
            Some(row) => Some(Account { id: row.try_get(0)?, email: row.try_get(1)? }),
            None => None,
        };
        let known: Option<String> = row.as_ref().map(|row| row.try_get(2)).transpose()?.flatten();
        let hash = match known {
            Some(hash) => hash,
            None => DECOY.to_owned(),
        };
        let _permit = self.checks.acquire().await.map_err(internal)?;
        let password = password.to_owned();
        let right = tokio::task::spawn_blocking(move || {
            let fits = password.len() <= PASSWORD_MAX_BYTES;
            bcrypt::verify(password, &hash).unwrap_or(false) && fits
        });
        Ok(if right.await.map_err(internal)? { account } else { None })
    }
}

/// What GoTrue tells about a person, as JSON text.
const USER_JSON: &str = r#"
  select json_build_object(
    'id', id, 'aud', aud, 'role', role, 'email', email, 'phone', '',
    'email_confirmed_at', to_char(email_confirmed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'confirmed_at', to_char(email_confirmed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
    'last_sign_in_at', to_char(last_sign_in_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'app_metadata', raw_app_meta_data,
    'user_metadata', raw_user_meta_data, 'identities', '[]'::json, 'is_anonymous', false,
    'created_at', to_char(created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), 'updated_at', to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
  )::text
  from auth.users where id = $1 and deleted_at is null"#;

async fn hash(password: String) -> Result<String, HubError> {
    let hash = tokio::task::spawn_blocking(move || bcrypt::hash(password, BCRYPT_COST));
    hash.await.map_err(internal)?.map_err(internal)
}

fn normalised(email: &str) -> Result<String, AccountError> {
    let trimmed = email.trim().to_lowercase();
    match trimmed.split_once('@') {
        Some((name, domain))
            if !name.is_empty()
                && !domain.is_empty()
                && !domain.contains('@')
                && !trimmed.contains(char::is_whitespace) =>
        {
            Ok(trimmed)
        }
        _ => Err(AccountError::Email(email.to_owned())),
    }
}

fn internal(error: impl std::fmt::Display) -> HubError {
    HubError::Internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::normalised;

    #[test]
    fn the_decoy_takes_the_work_of_a_real_hash() {
        let parts: bcrypt::HashParts = super::DECOY.parse().unwrap();
        assert_eq!(parts.get_cost(), super::BCRYPT_COST);
    }

    #[test]
    fn addresses_are_lower_case_and_have_two_parts() {
        assert_eq!(normalised(" Ada@Cockpit.Test ").unwrap(), "ada@cockpit.test");
        for bad in ["", "ada", "@x", "ada@", "a b@c", "a@b@c"] {
            normalised(bad).unwrap_err();
        }
    }
}
