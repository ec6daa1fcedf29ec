use std::fmt;

use crate::MediaType;

/// Types of the same content, OCI's name and Docker's.
const PAIRS: &[(MediaType, MediaType)] = &[
    (MediaType::IMAGE_MANIFEST, MediaType::DOCKER_MANIFEST),
    (MediaType::IMAGE_INDEX, MediaType::DOCKER_MANIFEST_LIST),
    (MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG),
    (MediaType::LAYER_TAR, MediaType::DOCKER_LAYER_TAR),
    (MediaType::LAYER_TAR_GZIP, MediaType::DOCKER_LAYER_TAR_GZIP),
    (MediaType::LAYER_NONDISTRIBUTABLE_TAR, MediaType::DOCKER_FOREIGN_LAYER_TAR),
    (MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP, MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP),
];

/// The formats that images have. A manifest names all its parts by the types of its own. Closed by
/// nature: Docker's older formats are not of this shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Format {
    /// OCI's.
    Oci,
    /// Docker's schema 2.
    Docker,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Oci => "OCI's",
            Self::Docker => "Docker's",
        })
    }
}

impl Format {
    /// The format whose manifests, indexes, configs or layers have this type; `None` for all else,
    /// which has one name for both.
    pub fn of(media_type: &MediaType) -> Option<Self> {
        if let Some((oci, _)) =
            PAIRS.iter().find(|(oci, docker)| [oci, docker].contains(&media_type))
        {
            return Some(if oci == media_type { Self::Oci } else { Self::Docker });
        }
        if !media_type.is_layer() {
            return None;
        }
        let is_docker = media_type.as_str().starts_with("application/vnd.docker.");
        Some(if is_docker { Self::Docker } else { Self::Oci })
    }

    /// The name that this format has for the content of a type, which may be the name that it has.
    ///
    /// `None` if it has none: Docker has no type for layers that are compressed by zstd, and no program of
    /// Docker's format reads the one that some write, which OCI's format takes as its own.
    pub fn name(self, media_type: &MediaType) -> Option<MediaType> {
        if Self::of(media_type) == Some(self) {
            return Some(media_type.clone());
        }
        if self == Self::Oci && *media_type == MediaType::DOCKER_LAYER_TAR_ZSTD {
            return Some(MediaType::LAYER_TAR_ZSTD);
        }
        let (oci, docker) =
            PAIRS.iter().find(|(oci, docker)| [oci, docker].contains(&media_type))?;
        Some(if self == Self::Oci { oci.clone() } else { docker.clone() })
    }
}
