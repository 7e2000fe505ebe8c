#![no_main]

use cockpit_supabase::realtime::protocol::Decoder;

// Two frames through one decoder, parted by a zero byte, so that what it remembers of the first is met by the second.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new();
    for frame in bytes.splitn(2, |byte| *byte == 0) {
        cockpit_supabase_fuzz::frames::text(&mut decoder, frame);
    }
});
