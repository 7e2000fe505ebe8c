#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| cockpit_supabase_fuzz::frames::json(bytes));
