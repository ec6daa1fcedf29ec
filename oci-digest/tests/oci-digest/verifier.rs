use oci_digest::{Digest, Unverifiable, Verifier, VerifyError};

// covers: IMG-DESC-05, IMG-DIG-07
#[test]
fn the_right_content_is_verified_in_pieces() {
    let mut verifier = Verifier::new(&Digest::sha256("hello"), 5).unwrap();
    verifier.update(b"he").unwrap();
    assert_eq!((verifier.seen(), verifier.remaining()), (2, 3));
    verifier.update(b"llo").unwrap();
    assert_eq!(verifier.finish(), Ok(()));
}

// covers: IMG-DESC-07, IMG-DIG-04
#[test]
fn a_byte_too_many_is_refused_before_it_is_hashed() {
    let digest = Digest::sha256("hello");
    let mut verifier = Verifier::new(&digest, 5).unwrap();
    assert_eq!(verifier.update(b"hello!"), Err(VerifyError::TooLong { digest, size: 5 }));
    assert_eq!(verifier.seen(), 0);
    verifier.update(b"hello").unwrap();
    assert_eq!(verifier.finish(), Ok(()));
}

// covers: IMG-DESC-07
#[test]
fn content_that_ends_early_is_refused_though_its_digest_is_right() {
    let digest = Digest::sha256("hello");
    let mut verifier = Verifier::new(&digest, 6).unwrap();
    verifier.update(b"hello").unwrap();
    assert_eq!(verifier.finish(), Err(VerifyError::TooShort { digest, size: 6, seen: 5 }));
}

// covers: IMG-DESC-05
#[test]
fn other_content_of_the_same_size_is_refused() {
    let (expected, actual) = (Digest::sha256("hello"), Digest::sha256("hellO"));
    assert_eq!(expected.verify(b"hellO"), Err(VerifyError::Mismatch { expected, actual }));
}

// covers: IMG-DIG-03
#[test]
fn an_unknown_algorithm_is_never_verified() {
    let digest: Digest = "md5:5d41402abc4b2a76b9719d911017c592".parse().unwrap();
    let error = digest.verify(b"hello").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot verify `md5:5d41402abc4b2a76b9719d911017c592`: its algorithm is not supported"
    );
    assert!(matches!(error, VerifyError::Unverifiable(Unverifiable { .. })));
}

#[test]
#[cfg(not(feature = "blake3"))]
fn an_algorithm_of_a_feature_names_the_feature() {
    let digest: Digest = format!("blake3:{}", "0".repeat(64)).parse().unwrap();
    let expected = format!("cannot verify `{digest}`: its algorithm needs the feature `blake3`");
    assert_eq!(digest.verify(b"").unwrap_err().to_string(), expected);
}

#[test]
fn sizes_up_to_the_largest_are_held() {
    let verifier = Verifier::new(&Digest::EMPTY_JSON, u64::MAX).unwrap();
    assert_eq!(verifier.remaining(), u64::MAX);
    assert!(matches!(verifier.finish(), Err(VerifyError::TooShort { size: u64::MAX, .. })));
}
