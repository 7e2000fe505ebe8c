//! The payload of a text frame, by its event.

use std::borrow::Cow;

use super::cache::ColumnsCache;
use super::{Result, change, once, presence};
use crate::realtime::change::PostgresChange;
use crate::realtime::presence::PresenceMap;
use crate::realtime::protocol::Json;
use crate::realtime::protocol::error::DecodeError;
use crate::realtime::protocol::message::{Accepted, BroadcastPayload, ServerMessage};
use crate::realtime::protocol::scan::{Cursor, Token};

/// A message without its envelope, which in version 1.0.0 is complete only behind the payload.
pub(super) enum Body {
    Reply(Result<Accepted, String>),
    Closed,
    Errored,
    System { status: String, message: String, extension: Option<String> },
    Broadcast { event: String, payload: BroadcastPayload, meta: Meta },
    Change { ids: Vec<u64>, change: Box<PostgresChange> },
    State(PresenceMap),
    Diff { joins: PresenceMap, leaves: PresenceMap },
    Other,
}

/// What the database adds to a broadcast.
#[derive(Default)]
pub(super) struct Meta {
    pub(super) id: Option<String>,
    pub(super) replayed: bool,
}

impl Body {
    pub(super) fn read(cursor: &mut Cursor<'_>, event: &str, columns: &mut ColumnsCache) -> Result<Self> {
        match event {
            "phx_reply" => reply(cursor),
            "phx_close" => cursor.skip().map(|_| Self::Closed),
            "phx_error" => cursor.skip().map(|_| Self::Errored),
            "system" => system(cursor),
            "broadcast" => broadcast(cursor),
            "postgres_changes" => change::read(cursor, columns),
            "presence_state" => presence::map(cursor).map(Self::State),
            "presence_diff" => presence::diff(cursor),
            _ => cursor.skip().map(|_| Self::Other),
        }
    }

    pub(super) fn into_message(
        self,
        topic: String,
        event: Cow<'_, str>,
        join_ref: Option<String>,
        reference: Option<String>,
    ) -> ServerMessage {
        match self {
            Self::Reply(outcome) => ServerMessage::Reply { topic, reference, outcome },
            Self::Closed => ServerMessage::Closed { topic, join_ref },
            Self::Errored => ServerMessage::Errored { topic, join_ref },
            Self::System { status, message, extension } => ServerMessage::System { topic, status, message, extension },
            Self::Broadcast { event, payload, meta: Meta { id, replayed } } => {
                ServerMessage::Broadcast { topic, event, payload, id, replayed }
            }
            Self::Change { ids, change } => ServerMessage::PostgresChange { topic, ids, change },
            Self::State(presences) => ServerMessage::PresenceState { topic, join_ref, presences },
            Self::Diff { joins, leaves } => ServerMessage::PresenceDiff { topic, joins, leaves },
            Self::Other => ServerMessage::Other { topic, event: event.into_owned() },
        }
    }
}

/// `{"status":"ok","response":{"postgres_changes":[{"id":66729981,…}]}}`, `{"status":"error","response":{"reason":"…"}}`, and, for a
/// broadcast over 3,000 KB, `{"status":"error","response":"payload_size_exceeded"}`.
fn reply(cursor: &mut Cursor<'_>) -> Result<Body> {
    let (mut ok, mut response) = (None, None);
    cursor.members(|cursor, key| match key {
        "status" => once(&mut ok, "status", cursor.string()? == "ok"),
        "response" => {
            let text = cursor.skip()?;
            once(&mut response, "response", text)
        }
        _ => cursor.skip().map(drop),
    })?;
    let response = response.unwrap_or("null");
    Ok(Body::Reply(if ok.ok_or(DecodeError::Missing("status"))? {
        Ok(accepted(response)?)
    } else {
        Err(reason(response)?)
    }))
}

fn accepted(response: &str) -> Result<Accepted> {
    let mut cursor = Cursor::new(response);
    let mut bindings = Vec::new();
    if cursor.token()? == Token::Object {
        cursor.members(|cursor, key| {
            if key != "postgres_changes" || cursor.token()? != Token::Array {
                return cursor.skip().map(drop);
            }
            cursor.elements(|cursor| {
                let mut id = None;
                cursor.members(|cursor, key| match key {
                    "id" => once(&mut id, "id of a binding", integer(cursor, "id of a binding")?),
                    _ => cursor.skip().map(drop),
                })?;
                // Bindings are told apart by their place, so none may be left out.
                bindings.push(id.ok_or(DecodeError::Missing("id of a binding"))?);
                Ok(())
            })
        })?;
    }
    Ok(Accepted { bindings })
}

/// Usually `{"reason": "…"}`, sometimes a bare string.
fn reason(response: &str) -> Result<String> {
    let mut cursor = Cursor::new(response);
    if cursor.token()? != Token::Object {
        return plain(&mut cursor);
    }
    let mut reason = None;
    cursor.members(|cursor, key| match key {
        "reason" => once(&mut reason, "reason", plain(cursor)?),
        _ => cursor.skip().map(drop),
    })?;
    Ok(reason.unwrap_or_else(|| response.to_owned()))
}

/// `{"message":"Subscribed to PostgreSQL","status":"ok","extension":"postgres_changes","channel":"room1"}`. The channel is always the topic
/// without its prefix, and is missing when the server disconnects.
fn system(cursor: &mut Cursor<'_>) -> Result<Body> {
    let (mut message, mut status, mut extension) = (None, None, None);
    cursor.members(|cursor, key| match key {
        "message" => once(&mut message, "message", plain(cursor)?),
        "status" => once(&mut status, "status", plain(cursor)?),
        "extension" => once(&mut extension, "extension", plain(cursor)?),
        _ => cursor.skip().map(drop),
    })?;
    Ok(Body::System { message: message.unwrap_or_default(), status: status.unwrap_or_default(), extension })
}

/// `{"event":"e","payload":{…},"type":"broadcast"}`, with `"meta":{"id":"…","replayed":true}` from the database. A client can give a meta
/// of its own in a text push on a channel that it may write to.
fn broadcast(cursor: &mut Cursor<'_>) -> Result<Body> {
    let (mut event, mut payload, mut about) = (None, None, None);
    cursor.members(|cursor, key| match key {
        "event" => once(&mut event, "event of a broadcast", cursor.string()?.into_owned()),
        "payload" => {
            let text = cursor.skip()?;
            once(&mut payload, "payload of a broadcast", text)
        }
        "meta" => once(&mut about, "meta", meta(cursor)?),
        _ => cursor.skip().map(drop),
    })?;
    Ok(Body::Broadcast {
        event: event.ok_or(DecodeError::Missing("event of a broadcast"))?,
        payload: BroadcastPayload::Json(payload.map_or_else(Json::default, Json::scanned)),
        meta: about.unwrap_or_default(),
    })
}

/// Of a broadcast. What is no id or no flag is passed over: the broadcast counts more.
pub(super) fn meta(cursor: &mut Cursor<'_>) -> Result<Meta> {
    if cursor.token()? != Token::Object {
        return cursor.skip().map(|_| Meta::default());
    }
    let (mut id, mut replayed) = (None, None);
    cursor.members(|cursor, key| match (key, cursor.token()?) {
        ("id", Token::String) => once(&mut id, "id of a broadcast", cursor.string()?.into_owned()),
        ("replayed", Token::Bool) => once(&mut replayed, "replayed", cursor.boolean()?),
        _ => cursor.skip().map(drop),
    })?;
    Ok(Meta { id, replayed: replayed.unwrap_or_default() })
}

/// A string, or the text of anything else; null is empty.
pub(super) fn plain(cursor: &mut Cursor<'_>) -> Result<String> {
    Ok(match cursor.token()? {
        Token::String => cursor.string()?.into_owned(),
        Token::Null => {
            cursor.null()?;
            String::new()
        }
        _ => cursor.skip()?.to_owned(),
    })
}

/// A whole number that is not negative.
pub(super) fn integer(cursor: &mut Cursor<'_>, what: &'static str) -> Result<u64> {
    cursor.number()?.parse().map_err(|_| DecodeError::Unknown(what))
}
