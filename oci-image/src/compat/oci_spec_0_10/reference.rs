use oci_spec::distribution::Reference as Counterpart;

use crate::Reference;
use crate::reference::ReferenceError;

/// A name without tag and digest gets the tag `latest`, as `oci-spec` itself reads it.
impl From<&Reference> for Counterpart {
    fn from(reference: &Reference) -> Self {
        let registry = reference.registry().into();
        let repository = reference.repository().into();
        let digest = reference.digest().map(ToString::to_string);
        match (reference.tag().map(String::from), digest) {
            (Some(tag), Some(digest)) => {
                Self::with_tag_and_digest(registry, repository, tag, digest)
            }
            (None, Some(digest)) => Self::with_digest(registry, repository, digest),
            (tag, None) => {
                Self::with_tag(registry, repository, tag.unwrap_or_else(|| "latest".to_owned()))
            }
        }
    }
}

/// A registry must be one that a name in text would be read with: what is `registry/app` there is an
/// image of Docker's registry, not of a host `registry`.
impl TryFrom<&Counterpart> for Reference {
    type Error = ReferenceError;

    fn try_from(reference: &Counterpart) -> Result<Self, ReferenceError> {
        let mut text = Self::new(reference.registry(), reference.repository())?.to_string();
        if let Some(tag) = reference.tag() {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = reference.digest() {
            text.push('@');
            text.push_str(digest);
        }
        text.parse()
    }
}
