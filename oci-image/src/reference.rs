use std::fmt;
use std::str::FromStr;

use oci_digest::ParseError;

use crate::Digest;

/// The name of an image in a registry: `registry/repository:tag@digest`.
///
/// Short names are read as Docker reads them: `debian` is `docker.io/library/debian`. A name without
/// tag and digest has neither here; what it means by default is the caller's choice.
///
/// ```
/// use oci_image::Reference;
///
/// let reference: Reference = "localhost:5000/team/app:v1".parse()?;
/// assert_eq!(reference.registry(), "localhost:5000");
/// assert_eq!(reference.repository(), "team/app");
/// assert_eq!(reference.tag(), Some("v1"));
/// # Ok::<(), oci_image::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// The registry that short names are of.
    pub const DEFAULT_REGISTRY: &'static str = "docker.io";

    /// The longest repository name, in bytes.
    pub const REPOSITORY_LIMIT: usize = 255;

    /// The longest tag, in bytes.
    pub const TAG_LIMIT: usize = 128;

    /// A repository of a registry, without tag and digest.
    ///
    /// Docker's registry is always called `docker.io` here, and a repository of it that has no slash
    /// is one of `library`, as in references that are read.
    ///
    /// # Errors
    /// If the registry would not be read as one (it is `localhost`, or has a dot, a port or an
    /// upper-case letter), or if either is not valid by the distribution spec.
    pub fn new(registry: &str, repository: &str) -> Result<Self, ReferenceError> {
        if !names_registry(registry) || !is_registry(registry) {
            return Err(ReferenceError::Registry { text: registry.into() });
        }
        let registry = match registry {
            "index.docker.io" => Self::DEFAULT_REGISTRY,
            other => other,
        };
        let repository = match registry {
            Self::DEFAULT_REGISTRY if !repository.contains('/') => format!("library/{repository}"),
            _ => repository.into(),
        };
        if !Self::is_repository(&repository) {
            return Err(ReferenceError::Repository { text: repository });
        }
        Ok(Self { registry: registry.into(), repository, tag: None, digest: None })
    }

    /// The same repository with another tag and no digest.
    ///
    /// # Errors
    /// If `tag` is not one by the distribution spec.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !Self::is_tag(tag) {
            return Err(ReferenceError::Tag { text: tag.into() });
        }
        Ok(Self { tag: Some(tag.into()), digest: None, ..self.clone() })
    }

    /// The same repository with another digest and no tag.
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self { tag: None, digest: Some(digest), ..self.clone() }
    }

    /// The registry: a host with an optional port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository's name in the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest. Where there is a tag too, the digest is what counts.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Whether `text` is a repository name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` between slashes.
    pub fn is_repository(text: &str) -> bool {
        text.len() <= Self::REPOSITORY_LIMIT && text.split('/').all(is_component)
    }

    /// Whether `text` is a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    pub fn is_tag(text: &str) -> bool {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        text.len() <= Self::TAG_LIMIT
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
    }
}

/// Letters and digits in runs, between them one dot, one or two underscores, or any hyphens.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric)
        || !bytes.last().copied().is_some_and(alphanumeric)
    {
        return false;
    }
    bytes.split(|byte| alphanumeric(*byte)).all(|separator| {
        matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|byte| *byte == b'-')
    })
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port_is_number = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    port_is_number && (is_ipv6(host) || is_host(host))
}

fn is_ipv6(host: &str) -> bool {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

fn is_host(host: &str) -> bool {
    host.len() <= 253
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (name, digest) =
            match text.split_once('@') {
                Some((name, digest)) => {
                    let digest = digest.parse();
                    (
                        name,
                        Some(digest.map_err(|source| ReferenceError::Digest {
                            text: text.into(),
                            source,
                        })?),
                    )
                }
                None => (text, None),
            };
        let last_component = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last_component..].rfind(':') {
            Some(colon) => {
                let colon = last_component + colon;
                (&name[..colon], Some(&name[colon + 1..]))
            }
            None => (name, None),
        };
        let (registry, repository) = match name.split_once('/') {
            Some((first, rest)) if names_registry(first) => (first, rest),
            _ => (Self::DEFAULT_REGISTRY, name),
        };
        let mut reference = Self::new(registry, repository)?;
        if let Some(tag) = tag {
            reference = reference.with_tag(tag)?;
        }
        reference.digest = digest;
        Ok(reference)
    }
}

/// Whether the first component of a name is a registry and not a part of a Docker name.
fn names_registry(component: &str) -> bool {
    component.contains(['.', ':', '['])
        || component == "localhost"
        || component.bytes().any(|byte| byte.is_ascii_uppercase())
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

/// Why some text is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The registry is no host with an optional port.
    #[error("`{text}` is not a registry")]
    Registry {
        /// The text.
        text: String,
    },
    /// The repository breaks the grammar of the distribution spec.
    #[error("`{text}` is not a repository name")]
    Repository {
        /// The text.
        text: String,
    },
    /// The tag breaks the grammar of the distribution spec.
    #[error("`{text}` is not a tag")]
    Tag {
        /// The text.
        text: String,
    },
    /// The part after `@` is not a digest.
    #[error("`{text}` does not end in a digest")]
    Digest {
        /// The text.
        text: String,
        /// Why not.
        source: ParseError,
    },
}
