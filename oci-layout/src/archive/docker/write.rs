mod legacy;
mod oci;

use std::fmt;
use std::io::{self, Read, Seek, Write};

use oci_image::build::Layer;
use oci_image::images::Image;
use oci_image::layer::{Compression, Limits};
use oci_image::{Descriptor, Digest, MediaType, Reference, build, json};
use tempfile::SpooledTempFile;

use super::MANIFEST_FILE;
use super::saved::Saved;
use crate::recompress::{Recompression, replace_layers};
use crate::{ArchiveWriter, Error, ErrorKind};
use legacy::Legacy;

/// Writes images as a tar archive that `docker load` reads, in one pass. Podman, skopeo, buildah and
/// containerd read each of its forms.
///
/// Layers are written uncompressed, so the manifests in it differ from those of the images; the configs
/// are the same. The same images in the same order give the same bytes.
pub struct DockerArchiveWriter<W: Write> {
    target: Target<W>,
    saved: Vec<Saved>,
}

/// What a [`DockerArchiveWriter`] writes beside `manifest.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DockerForm {
    /// An image layout, as Docker since 25: configs and layers are its blobs. [`Archive`](crate::Archive)
    /// and other readers of layouts read it too.
    #[default]
    Oci,
    /// No layout but what Docker wrote before: configs as `<digest>.json`, layers as `<diff ID>.tar`, and for
    /// readers that do not know `manifest.json` the file `repositories` and a directory for each layer of
    /// each image.
    Legacy,
}

/// How much of a layer waits in memory, in bytes, before it waits in a temporary file.
const MEMORY: usize = 1 << 20;

enum Target<W: Write> {
    Oci(Box<ArchiveWriter<W>>),
    Legacy(Legacy<W>),
}

impl<W: Write> DockerArchiveWriter<W> {
    /// Begins an archive of the default form.
    ///
    /// # Errors
    /// If it cannot be written to `out`.
    pub fn new(out: W) -> Result<Self, Error> {
        Self::with_form(out, DockerForm::default())
    }

    /// Begins an archive of this form.
    ///
    /// # Errors
    /// If it cannot be written to `out`.
    pub fn with_form(out: W, form: DockerForm) -> Result<Self, Error> {
        let target = match form {
            DockerForm::Oci => Target::Oci(Box::new(ArchiveWriter::new(out)?)),
            DockerForm::Legacy => Target::Legacy(Legacy::new(out)),
        };
        Ok(Self { target, saved: Vec::new() })
    }

    /// Writes an image with these names, such as `docker.io/library/debian:12`. Returns what names its
    /// manifest in the layout, or the one that [`DockerArchive`](crate::DockerArchive) makes without one.
    ///
    /// A layer waits in memory or in a temporary file without a name until it is verified.
    ///
    /// # Errors
    /// If a name is not a reference with a tag or is taken, if a layer is missing or is not what digest and
    /// diff ID say, or if the archive cannot be written.
    pub fn append(&mut self, image: &Image<'_>, names: &[&str]) -> Result<Descriptor, Error> {
        for (position, name) in names.iter().enumerate() {
            check_name(name)?;
            let before = names.iter().take(position).copied();
            let mut taken = before.chain(self.saved.iter().flat_map(Saved::names));
            if taken.any(|taken| taken == *name) {
                let text = format!(
                    "cannot name an image `{name}`: another one in the archive has this name"
                );
                return Err(Error::new(ErrorKind::Name, text));
            }
        }
        let plain = replace_layers(image, |layer| {
            let size = match self.target.size(&layer.diff_id) {
                Some(size) => size,
                None => {
                    let (blob, content) = uncompressed(image, layer)?;
                    self.target.layer(&layer.diff_id, blob.size, content)?;
                    blob.size
                }
            };
            Ok(layer.descriptor.with_bytes_of(&plain_layer(&layer.diff_id, size)))
        })?;
        let (descriptor, mut saved) = self.target.image(&plain, names)?;
        saved.tags = names.iter().map(|name| (*name).to_owned()).collect();
        self.saved.push(saved);
        Ok(descriptor)
    }

    /// Writes what names the images and the end, and returns what was written to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<W, Error> {
        let manifest = json::to_vec(&self.saved)
            .map_err(|error| Error::invalid("cannot write the images of the archive", error))?;
        match self.target {
            Target::Oci(archive) => {
                archive.file(MANIFEST_FILE, &manifest)?;
                archive.finish()
            }
            Target::Legacy(archive) => archive.finish(&manifest),
        }
    }
}

/// The content of a layer, at its beginning, and what names it.
fn uncompressed(image: &Image<'_>, layer: &Layer) -> io::Result<(Descriptor, SpooledTempFile)> {
    let (compression, limits) = (&Compression::none(), &Limits::default());
    let recompression = Recompression { source: image.source(), layer, compression, limits };
    let (blob, mut content) = recompression.write(SpooledTempFile::new(MEMORY))?;
    content.rewind()?;
    Ok((blob, content))
}

impl<W: Write> Target<W> {
    /// The size of a layer that was written.
    fn size(&self, diff_id: &Digest) -> Option<u64> {
        match self {
            Self::Oci(archive) => archive.size(diff_id),
            Self::Legacy(archive) => archive.size(diff_id),
        }
    }

    /// Writes a layer that is verified and was not written before.
    fn layer(&mut self, diff_id: &Digest, size: u64, content: impl Read) -> io::Result<()> {
        match self {
            Self::Oci(archive) => archive.store(&plain_layer(diff_id, size), content),
            Self::Legacy(archive) => archive.layer(diff_id, size, content),
        }
    }

    /// Writes the documents of an image whose layers are written. Gives what names its manifest, and the
    /// files that `manifest.json` is to name.
    fn image(
        &mut self,
        image: &build::Image,
        names: &[&str],
    ) -> Result<(Descriptor, Saved), Error> {
        match self {
            Self::Oci(archive) => oci::image(archive, image, names),
            Self::Legacy(archive) => archive.image(image, names),
        }
    }
}

fn plain_layer(diff_id: &Digest, size: u64) -> Descriptor {
    Descriptor::new(MediaType::LAYER_TAR, diff_id.clone(), size)
}

fn check_name(name: &str) -> Result<(), Error> {
    match name.parse::<Reference>() {
        Ok(reference) if reference.tag().is_some() && reference.digest().is_none() => Ok(()),
        _ => {
            let text = format!(
                "cannot name an image `{name}`: it is not a reference with a tag and without a digest"
            );
            Err(Error::new(ErrorKind::Name, text))
        }
    }
}

impl<W: Write> fmt::Debug for DockerArchiveWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerArchiveWriter").finish_non_exhaustive()
    }
}
