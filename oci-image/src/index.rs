use crate::annotations::REF_NAME;
use crate::json::{Map, Members, model};
use crate::{Descriptor, MediaType, Model};

model! {
    /// Points to manifests, one for each platform ([image-index.md]).
    ///
    /// [image-index.md]: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
    pub struct Index {
        /// The version of the schema, 2.
        fixed schema_version: u64 = "schemaVersion", 2;
        /// The type of the index itself.
        optional media_type: MediaType = "mediaType";
        /// The type of the artifact.
        optional artifact_type: MediaType = "artifactType";
        /// The manifests.
        required_list manifests: Vec<Descriptor> = "manifests";
        /// The manifest that this index refers to.
        optional subject: Descriptor = "subject";
        /// Annotations.
        list annotations: Map<String> = "annotations";
    }
}

impl Model for Index {
    const MEDIA_TYPES: &'static [MediaType] =
        &[MediaType::IMAGE_INDEX, MediaType::DOCKER_MANIFEST_LIST];
    const FOREIGN: &'static [&'static str] = &["config", "layers", "fsLayers", "history"];

    fn media_type(&self) -> Option<&MediaType> {
        self.media_type.as_ref()
    }

    fn unknown(&self) -> &Members {
        &self.unknown
    }
}

impl Index {
    /// The entries that have this name by their annotation
    /// [`REF_NAME`](crate::annotations::REF_NAME), as those of an `index.json` have.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Descriptor> {
        let has_name = move |entry: &&Descriptor| {
            entry.annotations.get(REF_NAME).is_some_and(|its_name| its_name == name)
        };
        self.manifests.iter().filter(has_name)
    }
}
