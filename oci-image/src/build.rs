//! Building images: values in, values out.
//!
//! Nothing here reads or writes blobs. The same input gives the same output, byte for byte: no time is added that the
//! caller did not give.
//!
//! ```
//! use oci_image::build::{Builder, Layer};
//! use oci_image::{Descriptor, Digest, MediaType, Platform};
//!
//! let tar = [0; 1024];
//! let layer = Layer::new(Descriptor::of(MediaType::LAYER_TAR, tar), Digest::sha256(tar));
//! let image = Builder::new(&"linux/amd64".parse()?)
//!     .layer(layer)
//!     .entrypoint(["/app"])
//!     .env("PATH", "/bin")
//!     .label("org.example", "1")
//!     .build()?;
//! assert_eq!(image.manifest().layers.len(), 1);
//! assert_eq!(image.manifest().config, *image.config().descriptor());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod artifact;
mod config;
mod history;
mod image;
mod index;
mod layer;
mod rebase;

pub use artifact::Artifact;
pub use image::Image;
pub use index::{assemble, split};
pub use layer::Layer;
pub use rebase::rebase;

use std::ops::Range;

use crate::docker::{ConversionError, settle_format};
use crate::{
    Config, Descriptor, Digest, Document, DocumentError, History, Manifest, MediaType, Platform,
    RootFs, annotations,
};

/// An image that is being built, in OCI's format unless it [continues](Self::of) one in Docker's: whatever
/// its base and its layers have, is named by the types of its own.
///
/// ```
/// # use oci_image::build::Builder;
/// # use oci_image::Platform;
/// let base = Builder::new(&Platform::host()).cmd(["sh"]).build()?;
/// let image = Builder::from(&base).label("org.example", "1").build()?;
/// assert_eq!(image.config().value().config.as_ref().map(|run| &*run.cmd), Some(&["sh".to_owned()][..]));
/// # Ok::<(), oci_image::build::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    manifest: Manifest,
    config: Config,
    /// Whether the command was set here and not by the base.
    own_cmd: bool,
}

impl Builder {
    /// Begins an image without layers.
    pub fn new(platform: &Platform) -> Self {
        let config = Config::new(platform.architecture.clone(), platform.os.clone(), RootFs::new());
        let mut manifest =
            Manifest::new(Descriptor::new(MediaType::IMAGE_CONFIG, Digest::EMPTY_JSON, 0));
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        Self { manifest, config, own_cmd: false }.platform(platform)
    }

    /// Continues an image. Unlike with [`From`], which begins another one on it, what is said of the image
    /// stays, and so does its format.
    pub fn of(image: &Image) -> Self {
        let mut manifest = image.manifest().value().clone();
        manifest.media_type = Some(image.manifest().descriptor().media_type.clone());
        Self { manifest, config: image.config().value().clone(), own_cmd: false }
    }

    /// Puts a layer on top.
    ///
    /// Where the history of the base has fewer steps than it has layers, empty steps are added first. Where
    /// it has more, the newest of them count as steps that changed no file.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        let Layer { descriptor, diff_id, history } = layer.into();
        history::settle(&mut self.config.history, self.config.rootfs.diff_ids.len());
        self.config.history.push(history::with_layer(history));
        self.config.rootfs.diff_ids.push(diff_id);
        self.manifest.layers.push(descriptor);
        self
    }

    /// Adds a step of the history that changed no file.
    pub fn step(mut self, mut history: History) -> Self {
        history::settle(&mut self.config.history, self.config.rootfs.diff_ids.len());
        history.empty_layer = Some(true);
        self.config.history.push(history);
        self
    }

    /// Sets what the image runs on.
    pub fn platform(mut self, platform: &Platform) -> Self {
        self.config.architecture.clone_from(&platform.architecture);
        self.config.os.clone_from(&platform.os);
        self.config.os_version.clone_from(&platform.os_version);
        self.config.os_features.clone_from(&platform.os_features);
        self.config.variant.clone_from(&platform.variant);
        self
    }

    /// Adds an annotation to the manifest, or replaces it.
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.manifest.annotations.insert(key.into(), value.into());
        self
    }

    /// Takes an annotation of the manifest out.
    pub fn without_annotation(mut self, key: &str) -> Self {
        self.manifest.annotations.remove(key);
        self
    }

    /// Annotates the image with the base that it was made from: its name and its manifest's digest.
    pub fn base(self, name: impl Into<String>, digest: &Digest) -> Self {
        self.annotation(annotations::BASE_NAME, name)
            .annotation(annotations::BASE_DIGEST, digest.to_string())
    }

    /// Sets the type of the artifact.
    pub fn artifact_type(mut self, artifact_type: MediaType) -> Self {
        self.manifest.artifact_type = Some(artifact_type);
        self
    }

    /// Sets the manifest that this one refers to.
    pub fn subject(mut self, subject: Descriptor) -> Self {
        self.manifest.subject = Some(subject);
        self
    }

    /// Changes the manifest in a way that has no method here. [`build`](Self::build) sets its config, and
    /// the types of its config and layers by that of the manifest.
    pub fn edit_manifest(mut self, change: impl FnOnce(&mut Manifest)) -> Self {
        change(&mut self.manifest);
        self
    }

    /// Changes the config in a way that has no method here.
    pub fn edit_config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The image.
    ///
    /// # Errors
    /// If there are not as many layers as diff IDs, if a layer has a type that the format of the manifest
    /// has no name for, or if a document is over a limit.
    pub fn build(self) -> Result<Image, BuildError> {
        let Self { mut manifest, mut config, .. } = self;
        history::settle_if_any(&mut config.history, config.rootfs.diff_ids.len());
        let config = Document::new(config)?;
        manifest.config = manifest.config.with_bytes_of(config.descriptor());
        settle_format(&mut manifest, &MediaType::IMAGE_MANIFEST)?;
        Image::new(Document::new(manifest)?, config)
    }
}

/// The new image does not inherit what describes the base itself: annotations, subject, time of creation.
/// A base in Docker's format gives an image in OCI's.
impl From<&Image> for Builder {
    fn from(base: &Image) -> Self {
        let mut manifest = base.manifest().value().clone();
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        manifest.subject = None;
        manifest.annotations.clear();
        let mut config = base.config().value().clone();
        config.created = None;
        Self { manifest, config, own_cmd: false }
    }
}

/// Why values do not make an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There are not as many layers as diff IDs.
    #[error("cannot make an image of {layers} layers and {diff_ids} diff IDs: the numbers differ")]
    Mismatch {
        /// The number of layers in the manifest.
        layers: usize,
        /// The number of diff IDs in the config.
        diff_ids: usize,
    },
    /// The manifest names another config.
    #[error("cannot make an image with config `{actual}`: its manifest names `{expected}`")]
    OtherConfig {
        /// What the manifest names.
        expected: Digest,
        /// What was given.
        actual: Digest,
    },
    /// The image is not built on the base that it is to be moved from.
    #[error(
        "cannot move the image to another base: its layer {number} is `{actual}`, that of the old base is `{expected}`"
    )]
    OtherBase {
        /// Counted from 0, the base first.
        number: usize,
        /// The digest of the base's layer.
        expected: Digest,
        /// The digest of the image's layer, or nothing if it has fewer.
        actual: String,
    },
    /// The image has no such layers.
    #[error("the image has {layers} layers, none of the numbers {range:?}")]
    NoSuchLayers {
        /// The numbers, counted from 0.
        range: Range<usize>,
        /// How many layers there are.
        layers: usize,
    },
    /// The config or a layer has a type that the format of the image has no name for.
    #[error("cannot write the image in one format, OCI's or Docker's")]
    Format(#[from] ConversionError),
    /// A document cannot be written.
    #[error("cannot write a document of the image")]
    Document(#[from] DocumentError),
}
