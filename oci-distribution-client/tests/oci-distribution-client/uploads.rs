//! How blobs go up.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use oci_distribution_client::{Client, Config, Error, ErrorKind};
use oci_image::blob::{BlobSource, Memory};
use oci_image::{Descriptor, Document, Manifest, MediaType};
use oci_registry::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::fake::{Fake, answer};
use crate::fixture::{Fixture, blob, noise, quick, registry, repository};

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

#[tokio::test(start_paused = true)]
async fn a_registry_that_takes_little_of_each_chunk_is_given_up() {
    for (each, expected) in [(16_383_u64, Err(ErrorKind::Protocol)), (16_384, Ok(()))] {
        let (held, asked) = (Mutex::new(0), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let fake = Fake::new(move |seen| {
            let mut held = held.lock().unwrap();
            if seen.method == Method::POST {
                *held = 0;
                return answer(202, &[("location", "/v2/a/blobs/uploads/1")], "");
            }
            if seen.method == Method::PATCH {
                count.fetch_add(1, Ordering::Relaxed);
                *held += each.min(seen.body.len() as u64);
            }
            let range = format!("0-{}", held.saturating_sub(1));
            match seen.method {
                Method::HEAD => answer(404, &[], ""),
                Method::PATCH => answer(202, &[("range", &range)], ""),
                Method::GET => answer(204, &[("range", &range)], ""),
                _ => answer(201, &[("location", "/")], ""),
            }
        });
        let (blobs, image) = of_one_layer(100_000);
        let config = Config::default().retry(quick()).transport(fake);
        let app = Client::new(config).unwrap().repository("registry.example/a").unwrap();
        let pushed = app.push(&blobs, &image).chunks(50_000).jobs(1).await;
        assert_eq!(pushed.map(drop).map_err(|error| error.kind()), expected, "{each}");
        assert!(asked.load(Ordering::Relaxed) < 20, "{asked:?}");
    }
}

/// A registry of one session, that answers the method with this status and these headers, and takes a blob if
/// `takes`; with how many bytes were sent to it.
fn odd(
    method: Method,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    takes: bool,
) -> Fake {
    let closed = AtomicBool::new(false);
    let location = ("location", "/v2/a/blobs/uploads/1");
    Fake::new(move |seen| {
        let is_blob = seen.uri.path().contains("/blobs/sha256:");
        if seen.method == Method::PUT && seen.uri.path().contains("/uploads/") {
            closed.store(true, Ordering::Relaxed);
        }
        match seen.method {
            Method::HEAD if is_blob && takes && closed.load(Ordering::Relaxed) => {
                let digest = seen.uri.path().rsplit('/').next().unwrap();
                answer(200, &[("docker-content-digest", digest)], "")
            }
            Method::HEAD => answer(404, &[], ""),
            _ if seen.method == method && seen.uri.path().contains("/uploads/") => {
                answer(status, headers, "")
            }
            Method::POST => answer(202, &[location], ""),
            Method::PATCH => answer(202, &[location], ""),
            Method::PUT => answer(201, &[location], ""),
            _ => answer(404, &[], ""),
        }
    })
}

async fn push_to(fake: &Fake, chunk: Option<u64>) -> Result<(), Error> {
    let config = Config::default().retry(quick()).transport(fake.clone());
    let app = Client::new(config).unwrap().repository("registry.example/a").unwrap();
    let fixture = Fixture::new();
    let push = app.push(&fixture.blobs, fixture.amd64.descriptor()).jobs(1);
    match chunk {
        Some(bytes) => push.chunks(bytes).await,
        None => push.await,
    }
    .map(drop)
}

#[tokio::test]
async fn other_successes_than_the_specification_has_are_taken_where_they_are_clear() {
    const SESSION: &[(&str, &str)] = &[("location", "/v2/a/blobs/uploads/1")];
    for (method, headers) in [
        (Method::POST, SESSION),
        (Method::PATCH, SESSION),
        (Method::PATCH, &[]),
        (Method::PUT, &[]),
    ] {
        for status in [200, 201, 202, 204] {
            let case = format!("{method} {status}");
            for chunk in [None, Some(100_000)] {
                let fake = odd(method.clone(), status, headers, true);
                push_to(&fake, chunk).await.unwrap_or_else(|error| panic!("{case}: {error}"));
            }
            if method == Method::PUT && status != 201 {
                let fake = odd(method.clone(), status, headers, false);
                assert_eq!(push_to(&fake, None).await.unwrap_err().kind(), ErrorKind::Protocol);
            }
        }
    }
    // Without a session there is no place to send bytes to.
    for status in [200, 201, 202, 204] {
        let fake = odd(Method::POST, status, &[], true);
        assert_eq!(push_to(&fake, None).await.unwrap_err().kind(), ErrorKind::Protocol);
    }
}

#[tokio::test]
async fn a_range_that_cannot_be_is_left_to_the_digest() {
    for range in ["0-100000", "0-9999999", "0-1"] {
        let (registry, fixture) = (registry().await, Fixture::new());
        let fault = Fault::set_header("/uploads/", "range", range).method(Method::PATCH);
        registry.registry().add_faults([fault]);
        let app = repository(&registry, "team/app");
        let push = app.push(&fixture.blobs, fixture.amd64.descriptor()).chunks(100_000);
        push.await.unwrap_or_else(|error| panic!("{range}: {error}"));
    }
}

/// Only the first chunk after a failure waits for what the registry says to its head.
#[tokio::test(start_paused = true)]
async fn chunks_after_one_that_failed_follow_at_once() {
    let begun = tokio::time::Instant::now();
    let fails = AtomicBool::new(true);
    let fake = Fake::new(move |seen| match seen.method {
        Method::HEAD => answer(404, &[], ""),
        Method::POST => answer(202, &[("location", "/v2/a/blobs/uploads/1")], ""),
        Method::PATCH if fails.swap(false, Ordering::Relaxed) => answer(416, &[], ""),
        Method::PATCH => answer(202, &[], ""),
        Method::GET => answer(204, &[("range", "0-1")], ""),
        _ => answer(201, &[("location", "/v2/a")], ""),
    });
    let config = Config::default().retry(quick()).transport(fake);
    let app = Client::new(config).unwrap().repository("registry.example/a").unwrap();
    let (blobs, image) = of_one_layer(10_000);
    app.push(&blobs, &image).jobs(1).chunks(100).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_mount_that_fails_however_sends_the_bytes() {
    let statuses = [400, 401, 403, 404, 405, 429, 500, 501, 502, 503, 504];
    let statuses = statuses.map(|status| StatusCode::from_u16(status).unwrap());
    let mount = "mount=";
    let faults = statuses.into_iter().map(|status| Fault::status(mount, status)).chain([
        Fault::disconnect(mount),
        Fault::lose_answer(mount),
        Fault::answer(mount, StatusCode::OK, "<html>"),
        Fault::answer(mount, StatusCode::CREATED, "<html>"),
        Fault::answer(mount, StatusCode::NO_CONTENT, ""),
        Fault::redirect_loop(mount),
    ]);
    let (registry, fixture) = (registry().await, Fixture::new());
    let from = repository(&registry, "base/app");
    from.push(&fixture.blobs, fixture.amd64.descriptor()).await.unwrap();
    for (number, fault) in faults.enumerate() {
        let case = format!("{fault:?}");
        registry.registry().clear_faults();
        registry.registry().add_faults([fault]);
        let app = repository(&registry, &format!("team/app{number}"));
        let push = app.push(&fixture.blobs, fixture.amd64.descriptor()).mount_from("base/app");
        let pushed = push.await.unwrap_or_else(|error| panic!("{case}: {error}"));
        // The answer may be lost of a mount that was carried out.
        assert!(pushed.moved == 6 || case.contains("LoseAnswer"), "{case}: {pushed:?}");
    }
}

/// An image of one layer of so many bytes.
fn of_one_layer(bytes: usize) -> (Arc<Memory>, Descriptor) {
    let blobs = Arc::new(Memory::new());
    let layer = blob(&blobs, MediaType::LAYER_TAR, &noise(9, bytes));
    let mut manifest = Manifest::new(layer);
    manifest.media_type = Some(MediaType::IMAGE_MANIFEST);
    let manifest = Document::new(manifest).unwrap();
    let image = blob(&blobs, MediaType::IMAGE_MANIFEST, manifest.bytes());
    (blobs, image)
}

#[tokio::test]
async fn a_blob_that_is_refused_for_how_it_is_sent_is_sent_otherwise() {
    const LARGE: usize = (4 << 20) + 1;
    let refuse = |status, method, longer_than| {
        let status = StatusCode::from_u16(status).unwrap();
        Fault::status("/uploads/", status).method(method).longer_than(longer_than)
    };
    let cases = [
        (405, Method::PATCH, 0, Some(1 << 20), None),
        (501, Method::PATCH, 0, Some(1 << 20), None),
        (416, Method::PATCH, 0, Some(1 << 20), None),
        (416, Method::PATCH, 4 << 20, Some(5 << 20), None),
        (413, Method::PATCH, 4 << 20, Some(5 << 20), None),
        (413, Method::PUT, 4 << 20, None, None),
        // Nothing is left to be tried.
        (413, Method::PATCH, 0, Some(1 << 20), Some(413)),
        (405, Method::PUT, 0, None, Some(405)),
        (403, Method::PATCH, 0, Some(1 << 20), Some(403)),
    ];
    let (blobs, image) = of_one_layer(LARGE);
    for (status, method, longer_than, chunk, expected) in cases {
        let case = format!("{method} {status}");
        let registry = registry().await;
        registry.registry().add_faults([refuse(status, method, longer_than)]);
        let app = repository(&registry, "team/app");
        let push = app.push(&blobs, &image);
        let pushed = match chunk {
            Some(bytes) => push.chunks(bytes).await,
            None => push.await,
        };
        let refused = pushed.as_ref().err().and_then(Error::status);
        assert_eq!(refused, expected, "{case}: {pushed:?}");
        assert_eq!(registry.registry().open_uploads(), 0, "{case}");
    }
}

#[tokio::test]
async fn an_upload_that_cannot_be_resumed_begins_again() {
    let puts = AtomicUsize::new(0);
    let state = [("location", "/v2/a/blobs/uploads/1"), ("range", "0-9")];
    let fake = Fake::new(move |seen| match seen.method {
        Method::POST => answer(202, &state, ""),
        Method::PUT if !seen.uri.path().contains("/uploads/") => answer(201, &state, ""),
        Method::PUT => match puts.fetch_add(1, Ordering::Relaxed) {
            0 => answer(503, &[], ""),
            _ => answer(201, &state, ""),
        },
        Method::PATCH => answer(405, &[], ""),
        Method::GET if seen.uri.path().contains("/uploads/") => answer(204, &state, ""),
        _ => answer(404, &[], ""),
    });
    push_to(&fake, None).await.unwrap();
    let refused = fake.seen().iter().filter(|seen| seen.method == Method::PATCH).count();
    assert_eq!(refused, 1);
}

/// As Docker's registry refuses a session that a request which was cut off still wrote to.
#[tokio::test]
async fn an_upload_whose_session_has_ended_begins_again() {
    for code in ["BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN"] {
        let puts = AtomicUsize::new(0);
        let location = ("location", "/v2/a/blobs/uploads/1");
        let fake = Fake::new(move |seen| match seen.method {
            Method::POST => answer(202, &[location], ""),
            Method::PUT if puts.fetch_add(1, Ordering::Relaxed) == 0 => {
                answer(404, &[], format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#))
            }
            Method::PUT => answer(201, &[location], ""),
            _ => answer(404, &[], ""),
        });
        push_to(&fake, None).await.unwrap_or_else(|error| panic!("{code}: {error}"));
    }
}

#[tokio::test]
async fn where_every_way_to_send_a_blob_is_refused_the_first_refusal_is_told() {
    let registry = registry().await;
    registry.registry().add_faults([
        Fault::status("/uploads/", StatusCode::PAYLOAD_TOO_LARGE).method(Method::PUT),
        Fault::status("/uploads/", StatusCode::METHOD_NOT_ALLOWED).method(Method::PATCH),
    ]);
    let (blobs, image) = of_one_layer((4 << 20) + 1);
    let error = repository(&registry, "team/app").push(&blobs, &image).await.unwrap_err();
    assert_eq!(error.status(), Some(413), "{error}");
}

/// A registry that refuses a body by its length before it reads a byte of it.
async fn refuses_large_bodies() -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                // To the end of the head, and not further.
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => return,
                    }
                }
                let status = match request.split(|byte| *byte == b' ').next() {
                    Some(b"POST") => "202 Accepted\r\nlocation: /v2/a/blobs/uploads/1",
                    Some(b"PUT") => "413 Content Too Large",
                    _ => "404 Not Found",
                };
                // What follows the head at once is not read, and the answer is lost with it.
                if timeout(Duration::from_millis(100), stream.peek(&mut [0])).await.is_ok() {
                    return;
                }
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_refusal_that_does_not_read_the_body_is_told_and_not_the_broken_pipe() {
    let (host, server) = refuses_large_bodies().await;
    let (blobs, image) = of_one_layer(8 << 20);
    let client = Client::new(Config::default().plain_http(&host).retry(quick())).unwrap();
    let app = client.repository(&format!("{host}/a")).unwrap();
    for chunk in [None, Some(8 << 20)] {
        let push = app.push(&blobs, &image);
        let push = match chunk {
            Some(bytes) => push.chunks(bytes),
            None => push,
        };
        let error = push.await.unwrap_err();
        // A chunk is refused as that, here by 404.
        let expected = if chunk.is_some() { 404 } else { 413 };
        assert_eq!(error.status(), Some(expected), "{error}");
    }
    server.abort();
}
