//! A pull continues what an earlier one has kept, in another process too.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header;
use oci_distribution_client::transport::{Body, TransportError};
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository, Summary};
use oci_image::blob::{BlobSink, BlobSource, BlobSourceExt, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use oci_layout::Layout;

use crate::fake::{Fake, Seen, answer};
use crate::fixture::{blob, noise, quick};

const SIZE: usize = 300;

/// An image of one layer, and how a registry serves the layer.
struct Fixture {
    blobs: Arc<Memory>,
    manifest: Document<Manifest>,
    layer: Descriptor,
}

/// What is wrong with how the layer is served.
#[derive(Clone, Copy)]
enum Layer {
    Whole,
    /// The body ends after so many bytes.
    Cut(usize),
    /// The same, and the bytes are other ones.
    WrongAndCut(usize),
    /// A range that is asked for is ignored.
    IgnoresRange,
    /// Whatever range is asked for, the answer has this one.
    OtherRange(usize),
}

impl Fixture {
    fn new() -> Self {
        let blobs = Arc::new(Memory::new());
        let config = br#"{"architecture":"amd64","os":"linux"}"#;
        let mut manifest = Manifest::new(blob(&blobs, MediaType::IMAGE_CONFIG, config));
        let layer = blob(&blobs, MediaType::LAYER_TAR, &noise(1, SIZE));
        manifest.layers.push(layer.clone());
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        let manifest = Document::new(manifest).unwrap();
        Self { blobs, manifest, layer }
    }

    /// A new client of a registry.
    fn registry(&self, serves: Layer) -> (Fake, Repository) {
        let (blobs, layer, manifest) =
            (Arc::clone(&self.blobs), self.layer.clone(), self.manifest.clone());
        let fake = Fake::new(move |seen| {
            let path = seen.uri.path();
            if path.contains("/manifests/") {
                let media_type = [("content-type", manifest.descriptor().media_type.as_str())];
                return answer(200, &media_type, manifest.bytes().to_vec());
            }
            if !path.ends_with(layer.digest.as_str()) {
                return answer(200, &[], blobs.read(&manifest.config, 1000).unwrap());
            }
            let content = blobs.read(&layer, SIZE).unwrap();
            let first = match serves {
                Layer::IgnoresRange => 0,
                Layer::OtherRange(first) if range(seen).is_some() => first,
                _ => range(seen).unwrap_or(0),
            };
            let mut rest = content[first..].to_vec();
            let length = rest.len() as u64;
            match serves {
                Layer::Cut(bytes) => rest.truncate(bytes),
                Layer::WrongAndCut(bytes) => {
                    rest.truncate(bytes);
                    rest.iter_mut().for_each(|byte| *byte ^= 1);
                }
                Layer::Whole | Layer::IgnoresRange | Layer::OtherRange(_) => {}
            }
            let status = if range(seen).is_some() && first > 0 { 206 } else { 200 };
            let part = format!("bytes {first}-{}/{SIZE}", SIZE - 1);
            let mut response = answer(status, &[("content-range", part.as_str())], "");
            let pieces = [Ok::<_, TransportError>(Bytes::from(rest))];
            *response.body_mut() = Body::stream(futures_util::stream::iter(pieces), Some(length));
            response
        });
        let mut retry = quick();
        retry.attempts = 1;
        let config = Config::default().transport(fake.clone()).retry(retry);
        let repository = Client::new(config).unwrap().repository("registry.example/app").unwrap();
        (fake, repository)
    }

    async fn pull<S>(&self, serves: Layer, sink: &S) -> (Result<Summary, Error>, Vec<Option<usize>>)
    where
        S: BlobSink + Clone + Send + Sync + 'static,
    {
        let (fake, repository) = self.registry(serves);
        let pulled = repository.pull(self.manifest.descriptor(), sink).await;
        let seen = fake.seen();
        let layer = seen.iter().filter(|it| it.uri.path().ends_with(self.layer.digest.as_str()));
        (pulled, layer.map(range).collect())
    }

    fn is_whole(&self, store: &impl BlobSource) -> bool {
        store.read(&self.layer, SIZE).unwrap() == self.blobs.read(&self.layer, SIZE).unwrap()
    }
}

/// The first byte that is asked for, if not all are.
fn range(seen: &Seen) -> Option<usize> {
    let range = seen.headers.get(header::RANGE)?.to_str().unwrap();
    Some(range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap())
}

/// What a new process would have of the layout.
fn layout(directory: &Path) -> Layout {
    Layout::create(directory.join("layout")).unwrap()
}

// covers: DIST-PULL-11
#[tokio::test]
async fn a_pull_that_broke_off_anywhere_is_continued_and_asks_for_the_rest_alone() {
    let fixture = Fixture::new();
    for cut in 0..=SIZE {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        let (first, asked) = fixture.pull(Layer::Cut(cut), &layout(directory.path())).await;
        assert_eq!((first.is_ok(), asked), (cut == SIZE, vec![None]), "cut at {cut}");
        if cut == SIZE {
            continue;
        }
        assert!(layout(directory.path()).open(&fixture.layer).unwrap().is_none());
        let (second, asked) = fixture.pull(Layer::Whole, &layout(directory.path())).await;
        second.unwrap();
        let rest = if cut == 0 { None } else { Some(cut) };
        assert_eq!(asked, [rest], "cut at {cut}");
        assert!(fixture.is_whole(&layout(directory.path())), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_pull_is_continued_where_the_registry_ignores_ranges() {
    let (fixture, store) = (Fixture::new(), Arc::new(Memory::new()));
    fixture.pull(Layer::Cut(100), &store).await.0.unwrap_err();
    let (pulled, asked) = fixture.pull(Layer::IgnoresRange, &store).await;
    pulled.unwrap();
    assert_eq!(asked, [Some(100)]);
    assert!(fixture.is_whole(&store));
}

#[tokio::test]
async fn a_pull_is_continued_where_the_registry_sends_another_range() {
    for other in [101, 299] {
        let (fixture, store) = (Fixture::new(), Arc::new(Memory::new()));
        fixture.pull(Layer::Cut(100), &store).await.0.unwrap_err();
        let (pulled, asked) = fixture.pull(Layer::OtherRange(other), &store).await;
        pulled.unwrap();
        assert_eq!(asked, [Some(100), None]);
        assert!(fixture.is_whole(&store));
    }
}

#[tokio::test]
async fn what_was_kept_and_is_wrong_costs_one_more_request_and_no_failure() {
    let (fixture, store) = (Fixture::new(), Arc::new(Memory::new()));
    fixture.pull(Layer::WrongAndCut(100), &store).await.0.unwrap_err();
    let (pulled, asked) = fixture.pull(Layer::Whole, &store).await;
    pulled.unwrap();
    assert_eq!(asked, [Some(100), None]);
    assert!(fixture.is_whole(&store));
}

#[tokio::test]
async fn a_layer_that_was_received_whole_is_not_asked_for_again() {
    let (fixture, store) = (Fixture::new(), Arc::new(Memory::new()));
    let mut writer = store.resume(&fixture.layer).unwrap().unwrap();
    std::io::Write::write_all(&mut writer, &noise(1, SIZE)).unwrap();
    writer.keep().unwrap();
    let (pulled, asked) = fixture.pull(Layer::Whole, &store).await;
    pulled.unwrap();
    assert_eq!(asked, []);
    assert!(fixture.is_whole(&store));
}

/// A sink that says how often a manifest was hashed by it, and how often it was not.
#[derive(Clone, Default)]
struct Hashing(Arc<(Memory, AtomicUsize, AtomicUsize)>);

impl BlobSink for Hashing {
    fn create(
        &self,
        blob: &Descriptor,
    ) -> std::io::Result<Option<Box<dyn oci_image::blob::BlobWriter + '_>>> {
        if blob.media_type == MediaType::IMAGE_MANIFEST {
            self.0.1.fetch_add(1, Ordering::Relaxed);
        }
        self.0.0.create(blob)
    }

    fn put_verified(
        &self,
        blob: &Descriptor,
        content: oci_image::oci_digest::Verified<&[u8]>,
    ) -> std::io::Result<bool> {
        self.0.2.fetch_add(1, Ordering::Relaxed);
        self.0.0.put_verified(blob, content)
    }
}

#[tokio::test]
async fn a_manifest_is_not_hashed_by_the_sink_again() {
    let (fixture, sink) = (Fixture::new(), Hashing::default());
    fixture.pull(Layer::Whole, &sink).await.0.unwrap();
    let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
    assert_eq!((count(&sink.0.1), count(&sink.0.2)), (0, 1));
}

#[tokio::test]
async fn wrong_bytes_are_an_error_where_nothing_was_kept() {
    let (fixture, store) = (Fixture::new(), Arc::new(Memory::new()));
    let (pulled, asked) = fixture.pull(Layer::WrongAndCut(SIZE), &store).await;
    assert_eq!(pulled.unwrap_err().kind(), ErrorKind::Verification);
    assert_eq!(asked, [None]);
    let (pulled, asked) = fixture.pull(Layer::Whole, &store).await;
    pulled.unwrap();
    assert_eq!(asked, [None]);
}
