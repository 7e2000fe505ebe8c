//! What a client says about its own presence.

use std::{ops::ControlFlow, time::Instant};

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    authorise::{Extension, may_write},
    frame::Incoming,
    presence::payload,
    reply::Addressed,
    socket::{Ending, Socket},
};

#[derive(Deserialize)]
struct Call<'a> {
    event: String,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
}

/// What becomes of a call.
enum Answer {
    Done,
    Refused,
    NoMap,
    /// The channel is closed, with this reason.
    Closed(&'static str),
}

impl Socket {
    /// `presence` with the event `track` or `untrack`.
    pub(super) async fn present(&mut self, incoming: &Incoming) -> ControlFlow<Ending> {
        // The real server takes what names no event as said, and does nothing.
        let answer = match serde_json::from_str::<Call<'_>>(incoming.payload.get()) {
            Ok(call) => self.call(&incoming.topic, &call).await,
            Err(_) => Answer::Done,
        };
        let to = Addressed::from(incoming);
        match answer {
            Answer::Done => self.reply(to, "ok", json!({})),
            Answer::Refused => self.reply(to, "error", json!({})),
            Answer::NoMap => self.reply(to, "error", json!({ "reason": "Presence track payload must be a map" })),
            Answer::Closed(why) => self.end_channel(&incoming.topic, why),
        }
        ControlFlow::Continue(())
    }

    async fn call(&mut self, topic: &str, call: &Call<'_>) -> Answer {
        let (app, now) = (self.app.clone(), Instant::now());
        let (limits, window) = (*app.topics.limits(), app.timings.presence_window);
        let Some(channel) = self.channels.get_mut(topic) else { return Answer::Refused };
        if !channel.presence_calls.allow(limits.presence_calls, window, now) {
            return Answer::Closed("Client presence rate limit exceeded");
        }
        match call.event.to_ascii_lowercase().as_str() {
            "track" => {}
            "untrack" => {
                channel.presence_calls.count(window, now);
                channel.subscription.untrack();
                return Answer::Done;
            }
            _ => return Answer::Refused,
        }
        if let (None, Some(caller)) = (channel.rights.write_presence, &channel.caller) {
            match may_write(&app.database, caller, &channel.name, Extension::Presence).await {
                Ok(allowed) => channel.rights.write_presence = Some(allowed),
                Err(error) => {
                    tracing::error!(%error, "the policies could not be asked about presence");
                    return Answer::Refused;
                }
            }
        }
        if channel.rights.write_presence != Some(true) {
            return Answer::Refused;
        }
        let json = call.payload.map_or("{}", RawValue::get);
        let Some(payload) = payload(json) else { return Answer::NoMap };
        if json.len() > limits.payload_bytes {
            return Answer::Closed("Track message size exceeded");
        }
        let rate = &app.topics.rates().presence;
        if rate.is_over() {
            return Answer::Closed("Too many presence messages per second");
        }
        rate.add(1);
        channel.presence_calls.count(window, now);
        match channel.subscription.track(&channel.presence_key, payload) {
            true => Answer::Done,
            false => Answer::Closed("Track message size exceeded"),
        }
    }
}
