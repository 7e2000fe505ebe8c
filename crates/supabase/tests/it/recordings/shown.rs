//! Every received frame of every recording, one line each. All values are shown; nulls by their columns' names alone.

use std::fmt::Write;

use cockpit_supabase::realtime::change::{ColumnValue, PostgresChange, Row};
use cockpit_supabase::realtime::presence::PresenceMap;
use cockpit_supabase::realtime::protocol::{DecodeError, ServerMessage};

use super::{decoded, names};

#[test]
fn every_frame_of_every_recording() {
    for name in names() {
        let lines: Vec<String> =
            decoded(&name).iter().map(|(conn, outcome)| format!("{conn}: {}", shown(outcome))).collect();
        insta::assert_snapshot!(name, lines.join("\n"));
    }
}

fn shown(outcome: &Result<ServerMessage, DecodeError>) -> String {
    match outcome {
        Ok(message) => message_shown(message),
        Err(error) => format!("REFUSED {error}"),
    }
}

fn message_shown(message: &ServerMessage) -> String {
    match message {
        ServerMessage::Reply { topic, reference, outcome } => {
            let reference = reference.as_deref().unwrap_or("-");
            match outcome {
                Ok(accepted) if accepted.bindings.is_empty() => format!("{topic} reply {reference} ok"),
                Ok(accepted) => format!("{topic} reply {reference} ok bindings {:?}", accepted.bindings),
                Err(reason) => format!("{topic} reply {reference} error {reason:?}"),
            }
        }
        ServerMessage::Closed { topic, join_ref } => format!("{topic} closed {join_ref:?}"),
        ServerMessage::Errored { topic, join_ref } => format!("{topic} errored {join_ref:?}"),
        ServerMessage::System { topic, status, message, extension } => {
            format!("{topic} system {status} {} {message:?}", extension.as_deref().unwrap_or("-"))
        }
        ServerMessage::Broadcast { topic, event, payload, id, replayed } => {
            let id = id.as_deref().map(|id| format!(" id {id}")).unwrap_or_default();
            let replayed = if *replayed { " replayed" } else { "" };
            format!("{topic} broadcast {event:?}{id}{replayed} {payload:?}")
        }
        ServerMessage::PostgresChange { topic, ids, change } => {
            format!("{topic} change {ids:?} {}", change_shown(change))
        }
        ServerMessage::PresenceState { topic, join_ref, presences } => {
            format!("{topic} presence {join_ref:?}{}", presences_shown(presences))
        }
        ServerMessage::PresenceDiff { topic, joins, leaves } => {
            format!("{topic} presence joins{} leaves{}", presences_shown(joins), presences_shown(leaves))
        }
        ServerMessage::Other { topic, event } => format!("{topic} other {event:?}"),
    }
}

fn change_shown(change: &PostgresChange) -> String {
    let PostgresChange { schema, table, kind, commit_timestamp, record, old_record, errors } = change;
    let mut line = format!("{kind:?} {schema}.{table} {}", commit_timestamp.as_deref().unwrap_or("-"));
    if !errors.is_empty() {
        write!(line, " ERRORS {errors:?}").unwrap();
    }
    write!(line, " now{} old{}", row_shown(record), row_shown(old_record)).unwrap();
    line
}

fn row_shown(row: &Row) -> String {
    let mut line = String::from("{");
    for (name, value) in row.iter().filter(|(_, value)| !value.is_null()) {
        write!(line, "{name}={value:?} ").unwrap();
    }
    let nulls: Vec<&str> = row.iter().filter(|(_, value)| **value == ColumnValue::Null).map(|(name, _)| name).collect();
    if !nulls.is_empty() {
        write!(line, "null: {}", nulls.join(" ")).unwrap();
    }
    line.truncate(line.trim_end().len());
    line + "}"
}

fn presences_shown(presences: &PresenceMap) -> String {
    let mut line = String::new();
    for (key, list) in presences {
        for presence in list {
            let previous =
                presence.previous.as_deref().map(|previous| format!(" after {previous}")).unwrap_or_default();
            write!(line, " [{key:?} {}{previous} {}]", presence.reference, presence.payload).unwrap();
        }
    }
    line
}
