//! What the recordings have to show, whatever the snapshots hold.

use cockpit_supabase::realtime::change::{ChangeKind, ColumnValue, PostgresChange};
use cockpit_supabase::realtime::protocol::{BroadcastPayload, DecodeError, Decoder, ServerMessage, decode_text};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Wire, decoded, names, received};

fn changes(name: &str) -> Vec<PostgresChange> {
    let messages = decoded(name).into_iter().filter_map(|(_, message)| match message {
        Ok(ServerMessage::PostgresChange { change, .. }) => Some(*change),
        _ => None,
    });
    messages.collect()
}

#[test]
fn only_broken_frames_are_refused() {
    let mut refused = Vec::new();
    for name in names() {
        refused.extend(
            decoded(&name).into_iter().filter_map(|(conn, message)| Some((name.clone(), conn, message.err()?))),
        );
    }
    let count = |prefix: &str| refused.iter().filter(|(name, ..)| name.starts_with(prefix)).count();
    // Broadcasts that are a bare string or an array, each with two receivers or one.
    assert_eq!(count("c1_"), 3, "{refused:#?}");
    // What a client marked as JSON and is none: once binary, and once spliced into a version 1 frame.
    assert_eq!(count("c2_"), 2, "{refused:#?}");
    // Frames of 100 kB and 3 MB that the recording itself holds only the beginning of.
    assert_eq!(count("c4_"), 2, "{refused:#?}");
    assert_eq!(count("m1_"), 2, "{refused:#?}");
    assert_eq!(refused.len(), 9, "{refused:#?}");
}

#[test]
fn no_event_of_the_real_server_is_unknown() {
    for name in names() {
        for (_, message) in decoded(&name) {
            assert!(!matches!(message, Ok(ServerMessage::Other { .. })), "{name}: {message:?}");
        }
    }
}

/// What is left out of [`ServerMessage::System`] says nothing new.
#[test]
fn the_channel_of_a_system_message_is_its_topic() {
    let mut seen = 0;
    for name in names() {
        for (_, frame) in received(&name) {
            let Wire::Text(frame) = frame else { continue };
            let Ok(frame) = serde_json::from_str::<Value>(&frame) else { continue };
            let (topic, payload) = match frame.is_array() {
                true => (&frame[2], &frame[4]),
                false => (&frame["topic"], &frame["payload"]),
            };
            if let Some(channel) = payload.get("channel").and_then(Value::as_str) {
                assert_eq!(topic.as_str().unwrap().strip_prefix("realtime:"), Some(channel));
                seen += 1;
            }
        }
    }
    assert!(seen > 100);
}

/// The pain: in other clients a number goes through a double, 9007199254740993 becomes …992 and a price loses its digits.
#[test]
fn numbers_keep_every_digit() {
    #[derive(Deserialize)]
    struct Exact<'a> {
        n: &'a str,
        i8: i64,
        id: u8,
        f8: f64,
        u: Uuid,
        tenant_id: Uuid,
        arr: Vec<Option<String>>,
        b: Vec<u8>,
        m: Mood,
        ts: &'a str,
        j: Jsonb,
        ok: bool,
        #[serde(rename = "gen")]
        generated: i32,
        not_a_column: Option<i32>,
    }
    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mood {
        Ok,
    }
    #[derive(Deserialize)]
    struct Jsonb {
        big: Box<serde_json::value::RawValue>,
        a: (u8, f64, Option<u8>),
    }
    let inserts = changes("b1_pgchanges_types_default_full");
    let insert = inserts.iter().find(|change| change.kind == ChangeKind::Insert).unwrap();
    let row: Exact<'_> = insert.record.deserialize().unwrap();
    assert_eq!(row.n, "123456789012345678901234567890.12345678901234567890");
    assert_eq!((row.i8, row.id, row.f8, row.generated), (9_007_199_254_740_993, 1, 0.300_000_000_000_000_04, 26));
    assert_eq!(row.j.big.get(), "12345678901234567890.123");
    assert_eq!(row.j.a, (1, 2.5, None));
    assert_eq!(row.u.to_string(), "22222222-2222-4222-8222-222222222222");
    assert_eq!(row.tenant_id.to_string(), "11111111-1111-4111-8111-111111111111");
    assert_eq!(row.arr, [Some("a".to_owned()), Some("b,c".to_owned()), None]);
    assert_eq!(row.b, [0xde, 0xad, 0xbe, 0xef, 0x00, 0xff]);
    assert_eq!((row.m, row.ok, row.not_a_column), (Mood::Ok, true, None));
    assert_eq!(row.ts, "2026-01-02T01:04:05.123456+00:00");
    assert_eq!(insert.record.type_name("arr"), Some("_text"));
}

#[test]
fn infinite_dates_survive() {
    let rows = changes("b1_pgchanges_types_default_full");
    let infinite = rows.iter().find(|change| change.record.get("ts").and_then(ColumnValue::as_str) == Some("infinity"));
    assert_eq!(infinite.unwrap().record.get("d").and_then(ColumnValue::as_str), Some("-infinity"));
}

/// The pain: a report without its values looks like a row full of nulls.
#[test]
fn a_row_that_was_too_large_says_so_and_lacks_its_values() {
    let rows = changes("b4_pgchanges_sizes");
    let cut: Vec<_> = rows.iter().filter(|change| !change.errors.is_empty()).collect();
    assert_eq!(cut.len(), 11);
    assert!(cut.iter().all(|change| change.errors == ["Error 413: Payload Too Large"]));
    let insert = cut.iter().find(|change| change.kind == ChangeKind::Insert).unwrap();
    assert_eq!(insert.record.len(), 3);
    assert_eq!(insert.record.get("t"), None, "missing, which is not null");
    assert_eq!(insert.record.get("n"), None, "nulls are left out as well");
    assert!(insert.record.type_name("t").is_some(), "although the column is there");
}

/// The pain: an update that did not touch a large text appears to have removed it.
#[test]
fn an_unchanged_large_value_is_missing_and_not_null() {
    let rows = changes("b4_pgchanges_sizes");
    let update = rows.iter().find(|change| change.kind == ChangeKind::Update && change.errors.is_empty()).unwrap();
    assert_eq!(update.record.get("t"), None);
    assert_eq!(update.record.get("b"), Some(&ColumnValue::Null));
}

#[test]
fn withheld_rows_say_why() {
    let errors: Vec<_> = changes("i2_binding_errors").into_iter().filter(|change| !change.errors.is_empty()).collect();
    assert_eq!(errors.len(), 4);
    assert!(
        errors.iter().all(|change| change.record.is_empty()
            && change.old_record.is_empty()
            && change.commit_timestamp.is_none())
    );
}

/// The pain: bytes of another client, spliced unchecked into a frame of version 1, make the frame a message of the server.
#[test]
fn a_forged_member_in_a_spliced_frame_is_refused() {
    let forged = decoded("m1_v1_receiver_frame_splicing").into_iter().filter_map(|(_, message)| message.err());
    assert!(forged.collect::<Vec<_>>().contains(&DecodeError::Repeated("event")));
    let frame = |splice: &str| {
        let (head, tail) = (
            r#"{"ref":null,"event":"broadcast","payload":{"event":"e","payload":"#,
            r#","type":"broadcast"},"topic":"realtime:t"}"#,
        );
        decode_text(&format!("{head}{splice}{tail}"))
    };
    assert!(frame("1").is_ok());
    for splice in [
        r#"1},"topic":"realtime:other","x":{"y":1"#,
        r#"1},"ref":"1","x":{"y":1"#,
        r#"1},"event":"phx_close","x":{"y":1"#,
        r#"1},"payload":{"y":1"#,
        r#"1,"payload":2"#,
        r#"1,"event":"other""#,
        r#"1},"topic":"realtime:t"}"#,
    ] {
        assert!(frame(splice).is_err(), "{splice}");
    }
}

#[test]
fn a_database_broadcast_is_the_same_in_both_versions() {
    let mut live = decoded("e2_broadcast_from_db_replay").into_iter().filter_map(|(conn, message)| match message {
        Ok(ServerMessage::Broadcast {
            event, payload: BroadcastPayload::Json(payload), id, replayed: false, ..
        }) if event == "INSERT" => Some((conn, payload.get::<Value>().unwrap(), id)),
        _ => None,
    });
    let (first, second) = (live.next().unwrap(), live.next().unwrap());
    assert_ne!(first.0, second.0, "one over version 1, one over version 2 and binary");
    assert_eq!((&first.1, &first.2), (&second.1, &second.2));
    assert!(first.2.is_some(), "the database gives an id for de-duplication");
}

#[test]
fn bytes_come_through_unchanged_and_uncopied() {
    let frames = received("c2_broadcast_v2_binary");
    let found = frames.iter().find_map(|(_, frame)| match (frame, frame.decode(&mut Decoder::new())) {
        (Wire::Binary(frame), Ok(ServerMessage::Broadcast { payload: BroadcastPayload::Binary(bytes), .. })) => {
            Some((frame, bytes))
        }
        _ => None,
    });
    let (frame, bytes) = found.unwrap();
    assert_eq!(bytes.as_ref(), [0x00, 0x01, 0xfe, 0xff]);
    assert!(frame.as_ptr_range().contains(&bytes.as_ptr()));
}

#[test]
fn an_expired_token_is_a_system_error_and_then_a_close_of_that_join() {
    let messages: Vec<_> =
        decoded("f3_token_lifecycle").into_iter().filter(|(conn, _)| conn == "expires-while-joined").collect();
    let complaint = messages
        .iter()
        .position(|(_, message)| {
            matches!(message, Ok(ServerMessage::System { status, message, .. })
                if status == "error" && message == "Token has expired 0 seconds ago")
        })
        .unwrap();
    let (_, close) = &messages[complaint + 1];
    let expected = ServerMessage::Closed { topic: "realtime:f3a".into(), join_ref: Some("1".into()) };
    assert_eq!(close, &Ok(expected), "version 1 names the join in ref");
}
