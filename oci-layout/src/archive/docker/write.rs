use std::fmt;
use std::io::Write;

use oci_image::layer::{Codec, Compression};
use oci_image::{Descriptor, Reference, json};

use super::saved::Saved;
use crate::index::REF_NAME;
use crate::recompress::recompressed;
use crate::{ArchiveWriter, Error, ErrorKind, Image};

/// What containerd and Docker read an image's full name from.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Writes images as a tar archive that `docker load` reads, in one pass.
///
/// It is of the form of Docker 25: an image layout with a `manifest.json`, which Docker of every age,
/// podman and skopeo read. Layers are written uncompressed, so the manifests in it are others than the
/// images had; the configs are the same. The same images in the same order give the same bytes.
pub struct DockerArchiveWriter<W: Write> {
    archive: ArchiveWriter<W>,
    saved: Vec<Saved>,
}

impl<W: Write> DockerArchiveWriter<W> {
    /// Begins an archive.
    ///
    /// # Errors
    /// If it cannot be written to `out`.
    pub fn new(out: W) -> Result<Self, Error> {
        Ok(Self { archive: ArchiveWriter::new(out)?, saved: Vec::new() })
    }

    /// Writes an image with these names, such as `docker.io/library/debian:12`. Returns what names its
    /// manifest in the archive.
    ///
    /// A layer waits in memory or in a temporary file without a name until it is verified.
    ///
    /// # Errors
    /// If a name is no reference with a tag, if a layer is missing or is not what digest and diff ID
    /// say, or if the archive cannot be written.
    pub fn append(&mut self, image: &Image<'_>, names: &[&str]) -> Result<Descriptor, Error> {
        for name in names {
            check_name(name)?;
        }
        let plain = image.replace_layers(|layer| {
            if let Some(size) = self.archive.size(&layer.diff_id) {
                let plain = Codec::None.media_type();
                return Ok(Descriptor::new(plain, layer.diff_id.clone(), size));
            }
            let (blob, content) = recompressed(image.source(), layer, &Compression::none())?;
            self.archive.store(&blob, content)?;
            Ok(blob)
        })?;
        for (blob, bytes) in [
            (plain.config().descriptor(), plain.config().bytes()),
            (plain.manifest().descriptor(), plain.manifest().bytes()),
        ] {
            self.archive.store(blob, bytes).map_err(|error| {
                Error::io(format!("cannot write `{}` to the archive", blob.digest), error)
            })?;
        }
        let mut saved = Saved::new(path(plain.config().descriptor()));
        saved.tags = names.iter().map(|name| (*name).to_owned()).collect();
        saved.layers = plain.manifest().layers.iter().map(path).collect();
        self.saved.push(saved);
        self.list(&plain.descriptor(), names);
        Ok(plain.descriptor())
    }

    fn list(&self, image: &Descriptor, names: &[&str]) {
        let named = names.iter().map(|name| {
            let mut named = image.clone();
            for key in [REF_NAME, CONTAINERD_NAME] {
                named.annotations.insert(key.into(), (*name).to_owned());
            }
            named
        });
        let unnamed = names.is_empty().then(|| image.clone());
        self.archive.list(named.chain(unnamed));
    }

    /// Writes what names the images and the end, and returns what was written to.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> Result<W, Error> {
        let manifest = json::to_vec(&self.saved)
            .map_err(|error| Error::invalid("cannot write the images of the archive", error))?;
        self.archive.file("manifest.json", &manifest)?;
        self.archive.finish()
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    match name.parse::<Reference>() {
        Ok(reference) if reference.tag().is_some() && reference.digest().is_none() => Ok(()),
        _ => {
            let text = format!("`{name}` is not a name with a tag for an image in an archive");
            Err(Error::new(ErrorKind::Name, text))
        }
    }
}

fn path(blob: &Descriptor) -> String {
    format!("blobs/{}/{}", blob.digest.algorithm_name(), blob.digest.encoded())
}

impl<W: Write> fmt::Debug for DockerArchiveWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerArchiveWriter").finish_non_exhaustive()
    }
}
