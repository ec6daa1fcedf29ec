//! A deadline for the whole, and what is told of its progress.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use oci_distribution_client::{Error, ErrorKind, Event, Step, Total};
use oci_image::blob::{BlobSource, Memory};
use oci_registry::Fault;

use crate::fixture::{Fixture, chain, registry, repository};

const LONG: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_millis(300);

fn is_late(error: &Error, setting: &str) {
    let text = chain(error);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{text}");
    assert!(error.is_transient());
    for words in ["longer than 0.3 s", setting, "blobs and manifests are done"] {
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test]
async fn a_pull_that_is_late_says_how_far_it_was_and_is_continued() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    for path in ["/manifests/".to_owned(), format!("/blobs/{}", fixture.layers[3].digest)] {
        registry.registry().clear_faults();
        registry.registry().add_faults(Fault::delay(path, LONG));
        let store = Arc::new(Memory::new());
        let error = app.pull(image, &store).deadline(DEADLINE).await.unwrap_err();
        is_late(&error, "Pull::deadline");
        assert!(store.open(image).unwrap().is_none());
        registry.registry().clear_faults();
        app.pull(image, &store).deadline(LONG).await.unwrap();
    }
}

#[tokio::test]
async fn a_push_or_copy_that_is_late_leaves_no_upload() {
    let (near, far, fixture) = (registry().await, registry().await, Fixture::new());
    let (app, other) = (repository(&near, "team/app"), repository(&far, "team/app"));
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    for method in [Method::HEAD, Method::POST, Method::PATCH, Method::PUT] {
        far.registry().clear_faults();
        far.registry().add_faults(Fault::delay("", LONG).method(method.clone()));
        let push = other.push(&fixture.blobs, image).chunks(100_000).tag("v1");
        is_late(&push.deadline(DEADLINE).await.unwrap_err(), "Push::deadline");
        let copy = app.copy_to(&other, image).chunks(100_000).tag("v1");
        is_late(&copy.deadline(DEADLINE).await.unwrap_err(), "Push::deadline");
        far.registry().clear_faults();
        assert_eq!(far.registry().open_uploads(), 0, "{method}");
        assert!(other.resolve("v1").await.is_err());
    }
    other.push(&fixture.blobs, image).tag("v1").deadline(LONG).await.unwrap();
}

type Told = Vec<(Step, Total, Total)>;

/// That the totals grow up to all there is.
fn adds_up(told: &Told, fixture: &Fixture) {
    let bytes = fixture.layers.iter().map(|layer| layer.size).sum::<u64>();
    let bytes = bytes + fixture.amd64.config.size + fixture.amd64.descriptor().size;
    let (_, done, all) = told.last().unwrap();
    assert_eq!((all.items, all.bytes), (6, bytes));
    assert_eq!(done, all);
    assert!(told.iter().all(|(_, _, it)| it == all));
    assert!(told.iter().all(|(_, done, _)| done.items <= all.items && done.bytes <= all.bytes));
    assert!(told.is_sorted_by_key(|(_, done, _)| done.items));
}

#[tokio::test]
async fn events_tell_how_much_of_all_is_done_and_what_is_retried() {
    let (registry, fixture) = (registry().await, Fixture::new());
    let app = repository(&registry, "team/app");
    let image = fixture.amd64.descriptor();
    let told = Mutex::new(Told::new());
    let listen = |event: Event<'_>| {
        told.lock().unwrap().push((event.step, event.done, event.all));
    };
    app.push(&fixture.blobs, image).progress(listen).await.unwrap();
    adds_up(&std::mem::take(&mut *told.lock().unwrap()), &fixture);
    let path = format!("/blobs/{}", fixture.layers[3].digest);
    registry.registry().add_faults(Fault::cut_body(path, 100_000).times(2));
    app.pull(image, &Arc::new(Memory::new())).progress(listen).await.unwrap();
    let told = std::mem::take(&mut *told.lock().unwrap());
    adds_up(&told, &fixture);
    let attempts = told.iter().filter_map(|(step, _, _)| match step {
        Step::Retrying { attempts, wait } => Some((*attempts, *wait > Duration::ZERO)),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [(1, true), (2, true)]);
}

#[tokio::test]
async fn retries_are_told_of_each_blob_and_manifest_in_each_direction() {
    let (near, far, fixture) = (registry().await, registry().await, Fixture::new());
    let (app, other) = (repository(&near, "team/app"), repository(&far, "team/app"));
    let image = fixture.amd64.descriptor();
    let layer = &fixture.layers[2].digest;
    let told = Mutex::new(Vec::new());
    let listen = |event: Event<'_>| {
        if let Step::Retrying { attempts, .. } = event.step {
            told.lock().unwrap().push((event.blob.digest.clone(), attempts, event.all.items));
        }
    };
    let told = || {
        let mut told = std::mem::take(&mut *told.lock().unwrap());
        told.sort();
        told
    };
    let failing = |path: &str, method: Method| {
        Fault::status(path, StatusCode::BAD_GATEWAY).method(method).times(2)
    };
    let expected = |blob: &oci_image::Digest, all| [1, 2].map(|it| (blob.clone(), it, all));
    let sorted = |mut all: Vec<_>| {
        all.sort();
        all
    };

    let manifest = expected(&image.digest, 6);
    let blob = expected(layer, 6);
    near.registry()
        .add_faults([failing("/manifests/v1", Method::PUT), failing(layer.encoded(), Method::PUT)]);
    app.push(&fixture.blobs, image).tag("v1").progress(listen).await.unwrap();
    assert_eq!(told(), sorted([blob.clone(), manifest.clone()].concat()));

    // Before the manifest is read, nothing is known of all.
    near.registry().add_faults(failing("/manifests/", Method::GET));
    far.registry()
        .add_faults([failing("/manifests/", Method::HEAD), failing(layer.encoded(), Method::HEAD)]);
    let reading = expected(&image.digest, 0);
    app.copy_to(&other, image).progress(listen).await.unwrap();
    assert_eq!(told(), sorted([blob.clone(), manifest, reading.clone()].concat()));

    near.registry()
        .add_faults([failing("/manifests/", Method::GET), failing(layer.encoded(), Method::GET)]);
    app.pull(image, &Arc::new(Memory::new())).progress(listen).await.unwrap();
    assert_eq!(told(), sorted([blob, reading].concat()));
}
