//! Our side, run as a process of its own.

use std::path::Path;
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Repository};
use oci_image::blob::BlobSourceExt;
use oci_image::images::Images;
use oci_image::{Document, Manifest};
use oci_layout::{Durability, Layout, LayoutOptions};
use oci_rootfs::UnpackOptions;
use tokio::runtime::Runtime;

pub(crate) fn push(layout: &Path, host: &str) {
    let layout = Layout::open(layout).unwrap();
    let image = layout.resolve("v1").unwrap();
    block_on(async { repository(host).push(&layout, &image).tag("v1").await.unwrap() });
}

pub(crate) fn pull(host: &str, layout: &Path, durability: &str, parts: &str) {
    let durability = match durability {
        "synced" => Durability::Synced,
        _ => Durability::Relaxed,
    };
    let layout = Arc::new(LayoutOptions::new().durability(durability).create(layout).unwrap());
    block_on(async {
        let repository = repository(host);
        let image = repository.resolve("v1").await.unwrap();
        let parts = parts.parse().unwrap();
        repository.pull(&image, &layout).parts(parts).await.unwrap();
        layout.tag("v1", &image).unwrap();
    });
}

/// Copies the image to another repository of the same registry.
pub(crate) fn copy(host: &str) {
    let client = client(host);
    let [from, to] =
        ["image", "copy"].map(|name| client.repository(&format!("{host}/{name}")).unwrap());
    block_on(async {
        let image = from.resolve("v1").await.unwrap();
        from.copy_to(&to, &image).tag("v1").await.unwrap();
    });
}

/// Pulls the image straight to a root filesystem.
pub(crate) fn unpack(host: &str, root: &Path) {
    let runtime = runtime();
    let source = repository(host).blocking(runtime.handle().clone());
    let image = source.resolve("v1").unwrap();
    let bytes = source.read(&image, MANIFEST).unwrap();
    let manifest = Document::<Manifest>::parse(bytes, &image).unwrap();
    let source = source.ahead(manifest.layers.iter().cloned());
    oci_rootfs::unpack(&source, &manifest, root, &UnpackOptions::default()).unwrap();
}

/// The largest manifest, in bytes.
const MANIFEST: usize = 4 << 20;

fn repository(host: &str) -> Repository {
    client(host).repository(&format!("{host}/image")).unwrap()
}

fn client(host: &str) -> Client {
    Client::new(Config::default().plain_http(host)).unwrap()
}

fn block_on<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}
