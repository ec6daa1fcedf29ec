use oci_image::blob::BlobSink;
use oci_image::oci_digest::Verified;
use oci_image::{AnyDocument, Descriptor, build};

use crate::{Error, Layout};

/// A manifest or index whose bytes are in a layout and that does not have a name yet.
///
/// Give it a name, or list it without one; otherwise it becomes garbage when the layout's handle is
/// dropped.
#[derive(Debug)]
#[must_use]
pub struct Stored<'a> {
    layout: &'a Layout,
    descriptor: Descriptor,
}

impl Layout {
    /// Stores the config and the manifest of an image. Its layers must be stored before, as blobs.
    ///
    /// # Errors
    /// If a layer is not in the layout, unless it [may be elsewhere](Descriptor::may_be_elsewhere), or if a document cannot be
    /// stored.
    pub fn put_image(&self, image: &build::Image) -> Result<Stored<'_>, Error> {
        for layer in image.manifest().layers.iter().filter(|layer| !layer.may_be_elsewhere()) {
            self.require(layer)?;
        }
        self.store(image.config().descriptor(), image.config().verified())?;
        self.store(image.manifest().descriptor(), image.manifest().verified())?;
        Ok(Stored::new(self, image.descriptor()))
    }

    /// Stores a manifest or index as it is. What it points to need not exist.
    ///
    /// # Errors
    /// If it cannot be stored.
    pub fn put_document(&self, document: &AnyDocument) -> Result<Stored<'_>, Error> {
        self.store(document.descriptor(), document.verified())?;
        Ok(Stored::new(self, document.descriptor().clone()))
    }

    fn store(&self, descriptor: &Descriptor, content: Verified<&[u8]>) -> Result<(), Error> {
        self.put_verified(descriptor, content)
            .map(drop)
            .map_err(|error| Error::io(format!("cannot store `{}`", descriptor.digest), error))
    }

    fn require(&self, layer: &Descriptor) -> Result<(), Error> {
        match self.blobs().open(layer) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(self.no_such(layer.digest.as_str())),
            Err(error) => Err(Error::io(format!("cannot read layer `{}`", layer.digest), error)),
        }
    }
}

impl<'a> Stored<'a> {
    pub(crate) fn new(layout: &'a Layout, descriptor: Descriptor) -> Self {
        Self { layout, descriptor }
    }

    /// What names it.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// Names it. Returns its descriptor.
    ///
    /// # Errors
    /// As [`Layout::tag`].
    pub fn tag(self, name: &str) -> Result<Descriptor, Error> {
        self.layout.tag(name, &self.descriptor)?;
        Ok(self.descriptor)
    }

    /// Lists it without a name. Returns its descriptor.
    ///
    /// # Errors
    /// As [`Layout::add`].
    pub fn add(self) -> Result<Descriptor, Error> {
        self.layout.add(&self.descriptor)?;
        Ok(self.descriptor)
    }
}
