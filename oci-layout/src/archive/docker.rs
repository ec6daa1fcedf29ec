//! Archives as `docker save` writes them.

mod images;
mod saved;
mod write;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use oci_image::annotations::REF_NAME;
use oci_image::blob::BlobSource;
use oci_image::images::Images;
use oci_image::oci_digest::VerifyReader;
use oci_image::{Descriptor, Digest, Index, MediaType, Reference, json};

use super::tar_file::TarFile;
use crate::Error;
use images::{Content, Found, Known};
use saved::Saved;

pub use write::{DockerArchiveWriter, DockerForm};

/// The file that names the images.
pub(super) const MANIFEST_FILE: &str = "manifest.json";

/// Images in a tar archive as `docker save` writes it, read in place: nothing is extracted.
///
/// What counts is `manifest.json`, in each [`DockerForm`]. The manifests are made from what it names, in
/// OCI's format ([`oci_image::docker`] converts them); where there is an image layout too,
/// [`Archive`](crate::Archive) reads the manifests that the images had.
///
/// Opening reads the headers, the configs and a few bytes of each layer; layers whose digest is not stated,
/// as they are compressed and their name does not have it, are read to their end, once. Of configs 64 MiB are
/// read; images after that cannot be read. A compressed archive is uncompressed once into an unnamed temporary file.
///
/// An image with something missing or wrong does not hide the others: it is not listed, and asking for it is an error.
#[derive(Debug)]
pub struct DockerArchive {
    tar: TarFile,
    blobs: HashMap<Digest, Content>,
    index: Index,
    broken: Vec<Broken>,
}

/// An image that cannot be read.
#[derive(Debug)]
struct Broken {
    tags: Vec<String>,
    /// What cannot be done.
    message: String,
    /// It is an error each time that the image is asked for.
    cause: Arc<Error>,
}

impl DockerArchive {
    /// Opens the archive at `path`: tar, as it is or compressed by gzip, zstd or xz, as the features are.
    ///
    /// # Errors
    /// If it is not a tar archive with one reading, holds no `manifest.json`, or if none of the images
    /// that it names can be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let tar = TarFile::open(path.as_ref())?;
        let bytes = tar.read(MANIFEST_FILE, json::DOCUMENT_LIMIT)?;
        let saved: Vec<Saved> = json::from_slice(&bytes).map_err(|error| {
            Error::invalid(format!("cannot read `{MANIFEST_FILE}` in {}", tar.place()), error)
        })?;
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        let mut archive = Self { tar, blobs: HashMap::new(), index, broken: Vec::new() };
        let mut known = Known::default();
        for image in saved {
            archive.take(image, &mut known);
        }
        match archive.broken.first() {
            Some(first) if archive.index.manifests.is_empty() => Err(first.to_error()),
            _ => Ok(archive),
        }
    }

    /// Why the images that are not listed cannot be read, one error for each.
    pub fn unreadable(&self) -> impl Iterator<Item = Error> {
        self.broken.iter().map(Broken::to_error)
    }

    /// The tag that means the same as `name`, the very same if there is one.
    fn same(&self, name: &str) -> Option<&str> {
        let listed = self.index.manifests.iter().filter_map(|it| it.annotations.get(REF_NAME));
        let mut tags = listed.chain(self.broken.iter().flat_map(|broken| &broken.tags));
        if let Some(tag) = tags.clone().find(|tag| *tag == name) {
            return Some(tag);
        }
        let name = whole(name)?;
        tags.find(|tag| whole(tag).is_some_and(|tag| tag == name)).map(String::as_str)
    }

    /// Takes in what one entry of `manifest.json` names.
    fn take(&mut self, saved: Saved, known: &mut Known) {
        match Found::read(&self.tar, &saved, known) {
            Ok(found) => {
                let unnamed = saved.tags.is_empty().then(|| found.descriptor.clone());
                let named = saved.tags.into_iter().map(|tag| {
                    let mut descriptor = found.descriptor.clone();
                    descriptor.annotations.insert(REF_NAME.into(), tag);
                    descriptor
                });
                self.index.manifests.extend(named.chain(unnamed));
                for (digest, content) in found.blobs {
                    self.blobs.entry(digest).or_insert(content);
                }
            }
            Err(error) => {
                let name = saved.tags.first().unwrap_or(&saved.config);
                let message = format!("cannot read image `{name}` in {}", self.tar.place());
                self.broken.push(Broken { tags: saved.tags, message, cause: Arc::new(error) });
            }
        }
    }
}

impl Broken {
    fn to_error(&self) -> Error {
        Error::because(self.cause.kind(), &*self.message, Arc::clone(&self.cause))
    }
}

/// What Docker means by a name.
fn whole(name: &str) -> Option<Reference> {
    name.parse().ok().map(Reference::or_latest)
}

/// The images, once for each of the tags by which they were saved, as an index of a layout would list
/// them. A name means the image whose tag it is in `manifest.json`, or whose tag means the same to Docker,
/// where `debian` is `docker.io/library/debian:latest`. It is an error if that image cannot be read.
impl Images for DockerArchive {
    fn index(&self) -> io::Result<Cow<'_, Index>> {
        Ok(Cow::Borrowed(&self.index))
    }

    fn place(&self) -> String {
        self.tar.place()
    }

    fn named(&self, name: &str) -> io::Result<Vec<Descriptor>> {
        let same = self.same(name).unwrap_or(name);
        let has_name = |broken: &&Broken| broken.tags.iter().any(|tag| tag == same);
        match self.broken.iter().find(has_name) {
            Some(broken) => Err(broken.to_error().into()),
            None => Ok(self.index.named(same).cloned().collect()),
        }
    }
}

impl BlobSource for DockerArchive {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let content: Box<dyn Read + Send + '_> = match self.blobs.get(&blob.digest) {
            None => return Ok(None),
            Some(Content::InPlace(span)) => Box::new(self.tar.reader(*span)),
            Some(Content::Made(bytes)) => Box::new(Cursor::new(bytes)),
        };
        let verified = VerifyReader::new(content, &blob.digest, blob.size)?;
        Ok(Some(Box::new(verified)))
    }
}
