//! Searches for bytes of which [`oci_fuzz::distribution::dist_challenge`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::distribution::dist_challenge(data));
