//! Binary frames.

use bytes::Bytes;

use super::Result;
use super::body::{self, Meta};
use crate::realtime::protocol::error::DecodeError;
use crate::realtime::protocol::message::{BroadcastPayload, ServerMessage};
use crate::realtime::protocol::scan::Cursor;

const BROADCAST: u8 = 4;

pub(super) fn broadcast(frame: &Bytes) -> Result<ServerMessage> {
    let cut = || DecodeError::Cut(frame.len());
    let kind = *frame.first().ok_or_else(cut)?;
    if kind != BROADCAST {
        return Err(DecodeError::Kind(kind));
    }
    let [_, topic, event, meta, encoding, rest @ ..] = frame.as_ref() else { return Err(cut()) };
    let mut rest = rest;
    let mut part = |length: &u8| {
        let (part, tail) = rest.split_at_checked(usize::from(*length)).ok_or_else(cut)?;
        rest = tail;
        Ok(part)
    };
    let (topic, event, meta) = (part(topic)?, part(event)?, part(meta)?);
    let topic = text(topic, "the topic")?.to_owned();
    let event = text(event, "the event")?.to_owned();
    let Meta { id, replayed } = match text(meta, "the meta")? {
        "" => Meta::default(),
        meta => {
            let mut cursor = Cursor::new(meta);
            let meta = body::meta(&mut cursor)?;
            cursor.finish()?;
            meta
        }
    };
    let payload = match encoding {
        0 => BroadcastPayload::Binary(frame.slice_ref(rest)),
        1 => BroadcastPayload::Json(text(rest, "the payload")?.parse()?),
        other => return Err(DecodeError::Encoding(*other)),
    };
    Ok(ServerMessage::Broadcast { topic, event, payload, id, replayed })
}

fn text<'a>(bytes: &'a [u8], what: &'static str) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::NotUtf8(what))
}
