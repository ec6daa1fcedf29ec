use std::io::{self, Read};
use std::ops::Range;

use crate::annotations::is_of_representation;
use crate::blob::BlobSource;
use crate::build::history::{self, has_layer, with_layer};
use crate::build::{BuildError, Layer};
use crate::docker::{self, Converted, settle_format};
use crate::{Config, Descriptor, Document, History, Manifest, MediaType, Platform};

/// The documents of an image for one platform. Its layers are elsewhere: with a place to read them from it is an
/// [`images::Image`](crate::images::Image).
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
            return Err(BuildError::Mismatch { layers, diff_ids });
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
        let mut steps = self.config.history.iter().filter(|step| has_layer(step));
        let mut layer = |(descriptor, diff_id): (&Descriptor, &crate::Digest)| Layer {
            descriptor: descriptor.clone(),
            diff_id: diff_id.clone(),
            history: steps.next().cloned().unwrap_or_else(History::new),
        };
        self.manifest.layers.iter().zip(&self.config.rootfs.diff_ids).map(&mut layer).collect()
    }

    /// The same image with other blobs for the same content, such as the layers compressed anew.
    ///
    /// `replace` is asked for each layer and gives the new descriptor, or `None` to keep it;
    /// [`Descriptor::with_bytes_of`] keeps what the old one says of the content. The image stays in its
    /// format: the descriptors get the types of it.
    ///
    /// # Errors
    /// If the format has no name for the type of a layer, or if the manifest is over a limit.
    pub fn with_blobs(
        &self,
        mut replace: impl FnMut(&Layer) -> Option<Descriptor>,
    ) -> Result<Self, BuildError> {
        let replacements: Vec<_> = self.layers().iter().map(&mut replace).collect();
        self.edited(self.config.clone(), |manifest| {
            for (layer, replacement) in manifest.layers.iter_mut().zip(replacements) {
                if let Some(replacement) = replacement {
                    *layer = replacement;
                }
            }
        })
    }

    /// The same image with other content in the place of some layers, such as without some files.
    ///
    /// `replace` is asked for each layer and gives the new one, or `None` to keep it. The history stays, and counts the
    /// layers if it did not.
    ///
    /// # Errors
    /// If the format has no name for the type of a layer, or if a document is over a limit.
    pub fn with_layers(
        &self,
        mut replace: impl FnMut(&Layer) -> Option<Layer>,
    ) -> Result<Self, BuildError> {
        let layers = self.layers().into_iter().map(|layer| replace(&layer).unwrap_or(layer));
        let (descriptors, diff_ids): (Vec<_>, Vec<_>) =
            layers.map(|layer| (layer.descriptor, layer.diff_id)).unzip();
        let config = match diff_ids == self.config.rootfs.diff_ids {
            true => self.config.clone(),
            false => self.config.edit(|config| {
                history::settle_if_any(&mut config.history, diff_ids.len());
                config.rootfs.diff_ids = diff_ids;
            })?,
        };
        self.edited(config, |manifest| manifest.layers = descriptors)
    }

    /// The same image with one layer in the place of some that follow each other and whose content it
    /// holds. Their steps of the history stay, without layers, and that of the new one follows them.
    ///
    /// # Errors
    /// If the image has no such layers, if its format has no name for the type of the layer, or if a
    /// document is over a limit.
    pub fn squash(&self, range: Range<usize>, layer: impl Into<Layer>) -> Result<Self, BuildError> {
        let layers = self.manifest.layers.len();
        if range.is_empty() || range.end > layers {
            return Err(BuildError::NoSuchLayers { range, layers });
        }
        let Layer { descriptor, diff_id, history } = layer.into();
        let config = self.config.edit(|config| {
            history::settle(&mut config.history, layers);
            let mut number = 0;
            let mut after = config.history.len();
            for (position, step) in config.history.iter_mut().enumerate() {
                if !has_layer(step) {
                    continue;
                }
                if range.contains(&number) {
                    step.empty_layer = Some(true);
                    after = position + 1;
                }
                number += 1;
            }
            config.history.insert(after, with_layer(history));
            config.rootfs.diff_ids.splice(range.clone(), [diff_id]);
        })?;
        self.edited(config, |manifest| {
            manifest.layers.splice(range, [descriptor]);
        })
    }

    /// The same image with one layer that holds the content of all.
    ///
    /// The history is that of the one layer; all else is kept, the format of the image too.
    ///
    /// # Errors
    /// If the format has no name for the type of the layer, or if a document is over a limit.
    pub fn flatten(&self, layer: impl Into<Layer>) -> Result<Self, BuildError> {
        let Layer { descriptor, diff_id, history } = layer.into();
        let config = self.config.edit(|config| {
            config.rootfs.diff_ids = vec![diff_id];
            config.history = vec![with_layer(history)];
        })?;
        self.edited(config, |manifest| manifest.layers = vec![descriptor])
    }

    /// The same image in OCI's format: byte for byte, if that is the one that it has.
    ///
    /// # Errors
    /// If a layer has a type that OCI has no name for.
    pub fn to_oci(&self) -> Result<Self, BuildError> {
        match self.manifest.descriptor().media_type == MediaType::DOCKER_MANIFEST {
            true => self.converted(docker::manifest_to_oci),
            false => self.edited(self.config.clone(), |_| ()),
        }
    }

    /// The same image in Docker's format: byte for byte, if that is the one that it has.
    ///
    /// # Errors
    /// If a layer has a type that Docker has no name for, such as one that is compressed by zstd.
    pub fn to_docker(&self) -> Result<Self, BuildError> {
        match self.manifest.descriptor().media_type == MediaType::DOCKER_MANIFEST {
            true => self.edited(self.config.clone(), |_| ()),
            false => self.converted(docker::manifest_to_docker),
        }
    }

    /// What `edit` makes of the image: of the image in OCI's format where its own has no name for the type of a
    /// layer, as Docker's has none for zstd.
    ///
    /// # Errors
    /// As `edit`.
    pub fn edit_or_convert(
        &self,
        edit: impl Fn(&Self) -> Result<Self, BuildError>,
    ) -> Result<Self, BuildError> {
        match edit(self) {
            Err(BuildError::Format(_)) => edit(&self.to_oci()?),
            edited => edited,
        }
    }

    fn converted(&self, convert: ManifestConversion) -> Result<Self, BuildError> {
        Self::new(convert(&self.manifest)?.document, self.config.clone())
    }

    /// The image with another config, which may be its own, and a manifest that `change` has changed, in
    /// the format of the image. Where nothing changes, the bytes stay.
    pub(super) fn edited(
        &self,
        config: Document<Config>,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<Self, BuildError> {
        let mut manifest = self.manifest.value().clone();
        change(&mut manifest);
        if manifest.config.digest != config.descriptor().digest {
            manifest.config = manifest.config.with_bytes_of(config.descriptor());
        }
        if manifest.layers != self.manifest.layers {
            manifest.annotations.retain(|key, _| !is_of_representation(key));
        }
        settle_format(&mut manifest, &self.manifest.descriptor().media_type)?;
        if manifest == *self.manifest.value() {
            return Ok(self.clone());
        }
        Self::new(self.manifest.edit(|edited| *edited = manifest)?, config)
    }
}

/// Its manifest and its config are there, its layers are elsewhere.
impl BlobSource for Image {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let documents = [
            (self.manifest.descriptor(), self.manifest.bytes()),
            (self.config.descriptor(), self.config.bytes()),
        ];
        let mut found = documents.into_iter().filter(|(known, _)| known.digest == blob.digest);
        Ok(found.next().map(|(_, bytes)| Box::new(bytes) as Box<dyn Read + Send>))
    }
}

type ManifestConversion =
    fn(&Document<Manifest>) -> Result<Converted<Manifest>, docker::ConversionError>;
