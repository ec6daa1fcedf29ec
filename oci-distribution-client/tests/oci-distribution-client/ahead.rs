//! Layers are read in order while later ones are downloaded.

use std::io::Read;
use std::sync::Arc;

use oci_distribution_client::{Client, Config, Error, ErrorKind};
use oci_image::blob::{BlobSinkExt, BlobSource, Memory};
use oci_image::build::Builder;
use oci_image::{AnyDocument, Platform};
use oci_registry::{Fault, Store};
use oci_rootfs::{PackOptions, UnpackOptions, pack, unpack};

use crate::fixture::{Fixture, chain, noise, quick};
use crate::local::Local;

async fn pushed() -> (Local, oci_registry::Registry, Fixture, oci_distribution_client::Repository) {
    let registry = oci_registry::serve(Store::memory()).registry();
    let (local, fixture) = (Local::new(&registry), Fixture::new());
    let config = Config::default().transport(local.clone()).retry(quick());
    let app = Client::new(config).unwrap().repository("registry.example/app").unwrap();
    app.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    (local, registry, fixture, app)
}

fn read(source: &impl BlobSource, blob: &oci_image::Descriptor) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.open(blob)?.expect("it was pushed").read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[tokio::test]
async fn blobs_are_read_in_any_order_and_each_is_downloaded_once() {
    let (local, _, fixture, app) = pushed().await;
    for (jobs, memory, reversed) in [(1, 1, false), (2, 100_000, false), (8, 1 << 20, true)] {
        let before = local.seen().len();
        let source = app.blocking(tokio::runtime::Handle::current());
        let source = source.ahead(fixture.layers.clone()).jobs(jobs).memory(memory);
        let (mut layers, blobs) = (fixture.layers.clone(), Arc::clone(&fixture.blobs));
        if reversed {
            layers.reverse();
        }
        let reading = tokio::task::spawn_blocking(move || {
            for layer in &layers {
                assert_eq!(read(&source, layer).unwrap(), read(&blobs, layer).unwrap());
            }
        });
        reading.await.unwrap();
        assert_eq!(local.seen().len() - before, fixture.layers.len());
    }
}

#[tokio::test]
async fn later_blobs_are_on_their_way_while_one_is_read_and_no_more_than_fit() {
    let (local, _, fixture, app) = pushed().await;
    let layers = &fixture.layers;
    let source = app.blocking(tokio::runtime::Handle::current());
    let source = Arc::new(source.ahead(layers[2..].iter().cloned()).jobs(2).memory(1_000_000));
    let (first, other) = (layers[2].clone(), Arc::clone(&source));
    let first = tokio::task::spawn_blocking(move || read(&*other, &first).map(|it| it.len()));
    assert_eq!(first.await.unwrap().unwrap(), 200_000);
    // Nobody reads the other one, so no more than the window and one piece are received.
    let received = || local.bytes(layers[3].digest.as_str());
    while received() < 500_000 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    assert!(received() < 1_000_000, "{}", received());
}

#[tokio::test]
async fn what_is_wrong_or_missing_is_so_ahead_too() {
    let (_, registry, fixture, app) = pushed().await;
    let layer = fixture.layers[2].clone();
    let source = || {
        let source = app.blocking(tokio::runtime::Handle::current());
        source.ahead(fixture.layers.clone())
    };
    registry.add_faults([Fault::wrong_bytes("/blobs/")]);
    let (wrong, blob) = (source(), layer.clone());
    let error = tokio::task::spawn_blocking(move || read(&wrong, &blob)).await.unwrap();
    let error = error.unwrap_err().downcast::<Error>().unwrap();
    assert_eq!(error.kind(), ErrorKind::Verification);
    registry.clear_faults();
    registry.add_faults([Fault::status("/blobs/", http::StatusCode::NOT_FOUND)]);
    let missing = source();
    let is_there = move || missing.open(&layer).unwrap().is_some();
    assert!(!tokio::task::spawn_blocking(is_there).await.unwrap());
}

#[tokio::test]
async fn an_image_is_unpacked_straight_from_a_registry() {
    oci_testing::needs!(root);
    let (_, registry, _, app) = pushed().await;
    let blobs = Arc::new(Memory::new());
    let mut builder = Builder::new(&Platform::host());
    for (name, length) in [("one", 100_000), ("two", 3_000_000), ("three", 10)] {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join(name), noise(7, length)).unwrap();
        builder = builder.layer(pack(tree.path(), &blobs, &PackOptions::default()).unwrap());
    }
    let image = blobs.put_image_from(&builder.build().unwrap(), &blobs).unwrap();
    app.push(&blobs, &image).tag("v1").await.unwrap();
    let document = app.manifest(&image).await.unwrap();
    let AnyDocument::Manifest(manifest) = document else { panic!("it is a manifest") };
    let manifest = Arc::new(manifest);
    let (cut, wrong) = (Fault::cut_body("/blobs/", 50_000), Fault::wrong_bytes("/blobs/"));
    for (fault, is_right) in [(cut.times(3), true), (wrong.after(2), false)] {
        registry.clear_faults();
        registry.add_faults(fault);
        let source = app.blocking(tokio::runtime::Handle::current());
        let (source, manifest) = (source.ahead(manifest.layers.clone()), Arc::clone(&manifest));
        let unpacking = tokio::task::spawn_blocking(move || {
            let place = tempfile::tempdir().unwrap();
            let root = place.path().join("root");
            let unpacked = unpack(&source, &manifest, &root, &UnpackOptions::default());
            unpacked.map(|_| std::fs::read(root.join("two")).unwrap())
        });
        match unpacking.await.unwrap() {
            Ok(content) => assert!(is_right && content == noise(7, 3_000_000)),
            Err(error) => assert!(!is_right, "{}", chain(&error)),
        }
    }
}
