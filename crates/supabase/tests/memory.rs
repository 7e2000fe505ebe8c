//! A frame costs memory in proportion to its length, whatever is in it. Alone in its program, because it counts every allocation.

#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use cockpit_supabase::realtime::protocol::Decoder;

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the layout is the caller's, passed on unchanged.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the pointer came from `alloc` above with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that was allocated at once while this ran.
fn most_during(work: impl FnOnce()) -> usize {
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    work();
    MOST.load(Relaxed).saturating_sub(before)
}

/// A frame of about a megabyte that repeats a piece.
fn repeated(head: &str, piece: &str, tail: &str) -> String {
    let pieces = piece.repeat(1_000_000 / piece.len());
    format!("{head}{}{tail}", pieces.trim_end_matches(','))
}

fn numbered(head: &str, piece: &str, tail: &str) -> String {
    let pieces: Vec<String> = (0..30_000).map(|n| piece.replace('#', &n.to_string())).collect();
    format!("{head}{}{tail}", pieces.join(","))
}

/// One after the other, because the count is one for all threads.
#[test]
fn frames_cost_memory_in_proportion_to_their_length() {
    memory_is_a_small_multiple_of_the_frame();
    bytes_are_not_copied();
    what_a_decoder_remembers_is_bounded();
}

fn memory_is_a_small_multiple_of_the_frame() {
    const DATA: &str =
        r#"[null,null,"t","postgres_changes",{"ids":[1],"data":{"table":"t","schema":"s","type":"INSERT","#;
    let change = |columns: &str, record: &str| format!(r#"{DATA}"columns":[{columns}],"record":{{{record}"#);
    let int_array = r#"{"name":"a","type":"_int4"}"#;
    let frames = [
        ("plain broadcast", repeated(r#"[null,null,"t","broadcast",{"event":"e","payload":["#, "0,", "]}]"), 3),
        (
            "deep broadcast",
            format!("{}{}", r#"[null,null,"t","broadcast",{"event":"e","payload":"#, "[".repeat(1_000_000)),
            3,
        ),
        ("escapes", repeated(r#"[null,null,"t","broadcast",{"event":""#, r"\n", r#"","payload":1}]"#), 3),
        ("unknown event", repeated(r#"[null,null,"t","e",["#, "0,", "]]"), 1),
        // The worst: two bytes of text become a value of 24, twice that while the list grows.
        ("array", repeated(&change(int_array, r#""a":["#), "0,", "]}}}]"), 40),
        ("nested arrays", repeated(&change(int_array, r#""a":["#), "[],", "]}}}]"), 40),
        ("ids", repeated(r#"[null,null,"t","postgres_changes",{"ids":["#, "1,", r#"],"data":{}}]"#), 16),
        (
            "columns",
            numbered(&change("", "").replace(r#"],"record":{"#, ""), r#"{"name":"c#"}"#, r#"],"record":{"c1":1}}}]"#),
            20,
        ),
        ("strange columns", numbered(&change("", ""), r#""c#":1"#, "}}}]"), 30),
        (
            "presences",
            numbered(r#"[null,null,"t","presence_state",{"#, r##""k#":{"metas":[{"phx_ref":""}]}"##, "}]"),
            12,
        ),
        (
            "bindings",
            numbered(
                r#"[null,"1","t","phx_reply",{"status":"ok","response":{"postgres_changes":["#,
                r#"{"id":#}"#,
                "]}}]",
            ),
            4,
        ),
    ];
    for (name, frame, times) in frames {
        let mut decoder = Decoder::new();
        let most = most_during(|| drop(decoder.text(&frame)));
        assert!(most <= frame.len() * times + 4096, "{name}: {most} bytes for a frame of {}", frame.len());
    }
}

fn bytes_are_not_copied() {
    let mut frame = vec![4, 1, 1, 0, 0, b't', b'e'];
    frame.resize(1_000_000, 7);
    let frame = Bytes::from(frame);
    assert!(most_during(|| drop(Decoder::new().binary(&frame))) < 4096);
}

fn what_a_decoder_remembers_is_bounded() {
    let mut decoder = Decoder::new();
    let kept = NOW.load(Relaxed);
    for table in 0..500 {
        let columns: Vec<String> = (0..1000).map(|n| format!(r#"{{"name":"c{n}_{table}","type":"int4"}}"#)).collect();
        let frame = format!(
            r#"[null,null,"t","postgres_changes",{{"ids":[1],"data":{{"table":"t","schema":"s","type":"INSERT","record":{{"c1_{table}":1}},"columns":[{}]}}}}]"#,
            columns.join(",")
        );
        assert!(decoder.text(&frame).is_ok());
    }
    let kept = NOW.load(Relaxed).saturating_sub(kept);
    assert!(kept < 8 << 20, "{kept} bytes");
}
