//! People who can sign in: their rows, their passwords, and what is told about them.

mod address;
mod admin;
mod describe;
pub(crate) mod password;
mod people;

use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::{database::Database, error::HubError};
pub(crate) use address::normalised;
pub(crate) use admin::{Listed, invite};
pub(crate) use password::Passwords;
pub(crate) use people::{NewPerson, Person};

/// Why an account could not be made or found.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The address has no form of an e-mail address.
    #[error("{0:?} is not an e-mail address. Write it as name@example.com.")]
    Email(String),
    /// The password is too short.
    #[error("The password must have at least {min} characters. Choose another.", min = password::MIN_CHARS)]
    PasswordShort,
    /// The password is longer than bcrypt can tell apart.
    #[error("The password must have at most {max} bytes. Choose another.", max = password::MAX_BYTES)]
    PasswordLong,
    /// The two passwords that were typed are not the same.
    #[error("The two passwords are not the same. Nothing was changed: try again.")]
    PasswordsDiffer,
    /// Somebody has this address already.
    #[error("There is already an account for {0}. Sign in with it, or use another address.")]
    Exists(String),
    /// Nobody has this address.
    #[error("There is no account for {0}. `cockpit-hub user list` shows all.")]
    Unknown(String),
    /// The hub has its first person.
    #[error(
        "This hub has an account already. Add people with `cockpit-hub user add`, or invite them with `cockpit-hub invite`."
    )]
    Initialised,
    /// Without this person a workspace would have no owner.
    #[error("{0} is the only owner of a workspace. Make somebody else an owner of it first.")]
    SoleOwner(String),
}

/// A person as a session needs them.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) email: String,
}

/// What a password turned out to be.
pub(crate) enum Checked {
    /// It is this account's, which may sign in as long as it has the password of this hash.
    Right(Account, String),
    /// It is no account's: the address or the password is wrong.
    Wrong,
    /// It is right, but the address was never confirmed.
    NotConfirmed,
    /// It is right, but the account is disabled.
    Banned,
}

/// Creates and checks accounts.
#[derive(Clone, Debug)]
pub(crate) struct Accounts {
    database: Database,
    passwords: Passwords,
}

impl Accounts {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, passwords: Passwords::new() }
    }

    /// What hashes and compares passwords.
    pub(crate) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Makes an account with a confirmed address and answers its id.
    pub(crate) async fn create(&self, email: &str, password: &str) -> Result<Uuid, HubError> {
        let email = normalised(email)?;
        password::fits(password)?;
        let hash = self.passwords.hash(password).await?;
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

    /// Compares a password. Takes the same work whether or not there is such an account, and tells about one only who knows its
    /// password.
    pub(crate) async fn check(&self, email: &str, password: &str) -> Result<Checked, HubError> {
        let row = match normalised(email) {
            Ok(email) => {
                let connection = self.database.hub_connection().await?;
                connection
                    .query_opt(
                        "select id, email, encrypted_password, email_confirmed_at is not null, \
                         coalesce(banned_until > now(), false) \
                         from auth.users where lower(email) = $1 and deleted_at is null",
                        &[&email],
                    )
                    .await?
                // The connection goes back here, before the slow part.
            }
            Err(_) => None,
        };
        let hash: Option<String> = row.as_ref().map(|row| row.try_get(2)).transpose()?.flatten();
        let right = self.passwords.matches(password, hash.clone()).await?;
        let (Some(row), Some(hash), true) = (row, hash, right) else { return Ok(Checked::Wrong) };
        let (confirmed, banned): (bool, bool) = (row.try_get(3)?, row.try_get(4)?);
        Ok(match (banned, confirmed) {
            (true, _) => Checked::Banned,
            (false, false) => Checked::NotConfirmed,
            (false, true) => Checked::Right(Account { id: row.try_get(0)?, email: row.try_get(1)? }, hash),
        })
    }
}

fn internal(error: impl std::fmt::Display) -> HubError {
    HubError::Internal(error.to_string())
}
