//! Archives as `docker save` writes them.

mod saved;
mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use oci_image::blob::BlobSource;
use oci_image::layer::Codec;
use oci_image::oci_digest::{HashWriter, VerifyReader};
use oci_image::{
    Algorithm, Config, Descriptor, Digest, Document, DocumentError, Index, Manifest, MediaType,
    Platform, Reference, build, json,
};

use super::{Contents, Span, SpanReader, member, open_tar};
use crate::blob::unverifiable;
use crate::index::{self, Entry, REF_NAME};
use crate::resolve::resolve;
use crate::{Error, Image};
use saved::{Saved, claimed_by_path, claimed_by_stem};

pub use write::{DockerArchiveWriter, DockerForm};

/// Images in a tar archive as `docker save` writes it, read in place: nothing is extracted.
///
/// What counts is `manifest.json`, in each [`DockerForm`]. The manifests are made from what it names, in
/// OCI's format ([`oci_image::docker`] converts them); where there is an image layout besides,
/// [`Archive`](crate::Archive) reads the manifests that the images had.
///
/// Opening reads the headers, the configs and four bytes of each layer; layers whose digest nothing says,
/// because they are compressed and have any name, are read through. A compressed archive is uncompressed
/// once into an unnamed temporary file.
#[derive(Debug)]
pub struct DockerArchive {
    path: PathBuf,
    file: File,
    blobs: HashMap<Digest, Content>,
    index: Index,
}

#[derive(Clone, Debug)]
enum Content {
    InPlace(Span),
    Made(Vec<u8>),
}

impl DockerArchive {
    /// Opens the archive at `path`: tar, as it is or compressed by gzip or zstd.
    ///
    /// # Errors
    /// If it is no tar archive with one reading, holds no `manifest.json`, or if what that says does not
    /// fit what is there.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let (file, contents) = open_tar(path)?;
        let bytes = member(path, &file, &contents, "manifest.json", json::DOCUMENT_LIMIT)?;
        let saved: Vec<Saved> = json::from_slice(&bytes).map_err(|error| {
            let text = format!("file `manifest.json` of archive `{}` is wrong", path.display());
            Error::invalid(text, error)
        })?;
        let mut index = Index::new();
        index.media_type = Some(MediaType::IMAGE_INDEX);
        let mut archive = Self { path: path.to_owned(), file, blobs: HashMap::new(), index };
        for image in &saved {
            archive.take(&contents, image)?;
        }
        Ok(archive)
    }

    /// The images and the tags by which they were saved, as an index of a layout would list them.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The images, once for each of the tags by which they were saved.
    pub fn list(&self) -> Vec<Entry> {
        index::entries(self.index.clone())
    }

    /// What `name` names: an image by a tag as it stands in `manifest.json`, or by one that means the
    /// same to Docker, where `debian` is `docker.io/library/debian:latest`; or anything by its digest.
    ///
    /// # Errors
    /// If nothing, or more than one image, has the name.
    pub fn resolve(&self, name: &str) -> Result<Descriptor, Error> {
        let tag = self.index.manifests.iter().filter_map(|entry| entry.annotations.get(REF_NAME));
        let is_there = tag.clone().any(|tag| tag == name);
        let same = whole(name).filter(|_| !is_there).and_then(|whole_name| {
            tag.clone().find(|tag| whole(tag).is_some_and(|tag| tag == whole_name))
        });
        resolve(self, &self.index, same.map_or(name, String::as_str), &self.place())
    }

    /// The image of this name or digest.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn image(&self, name: &str) -> Result<Image<'_>, Error> {
        Image::select(self, &self.resolve(name)?, &Platform::host())
    }

    fn place(&self) -> String {
        format!("archive `{}`", self.path.display())
    }

    fn wrong(
        &self,
        name: &str,
        what: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::invalid(format!("`{name}` in {} is wrong", self.place()), what)
    }

    /// Takes in what one entry of `manifest.json` names.
    fn take(&mut self, contents: &Contents, saved: &Saved) -> Result<(), Error> {
        let config = self.config(contents, &saved.config)?;
        if config.rootfs.diff_ids.len() != saved.layers.len() {
            let (layers, diff_ids) = (saved.layers.len(), config.rootfs.diff_ids.len());
            return Err(self.wrong(
                "manifest.json",
                format!("an image has {layers} layers and {diff_ids} diff IDs"),
            ));
        }
        let layers = saved.layers.iter().zip(&config.rootfs.diff_ids);
        let layers = layers.map(|(name, diff_id)| self.layer(contents, name, diff_id));
        let layers = layers.collect::<Result<_, _>>()?;
        let manifest = manifest(config.descriptor().clone(), layers)
            .map_err(|error| self.wrong("manifest.json", error))?;
        let made = Content::Made(manifest.bytes().to_vec());
        self.blobs.insert(manifest.descriptor().digest.clone(), made);
        let image = build::Image::new(manifest, config)
            .map_err(|error| self.wrong("manifest.json", error))?;
        let unnamed = saved.tags.is_empty().then(|| image.descriptor());
        let named = saved.tags.iter().map(|tag| {
            let mut descriptor = image.descriptor();
            descriptor.annotations.insert(REF_NAME.into(), tag.clone());
            descriptor
        });
        self.index.manifests.extend(named.chain(unnamed));
        Ok(())
    }

    /// The config of this name. If the name says a digest it is the one that counts.
    fn config(&mut self, contents: &Contents, name: &str) -> Result<Document<Config>, Error> {
        let bytes = member(&self.path, &self.file, contents, name, json::DOCUMENT_LIMIT)?;
        let digest = claimed_by_path(name).or_else(|| claimed_by_stem(name));
        let digest = digest.unwrap_or_else(|| Digest::sha256(&bytes));
        let descriptor = Descriptor::new(MediaType::IMAGE_CONFIG, digest, bytes.len() as u64);
        self.blobs.insert(descriptor.digest.clone(), Content::Made(bytes.clone()));
        Document::parse(bytes, &descriptor).map_err(|error| self.wrong(name, error))
    }

    /// What names the layer in the file `name`.
    fn layer(
        &mut self,
        contents: &Contents,
        name: &str,
        diff_id: &Digest,
    ) -> Result<Descriptor, Error> {
        let span = contents
            .find(name)
            .and_then(|span| span.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .map_err(|error| {
                Error::io(format!("cannot find `{name}` in {}", self.place()), error)
            })?;
        let (codec, digest) =
            self.identify(span, claimed_by_path(name), diff_id).map_err(|error| {
                Error::io(format!("cannot read `{name}` in {}", self.place()), error)
            })?;
        self.blobs.entry(digest.clone()).or_insert(Content::InPlace(span));
        Ok(Descriptor::new(codec.media_type(), digest, span.size))
    }

    /// The compression of a layer and its digest: its diff ID if it has none, else what its path says,
    /// else what it is.
    fn identify(
        &self,
        span: Span,
        claimed: Option<Digest>,
        diff_id: &Digest,
    ) -> io::Result<(Codec, Digest)> {
        let mut start = [0; 4];
        let length = start.len().min(usize::try_from(span.size).unwrap_or(usize::MAX));
        let start = start.get_mut(..length).unwrap_or_default();
        self.file.read_exact_at(start, span.offset)?;
        let codec = Codec::detect(start);
        match (codec, claimed) {
            (Codec::None, Some(claimed)) if claimed != *diff_id => {
                let text = format!("it is named `{claimed}`, its diff ID is `{diff_id}`");
                Err(io::Error::new(io::ErrorKind::InvalidData, text))
            }
            (Codec::None, _) => Ok((codec, diff_id.clone())),
            (_, Some(claimed)) => Ok((codec, claimed)),
            (_, None) => {
                let mut hash = HashWriter::new(io::sink(), Algorithm::Sha256);
                io::copy(&mut SpanReader::new(&self.file, span), &mut hash)?;
                Ok((codec, hash.finish().1))
            }
        }
    }
}

/// What Docker means by a name.
fn whole(name: &str) -> Option<Reference> {
    let reference: Reference = name.parse().ok()?;
    match (reference.tag(), reference.digest()) {
        (None, None) => reference.with_tag("latest").ok(),
        _ => Some(reference),
    }
}

/// The manifest of an image that has none of its own.
fn manifest(
    config: Descriptor,
    layers: Vec<Descriptor>,
) -> Result<Document<Manifest>, DocumentError> {
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers = layers;
    Document::new(manifest)
}

impl BlobSource for DockerArchive {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        let content: Box<dyn Read + Send + '_> = match self.blobs.get(&blob.digest) {
            None => return Ok(None),
            Some(Content::InPlace(span)) => Box::new(SpanReader::new(&self.file, *span)),
            Some(Content::Made(bytes)) => Box::new(Cursor::new(bytes)),
        };
        let verified = VerifyReader::new(content, &blob.digest, blob.size).map_err(unverifiable)?;
        Ok(Some(Box::new(verified)))
    }
}
