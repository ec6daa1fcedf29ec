use std::fmt;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::build::{self, Builder};
use oci_image::layer::{Files, Limits};
use oci_image::platform::choice::Choice;
use oci_image::{AnyDocument, Config, Descriptor, Document, Manifest, Platform};

use crate::Error;

/// An image for one platform, in a layout or an archive.
#[derive(Clone)]
pub struct Image<'a> {
    source: &'a (dyn BlobSource + Sync),
    descriptor: Descriptor,
    manifest: Document<Manifest>,
}

impl<'a> Image<'a> {
    /// The image that `descriptor` names: a manifest, or the one for `platform` in an index.
    ///
    /// # Errors
    /// If there is none for the platform, or if a document on the way is missing or wrong.
    pub fn select(
        source: &'a (dyn BlobSource + Sync),
        descriptor: &Descriptor,
        platform: &Platform,
    ) -> Result<Self, Error> {
        let index = match read(source, descriptor)? {
            AnyDocument::Manifest(manifest) => {
                return Ok(Self { source, descriptor: descriptor.clone(), manifest });
            }
            AnyDocument::Index(index) => index,
        };
        let chosen = Choice::new(platform, &index.manifests).over(source).map_err(|error| {
            Error::io(format!("cannot choose from index `{}`", descriptor.digest), error)
        })?;
        let manifest = source.document(&chosen).map_err(|error| unread(&chosen, error))?;
        Ok(Self { source, descriptor: chosen, manifest })
    }

    /// Where its blobs are.
    pub fn source(&self) -> &'a (dyn BlobSource + Sync) {
        self.source
    }

    /// What names the manifest, as it stands in the index that lists it.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The manifest.
    pub fn manifest(&self) -> &Document<Manifest> {
        &self.manifest
    }

    /// The image config.
    ///
    /// # Errors
    /// If it is missing or wrong, or if this is an artifact, whose config is another document.
    pub fn config(&self) -> Result<Document<Config>, Error> {
        self.source.document(&self.manifest.config).map_err(|error| {
            Error::io(format!("cannot read config `{}`", self.manifest.config.digest), error)
        })
    }
}

impl Image<'_> {
    /// Begins an image on this one as its base.
    ///
    /// # Errors
    /// As [`documents`](Self::documents).
    pub fn builder(&self) -> Result<Builder, Error> {
        Ok(Builder::from(&self.documents()?))
    }

    /// The manifest and the config.
    ///
    /// # Errors
    /// As [`config`](Self::config), and if they do not belong together.
    pub fn documents(&self) -> Result<build::Image, Error> {
        build::Image::new(self.manifest.clone(), self.config()?).map_err(|error| {
            Error::invalid(format!("`{}` is no image", self.descriptor.digest), error)
        })
    }
}

impl<'a> Image<'a> {
    /// The files of the image, to read or to export without unpacking.
    ///
    /// # Errors
    /// As [`config`](Self::config), and if a layer is missing or refused.
    pub fn files(&self, limits: &Limits) -> Result<Files<'a, dyn BlobSource + Sync + 'a>, Error> {
        let rootfs = &self.config()?.rootfs;
        Files::new(self.source, &self.manifest.layers, rootfs, limits).map_err(|error| {
            Error::invalid(format!("cannot read the files of `{}`", self.descriptor.digest), error)
        })
    }
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

/// The manifest or index that `descriptor` names.
fn read(source: &(dyn BlobSource + Sync), descriptor: &Descriptor) -> Result<AnyDocument, Error> {
    source.any_document(descriptor).map_err(|error| unread(descriptor, error))
}

fn unread(descriptor: &Descriptor, error: std::io::Error) -> Error {
    Error::io(format!("cannot read document `{}`", descriptor.digest), error)
}
