//! Codes of six digits and links that are sent by mail to show that a mail address is the person's. They are good for an hour and for
//! one use; a code takes [`ATTEMPTS`] wrong tries and is then worth nothing.
//!
//! A try is counted before it is compared and in the same row, so that tries at the same moment cannot get more; a used code's row is
//! deleted in the transaction that starts the session, so that of two who use it one finds nothing.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use deadpool_postgres::Transaction;
use rand::Rng;
use uuid::Uuid;

use crate::{error::HubError, keyed_hash::KeyedHash};

/// How long a code is good: GoTrue's default.
pub(crate) const LIFETIME_SECONDS: i32 = 3600;
/// Wrong tries that a code takes.
const ATTEMPTS: i32 = 5;

/// What a code may be used for. A person has one code of each kind; the next one replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To confirm the address of a new or invited account.
    Confirmation,
    /// To sign in without the password, or to set a new one.
    Recovery,
    /// To show that a wanted address is the person's.
    EmailChangeNew,
    /// To show that the holder of the present address agrees with the change.
    EmailChangeCurrent,
    /// To change the password in an old session.
    Reauthentication,
}

/// What is asked for with a new code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) user: Uuid,
    pub(crate) purpose: Purpose,
    /// Where the mail goes.
    pub(crate) address: &'a str,
    /// See the column.
    pub(crate) keeps_password: bool,
    /// The PKCE flow that the link continues.
    pub(crate) flow: Option<Uuid>,
}

/// A new code and the link's token, for one mail and nowhere else.
pub(crate) struct Issued {
    pub(crate) code: String,
    pub(crate) link_token: String,
}

/// A code that was right, and is used up.
#[derive(Debug)]
pub(crate) struct Redeemed {
    pub(crate) user: Uuid,
    pub(crate) purpose: Purpose,
    pub(crate) keeps_password: bool,
    pub(crate) flow: Option<Uuid>,
}

/// Makes and takes codes.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    hash: KeyedHash,
}

impl Codes {
    pub(crate) fn new(hash: KeyedHash) -> Self {
        Self { hash }
    }

    /// A new code; an earlier one of the same person for the same purpose is void.
    pub(crate) async fn issue(&self, transaction: &Transaction<'_>, order: Order<'_>) -> Result<Issued, HubError> {
        let code = format!("{:06}", rand::rng().random_range(0..1_000_000));
        let random = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        // The prefix tells a client which flow its link belongs to, as GoTrue's does.
        let link_token = if order.flow.is_some() { format!("pkce_{random}") } else { random };
        let insert = "insert into auth.one_time_tokens as t \
                        (id, user_id, token_type, code_hash, link_hash, relates_to, keeps_password, flow_id, expires_at) \
                      values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9)) \
                      on conflict (user_id, token_type) do update set id = excluded.id, code_hash = excluded.code_hash, \
                        link_hash = excluded.link_hash, relates_to = excluded.relates_to, attempts = 0, \
                        keeps_password = excluded.keeps_password, flow_id = excluded.flow_id, created_at = now(), \
                        expires_at = excluded.expires_at";
        let (code_hash, link_hash) = (self.code_hash(order.address, &code), self.link_hash(&link_token));
        transaction
            .execute(
                insert,
                &[
                    &Uuid::now_v7(),
                    &order.user,
                    &order.purpose.name(),
                    &code_hash,
                    &link_hash,
                    &order.address,
                    &order.keeps_password,
                    &order.flow,
                    &f64::from(LIFETIME_SECONDS),
                ],
            )
            .await?;
        if let Some(sent_at) = order.purpose.sent_at() {
            let sql = format!("update auth.users set {sent_at} = now() where id = $1");
            transaction.execute(&sql, &[&order.user]).await?;
        }
        Ok(Issued { code, link_token })
    }

    /// Uses up the code that was mailed to `address`, if it is right. The transaction must be committed in any case: it holds the count
    /// of the tries.
    pub(crate) async fn redeem_code(
        &self,
        transaction: &Transaction<'_>,
        purposes: &[Purpose],
        address: &str,
        code: &str,
    ) -> Result<Option<Redeemed>, HubError> {
        let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
        // The person first, as everything does that changes a person and their codes, so that none waits for another in a circle.
        let lock = "select from auth.users where id in (\
                      select user_id from auth.one_time_tokens where relates_to = $1 and token_type = any($2)) \
                    order by id for no key update";
        transaction.query(lock, &[&address, &names]).await?;
        let count = "update auth.one_time_tokens set attempts = attempts + 1 \
                     where relates_to = $1 and token_type = any($2) and attempts < $3 and expires_at > now() \
                     returning id, code_hash";
        let hash = self.code_hash(address, code);
        for row in transaction.query(count, &[&address, &names, &ATTEMPTS]).await? {
            let (id, expected): (Uuid, String) = (row.try_get(0)?, row.try_get(1)?);
            // Both are keyed hashes: the time of the comparison tells nothing about the code.
            if expected == hash {
                let take = "delete from auth.one_time_tokens where id = $1 \
                            returning user_id, token_type, keeps_password, flow_id";
                return read(transaction.query_opt(take, &[&id]).await?);
            }
        }
        Ok(None)
    }

    /// Uses up the link, if there is such a one.
    pub(crate) async fn redeem_link(
        &self,
        transaction: &Transaction<'_>,
        purposes: &[Purpose],
        link_token: &str,
    ) -> Result<Option<Redeemed>, HubError> {
        let names: Vec<&str> = purposes.iter().map(|purpose| purpose.name()).collect();
        let hash = self.link_hash(link_token);
        let lock = "select from auth.users \
                    where id = (select user_id from auth.one_time_tokens where link_hash = $1) for no key update";
        transaction.query_opt(lock, &[&hash]).await?;
        let take = "delete from auth.one_time_tokens where link_hash = $1 and token_type = any($2) and expires_at > now() \
                    returning user_id, token_type, keeps_password, flow_id";
        read(transaction.query_opt(take, &[&hash, &names]).await?)
    }

    fn code_hash(&self, address: &str, code: &str) -> String {
        self.hash.of("code", &[address, code])
    }

    fn link_hash(&self, link_token: &str) -> String {
        self.hash.of("link", &[link_token])
    }
}

impl Purpose {
    const ALL: [Self; 5] =
        [Self::Confirmation, Self::Recovery, Self::EmailChangeNew, Self::EmailChangeCurrent, Self::Reauthentication];

    fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation",
            Self::Recovery => "recovery",
            Self::EmailChangeNew => "email_change_new",
            Self::EmailChangeCurrent => "email_change_current",
            Self::Reauthentication => "reauthentication",
        }
    }

    /// The column of the person's row that says when the last one was sent.
    fn sent_at(self) -> Option<&'static str> {
        match self {
            Self::Confirmation => Some("confirmation_sent_at"),
            Self::Recovery => Some("recovery_sent_at"),
            Self::EmailChangeNew => Some("email_change_sent_at"),
            Self::Reauthentication => Some("reauthentication_sent_at"),
            Self::EmailChangeCurrent => None,
        }
    }
}

fn read(row: Option<tokio_postgres::Row>) -> Result<Option<Redeemed>, HubError> {
    let Some(row) = row else { return Ok(None) };
    let name: &str = row.try_get(1)?;
    let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name);
    let purpose = purpose.ok_or_else(|| HubError::Internal(format!("there is no kind of code named {name}")))?;
    Ok(Some(Redeemed { user: row.try_get(0)?, purpose, keeps_password: row.try_get(2)?, flow: row.try_get(3)? }))
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issued").finish_non_exhaustive()
    }
}
