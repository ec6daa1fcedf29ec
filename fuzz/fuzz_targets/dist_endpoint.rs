//! Searches for bytes of which [`oci_fuzz::distribution::dist_endpoint`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::distribution::dist_endpoint(data));
