//! Searches for bytes of which [`oci_fuzz::hashes::sha256`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::hashes::sha256(data));
