use crate::MediaType;

/// Types of the same content, OCI's name and Docker's.
const PAIRS: &[(MediaType, MediaType)] = &[
    (MediaType::IMAGE_MANIFEST, MediaType::DOCKER_MANIFEST),
    (MediaType::IMAGE_INDEX, MediaType::DOCKER_MANIFEST_LIST),
    (MediaType::IMAGE_CONFIG, MediaType::DOCKER_CONFIG),
    (MediaType::LAYER_TAR, MediaType::DOCKER_LAYER_TAR),
    (MediaType::LAYER_TAR_GZIP, MediaType::DOCKER_LAYER_TAR_GZIP),
    (MediaType::LAYER_TAR_ZSTD, MediaType::DOCKER_LAYER_TAR_ZSTD),
    (MediaType::LAYER_NONDISTRIBUTABLE_TAR, MediaType::DOCKER_FOREIGN_LAYER_TAR),
    (MediaType::LAYER_NONDISTRIBUTABLE_TAR_GZIP, MediaType::DOCKER_FOREIGN_LAYER_TAR_GZIP),
];

/// Docker's name for the content, which may be the name that it has.
pub(super) fn to_docker(media_type: &MediaType) -> Option<MediaType> {
    let pair = PAIRS.iter().find(|(oci, docker)| [oci, docker].contains(&media_type));
    pair.map(|(_, docker)| docker.clone())
}

/// OCI's name for the content, which may be the name that it has.
pub(super) fn to_oci(media_type: &MediaType) -> Option<MediaType> {
    let pair = PAIRS.iter().find(|(oci, docker)| [oci, docker].contains(&media_type));
    pair.map(|(oci, _)| oci.clone())
}
