use std::collections::HashMap;
use std::io;

use oci_image::blob::{BlobSource, BlobSourceExt};
use oci_image::build;
use oci_image::docker::Format;
use oci_image::images::Image;
use oci_image::{AnyDocument, Descriptor, Digest, Document, Index, MediaType, Platform};

use super::copy;
use crate::{Error, ErrorKind, Layout};

/// Makes another image of one.
type Edit<'a> =
    dyn FnMut(&Image<'_>) -> Result<build::Image, Box<dyn std::error::Error + Send + Sync>> + 'a;

/// The annotation by which an attestation in an index says which image it is about.
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

impl Layout {
    /// Edits the image that `root` names in `source`, or each image of an index, and stores here what comes
    /// out. Returns what names it.
    ///
    /// With a platform only images for it are edited. All else in an index stays: other images, artifacts,
    /// and what is missing; attestations about images that are no longer in it go.
    /// One of Docker's manifest lists becomes an index where an image in it becomes one in OCI's format.
    ///
    /// # Errors
    /// If there is no image to edit, if `edit` fails, or if something cannot be read or stored.
    pub fn edit_images(
        &self,
        source: &(dyn BlobSource + Sync),
        root: &Descriptor,
        platform: Option<&Platform>,
        edit: &mut Edit<'_>,
    ) -> Result<Descriptor, Error> {
        let mut editor = Editor { source, platform, edit, target: self };
        editor.document(root)?.ok_or_else(|| {
            let message = format!("cannot edit `{}`", root.digest);
            Error::because(ErrorKind::NotFound, message, "it has no image for the platform")
        })
    }
}

struct Editor<'a, 'e> {
    source: &'a (dyn BlobSource + Sync),
    platform: Option<&'a Platform>,
    edit: &'a mut Edit<'e>,
    target: &'a Layout,
}

impl Editor<'_, '_> {
    /// What names the document after the edit; `None` if nothing in it is edited.
    fn document(&mut self, descriptor: &Descriptor) -> Result<Option<Descriptor>, Error> {
        match self.source.any_document(descriptor) {
            Ok(AnyDocument::Index(index)) => self.index(descriptor, &index),
            Ok(AnyDocument::Manifest(manifest)) if manifest.config.media_type.is_config() => {
                self.image(descriptor)
            }
            Ok(AnyDocument::Manifest(_)) => Ok(None),
            Err(error) => {
                Err(Error::io(format!("cannot read document `{}`", descriptor.digest), error))
            }
        }
    }

    fn image(&mut self, descriptor: &Descriptor) -> Result<Option<Descriptor>, Error> {
        let failed = |error| Error::io(format!("cannot edit `{}`", descriptor.digest), error);
        let image = Image::select(self.source, descriptor, &Platform::host())
            .map_err(|error| failed(error.into()))?;
        let own = image.config().map_err(|error| failed(error.into()))?.platform();
        if self.platform.is_some_and(|wanted| !wanted.matches(&own)) {
            return Ok(None);
        }
        let edited = (self.edit)(&image).map_err(|error| {
            Error::invalid(format!("cannot edit image `{}`", descriptor.digest), error)
        })?;
        for layer in &edited.manifest().layers {
            copy(self.source, layer, self.target).map_err(failed)?;
        }
        let stored = self.target.put_image(&edited)?;
        let mut named = descriptor.with_bytes_of(stored.descriptor());
        if named.platform.is_some() {
            named.platform = Some(edited.platform());
        }
        Ok(Some(named))
    }

    fn index(
        &mut self,
        descriptor: &Descriptor,
        index: &Document<Index>,
    ) -> Result<Option<Descriptor>, Error> {
        let mut edited: HashMap<Digest, Descriptor> = HashMap::new();
        for entry in &index.manifests {
            if !entry.media_type.is_manifest_or_index()
                || entry.annotations.contains_key(REFERENCE_DIGEST)
            {
                continue;
            }
            match self.document(entry) {
                Ok(Some(named)) => _ = edited.insert(entry.digest.clone(), named),
                Ok(None) => {}
                // An index may list what was not copied.
                Err(error) if error.kind() == ErrorKind::NotFound && self.is_missing(entry) => {}
                Err(error) => return Err(error),
            }
        }
        if edited.is_empty() {
            return Ok(None);
        }
        let document = index.edit(|index| {
            index.manifests.retain(|entry| {
                let about = entry.annotations.get(REFERENCE_DIGEST);
                !about.is_some_and(|about| edited.keys().any(|digest| digest.as_str() == about))
            });
            for entry in &mut index.manifests {
                if let Some(named) = edited.get(&entry.digest) {
                    *entry = entry.with_bytes_of(named);
                    entry.platform.clone_from(&named.platform);
                }
            }
            settle_format(index);
        });
        let failed = |error| Error::invalid("cannot write the edited index", error);
        let document = AnyDocument::Index(document.map_err(failed)?);
        let stored = self.target.put_document(&document)?;
        Ok(Some(descriptor.with_bytes_of(stored.descriptor())))
    }

    fn is_missing(&self, entry: &Descriptor) -> bool {
        let opened = self.source.open(entry);
        opened.map_or_else(|error| error.kind() == io::ErrorKind::NotFound, |blob| blob.is_none())
    }
}

/// A manifest list of Docker's becomes an index of OCI's where an image did.
fn settle_format(index: &mut Index) {
    let is_oci = |entry: &Descriptor| Format::of(&entry.media_type) == Some(Format::Oci);
    if index.manifests.iter().any(is_oci)
        && index.media_type == Some(MediaType::DOCKER_MANIFEST_LIST)
    {
        index.media_type = Some(MediaType::IMAGE_INDEX);
    }
}
