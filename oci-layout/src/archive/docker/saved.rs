use oci_image::Digest;
use oci_image::json::model;

model! {
    /// An image in `manifest.json`: the names of files of the archive.
    pub(super) struct Saved {
        /// The file of the config.
        required config: String = "Config";
        /// What the image was called.
        list tags: Vec<String> = "RepoTags";
        /// The files of the layers, the base first.
        list layers: Vec<String> = "Layers";
    }
}

impl Saved {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }
}

/// The digest that the path of a file in an image layout says.
pub(super) fn claimed_by_path(name: &str) -> Option<Digest> {
    Digest::from_blob_path(name).filter(Digest::is_registered)
}

/// The digest that the name of a config says, as Docker (`HEX.json`) and others (`sha256:HEX`) write it.
pub(super) fn claimed_by_stem(name: &str) -> Option<Digest> {
    let stem = name.strip_suffix(".json").unwrap_or(name);
    as_digest(stem).or_else(|| as_digest(&format!("sha256:{stem}")))
}

fn as_digest(text: &str) -> Option<Digest> {
    text.parse().ok().filter(Digest::is_registered)
}
