//! Searches for bytes of which [`oci_fuzz::machine::registries_conf`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::machine::registries_conf(data));
