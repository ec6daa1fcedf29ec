//! The names of images and of their parts, parsed once: [`Reference`] is made of a [`RegistryName`], a
//! [`RepositoryName`], a [`Tag`] and a [`Digest`].

mod error;
mod name;
mod registry;
mod repository;
mod tag;
mod tag_or_digest;

use std::fmt;
use std::str::FromStr;

use oci_digest::ParseError;

pub use error::{BrokenRule, NameError};
pub(crate) use name::name;
pub use registry::RegistryName;
pub use repository::RepositoryName;
pub use tag::Tag;
pub use tag_or_digest::TagOrDigest;

use crate::Digest;

/// The name of an image in a registry: `registry/repository:tag@digest`.
///
/// Short names are read as Docker reads them: `debian` is `docker.io/library/debian`. A name without
/// tag and digest has neither here; [`tag_or_digest`](Self::tag_or_digest) says what it means by default.
///
/// ```
/// use oci_image::Reference;
///
/// let reference: Reference = "localhost:5000/team/app:v1".parse()?;
/// assert_eq!(reference.registry().as_str(), "localhost:5000");
/// assert_eq!(reference.repository().as_str(), "team/app");
/// assert_eq!(reference.tag_or_digest().as_str(), "v1");
/// # Ok::<(), oci_image::reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: RegistryName,
    repository: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// A repository of a registry, without tag and digest.
    ///
    /// Docker's registry is always called `docker.io` here, and a repository of it that has no slash
    /// is one of `library`, as in references that are read.
    ///
    /// # Errors
    /// If the registry would not be read as one (it is `localhost`, or has a dot, a port or an
    /// upper-case letter), or if either is not valid by the distribution spec.
    pub fn new(registry: &str, repository: &str) -> Result<Self, ReferenceError> {
        let name: RegistryName = registry.parse().map_err(ReferenceError::Registry)?;
        if !RegistryName::is_read_from(registry) {
            let error = NameError::new(registry::NOUN, registry, BrokenRule::Ambiguous);
            return Err(ReferenceError::Registry(error));
        }
        let is_short = name == RegistryName::DOCKER && !repository.contains('/');
        let repository = match is_short && !repository.is_empty() {
            true => format!("library/{repository}").parse(),
            false => repository.parse(),
        };
        let repository = repository.map_err(ReferenceError::Repository)?;
        Ok(Self { registry: name, repository, tag: None, digest: None })
    }

    /// The same repository with another tag and no digest.
    pub fn with_tag(&self, tag: Tag) -> Self {
        Self { tag: Some(tag), digest: None, ..self.clone() }
    }

    /// The same repository with another digest and no tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The same reference, with the tag `latest` if it has neither tag nor digest, as Docker reads it.
    pub fn or_latest(self) -> Self {
        match (&self.tag, &self.digest) {
            (None, None) => Self { tag: Some(Tag::LATEST), ..self },
            _ => self,
        }
    }

    /// The registry.
    pub fn registry(&self) -> &RegistryName {
        &self.registry
    }

    /// The repository's name in the registry.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest. Where there is a tag too, the digest is what counts.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What the registry is to be asked for: the digest, else the tag, else the tag `latest`.
    pub fn tag_or_digest(&self) -> TagOrDigest {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.clone().into(),
            (None, Some(tag)) => tag.clone().into(),
            (None, None) => Tag::LATEST.into(),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if registry::has_scheme(text) {
            let error = NameError::new("a reference", text, BrokenRule::Scheme);
            return Err(ReferenceError::Registry(error));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(ReferenceError::Digest)?)),
            None => (text, None),
        };
        let last_component = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last_component..].rfind(':') {
            Some(colon) => {
                let (name, tag) = name.split_at(last_component + colon);
                (name, Some(tag[1..].parse().map_err(ReferenceError::Tag)?))
            }
            None => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if RegistryName::is_read_from(first) => (first, rest),
            _ => (RegistryName::DOCKER.as_str(), name),
        };
        Ok(Self { tag, digest, ..Self::new(registry, repository)? })
    }
}

impl TryFrom<&str> for Reference {
    type Error = ReferenceError;

    fn try_from(text: &str) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl From<&Reference> for String {
    fn from(reference: &Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Which part of a text is not that of a reference, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The registry is not a host with an optional port.
    #[error(transparent)]
    Registry(NameError),
    /// The repository's name breaks the grammar of the distribution spec.
    #[error(transparent)]
    Repository(NameError),
    /// The tag breaks the grammar of the distribution spec.
    #[error(transparent)]
    Tag(NameError),
    /// The digest, which follows an `@` or is a name with a colon, breaks the grammar of digests.
    #[error(transparent)]
    Digest(ParseError),
}
