//! What `manifest.json` names, as images.

use std::collections::HashMap;
use std::io::{self, Read};

use oci_image::layer::{Codec, ReadError};
use oci_image::oci_digest::HashWriter;
use oci_image::{
    Algorithm, Config, Descriptor, Digest, Document, DocumentError, Manifest, MediaType, build,
    json,
};

use super::saved::{Saved, claimed_by_path, claimed_by_stem};
use crate::Error;
use crate::archive::contents::Span;
use crate::archive::tar_file::{TarFile, missing};

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    InPlace(Span),
    Made(Vec<u8>),
}

/// An image, and the blobs that it is made of.
pub(super) struct Found {
    pub(super) descriptor: Descriptor,
    pub(super) blobs: HashMap<Digest, Content>,
}

/// How many bytes of configs are read of an archive, one that several images name as often as they do: a
/// short `manifest.json` may name one large config many thousand times.
const CONFIGS_LIMIT: u64 = 64 << 20;

/// What was read for the images before.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How many bytes of configs.
    config_bytes: u64,
    /// The digests of layers that had to be computed, which images share.
    layers: HashMap<Span, Digest>,
}

impl Found {
    /// Looks for what one entry of `manifest.json` names.
    pub(super) fn read(tar: &TarFile, saved: &Saved, known: &mut Known) -> Result<Self, Error> {
        let mut blobs = HashMap::new();
        let config = config(tar, &saved.config, known)?;
        if config.rootfs.diff_ids.len() != saved.layers.len() {
            let (layers, diff_ids) = (saved.layers.len(), config.rootfs.diff_ids.len());
            let reason = format!("it has {layers} layers and {diff_ids} diff IDs");
            return Err(Error::invalid("cannot read the layers", reason));
        }
        let mut layers = Vec::new();
        for (name, diff_id) in saved.layers.iter().zip(&config.rootfs.diff_ids) {
            let (layer, span) = layer(tar, name, diff_id, known)
                .map_err(|error| Error::io(format!("cannot read layer `{name}`"), error))?;
            blobs.insert(layer.digest.clone(), Content::InPlace(span));
            layers.push(layer);
        }
        let about = "cannot make a manifest";
        let manifest = manifest(config.descriptor().clone(), layers)
            .map_err(|error| Error::invalid(about, error))?;
        let image =
            build::Image::new(manifest, config).map_err(|error| Error::invalid(about, error))?;
        for (blob, bytes) in [
            (image.config().descriptor(), image.config().bytes()),
            (image.manifest().descriptor(), image.manifest().bytes()),
        ] {
            blobs.insert(blob.digest.clone(), Content::Made(bytes.to_vec()));
        }
        Ok(Self { descriptor: image.descriptor(), blobs })
    }
}

/// The config of this name. If the name says a digest it is the one that counts.
fn config(tar: &TarFile, name: &str, known: &mut Known) -> Result<Document<Config>, Error> {
    if known.config_bytes >= CONFIGS_LIMIT {
        let reason = format!("the images before it have configs of {CONFIGS_LIMIT} bytes or more");
        return Err(Error::invalid(format!("cannot read config `{name}`"), reason));
    }
    let bytes = tar.read(name, json::DOCUMENT_LIMIT)?;
    known.config_bytes += bytes.len() as u64;
    let digest = claimed_by_path(name).or_else(|| claimed_by_stem(name));
    let digest = digest.unwrap_or_else(|| Digest::sha256(&bytes));
    let descriptor = Descriptor::new(MediaType::IMAGE_CONFIG, digest, bytes.len() as u64);
    Document::parse(bytes, &descriptor)
        .map_err(|error| Error::invalid(format!("cannot read config `{name}`"), error))
}

/// What names the layer in the file `name`: its digest is the diff ID if it is not compressed, else what
/// its path says, else what it is.
fn layer(
    tar: &TarFile,
    name: &str,
    diff_id: &Digest,
    known: &mut Known,
) -> io::Result<(Descriptor, Span)> {
    let span = tar.find(name)?.ok_or_else(missing)?;
    let mut start = Vec::with_capacity(Codec::START);
    tar.reader(span).take(Codec::START as u64).read_to_end(&mut start)?;
    let codec = Codec::detect(&start);
    let media_type = codec.media_type().ok_or(ReadError::Unsupported(codec))?;
    let digest = match (codec, claimed_by_path(name)) {
        (Codec::None, Some(claimed)) if claimed != *diff_id => {
            let text = format!("it is named `{claimed}`, its diff ID is `{diff_id}`");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        (Codec::None, _) => diff_id.clone(),
        (_, Some(claimed)) => claimed,
        (_, None) => match known.layers.get(&span) {
            Some(digest) => digest.clone(),
            None => {
                let mut hash = HashWriter::new(io::sink(), Algorithm::Sha256);
                io::copy(&mut tar.reader(span), &mut hash)?;
                known.layers.entry(span).or_insert(hash.finish().1).clone()
            }
        },
    };
    Ok((Descriptor::new(media_type, digest, span.size), span))
}

/// The manifest of an image that has none of its own.
pub(super) fn manifest(
    config: Descriptor,
    layers: Vec<Descriptor>,
) -> Result<Document<Manifest>, DocumentError> {
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers = layers;
    Document::new(manifest)
}
