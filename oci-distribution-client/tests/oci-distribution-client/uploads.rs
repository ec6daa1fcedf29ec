//! How blobs go up.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, ErrorKind};
use oci_image::Descriptor;
use oci_image::blob::{BlobSource, Memory};
use oci_registry::Fault;

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, quick, registry, repository};

/// Counts how often the blobs of a store are opened.
#[derive(Clone)]
struct Counted {
    blobs: Arc<Memory>,
    opened: Arc<AtomicUsize>,
}

impl BlobSource for Counted {
    fn open(&self, blob: &Descriptor) -> io::Result<Option<Box<dyn Read + Send + '_>>> {
        if blob.media_type.is_layer() {
            self.opened.fetch_add(1, Ordering::Relaxed);
        }
        self.blobs.open(blob)
    }
}

#[tokio::test]
async fn a_blob_that_goes_up_in_chunks_is_read_once() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let source = Counted { blobs: fixture.blobs.clone(), opened: Arc::default() };
    let repository = repository(&registry, "team/app");
    let push = repository.push(&source, fixture.amd64.descriptor());
    push.chunks(100_000).tag("v1").await.unwrap();
    // The empty layer needs no byte.
    assert_eq!(source.opened.load(Ordering::Relaxed), fixture.layers.len() - 1);
}

#[tokio::test]
async fn a_blob_that_is_copied_in_chunks_is_downloaded_once() {
    let (from, to, fixture) = (registry().await, registry().await, Fixture::new());
    let source = repository(&from, "team/app");
    source.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    let large = fixture.layers[3].digest.to_string();
    let again = Fault::status(large, StatusCode::GONE).method(Method::GET).after(1);
    from.registry().add_faults([again]);
    let target = repository(&to, "team/app");
    source.copy_to(&target, fixture.amd64.descriptor()).chunks(100_000).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_goes_back_and_forth_is_given_up() {
    const MANY: usize = 200;
    let asked = AtomicUsize::new(0);
    let fake = Fake::new(move |seen| {
        let asked = asked.fetch_add(1, Ordering::Relaxed);
        assert!(asked < MANY, "it is still asked");
        let range = if (asked / 2).is_multiple_of(2) { "0-9" } else { "0-4" };
        match seen.method {
            Method::HEAD => answer(404, &[], ""),
            Method::POST => answer(202, &[("location", "/v2/a/blobs/uploads/1")], ""),
            Method::GET => answer(204, &[("range", range)], ""),
            _ => answer(500, &[], ""),
        }
    });
    let config = Config::default().retry(quick()).transport(fake);
    let repository = Client::new(config).unwrap().repository("registry.example/a").unwrap();
    let fixture = Fixture::new();
    let push = repository.push(&fixture.blobs, fixture.amd64.descriptor()).jobs(1);
    assert_eq!(push.await.unwrap_err().kind(), ErrorKind::Server);
}
