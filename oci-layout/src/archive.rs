//! Layouts in tar archives.

mod contents;
mod docker;
mod tar_file;
mod tar_writer;
mod uncompressed;
mod write;

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::Path;

use oci_image::blob::BlobSource;
use oci_image::images::Images;
use oci_image::oci_digest::VerifyReader;
use oci_image::{Descriptor, Index, LayoutFile, Model, json};

use crate::index::INDEX_LIMIT;
use crate::layout::{INDEX_FILE, LAYOUT_FILE};
use crate::{Error, ErrorKind};

use tar_file::TarFile;

pub use docker::{DockerArchive, DockerArchiveWriter, DockerForm};
pub use write::ArchiveWriter;

/// An image layout in a tar archive, read in place: nothing is extracted.
///
/// Opening reads the headers and skips the content. A compressed archive is uncompressed once into an
/// unnamed temporary file.
#[derive(Debug)]
pub struct Archive {
    tar: TarFile,
    index: Index,
}

impl Archive {
    /// Opens the archive at `path`: tar, as it is or compressed by gzip, zstd or xz, as the features are.
    ///
    /// # Errors
    /// If it is not a tar archive with one reading, or holds no layout of the known version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let tar = TarFile::open(path.as_ref())?;
        let layout: LayoutFile = document(&tar, LAYOUT_FILE, json::DOCUMENT_LIMIT)?;
        let version = layout.image_layout_version;
        if version != LayoutFile::VERSION {
            let about = format!("cannot read the layout in {}", tar.place());
            let reason = format!("it is of version `{version}`, not `{}`", LayoutFile::VERSION);
            return Err(Error::because(ErrorKind::Version, about, reason));
        }
        let index = document(&tar, INDEX_FILE, INDEX_LIMIT)?;
        Ok(Self { tar, index })
    }
}

impl Images for Archive {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        Ok(Cow::Borrowed(&self.index))
    }

    fn place(&self) -> String {
        self.tar.place()
    }
}

impl BlobSource for Archive {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let digest = &blob.digest;
        let Some(span) = self.tar.find(&digest.blob_path())? else { return Ok(None) };
        let verified = VerifyReader::new(self.tar.reader(span), digest, blob.size)?;
        Ok(Some(Box::new(verified)))
    }
}

fn document<T: Model>(tar: &TarFile, name: &str, limit: usize) -> Result<T, Error> {
    let bytes = tar.read(name, limit)?;
    T::read(&bytes, limit)
        .map_err(|error| Error::invalid(format!("cannot read `{name}` in {}", tar.place()), error))
}
