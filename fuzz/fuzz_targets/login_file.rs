//! Searches for bytes of which [`oci_fuzz::client::login_file`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::client::login_file(data));
