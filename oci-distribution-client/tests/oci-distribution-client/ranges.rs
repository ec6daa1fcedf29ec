//! Large blobs are pulled in parts over several connections, and are right or not there.

use std::collections::BTreeSet;
use std::future::IntoFuture;
use std::io;
use std::sync::Arc;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind, Limits, Repository};
use oci_image::blob::{BlobSink, BlobSinkExt, BlobSourceExt, BlobWriter, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use oci_layout::Layout;
use oci_registry::{Fault, Registry, Store};

use crate::fixture::{blob, noise, quick};
use crate::local::Local;

const SIZE: usize = 3_000;
const PART: u64 = 300;

/// An image with one large layer, in a registry.
struct Fixture {
    registry: Registry,
    manifest: Document<Manifest>,
    layer: Descriptor,
}

impl Fixture {
    async fn new() -> Self {
        let registry = oci_registry::serve(Store::memory()).registry();
        let blobs = Arc::new(Memory::new());
        let config =
            blob(&blobs, MediaType::IMAGE_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#);
        let mut manifest = Manifest::new(config);
        let layer = blob(&blobs, MediaType::LAYER_TAR, &noise(1, SIZE));
        manifest.layers.push(layer.clone());
        manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
        let manifest = Document::new(manifest).unwrap();
        blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
        let fixture = Self { registry, manifest, layer };
        let (_, repository) = fixture.client(|_| {});
        repository.push(&blobs, fixture.manifest.descriptor()).await.unwrap();
        fixture
    }

    fn client(&self, set: impl Fn(&mut Limits)) -> (Local, Repository) {
        let local = Local::new(&self.registry);
        let mut limits = Limits::default();
        (limits.large, limits.part) = (1_000, PART);
        set(&mut limits);
        let config = Config::default().transport(local.clone()).limits(limits).retry(quick());
        let client = Client::new(config).unwrap();
        (local, client.repository("registry.example/app").unwrap())
    }

    fn is_whole(&self, store: &Memory) -> bool {
        store.read(&self.layer, SIZE).is_ok_and(|bytes| bytes == noise(1, SIZE))
    }

    /// The ranges of the layer that were asked for, in order.
    fn asked(&self, local: &Local) -> Vec<String> {
        let seen = local.seen().into_iter();
        let layer = seen.filter(|seen| seen.path.ends_with(self.layer.digest.as_str()));
        layer.map(|seen| seen.range.unwrap_or_else(|| "all".to_owned())).collect()
    }
}

fn all_parts() -> BTreeSet<String> {
    let starts = (0..SIZE as u64).step_by(PART as usize);
    starts.map(|start| format!("bytes={start}-{}", range_end(start))).collect()
}

/// The last byte of a part, which is not named where the blob ends.
fn range_end(start: u64) -> String {
    let end = start + PART;
    if end == SIZE as u64 { String::new() } else { (end - 1).to_string() }
}

/// A sink that takes bytes in order alone.
#[derive(Clone, Default)]
pub(crate) struct InOrder(pub(crate) Arc<Memory>);

struct OrderedWriter<'a>(Box<dyn BlobWriter + 'a>);

impl BlobSink for InOrder {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        let writer = self.0.create(blob)?;
        Ok(writer.map(|writer| Box::new(OrderedWriter(writer)) as Box<dyn BlobWriter>))
    }
}

impl io::Write for OrderedWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl BlobWriter for OrderedWriter<'_> {
    fn commit(self: Box<Self>) -> io::Result<()> {
        self.0.commit()
    }
}

// covers: DIST-PULL-11
#[tokio::test]
async fn a_large_blob_is_pulled_in_parts_into_any_sink() {
    let fixture = Fixture::new().await;
    let image = fixture.manifest.descriptor();
    let whole = noise(1, SIZE);

    let (local, repository) = fixture.client(|_| {});
    let memory = Arc::new(Memory::new());
    repository.pull(image, &memory).await.unwrap();
    assert_eq!(memory.read(&fixture.layer, SIZE).unwrap(), whole);
    let asked = fixture.asked(&local);
    assert_eq!((asked.len(), asked.into_iter().collect::<BTreeSet<_>>()), (10, all_parts()));

    let (local, repository) = fixture.client(|_| {});
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let layout = Layout::create(directory.path().join("layout")).unwrap();
    repository.pull(image, &layout).parts(3).await.unwrap();
    assert_eq!(layout.read(&fixture.layer, SIZE).unwrap(), whole);
    assert_eq!(fixture.asked(&local).len(), 10);

    let (local, repository) = fixture.client(|limits| limits.window = 400);
    let sink = InOrder::default();
    repository.pull(image, &sink).await.unwrap();
    assert_eq!(sink.0.read(&fixture.layer, SIZE).unwrap(), whole);
    // Four parts fit into the window together.
    assert_eq!(fixture.asked(&local).len(), SIZE / 100);

    let (local, repository) = fixture.client(|_| {});
    repository.pull(image, &Arc::new(Memory::new())).parts(1).await.unwrap();
    assert_eq!(fixture.asked(&local), ["all"]);

    let (local, repository) = fixture.client(|limits| limits.large = SIZE as u64 + 1);
    repository.pull(image, &Arc::new(Memory::new())).await.unwrap();
    assert_eq!(fixture.asked(&local), ["all"]);
}

#[tokio::test]
async fn there_are_no_more_connections_than_the_limit_over_all_pulls() {
    let fixture = Fixture::new().await;
    for limit in [1, 2] {
        let (local, repository) = fixture.client(|limits| limits.connections = limit);
        let (one, other) = (Arc::new(Memory::new()), Arc::new(Memory::new()));
        let (image, again) = (fixture.manifest.descriptor(), repository.clone());
        tokio::try_join!(
            repository.pull(image, &one).parts(8).into_future(),
            again.pull(image, &other).parts(8).into_future()
        )
        .unwrap();
        assert!(fixture.is_whole(&one) && fixture.is_whole(&other));
        assert_eq!(local.most_bodies(fixture.layer.digest.as_str()), limit);
    }
}

#[tokio::test]
async fn parts_that_are_wrong_give_the_right_blob_or_an_error() {
    let fixture = Fixture::new().await;
    let path = format!("/blobs/{}", fixture.layer.digest);
    let path = path.as_str();
    let other_part = Fault::set_header(path, "content-range", "bytes 5-9/3000");
    let other_size = Fault::set_header(path, "content-range", "bytes 0-299/2999");
    let status = |status| Fault::status(path, status);
    let table: Vec<(&str, Fault, Result<(), ErrorKind>)> = vec![
        ("the whole", Fault::ignore_range(path), Ok(())),
        ("the whole later", Fault::ignore_range(path).after(3), Ok(())),
        ("from the beginning", Fault::wrong_range(path).after(1), Ok(())),
        ("another part once", other_part.clone().after(2).times(1), Ok(())),
        ("always another part", other_part.after(1), Ok(())),
        ("another size", other_size.times(1), Ok(())),
        ("another tag", Fault::set_header(path, "etag", "\"other\"").after(1), Ok(())),
        ("cut", Fault::cut_body(path, 100).times(4), Ok(())),
        ("shorter than it says", Fault::truncate_body(path, 100).after(1).times(1), Ok(())),
        ("longer than it says", Fault::extend_body(path, "more").after(1).times(1), Ok(())),
        ("wrong bytes once", Fault::wrong_bytes(path).after(4).times(1), Ok(())),
        ("wrong bytes", Fault::wrong_bytes(path), Err(ErrorKind::Verification)),
        ("refused ranges", status(StatusCode::RANGE_NOT_SATISFIABLE).after(1).times(1), Ok(())),
        ("unavailable", status(StatusCode::SERVICE_UNAVAILABLE).after(2).times(3), Ok(())),
        ("gone", status(StatusCode::NOT_FOUND).after(2), Err(ErrorKind::NotFound)),
    ];
    for (name, fault, expected) in table {
        for ordered in [false, true] {
            fixture.registry.clear_faults();
            fixture.registry.add_faults(fault.clone().method(Method::GET));
            let (_, repository) = fixture.client(|_| {});
            let sink = InOrder::default();
            let image = fixture.manifest.descriptor();
            let pulled = match ordered {
                true => repository.pull(image, &sink).await,
                false => repository.pull(image, &sink.0).await,
            };
            let pulled = pulled.map(drop).map_err(|error| error.kind());
            assert_eq!(pulled, expected, "{name}, in order: {ordered}");
            assert_eq!(fixture.is_whole(&sink.0), expected.is_ok(), "{name}, in order: {ordered}");
        }
    }
}

#[tokio::test]
async fn a_pull_in_parts_that_broke_off_is_continued_with_what_is_missing() {
    let fixture = Fixture::new().await;
    let path = format!("/blobs/{}", fixture.layer.digest);
    fixture.registry.add_faults(Fault::status(path, StatusCode::FORBIDDEN).after(5).times(1));
    let (store, image) = (Arc::new(Memory::new()), fixture.manifest.descriptor());
    let (_, repository) = fixture.client(|_| {});
    repository.pull(image, &store).await.unwrap_err();

    let writer = store.resume(&fixture.layer).unwrap().unwrap();
    let missing = writer.parts().unwrap().missing();
    writer.keep().unwrap();
    let missing: u64 = missing.iter().map(|range| range.end - range.start).sum();
    assert!((PART..SIZE as u64).contains(&missing), "{missing}");
    // What is resumed over one connection leaves out what there is, too.
    let (local, repository) = fixture.client(|_| {});
    repository.pull(image, &store).parts(1).await.unwrap();
    assert!(fixture.is_whole(&store));
    assert_eq!(local.bytes(fixture.layer.digest.as_str()), missing);
}

#[tokio::test]
async fn what_is_between_gaps_is_not_written_again_by_the_whole() {
    let fixture = Fixture::new().await;
    let path = format!("/blobs/{}", fixture.layer.digest);
    fixture.registry.add_faults(Fault::ignore_range(path));
    let whole = noise(1, SIZE);
    for connections in [1, 3] {
        let store = Arc::new(Memory::new());
        let writer = store.create(&fixture.layer).unwrap().unwrap();
        for held in [600..900, 1_500..1_501] {
            writer.parts().unwrap().write_at(held.start as u64, &whole[held]).unwrap();
        }
        writer.keep().unwrap();
        let (local, repository) = fixture.client(|_| {});
        repository.pull(fixture.manifest.descriptor(), &store).parts(connections).await.unwrap();
        assert!(fixture.is_whole(&store));
        assert_eq!(fixture.asked(&local).len(), 1);
    }
}
