//! Layouts and an archive to work on.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer};
use oci_image::{Descriptor, Digest, Index, LayoutFile, MediaType, Platform, json};
use oci_layout::{Durability, Layout, LayoutOptions};

/// How often an index is read by one process.
pub(crate) const REPEATS: u32 = 20;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const MANIFESTS: usize = 10_000;
const BLOBS: usize = 10_000;
const ARCHIVED: u64 = 2 << 30;

/// A directory with what the contestants work on.
pub(crate) struct Inputs {
    pub(crate) directory: PathBuf,
    /// The digest of the file `blob`.
    pub(crate) blob: Digest,
    mebibytes: u64,
}

impl Inputs {
    pub(crate) fn make(directory: &Path, mebibytes: u64) -> Self {
        fs::create_dir_all(directory).unwrap();
        let bytes = random(mebibytes << 20);
        fs::write(directory.join("blob"), &bytes).unwrap();
        let blob = Digest::sha256(&bytes);
        make_image(&relaxed(directory, "image"), bytes);
        make_many(&relaxed(directory, "many"));
        make_garbage(&relaxed(directory, "garbage"));
        make_archive(&directory.join("archive.tar"));
        Self { directory: directory.to_owned(), blob, mebibytes }
    }

    pub(crate) fn describe(&self) -> String {
        format!("{} MiB of random bytes", self.mebibytes)
    }
}

fn relaxed(directory: &Path, name: &str) -> Layout {
    let options = LayoutOptions::new().durability(Durability::Relaxed);
    options.create(directory.join(name)).unwrap()
}

fn random(bytes: u64) -> Vec<u8> {
    let mut random = Vec::new();
    File::open("/dev/urandom").unwrap().take(bytes).read_to_end(&mut random).unwrap();
    random
}

/// An image of six layers.
fn make_image(layout: &Layout, bytes: Vec<u8>) {
    let mut builder = Builder::new(&Platform::host());
    for layer in bytes.chunks(bytes.len().div_ceil(6)) {
        let descriptor = Descriptor::of(MediaType::LAYER_TAR, layer);
        layout.put(&descriptor, layer).unwrap();
        let diff_id = descriptor.digest.clone();
        builder = builder.layer(Layer::new(descriptor, diff_id));
    }
    layout.put_image(&builder.build().unwrap()).unwrap().tag("image").unwrap();
}

/// An index of 10,000 images, whose blobs are missing; ocidir opens no layout without any blob.
fn make_many(layout: &Layout) {
    layout.put(&Descriptor::of(MediaType::LAYER_TAR, b""), b"").unwrap();
    let entry = |number: usize| {
        let text = format!("manifest {number}");
        let mut manifest = Descriptor::of(MediaType::IMAGE_MANIFEST, text.as_bytes());
        manifest.platform = Some(Platform::host());
        manifest.annotations.insert(REF_NAME.into(), format!("tag{number}"));
        manifest
    };
    layout
        .edit_index(|index| {
            index.manifests = (0..MANIFESTS).map(entry).collect();
            Ok(())
        })
        .unwrap();
}

/// 10,000 blobs, of which images of ten layers need half.
fn make_garbage(layout: &Layout) {
    let put = |kind: &str, number: usize| {
        let text = format!("{kind} {number}").repeat(50);
        let blob = Descriptor::of(MediaType::LAYER_TAR, text.as_bytes());
        layout.put(&blob, text.as_bytes()).unwrap();
        Layer::new(blob.clone(), blob.digest)
    };
    for image in 0..BLOBS / 2 / 12 {
        let builder = Builder::new(&Platform::host());
        let layers = (0..10).map(|layer| put("needed", image * 10 + layer));
        let image_of_layers = layers.fold(builder, Builder::layer).build().unwrap();
        let stored = layout.put_image(&image_of_layers).unwrap();
        stored.tag(&format!("tag{image}")).unwrap();
    }
    for number in 0..BLOBS / 2 {
        put("garbage", number);
    }
}

/// An archive whose one layer is a hole in the file, which opening does not read.
fn make_archive(path: &Path) {
    let digest = Digest::sha256("not what is there");
    let layer = Descriptor::new(MediaType::LAYER_TAR, digest.clone(), ARCHIVED);
    let image = Builder::new(&Platform::host()).layer(Layer::new(layer.clone(), digest));
    let image = image.build().unwrap();
    let mut index = Index::new();
    let mut named = image.descriptor();
    named.annotations.insert(REF_NAME.into(), "large".into());
    index.manifests.push(named);
    let mut tar = tar::Builder::new(File::create(path).unwrap());
    let (config, manifest) = (image.config(), image.manifest());
    for (name, bytes) in [
        ("oci-layout".to_owned(), &*json::to_vec(&LayoutFile::new()).unwrap()),
        ("index.json".to_owned(), &*json::to_vec(&index).unwrap()),
        (blob_path(config.descriptor()), config.bytes()),
        (blob_path(manifest.descriptor()), manifest.bytes()),
    ] {
        tar.append_data(&mut header(bytes.len() as u64), name, bytes).unwrap();
    }
    let mut header = header(ARCHIVED);
    header.set_path(blob_path(&layer)).unwrap();
    header.set_cksum();
    let file = tar.get_mut();
    file.write_all(header.as_bytes()).unwrap();
    file.seek(SeekFrom::Current(ARCHIVED as i64)).unwrap();
    tar.finish().unwrap();
}

fn blob_path(blob: &Descriptor) -> String {
    blob.digest.blob_path()
}

fn header(size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(size);
    header
}
