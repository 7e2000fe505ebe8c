//! Frames that are broken in every way, most of them made from what the real server sent. Nothing panics, nothing takes long.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cockpit_supabase::realtime::protocol::{Decoder, ServerMessage, decode_text};
use proptest::prelude::*;

use crate::frames;
use crate::recordings::{Wire, names, received};

/// Every frame of every recording that is not longer than a few kilobytes.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let all = names().into_iter().flat_map(|name| received(&name));
    let mut corpus: Vec<Vec<u8>> = all
        .map(|(_, frame)| match frame {
            Wire::Text(text) => text.into_bytes(),
            Wire::Binary(bytes) => bytes.to_vec(),
        })
        .collect();
    corpus.sort();
    corpus.dedup();
    corpus
});

/// One way to break a frame.
#[derive(Debug, Clone)]
enum Breakage {
    Flip {
        at: prop::sample::Index,
        bit: u8,
    },
    Cut {
        at: prop::sample::Index,
    },
    Drop {
        from: prop::sample::Index,
        length: usize,
    },
    Insert {
        at: prop::sample::Index,
        what: Vec<u8>,
    },
    /// A piece of another frame.
    Splice {
        at: prop::sample::Index,
        other: prop::sample::Index,
        from: prop::sample::Index,
        length: usize,
    },
    /// A piece of the same frame once more, which makes members come twice.
    Double {
        at: prop::sample::Index,
        from: prop::sample::Index,
        length: usize,
    },
}

fn breakage() -> impl Strategy<Value = Breakage> {
    let place = any::<prop::sample::Index>;
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..5),
        prop::sample::select(vec![
            &b"null"[..],
            b"{}",
            b"[]",
            b"\"",
            b"\\",
            b"\\u0000",
            b"\\ud800",
            b",",
            b":",
            b"[",
            b"{",
            b"]",
            b"}",
            b"-",
            b"1e999999999",
            b"-0.0",
            b"1E-999999999",
            b"18446744073709551616",
            b"0.00000000000000000000000000000000001",
            b"\"ref\":null,",
            b"\"event\":\"phx_close\",",
            b"},\"topic\":\"x\",{",
            b"\"phx_ref\":\"x\",",
            b"\xff",
            b"\x00",
            b"\xf0\x9f",
            b"[[[[[[[[[[",
            b"NaN",
            b"Infinity",
            b"\n",
        ])
        .prop_map(<[u8]>::to_vec),
        (1usize..400).prop_map(|depth| b"[".repeat(depth)),
        (1usize..400).prop_map(|depth| b"{\"a\":".repeat(depth)),
        (1usize..2000).prop_map(|length| b"9".repeat(length)),
    ];
    prop_oneof![
        (place(), 0u8..8).prop_map(|(at, bit)| Breakage::Flip { at, bit }),
        place().prop_map(|at| Breakage::Cut { at }),
        (place(), 1usize..30).prop_map(|(from, length)| Breakage::Drop { from, length }),
        (place(), piece).prop_map(|(at, what)| Breakage::Insert { at, what }),
        (place(), place(), place(), 1usize..200).prop_map(|(at, other, from, length)| Breakage::Splice {
            at,
            other,
            from,
            length
        }),
        (place(), place(), 1usize..200).prop_map(|(at, from, length)| Breakage::Double { at, from, length }),
    ]
}

impl Breakage {
    fn apply(&self, frame: &mut Vec<u8>) {
        if frame.is_empty() {
            return;
        }
        let piece = |of: &[u8], from: &prop::sample::Index, length: usize| {
            let from = from.index(of.len());
            of[from..(from + length).min(of.len())].to_vec()
        };
        match self {
            Self::Flip { at, bit } => {
                let at = at.index(frame.len());
                frame[at] ^= 1 << bit;
            }
            Self::Cut { at } => frame.truncate(at.index(frame.len())),
            Self::Drop { from, length } => {
                let from = from.index(frame.len());
                frame.drain(from..(from + length).min(frame.len()));
            }
            Self::Insert { at, what } => {
                let at = at.index(frame.len());
                frame.splice(at..at, what.iter().copied());
            }
            Self::Splice { at, other, from, length } => {
                let what = piece(&CORPUS[other.index(CORPUS.len())], from, *length);
                let at = at.index(frame.len());
                frame.splice(at..at, what);
            }
            Self::Double { at, from, length } => {
                let what = piece(frame, from, *length);
                let at = at.index(frame.len());
                frame.splice(at..at, what);
            }
        }
    }
}

fn broken() -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), prop::collection::vec(breakage(), 1..4)).prop_map(|(of, breakages)| {
        let mut frame = CORPUS[of.index(CORPUS.len())].clone();
        breakages.iter().for_each(|breakage| breakage.apply(&mut frame));
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn broken_recordings_are_read_or_refused(frames in prop::collection::vec(broken(), 1..3)) {
        let mut decoder = Decoder::new();
        for frame in &frames {
            let begun = Instant::now();
            frames::text(&mut decoder, frame);
            frames::text(&mut decoder, String::from_utf8_lossy(frame).as_bytes());
            frames::binary(frame);
            // Generous, because the machine may be busy: the usual is below a millisecond.
            prop_assert!(begun.elapsed() < Duration::from_secs(5));
        }
    }

    #[test]
    fn the_scanner_takes_exactly_what_serde_json_takes(frame in broken()) {
        frames::json(&frame);
        frames::json(String::from_utf8_lossy(&frame).as_bytes());
    }

    #[test]
    fn the_scanner_takes_exactly_what_serde_json_takes_of_small_texts(text in "[\\[\\]{}:,\"\\\\a-fu0-9eE+.truls\u{1f} -]{0,12}") {
        frames::json(text.as_bytes());
    }

    #[test]
    fn any_record_is_read_or_refused(values in prop::collection::vec((
        prop::sample::select(vec!["i", "f", "n", "u", "b", "j", "t", "ok", "ai", "at", "aj", "ab", "z", "zz"]),
        prop_oneof![
            Just("null".to_owned()), Just("true".to_owned()), Just("\"\"".to_owned()), Just("\"NaN\"".to_owned()),
            Just("\"22222222-2222-4222-8222-222222222222\"".to_owned()), Just("\"deadbeef\"".to_owned()),
            Just("[[1,2],[3,null]]".to_owned()), Just("[[[[[[[[1]]]]]]]]".to_owned()), Just("{\"a\":[1]}".to_owned()),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,9})?",
            "\"[a-zA-Z0-9äß -]{0,20}\"",
        ],
    ), 0..10)) {
        let members: Vec<String> = values.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        frames::record(format!("{{{}}}", members.join(",")).as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), lengths in any::<[u8; 3]>(), encoding in 0u8..3) {
        let mut decoder = Decoder::new();
        frames::text(&mut decoder, &bytes);
        frames::binary(&bytes);
        // Random bytes hardly ever get past the first one: this begins as a real frame does.
        let [topic, event, meta] = lengths.map(|length| length % 100);
        frames::binary(&[&[4, topic, event, meta, encoding], bytes.as_slice()].concat());
    }
}

/// Nesting has no limit of its own: `jsonb` may nest deeper than a parser's recursion would allow, and it must not cost the whole row.
#[test]
fn depth_neither_exhausts_the_stack_nor_loses_the_row() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    frames::json(deep.as_bytes());
    let frame = frames::change_of(&format!(r#"{{"i":1,"j":{deep},"ai":{deep}}}"#));
    assert!(decode_text(&frame).is_ok());
    frames::text(&mut Decoder::new(), frame.as_bytes());
    assert!(decode_text(&"[".repeat(400_000)).is_err());
    assert!(
        decode_text(&format!(r#"["1","2","t","broadcast",{{"event":"e","payload":{}}}]"#, "{\"a\":".repeat(200_000)))
            .is_err()
    );
}

/// Time grows with the length and no faster: a megabyte of each kind of repetition, in a debug build.
#[test]
fn no_frame_takes_long() {
    let many = |piece: &str| piece.repeat(1_000_000 / piece.len()).trim_end_matches(',').to_owned();
    let broadcast = |payload: &str| format!(r#"[null,null,"t","broadcast",{{"event":"e","payload":{payload}}}]"#);
    let keyed = |piece: &str| (0..20_000).map(|n| piece.replace('#', &n.to_string())).collect::<Vec<_>>().join(",");
    let frames = [
        broadcast(&format!("\"{}\"", "x".repeat(1_000_000))),
        broadcast(&format!("\"{}\"", "\\n".repeat(500_000))),
        broadcast(&"9".repeat(1_000_000)),
        broadcast(&format!("[{}]", many("[],"))),
        frames::change_of(&format!(r#"{{"ai":[{}]}}"#, many("0,"))),
        frames::change_of(&format!(r#"{{"n":{},"f":0.{}}}"#, "9".repeat(500_000), "9".repeat(500_000))),
        frames::change_of(&format!("{{{}}}", keyed(r#""unknown#":1"#))),
        format!(r#"[null,null,"t","presence_state",{{{}}}]"#, keyed(r##""k#":{"metas":[{"phx_ref":"r#","a":1}]}"##)),
        format!(r#"[null,null,"t","presence_state",{{{}}}]"#, keyed(r##""k":{"metas":[{"phx_ref":"r#"}]}"##)),
        format!(
            r#"[null,null,"t","postgres_changes",{{"ids":[1],"data":{{"table":"t","schema":"s","type":"INSERT","columns":[{}],"record":{{{}}}}}}}]"#,
            keyed(r#"{"name":"c#","type":"int4"}"#),
            // Against the order in which records come.
            (0..20_000).rev().map(|n| format!(r#""c{n}":{n}"#)).collect::<Vec<_>>().join(","),
        ),
        format!(
            r#"[null,"1","t","phx_reply",{{"status":"ok","response":{{"postgres_changes":[{}]}}}}]"#,
            keyed(r#"{"id":#}"#)
        ),
    ];
    for frame in frames {
        let begun = Instant::now();
        decode_text(&frame).unwrap_or_else(|error| panic!("{error}: {}", &frame[..200]));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?} for {} bytes: {}", frame.len(), &frame[..200]);
    }
}

/// Columns come behind the record, which is read with those that the table had the last time.
#[test]
fn a_table_that_was_altered_between_two_changes_is_read_by_its_new_columns() {
    let before = frames::change_of(r#"{"i":1,"n":1.50,"t":"a"}"#);
    let after = before.replace(r#""i","type":"int8""#, r#""i","type":"numeric""#);
    let renamed = before.replace(r#""name":"i""#, r#""name":"ii""#);
    let other = before.replace(r#""table":"t""#, r#""table":"other""#);
    let withheld = before.replace(r#"{"i":1,"n":1.50,"t":"a"}"#, "{}");
    let shown = |decoder: &mut Decoder, frame: &str| match decoder.text(frame) {
        Ok(ServerMessage::PostgresChange { change, .. }) => format!("{:?}", change.record.get("i")),
        other => panic!("{other:?}"),
    };
    let mut decoder = Decoder::new();
    for _ in 0..2 {
        assert_eq!(shown(&mut decoder, &before), "Some(Int(1))");
        assert_eq!(shown(&mut decoder, &after), "Some(Numeric(1))");
    }
    for frame in [&before, &renamed, &before, &other, &after, &withheld, &other, &before] {
        frames::text(&mut decoder, frame.as_bytes());
    }
}
