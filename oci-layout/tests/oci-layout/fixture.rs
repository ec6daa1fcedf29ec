//! Layouts and images to test with.

use std::collections::BTreeMap;
use std::io;

use oci_image::blob::{BlobSinkExt, BlobSource, BlobSourceExt};
use oci_image::images::Images;
use oci_image::{
    Config, Descriptor, Digest, Document, Index, Level, Manifest, MediaType, Platform, RootFs,
};
use oci_layout::{Fault, Layout};
use tempfile::TempDir;

pub(crate) use oci_testing::directory;

/// An empty layout in a directory of its own.
pub(crate) fn empty() -> (TempDir, Layout) {
    let directory = directory();
    let layout = Layout::create(directory.path().join("layout")).unwrap();
    (directory, layout)
}

/// Stores some text as a blob of no known type.
pub(crate) fn put(layout: &Layout, text: &str) -> Descriptor {
    let descriptor = Descriptor::of("application/x-test".into(), text);
    layout.put(&descriptor, text.as_bytes()).unwrap();
    descriptor
}

/// Stores a document.
pub(crate) fn put_document<T: oci_image::Model>(layout: &Layout, value: T) -> Descriptor {
    let document = Document::new(value).unwrap();
    layout.put(document.descriptor(), document.bytes()).unwrap();
    document.descriptor().clone()
}

/// The manifest of an image of one layer, which is `content` and not a tar archive.
pub(crate) fn manifest(layout: &Layout, content: &str, platform: &Platform) -> Manifest {
    let layer = Descriptor::of(MediaType::LAYER_TAR, content);
    layout.put(&layer, content.as_bytes()).unwrap();
    let mut rootfs = RootFs::new();
    rootfs.diff_ids.push(layer.digest.clone());
    let mut config = Config::new(platform.architecture.clone(), platform.os.clone(), rootfs);
    config.variant.clone_from(&platform.variant);
    let mut manifest = Manifest::new(put_document(layout, config));
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.layers.push(layer);
    manifest
}

/// Stores an image of one layer.
pub(crate) fn image(layout: &Layout, content: &str) -> Descriptor {
    image_for(layout, content, &Platform::host())
}

/// Stores an image of one layer for a platform.
pub(crate) fn image_for(layout: &Layout, content: &str, platform: &Platform) -> Descriptor {
    let manifest = manifest(layout, content, platform);
    put_document(layout, manifest)
}

/// Stores an index of these manifests.
pub(crate) fn index_of(layout: &Layout, manifests: Vec<Descriptor>) -> Descriptor {
    let mut index = Index::new();
    index.media_type = Some(MediaType::IMAGE_INDEX);
    index.manifests = manifests;
    put_document(layout, index)
}

pub(crate) fn platform(architecture: &str, os: &str, variant: Option<&str>) -> Platform {
    let mut platform = Platform::new(architecture.into(), os.into());
    platform.variant = variant.map(Into::into);
    platform
}

/// What each name means.
pub(crate) fn names(layout: &Layout) -> BTreeMap<String, Digest> {
    let entries = layout.list().unwrap().into_iter();
    entries.map(|entry| (entry.name.unwrap(), entry.descriptor.digest)).collect()
}

/// Reads all that `image` reaches; all of it must be there and right.
pub(crate) fn read_whole(layout: &Layout, image: &Descriptor) {
    for node in layout.walk(image) {
        let blob = node.unwrap().descriptor;
        let mut reader = layout.open(&blob).unwrap().expect("a blob of a named image is there");
        io::copy(&mut reader, &mut io::sink()).unwrap();
    }
}

/// Checks that nothing of the layout is broken, whatever it may hold besides.
pub(crate) fn sound(layout: &Layout) {
    let faults = layout.fsck().unwrap();
    let broken = |fault: &Fault| fault.kind.level() == Level::Error;
    assert!(!faults.iter().any(broken), "{faults:?}");
}
