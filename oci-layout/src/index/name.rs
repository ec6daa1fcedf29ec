use oci_image::annotations::REF_NAME;
use oci_image::{Descriptor, Digest, Index};

/// Whether `text` is a name by the rules for `org.opencontainers.image.ref.name`: letters and digits in
/// runs, between them one of `-._:@+` or `--`, in components between slashes.
///
/// Digests are none, so that a digest always means the content that it names.
pub(crate) fn is_name(text: &str) -> bool {
    text.split('/').all(is_component)
        && !text.parse().is_ok_and(|digest: Digest| digest.is_registered())
}

fn is_component(component: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
    let bytes = component.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.copied().is_some_and(alphanumeric))
        && bytes.split(|byte| alphanumeric(*byte)).all(|separator| {
            matches!(separator, b"" | b"--")
                || matches!(separator, [b'-' | b'.' | b'_' | b':' | b'@' | b'+'])
        })
}

/// Names an image in an index, where the name and the image's entry without one lose their places.
pub(crate) fn give_name(index: &mut Index, name: &str, image: &Descriptor) {
    index.manifests.retain(|entry| match entry.annotations.get(REF_NAME) {
        None => entry.digest != image.digest,
        Some(taken) => taken != name,
    });
    let mut named = image.clone();
    named.annotations.insert(REF_NAME.into(), name.into());
    index.manifests.push(named);
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_follow_the_grammar_of_the_spec() {
        for good in ["v1", "1.0", "app:1", "a--b", "docker.io/library/debian:12", "x@y+z"] {
            assert!(is_name(good), "{good}");
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        let bad = ["", "/", "a/", "/a", "-a", "a-", "a..b", "a---b", "ä", "a b", "a\0", "..", "."];
        for bad in bad.iter().chain([&digest.as_str()]) {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
