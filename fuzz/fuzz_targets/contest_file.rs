#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scorewire_fuzz::run("contest_file", input));
