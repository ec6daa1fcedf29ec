//! Layouts in tar archives.

mod contents;
mod docker;
mod header;
mod spool;
mod tar_writer;
mod write;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use oci_image::blob::BlobSource;
use oci_image::oci_digest::VerifyReader;
use oci_image::{Descriptor, Digest, Index, LayoutFile, Platform, json};

use crate::blob::unverifiable;
use crate::index::{self, Entry, INDEX_LIMIT};
use crate::resolve::{referrers, resolve};
use crate::{Error, ErrorKind, Image, Walk};

pub(crate) use contents::{Contents, Span};
pub use docker::{DockerArchive, DockerArchiveWriter, DockerForm};
pub use write::ArchiveWriter;

/// An image layout in a tar archive, read in place: nothing is extracted.
///
/// Opening reads the headers and skips the content. A compressed archive is uncompressed once into an
/// unnamed temporary file.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    contents: Contents,
    index: Index,
}

impl Archive {
    /// Opens the archive at `path`: tar, as it is or compressed by gzip or zstd.
    ///
    /// # Errors
    /// If it is no tar archive with one reading, or holds no layout of the known version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (file, contents) = open_tar(path)?;
        let layout: LayoutFile = document(path, &file, &contents, "oci-layout")?;
        if layout.image_layout_version != LayoutFile::VERSION {
            let version = layout.image_layout_version;
            let text = format!("archive `{}` is of version `{version}`", path.display());
            return Err(Error::new(ErrorKind::Version, text));
        }
        let bytes = member(path, &file, &contents, "index.json", INDEX_LIMIT)?;
        let index = index::parse(&bytes).map_err(|error| {
            let text = format!("cannot make sense of the index of archive `{}`", path.display());
            Error::invalid(text, error)
        })?;
        Ok(Self { path: path.to_owned(), file, contents, index })
    }

    /// What `index.json` says.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// What the archive holds, in the order of `index.json`.
    pub fn list(&self) -> Vec<Entry> {
        index::entries(self.index.clone())
    }

    /// What `name` names: an entry of the index by its name, or anything by its digest.
    ///
    /// # Errors
    /// If nothing, or more than one image, has the name.
    pub fn resolve(&self, name: &str) -> Result<Descriptor, Error> {
        resolve(self, &self.index, name, &format!("archive `{}`", self.path.display()))
    }

    /// The image of this name or digest for the platform that this program runs on.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve) and [`Image::select`].
    pub fn image(&self, name: &str) -> Result<Image<'_>, Error> {
        self.image_for(name, &Platform::host())
    }

    /// The image of this name or digest for a platform.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve) and [`Image::select`].
    pub fn image_for(&self, name: &str, platform: &Platform) -> Result<Image<'_>, Error> {
        Image::select(self, &self.resolve(name)?, platform)
    }

    /// The manifests and indexes that refer to `subject`, of all that the index reaches.
    ///
    /// # Errors
    /// If a document is wrong.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        referrers(self, &self.index, subject)
    }

    /// Walks the graph below `root`.
    pub fn walk(&self, root: &Descriptor) -> Walk<'_, Self> {
        Walk::new(self, [root.clone()])
    }
}

impl BlobSource for Archive {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let digest = &blob.digest;
        let name = format!("blobs/{}/{}", digest.algorithm_name(), digest.encoded());
        let Some(span) = self.contents.find(&name)? else { return Ok(None) };
        let reader = SpanReader::new(&self.file, span);
        let verified = VerifyReader::new(reader, digest, blob.size).map_err(unverifiable)?;
        Ok(Some(Box::new(verified)))
    }
}

/// The archive's file, uncompressed, and what is where in it.
pub(crate) fn open_tar(path: &Path) -> Result<(File, Contents), Error> {
    let failed = |error| Error::io(format!("cannot open archive `{}`", path.display()), error);
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        let text = format!("archive `{}` is not a regular file", path.display());
        return Err(Error::new(ErrorKind::Invalid, text));
    }
    let file = spool::uncompressed(file).map_err(failed)?;
    let contents = Contents::read(&file).map_err(failed)?;
    Ok((file, contents))
}

/// A file of the archive of at most `limit` bytes.
pub(crate) fn member(
    path: &Path,
    file: &File,
    contents: &Contents,
    name: &str,
    limit: usize,
) -> Result<Vec<u8>, Error> {
    let about = |what: &str| format!("{what} `{name}` in archive `{}`", path.display());
    let span = contents
        .find(name)
        .map_err(|error| Error::io(about("cannot find"), error))?
        .ok_or_else(|| Error::new(ErrorKind::NotFound, about("there is no")))?;
    if span.size > limit as u64 {
        return Err(Error::new(ErrorKind::Invalid, about("there is too large a")));
    }
    let mut bytes = Vec::new();
    SpanReader::new(file, span)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io(about("cannot read"), error))?;
    Ok(bytes)
}

fn document<T: oci_image::Model>(
    path: &Path,
    file: &File,
    contents: &Contents,
    name: &str,
) -> Result<T, Error> {
    let bytes = member(path, file, contents, name, json::DOCUMENT_LIMIT)?;
    json::from_slice(&bytes).map_err(|error| {
        Error::invalid(format!("file `{name}` of archive `{}` is wrong", path.display()), error)
    })
}

/// Reads a part of a file, whatever others read of it meanwhile.
#[derive(Debug)]
pub(crate) struct SpanReader<'a> {
    file: &'a File,
    rest: Span,
}

impl<'a> SpanReader<'a> {
    pub(crate) fn new(file: &'a File, span: Span) -> Self {
        Self { file, rest: span }
    }
}

impl Read for SpanReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(usize::try_from(self.rest.size).unwrap_or(usize::MAX));
        let Some(buffer) = buffer.get_mut(..length).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let length = self.file.read_at(buffer, self.rest.offset)?;
        self.rest.offset += length as u64;
        self.rest.size -= length as u64;
        Ok(length)
    }
}
