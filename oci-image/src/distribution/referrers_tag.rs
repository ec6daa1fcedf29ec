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

/// The tags under which cosign keeps the signatures, attestations and bill of materials of `subject` where it does
/// not make them refer to it.
///
/// ```
/// use oci_image::{Digest, distribution::digest_tags};
///
/// let tags = digest_tags(&Digest::EMPTY_JSON);
/// assert!(tags[0].as_str().ends_with(".sig") && tags[0].as_str().starts_with("sha256-44136fa355b3"));
/// ```
pub fn digest_tags(subject: &Digest) -> [Tag; 3] {
    // With five more characters it is within the 128 of a tag.
    [".sig", ".att", ".sbom"]
        .map(|suffix| Tag::of_valid(format!("{}{suffix}", referrers_tag(subject))))
}
