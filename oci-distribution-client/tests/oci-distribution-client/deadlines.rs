//! A deadline for the whole, and what is told of its progress.

use std::fmt::{self, Debug};
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use oci_distribution_client::transport::{Body, BoxFuture, Transport, TransportError};
use oci_distribution_client::{Client, Config, Error, ErrorKind, Event, Repository, Step, Total};
use oci_image::blob::{BlobSource, Memory};
use oci_registry::{Fault, Registry, Store};
use tokio::sync::Notify;

use crate::fixture::{Fixture, chain, quick, registry, repository};
use crate::local::Local;

const LONG: Duration = Duration::from_secs(3600);
const DEADLINE: Duration = Duration::from_millis(300);

type IsHeld = dyn Fn(&Method, &str) -> bool + Send + Sync;

/// A registry that holds some requests for ever.
#[derive(Clone)]
struct Holding {
    local: Local,
    is_held: Arc<IsHeld>,
    held: Arc<Notify>,
}

impl Holding {
    /// A client of it, and what tells that it holds a request whose method and path `is_held` says.
    fn client(
        registry: &Registry,
        is_held: impl Fn(&Method, &str) -> bool + Send + Sync + 'static,
    ) -> (Repository, Arc<Notify>) {
        let (local, held) = (Local::new(registry), Arc::new(Notify::new()));
        let holding = Self { local, is_held: Arc::new(is_held), held: Arc::clone(&held) };
        let client = Client::new(Config::default().transport(holding).retry(quick())).unwrap();
        (client.repository("registry.example/app").unwrap(), held)
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holding")
    }
}

impl Transport for Holding {
    fn send(
        &self,
        request: Request<Body>,
    ) -> BoxFuture<'_, Result<Response<Body>, TransportError>> {
        if (self.is_held)(request.method(), request.uri().path()) {
            self.held.notify_one();
            return Box::pin(std::future::pending());
        }
        self.local.send(request)
    }
}

/// The error of `work`, whose deadline is over when a request is held.
async fn late<T: Debug>(work: impl IntoFuture<Output = Result<T, Error>>, held: &Notify) -> Error {
    let late = async {
        held.notified().await;
        tokio::time::advance(DEADLINE).await;
    };
    tokio::join!(work.into_future(), late).0.unwrap_err()
}

fn is_late(error: &Error, setting: &str) {
    let text = chain(error);
    assert_eq!(error.kind(), ErrorKind::Timeout, "{text}");
    assert!(error.is_transient());
    for words in ["longer than 0.3 s", setting, "blobs and manifests are done"] {
        assert!(text.contains(words), "{text}");
    }
}

fn never(_: &Method, _: &str) -> bool {
    false
}

#[tokio::test(start_paused = true)]
async fn a_pull_that_is_late_says_how_far_it_was_and_is_continued() {
    let (registry, fixture) = (oci_registry::serve(Store::memory()).registry(), Fixture::new());
    let (app, _) = Holding::client(&registry, never);
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    for path in ["/manifests/".to_owned(), format!("/blobs/{}", fixture.layers[3].digest)] {
        let (slow, held) = Holding::client(&registry, move |_, it| it.contains(&path));
        let store = Arc::new(Memory::new());
        let error = late(slow.pull(image, &store).deadline(DEADLINE), &held).await;
        is_late(&error, "Pull::deadline");
        assert!(store.open(image).unwrap().is_none());
        app.pull(image, &store).deadline(LONG).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_or_copy_that_is_late_leaves_no_upload() {
    let registry = || oci_registry::serve(Store::memory()).registry();
    let (near, far, fixture) = (registry(), registry(), Fixture::new());
    let ((app, _), (other, _)) = (Holding::client(&near, never), Holding::client(&far, never));
    let image = fixture.amd64.descriptor();
    app.push(&fixture.blobs, image).await.unwrap();
    for method in [Method::HEAD, Method::POST, Method::PATCH, Method::PUT] {
        let wanted = method.clone();
        let (slow, held) = Holding::client(&far, move |it, _| *it == wanted);
        // One after the other: of an upload that is being begun, nobody knows the session yet.
        let push = slow.push(&fixture.blobs, image).chunks(100_000).jobs(1).tag("v1");
        is_late(&late(push.deadline(DEADLINE), &held).await, "Push::deadline");
        let copy = app.copy_to(&slow, image).chunks(100_000).jobs(1).tag("v1");
        is_late(&late(copy.deadline(DEADLINE), &held).await, "Push::deadline");
        assert_eq!(far.open_uploads(), 0, "{method}");
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
    assert_eq!(told(), sorted([blob, reading.clone()].concat()));

    // What goes along is looked for on behalf of its subject.
    near.registry().add_faults([failing("/referrers/", Method::GET)]);
    app.pull(image, &Arc::new(Memory::new())).referrers().progress(listen).await.unwrap();
    assert_eq!(told(), reading);
    near.registry().add_faults([failing("/manifests/sha256-", Method::HEAD)]);
    app.copy_to(&other, image).digest_tags().progress(listen).await.unwrap();
    assert_eq!(told(), reading);
}
