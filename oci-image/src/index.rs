use crate::json::{Map, Members, model};
use crate::{Descriptor, MediaType, Model, Platform};

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
    /// The entry that a machine of this platform should take, as containerd and skopeo choose it.
    ///
    /// The entry of the best [rank](Platform::rank) wins, the first of equals. Entries that say no
    /// platform are for all of them and come last.
    pub fn choose(&self, platform: &Platform) -> Option<&Descriptor> {
        let rank = |entry: &Descriptor| match &entry.platform {
            Some(image) => platform.rank(image),
            None => Some(usize::MAX),
        };
        let ranked = self.manifests.iter().filter_map(|entry| Some((rank(entry)?, entry)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, entry)| entry)
    }
}
