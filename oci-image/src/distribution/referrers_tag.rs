use crate::{Digest, Tag};

/// The tag under which clients keep the list of the referrers of `subject` where the registry keeps none
/// ([spec.md]): algorithm and encoded part, cut to 32 and 64 characters.
///
/// ```
/// use oci_image::{Digest, distribution::referrers_tag};
///
/// assert!(referrers_tag(&Digest::EMPTY_JSON).as_str().starts_with("sha256-44136fa355b3678a"));
/// ```
///
/// [spec.md]: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
pub fn referrers_tag(subject: &Digest) -> Tag {
    let legal = |text: &str, length: usize| -> String {
        let characters = text.chars().take(length);
        characters
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
            .collect()
    };
    // An algorithm begins with a letter or digit, so this does too.
    Tag::of_valid(format!(
        "{}-{}",
        legal(subject.algorithm_name(), 32),
        legal(subject.encoded(), 64)
    ))
}
