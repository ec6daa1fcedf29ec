use std::fmt;

use super::Error;
use crate::blob::{BlobSource, BlobSourceExt};
use crate::build::{self, Builder};
use crate::platform::choice::Choice;
use crate::{AnyDocument, Config, Descriptor, Document, Manifest, Platform};

/// An image for one platform, in any source of blobs.
///
/// A [`build::Image`] is the documents of an image alone, without a place to read its layers from.
#[derive(Clone)]
pub struct Image<'a> {
    source: &'a (dyn BlobSource + Sync),
    descriptor: Descriptor,
    manifest: Document<Manifest>,
}

impl<'a> Image<'a> {
    /// The image that `descriptor` names: a manifest, or [the one](crate::platform::choice) for
    /// `platform` in an index.
    ///
    /// # Errors
    /// If there is none for the platform, or if a document on the way is missing or wrong.
    pub fn select(
        source: &'a (dyn BlobSource + Sync),
        descriptor: &Descriptor,
        platform: &Platform,
    ) -> Result<Self, Error> {
        let unread = |descriptor: &Descriptor, error| {
            Error::unreadable(format!("read document `{}`", descriptor.digest), error)
        };
        let document =
            source.any_document(descriptor).map_err(|error| unread(descriptor, error))?;
        let index = match document {
            AnyDocument::Manifest(manifest) => {
                return Ok(Self { source, descriptor: descriptor.clone(), manifest });
            }
            AnyDocument::Index(index) => index,
        };
        let descriptor = Choice::new(platform, &index.manifests)
            .over(source)
            .map_err(|error| Error::choice(format!("index `{}`", descriptor.digest), error))?;
        let manifest = source.document(&descriptor).map_err(|error| unread(&descriptor, error))?;
        Ok(Self { source, descriptor, manifest })
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
        let config = &self.manifest.config;
        self.source
            .document(config)
            .map_err(|error| Error::unreadable(format!("read config `{}`", config.digest), error))
    }

    /// The manifest and the config.
    ///
    /// # Errors
    /// As [`config`](Self::config), and if they do not belong together.
    pub fn documents(&self) -> Result<build::Image, Error> {
        build::Image::new(self.manifest.clone(), self.config()?).map_err(|error| Error::Invalid {
            action: format!("read image `{}`", self.descriptor.digest),
            source: error.into(),
        })
    }

    /// Begins an image on this one as its base.
    ///
    /// # Errors
    /// As [`documents`](Self::documents).
    pub fn builder(&self) -> Result<Builder, Error> {
        Ok(Builder::from(&self.documents()?))
    }
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}
