//! Searches for bytes of which [`oci_fuzz::layer::layer_peers`] does not hold.

#![no_main]

use libfuzzer_sys::fuzzer_mutate;
use oci_fuzz::layer::mutate::mutate;
use oci_fuzz::random::Random;

libfuzzer_sys::fuzz_target!(|data: &[u8]| oci_fuzz::layer::layer_peers(data));

// Bytes changed at random are seldom an archive.
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 4 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut archive = data[..size].to_vec();
    mutate(&mut archive, &mut Random::new(seed.into()));
    let size = archive.len().min(max_size);
    data[..size].copy_from_slice(&archive[..size]);
    size
});
