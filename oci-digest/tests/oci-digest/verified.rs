use oci_digest::{Algorithm, Digest, Unverifiable, Verified, VerifyError};

// covers: IMG-DESC-05
#[test]
fn only_content_that_has_the_digest_is_verified() {
    let digest = Digest::sha256("hello");
    let verified = digest.verify("hello").unwrap();
    assert_eq!((verified.digest(), verified.size(), *verified), (&digest, 5, "hello"));
    assert_eq!(verified.as_bytes().into_inner(), b"hello");
    assert_eq!(verified.as_bytes().digest(), &digest);
    let actual = Digest::sha256("hell");
    let mismatch = VerifyError::Mismatch { expected: digest.clone(), actual };
    assert_eq!(digest.verify("hell"), Err(mismatch));
}

#[test]
fn hashed_content_is_verified_by_any_algorithm() {
    for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let verified = Verified::hash(b"hello".to_vec(), algorithm);
        assert_eq!(verified.digest(), &Digest::of(algorithm, "hello"));
        assert_eq!(verified.digest().verify(b"hello".to_vec()).as_ref(), Ok(&verified));
        let shared = verified.clone().convert::<std::sync::Arc<[u8]>>();
        assert_eq!((&**shared, shared.digest()), (&b"hello"[..], verified.digest()));
    }
}

// covers: IMG-DIG-03
#[test]
fn content_of_an_unknown_algorithm_is_never_verified() {
    let digest: Digest = "md5:5d41402abc4b2a76b9719d911017c592".parse().unwrap();
    let error = digest.verify("hello").unwrap_err();
    assert!(matches!(error, VerifyError::Unverifiable(Unverifiable { .. })));
}
