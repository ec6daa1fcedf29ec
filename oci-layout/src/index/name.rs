use oci_image::annotations::REF_NAME;
use oci_image::{Descriptor, Digest, Index};

use crate::{Error, ErrorKind};

/// Checks that `text` is a name by the rules for `org.opencontainers.image.ref.name`: letters and digits in
/// runs, between them one of `-._:@+` or `--`, in components between slashes.
///
/// A digest is refused, so that it always means the content that it names. `place` is what has names: a
/// layout or an archive.
pub(crate) fn check_name(text: &str, place: &str) -> Result<(), Error> {
    // By the grammar alone `app:1` is a digest, too.
    let is_digest = || text.parse().is_ok_and(|digest: Digest| digest.is_registered());
    let rule = match text {
        "" => "it is empty",
        _ if is_digest() => "it is a digest, which names its content alone",
        _ if text.split('/').all(is_component) => return Ok(()),
        _ => "between slashes there must be letters and digits, joined by `--` or one of `-._:@+`",
    };
    let name = text.escape_debug();
    Err(Error::new(ErrorKind::Name, format!("cannot use `{name}` as a name in {place}: {rule}")))
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
    use super::check_name;

    #[test]
    fn a_refusal_says_which_rule_is_broken() {
        for (name, reason) in [("", "it is empty"), ("a b", "joined by `--` or one of `-._:@+`")] {
            let error = check_name(name, "a layout").unwrap_err().to_string();
            let begin = format!("cannot use `{name}` as a name in a layout: ");
            assert!(error.starts_with(&begin) && error.ends_with(reason), "{error}");
        }
    }

    #[test]
    fn names_follow_the_grammar_of_the_spec() {
        for good in ["v1", "1.0", "app:1", "a--b", "docker.io/library/debian:12", "x@y+z"] {
            check_name(good, "a layout").unwrap();
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        let bad = ["", "/", "a/", "/a", "-a", "a-", "a..b", "a---b", "ä", "a b", "a\0", "..", "."];
        for bad in bad.iter().chain([&digest.as_str()]) {
            assert!(check_name(bad, "a layout").is_err(), "{bad}");
        }
    }
}
