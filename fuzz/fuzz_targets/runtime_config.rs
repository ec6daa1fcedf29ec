//! Searches for bytes of which [`oci_fuzz::documents::runtime_config`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::documents::runtime_config(data));
