//! Searches for bytes of which [`oci_fuzz::client::client_location`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::client::client_location(data));
