//! Tokens while a channel lives: the new ones it is given, and the end of the old.

use std::{ops::ControlFlow, time::Duration};

use serde_json::{Map, Value};

use super::{
    authorise::Rights,
    claims::{Believed, believe},
    config::own_token,
    frame::Incoming,
    join::{Refusal, may_join},
    joining::NO_TABLE_CHANGES,
    socket::{Ending, Socket},
};
use crate::{
    database::Caller,
    token::{TokenError, unix_now},
};

/// Token expiries are looked at no later than this, so that a machine that slept does not oversleep them.
const EXPIRY_CHECK: Duration = Duration::from_secs(30);

impl Socket {
    /// A new token for a channel: the policies are asked again. There is no answer unless it is refused; but who asked for changes of
    /// tables is answered about them again, as the real server confirms them.
    pub(super) async fn renew(&mut self, incoming: &Incoming) -> ControlFlow<Ending> {
        let topic = incoming.topic.as_str();
        let payload = serde_json::from_str::<Map<String, Value>>(incoming.payload.get()).unwrap_or_default();
        let Some(token) = own_token(&payload) else { return ControlFlow::Continue(()) };
        match self.channels.get(topic) {
            Some(channel) if channel.token != token => {}
            _ => return ControlFlow::Continue(()),
        }
        match self.believe_again(topic, &token).await {
            Err(why) => self.end_channel(topic, &why),
            Ok((believed, renewed)) => {
                let Some(channel) = self.channels.get_mut(topic) else { return ControlFlow::Continue(()) };
                (channel.token, channel.exp) = (token, believed.exp());
                if let Some((caller, rights)) = renewed {
                    channel.subscription.set_reads(rights.read_broadcasts, rights.read_presence);
                    (channel.caller, channel.rights) = (Some(caller), rights);
                }
                if let Some(channel) = self.channels.get(topic).filter(|channel| channel.wants_tables) {
                    self.system(topic, channel, "error", "postgres_changes", NO_TABLE_CHANGES);
                }
            }
        }
        ControlFlow::Continue(())
    }

    async fn believe_again(&self, topic: &str, token: &str) -> Result<(Believed, Option<(Caller, Rights)>), String> {
        let believed = believe(&self.app, token).map_err(|error| match error {
            // The real server lets the name of its error out here.
            TokenError::Signature => ":signature_error".to_owned(),
            other => other.to_string(),
        })?;
        let Some(channel) = self.channels.get(topic).filter(|channel| channel.config.private) else {
            return Ok((believed, None));
        };
        match may_join(&self.app, &believed, &channel.name, channel.config.presence).await {
            Ok(renewed) => Ok((believed, Some(renewed))),
            Err(Refusal::Unauthorized(name)) => {
                Err(format!("You do not have permissions to read from this Channel topic: {name}"))
            }
            Err(Refusal::Database) => Err("Realtime was unable to connect to the project database".to_owned()),
            Err(other) => Err(other.to_string()),
        }
    }

    /// How long until the next token may have expired.
    pub(super) fn next_expiry(&self) -> Duration {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let soonest = self.channels.values().map(|channel| u64::try_from(channel.exp).unwrap_or(0)).min();
        soonest.map_or(EXPIRY_CHECK, |exp| Duration::from_secs(exp).saturating_sub(now).min(EXPIRY_CHECK))
    }

    /// Ends the channels whose token has expired.
    pub(super) fn expire(&mut self) {
        let now = unix_now();
        let expired: Vec<String> =
            self.channels.iter().filter(|(_, channel)| channel.exp <= now).map(|(topic, _)| topic.clone()).collect();
        for topic in expired {
            let ago = self.channels.get(&topic).map_or(0, |channel| now - channel.exp);
            self.end_channel(&topic, &TokenError::Expired { seconds_ago: ago }.to_string());
        }
    }
}
