//! Names of images on command lines, as skopeo and podman write them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use oci_image::Reference;
use oci_image::reference::ReferenceError;

/// The place and name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageName {
    /// `docker://HOST/REPOSITORY:TAG`: in a registry.
    Registry(Reference),
    /// `oci:DIRECTORY[:TAG]`: in a layout.
    Layout {
        /// The layout's directory.
        path: PathBuf,
        /// The tag; without one the layout must have one image.
        tag: Option<String>,
    },
    /// `oci-archive:FILE[:TAG]`: in an archive of a layout.
    Archive {
        /// The archive.
        path: PathBuf,
        /// The tag; without one the archive must have one image.
        tag: Option<String>,
    },
    /// `docker-archive:FILE[:NAME]`: in an archive of `docker save`.
    DockerArchive {
        /// The archive.
        path: PathBuf,
        /// The image's name with its tag; without one the archive must have one image.
        name: Option<String>,
    },
    /// `dir:DIRECTORY`: alone in a directory.
    Directory {
        /// The directory.
        path: PathBuf,
    },
}

impl FromStr for ImageName {
    type Err = ImageNameError;

    fn from_str(text: &str) -> Result<Self, ImageNameError> {
        let unknown = || ImageNameError::Transport { text: text.into() };
        if let Some(reference) = text.strip_prefix("docker://") {
            let reference: Reference = reference.parse()?;
            return Ok(Self::Registry(reference.or_latest()));
        }
        let (transport, rest) = text.split_once(':').ok_or_else(unknown)?;
        if transport == "dir" {
            return Ok(Self::Directory { path: rest.into() });
        }
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path.into(), Some(tag.into())),
            None => (rest.into(), None),
        };
        match transport {
            "oci" => Ok(Self::Layout { path, tag }),
            "oci-archive" => Ok(Self::Archive { path, tag }),
            "docker-archive" => Ok(Self::DockerArchive { path, name: tag }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, tag) = match self {
            Self::Registry(reference) => return write!(f, "docker://{reference}"),
            Self::Layout { path, tag } => ("oci", path, tag),
            Self::Archive { path, tag } => ("oci-archive", path, tag),
            Self::DockerArchive { path, name } => ("docker-archive", path, name),
            Self::Directory { path } => ("dir", path, &None),
        };
        write!(f, "{transport}:{}", path.display())?;
        tag.iter().try_for_each(|tag| write!(f, ":{tag}"))
    }
}

/// Why text is not the name of an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageNameError {
    /// It does not begin with a known transport.
    #[error(
        "`{text}` is not an image name: `docker://HOST/REPOSITORY:TAG`, `oci:DIRECTORY:TAG`, `oci-archive:FILE`, `docker-archive:FILE` or `dir:DIRECTORY`"
    )]
    Transport {
        /// The text.
        text: String,
    },
    /// The part after `docker://` is not a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}
