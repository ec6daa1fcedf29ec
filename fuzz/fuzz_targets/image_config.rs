//! Searches for bytes of which [`oci_fuzz::documents::image_config`] does not hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::documents::image_config(data));
