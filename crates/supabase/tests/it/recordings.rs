//! Recordings of the real server (Realtime 2.129.8) through the decoder. Each line of a snapshot is one received frame.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cockpit_supabase::realtime::protocol::{BroadcastPayload, ServerMessage, decode_binary, decode_text};
use rstest::rstest;
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    conn: String,
    dir: String,
    frame: String,
    #[serde(default)]
    binary_base64: bool,
}

fn received(name: &str) -> Vec<(String, Result<ServerMessage, String>)> {
    let path = format!("{}/tests/recordings/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let lines = text.lines().map(|line| serde_json::from_str::<Line>(line).unwrap());
    lines
        // `rest` are answers to HTTP requests that were made meanwhile.
        .filter(|line| line.dir == "recv" && line.conn != "rest")
        .map(|line| {
            let message = if line.binary_base64 {
                decode_binary(&STANDARD.decode(&line.frame).unwrap())
            } else {
                decode_text(&line.frame)
            };
            (line.conn, message.map_err(|error| error.to_string()))
        })
        .collect()
}

#[rstest]
#[case("a_connect_vsn2.0.0")]
#[case("c2_broadcast_v2_binary")]
#[case("e1_private_channels")]
#[case("e2_broadcast_from_db_replay")]
#[case("f3_token_lifecycle")]
fn every_frame_of_a_recording(#[case] name: &str) {
    let read = received(name);
    assert!(!read.is_empty());
    let shown: Vec<String> = read.iter().map(|(conn, message)| format!("{conn}: {message:?}")).collect();
    insta::assert_snapshot!(name, shown.join("\n"));
}

#[rstest]
#[case("a_connect_vsn2.0.0", 0)]
// What a client marked as JSON and is none: once binary, and once spliced into a version 1 frame.
#[case("c2_broadcast_v2_binary", 2)]
#[case("e1_private_channels", 0)]
#[case("e2_broadcast_from_db_replay", 0)]
#[case("f3_token_lifecycle", 0)]
fn only_broken_frames_are_refused(#[case] name: &str, #[case] broken: usize) {
    let refused: Vec<_> = received(name).into_iter().filter_map(|(_, message)| message.err()).collect();
    assert_eq!(refused.len(), broken, "{refused:#?}");
}

#[test]
fn a_database_broadcast_is_the_same_in_both_versions() {
    let mut live = received("e2_broadcast_from_db_replay").into_iter().filter_map(|(conn, message)| match message {
        Ok(ServerMessage::Broadcast { event, payload, id, replayed: false, .. }) if event == "INSERT" => {
            Some((conn, payload, id))
        }
        _ => None,
    });
    let (first, second) = (live.next().unwrap(), live.next().unwrap());
    assert_ne!(first.0, second.0, "one over version 1, one over version 2 and binary");
    assert_eq!((&first.1, &first.2), (&second.1, &second.2));
    assert!(first.2.is_some(), "the database gives an id for de-duplication");
}

#[test]
fn bytes_come_through_unchanged() {
    let bytes = received("c2_broadcast_v2_binary").into_iter().find_map(|(_, message)| match message {
        Ok(ServerMessage::Broadcast { payload: BroadcastPayload::Binary(bytes), .. }) => Some(bytes),
        _ => None,
    });
    assert_eq!(bytes.unwrap().as_ref(), [0x00, 0x01, 0xfe, 0xff]);
}

#[test]
fn an_expired_token_is_a_system_error_and_then_a_close_of_that_join() {
    let messages: Vec<_> =
        received("f3_token_lifecycle").into_iter().filter(|(conn, _)| conn == "expires-while-joined").collect();
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
