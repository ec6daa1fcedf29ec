//! Searches for bytes of which [`oci_fuzz::documents::runtime_state`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::documents::runtime_state(data));
