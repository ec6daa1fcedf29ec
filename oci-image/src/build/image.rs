use crate::build::{BuildError, Layer, steps_with_layer};
use crate::{Config, Descriptor, Document, History, Manifest, Platform};

/// The documents of an image for one platform. Its layers are elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    manifest: Document<Manifest>,
    config: Document<Config>,
}

impl Image {
    /// Puts a manifest and its config together.
    ///
    /// # Errors
    /// If the manifest names another config, or not as many layers.
    pub fn new(manifest: Document<Manifest>, config: Document<Config>) -> Result<Self, BuildError> {
        let (expected, actual) = (&manifest.config.digest, &config.descriptor().digest);
        if expected != actual {
            let (expected, actual) = (expected.clone(), actual.clone());
            return Err(BuildError::OtherConfig { expected, actual });
        }
        let (layers, diff_ids) = (manifest.layers.len(), config.rootfs.diff_ids.len());
        if layers != diff_ids {
            let steps = steps_with_layer(&config.history);
            return Err(BuildError::Mismatch { layers, diff_ids, steps });
        }
        Ok(Self { manifest, config })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Document<Manifest> {
        &self.manifest
    }

    /// The config.
    pub fn config(&self) -> &Document<Config> {
        &self.config
    }

    /// What names the manifest, with the platform, as an index lists it.
    pub fn descriptor(&self) -> Descriptor {
        let mut descriptor = self.manifest.descriptor().clone();
        descriptor.platform = Some(self.platform());
        descriptor.artifact_type.clone_from(&self.manifest.artifact_type);
        descriptor
    }

    /// What the image runs on.
    pub fn platform(&self) -> Platform {
        self.config.platform()
    }

    /// The layers, the base first, each with how it was made as far as the config says it.
    pub fn layers(&self) -> Vec<Layer> {
        let mut steps = self.config.history.iter().filter(|step| step.empty_layer != Some(true));
        let mut layer = |(descriptor, diff_id): (&Descriptor, &crate::Digest)| Layer {
            descriptor: descriptor.clone(),
            diff_id: diff_id.clone(),
            history: steps.next().cloned().unwrap_or_else(History::new),
        };
        self.manifest.layers.iter().zip(&self.config.rootfs.diff_ids).map(&mut layer).collect()
    }

    /// The same image with other blobs for the same content, such as the layers compressed anew.
    ///
    /// `replace` is asked for each layer and gives the new descriptor, or `None` to keep it.
    ///
    /// # Errors
    /// If the manifest is over a limit.
    pub fn with_blobs(
        &self,
        mut replace: impl FnMut(&Layer) -> Option<Descriptor>,
    ) -> Result<Self, BuildError> {
        let replacements: Vec<_> = self.layers().iter().map(&mut replace).collect();
        let manifest = self.manifest.edit(|manifest| {
            for (layer, replacement) in manifest.layers.iter_mut().zip(replacements) {
                if let Some(replacement) = replacement {
                    *layer = replacement;
                }
            }
        })?;
        Self::new(manifest, self.config.clone())
    }

    /// The same image with one layer that holds the content of all.
    ///
    /// The history is that of the one layer; all else is kept.
    ///
    /// # Errors
    /// If a document is over a limit.
    pub fn flatten(&self, layer: impl Into<Layer>) -> Result<Self, BuildError> {
        let Layer { descriptor, diff_id, history } = layer.into();
        let config = self.config.edit(|config| {
            config.rootfs.diff_ids = vec![diff_id];
            config.history = vec![history];
        })?;
        let manifest = self.manifest.edit(|manifest| {
            manifest.config.digest = config.descriptor().digest.clone();
            manifest.config.size = config.descriptor().size;
            manifest.config.data = None;
            manifest.layers = vec![descriptor];
        })?;
        Self::new(manifest, config)
    }
}
