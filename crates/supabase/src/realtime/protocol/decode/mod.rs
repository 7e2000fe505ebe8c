//! From the server.
//!
//! Frames as seen on Supabase Realtime 2.129.8. Version 1.0.0 is `{"ref":…,"event":…,"payload":…,"topic":…}`, version 2.0.0
//! `[join_ref,ref,topic,event,payload]`; binary frames are broadcasts of version 2.0.0.

mod binary;
mod body;
mod cache;
mod change;
mod presence;
mod value;

use bytes::Bytes;

use super::error::DecodeError;
use super::message::ServerMessage;
use super::scan::{Cursor, Token};
use body::Body;
use cache::ColumnsCache;

type Result<T, E = DecodeError> = std::result::Result<T, E>;

/// Reads the server's frames of either version.
///
/// It remembers the columns of tables that were seen, which are repeated with every change; keep one per connection. What it remembers is
/// bounded (32 tables, a megabyte of text).
#[derive(Debug, Default)]
pub struct Decoder {
    columns: ColumnsCache,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a text frame.
    ///
    /// # Errors
    /// When it is no frame of the protocol. The next frame can be read all the same.
    pub fn text(&mut self, frame: &str) -> Result<ServerMessage> {
        let mut cursor = Cursor::new(frame);
        match cursor.peek() {
            Some(b'[') => self.version_2(cursor),
            _ => self.version_1(cursor),
        }
    }

    /// Reads a binary frame: `04`, the lengths of topic, event and meta, the encoding, these parts, the payload. Bytes in it are not
    /// copied.
    ///
    /// # Errors
    /// When it is cut short, of another kind, or its text is not UTF-8 or its JSON no JSON: the server passes on unchecked what a
    /// client marked as JSON.
    pub fn binary(&mut self, frame: &Bytes) -> Result<ServerMessage> {
        binary::broadcast(frame)
    }

    fn version_2(&mut self, mut cursor: Cursor<'_>) -> Result<ServerMessage> {
        const COMMA: &str = "a comma";
        cursor.punctuation(b'[', "a frame")?;
        let join_ref = reference(&mut cursor)?;
        cursor.punctuation(b',', COMMA)?;
        let reference = reference(&mut cursor)?;
        cursor.punctuation(b',', COMMA)?;
        let topic = cursor.string()?;
        cursor.punctuation(b',', COMMA)?;
        let event = cursor.string()?;
        cursor.punctuation(b',', COMMA)?;
        let body = Body::read(&mut cursor, &event, &mut self.columns)?;
        cursor.punctuation(b']', "the end of the frame")?;
        cursor.finish()?;
        Ok(body.into_message(topic.into_owned(), event, join_ref, reference))
    }

    /// Members may come in any order, but none of the protocol's twice: see [`DecodeError::Repeated`].
    fn version_1(&mut self, mut cursor: Cursor<'_>) -> Result<ServerMessage> {
        let (mut topic, mut event, mut join, mut answered) = (None, None, None, None);
        let (mut body, mut payload) = (None, None);
        cursor.members(|cursor, key| match key {
            "topic" => once(&mut topic, "topic", cursor.string()?),
            "event" => once(&mut event, "event", cursor.string()?),
            "ref" => once(&mut answered, "ref", reference(cursor)?),
            "join_ref" => once(&mut join, "join_ref", reference(cursor)?),
            "payload" if body.is_some() || payload.is_some() => Err(DecodeError::Repeated("payload")),
            "payload" => {
                match &event {
                    Some(event) => body = Some(Body::read(cursor, event, &mut self.columns)?),
                    // What it is, is said later.
                    None => payload = Some(cursor.skip()?),
                }
                Ok(())
            }
            _ => cursor.skip().map(drop),
        })?;
        cursor.finish()?;
        let (topic, event) = (topic.ok_or(DecodeError::Missing("topic"))?, event.ok_or(DecodeError::Missing("event"))?);
        let body = match (body, payload) {
            (Some(body), _) => body,
            (None, Some(payload)) => Body::read(&mut Cursor::new(payload), &event, &mut self.columns)?,
            (None, None) => return Err(DecodeError::Missing("payload")),
        };
        let reference = answered.flatten();
        // The server's frames have no join_ref in this version; the ref of these two is the join's.
        let join_ref = match join.flatten() {
            None if matches!(&*event, "phx_close" | "phx_error") => reference.clone(),
            join_ref => join_ref,
        };
        Ok(body.into_message(topic.into_owned(), event, join_ref, reference))
    }
}

/// Reads one text frame of either version. A [`Decoder`] is faster for many.
///
/// # Errors
/// As of [`Decoder::text`].
pub fn decode_text(text: &str) -> Result<ServerMessage> {
    Decoder::new().text(text)
}

/// Reads one binary frame.
///
/// # Errors
/// As of [`Decoder::binary`].
pub fn decode_binary(frame: &[u8]) -> Result<ServerMessage> {
    binary::broadcast(&Bytes::copy_from_slice(frame))
}

/// A `ref` or `join_ref`: what the client gave, which is text, or nothing.
fn reference(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    Ok(match cursor.token()? {
        Token::Null => {
            cursor.null()?;
            None
        }
        Token::Number => Some(cursor.number()?.to_owned()),
        _ => Some(cursor.string()?.into_owned()),
    })
}

/// Keeps a member that may come only once.
fn once<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(DecodeError::Repeated(name)),
    }
}
