//! How often one may try to sign in, ask for mails and type codes. The buckets are rows, so that a restart forgives nothing, and they
//! are bounded: a row is swept away as soon as its bucket is full again.
//!
//! A bucket is kept as the time at which it is full again (the generic cell rate algorithm, ITU-T I.371): one statement takes a token
//! or finds that there is none, however many ask at once. Addresses and e-mail addresses are in there as keyed hashes only.

use std::{net::IpAddr, time::Duration};

use crate::{database::Database, error::HubError, keyed_hash::KeyedHash};

/// A bucket of `burst` tokens that gains one token `every` so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So many at once. At least one.
    pub burst: u32,
    /// One more after so long. Zero means no limit.
    pub every: Duration,
}

/// The limits of sign-in. The defaults suit a team in one room, and its guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthLimits {
    /// Failed sign-ins per account, known or not. While there are none left even the right password is not looked at.
    pub failed_sign_ins_per_account: Rate,
    /// Failed sign-ins per client address (an IPv6 client is its /64).
    pub failed_sign_ins_per_address: Rate,
    /// Wrong codes per e-mail address. A code by itself takes five wrong tries.
    pub wrong_codes_per_account: Rate,
    /// Wrong codes per client address.
    pub wrong_codes_per_address: Rate,
    /// Requests that may send a mail or make an account, per client address.
    pub mail_requests_per_address: Rate,
    /// Between two mails of one kind to one e-mail address. GoTrue: a minute.
    pub mail_interval: Duration,
    /// Mails that the whole hub sends.
    pub mails: Rate,
}

impl Default for AuthLimits {
    fn default() -> Self {
        let rate = |burst, seconds| Rate { burst, every: Duration::from_secs(seconds) };
        Self {
            failed_sign_ins_per_account: rate(10, 60),
            failed_sign_ins_per_address: rate(100, 3),
            wrong_codes_per_account: rate(10, 60),
            wrong_codes_per_address: rate(30, 10),
            mail_requests_per_address: rate(30, 10),
            mail_interval: Duration::from_secs(60),
            mails: rate(100, 36),
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    SignInAccount,
    SignInAddress,
    CodeAccount,
    CodeAddress,
    MailRequest,
    MailTo,
    Mails,
}

/// There is no token left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exhausted {
    /// When to come back; at least a second.
    pub(crate) retry_after: Duration,
}

/// A taken token, which can be put back when what it was taken for was in order.
#[derive(Debug)]
pub(crate) struct Taken {
    bucket: Bucket,
    key: String,
}

/// Takes tokens out of buckets.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    database: Database,
    hash: KeyedHash,
    rates: AuthLimits,
}

impl Buckets {
    pub(crate) fn new(database: Database, hash: KeyedHash, rates: AuthLimits) -> Self {
        Self { database, hash, rates }
    }

    /// Takes a token, or says when there will be one.
    pub(crate) async fn take(&self, bucket: Bucket, key: &str) -> Result<Result<Taken, Exhausted>, HubError> {
        let (name, rate) = (bucket.name(), self.rate(bucket));
        let key = self.hash.of(name, &[key]);
        if rate.every.is_zero() {
            return Ok(Ok(Taken { bucket, key }));
        }
        let (every, tolerance) = seconds(rate);
        let connection = self.database.hub_connection().await?;
        let take = "insert into auth.rate_limit as r (bucket, key, full_at) \
                    values ($1, $2, clock_timestamp() + make_interval(secs => $3)) \
                    on conflict (bucket, key) do update \
                    set full_at = greatest(r.full_at, clock_timestamp()) + make_interval(secs => $3) \
                    where r.full_at <= clock_timestamp() + make_interval(secs => $4) returning 1";
        if connection.query_opt(take, &[&name, &key, &every, &tolerance]).await?.is_some() {
            return Ok(Ok(Taken { bucket, key }));
        }
        let retry_after = self.wait(&connection, name, &key, tolerance).await?;
        tracing::warn!(limit = name, seconds = retry_after.as_secs(), "a rate limit was reached");
        Ok(Err(Exhausted { retry_after }))
    }

    /// Whether a token could be taken now, without taking it.
    pub(crate) async fn look(&self, bucket: Bucket, key: &str) -> Result<Result<(), Exhausted>, HubError> {
        let (name, rate) = (bucket.name(), self.rate(bucket));
        let (every, tolerance) = seconds(rate);
        if every == 0.0 {
            return Ok(Ok(()));
        }
        let connection = self.database.hub_connection().await?;
        let key = self.hash.of(name, &[key]);
        let exhausted = "select from auth.rate_limit where bucket = $1 and key = $2 \
                         and full_at > clock_timestamp() + make_interval(secs => $3)";
        match connection.query_opt(exhausted, &[&name, &key, &tolerance]).await? {
            None => Ok(Ok(())),
            Some(_) => Ok(Err(Exhausted { retry_after: self.wait(&connection, name, &key, tolerance).await? })),
        }
    }

    /// Puts tokens back: what they were taken for was in order.
    pub(crate) async fn give_back(&self, taken: &[Taken]) -> Result<(), HubError> {
        let connection = self.database.hub_connection().await?;
        for Taken { bucket, key } in taken {
            let (every, _) = seconds(self.rate(*bucket));
            let give = "update auth.rate_limit set full_at = full_at - make_interval(secs => $3) \
                        where bucket = $1 and key = $2";
            connection.execute(give, &[&bucket.name(), key, &every]).await?;
        }
        Ok(())
    }

    async fn wait(
        &self,
        connection: &deadpool_postgres::Object,
        name: &str,
        key: &str,
        tolerance: f64,
    ) -> Result<Duration, HubError> {
        let wait = "select extract(epoch from full_at - clock_timestamp())::float8 - $3 from auth.rate_limit \
                    where bucket = $1 and key = $2";
        let row = connection.query_opt(wait, &[&name, &key, &tolerance]).await?;
        let wait: f64 = row.map(|row| row.try_get(0)).transpose()?.unwrap_or(0.0);
        Ok(Duration::try_from_secs_f64(wait.ceil()).unwrap_or_default().max(Duration::from_secs(1)))
    }

    fn rate(&self, bucket: Bucket) -> Rate {
        let rates = &self.rates;
        match bucket {
            Bucket::SignInAccount => rates.failed_sign_ins_per_account,
            Bucket::SignInAddress => rates.failed_sign_ins_per_address,
            Bucket::CodeAccount => rates.wrong_codes_per_account,
            Bucket::CodeAddress => rates.wrong_codes_per_address,
            Bucket::MailRequest => rates.mail_requests_per_address,
            Bucket::MailTo => Rate { burst: 1, every: rates.mail_interval },
            Bucket::Mails => rates.mails,
        }
    }
}

impl Bucket {
    fn name(self) -> &'static str {
        match self {
            Self::SignInAccount => "sign_in_account",
            Self::SignInAddress => "sign_in_address",
            Self::CodeAccount => "code_account",
            Self::CodeAddress => "code_address",
            Self::MailRequest => "mail_request",
            Self::MailTo => "mail_to",
            Self::Mails => "mails",
        }
    }
}

/// Whom an address counts as: an IPv6 client usually has a whole /64 to itself.
pub(crate) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A token's worth, and how far ahead `full_at` may be while there is a token left.
fn seconds(rate: Rate) -> (f64, f64) {
    let every = rate.every.as_secs_f64();
    (every, every * f64::from(rate.burst.max(1) - 1))
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_ipv4_one_itself() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
