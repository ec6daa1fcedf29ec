//! A registry that limits the rate of requests slows all jobs, and fails none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::try_join_all;
use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, Error, ErrorKind, Repository, Retry};
use oci_image::blob::{BlobSinkExt, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use oci_registry::{Fault, Store};

use crate::fixture::{blob, noise};
use crate::local::{Local, Seen};

const BLOBS: u64 = 40;
const SECOND: Duration = Duration::from_secs(1);

/// A registry that has blobs and then these faults.
async fn limited(faults: impl IntoIterator<Item = Fault>) -> (Local, Repository, Vec<Descriptor>) {
    let registry = oci_registry::serve(Store::memory()).registry();
    let local = Local::new(&registry);
    let repository = client(&local, Retry::default());
    let blobs = Arc::new(Memory::new());
    let mut manifest = Manifest::new(Descriptor::empty_json());
    manifest.config = blob(&blobs, MediaType::EMPTY_JSON, b"{}");
    let layer = |seed| blob(&blobs, MediaType::LAYER_TAR, &noise(seed, 100));
    manifest.layers = (1..=BLOBS).map(layer).collect();
    let manifest = Document::new(manifest).unwrap();
    blobs.put(manifest.descriptor(), manifest.bytes()).unwrap();
    repository.push(&blobs, manifest.descriptor()).await.unwrap();
    registry.add_faults(faults);
    let local = Local::new(&registry);
    let repository = client(&local, Retry::default());
    (local, repository, manifest.layers.clone())
}

fn client(local: &Local, retry: Retry) -> Repository {
    let config = Config::default().transport(local.clone()).retry(retry);
    Client::new(config).unwrap().repository("registry.example/app").unwrap()
}

/// Reads all blobs, so many at once.
async fn read_all(repository: &Repository, blobs: &[Descriptor], jobs: usize) -> Result<(), Error> {
    let next = AtomicUsize::new(0);
    let job = || async {
        while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            repository.blob(blob)?.read_to_end(1000).await?;
        }
        Ok(())
    };
    try_join_all((0..jobs).map(|_| job())).await.map(drop)
}

fn too_many() -> Fault {
    Fault::status("/blobs/", StatusCode::TOO_MANY_REQUESTS)
}

fn refusals(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| !seen.status.is_success()).count()
}

// covers: DIST-GEN-10
#[tokio::test(start_paused = true)]
async fn any_number_of_jobs_passes_where_one_does() {
    for jobs in [1, 4, 16, 64] {
        for _ in 0..5 {
            let (local, repository, blobs) = limited(too_many().over(5, SECOND)).await;
            if let Err(error) = read_all(&repository, &blobs, jobs).await {
                panic!("{jobs} jobs: {error} after {}", error.attempts());
            }
            let seen = local.seen();
            // No more than the jobs at first, and then a few for each second that the registry wants it to take.
            let allowed = jobs + 4 * BLOBS as usize / 5;
            assert!(refusals(&seen) <= allowed, "{jobs} jobs: {} refusals", refusals(&seen));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_asks_before_the_time_that_the_registry_said() {
    let wait = Duration::from_secs(7);
    let fault = too_many().header("retry-after", "7").over(5, wait);
    let (local, repository, blobs) = limited(fault).await;
    let (first, second) = blobs.split_at(blobs.len() / 2);
    // Another client's handles and other operations wait too.
    let other = repository.clone();
    let looks = async {
        for blob in second {
            assert!(other.has_blob(blob).await?);
        }
        Ok(())
    };
    tokio::try_join!(read_all(&repository, first, 8), looks).unwrap();
    let seen = local.seen();
    for refused in seen.iter().filter(|seen| seen.status == StatusCode::TOO_MANY_REQUESTS) {
        let pause = refused.answered..refused.answered + wait;
        let early = seen.iter().filter(|seen| seen.sent > pause.start && seen.sent < pause.end);
        assert_eq!(early.count(), 0);
    }
    assert!(refusals(&seen) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_unavailable_is_left_alone_by_all() {
    let fault = Fault::status("/blobs/", StatusCode::SERVICE_UNAVAILABLE).over(5, SECOND);
    let (_, repository, blobs) = limited(fault).await;
    read_all(&repository, &blobs, 16).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_host_is_asked_meanwhile() {
    let fault = too_many().header("retry-after", "60").over(0, SECOND).times(1);
    let (local, _, blobs) = limited(fault).await;
    let config = Config::default().transport(local.clone());
    let client = Client::new(config).unwrap();
    let (one, other) = (
        client.repository("registry.example/app").unwrap(),
        client.repository("other.example/app").unwrap(),
    );
    let start = tokio::time::Instant::now();
    let at_one = async {
        one.blob(&blobs[0])?.read_to_end(1000).await?;
        Ok::<_, Error>(start.elapsed())
    };
    let at_other = async {
        // The refusal is for the first request.
        while local.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        other.blob(&blobs[1])?.read_to_end(1000).await?;
        Ok(start.elapsed())
    };
    let (one, other) = tokio::try_join!(at_one, at_other).unwrap();
    assert!(one >= Duration::from_secs(60), "{one:?}");
    assert!(other < SECOND, "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_always_refused_fails_after_the_attempts() {
    let (local, repository, blobs) = limited(too_many()).await;
    let error = read_all(&repository, &blobs, 8).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 5));
    // All eight once, and then one at a time.
    assert!(local.seen().len() <= 8 + 8 * 4, "{}", local.seen().len());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_never_sent_again_is_not_when_others_were_refused_with_it() {
    let (local, _, blobs) = limited(too_many()).await;
    let mut retry = Retry::default();
    retry.attempts = 1;
    let repository = client(&local, retry);
    let reads = blobs.iter().take(8).map(|blob| async {
        let read = repository.blob(blob).unwrap().read_to_end(1000).await;
        read.unwrap_err().attempts()
    });
    let attempts = futures_util::future::join_all(reads).await;
    assert_eq!((attempts, local.seen().len()), (vec![1; 8], 8));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_an_error_at_once() {
    let (local, repository, blobs) = limited(too_many().header("retry-after", "121")).await;
    let start = tokio::time::Instant::now();
    let error = repository.blob(&blobs[0]).unwrap().read_to_end(1000).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::RateLimited, 1));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(local.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn looking_for_blobs_passes_too() {
    let fault = too_many().method(Method::HEAD).over(5, SECOND);
    let (_, repository, blobs) = limited(fault).await;
    let repository = &repository;
    let looks = blobs.chunks(3).map(|blobs| async move {
        for blob in blobs {
            assert!(repository.has_blob(blob).await?);
        }
        Ok::<_, Error>(())
    });
    try_join_all(looks).await.unwrap();
}
