use std::sync::Arc;
use std::time::Duration;

use oci_distribution_client::{Client, Config, Repository, Retry};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::{Descriptor, Document, Index, Manifest, MediaType, Platform};
use oci_registry::{Serve, Server, Store};

pub(crate) use oci_testing::chain;

/// An index of two images that share a layer.
pub(crate) struct Fixture {
    pub(crate) blobs: Arc<Memory>,
    pub(crate) index: Document<Index>,
    pub(crate) amd64: Document<Manifest>,
    pub(crate) layers: Vec<Descriptor>,
}

/// Bytes that do not repeat.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn blob(blobs: &Memory, media_type: MediaType, bytes: &[u8]) -> Descriptor {
    let descriptor = Descriptor::of(media_type, bytes);
    blobs.put(&descriptor, bytes).unwrap();
    descriptor
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let blobs = Arc::new(Memory::new());
        let layers: Vec<_> = [(1, 0), (2, 1), (3, 200_000), (4, 3_000_000)]
            .into_iter()
            .map(|(seed, length)| blob(&blobs, MediaType::LAYER_TAR, &noise(seed, length)))
            .collect();
        let image = |architecture: &str, layers: &[Descriptor]| {
            let config = format!(r#"{{"architecture":"{architecture}","os":"linux"}}"#);
            let config = blob(&blobs, MediaType::IMAGE_CONFIG, config.as_bytes());
            let mut manifest = Manifest::new(config);
            manifest.layers = layers.to_vec();
            manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
            let manifest = Document::new(manifest).unwrap();
            blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
            manifest
        };
        let amd64 = image("amd64", &layers);
        let arm64 = image("arm64", &layers[..3]);
        let entry = |manifest: &Document<Manifest>, architecture: &str| {
            let mut entry = manifest.descriptor().clone();
            entry.platform = Some(Platform::new(architecture.into(), "linux".into()));
            entry
        };
        let mut index = Index::new();
        index.manifests = vec![entry(&amd64, "amd64"), entry(&arm64, "arm64")];
        index.media_type = Some(MediaType::IMAGE_INDEX);
        let index = Document::new(index).unwrap();
        blobs.put(index.descriptor(), index.bytes()).unwrap();
        Self { blobs, index, amd64, layers }
    }
}

pub(crate) async fn start(serve: Serve) -> Server {
    serve.bind("127.0.0.1:0").await.unwrap()
}

pub(crate) async fn registry() -> Server {
    start(oci_registry::serve(Store::memory())).await
}

/// Retries that do not make a test wait.
pub(crate) fn quick() -> Retry {
    let mut retry = Retry::default();
    retry.first_wait = Duration::from_millis(1);
    retry.longest_wait = Duration::from_millis(2);
    retry
}

pub(crate) fn config(registry: &Server) -> Config {
    Config::default().plain_http(registry.address().to_string()).retry(quick())
}

pub(crate) fn repository(registry: &Server, name: &str) -> Repository {
    let client = Client::new(config(registry)).unwrap();
    client.repository(&format!("{}/{name}", registry.address())).unwrap()
}

/// An artifact of the type `kind` that refers to `subject`.
pub(crate) fn referrer(
    blobs: &Memory,
    subject: &Descriptor,
    kind: &'static str,
) -> Document<Manifest> {
    let config = blob(blobs, MediaType::EMPTY_JSON, b"{}");
    let mut manifest = Manifest::new(config);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some(MediaType::from(kind));
    manifest.subject = Some(subject.clone());
    manifest.annotations.insert("org.example.kind".to_owned(), kind.to_owned());
    let manifest = Document::new(manifest).unwrap();
    blob(blobs, MediaType::IMAGE_MANIFEST, manifest.bytes());
    manifest
}
