use crate::json::{Map, Members, model};
use crate::{Descriptor, MediaType, Model};

model! {
    /// An image or artifact: its config and its layers ([manifest.md]).
    ///
    /// [manifest.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
    pub struct Manifest {
        /// The version of the schema, 2.
        fixed schema_version: u64 = "schemaVersion", 2;
        /// The type of the manifest itself.
        optional media_type: MediaType = "mediaType";
        /// The type of the artifact.
        optional artifact_type: MediaType = "artifactType";
        /// The config.
        required config: Descriptor = "config";
        /// The layers, the base first.
        required_list layers: Vec<Descriptor> = "layers";
        /// The manifest that this one refers to.
        optional subject: Descriptor = "subject";
        /// Annotations.
        list annotations: Map<String> = "annotations";
    }
}

impl Model for Manifest {
    const MEDIA_TYPES: &'static [MediaType] =
        &[MediaType::IMAGE_MANIFEST, MediaType::DOCKER_MANIFEST];
    const FOREIGN: &'static [&'static str] = &["manifests", "fsLayers", "history"];

    fn media_type(&self) -> Option<&MediaType> {
        self.media_type.as_ref()
    }

    fn unknown(&self) -> &Members {
        &self.unknown
    }
}
