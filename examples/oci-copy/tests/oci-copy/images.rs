use std::path::{Path, PathBuf};

use oci_image::blob::BlobSinkExt;
use oci_image::build::{Builder, Layer, assemble};
use oci_image::images::Images;
use oci_image::{AnyDocument, Descriptor, Digest, MediaType, Platform};
use oci_layout::Layout;
use tempfile::TempDir;

/// A directory with a layout whose tag `v1` is an index of two images, one of them for this machine.
pub(crate) struct Field {
    directory: TempDir,
    pub(crate) index: Digest,
    pub(crate) host: Digest,
}

impl Field {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::create(directory.path().join("layout")).unwrap();
        let other = Platform::new("s390x".into(), "linux".into());
        let [host, other] = [Platform::host(), other].map(|platform| image(&layout, &platform));
        let index = assemble([other, host.clone()]).unwrap();
        let index = layout.put_document(&AnyDocument::Index(index)).unwrap().tag("v1").unwrap();
        Self { directory, index: index.digest, host: host.digest }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The name of an image of the transport in this directory.
    pub(crate) fn name(&self, transport: &str, file: &str) -> String {
        format!("{transport}:{}", self.path(file).display())
    }
}

fn image(layout: &Layout, platform: &Platform) -> Descriptor {
    let mut tar = vec![0; 1024];
    tar.extend(platform.architecture.as_str().bytes());
    let layer = Descriptor::of(MediaType::LAYER_TAR, &tar);
    layout.put(&layer, &tar).unwrap();
    let image = Builder::new(platform).layer(Layer::new(layer, Digest::sha256(&tar)));
    layout.put_image(&image.build().unwrap()).unwrap().add().unwrap()
}

/// The digest that `tag` has in a layout, all of whose blobs are right.
pub(crate) fn tagged(layout: &Path, tag: &str) -> Digest {
    let layout = Layout::open(layout).unwrap();
    assert_eq!(layout.fsck().unwrap(), []);
    layout.resolve(tag).unwrap().digest
}
