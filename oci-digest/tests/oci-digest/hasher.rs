use oci_digest::{Algorithm, Digest, Hasher};

/// FIPS 180-4 and the BLAKE3 paper's test vectors, as other tools print them.
const VECTORS: &[(Algorithm, &str, &str)] = &[
    (Algorithm::Sha256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    (Algorithm::Sha256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        Algorithm::Sha384,
        "abc",
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    ),
    (
        Algorithm::Sha512,
        "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    #[cfg(feature = "blake3")]
    (Algorithm::Blake3, "", "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"),
];

// covers: IMG-DIG-07, IMG-DIG-09, IMG-DIG-11
#[test]
fn published_vectors_match() {
    for (algorithm, content, encoded) in VECTORS {
        let digest = Digest::of(*algorithm, content);
        assert_eq!(digest.encoded(), *encoded);
        assert_eq!(digest.algorithm(), Some(*algorithm));
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
    }
}

#[test]
fn pieces_give_what_the_whole_gives() {
    let content: Vec<u8> = (0..1000_u32).map(|number| number as u8).collect();
    for (algorithm, ..) in VECTORS {
        for size in [1, 63, 64, 65, 999] {
            let mut hasher = Hasher::new(*algorithm);
            content.chunks(size).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.algorithm(), *algorithm);
            assert_eq!(hasher.finish(), Digest::of(*algorithm, &content));
        }
    }
}
