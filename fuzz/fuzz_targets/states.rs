#![no_main]

mod meter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| meter::hold("states", data));
