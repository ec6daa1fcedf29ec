//! Searches for bytes of which [`oci_fuzz::apply::layer_apply`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::apply::layer_apply(data));
