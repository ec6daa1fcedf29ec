use oci_digest::{Digest, Verifier};
use proptest::prelude::*;

proptest! {
    // covers: IMG-DIG-01
    #[test]
    fn parsing_undoes_printing(text in "[a-z0-9]{1,8}([+._-][a-z0-9]{1,8}){0,3}:[a-zA-Z0-9=_-]{1,90}") {
        match text.parse::<Digest>() {
            Ok(digest) => prop_assert_eq!(digest.to_string(), text),
            Err(error) => prop_assert!(error.to_string().contains("hexadecimal"), "{}", error),
        }
    }

    #[test]
    fn what_parses_is_one_safe_path_component_but_for_the_colon(text in "\\PC{0,80}") {
        if let Ok(digest) = text.parse::<Digest>() {
            for part in [digest.algorithm_name(), digest.encoded()] {
                prop_assert!(!part.is_empty() && !part.contains(['/', '\\', '\0', ':', '%', '?', '#', ' ']));
                prop_assert!(part != "." && part != ".." && part.is_ascii());
            }
        }
    }

    #[test]
    fn only_the_content_itself_is_verified(content in any::<Vec<u8>>(), other in any::<Vec<u8>>(), cut in any::<prop::sample::Index>()) {
        let digest = Digest::sha256(&content);
        let cut = cut.index(content.len() + 1);
        let mut verifier = Verifier::new(&digest, content.len() as u64).unwrap();
        verifier.update(&content[..cut]).unwrap();
        verifier.update(&content[cut..]).unwrap();
        prop_assert!(verifier.finish().is_ok());
        prop_assert_eq!(digest.verify(&other).is_ok(), content == other);
    }
}
