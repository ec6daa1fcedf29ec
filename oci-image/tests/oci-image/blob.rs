use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oci_image::blob::{
    BlobSink, BlobSinkExt, BlobSource, BlobSourceExt, BlobWriter, Memory, Ranges, UnnamedWriter,
    conformance,
};
use oci_image::build::{Builder, Image, Layer};
use oci_image::oci_digest::Verified;
use oci_image::{
    Algorithm, AnyDocument, Descriptor, Digest, Document, Index, Manifest, MediaType, json,
};

// covers: IMG-DESC-05, IMG-DESC-07
#[test]
fn a_store_in_memory_keeps_every_contract() {
    conformance::sink(&Memory::new()).unwrap();
    let store = Memory::new();
    conformance::resume(|| &store).unwrap();
    conformance::parts(|| &store).unwrap();
}

#[test]
fn pointers_to_a_store_can_do_all_that_it_can() {
    let shared = Arc::new(Memory::new());
    conformance::resume(|| Arc::clone(&shared)).unwrap();
    conformance::parts(|| Box::new(&*shared)).unwrap();
    assert!(Arc::new(Box::new(&*shared)).create_unnamed().unwrap().is_some());
    let unhashed = Unhashed(Memory::new());
    Arc::new(&unhashed).put_verified(&Descriptor::empty_json(), empty()).unwrap();
}

/// A sink that takes only what is verified.
struct Unhashed(Memory);

impl BlobSink for Unhashed {
    fn create(&self, _: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        Err(io::Error::other("this would be hashed"))
    }

    fn put_verified(&self, blob: &Descriptor, content: Verified<&[u8]>) -> io::Result<bool> {
        self.0.put_verified(blob, content)
    }
}

fn empty() -> Verified<&'static [u8]> {
    Verified::hash(&b"{}"[..], Algorithm::Sha256)
}

/// A store that takes what it is told at the end for the digest of what was written.
struct Believing(Memory);

struct Unnamed<'a>(&'a Memory, Vec<u8>);

impl BlobSource for Believing {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn io::Read + Send + '_>>> {
        self.0.open(blob)
    }
}

impl BlobSink for Believing {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        self.0.create(blob)
    }

    fn create_unnamed(&self) -> io::Result<Option<Box<dyn UnnamedWriter + '_>>> {
        Ok(Some(Box::new(Unnamed(&self.0, Vec::new()))))
    }
}

impl Write for Unnamed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl UnnamedWriter for Unnamed<'_> {
    fn commit(self: Box<Self>, _: &Descriptor) -> io::Result<()> {
        self.0.put(&Descriptor::of("text/plain".into(), &self.1), &self.1)
    }
}

/// The checks find what they are for: each of these stores breaks one claim.
#[test]
fn a_store_that_breaks_a_contract_is_found_out() {
    struct Unverified(Memory);
    impl BlobSource for Unverified {
        fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn io::Read + Send + '_>>> {
            let mut wrong = blob.clone();
            wrong.size = 1;
            match self.0.open(&wrong) {
                Ok(None) => Ok(None),
                _ => Ok(Some(Box::new(&b"a"[..]))),
            }
        }
    }
    let store = Unverified(Memory::new());
    let blob = Descriptor::of("text/plain".into(), "a");
    store.0.put(&blob, b"a").unwrap();
    let violation = conformance::source(&store, &[(blob, b"a".to_vec())]).unwrap_err();
    assert_eq!(
        violation.claim,
        "a reader does not end well if the size is not that of the descriptor"
    );

    struct WithoutPartials(Memory);
    impl BlobSource for WithoutPartials {
        fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn io::Read + Send + '_>>> {
            self.0.open(blob)
        }
    }
    impl BlobSink for WithoutPartials {
        fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
            self.0.create(blob)
        }
    }
    conformance::sink(&WithoutPartials(Memory::new())).unwrap();
    let violation = conformance::resume(|| WithoutPartials(Memory::new())).unwrap_err();
    assert_eq!(violation.claim, "what was kept is held by the next writer");

    let violation = conformance::sink(&Believing(Memory::new())).unwrap_err();
    assert_eq!(violation.claim, "another descriptor is refused");
}

#[test]
#[allow(clippy::single_range_in_vec_init)] // they are ranges
fn ranges_become_one_where_they_touch() {
    let mut ranges = Ranges::new();
    let steps: [(std::ops::Range<u64>, &[std::ops::Range<u64>]); 7] = [
        (10..20, &[10..20]),
        (30..40, &[10..20, 30..40]),
        (20..25, &[10..25, 30..40]),
        (12..14, &[10..25, 30..40]),
        (25..30, &[10..40]),
        (5..5, &[10..40]),
        (0..50, &[0..50]),
    ];
    for (range, expected) in steps {
        ranges.insert(range);
        assert_eq!(ranges.iter().collect::<Vec<_>>(), expected);
    }
    let ranges: Ranges = [5..10, 0..2, 20..u64::MAX].into_iter().collect();
    assert_eq!((ranges.prefix(), ranges.missing(15)), (2, vec![2..5, 10..15]));
    assert_eq!(ranges.missing(0), []);
    assert_eq!(Ranges::new().missing(3), [0..3]);
}

fn image(layers: &Memory) -> Image {
    let layer = Descriptor::of(MediaType::LAYER_TAR, [0; 1024]);
    layers.put(&layer, &[0; 1024]).unwrap();
    let builder = Builder::new(&"linux/amd64".parse().unwrap());
    builder.layer(Layer::new(layer, Digest::sha256([0; 1024]))).build().unwrap()
}

#[test]
fn an_image_is_written_in_one_call() {
    let (layers, store) = (Memory::new(), Memory::new());
    let image = image(&layers);
    let descriptor = store.put_image_from(&image, &layers).unwrap();
    assert_eq!(descriptor, image.descriptor());
    let manifest: Document<Manifest> = store.document(&descriptor).unwrap();
    for child in AnyDocument::from(manifest).children() {
        store.read(child, 1 << 20).unwrap();
    }
}

/// A sink that says when it was given a manifest.
#[derive(Default)]
struct Recorder(Memory, AtomicBool);

impl BlobSink for Recorder {
    fn create(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn BlobWriter + '_>>> {
        self.0.create(blob)
    }

    fn put_verified(&self, blob: &Descriptor, content: Verified<&[u8]>) -> io::Result<bool> {
        self.1.fetch_or(blob.media_type == MediaType::IMAGE_MANIFEST, Ordering::Relaxed);
        self.0.put_verified(blob, content)
    }
}

#[test]
fn no_manifest_is_written_before_its_blobs() {
    let store = Recorder::default();
    let error = store.put_image_from(&image(&Memory::new()), &Memory::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!store.1.load(Ordering::Relaxed));
}

#[test]
fn an_artifact_is_written_in_one_call() {
    let (blobs, store) = (Memory::new(), Memory::new());
    let file = Descriptor::of("text/plain".into(), "a file");
    blobs.put(&file, b"a file").unwrap();
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    manifest.artifact_type = Some("application/vnd.example".into());
    manifest.layers.push(file.clone());
    let manifest = Document::new(manifest).unwrap();
    let descriptor = store.put_artifact_from(&manifest, &blobs).unwrap();
    assert_eq!(descriptor.artifact_type, Some("application/vnd.example".into()));
    let mut expected = [file.digest, Digest::EMPTY_JSON, manifest.descriptor().digest.clone()];
    expected.sort();
    assert_eq!(store.digests(), expected);
}

/// Bytes that are other ones when they are looked at again: what they were verified as, and what they
/// become, a document that has not the digest. Whoever hashed it again would refuse it.
struct Changing<'a>(&'a [u8], &'a [u8]);

impl AsRef<[u8]> for Changing<'_> {
    fn as_ref(&self) -> &[u8] {
        self.0
    }
}

impl From<Changing<'_>> for Arc<[u8]> {
    fn from(changing: Changing<'_>) -> Self {
        changing.1.into()
    }
}

#[test]
fn what_was_verified_is_not_hashed_again() {
    let (seen, later) =
        (br#"{"schemaVersion":2,"manifests":[]}"#, br#"{"manifests":[],"schemaVersion":2}"#);
    let descriptor = Descriptor::of(MediaType::IMAGE_INDEX, seen);
    let verified = descriptor.verify(Changing(seen, later)).unwrap();
    let document =
        Document::<Index>::parse_verified(verified, &descriptor, json::DOCUMENT_LIMIT).unwrap();
    assert_eq!(document.bytes(), later);
    let verified = descriptor.verify(Changing(seen, later)).unwrap();
    let document =
        AnyDocument::parse_verified(verified, &descriptor, json::DOCUMENT_LIMIT).unwrap();

    // Nor is it when it is stored; but when it is read it is.
    let store = Memory::new();
    store.put_verified(&descriptor, document.verified()).unwrap();
    assert_eq!(store.digests(), std::slice::from_ref(&descriptor.digest));
    assert_eq!(store.any_document(&descriptor).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[test]
fn a_witness_of_other_content_is_refused() {
    let descriptor =
        Descriptor::of(MediaType::IMAGE_INDEX, br#"{"schemaVersion":2,"manifests":[]}"#);
    let other =
        Verified::hash(br#"{"manifests":[],"schemaVersion":2}"#.to_vec(), Algorithm::Sha256);
    assert!(
        Document::<Index>::parse_verified(other.clone(), &descriptor, json::DOCUMENT_LIMIT)
            .is_err()
    );
    assert!(AnyDocument::parse_verified(other, &descriptor, json::DOCUMENT_LIMIT).is_err());
    let mut short = Descriptor::empty_json();
    short.size = 1;
    assert!(short.check_names(&empty()).is_err());
    assert!(Descriptor::empty_json().check_names(&empty()).is_ok());
}
