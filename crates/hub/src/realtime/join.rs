//! Whether a join is granted, and the real server's words when it is not.

use super::{
    authorise::{Rights, rights},
    channel::JoinConfig,
    socket::MAX_CHANNELS,
};
use crate::{
    app::App,
    database::Caller,
    token::{TokenError, VerifiedToken, unix_now},
};

/// Why a join was refused, as the real server puts it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("TopicNameRequired: You must provide a topic name")]
    NoName,
    #[error("ChannelRateLimitReached: Too many channels")]
    TooManyChannels,
    #[error("{}: {}", token_kind(.0), .0)]
    Token(TokenError),
    #[error("Unauthorized: You do not have permissions to read from this Channel topic: {0}")]
    Unauthorized(String),
    #[error("UnableToReplayMessages: Replay is not allowed for public channels")]
    PublicReplay,
    #[error("IncreaseConnectionPool: Please increase your connection pool size")]
    Database,
}

/// A join that may happen.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) rights: Rights,
    pub(super) exp: i64,
}

/// Decides a join of the channel `name` with `token`, on a socket with `joined` other channels.
pub(super) async fn decide(
    app: &App,
    name: &str,
    config: &JoinConfig,
    token: &str,
    joined: usize,
) -> Result<Grant, Refusal> {
    if name.is_empty() {
        return Err(Refusal::NoName);
    }
    if joined >= MAX_CHANNELS {
        return Err(Refusal::TooManyChannels);
    }
    let token = app.signer.verify(token, unix_now()).map_err(Refusal::Token)?;
    if config.replay && !config.private {
        return Err(Refusal::PublicReplay);
    }
    let rights = if config.private { may_join(app, &token, name).await? } else { Rights::PUBLIC };
    Ok(Grant { rights, exp: token.exp })
}

/// The rights of a token's holder on a private channel; refused when there is no right to read.
pub(super) async fn may_join(app: &App, token: &VerifiedToken, name: &str) -> Result<Rights, Refusal> {
    let rights = rights(&app.database, &Caller::from(token), name).await.map_err(|error| {
        tracing::error!(%error, "the policies could not be asked");
        Refusal::Database
    })?;
    if rights.may_join() { Ok(rights) } else { Err(Refusal::Unauthorized(name.to_owned())) }
}

fn token_kind(error: &TokenError) -> &'static str {
    match error {
        TokenError::Malformed => "MalformedJWT",
        TokenError::Signature => "JwtSignatureError",
        TokenError::MissingClaims | TokenError::Expired { .. } => "InvalidJWTToken",
    }
}
