//! Presence.

use super::body::Body;
use super::{Result, once};
use crate::realtime::presence::{Presence, PresenceMap};
use crate::realtime::protocol::Json;
use crate::realtime::protocol::error::DecodeError;
use crate::realtime::protocol::scan::{Cursor, Token};

/// `{"joins":{…},"leaves":{…}}`.
pub(super) fn diff(cursor: &mut Cursor<'_>) -> Result<Body> {
    let (mut joins, mut leaves) = (None, None);
    cursor.members(|cursor, key| match key {
        "joins" => once(&mut joins, "joins", map(cursor)?),
        "leaves" => once(&mut leaves, "leaves", map(cursor)?),
        _ => cursor.skip().map(drop),
    })?;
    Ok(Body::Diff { joins: joins.unwrap_or_default(), leaves: leaves.unwrap_or_default() })
}

/// `{"key":{"metas":[{"phx_ref":"…",…}]}}`.
pub(super) fn map(cursor: &mut Cursor<'_>) -> Result<PresenceMap> {
    let mut map = Vec::new();
    cursor.members(|cursor, key| {
        let mut metas = None;
        let key = key.to_owned();
        cursor.members(|cursor, member| match member {
            "metas" => {
                let mut list = Vec::new();
                cursor.elements(|cursor| {
                    list.push(presence(cursor)?);
                    Ok(())
                })?;
                once(&mut metas, "metas", list)
            }
            _ => cursor.skip().map(drop),
        })?;
        map.push((key, metas.ok_or(DecodeError::Missing("metas"))?));
        Ok(())
    })?;
    Ok(map)
}

/// What was tracked, with `phx_ref` and, after another `track`, `phx_ref_prev` put into it by the server.
fn presence(cursor: &mut Cursor<'_>) -> Result<Presence> {
    let (mut reference, mut previous) = (None, None);
    // Most of what is tracked is short: growing piece by piece would cost more than this.
    let mut payload = String::with_capacity(128);
    payload.push('{');
    cursor.peek();
    // From behind the bracket or the comma, so that a member is taken over with its key as it stands.
    let mut start = cursor.position() + 1;
    cursor.members(|cursor, key| {
        match (key, cursor.token()?) {
            ("phx_ref", Token::String) => once(&mut reference, "phx_ref", cursor.string()?.into_owned())?,
            ("phx_ref_prev", Token::String) => once(&mut previous, "phx_ref_prev", cursor.string()?.into_owned())?,
            _ => {
                cursor.skip()?;
                if payload.len() > 1 {
                    payload.push(',');
                }
                payload.push_str(cursor.since(start)?.trim_start());
            }
        }
        cursor.peek();
        start = cursor.position() + 1;
        Ok(())
    })?;
    payload.push('}');
    let reference = reference.ok_or(DecodeError::Missing("phx_ref"))?;
    Ok(Presence { reference, previous, payload: Json::scanned(&payload) })
}
