//! Texts that parse and print: digests, references, media types, platforms.

use oci_image::{Digest, MediaType, Platform, Reference};

/// A digest prints as it was read, and its parts are safe in paths and URLs.
pub fn digest(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(digest) = text.parse::<Digest>() else { return };
    assert_eq!(digest.to_string(), text);
    assert_eq!(format!("{}:{}", digest.algorithm_name(), digest.encoded()), text);
    for part in [digest.algorithm_name(), digest.encoded()] {
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"+._=-".contains(&byte);
        assert!(!part.is_empty() && part.bytes().all(safe) && !part.starts_with('.'));
    }
}

/// A reference that is read prints as one that reads the same, and cannot leave its place in a URL.
pub fn reference(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(reference) = text.parse::<Reference>() else { return };
    assert_eq!(reference.to_string().parse().as_ref(), Ok(&reference));
    let (registry, repository) = (reference.registry().as_str(), reference.repository().as_str());
    assert!(!repository.split('/').any(|part| part.is_empty() || part.starts_with('.')));
    assert!(!registry.contains(['/', '@', '?', '#', '%', ' ', '\\']));
    let again = Reference::new(registry, repository).unwrap();
    assert_eq!(again.repository(), reference.repository());
}

/// Any text is a media type; a well-formed one has one slash and no parameters.
pub fn media_type(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let media_type = MediaType::from(text);
    assert_eq!(media_type.as_str(), text);
    assert_eq!(media_type, MediaType::from(text.to_owned()));
    if media_type.is_well_formed() {
        assert!(text.is_ascii() && text.len() <= 255 && text.matches('/').count() == 1);
        assert!(!text.contains([';', ' ', ',', '*', '"']));
    }
    assert!(!media_type.is_nondistributable() || media_type.is_layer());
    assert!(!(media_type.is_manifest() && media_type.is_index()));
}

/// A platform that is read prints as one that reads the same, and runs itself best.
pub fn platform(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Ok(platform) = text.parse::<Platform>() else { return };
    assert_eq!(platform.to_string().parse().as_ref(), Ok(&platform));
    let normal = platform.normalized();
    assert_eq!(normal.normalized(), normal);
    assert!(normal.architecture != platform.architecture || platform.matches(&normal));
    let known_version = platform.os != "windows" || platform.os_version.is_none();
    assert!(!known_version || platform.rank(&platform).is_some_and(|rank| rank.is_exact()));
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
