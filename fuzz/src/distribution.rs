//! Paths and headers of the distribution spec, and the names in them.

use oci_image::distribution::{
    ByteRange, Challenge, ContentRange, Endpoint, RangeRequest, Scope, Selection, UploadProgress,
    next_link, percent, target_of_next, warning, warnings,
};
use oci_image::reference::{RegistryName, RepositoryName, Tag, TagOrDigest};

/// A path that is read prints as one that reads the same, and keeps to the API's tree.
pub fn dist_endpoint(data: &[u8]) {
    let Some(path) = text(data) else { return };
    let Ok(endpoint) = Endpoint::parse(path) else { return };
    let printed = endpoint.to_string();
    assert_eq!(Endpoint::parse(&printed).as_ref(), Ok(&endpoint));
    assert!(printed.starts_with("/v2/") && !printed.contains("/../") && !printed.contains("/./"));
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~=:+".contains(&byte);
    assert!(printed.bytes().all(safe), "{printed}");
}

/// A challenge that is read prints as one that reads the same, and names no parameter twice.
pub fn dist_challenge(data: &[u8]) {
    let Some(value) = text(data) else { return };
    for challenge in Challenge::parse(value) {
        let names: Vec<_> = challenge.parameters.iter().map(|(name, _)| name).collect();
        assert!(names.iter().enumerate().all(|(at, name)| !names[..at].contains(name)));
        if challenge.to_string().len() <= Challenge::MAX_LENGTH {
            assert_eq!(Challenge::parse(&challenge.to_string()), [challenge]);
        }
    }
}

/// A range that is read prints as one that reads the same, and selects only what is there.
pub fn dist_range(data: &[u8]) {
    let Some(value) = text(data) else { return };
    if let Some(range) = ByteRange::parse(value) {
        assert_eq!(ByteRange::parse(&range.to_string()), Some(range));
        assert!(range.len() == range.last() - range.first() + 1);
    }
    if let Some(range) = ContentRange::parse(value) {
        assert_eq!(ContentRange::parse(&range.to_string()), Some(range));
    }
    if let Some(progress) = UploadProgress::parse(value) {
        assert_eq!(UploadProgress::parse(&progress.to_string()), Some(progress));
    }
    if let Some(range) = RangeRequest::parse(value) {
        assert_eq!(RangeRequest::parse(&range.to_string()), Some(range));
        for size in [0, 1, 10, u64::MAX] {
            if let Selection::Part(part) = range.within(size) {
                assert!(part.last() < size);
            }
        }
    }
}

/// The target of a link stands in the header as it is; a warning that is read can be written.
pub fn dist_link(data: &[u8]) {
    let Some(value) = text(data) else { return };
    if let Some(target) = target_of_next(value) {
        assert!(value.contains(&format!("<{target}>")));
        let printed = next_link(target);
        assert_eq!(target_of_next(&printed), Some(target));
    }
    for text in warnings(value) {
        assert_eq!(warnings(&warning(&text)), [text]);
    }
}

/// A scope that is read prints as one that reads the same and covers itself.
pub fn dist_scope(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let Some(scope) = Scope::parse(text) else { return };
    assert_eq!(Scope::parse(&scope.to_string()).as_ref(), Some(&scope));
    assert!(scope.covers(&scope));
}

/// A name is its text, safe in paths and URLs; an error prints as one line.
pub fn names(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let errors = [
        text.parse::<Tag>().map(|name| assert_eq!(name, text)).err(),
        text.parse::<RepositoryName>().map(|name| assert_eq!(name, text)).err(),
        text.parse::<RegistryName>().map(drop).err(),
    ];
    for error in errors.iter().flatten() {
        assert!(error.to_string().starts_with("cannot use `") && !error.to_string().contains('\n'));
    }
    if let Ok(name) = text.parse::<TagOrDigest>() {
        assert_eq!(name.as_str(), text);
        assert!(!text.contains('/') && text != ".." && text != ".");
    }
    assert_eq!(percent::decode(&percent::encode(text)).as_deref(), Some(text));
    let _ = percent::decode(text);
}

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}
