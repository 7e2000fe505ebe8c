//! Whether a join is granted, and the real server's words when it is not.

use super::{
    authorise::{Rights, rights},
    claims::{Believed, believe},
    config::{BadJoin, JoinConfig, Replay},
    replay::{Replayed, replay},
};
use crate::{app::App, database::Caller, token::TokenError};

/// Why a join was refused, as the real server puts it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("TopicNameRequired: You must provide a topic name")]
    NoName,
    #[error("UnknownErrorOnChannel: {0}")]
    Malformed(#[from] BadJoin),
    #[error("ClientJoinRateLimitReached: Too many joins per second")]
    TooManyJoins,
    #[error("ChannelRateLimitReached: Too many channels")]
    TooManyChannels,
    #[error("{}: {}", token_kind(.0), .0)]
    Token(TokenError),
    #[error("Unauthorized: You do not have permissions to read from this Channel topic: {0}")]
    Unauthorized(String),
    #[error("UnableToReplayMessages: Replay is not allowed for public channels")]
    PublicReplay,
    #[error("UnableToReplayMessages: Replay params are not valid")]
    MalformedReplay,
    #[error("IncreaseConnectionPool: Please increase your connection pool size")]
    Database,
}

/// A join that may happen.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) rights: Rights,
    /// Whose policies decide; public channels ask none.
    pub(super) caller: Option<Caller>,
    pub(super) exp: i64,
    pub(super) replayed: Vec<Replayed>,
}

/// Decides a join of the channel `name` with `token`, on a socket with `joined` other channels.
pub(super) async fn decide(
    app: &App,
    name: &str,
    config: &JoinConfig,
    token: &str,
    joined: usize,
) -> Result<Grant, Refusal> {
    let (limits, joins) = (app.topics.limits(), &app.topics.rates().joins);
    if joins.is_over() {
        return Err(Refusal::TooManyJoins);
    }
    joins.add(1);
    if joined >= limits.channels_per_socket {
        return Err(Refusal::TooManyChannels);
    }
    let token = believe(app, token).map_err(Refusal::Token)?;
    let exp = token.exp();
    if !config.private {
        return match config.replay {
            Replay::Not => Ok(Grant { rights: Rights::PUBLIC, caller: None, exp, replayed: Vec::new() }),
            _ => Err(Refusal::PublicReplay),
        };
    }
    let (caller, rights) = may_join(app, &token, name, config.presence).await?;
    let replayed = match config.replay {
        Replay::Not => Vec::new(),
        Replay::Malformed => return Err(Refusal::MalformedReplay),
        Replay::Since { .. } if !rights.read_broadcasts => return Err(Refusal::Unauthorized(name.to_owned())),
        Replay::Since { since, limit } => {
            replay(&app.database, &caller, name, since, limit).await.map_err(|error| database_failed(&error))?
        }
    };
    Ok(Grant { rights, caller: Some(caller), exp, replayed })
}

/// The rights of a token's holder on a private channel; refused when there is no right to read.
pub(super) async fn may_join(
    app: &App,
    token: &Believed,
    name: &str,
    presence: bool,
) -> Result<(Caller, Rights), Refusal> {
    let Believed::Known(token) = token else { return Err(Refusal::Unauthorized(name.to_owned())) };
    let caller = Caller::from(token);
    let rights = rights(&app.database, &caller, name, presence).await.map_err(|error| database_failed(&error))?;
    if rights.may_join() { Ok((caller, rights)) } else { Err(Refusal::Unauthorized(name.to_owned())) }
}

fn database_failed(error: &crate::HubError) -> Refusal {
    tracing::error!(%error, "the policies could not be asked");
    Refusal::Database
}

fn token_kind(error: &TokenError) -> &'static str {
    match error {
        TokenError::Malformed => "MalformedJWT",
        TokenError::Signature => "JwtSignatureError",
        TokenError::MissingClaims | TokenError::Expired { .. } => "InvalidJWTToken",
    }
}
